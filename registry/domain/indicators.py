"""Indicators (指标) as data: each is one sum of counts over another, and this table is the whole truth about them.

The formulas follow GB/T 30428.4 as cities publish them; where cities differ (with or without 缓办 in the denominator),
both are lines, and a scheme says which it takes. Rates are exact fractions; they are rounded when they are shown,
half away from zero, and never before they are added up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from registry.domain.errors import InvalidInput
from registry.domain.month_counts import Count

Totals = Mapping[Count, int]
_TERM = re.compile(r"\s*([+-]?)\s*([a-z_]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """One line. ``part`` and ``whole`` are sums of counts such as ``due_closing - suspended``.

    An empty ``whole``: the indicator is a number of cases. ``more_is_better`` None: a volume, neither good nor bad.
    """

    key: str
    zh: str
    en: str
    part: str
    whole: str = ""
    more_is_better: bool | None = True


@dataclass(frozen=True, slots=True)
class Formula:
    """A sum of counts, read: how often each is taken (1 or -1)."""

    terms: tuple[tuple[int, Count], ...]

    def value(self, totals: Totals) -> int:
        """The sum over ``totals``."""
        return sum(sign * totals.get(count, 0) for sign, count in self.terms)


def read_formula(text: str) -> Formula:
    """``handled_on_time + exempt``. Raises ``InvalidInput`` for a word that is no count."""
    terms: list[tuple[int, Count]] = []
    place = 0
    while place < len(text.rstrip()):
        found = _TERM.match(text, place)
        if found is None or (terms and not found[1]) or found[2] not in set(Count):
            raise InvalidInput(
                "formula",
                "{given!r} is no sum of counts; write counts with + and - between them, of: {known}",
                given=text,
                known=", ".join(Count),
            )
        terms.append((-1 if found[1] == "-" else 1, Count(found[2])))
        place = found.end()
    if not terms:
        raise InvalidInput("formula", "is empty; name a count such as handled")
    return Formula(tuple(terms))


def _rate(key: str, zh: str, en: str, part: str, whole: str, *, less: bool = False) -> tuple[str, Indicator]:
    return key, Indicator(key=key, zh=zh, en=en, part=part, whole=whole, more_is_better=not less)


def _number(key: str, zh: str, en: str, part: str, *, less: bool = False) -> tuple[str, Indicator]:
    return key, Indicator(key=key, zh=zh, en=en, part=part, more_is_better=False if less else None)


# fmt: off
INDICATORS: dict[str, Indicator] = dict(
    (
        # of the units: 处置
        _rate("handling", "处置率", "Handled", "handled", "due_handling"),
        _rate("handling_on_time", "按期处置率", "Handled on time", "handled_on_time + exempt", "due_handling"),
        _rate("handling_late", "超期处置率", "Handled late", "handled_late", "due_handling", less=True),
        _rate("open_overdue", "超期待处置率", "Open and overdue", "open_overdue", "due_handling", less=True),
        _rate("extension", "延期率", "Extended", "extended", "due_handling", less=True),
        # of the whole loop: 结案
        _rate("closing", "结案率", "Closed", "closed", "due_closing"),
        _rate("closing_on_time", "按期结案率", "Closed on time", "closed_on_time + exempt_closed", "due_closing"),
        _rate("closing_late", "超期结案率", "Closed late", "closed_late", "due_closing", less=True),
        _rate("closing_without_suspended", "结案率(不含缓办)", "Closed, suspended cases left out", "closed",
              "due_closing - suspended"),
        _rate("closing_on_time_without_suspended", "按期结案率(不含缓办)",
              "Closed on time, suspended cases left out", "closed_on_time", "due_closing - suspended"),
        _rate("rework", "返工率", "Reworked", "reworked", "due_closing", less=True),
        _rate("same_day", "当日结案率", "Closed the same day", "same_day", "found"),
        # the desk (受理, 派遣)
        _rate("filing", "立案率", "Filed", "filed", "found_collector + found_public"),
        _rate("filing_on_time", "按时立案率", "Filed on time", "filed_on_time", "filed"),
        _rate("filing_right", "准确立案率", "Filed rightly", "filed_right", "filed"),
        _rate("reporting_valid", "有效上报率", "Valid reports", "found - declined - voided", "found"),
        _rate("dispatch_on_time", "按期派遣率", "Dispatched on time", "dispatched_on_time", "due_dispatch"),
        _rate("dispatch_right", "准确派遣率", "Dispatched rightly", "dispatched_right", "due_dispatch"),
        _rate("return", "回退率", "Returned", "returned", "dispatched", less=True),
        # the eyes (核实, 核查)
        _rate("check_on_time", "按期核实率", "Checked on time", "checked_on_time", "due_check"),
        _rate("verifying_on_time", "按期核查率", "Verified on time", "verified_on_time", "due_verifying"),
        _rate("verifying_passed", "核查通过率", "Passed verification", "verified_passed", "due_verifying"),
        # what Kaifeng adds (反复发生, 案件发生量, 专项督办); cities do not publish its formulas, these are ours
        _rate("recurring", "反复发生率", "Came again", "recurring", "found", less=True),
        _number("volume", "案件发生量", "Cases filed", "filed"),
        _rate("supervised_done", "专项督办完成率", "Supervised and done", "supervised_done", "supervised"),
        _rate("supervised_on_time", "督办按时完成率", "Supervised and done on time", "supervised_on_time",
              "supervised"),
        # urgent cases and the hotline
        _rate("urgent_closing", "紧急案件结案率", "Urgent cases closed", "urgent_closed", "urgent_due"),
        _rate("urgent_on_time", "紧急案件按期结案率", "Urgent cases closed on time", "urgent_on_time", "urgent_due"),
        _rate("hotline_on_time", "热线案件按期处置率", "Hotline cases on time", "hotline_on_time", "hotline_due"),
        # who found it
        _rate("self_found", "主动发现率", "Found by ourselves", "found - found_public", "found"),
        _rate("self_handled", "自行处置率", "Handled on the spot", "self_handled", "found"),
        # numbers of a bulletin
        _number("late_done", "超时完成数", "Done late", "handled_late", less=True),
        _number("open_overdue_number", "超期未处置数", "Open and overdue", "open_overdue", less=True),
        _number("rework_number", "返工数", "Reworked", "reworked", less=True),
        _number("redispatched_number", "二次派遣数", "Dispatched twice", "redispatched", less=True),
    )
)
# fmt: on


def indicator(key: str) -> Indicator:
    """Raises ``InvalidInput`` for a key that is no indicator."""
    found = INDICATORS.get(key)
    if found is None:
        raise InvalidInput(
            "indicator", "{given!r} is no indicator; known are {known}", given=key, known=", ".join(INDICATORS)
        )
    return found


_FORMULAS = {
    key: (read_formula(line.part), read_formula(line.whole) if line.whole else None) for key, line in INDICATORS.items()
}


def value(key: str, totals: Totals) -> Fraction | None:
    """The rate (0 to 1) or the number of cases; None where nothing was due, so that there is nothing to rate."""
    part, whole = _FORMULAS[indicator(key).key]
    above = part.value(totals)
    if whole is None:
        return Fraction(above)
    below = whole.value(totals)
    return Fraction(above, below) if below > 0 else None


def fraction_of(key: str, totals: Totals) -> tuple[int, int | None]:
    """Both sides of the formula as whole numbers, for whoever wants to see it worked out."""
    part, whole = _FORMULAS[indicator(key).key]
    return part.value(totals), None if whole is None else whole.value(totals)


def rounded(exact: Fraction, decimals: int = 2) -> Decimal:
    """Half away from zero, as cities round: 92.355 is 92.36, and one third of 100 is 33.33."""
    scaled = abs(exact) * 10**decimals
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    size = Decimal(whole).scaleb(-decimals)
    return (-size if exact < 0 else size).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def percent(rate: Fraction | None, decimals: int = 2) -> Decimal | None:
    """A rate as a percentage."""
    return None if rate is None else rounded(rate * 100, decimals)
