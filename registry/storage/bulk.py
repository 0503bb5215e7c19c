"""Writing thousands of rows of one table at once, with as little between them and the driver as possible.

SQLAlchemy's own ``insert`` with a list of mappings checks and copies every row, which costs as much as the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import JSON, Connection, Table

USUAL_CACHE_MB = 16
"""What ``database.open_database`` gives each connection of SQLite."""


def insert_rows(tx: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert ``rows``: each has a value for every one of ``columns``, in their order, as the tables declare them."""
    dialect = tx.dialect
    marks = ("?" if dialect.paramstyle == "qmark" else "%s",) * len(columns)
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join(marks)})"  # noqa: S608 - our names
    makers: list[tuple[int, Callable[[Any], Any]]] = []
    maker: Callable[[Any], Any] | None
    for index, name in enumerate(columns):
        kind = table.c[name].type
        maker = _json if isinstance(kind, JSON) else kind.dialect_impl(dialect).bind_processor(dialect)
        if maker is not None:
            makers.append((index, maker))
    made = []
    for row in rows:
        values = list(row)
        for index, maker in makers:
            values[index] = maker(values[index])
        made.append(tuple(values))
    if made:
        tx.exec_driver_sql(statement, made)


def widen_cache(tx: Connection, megabytes: int = 64) -> None:
    """Let this connection of SQLite keep more pages while much is written; PostgreSQL has its own memory for that.

    Indexes of a large table are written all over: with the usual 16 MB most of the work is reading pages again.
    """
    if tx.dialect.name == "sqlite":
        tx.exec_driver_sql(f"PRAGMA cache_size = -{megabytes * 1000}")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
