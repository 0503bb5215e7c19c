"""Print runs as pages and the shell list them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, Select, select

from registry.domain.errors import NotFound
from registry.domain.kinds import PrintItemState, PrintRunKind, PrintRunState
from registry.domain.tokens import grouped
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import all_views, as_view
from registry.storage.database import reading
from registry.storage.tables import asset, label_template, print_item, print_run, tag, user

MOST_FAILED = 200


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run. ``selection`` is what it was planned for, as plain values."""

    id: int
    name: str
    kind: PrintRunKind
    state: PrintRunState
    template_key: str
    template_version: int
    template_name_zh: str
    template_name_en: str
    format: str
    dpi: int | None
    start_position: int
    total: int
    made: int
    failed: int
    selection: dict[str, Any]
    problem: str
    created_at: datetime
    created_by: int | None
    created_by_name: str | None
    started_at: datetime | None
    finished_at: datetime | None


class FailedLabel(msgspec.Struct, frozen=True, kw_only=True):
    """A label that could not be made, and why."""

    position: int
    token: str
    shown: str
    asset_id: int | None
    code: str | None
    problem: str


def list_runs(
    engine: Engine, *, by_user_id: int | None = None, after: str | None = None, limit: int = 50
) -> Page[RunRow]:
    """Runs, newest first; with ``by_user_id`` those that this person planned."""
    query = _runs().order_by(print_run.c.id.desc()).limit(check_limit(limit) + 1)
    if by_user_id is not None:
        query = query.where(print_run.c.created_by == by_user_id)
    if after is not None:
        query = query.where(print_run.c.id < decode_id(after))
    with reading(engine) as tx:
        rows = all_views(tx, query, RunRow)
    return page_of(rows, limit, lambda row: (row.id,))


def print_run_view(engine: Engine, run_id: int) -> RunRow:
    """One run. Raises ``NotFound``."""
    with reading(engine) as tx:
        row = tx.execute(_runs().where(print_run.c.id == run_id)).mappings().first()
    if row is None:
        raise NotFound("print run", run_id)
    return as_view(row, RunRow)


def failed_labels(engine: Engine, run_id: int) -> list[FailedLabel]:
    """The first labels of a run that could not be made, at most ``MOST_FAILED``."""
    query = (
        select(print_item.c.position, print_item.c.problem, tag.c.token, tag.c.asset_id, asset.c.code)
        .join_from(print_item, tag, tag.c.id == print_item.c.tag_id)
        .outerjoin(asset, asset.c.id == tag.c.asset_id)
        .where(print_item.c.run_id == run_id, print_item.c.state == PrintItemState.FAILED.value)
        .order_by(print_item.c.position)
        .limit(MOST_FAILED)
    )
    with reading(engine) as tx:
        return [as_view(row, FailedLabel, shown=grouped(row["token"])) for row in tx.execute(query).mappings()]


def _runs() -> Select[Any]:
    version = (label_template.c.key == print_run.c.template_key) & (
        label_template.c.version == print_run.c.template_version
    )
    return (
        select(
            print_run,
            user.c.name.label("created_by_name"),
            label_template.c.name_zh.label("template_name_zh"),
            label_template.c.name_en.label("template_name_en"),
        )
        .outerjoin(user, user.c.id == print_run.c.created_by)
        .outerjoin(label_template, version)
    )
