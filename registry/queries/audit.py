"""Reading the audit trail: who did what, to what, when."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Engine, Select, select

from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.tables import audit
from registry.tabular.cells import guarded

_READ_AT_ONCE = 1_000
_WRITTEN_AT_ONCE = 60_000
_MOST_ACTIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """What the trail is narrowed to; None or "": not narrowed. ``subject`` is whole ("asset:12") or its kind ("asset").

    ``since`` is included, ``until`` is not.
    """

    who: str = ""
    action: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One entry; ``detail`` as it was recorded."""

    id: int
    at: datetime
    user_id: int | None
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    hash: str


def list_audit(engine: Engine, wanted: AuditFilter, *, after: str | None = None, limit: int = 100) -> Page[AuditRow]:
    """Entries, the newest first. Raises ``InvalidInput`` for a place in no list."""
    query = _narrowed(wanted).order_by(audit.c.id.desc()).limit(check_limit(limit) + 1)
    if after is not None:
        query = query.where(audit.c.id < decode_id(after))
    with reading(engine) as tx:
        rows = [_row(row) for row in tx.execute(query)]
    return page_of(rows, limit, lambda row: (row.id,))


def every_entry(engine: Engine, wanted: AuditFilter) -> Iterator[AuditRow]:
    """Entries, the oldest first, a thousand read at a time: for an export as long as the trail is."""
    query = _narrowed(wanted).order_by(audit.c.id)
    with reading(engine) as tx, tx.execution_options(yield_per=_READ_AT_ONCE).execute(query) as rows:
        for row in rows:
            yield _row(row)


def as_csv(rows: Iterable[AuditRow]) -> Iterator[str]:
    """The entries as lines of CSV, each time as ISO 8601 UTC; what a spreadsheet would run as a formula is disarmed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("id", "at", "user_id", "actor", "action", "subject", "detail", "hash"))
    for row in rows:
        detail = json.dumps(row.detail, ensure_ascii=False, sort_keys=True)
        cells = (row.id, row.at.isoformat(), row.user_id, row.actor, row.action, row.subject, detail, row.hash)
        writer.writerow([guarded(cell) for cell in cells])
        if text.tell() > _WRITTEN_AT_ONCE:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def actions(engine: Engine) -> list[str]:
    """Every word for an action that the trail holds."""
    query = select(audit.c.action).distinct().order_by(audit.c.action).limit(_MOST_ACTIONS)
    with reading(engine) as tx:
        return list(tx.execute(query).scalars())


def _narrowed(wanted: AuditFilter) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.who.strip():
        who = wanted.who.strip()
        by_id = who.removeprefix("user:")
        conditions.append(
            audit.c.user_id == int(by_id)
            if by_id.isascii() and by_id.isdigit() and len(by_id) < 18
            else audit.c.actor.icontains(who, autoescape=True)
        )
    if wanted.action:
        conditions.append(audit.c.action == wanted.action)
    if wanted.subject.strip():
        subject = wanted.subject.strip()
        conditions.append(
            audit.c.subject == subject if ":" in subject else audit.c.subject.startswith(f"{subject}:", autoescape=True)
        )
    if wanted.since is not None:
        conditions.append(audit.c.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(audit.c.at < wanted.until)
    return select(audit).where(*conditions)


def _row(row: Any) -> AuditRow:
    return as_view({**row._mapping, "detail": json.loads(row.detail)}, AuditRow)
