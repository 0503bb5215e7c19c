"""Patrol plans: which route is walked how often by whom, and in which season more often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.areas import read_area_path
from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.geo import check_place
from registry.domain.patrols import MOST_RADIUS_M, MOST_STOPS, USUAL_RADIUS_M, USUAL_WEEKLY
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import asset, campaign, patrol_plan, patrol_stop, season, unit

MOST_NOTE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPlan:
    """A plan: walked by ``unit_id`` on at least ``weekly`` days a week, ``season_weekly`` while that season is on.

    ``theme``: what a themed patrol is about; empty for an ordinary one.
    """

    name: str
    unit_id: int
    starts_on: date
    ends_on: date | None = None
    theme: str = ""
    area_code: str = ""
    campaign_id: int | None = None
    weekly: int = USUAL_WEEKLY
    season_key: str = ""
    season_weekly: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStop:
    """A point of the route. One that stands at an asset takes the asset's place; ``id`` keeps one that is there."""

    name: str = ""
    lon: float | None = None
    lat: float | None = None
    radius_m: float = USUAL_RADIUS_M
    key: bool = False
    place_type: str = ""
    asset_id: int | None = None
    id: int | None = None


def save_plan(
    engine: Engine, plan_id: int | None, new: NewPlan, *, by: Actor, now: datetime, version: int | None = None
) -> int:
    """Add a plan (``plan_id`` None) or change one; its id.

    Raises ``InvalidInput`` naming the field, ``NotFound``, ``Conflict`` (a namesake, changed meanwhile),
    ``OutsideArea``.
    """
    with writing(engine) as tx:
        row = _checked(tx, new)
        check_area(by, row["area_code"])
        other = tx.scalar(select(patrol_plan.c.id).where(patrol_plan.c.name == row["name"]))
        if other is not None and other != plan_id:
            raise Conflict(f"a patrol plan named {row['name']!r} exists; choose another name")
        if plan_id is None:
            added = insert(patrol_plan).values(**row, created_by=by.user_id, updated_at=now)
            plan_id = int(tx.execute(added.returning(patrol_plan.c.id)).scalar_one())
        else:
            was = own_plan(tx, plan_id, by, version=version)
            values = {**row, "retired": False, "version": was.version + 1, "updated_at": now}
            tx.execute(update(patrol_plan).where(patrol_plan.c.id == plan_id).values(values))
        detail = {name: row[name] for name in ("name", "theme", "unit_id", "area_code", "weekly")}
        audit.record(tx, by=by, action="patrol.plan", subject=f"patrol_plan:{plan_id}", detail=detail, now=now)
    return plan_id


def retire_plan(engine: Engine, plan_id: int, *, by: Actor, now: datetime) -> None:
    """Take a plan out of use; its rounds stay on record. Saving it again takes it back."""
    with writing(engine) as tx:
        was = own_plan(tx, plan_id, by)
        values = {"retired": True, "version": was.version + 1, "updated_at": now}
        tx.execute(update(patrol_plan).where(patrol_plan.c.id == plan_id).values(values))
        audit.record(tx, by=by, action="patrol.retire", subject=f"patrol_plan:{plan_id}", now=now)


def set_stops(
    engine: Engine, plan_id: int, stops: Sequence[NewStop], *, by: Actor, now: datetime, version: int | None = None
) -> list[int]:
    """Make ``stops`` the route, in that order; their ids. Points that are left out stay for the rounds that saw them.

    Raises ``InvalidInput`` (field ``stops``: which one, and why), ``NotFound``, ``Conflict``, ``OutsideArea``.
    """
    if len(stops) > MOST_STOPS:
        raise InvalidInput(
            "stops", "{count} points are too many; a route has at most {most}", count=len(stops), most=MOST_STOPS
        )
    with writing(engine) as tx:
        was = own_plan(tx, plan_id, by, version=version)
        there = set(tx.scalars(select(patrol_stop.c.id).where(patrol_stop.c.plan_id == plan_id)))
        places = _assets_of(tx, stops)
        rows = [_stop_row(number, stop, places) for number, stop in enumerate(stops, start=1)]
        kept = [stop.id for stop in stops if stop.id is not None]
        if not set(kept) <= there or len(set(kept)) < len(kept):
            raise InvalidInput("stops", "names a point that is not one of this route; load the page again")
        tx.execute(update(patrol_stop).where(patrol_stop.c.plan_id == plan_id).values(retired=True))
        ids = []
        for stop, row in zip(stops, rows, strict=True):
            if stop.id is not None:
                tx.execute(update(patrol_stop).where(patrol_stop.c.id == stop.id).values(**row, retired=False))
                ids.append(stop.id)
                continue
            added = insert(patrol_stop).values(**row, plan_id=plan_id).returning(patrol_stop.c.id)
            ids.append(int(tx.execute(added).scalar_one()))
        values = {"version": was.version + 1, "updated_at": now}
        tx.execute(update(patrol_plan).where(patrol_plan.c.id == plan_id).values(values))
        detail = {"stops": len(ids)}
        audit.record(tx, by=by, action="patrol.route", subject=f"patrol_plan:{plan_id}", detail=detail, now=now)
    return ids


