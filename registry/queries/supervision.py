"""Reading the ledger of supervision: items, one item with its story, notices, and the rates."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, case, func, or_, select

from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import NotFound
from registry.domain.kinds import Stage, SupervisionState
from registry.domain.supervision import notice_number, rate
from registry.queries.asset_filters import digits_begin
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import read_row
from registry.storage.database import reading
from registry.storage.tables import case as case_table
from registry.storage.tables import (
    supervision_entry,
    supervision_file,
    supervision_item,
    supervision_notice,
    unit,
    user,
)

_LONGEST_SEARCH = 80


class SupervisedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the ledger. ``late``: open, and its deadline has passed. ``number``: of its notice, "" without one."""

    id: int
    problem: str
    demand: str
    place: str
    area_code: str
    state: SupervisionState
    level: int
    late: bool
    opened_at: datetime
    deadline_at: datetime
    replied_at: datetime | None
    ended_at: datetime | None
    unit_id: int | None
    unit_name: str | None
    notice_id: int | None
    number: str
    case_id: int | None
    case_number: str | None
    case_stage: Stage | None
    asset_id: int | None
    version: int


class SupervisedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of evidence; the file itself is served by id."""

    id: int
    entry_id: int
    name: str
    media_type: str
    size_bytes: int
    sha256: str


class SupervisedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an item's timeline."""

    id: int
    at: datetime
    move: str
    by_user_id: int | None
    by_name: str | None
    note: str
    detail: dict[str, Any]


class SupervisedStory(SupervisedRow, frozen=True, kw_only=True):
    """An item with its timeline (oldest first) and its evidence."""

    opened_by: int | None
    opened_by_name: str | None
    replied_by: int | None
    ended_by: int | None
    entries: list[SupervisedEntry]
    files: list[SupervisedFile]


class SupervisionNoticeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A notice, and how many of its items are struck off."""

    id: int
    number: str
    title: str
    unit_id: int
    unit_name: str
    issued_at: datetime
    issued_by_name: str | None
    reply_by: datetime
    withdrawn_at: datetime | None
    items: int
    struck_off: int


class SupervisionNoticeStory(SupervisionNoticeRow, frozen=True, kw_only=True):
    """A notice with its words and items."""

    issuer: str
    demand: str
    withdrawn_why: str
    lines: list[SupervisedRow]


class SupervisionTally(msgspec.Struct, frozen=True, kw_only=True):
    """How many items there were and are, without withdrawn ones; ``rate`` in per cent with one decimal, "" for none."""

    total: int
    struck_off: int
    open: int
    late: int
    rate: str


class SupervisionTallies(msgspec.Struct, frozen=True, kw_only=True):
    """Since the beginning, and of the items opened in ``year``; ``notices`` issued in it and not withdrawn."""

    year: int
    ever: SupervisionTally
    of_year: SupervisionTally
    notices: int


class SupervisionUnitTally(SupervisionTally, frozen=True, kw_only=True):
    """The same of one unit."""

    unit_id: int | None
    unit_name: str | None


def list_items(
    engine: Engine,
    *,
    now: datetime,
    state: SupervisionState | None = None,
    late: bool = False,
    unit_id: int | None = None,
    notice_id: int | None = None,
    case_id: int | None = None,
    unnoticed: bool = False,
    q: str | None = None,
    scope: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Page[SupervisedRow]:
    """Items within the area ``scope``, the newest first. ``q`` is part of the problem or place, or a case number."""
    columns = supervision_item.c
    conditions = [*_scope(scope), *_searched(q)]
    if state is not None:
        conditions.append(columns.state == state.value)
    if late:
        conditions.append(_is_late(now))
    for column, wanted in ((columns.unit_id, unit_id), (columns.notice_id, notice_id), (columns.case_id, case_id)):
        if wanted is not None:
            conditions.append(column == wanted)
    if unnoticed:
        conditions.append(columns.notice_id.is_(None))
    if after is not None:
        conditions.append(columns.id < decode_id(after))
    query = _items().where(*conditions).order_by(columns.id.desc()).limit(check_limit(limit) + 1)
    with reading(engine) as tx:
        rows = [_item_row(row, now) for row in tx.execute(query)]
    return page_of(rows, limit, lambda row: (row.id,))


def count_items(
    engine: Engine, *, now: datetime, unit_id: int | None = None, q: str | None = None, scope: str = ""
) -> dict[str, int]:
    """How many items ``list_items`` would list of each state, and how many of them are ``late``."""
    state, late = supervision_item.c.state, func.sum(case((_is_late(now), 1), else_=0))
    query = select(state, func.count().label("items"), late.label("late")).select_from(
        supervision_item.outerjoin(case_table, case_table.c.id == supervision_item.c.case_id)
    )
    its = [] if unit_id is None else [supervision_item.c.unit_id == unit_id]
    with reading(engine) as tx:
        rows = tx.execute(query.where(*_scope(scope), *_searched(q), *its).group_by(state)).all()
    found = {each.value: 0 for each in SupervisionState} | {row.state: row.items for row in rows}
    return found | {"late": sum(int(row.late) for row in rows)}


def item_story(engine: Engine, item_id: int, *, now: datetime) -> SupervisedStory:
    """One item with its timeline and evidence. Raises ``NotFound``."""
    opener = user.alias("opener")
    query = _items().add_columns(opener.c.name.label("opened_by_name"))
    query = query.outerjoin(opener, opener.c.id == supervision_item.c.opened_by)
    with reading(engine) as tx:
        row = tx.execute(query.where(supervision_item.c.id == item_id)).one_or_none()
        if row is None:
            raise NotFound("supervised item", item_id)
        entries = tx.execute(
            select(supervision_entry, user.c.name.label("by_name"))
            .select_from(supervision_entry.outerjoin(user, user.c.id == supervision_entry.c.by_user_id))
            .where(supervision_entry.c.item_id == item_id)
            .order_by(supervision_entry.c.id)
        ).all()
        mine = supervision_file.c.item_id == item_id
        files = tx.execute(select(supervision_file).where(mine).order_by(supervision_file.c.id)).all()
    return read_row(
        row,
        SupervisedStory,
        **_derived(row, now),
        entries=[read_row(each, SupervisedEntry) for each in entries],
        files=[read_row(each, SupervisedFile) for each in files],
    )


def item_file(engine: Engine, file_id: int) -> tuple[SupervisedFile, str]:
    """A piece of evidence and the area of its item. Raises ``NotFound``."""
    joined = supervision_file.join(supervision_item, supervision_item.c.id == supervision_file.c.item_id)
    with reading(engine) as tx:
        row = tx.execute(
            select(supervision_file, supervision_item.c.area_code)
            .select_from(joined)
            .where(supervision_file.c.id == file_id)
        ).one_or_none()
    if row is None:
        raise NotFound("evidence", file_id)
    return read_row(row, SupervisedFile), str(row.area_code)


def list_notices(
    engine: Engine,
    *,
    year: int | None = None,
    unit_id: int | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[SupervisionNoticeRow]:
    """Notices, the newest first."""
    columns = supervision_notice.c
    conditions: list[ColumnElement[bool]] = []
    for column, wanted in ((columns.year, year), (columns.unit_id, unit_id)):
        if wanted is not None:
            conditions.append(column == wanted)
    if after is not None:
        conditions.append(columns.id < decode_id(after))
    query = _notices().where(*conditions).order_by(columns.id.desc()).limit(check_limit(limit) + 1)
    with reading(engine) as tx:
        rows = [
            read_row(row, SupervisionNoticeRow, number=notice_number(row.year, row.serial)) for row in tx.execute(query)
        ]
    return page_of(rows, limit, lambda row: (row.id,))


def notice_story(engine: Engine, notice_id: int, *, now: datetime) -> SupervisionNoticeStory:
    """A notice with its items in the order of their numbers. Raises ``NotFound``."""
    with reading(engine) as tx:
        row = tx.execute(_notices().where(supervision_notice.c.id == notice_id)).one_or_none()
        if row is None:
            raise NotFound("supervision notice", notice_id)
        query = _items().where(supervision_item.c.id.in_(_on_notice(tx, row))).order_by(supervision_item.c.id)
        lines = [_item_row(each, now) for each in tx.execute(query)]
    return read_row(row, SupervisionNoticeStory, number=notice_number(row.year, row.serial), lines=lines)


def tallies(engine: Engine, *, now: datetime, scope: str = "", zone: tzinfo = CHINA_TIME) -> SupervisionTallies:
    """Cumulative and yearly figures; the year is that of ``now`` in ``zone``."""
    local = now.astimezone(zone)
    begins = local.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    with reading(engine) as tx:
        ever = _tally(tx, now, *_scope(scope))
        of_year = _tally(tx, now, supervision_item.c.opened_at >= begins, *_scope(scope))
        issued = (supervision_notice.c.issued_at >= begins, supervision_notice.c.withdrawn_at.is_(None))
        notices = tx.execute(select(func.count()).select_from(supervision_notice).where(*issued)).scalar_one()
    return SupervisionTallies(year=local.year, ever=ever, of_year=of_year, notices=int(notices))


def unit_tallies(engine: Engine, *, now: datetime, scope: str = "") -> list[SupervisionUnitTally]:
    """The figures of each unit, those with most open first."""
    query = (
        select(supervision_item.c.unit_id, unit.c.name.label("unit_name"), *_counts(now))
        .select_from(supervision_item.outerjoin(unit, unit.c.id == supervision_item.c.unit_id))
        .where(*_scope(scope))
        .group_by(supervision_item.c.unit_id, unit.c.name)
    )
    with reading(engine) as tx:
        rows = [
            SupervisionUnitTally(unit_id=row.unit_id, unit_name=row.unit_name, **_figures(row))
            for row in tx.execute(query)
            if row.total
        ]
    return sorted(rows, key=lambda row: (-row.open, row.unit_name or ""))


def _tally(tx: Connection, now: datetime, *conditions: ColumnElement[bool]) -> SupervisionTally:
    row = tx.execute(select(*_counts(now)).select_from(supervision_item).where(*conditions)).one()
    return SupervisionTally(**_figures(row))


def _searched(q: str | None) -> list[ColumnElement[bool]]:
    """What a search means: part of the problem or place, or the beginning of a case's number."""
    words = (q or "").strip()[:_LONGEST_SEARCH]
    if not words:
        return []
    columns = supervision_item.c
    said = (columns.problem.icontains(words, autoescape=True), columns.place.icontains(words, autoescape=True))
    return [or_(*said, case_table.c.number.startswith(words, autoescape=True))]


