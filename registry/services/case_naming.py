"""Naming what a case of a place is about (指认部件): somebody at the desk ties it to an asset of the register near by.

What belongs to the case goes along: its reports and pictures are the asset's from then on. An asset still has one open
case of a kind: where it has one, this one is merged into it instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed
from registry.domain.geo import Place, distance_m
from registry.domain.kinds import ENDED_STAGES, CaseRole, Family, Stage
from registry.domain.moves import EventName
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services.case_opening import feed_body, write_event
from registry.services.case_writing import load
from registry.services.feed import FeedKind, publish
from registry.services.standard import standard_in_force
from registry.storage.database import written
from registry.storage.open_cases import IS_OPEN
from registry.storage.tables import asset, case, photo, report

FARTHEST_M = 500.0
"""An asset farther away than this is not what was reported."""

NAMING = frozenset({CaseRole.RECEPTIONIST, CaseRole.SHIFT_SUPERVISOR, CaseRole.DISPATCHER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What the case is about now, and how far that is from the reported place."""

    number: str
    asset_id: int
    asset_name: str
    distance_m: float
    version: int


def name_asset(
    engine: Engine, case_id: int, asset_id: int, *, by: Actor, expected_version: int, now: datetime
) -> Named:
    """Tie a case of a place to an asset.

    Raises ``NotFound``, ``NotAllowed`` (for who is not at the desk), ``Conflict`` when somebody changed it first,
    ``InvalidMove`` for a case that has ended or has an asset, and where the asset has an open case of that kind,
    ``InvalidInput`` for an asset that is none, too far, or of another family than the kind of case.
    """
    return written(engine, lambda tx: _name(tx, case_id, asset_id, by=by, expected_version=expected_version, now=now))


def _name(tx: Connection, case_id: int, asset_id: int, *, by: Actor, expected_version: int, now: datetime) -> Named:
    row = load(tx, case_id)
    check_area(by, row.lies_in)
    if not by.case_roles & NAMING:
        raise NotAllowed(f"what a case is about is named at the desk; {by.name} is neither receptionist nor dispatcher")
    if row.version != expected_version:
        raise Conflict("this case has changed meanwhile. Load it again and decide anew")
    if row.asset_id is not None:
        raise InvalidMove(f"{row.number} is about {row.asset_name} already")
    if Stage(row.stage) in ENDED_STAGES:
        raise InvalidMove(f"{row.number} is {row.stage} already; reopen it first")
    thing = _asset(tx, asset_id, by)
    away = round(distance_m(Place(row.lon, row.lat), Place(thing.lon, thing.lat)), 1)
    _check_fits(tx, row, thing, away)
    _save(tx, row, thing, away, by=by, now=now)
    return Named(number=row.number, asset_id=thing.id, asset_name=thing.name, distance_m=away, version=row.version + 1)


def _asset(tx: Connection, asset_id: int, by: Actor) -> Any:
    thing = tx.execute(select(asset).where(asset.c.id == asset_id, asset.c.merged_into_id.is_(None))).one_or_none()
    if thing is None:
        raise InvalidInput("asset_id", "{given} is no asset of the register; choose one of the list", given=asset_id)
    check_area(by, thing.area_code)
    return thing


def _check_fits(tx: Connection, row: Any, thing: Any, away: float) -> None:
    if away > FARTHEST_M:
        raise InvalidInput(
            "asset_id", "lies {away:.0f} m from there; choose one within {most:.0f} m", away=away, most=FARTHEST_M
        )
    line = standard_in_force(tx).lines.get(row.kind)
    if line is not None and line.family is not Family.OTHER and line.family != thing.family:
        raise InvalidInput("asset_id", "is of another sort than this kind of case is about; choose one that fits")
    same = (case.c.asset_id == thing.id, case.c.kind == row.kind, IS_OPEN)
    other = tx.scalar(select(case.c.number).where(*same))
    if other is not None:
        raise InvalidMove(f"{thing.name} has an open case of this kind already: {other}. Merge this one into it")


def _save(tx: Connection, row: Any, thing: Any, away: float, *, by: Actor, now: datetime) -> None:
    tx.execute(update(case).where(case.c.id == row.id).values(asset_id=thing.id, version=row.version + 1))
    for table in (photo, report):
        unnamed = (table.c.case_id == row.id, table.c.asset_id.is_(None))
        tx.execute(update(table).where(*unnamed).values(asset_id=thing.id))
    detail = {"asset_id": thing.id, "asset_name": thing.name, "distance_m": away}
    write_event(tx, row.id, EventName.NAMED, now=now, by=by, detail=detail)
    about = {"asset_id": thing.id, "asset_name": thing.name, "road": thing.road}
    about |= {"move": EventName.NAMED.value, "version": row.version + 1, "by": by.name}
    publish(tx, FeedKind.CASE_MOVED, feed_body(row) | about, now=now)
