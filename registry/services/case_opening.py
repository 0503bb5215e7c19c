"""Opening cases: one open case per asset and kind, whoever notices it first; everything later joins it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
    insert,
    literal,
    not_,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from registry.domain.deadlines import CHINA_TIME, case_kind
from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.kinds import Severity, Source, Stage
from registry.domain.moves import EventName, MoveName
from registry.domain.people import SYSTEM, Actor
from registry.domain.seasons import time_limit
from registry.services.feed import FeedKind, publish
from registry.services.seasons import seasons_now
from registry.storage.open_cases import IS_OPEN
from registry.storage.tables import asset, case, entry

# One statement, so that two writers can't take the same number.
_TAKE_SERIAL = text(
    "INSERT INTO number_counter (day, last_serial) VALUES (:day, 1) "
    "ON CONFLICT (day) DO UPDATE SET last_serial = number_counter.last_serial + 1 RETURNING last_serial"
)

_INSERTS: dict[str, Callable[[Table], postgresql.Insert | sqlite.Insert]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}


_BY_PEOPLE = or_(entry.c.by_user_id.is_not(None), entry.c.move == EventName.REPORT.value)
_OWN = (case.c.stage == Stage.FILED.value, case.c.version == 1, case.c.source == Source.SENSOR.value)


class Opened(NamedTuple):
    """The case something now belongs to, and whether it was opened for it just now."""

    case_id: int
    opened: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sighting:
    """Something wrong with an asset, as somebody noticed it."""

    asset_id: int
    kind: str
    severity: Severity
    source: Source
    by: Actor
    note: str
    detail: Mapping[str, Any]
    at: datetime


def open_or_attach(
    tx: Connection,
    *,
    asset_id: int,
    kind: str,
    severity: Severity,
    source: Source,
    now: datetime,
    by: Actor = SYSTEM,
    note: str = "",
    detail: Mapping[str, Any] | None = None,
    zone: tzinfo = CHINA_TIME,
) -> Opened:
    """The open case of that asset and kind: the one there is (made as severe as ``severity``), or a new one.

    A new case of a sensor or a patrol is filed at once; a citizen's waits as collected for somebody to look at it.
    Joining writes an entry when a person has something to say, or when the severity rises; what a sensor adds is for
    ``note_alert``. The number counts the day's cases of the calendar in ``zone``. Raises ``NotFound`` for an unknown
    asset, ``InvalidInput`` for an unknown kind. Safe against other writers: the unique index of open cases decides who
    was first.
    """
    case_kind(kind)
    sighting = _Sighting(
        asset_id=asset_id,
        kind=kind,
        severity=Severity(severity),
        source=Source(source),
        by=by,
        note=note.strip(),
        detail=detail or {},
        at=now,
    )
    found = _look(tx, asset_id, kind)
    if found.id is None:
        case_id = _open(tx, sighting, found, zone)
        if case_id is not None:
            return Opened(case_id, opened=True)
        found = _look(tx, asset_id, kind)
        if found.id is None:
            raise Conflict(f"the case of asset {asset_id} changed while it was being opened; try again")
    _join(tx, sighting, found)
    return Opened(found.id, opened=False)


def note_alert(tx: Connection, *, case_id: int, move: str, detail: Mapping[str, Any], now: datetime) -> None:
    """Write into the case's timeline that an alert joined it or cleared (``alert_attached``, ``alert_cleared``).

    The stage stays: that a sensor is calm again is news for people, not a decision.
    """
    if move not in (EventName.ALERT_ATTACHED, EventName.ALERT_CLEARED):
        raise InvalidInput(
            "move", "{given!r} is not what alerts do to cases; use alert_attached or alert_cleared", given=move
        )
    write_event(tx, case_id, EventName(move), now=now, detail=detail)


def raise_severity(tx: Connection, case_id: int, severity: Severity, *, now: datetime, by: Actor = SYSTEM) -> None:
    """Make the case as severe as ``severity``; one that is worse already stays as it is."""
    about = (asset.c.name.label("asset_name"), asset.c.road)
    row = tx.execute(
        select(case, *about).join_from(case, asset, asset.c.id == case.c.asset_id).where(case.c.id == case_id)
    ).one()
    _raise(tx, row, Severity(severity), now=now, by=by)


def to_be_worked_on(tx: Connection, kind: str, which: Select[tuple[int]]) -> list[int]:
    """Of the cases ``which``, those of ``kind`` that the system opened and that wait for work, oldest first."""
    found = select(case.c.id).where(
        case.c.id.in_(which),
        case.c.kind == kind,
        case.c.source == Source.SENSOR.value,
        case.c.stage.in_([Stage.FILED.value, Stage.DISPATCHED.value, Stage.IN_HAND.value]),
    )
    return list(tx.scalars(found.order_by(case.c.id)))


def withdraw(
    tx: Connection, case_id: int, *, detail: Mapping[str, Any], now: datetime, with_alerts: bool = False
) -> bool:
    """Void a case that the system opened and nobody has touched: what it is about belongs to another one.

    False where a person, a citizen's report or (unless ``with_alerts``: they go along) an alert of its own asset has
    to do with it already; then it stays.
    """
    touched = _touched(_BY_PEOPLE if with_alerts else or_(_BY_PEOPLE, entry.c.move == EventName.ALERT_ATTACHED.value))
    about = (asset.c.name.label("asset_name"), asset.c.road)
    row = tx.execute(
        select(case, *about)
        .join_from(case, asset, asset.c.id == case.c.asset_id)
        .where(case.c.id == case_id, *_OWN, not_(touched.exists()))
    ).one_or_none()
    if row is None:
        return False
    void = {"stage": Stage.VOID.value, "ended_at": now, "version": 2}
    if not tx.execute(update(case).where(case.c.id == case_id, *_OWN).values(void)).rowcount:
        return False
    written = {
        "case_id": case_id,
        "at": now,
        "move": MoveName.VOID.value,
        "from_stage": Stage.FILED.value,
        "to_stage": Stage.VOID.value,
        "by_user_id": None,
        "note": "",
        "detail": dict(detail),
    }
    tx.execute(insert(entry).values(written))
    body = feed_body(row) | {"stage": Stage.VOID.value, "move": MoveName.VOID.value, "version": 2}
    publish(tx, FeedKind.CASE_MOVED, body, now=now)
    return True


def _touched(how: ColumnElement[bool]) -> Select[tuple[int]]:
    """What was added in that way to the case of the query around it."""
    return select(entry.c.id).where(entry.c.case_id == case.c.id, how)


def write_event(
    tx: Connection,
    case_id: int,
    event: EventName,
    *,
    now: datetime,
    by: Actor = SYSTEM,
    note: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write an entry that leaves the case in the stage it is in."""
    values = (
        case.c.id,
        literal(now, entry.c.at.type),
        literal(event.value, entry.c.move.type),
        case.c.stage,
        case.c.stage,
        literal(by.user_id, case.c.id.type),
        literal(note, entry.c.note.type),
        literal(dict(detail or {}), entry.c.detail.type),
    )
    columns = ["case_id", "at", "move", "from_stage", "to_stage", "by_user_id", "note", "detail"]
    tx.execute(insert(entry).from_select(columns, select(*values).where(case.c.id == case_id)))


