"""Reading the block list."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Engine, select

from registry.domain.kinds import BlockKind
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.tables import photo, report, report_block, user


class BlockRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the block list; ``shown`` is what people may see of it."""

    id: int
    kind: BlockKind
    shown: str
    reason: str
    created_at: datetime
    by_name: str | None
    ends_at: datetime | None
    lifted_at: datetime | None


class Blockable(msgspec.Struct, frozen=True, kw_only=True):
    """What a report could be known again by; "" where it left nothing."""

    contact: str
    person: str
    sender: str
    photo_sha256: str


def list_blocks(engine: Engine, *, limit: int = 200) -> list[BlockRow]:
    """The newest blocks, those in force and those that are over."""
    statement = (
        select(report_block, user.c.name.label("by_name"))
        .outerjoin_from(report_block, user, user.c.id == report_block.c.created_by)
        .order_by(report_block.c.id.desc())
        .limit(limit)
    )
    with reading(engine) as tx:
        return [as_view(row._mapping, BlockRow) for row in tx.execute(statement)]


def blockable(engine: Engine, report_id: int) -> Blockable | None:
    """What of a report can be blocked; None for an unknown one."""
    statement = (
        select(
            report.c.contact,
            report.c.person,
            report.c.sender,
            photo.c.sha256.label("photo_sha256"),
        )
        .outerjoin_from(report, photo, photo.c.id == report.c.photo_id)
        .where(report.c.id == report_id)
    )
    with reading(engine) as tx:
        row = tx.execute(statement).first()
    if row is None:
        return None
    return Blockable(contact=row.contact, person=row.person, sender=row.sender, photo_sha256=row.photo_sha256 or "")
