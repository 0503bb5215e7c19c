"""Whether a sensor that was just fitted is really heard: each point looked at, and what to do when something is wrong.

Pure: the page asks again every few seconds until the answer is green or names the fault.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from registry.domain.kinds import Quality

ZEROED = ("tilt_x", "tilt_y", "tilt_z", "displacement")
"""The points that have an "all is well" of their own at each place, measured at fitting."""

_HEARTBEATS = 3.0
_LEAST_S = 30.0
_BEHIND_S = 120.0
_QUIET = {"tilt_x": 0.5, "tilt_y": 0.5, "tilt_z": 0.5, "displacement": 3.0}  # spread of a sensor that is left alone
CENTRED = {"tilt_x": 2.0, "tilt_y": 2.0, "tilt_z": 2.0, "displacement": 10.0}  # from the baseline, when all is well
_READINGS = 30
_ENOUGH = 5


class PointFinding(StrEnum):
    """What the newest reading of a point says."""

    OK = "ok"
    SIMULATED = "simulated"
    NEVER = "never"
    OLD = "old"
    SUSPECT = "suspect"
    OFF_BASELINE = "off_baseline"


class LinkFinding(StrEnum):
    """What is wrong on the way from the sensor to the city."""

    REMOVED = "removed"
    CABINET_UNKNOWN = "cabinet_unknown"
    CABINET_OFFLINE = "cabinet_offline"
    CABINET_BEHIND = "cabinet_behind"
    NOTHING_HEARD = "nothing_heard"
    PARTLY_HEARD = "partly_heard"
    NOT_FRESH = "not_fresh"
    NOT_TRUSTED = "not_trusted"
    NOT_ZEROED = "not_zeroed"


class LinkState(StrEnum):
    """Green, still waiting for the first readings, or something is wrong."""

    GREEN = "green"
    WAITING = "waiting"
    WRONG = "wrong"


class HeardPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The newest reading of a point, all None when it never spoke. Values in the point's unit, before the baseline."""

    name: str
    unit: str
    decimals: int
    baseline: float
    value: float | None
    measured_at: datetime | None
    quality: Quality | None


class HeardCabinet(msgspec.Struct, frozen=True, kw_only=True):
    """What the cabinet said last; ``known`` False: it never said anything."""

    id: str
    known: bool
    online: bool = False
    state_at: datetime | None = None
    oldest_unsent_s: float = 0.0


class JudgedPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A point and what is to be said of it; ``age_s`` seconds since its newest reading."""

    point: HeardPoint
    age_s: float | None
    finding: PointFinding


class LinkVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: ``findings`` in the order in which somebody should look after them."""

    state: LinkState
    findings: list[LinkFinding]
    points: list[JudgedPoint]


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A new baseline for one point: the median of its last readings. ``quiet``: they lay close enough together."""

    name: str
    unit: str
    decimals: int
    old: float
    new: float | None
    readings: int
    spread: float | None
    quiet: bool


def judge_link(
    points: Sequence[HeardPoint],
    cabinet: HeardCabinet | None,
    *,
    heartbeat_s: float,
    fitted_at: datetime,
    removed: bool,
    now: datetime,
) -> LinkVerdict:
    """Look at every point and at the way it came. ``cabinet`` None: the sensor sends without one."""
    patience_s = max(_HEARTBEATS * heartbeat_s, _LEAST_S)
    judged = [_judge_point(each, patience_s, now) for each in points]
    findings = [LinkFinding.REMOVED] if removed else [*_on_the_way(cabinet), *_of_points(judged)]
    # a page that waits for the first reading must not cry before the sensor's second or third heartbeat
    young = (now - fitted_at).total_seconds() < patience_s
    waits = young and set(findings) <= {LinkFinding.NOTHING_HEARD, LinkFinding.PARTLY_HEARD, LinkFinding.NOT_ZEROED}
    if not findings:
        state = LinkState.GREEN
    elif waits and findings != [LinkFinding.NOT_ZEROED]:
        state = LinkState.WAITING
    else:
        state = LinkState.GREEN if findings == [LinkFinding.NOT_ZEROED] else LinkState.WRONG
    return LinkVerdict(state=state, findings=findings, points=judged)


def lies_quiet(name: str, spread: float) -> bool:
    """Whether readings of the point ``name`` that lie ``spread`` apart (its unit) are those of a thing at rest."""
    return spread <= _QUIET.get(name, 0.0)


def propose(point: HeardPoint, values: Sequence[float]) -> Proposal:
    """A new baseline out of the newest readings of one point, oldest first; None when there are too few."""
    last = list(values[-_READINGS:])
    enough = len(last) >= _ENOUGH
    spread = round(max(last) - min(last), point.decimals) if enough else None
    return Proposal(
        name=point.name,
        unit=point.unit,
        decimals=point.decimals,
        old=point.baseline,
        new=round(statistics.median(last), point.decimals) if enough else None,
        readings=len(last),
        spread=spread,
        quiet=spread is not None and spread <= _QUIET.get(point.name, 0.0),
    )


def _judge_point(point: HeardPoint, patience_s: float, now: datetime) -> JudgedPoint:
    if point.value is None or point.measured_at is None:
        return JudgedPoint(point=point, age_s=None, finding=PointFinding.NEVER)
    age_s = (now - point.measured_at).total_seconds()
    if age_s > patience_s:
        finding = PointFinding.OLD
    elif point.quality is Quality.SUSPECT:
        finding = PointFinding.SUSPECT
    elif abs(point.value - point.baseline) > CENTRED.get(point.name, float("inf")):
        finding = PointFinding.OFF_BASELINE
    else:
        finding = PointFinding.SIMULATED if point.quality is Quality.SIMULATED else PointFinding.OK
    return JudgedPoint(point=point, age_s=age_s, finding=finding)


def _on_the_way(cabinet: HeardCabinet | None) -> list[LinkFinding]:
    if cabinet is None:
        return []
    if not cabinet.known:
        return [LinkFinding.CABINET_UNKNOWN]
    if not cabinet.online:
        return [LinkFinding.CABINET_OFFLINE]
    return [LinkFinding.CABINET_BEHIND] if cabinet.oldest_unsent_s > _BEHIND_S else []


def _of_points(judged: Sequence[JudgedPoint]) -> list[LinkFinding]:
    seen = {each.finding for each in judged}
    findings: list[LinkFinding] = []
    if not seen or seen == {PointFinding.NEVER}:
        return [LinkFinding.NOTHING_HEARD]
    if PointFinding.NEVER in seen:
        findings.append(LinkFinding.PARTLY_HEARD)
    if PointFinding.OLD in seen:
        findings.append(LinkFinding.NOT_FRESH)
    if PointFinding.SUSPECT in seen:
        findings.append(LinkFinding.NOT_TRUSTED)
    if PointFinding.OFF_BASELINE in seen:
        findings.append(LinkFinding.NOT_ZEROED)
    return findings
