"""How far a job of the worker has read a table that only grows, and writing rows that may be there already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from registry.storage.tables import job_mark

_INSERTS: dict[str, Callable[[Table], postgresql.Insert | sqlite.Insert]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}


def read_mark(tx: Connection, name: str) -> int | None:
    """The last id that the job has read; None before its first run."""
    return tx.scalar(select(job_mark.c.last_id).where(job_mark.c.name == name))


def set_mark(tx: Connection, name: str, last_id: int) -> None:
    """Keep how far the job has come."""
    statement = _INSERTS[tx.dialect.name](job_mark).values(name=name, last_id=last_id)
    tx.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"last_id": last_id}))


def insert_new(tx: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows that are not there yet (by the table's keys); how many they were."""
    if not rows:
        return 0
    statement = _INSERTS[tx.dialect.name](table).values([dict(row) for row in rows]).on_conflict_do_nothing()
    # counted by what comes back: PostgreSQL's driver does not say how many of several rows were new
    return len(tx.execute(statement.returning(*table.primary_key.columns)).all())
