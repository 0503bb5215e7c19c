"""Routes: which alerts go to whom, in their order, and the steps that follow when nobody acknowledges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from registry.domain.areas import read_area_path
from registry.domain.errors import InvalidInput, NotFound
from registry.domain.kinds import Severity
from registry.domain.notices import MOST_STEPS, Matter, RouteStep
from registry.domain.people import Actor
from registry.domain.rules.rule import Hours
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import contact, post, route, rule, unit

LONGEST_WAIT_S = 7 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRoute:
    """A route; empty fields mean any. ``severity``: this and worse."""

    name: str
    severity: int
    steps: Sequence[RouteStep]
    unit_id: int | None = None
    area_code: str = ""
    rule_key: str = ""
    hours: Sequence[Hours] = ()
    digest: bool = False
    goes_on: bool = False
    enabled: bool = True


def save_route(engine: Engine, route_id: int | None, new: NewRoute, *, by: Actor, now: datetime) -> int:
    """Add a route at the end (``route_id`` None) or change one; its id. Raises ``InvalidInput`` naming the field."""
    with writing(engine) as tx:
        row = _checked(tx, new)
        if route_id is None:
            last = tx.scalar(select(func.max(route.c.position))) or 0
            added = insert(route).values(**row, position=last + 1).returning(route.c.id)
            route_id = int(tx.execute(added).scalar_one())
        else:
            _check_there(tx, route_id)
            tx.execute(update(route).where(route.c.id == route_id).values(row))
        audit.record(tx, by=by, action="route.set", subject=f"route:{route_id}", detail=row, now=now)
        return route_id


def move_route(engine: Engine, route_id: int, *, up: bool, by: Actor, now: datetime) -> None:
    """Change places with the route before (``up``) or after it; the first stays first. Raises ``NotFound``."""
    with writing(engine) as tx:
        _check_there(tx, route_id)
        order = list(tx.scalars(select(route.c.id).order_by(route.c.position, route.c.id)))
        at = order.index(route_id)
        to = max(0, at - 1) if up else min(len(order) - 1, at + 1)
        order[at], order[to] = order[to], order[at]
        for position, each in enumerate(order, start=1):
            tx.execute(update(route).where(route.c.id == each).values(position=position))
        audit.record(tx, by=by, action="route.move", subject=f"route:{route_id}", detail={"to": to + 1}, now=now)


def remove_route(engine: Engine, route_id: int, *, by: Actor, now: datetime) -> None:
    """Take a route out; what it has told stays on record. Raises ``NotFound``."""
    with writing(engine) as tx:
        _check_there(tx, route_id)
        tx.execute(delete(route).where(route.c.id == route_id))
        audit.record(tx, by=by, action="route.remove", subject=f"route:{route_id}", now=now)


def _check_there(tx: Connection, route_id: int) -> None:
    if tx.execute(select(route.c.id).where(route.c.id == route_id)).first() is None:
        raise NotFound("route", route_id)


def _checked(tx: Connection, new: NewRoute) -> dict[str, Any]:
    name = new.name.strip()
    if not name or len(name) > 80:
        raise InvalidInput("name", "{given!r} must be 1 to {most} characters", given=name[:90], most=80)
    if new.severity not in set(Severity):
        raise InvalidInput("severity", "{given} must be 1, 2 or 3", given=new.severity)
    if new.unit_id is not None and tx.execute(select(unit.c.id).where(unit.c.id == new.unit_id)).first() is None:
        raise InvalidInput("unit_id", "names no unit that is on file; choose one of the list")
    if not _is_known(tx, new.rule_key):
        raise InvalidInput("rule_key", "names no rule that is on file; choose one of the list")
    steps = _checked_steps(tx, new.steps)
    return {
        "name": name,
        "severity": int(new.severity),
        "unit_id": new.unit_id,
        "area_code": read_area_path(new.area_code),
        "rule_key": new.rule_key,
        "hours": [msgspec.to_builtins(each) for each in new.hours],
        "steps": [msgspec.to_builtins(each) for each in steps],
        "digest": new.digest,
        "goes_on": new.goes_on,
        "enabled": new.enabled,
    }


def _is_known(tx: Connection, rule_key: str) -> bool:
    """Whether a route may name it: nothing, a matter of cases, or a rule on file."""
    if not rule_key or rule_key in set(Matter):
        return True
    return tx.execute(select(rule.c.key).where(rule.c.key == rule_key)).first() is not None


def _checked_steps(tx: Connection, steps: Sequence[RouteStep]) -> list[RouteStep]:
    """Steps in the order of their times; the first is told at once."""
    kept = [step for step in steps if step.contacts or step.posts or step.unit_on_duty]
    if not kept:
        raise InvalidInput("steps", "a route tells somebody: choose a contact, a post, or the unit on duty")
    if len(kept) > MOST_STEPS:
        raise InvalidInput("steps", "{count} steps are too many; at most {most} fit", count=len(kept), most=MOST_STEPS)
    for before, step in pairwise(kept):
        if not before.after_s < step.after_s <= LONGEST_WAIT_S:
            raise InvalidInput("steps", "each step comes later than the one before it, and within a week")
    if kept[0].after_s != 0:
        raise InvalidInput("steps", "the first step is told at once: its minutes are 0")
    for table, wanted in (
        (contact, {each for step in kept for each in step.contacts}),
        (post, {each for step in kept for each in step.posts}),
    ):
        there = set(tx.scalars(select(table.c.id).where(table.c.id.in_(wanted))))
        if wanted - there:
            raise InvalidInput("steps", "names a contact or a post that is gone; choose again")
    return kept
