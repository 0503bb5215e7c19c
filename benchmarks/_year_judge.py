"""Cases held against what really happened: which were true, what was missed, how long what is urgent took.

A case is true when its asset had a trouble of a matching kind when it was opened, or shortly before. Cases about the
sensors themselves (batteries, silence, drift) are judged for themselves, so that they hide no false alarm.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from benchmarks._year_city import City
from firmware_sim.year.troubles import UPKEEP, Trouble
from firmware_sim.year.truth import Truth
from registry.storage.database import reading
from registry.storage.tables import alert, alert_group, case

CAUSES: dict[str, tuple[str, ...]] = {
    "cover_displaced": ("opened", "stolen", "unpermitted", "left_open", "left_askew"),
    "cover_loose": ("knocking",),
    "water_high": ("water",),
    "pole_leaning": ("hit", "leaning"),
    "battery_low": ("battery",),
    "device_silent": ("dead", "battery"),
    "device_stuck": ("stuck",),
}
"""Kind of case to the kinds of trouble that make it true. A kind that is not here is about the sensor itself."""

OF_STREET = frozenset({"cover_displaced", "cover_loose", "water_high", "pole_leaning"})
SHORTLY_S = 2 * 3600.0
# what is judged by days is noticed a day or two late
SHORTLY_FOR_SENSORS_S = 2 * 86_400.0
STORM_TAIL_S = 4 * 3600.0
URGENT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFacts:
    """A case as it is judged; seconds of the year. ``group_id``: the group that it is the case of."""

    id: int
    serial: str
    kind: str
    opened_s: float
    ended_s: float | None
    group_id: int | None
    rules: tuple[str, ...]


class Judge:
    """Judges the cases of one city by one truth."""

    def __init__(self, city: City, truth: Truth) -> None:
        self._city, self._truth = city, truth
        self._serial_of = {asset_id: serial for serial, asset_id in city.assets.items()}
        self._box_of = {asset_id: name for name, asset_id in city.boxes.items()}
        self._grouped: dict[int, int] = {}

    def cause(self, kind: str, asset_id: int, opened_s: float) -> Trouble | None:
        """The trouble that makes such a case true."""
        serial = self._serial_of.get(asset_id)
        if serial is None:
            return None
        after_s = SHORTLY_S if kind in OF_STREET else SHORTLY_FOR_SENSORS_S
        return self._truth.matching(serial, CAUSES.get(kind, UPKEEP), opened_s, after_s=after_s)

    def over_at(self, case_id: int, kind: str, asset_id: int, opened_s: float) -> float | None:
        """When what the case is about was over; None: it is about nothing that there is."""
        trouble = self.cause(kind, asset_id, opened_s)
        if trouble is not None:
            return self._truth.ended_s(trouble)
        serial = self._serial_of.get(asset_id)
        if serial is not None and kind == "water_high" and self._is_of_group(case_id):
            ends = [p.end_s for p in self._truth.year.passes[serial] if p.start_s <= opened_s <= p.end_s + STORM_TAIL_S]
            return max(ends, default=None)
        return self._outage_over(asset_id, opened_s)

    def report(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Figures, and the details behind each."""
        cases = self._cases()
        verdicts = [(each, *self._verdict(each)) for each in cases]
        found = self._found(verdicts)
        street = [(each, good) for each, good, _, _ in verdicts if each.kind in OF_STREET]
        upkeep = [(each, good) for each, good, _, _ in verdicts if each.kind not in OF_STREET]
        faults, urgent = self._truth.faults(), self._truth.urgent()
        late = {t.number: self._latency_s(t, found) for t in urgent}
        measured = [seconds for seconds in late.values() if seconds is not None]
        quick = [seconds for seconds in measured if seconds <= URGENT_S]
        storms = self._storms(cases)
        figures = {
            "recall": _share(sum(t.number in found for t in faults), len(faults)),
            "recall_urgent": _share(len(quick), len(urgent)),
            "precision": _share(sum(good for _, good in street), len(street)),
            "cases": len(cases),
            "groups": self._groups(),
            "urgent_latency_s_max": round(max(measured, default=0.0), 1),
            "faults": len(faults),
            "cases_of_the_street": len(street),
            "cases_of_sensors": len(upkeep),
            "precision_of_sensors": _share(sum(good for _, good in upkeep), len(upkeep)),
            "recall_by_kind": self._recall_by_kind(found),
            "recall_of_sensors": self._recall_of_sensors(found),
            "open_twice": self._open_twice(cases),
            "storms": len(storms),
            "storms_with_one_group": sum(storm["groups"] == 1 for storm in storms),
            "storms_with_too_many_cases": sum(storm["cases"] > storm["most"] for storm in storms),
        }
        return figures, {
            "misses": [self._miss(t) for t in faults if t.number not in found],
            "late": [self._late(t, late[t.number]) for t in urgent if (late[t.number] or 0.0) > URGENT_S],
            "false_cases": [self._told(each, why) for each, good, why, _ in verdicts if not good],
            "false_by_reason": dict(Counter(f"{each.kind}: {why}" for each, good, why, _ in verdicts if not good)),
            "storms": storms,
        }

    def _verdict(self, each: CaseFacts) -> tuple[bool, str, Trouble | None]:
        asset_id = self._city.assets.get(each.serial, self._city.boxes.get(each.serial, 0))
        trouble = self.cause(each.kind, asset_id, each.opened_s)
        if trouble is not None:
            return True, trouble.kind, trouble
        if asset_id in self._box_of:
            down = self._outage_over(asset_id, each.opened_s) is not None
            return down, "cabinet was down" if down else "cabinet was well", None
        storm = self._truth.storm_at(each.serial, each.opened_s, after_s=STORM_TAIL_S)
        if storm is not None and each.kind == "water_high":
            if each.group_id is None:
                return False, "in a storm, alone", None
            first = self._grouped.setdefault(storm, each.id) == each.id
            return first, f"{'' if first else 'another '}group of storm {storm}", None
        return False, self._why_false(each, storm), None

    def _why_false(self, each: CaseFacts, storm: int | None) -> str:
        others = [
            t.kind
            for t in self._truth.year.troubles_of.get(each.serial, ())
            if t.start_s <= each.opened_s <= t.end_s + 86_400.0
        ]
        if others:
            return f"while {others[0]}"
        if storm is not None:
            return "in a storm"
        unit = self._truth.year.unit_of[each.serial]
        for site in self._truth.year.sites:
            if site.start_s <= each.opened_s <= site.end_s + 3600.0 and site.reaches(unit):
                return "works beside it"
        for outage in self._truth.year.outages:
            if outage.cabinet == unit.cabinet and outage.start_s <= each.opened_s <= outage.end_s + 86_400.0:
                return f"outage ({outage.what})"
        return "nothing was wrong"

    def _outage_over(self, asset_id: int, opened_s: float) -> float | None:
        name = self._box_of.get(asset_id)
        ends = [
            outage.end_s
            for outage in self._truth.year.outages
            if outage.cabinet == name and outage.start_s <= opened_s <= outage.end_s + SHORTLY_S
        ]
        return max(ends, default=None)

    def _found(self, verdicts: list[tuple[CaseFacts, bool, str, Trouble | None]]) -> dict[int, CaseFacts]:
        """The first case of each trouble."""
        found: dict[int, CaseFacts] = {}
        for each, _, _, trouble in verdicts:
            if trouble is not None and (trouble.number not in found or each.opened_s < found[trouble.number].opened_s):
                found[trouble.number] = each
        return found

    def _latency_s(self, trouble: Trouble, found: dict[int, CaseFacts]) -> float | None:
        """From the first reading in the city that shows it to its case; None: no case, or none was due."""
        shown = self._truth.shown.get(trouble.number)
        if trouble.number not in found or shown is None:
            return None
        return max(0.0, found[trouble.number].opened_s - shown.first_ms / 1000)

    def _recall_by_kind(self, found: dict[int, CaseFacts]) -> dict[str, str]:
        there = Counter(t.kind for t in self._truth.faults())
        seen = Counter(t.kind for t in self._truth.faults() if t.number in found)
        return {kind: f"{seen[kind]} of {count}" for kind, count in there.items()}

    def _recall_of_sensors(self, found: dict[int, CaseFacts]) -> dict[str, str]:
        troubles = [t for t in self._truth.year.troubles if t.kind in UPKEEP]
        there, seen = Counter(t.kind for t in troubles), Counter(t.kind for t in troubles if t.number in found)
        return {kind: f"{seen[kind]} of {count}" for kind, count in there.items()}

    def _storms(self, cases: list[CaseFacts]) -> list[dict[str, Any]]:
        """For each storm: assets it went over, groups, cases of the street on them, and how many there may be."""
        year = self._truth.year
        with reading(self._city.engine) as tx:
            groups = tx.execute(select(alert_group.c.began_at, alert_group.c.rule_key, alert_group.c.members)).all()
        told = []
        for storm in year.storms:
            over = {serial for serial, some in year.passes.items() if any(p.storm is storm for p in some)}
            ends_s = max(p.end_s for some in year.passes.values() for p in some if p.storm is storm)
            span = (storm.start_s, ends_s + STORM_TAIL_S)
            mine = [g for g in groups if span[0] <= self._city.ms(g.began_at) / 1000 <= span[1]]
            opened = [
                each
                for each in cases
                if each.serial in over and each.kind in OF_STREET and span[0] <= each.opened_s <= span[1]
            ]
            real = [t for t in self._truth.faults() if t.serial in over and t.start_s <= span[1] and t.end_s >= span[0]]
            told.append(
                {
                    "storm": storm.number,
                    "assets": len(over),
                    "wells_over": len(list(self._truth.flooded(storm.number))),
                    "groups": len(mine),
                    "members": [[g.rule_key, g.members] for g in mine],
                    "cases": len(opened),
                    "most": 1 + len(real),
                    "by_kind": dict(Counter(each.kind for each in opened)),
                }
            )
        return told

    def _groups(self) -> int:
        with reading(self._city.engine) as tx:
            return len(tx.scalars(select(alert_group.c.id)).all())

    def _cases(self) -> list[CaseFacts]:
        with reading(self._city.engine) as tx:
            rows = tx.execute(select(case).order_by(case.c.id)).all()
            of_groups = {row.case_id: row.id for row in tx.execute(select(alert_group.c.id, alert_group.c.case_id))}
            rules: dict[int, list[str]] = defaultdict(list)
            for row in tx.execute(select(alert.c.case_id, alert.c.rule_key).where(alert.c.case_id.is_not(None))):
                rules[row.case_id].append(row.rule_key)
        return [
            CaseFacts(
                id=row.id,
                serial=self._serial_of.get(row.asset_id) or self._box_of[row.asset_id],
                kind=row.kind,
                opened_s=self._city.ms(row.opened_at) / 1000,
                ended_s=None if row.ended_at is None else self._city.ms(row.ended_at) / 1000,
                group_id=of_groups.get(row.id),
                rules=tuple(sorted(set(rules[row.id]))),
            )
            for row in rows
        ]

    def _is_of_group(self, case_id: int) -> bool:
        with reading(self._city.engine) as tx:
            return tx.execute(select(alert_group.c.id).where(alert_group.c.case_id == case_id)).first() is not None

    @staticmethod
    def _open_twice(cases: list[CaseFacts]) -> int:
        """How often an asset had two open cases of one kind at the same time."""
        spans: dict[tuple[str, str], list[CaseFacts]] = defaultdict(list)
        for each in cases:
            spans[each.serial, each.kind].append(each)
        return sum(
            one.ended_s is None or other.opened_s < one.ended_s
            for some in spans.values()
            for one, other in pairwise(some)
        )

    def _miss(self, trouble: Trouble) -> dict[str, Any]:
        shown = self._truth.shown.get(trouble.number)
        return {
            "kind": trouble.kind,
            "serial": trouble.serial,
            "day": round(trouble.start_s / 86_400.0, 3),
            "lasts_h": round((trouble.end_s - trouble.start_s) / 3600.0, 1),
            "storm": trouble.storm,
            "why": "no reading shows it" if shown is None else "no case, though readings show it",
        }

    def _late(self, trouble: Trouble, seconds: float | None) -> dict[str, Any]:
        return {
            "kind": trouble.kind,
            "serial": trouble.serial,
            "latency_s": None if seconds is None else round(seconds, 1),
        }

    @staticmethod
    def _told(each: CaseFacts, why: str) -> dict[str, Any]:
        day = round(each.opened_s / 86_400.0, 3)
        return {"case": each.id, "kind": each.kind, "serial": each.serial, "day": day, "rules": each.rules, "why": why}


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 1.0
