"""Keeping mobile resources: the list of them, and where each was last. A late report never replaces a newer place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, or_, select, update

from registry.domain.errors import InvalidInput, NotFound
from registry.domain.geo import Crs, Place, check_place, to_wgs84
from registry.domain.mobile import FUTURE_ALLOWED, MobileKind, tidy_number
from registry.domain.people import Actor
from registry.domain.scopes import check_area, covers
from registry.services import audit
from registry.storage.tables import mobile_resource, unit

MOST_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewResource:
    """A resource to be listed. ``number``: plate, serial or inventory number; ``area_code`` "": the whole city."""

    kind: MobileKind
    number: str
    name: str = ""
    unit_id: int | None = None
    area_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a resource said it was. ``speed_kmh`` and ``heading`` (degrees from north) None: it did not say."""

    number: str
    at: datetime
    lon: float
    lat: float
    crs: Crs = Crs.WGS84
    speed_kmh: float | None = None
    heading: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenPositions:
    """What became of a batch. ``late``: not newer than what was known; ``unknown``: numbers that nobody listed."""

    taken: int
    late: int
    unknown: list[str]


def add_resource(tx: Connection, new: NewResource, *, by: Actor, now: datetime) -> int:
    """List a resource; its id. Raises ``InvalidInput`` naming the field, ``NotAllowed`` beyond the area of ``by``."""
    row = _checked(tx, new, by)
    made = insert(mobile_resource).values(**row, added_at=now).returning(mobile_resource.c.id)
    resource_id = int(tx.execute(made).scalar_one())
    _note(tx, "add", resource_id, row, by, now)
    return resource_id


def change_resource(tx: Connection, resource_id: int, new: NewResource, *, by: Actor, now: datetime) -> None:
    """Change what is listed. Raises as ``add_resource``, and ``NotFound``."""
    _known(tx, resource_id, by)
    row = _checked(tx, new, by, but=resource_id)
    tx.execute(update(mobile_resource).where(mobile_resource.c.id == resource_id).values(**row))
    _note(tx, "change", resource_id, row, by, now)


def retire_resource(tx: Connection, resource_id: int, *, by: Actor, now: datetime) -> None:
    """Take it off the list; its number may be listed again. Raises ``NotFound``, ``NotAllowed``."""
    number = _known(tx, resource_id, by)
    tx.execute(update(mobile_resource).where(mobile_resource.c.id == resource_id).values(retired_at=now))
    _note(tx, "retire", resource_id, {"number": number}, by, now)


def take_positions(tx: Connection, positions: Sequence[Position], *, by: Actor, now: datetime) -> TakenPositions:
    """Keep where resources are: of each, the newest place alone, whatever the order in which reports arrive.

    Numbers of nobody in the area of ``by`` are answered as unknown. Raises ``InvalidInput`` naming the first report
    that can't be used; then nothing of the batch is kept.
    """
    if len(positions) > MOST_AT_ONCE:
        raise InvalidInput("positions", "at most {most} at once; send the rest in another request", most=MOST_AT_ONCE)
    newest: dict[str, Position] = {}
    for index, one in enumerate(positions):
        _check_position(one, index, now)
        number = tidy_number(one.number)
        if number not in newest or one.at > newest[number].at:
            newest[number] = one
    known = {
        row.number: row
        for row in tx.execute(
            select(mobile_resource.c.id, mobile_resource.c.number, mobile_resource.c.area_code).where(
                mobile_resource.c.number.in_(list(newest)), mobile_resource.c.retired_at.is_(None)
            )
        )
        if covers(by, row.area_code)
    }
    # in one order, so that two batches at once never wait for each other in a circle
    moves = [_moved(known[number].id, newest[number]) for number in sorted(known.keys() & newest.keys())]
    moved = tx.execute(_MOVE, moves).rowcount if moves else 0
    heard = sum(tidy_number(one.number) in known for one in positions)
    return TakenPositions(taken=moved, late=heard - moved, unknown=sorted(newest.keys() - known.keys()))


_MOVE = (
    update(mobile_resource)
    .where(
        mobile_resource.c.id == bindparam("of"),
        or_(mobile_resource.c.placed_at.is_(None), mobile_resource.c.placed_at < bindparam("placed_at")),
    )
    .values({name: bindparam(name) for name in ("lon", "lat", "placed_at", "speed_kmh", "heading")})
)


def _moved(resource_id: int, position: Position) -> dict[str, object]:
    place = to_wgs84(Place(position.lon, position.lat), position.crs)
    return {
        "of": resource_id,
        "lon": round(place.lon, 6),
        "lat": round(place.lat, 6),
        "placed_at": position.at,
        "speed_kmh": position.speed_kmh,
        "heading": position.heading,
    }


def _check_position(position: Position, index: int, now: datetime) -> None:
    field = f"positions[{index}]"
    try:
        check_place(position.lon, position.lat)
    except InvalidInput as error:
        raise error.at(f"{field}.{error.field}") from None
    if not tidy_number(position.number):
        raise InvalidInput(f"{field}.number", "is empty; say whose place it is")
    if position.at - now > FUTURE_ALLOWED:
        raise InvalidInput(f"{field}.at", "lies ahead of the city's clock; set the clock of the sender")


def _checked(tx: Connection, new: NewResource, by: Actor, *, but: int | None = None) -> dict[str, object]:
    check_area(by, new.area_code)
    number, name = tidy_number(new.number), new.name.strip()
    if not 1 <= len(number) <= 40:
        raise InvalidInput("number", "must be 1 to 40 characters: the plate, or the number on the device")
    if len(name) > 80:
        raise InvalidInput("name", "must be at most 80 characters")
    if new.unit_id is not None and tx.scalar(select(unit.c.id).where(unit.c.id == new.unit_id)) is None:
        raise InvalidInput("unit_id", "no such unit; choose one of the list")
    same = select(mobile_resource.c.id).where(
        mobile_resource.c.number == number, mobile_resource.c.retired_at.is_(None), mobile_resource.c.id != (but or 0)
    )
    if tx.scalar(same) is not None:
        raise InvalidInput("number", "{given} is listed already; each number stands for one", given=number)
    return {
        "kind": new.kind.value,
        "number": number,
        "name": name,
        "unit_id": new.unit_id,
        "area_code": new.area_code,
    }


def _known(tx: Connection, resource_id: int, by: Actor) -> str:
    row = tx.execute(
        select(mobile_resource.c.number, mobile_resource.c.area_code).where(
            mobile_resource.c.id == resource_id, mobile_resource.c.retired_at.is_(None)
        )
    ).first()
    if row is None:
        raise NotFound("mobile resource", resource_id)
    check_area(by, row.area_code)
    return str(row.number)


def _note(tx: Connection, what: str, resource_id: int, row: dict[str, object], by: Actor, now: datetime) -> None:
    detail = dict(row)
    audit.record(tx, by=by, action=f"mobile.{what}", subject=f"mobile:{resource_id}", detail=detail, now=now)
