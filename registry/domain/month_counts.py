"""What a month counts: the closed set of counts of which every indicator is made. A case is in a count or it is not.

The counts of one case are kept as bits of a number (``mask_of``), so that a month of 20,000 cases is as many short rows
and any figure can be opened to the cases behind it. A count keeps its bit for ever: new ones come at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum


class Count(StrEnum):
    """The counts, by the words in formulas, figures and catalogues; ``registry.domain.month_rules`` says when each is.

    The order is the order of the bits: add at the end, never take one out.
    """

    FOUND = "found"
    FOUND_COLLECTOR = "found_collector"
    FOUND_PUBLIC = "found_public"
    FOUND_SENSOR = "found_sensor"
    FOUND_ABOVE = "found_above"
    FILED = "filed"
    FILED_ON_TIME = "filed_on_time"
    FILED_RIGHT = "filed_right"
    DECLINED = "declined"
    SELF_HANDLED = "self_handled"
    MERGED = "merged"
    VOIDED = "voided"
    DISPATCHED = "dispatched"
    DUE_DISPATCH = "due_dispatch"
    DISPATCHED_ON_TIME = "dispatched_on_time"
    DISPATCHED_RIGHT = "dispatched_right"
    REDISPATCHED = "redispatched"
    RETURNED = "returned"
    DUE_HANDLING = "due_handling"
    HANDLED = "handled"
    HANDLED_ON_TIME = "handled_on_time"
    HANDLED_LATE = "handled_late"
    OPEN_OVERDUE = "open_overdue"
    DUE_CLOSING = "due_closing"
    CLOSED = "closed"
    CLOSED_ON_TIME = "closed_on_time"
    CLOSED_LATE = "closed_late"
    REWORKED = "reworked"
    FAILED_THRICE = "failed_thrice"
    EXTENDED = "extended"
    SUSPENDED = "suspended"
    SUPERVISED = "supervised"
    SUPERVISED_DONE = "supervised_done"
    SUPERVISED_ON_TIME = "supervised_on_time"
    DUE_CHECK = "due_check"
    CHECKED_ON_TIME = "checked_on_time"
    DUE_VERIFYING = "due_verifying"
    VERIFIED_ON_TIME = "verified_on_time"
    VERIFIED_PASSED = "verified_passed"
    RECURRING = "recurring"
    URGENT_DUE = "urgent_due"
    URGENT_CLOSED = "urgent_closed"
    URGENT_ON_TIME = "urgent_on_time"
    EXEMPT = "exempt"
    SAME_DAY = "same_day"
    HOTLINE_DUE = "hotline_due"
    HOTLINE_ON_TIME = "hotline_on_time"
    EXEMPT_CLOSED = "exempt_closed"


_BITS: dict[Count, int] = {count: 1 << place for place, count in enumerate(Count)}


def bit_of(count: Count) -> int:
    """The one bit of ``count`` in a mask."""
    return _BITS[count]


def mask_of(counts: Iterable[Count]) -> int:
    """Several counts as one number."""
    mask = 0
    for count in counts:
        mask |= _BITS[count]
    return mask


def counts_of(mask: int) -> frozenset[Count]:
    """The counts in ``mask``."""
    return frozenset(count for count, bit in _BITS.items() if mask & bit)


def tally(masks: Counter[int]) -> dict[Count, int]:
    """How many cases are in each count, from how many cases have each mask; every count is there, with 0 if need be."""
    totals = dict.fromkeys(Count, 0)
    for mask, cases in masks.items():
        for count, bit in _BITS.items():
            if mask & bit:
                totals[count] += cases
    return totals
