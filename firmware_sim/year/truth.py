"""What really happened in a year, to judge by: when each trouble could first be seen, and which there were."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from firmware_sim.year.plan import Year
from firmware_sim.year.readings import Uplink
from firmware_sim.year.troubles import REAL_FAULTS, URGENT, Trouble

# openings that were not in order: as real as the sixty
BAD_ENDS = ("unpermitted", "left_open", "left_askew")


@dataclass(slots=True)
class Shown:
    """When the first and the last uplink arrived that shows a trouble in full; milliseconds of the year."""

    first_ms: int
    last_ms: int


@dataclass(slots=True)
class Truth:
    """The year as it was. ``note`` is called with every uplink that arrives."""

    year: Year
    shown: dict[int, Shown] = field(default_factory=dict)

    def note(self, uplink: Uplink) -> None:
        """Remember what it shows."""
        for number in uplink.shows:
            shown = self.shown.get(number)
            if shown is None:
                self.shown[number] = Shown(uplink.arrived_ms, uplink.arrived_ms)
            else:
                shown.last_ms = max(shown.last_ms, uplink.arrived_ms)

    def faults(self) -> list[Trouble]:
        """All that a city has to find, in the order in which it began."""
        return [each for each in self.year.troubles if each.kind in REAL_FAULTS or each.kind in BAD_ENDS]

    def urgent(self) -> list[Trouble]:
        """Those that must be found within seconds."""
        return [each for each in self.faults() if each.kind in URGENT]

    def ended_s(self, trouble: Trouble) -> float:
        """When it was over: mended, and the last word of it had arrived."""
        shown = self.shown.get(trouble.number)
        return trouble.end_s if shown is None else max(trouble.end_s, shown.last_ms / 1000)

    def matching(self, serial: str, kinds: Collection[str], at_s: float, *, after_s: float) -> Trouble | None:
        """The trouble of one of ``kinds`` that the unit had at ``at_s``, or that was over for at most ``after_s``."""
        found = [
            each
            for each in self.year.troubles_of.get(serial, ())
            if each.kind in kinds and each.start_s <= at_s <= self.ended_s(each) + after_s
        ]
        return max(found, key=lambda each: each.start_s, default=None)

    def flooded(self, storm: int) -> Iterator[str]:
        """The serials of the wells that ran over in a storm."""
        for serial, passes in self.year.passes.items():
            floods = any(each.storm.number == storm and each.floods for each in passes)
            if floods and self.year.unit_of[serial].kind == "cover":
                yield serial

    def storm_at(self, serial: str, at_s: float, *, after_s: float) -> int | None:
        """The storm whose water or wind was over the unit then."""
        for each in self.year.passes[serial]:
            if each.start_s <= at_s <= each.end_s + after_s:
                return each.storm.number
        return None
