"""What of the machinery is sick, and why: every cabinet, line and sensor that somebody should look after.

Pure: decided from what is stored, at the moment ``now``. The sensors behind a cabinet that is away are not listed one
by one: one visit mends them all, so the cabinet's own line counts them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from registry.domain.suspects import read as read_suspicions

CLOCK_OFF_S = 30.0
"""A cabinet's clock may be off by this much before somebody should look: NTP holds it within a second."""

NEARLY_FULL = 0.8
DROPS_TOLD_FOR = timedelta(days=7)
_RECENT_S = 600.0
_USUAL_S = 86_400.0
_LEAST_POLLS = 50
_LATEST_S = 4e9  # 2096: beyond it is no time but a slip
_CRC_FLOOR = 0.01  # one damaged answer in a hundred is weather
_CRC_TIMES = 4.0


class RepairKind(StrEnum):
    """What is sick. A line is a bus or another source of a cabinet."""

    CABINET = "cabinet"
    LINE = "line"
    SENSOR = "sensor"


class RepairReason(StrEnum):
    """Why, the worst first: readings are lost, then nothing comes, then something is on its way to that."""

    DROPS = "drops"
    SPOOL_SET_ASIDE = "spool_set_aside"
    SPOOL_NEAR_FULL = "spool_near_full"
    SILENT = "silent"
    NEVER_SEEN = "never_seen"
    LINE_DEAD = "line_dead"
    SOURCE_DOWN = "source_down"
    CONTRADICTS_ITSELF = "contradicts_itself"
    STUCK = "stuck"
    CLOCK_OFF = "clock_off"
    DECODER_ERROR = "decoder_error"
    CRC_ERRORS = "crc_errors"
    ODD_TEMPERATURE = "odd_temperature"
    WEAK_BATTERY = "weak_battery"
    DRIFTS = "drifts"
    BASELINE_DRIFT = "baseline_drift"


_RANK = {reason: rank for rank, reason in enumerate(RepairReason)}
_KIND_RANK = {kind: rank for rank, kind in enumerate(RepairKind)}


class BusSaid(msgspec.Struct, frozen=True, kw_only=True):
    """A bus in a cabinet's state: counts since the cabinet's start.

    ``busy``: the share of the time the line is in use (0..1); ``units_fit``: for how many units like these it has time.
    """

    name: str
    polls: int = 0
    crc_errors: int = 0
    busy: float = 0.0
    units_fit: int = 0
    units_silent: list[int] = []
    units_poor: list[int] = []


class SourceSaid(msgspec.Struct, frozen=True, kw_only=True):
    """A source in a cabinet's state."""

    name: str
    kind: str = ""
    up: bool = True


