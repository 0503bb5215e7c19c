"""What a case asks for beyond itself: rechecks (回头看), inspections of what is like it (举一反三), repeats. Pure.

Everything is set for each kind of case (``Aftercare``); what is shipped stands in ``SHIPPED``.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum

import msgspec

from registry.domain.errors import InvalidInput

EVERY_KIND = ""
"""The line that holds for every kind without a line of its own."""


class Likeness(StrEnum):
    """What an asset can have in common with the one of the case: its class, the batch it came with, road, cause."""

    CLASS = "class"
    BATCH = "batch"
    ROAD = "road"
    CAUSE = "cause"


class Aftercare(msgspec.Struct, frozen=True, kw_only=True):
    """What is done after cases of one kind.

    ``recheck_days`` between two looks, until ``recheck_times`` in a row found it stable (0: no rechecks).
    ``inspect_like``: empty means no inspection; ``inspect_gate``: the case is not closed before the list is worked
    through. A case opened within ``repeat_days`` after one of the same kind was closed on the same asset, or within
    ``repeat_m`` metres, is a repeat (0 days: not looked for).
    """

    kind: str = EVERY_KIND
    recheck_days: int = 0
    recheck_times: int = 0
    inspect_like: tuple[Likeness, ...] = ()
    inspect_days: int = 7
    inspect_most: int = 50
    inspect_gate: bool = False
    repeat_days: int = 30
    repeat_m: float = 20.0


SHIPPED: tuple[Aftercare, ...] = (
    Aftercare(),
    # a cover that moved once moves again: looked at twice, a week apart; the same class on the same road is looked at.
    # Its case is closed meanwhile: the cover is back, and up to fifty others take days; a city may make it wait
    Aftercare(
        kind="cover_displaced",
        recheck_days=7,
        recheck_times=2,
        inspect_like=(Likeness.CLASS, Likeness.ROAD),
    ),
    Aftercare(kind="cover_loose", recheck_days=14, recheck_times=1),
    Aftercare(kind="pole_leaning", recheck_days=14, recheck_times=2, inspect_like=(Likeness.BATCH, Likeness.ROAD)),
)

_RANGES: dict[str, tuple[float, float]] = {
    "recheck_days": (0, 365),
    "recheck_times": (0, 12),
    "inspect_days": (1, 90),
    "inspect_most": (1, 500),
    "repeat_days": (0, 365),
    "repeat_m": (0, 500),
}


def check_aftercare(line: Aftercare) -> Aftercare:
    """The line if every number is within its range. Raises ``InvalidInput`` naming the field."""
    for name, (least, most) in _RANGES.items():
        given = getattr(line, name)
        if not least <= given <= most:
            raise InvalidInput(
                name, "{given:g} must be between {least:g} and {most:g}", given=given, least=least, most=most
            )
    if bool(line.recheck_days) != bool(line.recheck_times):
        raise InvalidInput("recheck_times", "give both, the days between two looks and how many, or neither (0)")
    if line.inspect_gate and not line.inspect_like:
        raise InvalidInput("inspect_gate", "there is no inspection to wait for; choose what has to be alike first")
    return line


def first_recheck(line: Aftercare, closed_at: datetime) -> datetime | None:
    """When the first look is due; None where the kind asks for none."""
    return closed_at + timedelta(days=line.recheck_days) if line.recheck_times else None


def next_recheck(line: Aftercare, turn: int, done_at: datetime) -> datetime | None:
    """When the look after turn number ``turn`` is due; None: it was found stable often enough."""
    return done_at + timedelta(days=line.recheck_days) if turn < line.recheck_times else None


def is_repeat(
    line: Aftercare, *, ended_at: datetime, opened_at: datetime, same_asset: bool, distance_m: float | None
) -> bool:
    """Whether a case opened at ``opened_at`` repeats one that ended at ``ended_at``."""
    if not timedelta(0) <= opened_at - ended_at <= timedelta(days=line.repeat_days) or not line.repeat_days:
        return False
    return same_asset or (distance_m is not None and line.repeat_m > 0 and distance_m <= line.repeat_m)


def quarter_of(day: date) -> str:
    """The quarter of a day as 2026Q4."""
    return f"{day.year}Q{(day.month + 2) // 3}"


def read_quarter(text: str) -> str:
    """A quarter written as 2026Q4. Raises ``InvalidInput`` for anything else."""
    year, mark, number = text[:4], text[4:5].upper(), text[5:]
    if not (year.isascii() and year.isdigit() and mark == "Q" and number in ("1", "2", "3", "4")):
        raise InvalidInput("quarter", "{given!r} is no quarter; write it as 2026Q4", given=text[:20])
    return f"{year}Q{number}"


def next_quarter(quarter: str, step: int = 1) -> str:
    """The quarter ``step`` after (or before) that one."""
    index = int(quarter[:4]) * 4 + int(quarter[5]) - 1 + step
    return f"{index // 4}Q{index % 4 + 1}"
