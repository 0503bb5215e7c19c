"""Opening cases: one open case per asset and kind, whoever notices it first; everything later joins it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    func,
    insert,
    literal,
    not_,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from registry.domain.case_limits import CaseLimits
from registry.domain.case_story import CaseStory, Line
from registry.domain.case_telling import COLUMNS, fold, moment_text
from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.kinds import ClosedHow, Severity, Source, Stage
from registry.domain.moves import EventName, MoveName
from registry.domain.people import SYSTEM, Actor
from registry.services.case_limits import limits_of
from registry.services.case_writing import keeping
from registry.services.feed import FeedKind, publish
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


_MOST_LOOKS = 3
"""How often a case may open or end between our look and our write before we give up."""

_BY_PEOPLE = or_(entry.c.by_user_id.is_not(None), entry.c.move == EventName.REPORT.value)
_OWN = (case.c.stage == Stage.FILED.value, case.c.version == 1, case.c.source == Source.SENSOR.value)


class Opened(NamedTuple):
    """The case something now belongs to, and whether it was opened for it just now."""

    case_id: int
    opened: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something is wrong that no asset of the register stands for; ``words`` as people say it."""

    lon: float
    lat: float
    area_code: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sighting:
    """Something wrong with an asset or at a place, as somebody noticed it."""

    asset_id: int | None
    place: Place | None
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
    file: bool | None = None,
    zone: tzinfo = CHINA_TIME,
) -> Opened:
    """The open case of that asset and kind: the one there is (made as severe as ``severity``), or a new one.

    A new case of a sensor, a patrol or from above is filed at once; what the public and other platforms tell waits as
    collected for somebody to look at it. ``file`` decides otherwise.
    Joining writes an entry when a person has something to say, or when the severity rises; what a sensor adds is for
    ``note_alert``. The number counts the day's cases of the calendar in ``zone``. Raises ``NotFound`` for an unknown
    asset, ``InvalidInput`` for an unknown kind. Safe against other writers: the unique index of open cases decides who
    was first.
    """
    sighting = _Sighting(
        asset_id=asset_id,
        place=None,
        kind=kind,
        severity=Severity(severity),
        source=Source(source),
        by=by,
        note=note.strip(),
        detail=detail or {},
        at=now,
    )
    for _ in range(_MOST_LOOKS):
        found = _look(tx, asset_id, kind)
        if found.id is None:
            case_id = _open(tx, sighting, found, zone, file=file)
            if case_id is not None:
                return Opened(case_id, opened=True)
        else:
            _join(tx, sighting, found)
            return Opened(found.id, opened=False)
    raise Conflict(f"the case of asset {asset_id} changed while it was being opened; try again")


def open_at_place(
    tx: Connection,
    *,
    place: Place,
    kind: str,
    severity: Severity,
    source: Source,
    now: datetime,
    by: Actor = SYSTEM,
    note: str = "",
    detail: Mapping[str, Any] | None = None,
    file: bool | None = None,
    zone: tzinfo = CHINA_TIME,
) -> Opened:
    """A new case at a place where nothing of the register stands. It joins no other by itself: people merge.

    Raises ``InvalidInput`` for an unknown kind.
    """
    seen = _Sighting(
        asset_id=None,
        place=place,
        kind=kind,
        severity=Severity(severity),
        source=Source(source),
        by=by,
        note=note.strip(),
        detail=detail or {},
        at=now,
    )
    case_id = _open(tx, seen, _Nowhere(asset_name=place.words, area_code=place.area_code), zone, file=file)
    if case_id is None:
        raise Conflict("the case could not be opened; try again")
    return Opened(case_id, opened=True)


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
    row = tx.execute(_shown().where(case.c.id == case_id)).one()
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
    row = tx.execute(_shown().where(case.c.id == case_id, *_OWN, not_(touched.exists()))).one_or_none()
    if row is None:
        return False
    void = {"stage": Stage.VOID.value, "ended_at": now, "closed_how": ClosedHow.VOID.value, "version": 2}
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


class _Nowhere(NamedTuple):
    """What a case without an asset shows in place of one."""

    asset_name: str
    area_code: str
    road: str = ""


def _shown() -> Select[Any]:
    """Rows of cases with the name and road of what they are about."""
    name = func.coalesce(asset.c.name, case.c.place).label("asset_name")
    road = func.coalesce(asset.c.road, "").label("road")
    return select(case, name, road).outerjoin_from(case, asset, asset.c.id == case.c.asset_id)


