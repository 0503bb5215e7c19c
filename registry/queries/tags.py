"""Plates and scans as pages list them: one plate's life, the plates in a state, the scan log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, Select, select

from registry.domain.errors import InvalidInput, NotFound
from registry.domain.kinds import ScanFlag, TagEvent, TagState
from registry.domain.people import Actor
from registry.domain.tokens import Finding, grouped, read_token
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.tables import asset, print_run, scan, tag, tag_event, user

_SCANS_SHOWN = 20
_LAST_DIGITS = "9" * 15


class TagEventView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a plate's history."""

    at: datetime
    event: TagEvent
    asset_id: int | None
    asset_name: str | None
    by_name: str | None
    note: str


class ScanRow(msgspec.Struct, frozen=True, kw_only=True):
    """One scan. ``shown``: the token in groups, or the text as scanned; ``distance_m`` from the asset's place."""

    id: int
    at: datetime
    token: str
    shown: str
    finding: Finding
    flag: str
    asset_id: int | None
    asset_name: str | None
    road: str | None
    by_name: str | None
    lon: float | None
    lat: float | None
    accuracy_m: float | None
    distance_m: float | None
    looked_at: datetime | None
    looked_by_name: str | None


class TagRow(msgspec.Struct, frozen=True, kw_only=True):
    """One plate in a list."""

    token: str
    shown: str
    state: TagState
    asset_id: int | None
    asset_name: str | None
    asset_code: str | None
    road: str | None
    created_at: datetime
    bound_at: datetime | None
    ended_at: datetime | None
    print_run_id: int | None
    print_run_name: str | None


class TagDetail(TagRow, frozen=True, kw_only=True):
    """One plate: what it is on, its history (oldest first) and its last scans (newest first)."""

    area_code: str | None
    events: list[TagEventView]
    scans: list[ScanRow]


def tag_view(engine: Engine, token: str) -> TagDetail:
    """One plate. Raises ``InvalidInput`` for text that is no token and ``NotFound`` for one nobody issued."""
    wanted = read_token(token)
    events = (
        select(tag_event, asset.c.name.label("asset_name"), user.c.name.label("by_name"))
        .outerjoin_from(tag_event, user, user.c.id == tag_event.c.by_user_id)
        .outerjoin(asset, asset.c.id == tag_event.c.asset_id)
        .order_by(tag_event.c.id)
    )
    with reading(engine) as tx:
        query = _tags().add_columns(tag.c.id, asset.c.area_code).where(tag.c.token == wanted)
        row = tx.execute(query).mappings().first()
        if row is None:
            raise NotFound("plate", wanted)
        history = tx.execute(events.where(tag_event.c.tag_id == row["id"])).mappings()
        scans = _scans().where(scan.c.token == wanted).order_by(scan.c.id.desc()).limit(_SCANS_SHOWN)
        return as_view(
            row,
            TagDetail,
            shown=grouped(wanted),
            events=[as_view(each, TagEventView) for each in history],
            scans=[_scan_row(each) for each in tx.execute(scans).mappings()],
        )


def list_tags(
    engine: Engine, *, state: TagState | None = None, by: Actor, after: str | None = None, limit: int = 50
) -> Page[TagRow]:
    """Plates, newest first; blank ones, and those on assets in the area of ``by``."""
    query = _tags().add_columns(tag.c.id).order_by(tag.c.id.desc()).limit(check_limit(limit) + 1)
    if state is not None:
        query = query.where(tag.c.state == state.value)
    if by.area_code:
        own = asset.c.area_code.between(by.area_code, by.area_code + _LAST_DIGITS)
        query = query.where(own | tag.c.asset_id.is_(None))
    if after is not None:
        query = query.where(tag.c.id < decode_id(after))
    with reading(engine) as tx:
        rows = list(tx.execute(query).mappings())
    page = page_of(rows, limit, lambda row: (row["id"],))
    return Page(items=[as_view(row, TagRow, shown=grouped(row["token"])) for row in page.items], next=page.next)


def list_scans(
    engine: Engine,
    *,
    by: Actor,
    flagged: bool = True,
    flag: ScanFlag | None = None,
    looked: bool | None = False,
    token: str | None = None,
    asset_id: int | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[ScanRow]:
    """The scan log, newest first; as it opens: flagged scans that nobody has looked at.

    ``looked`` None: whether or not; ``token`` as typed. Scans on assets outside the area of ``by`` are left out.
    """
    query = _scans().order_by(scan.c.id.desc()).limit(check_limit(limit) + 1)
    if flag is not None:
        query = query.where(scan.c.flag == flag.value, scan.c.flag != "")
    elif flagged:
        query = query.where(scan.c.flag != "")
    if looked is not None:
        query = query.where(scan.c.looked_at.is_not(None) if looked else scan.c.looked_at.is_(None))
    if token:
        query = query.where(scan.c.token == _as_kept(token))
    if asset_id is not None:
        query = query.where(scan.c.asset_id == asset_id)
    if by.area_code:
        own = asset.c.area_code.between(by.area_code, by.area_code + _LAST_DIGITS)
        query = query.where(own | scan.c.asset_id.is_(None))
    if after is not None:
        query = query.where(scan.c.id < decode_id(after))
    with reading(engine) as tx:
        rows = [_scan_row(row) for row in tx.execute(query).mappings()]
    return page_of(rows, limit, lambda row: (row.id,))


def _as_kept(token: str) -> str:
    try:
        return read_token(token)
    except InvalidInput:
        return token.strip()[:64]


def _scan_row(row: Any) -> ScanRow:
    known = row["finding"] != Finding.MISREAD and len(row["token"]) == 10
    return as_view(row, ScanRow, shown=grouped(row["token"]) if known else row["token"])


def _tags() -> Select[Any]:
    return (
        select(
            tag.c.token,
            tag.c.state,
            tag.c.asset_id,
            tag.c.created_at,
            tag.c.bound_at,
            tag.c.ended_at,
            tag.c.print_run_id,
            asset.c.name.label("asset_name"),
            asset.c.code.label("asset_code"),
            asset.c.road,
            print_run.c.name.label("print_run_name"),
        )
        .outerjoin_from(tag, asset, asset.c.id == tag.c.asset_id)
        .outerjoin(print_run, print_run.c.id == tag.c.print_run_id)
    )


def _scans() -> Select[Any]:
    looker = user.alias("looker")
    return (
        select(
            scan,
            asset.c.name.label("asset_name"),
            asset.c.road,
            user.c.name.label("by_name"),
            looker.c.name.label("looked_by_name"),
        )
        .outerjoin_from(scan, asset, asset.c.id == scan.c.asset_id)
        .outerjoin(user, user.c.id == scan.c.user_id)
        .outerjoin(looker, looker.c.id == scan.c.looked_by)
    )
