"""Reading tasks from above: the lists with how much of each is struck off, the tasks, one task with its story."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Engine, Integer, Select, func, or_, select

from registry.domain.kinds import Stage
from registry.domain.mandates import MandateMove, MandateState
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import all_views, as_view
from registry.storage.database import reading
from registry.storage.tables import asset, case, mandate, mandate_entry, mandate_list, unit, user


class MandateListRow(msgspec.Struct, frozen=True, kw_only=True):
    """A list as it came from above, and how far it is."""

    id: int
    name: str
    issued_by: str
    received_on: date
    file_name: str
    created_at: datetime
    tasks: int
    done: int
    struck: int
    late: int

    @property
    def struck_share(self) -> float | None:
        """销号率, 0 to 1; None for an empty list."""
        return self.struck / self.tasks if self.tasks else None


class MandateRow(msgspec.Struct, frozen=True, kw_only=True):
    """A task. ``late``: open beyond its day."""

    id: int
    list_id: int
    list_name: str
    number: str
    subject: str
    place: str
    unit_id: int | None
    unit_name: str
    owner_id: int | None
    owner: str
    due_on: date | None
    state: MandateState
    asset_id: int | None
    asset_name: str
    case_id: int | None
    case_number: str
    case_stage: Stage | None
    proof: str
    photo_ids: list[int]
    done_at: datetime | None
    done_by: int | None
    done_by_name: str
    struck_at: datetime | None
    struck_by_name: str
    version: int
    late: bool


class MandateEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a task."""

    at: datetime
    by_name: str
    move: MandateMove
    note: str


class MandateView(msgspec.Struct, frozen=True, kw_only=True):
    """A task with its story."""

    row: MandateRow
    entries: list[MandateEntry]


def mandate_lists(engine: Engine, *, today: date) -> list[MandateListRow]:
    """Every list, the newest first."""

    def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(condition.cast(Integer)), 0)

    query = (
        select(
            mandate_list,
            func.count(mandate.c.id).label("tasks"),
            count(mandate.c.state == MandateState.DONE.value).label("done"),
            count(mandate.c.state == MandateState.STRUCK.value).label("struck"),
            count(_late(today)).label("late"),
        )
        .outerjoin_from(mandate_list, mandate, mandate.c.list_id == mandate_list.c.id)
        .group_by(mandate_list.c.id)
        .order_by(mandate_list.c.id.desc())
    )
    with reading(engine) as tx:
        return all_views(tx, query, MandateListRow)


def list_mandates(
    engine: Engine,
    *,
    today: date,
    list_id: int | None = None,
    state: MandateState | None = None,
    unit_id: int | None = None,
    late: bool = False,
    mine: tuple[int, int | None] | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[MandateRow]:
    """Tasks in the order of their lists. ``mine``: (account, unit) whose tasks are wanted."""
    query = _rows().order_by(mandate.c.id).limit(check_limit(limit) + 1)
    if list_id is not None:
        query = query.where(mandate.c.list_id == list_id)
    if state is not None:
        query = query.where(mandate.c.state == state.value)
    if unit_id is not None:
        query = query.where(mandate.c.unit_id == unit_id)
    if late:
        query = query.where(_late(today))
    if mine is not None:
        user_id, own_unit = mine
        units = mandate.c.owner_id.is_(None) & (mandate.c.unit_id == own_unit)
        query = query.where(or_(mandate.c.owner_id == user_id, units))
    if after is not None:
        query = query.where(mandate.c.id > decode_id(after))
    with reading(engine) as tx:
        rows = [_row(row, today) for row in tx.execute(query).mappings()]
    return page_of(rows, limit, lambda row: (row.id,))


def mandate_view(engine: Engine, mandate_id: int, *, today: date) -> MandateView | None:
    """One task."""
    story = (
        select(mandate_entry, func.coalesce(user.c.name, "").label("by_name"))
        .outerjoin_from(mandate_entry, user, user.c.id == mandate_entry.c.by_user_id)
        .where(mandate_entry.c.mandate_id == mandate_id)
        .order_by(mandate_entry.c.id)
    )
    with reading(engine) as tx:
        row = tx.execute(_rows().where(mandate.c.id == mandate_id)).mappings().one_or_none()
        if row is None:
            return None
        return MandateView(row=_row(row, today), entries=all_views(tx, story, MandateEntry))


def _late(today: date) -> ColumnElement[bool]:
    return (mandate.c.state == MandateState.OPEN.value) & (mandate.c.due_on < today.isoformat())


def _row(row: Any, today: date) -> MandateRow:
    open_still = row["state"] == MandateState.OPEN.value
    late = open_still and row["due_on"] is not None and row["due_on"] < today.isoformat()
    return as_view(row, MandateRow, owner=row["owner_name"] or row["owner"], late=late)


def _rows() -> Select[Any]:
    owner, doer, striker = user.alias("owner_user"), user.alias("doer"), user.alias("striker")
    return (
        select(
            mandate,
            mandate_list.c.name.label("list_name"),
            func.coalesce(unit.c.name, "").label("unit_name"),
            func.coalesce(owner.c.name, "").label("owner_name"),
            func.coalesce(asset.c.name, "").label("asset_name"),
            func.coalesce(case.c.number, "").label("case_number"),
            case.c.stage.label("case_stage"),
            func.coalesce(doer.c.name, "").label("done_by_name"),
            func.coalesce(striker.c.name, "").label("struck_by_name"),
        )
        .join_from(mandate, mandate_list, mandate_list.c.id == mandate.c.list_id)
        .outerjoin(unit, unit.c.id == mandate.c.unit_id)
        .outerjoin(owner, owner.c.id == mandate.c.owner_id)
        .outerjoin(asset, asset.c.id == mandate.c.asset_id)
        .outerjoin(case, case.c.id == mandate.c.case_id)
        .outerjoin(doer, doer.c.id == mandate.c.done_by)
        .outerjoin(striker, striker.c.id == mandate.c.struck_by)
    )