def _look(tx: Connection, asset_id: int, kind: str) -> Row[*tuple[Any, ...]]:
    """The asset's name and road with its open case of that kind (columns None: there is none).

    The case is kept: nobody may close it while something joins it.
    """
    about = (asset.c.name.label("asset_name"), asset.c.road, asset.c.area_code, asset.c.id.label("asset_id"))
    known = (case.c.id, case.c.number, case.c.kind, case.c.severity, case.c.stage)
    joined = select(*about, *known).join_from(asset, case, case.c.asset_id == asset.c.id)
    row = tx.execute(keeping(joined.where(asset.c.id == asset_id, case.c.kind == kind, IS_OPEN))).one_or_none()
    if row is None:
        none = (null().label(column.name) for column in known)
        row = tx.execute(select(*about, *none).where(asset.c.id == asset_id)).one_or_none()
    if row is None:
        raise NotFound("asset", asset_id)
    return row


_FILED_AT_ONCE = frozenset({Source.SENSOR, Source.PATROL, Source.ABOVE})


def _open(tx: Connection, seen: _Sighting, about: Any, zone: tzinfo, *, file: bool | None) -> int | None:
    """The new case's id; None when another writer opened one between our look and our write."""
    filed = seen.source in _FILED_AT_ONCE if file is None else file
    limits = limits_of(tx, seen.kind, area_code=about.area_code, now=seen.at, zone=zone)
    lines, story = _first_lines(seen, limits, filed=filed)
    row = {
        "number": _next_number(tx, seen.at, zone),
        "asset_id": seen.asset_id,
        "kind": seen.kind,
        "source": seen.source.value,
        "opened_at": seen.at,
        "area_code": about.area_code,
        **{name: getattr(story, name) for name in COLUMNS},
        "version": 1,
    }
    if seen.place is not None:
        row |= {"lon": seen.place.lon, "lat": seen.place.lat, "place": seen.place.words}
    statement = _INSERTS[tx.dialect.name](case).values(row).on_conflict_do_nothing().returning(case.c.id)
    case_id = tx.execute(statement).scalar()
    if case_id is None:
        return None
    tx.execute(insert(entry), [_first_entry(seen, int(case_id), line) for line in lines])
    shown = {name: row[name] for name in ("number", "kind", "severity", "asset_id", "source")}
    body = {"case_id": case_id, **shown, "stage": story.stage.value}
    publish(tx, FeedKind.CASE_OPENED, body | {"asset_name": about.asset_name, "road": about.road}, now=seen.at)
    return int(case_id)


def _first_lines(seen: _Sighting, limits: CaseLimits, *, filed: bool) -> tuple[list[Line], CaseStory]:
    """The first entries of a timeline, each with its deadlines, and the story they tell."""
    told_of = {"source": seen.source.value, "severity": int(seen.severity), **seen.detail}
    new = CaseStory(opened_at=seen.at, stage=Stage.COLLECTED, severity=int(seen.severity))
    clocks = _clocks(limits, new)
    lines = [
        Line(
            at=seen.at,
            move=EventName.COLLECT,
            to_stage=Stage.COLLECTED,
            by_user_id=seen.by.user_id,
            detail=told_of | clocks,
        )
    ]
    if filed:
        at_desk = replace(new, filed_at=seen.at)
        clocks = _clocks(limits, at_desk)
        lines.append(
            Line(
                at=seen.at,
                move=MoveName.FILE,
                to_stage=Stage.FILED,
                by_user_id=seen.by.user_id,
                detail=clocks | {"limits": limits.told()},
            )
        )
    return lines, fold(lines)


def _clocks(limits: CaseLimits, story: CaseStory) -> dict[str, str]:
    return {"deadline_at": moment_text(limits.repair_due(story)), "desk_due_at": moment_text(limits.desk_due(story))}


def _first_entry(seen: _Sighting, case_id: int, line: Line) -> dict[str, Any]:
    collecting = line.move == EventName.COLLECT
    return {
        "case_id": case_id,
        "at": seen.at,
        "move": str(line.move),
        "from_stage": None if collecting else Stage.COLLECTED.value,
        "to_stage": line.to_stage.value,
        "by_user_id": seen.by.user_id,
        "note": seen.note if collecting else "",
        "detail": dict(line.detail),
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
