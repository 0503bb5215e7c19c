"""Stories for the tests of rules: readings go to guards as intake gives them, verdicts come back as short words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from registry.domain.deadlines import CHINA_TIME
from registry.domain.kinds import Family, Severity
from registry.domain.rules import (
    Condition,
    Guard,
    GuardPoint,
    Memory,
    Rule,
    Verdict,
    WatchedAsset,
    guards_for,
    read_memory,
    write_memory,
)

# a Monday, midnight in China
T0 = int(datetime(2026, 3, 2, tzinfo=CHINA_TIME).timestamp() * 1000)
COVER = WatchedAsset(asset_id=7, family=Family.COVER, scheme="cjt214-2007", class_code="0101", area_code="320508001")

Said = tuple[float, str, float]
"""Second, point, value."""


def rule(condition: Condition, **changes: Any) -> Rule:
    """A rule about covers' ``tilt_z`` that neither flaps nor waits, unless told so."""
    plain = {
        "key": "r",
        "version": 1,
        "family": Family.COVER,
        "point": "tilt_z",
        "severity": Severity.ALARM,
        "case_kind": "cover_displaced",
        "flapping": None,
    }
    return Rule(**{**plain, "condition": condition, **changes})


def points(*names: str, **facts: Any) -> list[GuardPoint]:
    """Points 1, 2, … of one device."""
    names = names or ("tilt_z",)
    unit = {"unit": "deg"} if names[0].startswith("tilt") else {}
    return [GuardPoint(point_id=n + 1, name=name, **{**unit, **facts}) for n, name in enumerate(names)]


def guard(about: Rule | Condition, *of: GuardPoint, asset: WatchedAsset = COVER, **facts: Any) -> Guard:
    """The one guard of a rule (or of a plain rule with this condition) over these points."""
    if not isinstance(about, Rule):
        about = rule(about)
    (made,) = guards_for([about], of or points(**facts), asset=asset)
    return made


class Story:
    """One guard on duty, as intake keeps it: repeats and late readings are left out, calm ones skipped.

    ``through_json``: the memory is stored and read again after every reading.
    """

    def __init__(self, one: Guard, *, through_json: bool = False, skipping: bool = True) -> None:
        self.guard, self.through_json, self.skipping = one, through_json, skipping
        self.memory: Memory | None = None
        self.newest: dict[int, int] = {}
        self.told: list[Verdict] = []

    def restart(self) -> None:
        """Go on with what was stored."""
        self.memory = None if self.memory is None else read_memory(write_memory(self.memory))

    def hear(self, second: float, value: float, point_id: int = 1) -> None:
        """One reading."""
        one, at_ms = self.guard, T0 + round(second * 1000)
        newest = self.newest.get(point_id, 0)
        if at_ms <= newest and newest - at_ms >= one.lateness_ms:
            return
        self.newest[point_id] = max(newest, at_ms)
        if self.skipping and self.memory is None and one.calm_above < value < one.calm_below:
            return
        self.memory, verdicts = one.evaluate(self.memory, point_id, at_ms, value)
        self.told += verdicts
        if self.through_json:
            self.restart()

    def wait(self, second: float, grace_s: float = 0.0) -> None:
        """Time alone, up to this second, with nothing on the way."""
        if self.memory is not None:
            now_ms = T0 + round(second * 1000)
            self.memory, verdicts = self.guard.tick(self.memory, now_ms, grace_ms=round(grace_s * 1000))
            self.told += verdicts
            if self.through_json:
                self.restart()

    def words(self) -> list[str]:
        """What was said, as ``fire@12`` or ``step3@12`` (with the severity), in seconds."""
        return [word(verdict) for verdict in self.told]


def word(verdict: Verdict) -> str:
    """One verdict in short."""
    second = (verdict.at_ms - T0) / 1000
    severity = str(int(verdict.severity)) if verdict.kind == "step" else ""
    return f"{verdict.kind}{severity}@{second:g}"


def tell(one: Guard, readings: Iterable[Sequence[float]], **how: Any) -> list[str]:
    """The words for readings given as (second, value) or (second, value, point id); (second,) is time alone."""
    story = Story(one, **how)
    for reading in readings:
        if len(reading) == 1:
            story.wait(reading[0])
        else:
            second, value, *point = reading
            story.hear(second, value, int(point[0]) if point else 1)
    return story.words()
