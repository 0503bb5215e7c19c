"""What past alerts are worth: which were followed by a real case, which cases a rule would have missed, and how two
versions of a rule differ over the same span."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from registry.domain.backtest import PastAlert

FOLLOWED_WITHIN_MS = 86_400_000


class KnownCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case as far as it matters here. ``void``: it was found to be nothing."""

    id: int
    number: str
    asset_id: int
    opened_ms: int
    ended_ms: int | None
    void: bool


class Change(NamedTuple):
    """How alerts of one anchor differ between two rules: only the one, only the other, or both at other times."""

    new: list[PastAlert]
    gone: list[PastAlert]
    kept: list[tuple[PastAlert, PastAlert]]


def case_of(alert: PastAlert, cases: Iterable[KnownCase]) -> KnownCase | None:
    """The real case that an alert belongs to: opened within a day of its firing, or open at the time. Void ones don't
    count; of several the nearest."""
    near = [
        case
        for case in cases
        if not case.void
        and case.opened_ms <= alert.fired_ms + FOLLOWED_WITHIN_MS
        and (case.ended_ms is None or case.ended_ms >= alert.began_ms)
    ]
    return min(near, key=lambda case: (abs(case.opened_ms - alert.fired_ms), case.id), default=None)


def missed(cases: Iterable[KnownCase], alerts: Sequence[PastAlert], *, since_ms: int, until_ms: int) -> list[KnownCase]:
    """The real cases of one asset, opened within the span, that none of its alerts belongs to.

    ``alerts`` may reach back before the span: one that fired earlier and still lives then is no miss.
    """
    real = [case for case in cases if not case.void]
    return [
        case
        for case in real
        if since_ms <= case.opened_ms < until_ms and not any(case_of(alert, [case]) is not None for alert in alerts)
    ]


def compared(alerts: Sequence[PastAlert], present: Sequence[PastAlert]) -> Change:
    """The alerts of one anchor under two rules: two that overlap in time are the same one."""
    new: list[PastAlert] = []
    kept: list[tuple[PastAlert, PastAlert]] = []
    left = list(present)
    for alert in alerts:
        twin = next((other for other in left if _overlap(alert, other)), None)
        if twin is None:
            new.append(alert)
        else:
            left.remove(twin)
            kept.append((alert, twin))
    return Change(new, left, kept)


def _overlap(one: PastAlert, two: PastAlert) -> bool:
    return (one.cleared_ms is None or two.began_ms <= one.cleared_ms) and (
        two.cleared_ms is None or one.began_ms <= two.cleared_ms
    )