def own_plan(tx: Connection, plan_id: int, by: Actor, *, version: int | None = None) -> Any:
    """The plan's row, locked. Raises ``NotFound``, ``OutsideArea``, ``Conflict`` when it is not at ``version``."""
    row = tx.execute(select(patrol_plan).where(patrol_plan.c.id == plan_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound("patrol plan", plan_id)
    check_area(by, row.area_code)
    if version is not None and row.version != version:
        raise Conflict(f"the patrol plan {row.name} has changed meanwhile; load it again and decide anew")
    return row


def _checked(tx: Connection, new: NewPlan) -> dict[str, Any]:
    row: dict[str, Any] = asdict(new)
    for name, most in (("name", 80), ("theme", 80), ("note", MOST_NOTE)):
        row[name] = row[name].strip()
        if len(row[name]) > most:
            raise InvalidInput(name, "is longer than {most} characters; shorten it", most=most)
    if not row["name"]:
        raise InvalidInput("name", "a patrol plan needs a name, such as 人民大道夜间照明巡查")
    for name, least in (("weekly", 1), ("season_weekly", 0)):
        if not least <= row[name] <= 7:
            raise InvalidInput(
                name, "{given} must be {least} to {most} days a week", given=row[name], least=least, most=7
            )
    if new.ends_on is not None and new.ends_on < new.starts_on:
        raise InvalidInput("ends_on", "comes before the first day")
    if tx.scalar(select(unit.c.id).where(unit.c.id == new.unit_id)) is None:
        raise InvalidInput("unit_id", "names no unit that is on file; choose one of the list")
    if new.season_key and tx.scalar(select(season.c.key).where(season.c.key == new.season_key)) is None:
        raise InvalidInput("season_key", "is no season of this city; choose one of the list")
    if new.campaign_id is not None and tx.scalar(select(campaign.c.id).where(campaign.c.id == new.campaign_id)) is None:
        raise InvalidInput("campaign_id", "names no campaign; choose one of the list")
    row["area_code"] = read_area_path(new.area_code)
    row["starts_on"] = new.starts_on.isoformat()
    row["ends_on"] = None if new.ends_on is None else new.ends_on.isoformat()
    return row


def _assets_of(tx: Connection, stops: Sequence[NewStop]) -> dict[int, Any]:
    wanted = {stop.asset_id for stop in stops if stop.asset_id is not None}
    query = select(asset.c.id, asset.c.name, asset.c.lon, asset.c.lat).where(asset.c.id.in_(wanted))
    return {row.id: row for row in tx.execute(query)} if wanted else {}


def _stop_row(number: int, stop: NewStop, places: dict[int, Any]) -> dict[str, Any]:
    here = places.get(stop.asset_id) if stop.asset_id is not None else None
    if stop.asset_id is not None and here is None:
        raise InvalidInput("stops", "point {number}: its asset does not exist", number=number)
    name = stop.name.strip() or (here.name if here is not None else "")
    if not name or len(name) > 120:
        raise InvalidInput("stops", "point {number} needs a name of at most {most} characters", number=number, most=120)
    lon, lat = (here.lon, here.lat) if here is not None else (stop.lon, stop.lat)
    if lon is None or lat is None:
        raise InvalidInput("stops", "point {number} needs a place: longitude and latitude, or an asset", number=number)
    try:
        check_place(lon, lat)
    except InvalidInput as error:
        raise InvalidInput("stops", "point {number}: {why}", number=number, why=error.problem) from None
    if not 5 <= stop.radius_m <= MOST_RADIUS_M:
        raise InvalidInput(
            "stops", "point {number}: the radius must be 5 to {most} m", number=number, most=round(MOST_RADIUS_M)
        )
    return {
        "position": number,
        "name": name,
        "place_type": stop.place_type.strip()[:40],
        "asset_id": stop.asset_id,
        "lon": lon,
        "lat": lat,
        "radius_m": stop.radius_m,
        "key_point": stop.key,
    }