def feed_body(row: Any, **more: Any) -> dict[str, Any]:
    """What a list row shows of a case: ``row`` has its columns, ``asset_name`` and ``road``; ``more`` comes on top."""
    return {
        "case_id": row.id,
        "number": row.number,
        "kind": row.kind,
        "severity": int(row.severity),
        "stage": str(row.stage),
        "asset_id": row.asset_id,
        "asset_name": row.asset_name,
        "road": row.road,
        **more,
    }


def _look(tx: Connection, asset_id: int, kind: str) -> Row[*tuple[Any, ...]]:
    """The asset's name and road with its open case of that kind (columns None: there is none)."""
    joined = asset.outerjoin(case, and_(case.c.asset_id == asset.c.id, case.c.kind == kind, IS_OPEN))
    row = tx.execute(
        select(
            asset.c.name.label("asset_name"),
            asset.c.road,
            asset.c.id.label("asset_id"),
            case.c.id,
            case.c.number,
            case.c.kind,
            case.c.severity,
            case.c.stage,
        )
        .select_from(joined)
        .where(asset.c.id == asset_id)
    ).one_or_none()
    if row is None:
        raise NotFound("asset", asset_id)
    return row


def _open(tx: Connection, seen: _Sighting, about: Row[*tuple[Any, ...]], zone: tzinfo) -> int | None:
    """The new case's id; None when another writer opened one between our look and our write."""
    stage = Stage.COLLECTED if seen.source is Source.CITIZEN else Stage.FILED
    row = {
        "number": _next_number(tx, seen.at, zone),
        "asset_id": seen.asset_id,
        "kind": seen.kind,
        "stage": stage.value,
        "severity": int(seen.severity),
        "source": seen.source.value,
        "opened_at": seen.at,
        "deadline_at": seen.at + time_limit(seen.kind, seasons_now(tx, now=seen.at, zone=zone)),
        "version": 1,
    }
    statement = _INSERTS[tx.dialect.name](case).values(row).on_conflict_do_nothing().returning(case.c.id)
    case_id = tx.execute(statement).scalar()
    if case_id is None:
        return None
    entries = [_first_entry(seen, case_id, EventName.COLLECT.value, None, Stage.COLLECTED)]
    if stage is Stage.FILED:
        entries.append(_first_entry(seen, case_id, MoveName.FILE.value, Stage.COLLECTED, Stage.FILED))
    tx.execute(insert(entry), entries)
    shown = {name: row[name] for name in ("number", "kind", "severity", "stage", "asset_id", "source")}
    body = {"case_id": case_id, **shown, "asset_name": about.asset_name, "road": about.road}
    publish(tx, FeedKind.CASE_OPENED, body, now=seen.at)
    return int(case_id)


