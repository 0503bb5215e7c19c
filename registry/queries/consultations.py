"""Reading consultations: the list, one with its items and their cases, what was decided and not yet carried out."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, Select, func, select

from registry.domain.kinds import Stage
from registry.queries.asset_filters import digits_begin
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import all_views, as_view
from registry.storage.database import reading
from registry.storage.tables import case, consultation, consultation_case, consultation_item, unit, user


class ConsultationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A consultation, with how many of its decisions are open, and how many of those are late."""

    id: int
    year: int
    serial: int
    subject: str
    area_code: str
    held_at: datetime
    place: str
    chair: str
    members: list[str]
    minutes: str
    version: int
    items: int
    open_items: int
    late_items: int

    @property
    def number(self) -> str:
        """As it stands on the minutes."""
        return f"会商〔{self.year}〕{self.serial}号"


class LinkedCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case that an item is about."""

    item_id: int
    id: int
    number: str
    kind: str
    stage: Stage


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """One item. ``late``: not carried out by its day."""

    id: int
    consultation_id: int
    position: int
    subject: str
    decision: str
    unit_id: int | None
    unit_name: str
    owner: str
    due_on: date | None
    done_at: datetime | None
    done_by_name: str
    done_note: str
    late: bool
    cases: list[LinkedCase]


class ConsultationView(msgspec.Struct, frozen=True, kw_only=True):
    """A consultation with its items."""

    row: ConsultationRow
    items: list[ItemView]


def list_consultations(
    engine: Engine, *, today: date, scope: str = "", after: str | None = None, limit: int = 50
) -> Page[ConsultationRow]:
    """Consultations, the newest first."""
    query = _rows(today).order_by(consultation.c.id.desc()).limit(check_limit(limit) + 1)
    if scope:
        query = query.where(digits_begin(consultation.c.area_code, scope))
    if after is not None:
        query = query.where(consultation.c.id < decode_id(after))
    with reading(engine) as tx:
        return page_of(all_views(tx, query, ConsultationRow), limit, lambda row: (row.id,))


def consultation_view(engine: Engine, consultation_id: int, *, today: date) -> ConsultationView | None:
    """One consultation: three statements."""
    with reading(engine) as tx:
        row = tx.execute(_rows(today).where(consultation.c.id == consultation_id)).mappings().one_or_none()
        if row is None:
            return None
        items = tx.execute(_items().where(consultation_item.c.consultation_id == consultation_id)).mappings().all()
        linked = all_views(tx, _cases().where(consultation_item.c.consultation_id == consultation_id), LinkedCase)
    views = [
        as_view(
            item, ItemView, late=_is_late(item, today), cases=[each for each in linked if each.item_id == item["id"]]
        )
        for item in items
    ]
    return ConsultationView(row=as_view(row, ConsultationRow), items=views)


def open_items(engine: Engine, *, today: date, scope: str = "", limit: int = 100) -> list[ItemView]:
    """Decisions that nobody has carried out yet, the one that is due first at the top."""
    query = _items().where(consultation_item.c.done_at.is_(None), consultation_item.c.due_on.is_not(None))
    if scope:
        query = query.where(digits_begin(consultation.c.area_code, scope))
    query = query.order_by(None).order_by(consultation_item.c.due_on, consultation_item.c.id).limit(limit)
    with reading(engine) as tx:
        return [as_view(row, ItemView, late=_is_late(row, today), cases=[]) for row in tx.execute(query).mappings()]


def _rows(today: date) -> Select[Any]:
    items = select(func.count()).where(consultation_item.c.consultation_id == consultation.c.id)
    left = items.where(consultation_item.c.done_at.is_(None), consultation_item.c.decision != "")
    late = left.where(consultation_item.c.due_on < today.isoformat())
    return select(
        consultation,
        items.scalar_subquery().label("items"),
        left.scalar_subquery().label("open_items"),
        late.scalar_subquery().label("late_items"),
    )


def _items() -> Select[Any]:
    return (
        select(
            consultation_item,
            func.coalesce(unit.c.name, "").label("unit_name"),
            func.coalesce(user.c.name, "").label("done_by_name"),
        )
        .join_from(consultation_item, consultation, consultation.c.id == consultation_item.c.consultation_id)
        .outerjoin(unit, unit.c.id == consultation_item.c.unit_id)
        .outerjoin(user, user.c.id == consultation_item.c.done_by)
        .order_by(consultation_item.c.position)
    )


def _cases() -> Select[Any]:
    return (
        select(consultation_case.c.item_id, case.c.id, case.c.number, case.c.kind, case.c.stage)
        .join_from(consultation_case, case, case.c.id == consultation_case.c.case_id)
        .join(consultation_item, consultation_item.c.id == consultation_case.c.item_id)
        .order_by(case.c.id)
    )


def _is_late(row: Any, today: date) -> bool:
    return row["done_at"] is None and row["due_on"] is not None and row["due_on"] < today.isoformat()