class BusMemory(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a bus: its counts, and the share of damaged answers lately and usually (0..1)."""

    name: str
    polls: int
    crc_errors: int
    at: datetime
    busy: float = 0.0
    units_fit: int = 0
    units_silent: list[int] = []
    units_poor: list[int] = []
    lately: float = 0.0
    usually: float = 0.0
    answers: int = 0


class AsideSaid(msgspec.Struct, frozen=True, kw_only=True):
    """A damaged spool file in a cabinet's state; ``at``: when it was set aside (Unix s), 0 without a clock."""

    name: str
    at: float = 0.0
    bytes: int = 0


class CabinetTold(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a cabinet's word, beside the columns of its own. ``dropped_at``: when its losses last grew.

    ``set_aside``: the newest damaged file, also when the cabinet has deleted it since.
    """

    filled: float = 0.0
    dropped_at: datetime | None = None
    set_aside: AsideSaid | None = None
    buses: list[BusMemory] = []
    sources: list[SourceSaid] = []


class CabinetFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A cabinet as it is judged. ``heard_at`` None: never; ``told`` None: by a program that did not tell yet.

    ``aside_seen``: the damaged spool file of which somebody said that they have seen it.
    """

    id: str
    name: str
    online: bool
    heard_at: datetime | None
    dropped: int
    devices: int
    clock_set: bool = True
    clock_off_s: float = 0.0
    aside_seen: str = ""
    told: CabinetTold | None = None


class SensorFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted sensor with at least one sign of sickness; what is well is None or empty.

    ``suspect_why`` as ``registry.domain.suspects`` writes it; each of its reasons is a repair's reason, too.
    ``unreadable`` and ``misdated`` count dead letters of the last day; ``drift`` is how far ``drift_point`` lies from
    its baseline, in ``drift_unit``.
    """

    device_id: int
    serial: str
    cabinet_id: str
    line: str
    asset_id: int | None
    asset_name: str
    fitted_at: datetime
    last_heard_at: datetime | None
    never_seen: bool = False
    silent_since: datetime | None = None
    unreadable: int = 0
    misdated: int = 0
    battery: float | None = None
    drift: float | None = None
    drift_point: str = ""
    drift_unit: str = ""
    suspect_since: datetime | None = None
    suspect_why: str = ""


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list. ``amount``: seconds, share (0..1), count, bytes, % or the drift's unit, by reason.

    ``file``: the one it is about.
    """

    kind: RepairKind
    reason: RepairReason
    cabinet_id: str
    name: str
    since: datetime | None = None
    amount: float | None = None
    unit: str = ""
    usual: float | None = None
    file: str = ""
    sensors: int = 0
    device_id: int | None = None
    asset_id: int | None = None
    asset_name: str = ""


def remember_bus(before: BusMemory | None, said: BusSaid, *, now: datetime) -> BusMemory:
    """``before`` with what the cabinet says now. The usual share of damaged answers follows slowly, the late one fast.

    Counts that went back are those of a cabinet that was started again.
    """
    if before is None or before.at >= now:
        before = before or BusMemory(name=said.name, polls=said.polls, crc_errors=said.crc_errors, at=now)
        return msgspec.structs.replace(before, **_as_said(said))
    restarted = said.polls < before.polls or said.crc_errors < before.crc_errors
    polls = said.polls if restarted else said.polls - before.polls
    damaged = said.crc_errors if restarted else said.crc_errors - before.crc_errors
    lately, usually = before.lately, before.usually
    if polls > 0:
        share, passed_s = min(1.0, damaged / polls), (now - before.at).total_seconds()
        first = not before.answers
        lately = share if first else lately + min(1.0, passed_s / _RECENT_S) * (share - lately)
        usually = share if first else usually + min(1.0, passed_s / _USUAL_S) * (share - usually)
    return BusMemory(
        name=said.name,
        polls=said.polls,
        crc_errors=said.crc_errors,
        at=now,
        lately=lately,
        usually=usually,
        answers=before.answers + max(0, polls),
        **_as_said(said),
    )


def _as_said(said: BusSaid) -> dict[str, Any]:
    """What of a bus is kept as the cabinet says it."""
    kept = ("busy", "units_fit", "units_silent", "units_poor")
    return {name: getattr(said, name) for name in kept}


def find_repairs(cabinets: Sequence[CabinetFacts], sensors: Sequence[SensorFacts], *, now: datetime) -> list[Repair]:
    """Everything that somebody should look after, the worst first; of the same sort, the longest sick first."""
    away = {each.id for each in cabinets if not each.online}
    found = [
        *(repair for each in cabinets for repair in _of_cabinet(each, now)),
        *(repair for each in sensors for repair in _of_sensor(each, away)),
    ]
    never = now + timedelta(days=1)
    return sorted(
        found,
        key=lambda one: (
            _RANK[one.reason],
            _KIND_RANK[one.kind],
            one.since or never,
            one.cabinet_id,
            one.name,
        ),
    )


def _of_cabinet(facts: CabinetFacts, now: datetime) -> Iterator[Repair]:
    def sick(reason: RepairReason, **more: object) -> Repair:
        return Repair(kind=RepairKind.CABINET, reason=reason, cabinet_id=facts.id, name=facts.name, **more)  # type: ignore[arg-type]

    if facts.heard_at is None:
        yield sick(RepairReason.NEVER_SEEN, sensors=facts.devices)
        return
    told = facts.told or CabinetTold()
    if told.dropped_at is not None and now - told.dropped_at < DROPS_TOLD_FOR:
        yield sick(RepairReason.DROPS, since=told.dropped_at, amount=float(facts.dropped))
    if told.set_aside is not None and told.set_aside.name != facts.aside_seen:
        yield sick(RepairReason.SPOOL_SET_ASIDE, **_of_aside(told.set_aside))
    if told.filled >= NEARLY_FULL:
        yield sick(RepairReason.SPOOL_NEAR_FULL, since=facts.heard_at, amount=told.filled)
    if not facts.online:
        yield sick(RepairReason.SILENT, since=facts.heard_at, sensors=facts.devices)
        return
    if not facts.clock_set or abs(facts.clock_off_s) > CLOCK_OFF_S:
        yield sick(RepairReason.CLOCK_OFF, amount=facts.clock_off_s if facts.clock_set else None, unit="s")
    yield from (repair for bus in told.buses for repair in _of_bus(facts, bus))
    for source in told.sources:
        if not source.up:
            yield Repair(kind=RepairKind.LINE, reason=RepairReason.SOURCE_DOWN, cabinet_id=facts.id, name=source.name)


def _of_aside(said: AsideSaid) -> dict[str, object]:
    since = datetime.fromtimestamp(said.at, UTC) if 0 < said.at < _LATEST_S else None
    return {"since": since, "amount": float(said.bytes), "unit": "B", "file": said.name}


def _of_bus(facts: CabinetFacts, bus: BusMemory) -> Iterator[Repair]:
    limit = max(_CRC_FLOOR, _CRC_TIMES * bus.usually)
    if len(bus.units_silent) > 1:  # one silent unit is that sensor's own line of the list
        yield Repair(
            kind=RepairKind.LINE,
            reason=RepairReason.LINE_DEAD,
            cabinet_id=facts.id,
            name=bus.name,
            sensors=len(bus.units_silent),
        )
    if bus.answers >= _LEAST_POLLS and bus.lately > limit:
        yield Repair(
            kind=RepairKind.LINE,
            reason=RepairReason.CRC_ERRORS,
            cabinet_id=facts.id,
            name=bus.name,
            amount=bus.lately,
            usual=bus.usually,
        )


def _of_sensor(facts: SensorFacts, away: set[str]) -> Iterator[Repair]:
    def sick(reason: RepairReason, **more: object) -> Repair:
        return Repair(
            kind=RepairKind.SENSOR,
            reason=reason,
            cabinet_id=facts.cabinet_id,
            name=facts.serial,
            device_id=facts.device_id,
            asset_id=facts.asset_id,
            asset_name=facts.asset_name,
            **more,  # type: ignore[arg-type]
        )

    if facts.cabinet_id not in away:
        if facts.never_seen:
            yield sick(RepairReason.NEVER_SEEN, since=facts.fitted_at)
        elif facts.silent_since is not None:
            yield sick(RepairReason.SILENT, since=facts.last_heard_at or facts.silent_since)
    for suspicion in read_suspicions(facts.suspect_why):
        yield sick(RepairReason(suspicion.value), since=facts.suspect_since)
    if facts.misdated:
        yield sick(RepairReason.CLOCK_OFF, amount=float(facts.misdated))
    if facts.unreadable:
        yield sick(RepairReason.DECODER_ERROR, amount=float(facts.unreadable))
    if facts.battery is not None:
        yield sick(RepairReason.WEAK_BATTERY, amount=facts.battery, unit="%EL")
    if facts.drift is not None:
        yield sick(RepairReason.BASELINE_DRIFT, amount=facts.drift, unit=facts.drift_unit)
