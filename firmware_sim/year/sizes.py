"""How much of everything a year has: the whole one, a part of it, and a short one for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

FAULTS_OF_A_YEAR: Mapping[str, int] = {
    "opened": 10,
    "stolen": 10,
    "hit": 10,
    "leaning": 10,
    "knocking": 10,
    "water": 10,
}
WORKS_OF_A_YEAR: Mapping[str, int] = {"permitted": 60, "unpermitted": 12, "left_open": 6, "left_askew": 6}
UPKEEP_OF_A_YEAR: Mapping[str, int] = {"battery": 30, "dead": 20, "drift": 24, "stuck": 10, "noisy": 8}
OUTAGES_OF_A_YEAR: Mapping[str, int] = {"power": 6, "line": 6, "bus": 5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of a year is played. ``first_day`` is the day of the calendar year on which it begins.

    ``faults_in_storms``: the part of opened, hit and knocking that happens while a storm is over them.
    """

    assets: int = 2000
    days: int = 365
    first_day: int = 0
    storms: int = 12
    sites: int = 40
    faults: Mapping[str, int] = field(default_factory=lambda: FAULTS_OF_A_YEAR)
    works: Mapping[str, int] = field(default_factory=lambda: WORKS_OF_A_YEAR)
    upkeep: Mapping[str, int] = field(default_factory=lambda: UPKEEP_OF_A_YEAR)
    outages: Mapping[str, int] = field(default_factory=lambda: OUTAGES_OF_A_YEAR)
    faults_in_storms: float = 0.4


def part_of(whole: Size, *, assets: int, days: int) -> Size:
    """A smaller year around midsummer, with as much of everything in proportion, and one of each kind at least."""
    part = assets * days / (whole.assets * whole.days)

    def some(counts: Mapping[str, int]) -> dict[str, int]:
        return {kind: max(1, round(count * part)) for kind, count in counts.items()}

    return replace(
        whole,
        assets=assets,
        days=days,
        first_day=max(0, min(whole.days - days, 200 - days // 2)),
        storms=max(1, round(whole.storms * days / whole.days)),
        sites=max(1, round(whole.sites * part)),
        faults=some(whole.faults),
        works=some(whole.works),
        upkeep=some(whole.upkeep),
        outages=some(whole.outages),
    )


SHORT = Size(
    assets=140,
    days=18,
    first_day=190,
    storms=1,
    sites=3,
    faults={"opened": 2, "stolen": 1, "hit": 2, "leaning": 1, "knocking": 1, "water": 1},
    works={"permitted": 3, "unpermitted": 1, "left_open": 1, "left_askew": 1},
    upkeep={"battery": 1, "dead": 1, "drift": 1, "stuck": 1, "noisy": 1},
    outages={"power": 1, "line": 1, "bus": 1},
)
"""Everything once or twice within eighteen days of July: for tests."""
