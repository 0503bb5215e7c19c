"""What the desk has to decide before a case goes on: returns (回退) to confirm, requests that wait in their chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Engine, Select, String, bindparam, func, select

from registry.domain.case_requests import may_decide, read_chain
from registry.domain.kinds import CaseRole, RequestKind, RequestState, Severity, Stage
from registry.domain.moves import MoveName
from registry.domain.people import Actor
from registry.queries.asset_filters import digits_begin
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.open_cases import IS_RETURNED
from registry.storage.tables import asset, case, case_request, entry, user

_MOST = 50
_LOOKED_AT = 200
"""Of the requests that wait; those of them that wait for this person are shown."""


class Undecided(msgspec.Struct, frozen=True, kw_only=True):
    """One decision that a case waits for. ``asked``: "return" or the kind of a request; ``until``: of a suspension."""

    case_id: int
    number: str
    kind: str
    severity: Severity
    asked: str
    at: datetime
    by_name: str | None
    reason: str
    until: datetime | None
    deadline_at: datetime
    what: str
    road: str


def undecided_for(engine: Engine, by: Actor, *, most: int = _MOST) -> list[Undecided]:
    """What waits for this very person to decide, in their area, what was asked first at the top."""
    with reading(engine) as tx:
        found: list[Undecided] = []
        if CaseRole.SHIFT_SUPERVISOR in by.case_roles:
            rows = tx.execute(_returns(by.area_code).limit(most))
            found += [as_view(row._mapping, Undecided, asked="return", until=None) for row in rows]
        for row in tx.execute(_requests(by.area_code).limit(_LOOKED_AT)):
            if may_decide(RequestKind(row.asked), read_chain(row.steps), by, row.asked_by):
                found.append(as_view(row._mapping, Undecided))
    return sorted(found, key=lambda each: (each.at, each.case_id))[:most]


# A literal word, not a parameter: the partial index of what waits is used only for the very condition it was made with.
_WAITING = bindparam("waiting", RequestState.WAITING.value, type_=String, literal_execute=True)
_ABOUT: tuple[ColumnElement[Any], ...] = (
    case.c.id.label("case_id"),
    case.c.number,
    case.c.kind,
    case.c.severity,
    case.c.deadline_at,
    func.coalesce(asset.c.name, case.c.place).label("what"),
    func.coalesce(asset.c.road, "").label("road"),
)


def _returns(scope: str) -> Select[Any]:
    newest = (
        select(func.max(entry.c.id))
        .where(entry.c.case_id == case.c.id, entry.c.move == MoveName.RETURN.value)
        .correlate(case)
        .scalar_subquery()
    )
    return (
        select(*_ABOUT, case.c.returned_at.label("at"), user.c.name.label("by_name"), entry.c.note.label("reason"))
        .select_from(
            case.join(entry, entry.c.id == newest)
            .outerjoin(asset, asset.c.id == case.c.asset_id)
            .outerjoin(user, user.c.id == entry.c.by_user_id)
        )
        .where(IS_RETURNED, *_within(scope))
        .order_by(case.c.returned_at, case.c.id)
    )


def _requests(scope: str) -> Select[Any]:
    asked = case_request.c
    return (
        select(
            *_ABOUT,
            asked.kind.label("asked"),
            asked.asked_at.label("at"),
            asked.asked_by,
            asked.steps,
            asked.reason,
            asked.until,
            user.c.name.label("by_name"),
        )
        .select_from(
            case_request.join(case, case.c.id == asked.case_id)
            .outerjoin(asset, asset.c.id == case.c.asset_id)
            .outerjoin(user, user.c.id == asked.asked_by)
        )
        .where(asked.state == _WAITING, case.c.stage != Stage.VOID.value, *_within(scope))
        .order_by(asked.asked_at, asked.id)
    )


def _within(scope: str) -> tuple[ColumnElement[bool], ...]:
    return (digits_begin(case.c.lies_in, scope),) if scope else ()