def _first_entry(seen: _Sighting, case_id: int, move: str, from_stage: Stage | None, to_stage: Stage) -> dict[str, Any]:
    collecting = from_stage is None
    return {
        "case_id": case_id,
        "at": seen.at,
        "move": move,
        "from_stage": from_stage.value if from_stage else None,
        "to_stage": to_stage.value,
        "by_user_id": seen.by.user_id,
        "note": seen.note if collecting else "",
        "detail": {"source": seen.source.value, **seen.detail} if collecting else {},
    }


def _join(tx: Connection, seen: _Sighting, found: Row[*tuple[Any, ...]]) -> None:
    if seen.source is not Source.SENSOR:
        detail = {"source": seen.source.value, **seen.detail}
        write_event(tx, found.id, EventName.REPORT, now=seen.at, by=seen.by, note=seen.note, detail=detail)
    _raise(tx, found, seen.severity, now=seen.at, by=seen.by)


def _raise(tx: Connection, found: Row[*tuple[Any, ...]], to: Severity, *, now: datetime, by: Actor) -> None:
    if to <= found.severity:
        return
    severity = int(to)
    raised = update(case).where(case.c.id == found.id, case.c.severity < severity).values(severity=severity)
    if tx.execute(raised).rowcount:
        was = {"from": found.severity, "to": severity}
        write_event(tx, found.id, EventName.SEVERITY_RAISED, now=now, by=by, detail=was)
        body = feed_body(found) | {"severity": severity, "move": EventName.SEVERITY_RAISED.value}
        publish(tx, FeedKind.CASE_MOVED, body, now=now)


def _next_number(tx: Connection, now: datetime, zone: tzinfo) -> str:
    """The day in ``zone`` and the day's next serial, five digits: 2026112200017. A race lost leaves a serial unused."""
    day = f"{now.astimezone(zone):%Y%m%d}"
    serial = tx.execute(_TAKE_SERIAL, {"day": day}).scalar_one()
    return f"{day}{serial:05d}"
