"""Reports as other platforms see them (Open311): each one with how far its case is, and what has happened since.

Nothing here tells who reported or who works on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, func, select

from registry.domain.kinds import ENDED_STAGES, Source, Stage
from registry.domain.moves import MoveName
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.tables import asset, case, entry, report, report_update, unit

MOST = 1000
TOLD_MOVES = (
    MoveName.FILE,
    MoveName.DISPATCH,
    MoveName.ACCEPT,
    MoveName.HAND_BACK,
    MoveName.REWORK,
    MoveName.SUSPEND,
    MoveName.RESUME,
    MoveName.CLOSE,
    MoveName.REOPEN,
    MoveName.VOID,
    *(move for move in MoveName if move.value in ("decline", "merge", "self_handle")),
)
"""The moves that a reporter hears of; who made them and what they noted stays in the house."""

_ENDED = sorted(stage.value for stage in ENDED_STAGES)


class PublicRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One report. The place is the reported one, or the asset's; ``photo_ids`` are the report's own first picture."""

    id: int
    at: datetime
    kind: str
    text: str
    source: Source
    media_url: str
    photo_id: int | None
    address: str
    lon: float | None
    lat: float | None
    asset_code: str | None
    case_id: int
    case_number: str
    stage: Stage
    closed_how: str | None
    filed_at: datetime | None
    deadline_at: datetime
    updated_at: datetime
    unit_name: str | None
    brought_by: int | None
    foreign_id: str | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will be done."""
        return self.stage in ENDED_STAGES


class PublicUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a report's case, or that its platform said later.

    ``key`` is the same whenever it is asked for. ``move`` is empty for what the platform said itself (``text``).
    """

    key: str
    report_id: int
    at: datetime
    move: str
    to_stage: Stage
    closed_how: str | None
    text: str
    media_url: str


def find_requests(
    engine: Engine,
    *,
    ids: Sequence[int] | None = None,
    kinds: Sequence[str] = (),
    start: datetime | None = None,
    end: datetime | None = None,
    ended: bool | None = None,
    scope: str = "",
    page: int = 1,
    page_size: int = MOST,
) -> list[PublicRequest]:
    """Reports, the newest first. ``ids`` alone decides when it is given. ``scope``: only what lies in that area."""
    wanted: list[ColumnElement[bool]] = []
    if ids is not None:
        wanted.append(report.c.id.in_(list(ids)[:MOST]))
    else:
        wanted += [report.c.kind.in_(kinds)] if kinds else []
        wanted += [report.c.at >= start] if start is not None else []
        wanted += [report.c.at <= end] if end is not None else []
        if ended is not None:
            wanted.append(case.c.stage.in_(_ENDED) if ended else case.c.stage.not_in(_ENDED))
    if scope:
        wanted.append(report.c.area_code.startswith(scope, autoescape=True))
    size = min(page_size, MOST)
    statement = _requests().where(*wanted).order_by(report.c.at.desc(), report.c.id.desc())
    with reading(engine) as tx:
        rows = tx.execute(statement.limit(size).offset((page - 1) * size)).all()
    return [as_view(row._mapping, PublicRequest) for row in rows]


def find_updates(
    engine: Engine,
    *,
    ids: Sequence[int] | None = None,
    brought_by: int | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    page: int = 1,
    page_size: int = MOST,
) -> list[PublicUpdate]:
    """What happened to reports between two moments, oldest first.

    To the reports ``ids``; or to all that the account ``brought_by`` handed over; or, without either, to all that any
    platform handed over.
    """
    about: list[ColumnElement[bool]] = []
    if ids is not None:
        about.append(report.c.id.in_(list(ids)[:MOST]))
    elif brought_by is not None:
        about.append(report.c.brought_by == brought_by)
    else:
        about += [report.c.brought_by.is_not(None), report.c.source == Source.PLATFORM.value]
    size = min(page_size, MOST)
    most = page * size
    with reading(engine) as tx:
        moved = _moved(tx, about, start, end, most)
        said = _said(tx, about, start, end, most)
    found = sorted((*moved, *said), key=lambda each: (each.at, each.key))
    return found[(page - 1) * size : page * size]


def _requests() -> Select[Any]:
    last = select(func.max(entry.c.at)).where(entry.c.case_id == case.c.id).scalar_subquery()
    return select(
        report.c.id,
        report.c.at,
        report.c.kind,
        report.c.text,
        report.c.source,
        report.c.media_url,
        report.c.photo_id,
        func.coalesce(func.nullif(report.c.address, ""), func.coalesce(asset.c.road, ""), "").label("address"),
        func.coalesce(report.c.lon, asset.c.lon).label("lon"),
        func.coalesce(report.c.lat, asset.c.lat).label("lat"),
        asset.c.code.label("asset_code"),
        report.c.case_id,
        case.c.number.label("case_number"),
        case.c.stage,
        case.c.closed_how,
        case.c.filed_at,
        case.c.deadline_at,
        func.coalesce(last, report.c.at).label("updated_at"),
        unit.c.name.label("unit_name"),
        report.c.brought_by,
        report.c.foreign_id,
    ).select_from(
        report.join(case, case.c.id == report.c.case_id)
        .outerjoin(asset, asset.c.id == func.coalesce(case.c.asset_id, report.c.asset_id))
        .outerjoin(unit, unit.c.id == case.c.unit_id)
    )


def _between(column: Any, start: datetime | None, end: datetime | None) -> list[ColumnElement[bool]]:
    since = [column >= start] if start is not None else []
    return [*since, *([column <= end] if end is not None else [])]


def _moved(
    tx: Connection, about: Sequence[ColumnElement[bool]], start: datetime | None, end: datetime | None, most: int
) -> list[PublicUpdate]:
    told = [move.value for move in TOLD_MOVES]
    # a report that joined a case hears nothing of what was before it
    since = entry.c.at >= report.c.at
    rows = tx.execute(
        select(
            entry.c.id,
            entry.c.at,
            entry.c.move,
            entry.c.to_stage,
            case.c.closed_how,
            case.c.stage,
            report.c.id.label("report_id"),
        )
        .select_from(report.join(case, case.c.id == report.c.case_id).join(entry, entry.c.case_id == report.c.case_id))
        .where(*about, since, entry.c.move.in_(told), *_between(entry.c.at, start, end))
        .order_by(entry.c.at, entry.c.id)
        .limit(most)
    )
    return [
        PublicUpdate(
            key=f"E{row.id}-{row.report_id}",
            report_id=row.report_id,
            at=row.at,
            move=row.move,
            to_stage=Stage(row.to_stage),
            closed_how=row.closed_how if row.to_stage == row.stage else None,
            text="",
            media_url="",
        )
        for row in rows
    ]


def _said(
    tx: Connection, about: Sequence[ColumnElement[bool]], start: datetime | None, end: datetime | None, most: int
) -> list[PublicUpdate]:
    rows = tx.execute(
        select(report_update, case.c.stage)
        .select_from(
            report_update.join(report, report.c.id == report_update.c.report_id).join(
                case, case.c.id == report.c.case_id
            )
        )
        .where(*about, *_between(report_update.c.at, start, end))
        .order_by(report_update.c.at, report_update.c.id)
        .limit(most)
    )
    return [
        PublicUpdate(
            key=f"U{row.id}",
            report_id=row.report_id,
            at=row.at,
            move="",
            to_stage=Stage(row.stage),
            closed_how=None,
            text=row.text,
            media_url=row.media_url,
        )
        for row in rows
    ]