def _counts(now: datetime) -> list[Any]:
    state = supervision_item.c.state
    counted = state != SupervisionState.WITHDRAWN.value
    live = state.in_([SupervisionState.OPEN.value, SupervisionState.REPLIED.value])
    parts = {
        "total": counted,
        "struck_off": state == SupervisionState.STRUCK_OFF.value,
        "open": live,
        "late": _is_late(now),
    }
    return [func.coalesce(func.sum(case((when, 1), else_=0)), 0).label(name) for name, when in parts.items()]


def _figures(row: Any) -> dict[str, Any]:
    total, struck_off = int(row.total), int(row.struck_off)
    counts = {"total": total, "struck_off": struck_off, "open": int(row.open), "late": int(row.late)}
    return counts | {"rate": rate(struck_off, total)}


def _is_late(now: datetime) -> ColumnElement[bool]:
    return and_(supervision_item.c.state == SupervisionState.OPEN.value, supervision_item.c.deadline_at <= now)


def _scope(scope: str) -> list[ColumnElement[bool]]:
    return [digits_begin(supervision_item.c.area_code, scope)] if scope else []


def _items() -> Select[Any]:
    joined = (
        supervision_item.outerjoin(unit, unit.c.id == supervision_item.c.unit_id)
        .outerjoin(case_table, case_table.c.id == supervision_item.c.case_id)
        .outerjoin(supervision_notice, supervision_notice.c.id == supervision_item.c.notice_id)
    )
    return select(
        supervision_item,
        unit.c.name.label("unit_name"),
        case_table.c.number.label("case_number"),
        case_table.c.stage.label("case_stage"),
        supervision_notice.c.year,
        supervision_notice.c.serial,
    ).select_from(joined)


def _derived(row: Any, now: datetime) -> dict[str, Any]:
    late = row.state == SupervisionState.OPEN and row.deadline_at <= now
    return {"late": late, "number": notice_number(row.year, row.serial) if row.notice_id is not None else ""}


def _item_row(row: Any, now: datetime) -> SupervisedRow:
    return read_row(row, SupervisedRow, **_derived(row, now))


def _notices() -> Select[Any]:
    struck = supervision_item.c.state == SupervisionState.STRUCK_OFF.value
    mine = supervision_item.c.notice_id == supervision_notice.c.id
    return select(
        supervision_notice,
        unit.c.name.label("unit_name"),
        user.c.name.label("issued_by_name"),
        select(func.count()).where(mine).scalar_subquery().label("items"),
        select(func.count()).where(mine, struck).scalar_subquery().label("struck_off"),
    ).select_from(
        supervision_notice.join(unit, unit.c.id == supervision_notice.c.unit_id).outerjoin(
            user, user.c.id == supervision_notice.c.issued_by
        )
    )


def _notice_row(row: Any) -> SupervisionNoticeRow:
    return read_row(row, SupervisionNoticeRow, number=notice_number(row.year, row.serial))


def _on_notice(tx: Connection, row: Any) -> list[int]:
    """Its items; of a withdrawn one those that it was about, from their timelines."""
    if row.withdrawn_at is None:
        return list(tx.scalars(select(supervision_item.c.id).where(supervision_item.c.notice_id == row.id)))
    said = select(supervision_entry.c.item_id, supervision_entry.c.detail).where(
        supervision_entry.c.move == "noticed", supervision_entry.c.at == row.issued_at
    )
    return sorted({each.item_id for each in tx.execute(said) if each.detail.get("id") == row.id})
