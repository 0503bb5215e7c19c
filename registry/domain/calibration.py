"""How a newly fitted sensor finds its baseline: from quiet readings at its place. Pure.

A road has camber and a bracket is never quite straight, so each sensor has an "all is well" of its own. It is the
median of readings that lie close together for long enough. Until then its rules compare with the value given at
fitting (level, where none was given): a cover that is lifted in the first minutes must not go unseen.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec


class Still(msgspec.Struct, frozen=True, kw_only=True):
    """When readings of a point are those of a thing at rest, in its unit; ``most``: farther from 0 it is not at home.

    The spread is that between the quartiles: a lorry in every fourth reading does not count.
    """

    spread: float
    most: float | None = None


# 0.3°: an inclinometer at rest trembles by hundredths of a degree and follows the day's warmth by tenths; a cover that
# rocks under traffic shows a degree and more. 15° out of level is an open or a badly seated cover, or a pole that
# leans, whatever its fitter thought: such a value must never become "all is well". 2 mm: the noise of a distance
# sensor; 30 mm out of its seat a cover carries no wheel.
STILL: Mapping[str, Still] = {
    "tilt_x": Still(spread=0.3),
    "tilt_y": Still(spread=0.3),
    "tilt_z": Still(spread=0.3, most=15.0),
    "displacement": Still(spread=2.0, most=30.0),
}

LEAST_READINGS = 12
"""Three beyond each quartile: with fewer the quartiles say nothing."""
LEAST_SPAN = timedelta(minutes=10)
"""Longer than the fitter stands on the cover, than a gust and than a queue at the lights."""
WINDOW = timedelta(minutes=30)
WINDOW_HEARTBEATS = 24
"""How far back is looked: a sensor that was left in peace only lately need not wait until the unrest is long ago."""
PATIENCE = timedelta(days=3)
PATIENCE_HEARTBEATS = 100
"""Who never rests that long has something that people must look at: it rocks, or it is no place for such a sensor."""


class CalibrationProblem(StrEnum):
    """Why there is no baseline: not level, not in its seat, never at rest, not heard; or somebody ended it."""

    NOT_LEVEL = "not_level"
    NOT_SEATED = "not_seated"
    RESTLESS = "restless"
    NOT_HEARD = "not_heard"
    REFUSED = "refused"
    BY_HAND = "by_hand"
    REMOVED = "removed"


class Rest(msgspec.Struct, frozen=True, kw_only=True):
    """What the readings of one point say: the quartiles, the median, how many there are, and what it was before."""

    low: float
    high: float
    median: float
    readings: int
    old: float = 0.0
    quiet: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How far a calibration has come. ``rests`` by point; ``problem``: it is over, in vain; ``done``: it is over."""

    rests: dict[str, Rest]
    readings: int = 0
    done: bool = False
    problem: CalibrationProblem | None = None


def looked_back(started_at: datetime, heartbeat_s: float, *, now: datetime) -> datetime:
    """From when on readings are looked at: never from before it was started."""
    return max(started_at, now - max(WINDOW, timedelta(seconds=heartbeat_s * WINDOW_HEARTBEATS)))


def judge(
    samples: Mapping[str, Sequence[tuple[int, float]]],
    old: Mapping[str, float],
    *,
    started_at: datetime,
    heartbeat_s: float,
    now: datetime,
) -> Judgement:
    """Whether the good readings (ms, value) of each point, oldest first, make a baseline.

    All points rest together or none has a baseline: they are of one body.
    """
    rests = {name: _rest(name, some, old.get(name, 0.0)) for name, some in samples.items() if len(some) > 1}
    readings = min((len(some) for some in samples.values()), default=0)
    enough = bool(samples) and all(_enough(some) for some in samples.values())
    over = now - started_at > max(PATIENCE, timedelta(seconds=heartbeat_s * PATIENCE_HEARTBEATS))
    found = Judgement(rests=rests, readings=readings)
    if not enough:
        return _ended(found, CalibrationProblem.NOT_HEARD) if over else found
    if not all(rest.quiet for rest in rests.values()):
        return _ended(found, CalibrationProblem.RESTLESS) if over else found
    if problem := _not_at_home(rests):
        return _ended(found, problem)
    return Judgement(rests=rests, readings=readings, done=True)


def _ended(found: Judgement, problem: CalibrationProblem) -> Judgement:
    return Judgement(rests=found.rests, readings=found.readings, problem=problem)


def _enough(some: Sequence[tuple[int, float]]) -> bool:
    return len(some) >= LEAST_READINGS and some[-1][0] - some[0][0] >= LEAST_SPAN / timedelta(milliseconds=1)


def _rest(name: str, some: Sequence[tuple[int, float]], old: float) -> Rest:
    low, median, high = statistics.quantiles((value for _, value in some), n=4, method="inclusive")
    still = high - low <= STILL[name].spread
    return Rest(low=low, high=high, median=round(median, 3), readings=len(some), old=old, quiet=still)


def _not_at_home(rests: Mapping[str, Rest]) -> CalibrationProblem | None:
    for name, rest in rests.items():
        most = STILL[name].most
        if most is not None and abs(rest.median) > most:
            return CalibrationProblem.NOT_SEATED if name == "displacement" else CalibrationProblem.NOT_LEVEL
    return None
