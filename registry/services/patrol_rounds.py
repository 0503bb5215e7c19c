"""Rounds of a patrol: started and ended by whoever walks, proven by scans and positions; findings become cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import Severity, Source
from registry.domain.patrols import Coverage, Presence, Stop, Visit, coverage, visits_of
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services.case_opening import Opened, open_or_attach
from registry.storage.database import writing
from registry.storage.tables import (
    asset,
    patrol_finding,
    patrol_plan,
    patrol_round,
    patrol_stop,
    patrol_visit,
    scan,
    user,
)

LONGEST = timedelta(hours=16)
"""A round that nobody ended is over then: nobody walks longer."""

MOST_NOTE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFinding:
    """Something wrong that was seen on a round: at an asset it opens (or joins) a case of ``kind``; else it is kept."""

    note: str
    asset_id: int | None = None
    kind: str = ""
    stop_id: int | None = None
    severity: Severity = Severity.ALARM


def start_round(
    engine: Engine, plan_id: int, *, by: Actor, now: datetime, unannounced: bool = False, zone: tzinfo = CHINA_TIME
) -> int:
    """Set out; the round's id. Setting out again on the same plan (a second tap) goes on with the same round.

    Raises ``NotFound``, ``InvalidMove`` (on a round of another plan, plan out of use), ``NotAllowed``.
    """
    if by.user_id is None:
        raise NotAllowed("a patrol is walked by somebody with an account")
    with writing(engine) as tx:
        plan = tx.execute(select(patrol_plan).where(patrol_plan.c.id == plan_id)).one_or_none()
        if plan is None:
            raise NotFound("patrol plan", plan_id)
        check_area(by, plan.area_code)
        if plan.retired:
            raise InvalidMove(f"the patrol plan {plan.name} is out of use; choose another one")
        # two taps at once wait for each other, and the second one finds the round of the first
        tx.execute(select(user.c.id).where(user.c.id == by.user_id).with_for_update())
        mine = (patrol_round.c.user_id == by.user_id, patrol_round.c.ended_at.is_(None))
        open_one = tx.execute(select(patrol_round).where(*mine).with_for_update()).one_or_none()
        if open_one is not None:
            if now - open_one.started_at < LONGEST:
                if open_one.plan_id == plan_id:
                    return int(open_one.id)
                raise InvalidMove("you are on a round already; end that one first")
            _end(tx, open_one, open_one.started_at + LONGEST, note="")
        values = {
            "plan_id": plan_id,
            "day": now.astimezone(zone).date().isoformat(),
            "user_id": by.user_id,
            "started_at": now,
            "unannounced": unannounced,
        }
        return int(tx.execute(insert(patrol_round).values(values).returning(patrol_round.c.id)).scalar_one())


def be_there(
    engine: Engine, round_id: int, *, lon: float, lat: float, accuracy_m: float | None, by: Actor, now: datetime
) -> list[int]:
    """Tell where one is; the points that this visits for the first time. Raises ``NotFound``, ``InvalidMove``."""
    with writing(engine) as tx:
        row = _own(tx, round_id, by)
        _check_open(row, now)
        there = Presence(at=now, lon=lon, lat=lat, accuracy_m=accuracy_m)
        known = visited(tx, row)
        new = [visit for visit in visits_of(stops_of(tx, row.plan_id), [there]) if visit.stop_id not in known]
        _keep(tx, round_id, new)
        return [visit.stop_id for visit in new]


def end_round(engine: Engine, round_id: int, *, by: Actor, now: datetime, note: str = "") -> Coverage:
    """Come home: what was covered is counted and kept. Raises ``NotFound``, ``InvalidMove``, ``InvalidInput``."""
    said = note.strip()
    if len(said) > MOST_NOTE:
        raise InvalidInput("note", "is longer than {most} characters; shorten it", most=MOST_NOTE)
    with writing(engine) as tx:
        row = _own(tx, round_id, by)
        if row.ended_at is not None:
            raise InvalidMove("this round is over")
        return _end(tx, row, min(now, row.started_at + LONGEST), note=said)


def add_finding(
    engine: Engine, round_id: int, new: NewFinding, *, by: Actor, now: datetime, zone: tzinfo = CHINA_TIME
) -> Opened | None:
    """Keep a finding; the case it opened or joined (None: no asset was named).

    Raises ``NotFound``, ``InvalidMove`` for a round that is over, ``InvalidInput``, ``OutsideArea``.
    """
    note = new.note.strip()
    if not note and not new.kind:
        raise InvalidInput("note", "say in a few words what is wrong")
    if len(note) > MOST_NOTE:
        raise InvalidInput("note", "is longer than {most} characters; shorten it", most=MOST_NOTE)
    with writing(engine) as tx:
        row = _own(tx, round_id, by)
        _check_open(row, now)
        stop = None
        if new.stop_id is not None:
            of_plan = (patrol_stop.c.id == new.stop_id, patrol_stop.c.plan_id == row.plan_id)
            stop = tx.execute(select(patrol_stop).where(*of_plan)).one_or_none()
            if stop is None:
                raise InvalidInput("stop_id", "is no point of this route; choose one of the list")
        asset_id = new.asset_id if new.asset_id is not None or stop is None else stop.asset_id
        opened = None
        if asset_id is not None and new.kind:
            opened = _open_case(tx, row, new, asset_id, note, by=by, now=now, zone=zone)
        tx.execute(
            insert(patrol_finding).values(
                round_id=round_id,
                at=now,
                stop_id=new.stop_id,
                asset_id=asset_id,
                case_id=None if opened is None else opened.case_id,
                kind=new.kind,
                note=note,
            )
        )
        return opened


def stops_of(tx: Connection, plan_id: int) -> list[Stop]:
    """The route as it is now."""
    rows = tx.execute(
        select(patrol_stop)
        .where(patrol_stop.c.plan_id == plan_id, patrol_stop.c.retired.is_(False))
        .order_by(patrol_stop.c.position)
    )
    return [
        Stop(id=row.id, lon=row.lon, lat=row.lat, radius_m=row.radius_m, asset_id=row.asset_id, key=row.key_point)
        for row in rows
    ]


def scans_of(tx: Connection, row: Any, until: datetime) -> list[Presence]:
    """The plates that whoever walks the round ``row`` has scanned on it."""
    rows = tx.execute(
        select(scan)
        .where(scan.c.user_id == row.user_id, scan.c.at >= row.started_at, scan.c.at <= until)
        .order_by(scan.c.id)
    )
    return [
        Presence(
            at=each.at,
            asset_id=each.asset_id,
            scan_id=each.id,
            lon=each.lon,
            lat=each.lat,
            accuracy_m=each.accuracy_m,
        )
        for each in rows
    ]


def visited(tx: Connection, row: Any) -> dict[int, Visit]:
    """The visits that are kept of the round ``row``, by point."""
    kept = tx.execute(select(patrol_visit).where(patrol_visit.c.round_id == row.id))
    return {
        each.stop_id: Visit(
            stop_id=each.stop_id, at=each.at, how=each.how, distance_m=each.distance_m, scan_id=each.scan_id
        )
        for each in kept
    }


def _open_case(
    tx: Connection,
    row: Any,
    new: NewFinding,
    asset_id: int,
    note: str,
    *,
    by: Actor,
    now: datetime,
    zone: tzinfo,
) -> Opened:
    area_code = tx.scalar(select(asset.c.area_code).where(asset.c.id == asset_id))
    if area_code is None:
        raise InvalidInput("asset_id", "is no asset on file; scan its plate or choose it from the list")
    check_area(by, area_code)
    return open_or_attach(
        tx,
        asset_id=asset_id,
        kind=new.kind,
        severity=new.severity,
        source=Source.PATROL,
        now=now,
        by=by,
        note=note,
        detail={"round_id": row.id},
        zone=zone,
    )


def _end(tx: Connection, row: Any, at: datetime, *, note: str) -> Coverage:
    stops = stops_of(tx, row.plan_id)
    known = visited(tx, row)
    _keep(tx, row.id, [visit for visit in visits_of(stops, scans_of(tx, row, at)) if visit.stop_id not in known])
    found = coverage(stops, visited(tx, row).values())
    values = {
        "ended_at": at,
        "note": note,
        "stops": found.stops,
        "visited": found.visited,
        "key_stops": found.key_stops,
        "key_visited": found.key_visited,
    }
    tx.execute(update(patrol_round).where(patrol_round.c.id == row.id).values(values))
    return found


def _keep(tx: Connection, round_id: int, visits: Sequence[Visit]) -> None:
    rows = [
        {
            "round_id": round_id,
            "stop_id": visit.stop_id,
            "at": visit.at,
            "how": str(visit.how),
            "distance_m": visit.distance_m,
            "scan_id": visit.scan_id,
        }
        for visit in visits
    ]
    if rows:
        tx.execute(insert(patrol_visit), rows)


def _own(tx: Connection, round_id: int, by: Actor) -> Any:
    row = tx.execute(select(patrol_round).where(patrol_round.c.id == round_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound("round", round_id)
    if row.user_id != by.user_id:
        raise NotAllowed("this round is somebody else's; whoever walks it tells where they are and ends it")
    return row


def _check_open(row: Any, now: datetime) -> None:
    if row.ended_at is not None or now - row.started_at >= LONGEST:
        raise InvalidMove("this round is over; set out on a new one")
