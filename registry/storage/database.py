"""Opening the records database and writing to it: SQLite (WAL) by default, PostgreSQL by address."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoneFree

from registry.domain.errors import Conflict, GaveWay, StoreDown

Done = TypeVar("Done")

_BROKEN_OFF = frozenset({"40P01", "40001"})
"""SQLSTATE of a deadlock and of a transaction that can't be put in any order with another one."""

_CONNECTIONS = 15
"""Of one process to a database server, at most; PostgreSQL takes a hundred of all processes unless told otherwise."""

_commits: ContextVar[int] = ContextVar("commits", default=0)

_MOST_TRIES = 5
_STAND_ASIDE_S = 0.03


def open_database(url: str) -> Engine:
    """An engine for ``url`` (``sqlite:///path`` or ``postgresql+psycopg://…``); opens no connection yet."""
    if not url.startswith("sqlite"):
        # as many kept as may be open: those beyond the usual five were opened and closed again for each busy moment
        return create_engine(url, pool_pre_ping=True, pool_size=_CONNECTIONS, max_overflow=0)
    engine = create_engine(url, connect_args={"timeout": 30.0, "check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(dbapi: sqlite3.Connection, _record: Any) -> None:
    # The driver's own BEGIN comes too late (first write) and breaks SELECT-then-write; we begin ourselves, below.
    dbapi.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # the city's ack promises that a power cut can't take the reading back
        "foreign_keys=ON",
        "busy_timeout=30000",
        "cache_size=-16000",
    ):
        dbapi.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at the start: a writer that began with a read can't be refused half way.
    writes = connection.get_execution_options().get("writes", False)
    # Straight to the driver: as a statement of SQLAlchemy's it would take longer than what most pages then read.
    driver: Any = connection.connection.dbapi_connection
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes: all of it or nothing.

    Raises ``Conflict`` when a unique rule of the tables refuses it, ``StoreDown`` when the database is away, and of
    those ``GaveWay`` when it broke this transaction off in favour of another (see ``written``).
    """
    try:
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection
        _commits.set(_commits.get() + 1)
    except IntegrityError as error:
        raise Conflict(f"the database refused it: {error.orig}") from error
    except NoneFree as error:
        raise StoreDown(f"records database: {error}") from error
    except (OperationalError, InterfaceError) as error:
        gave_way = getattr(error.orig, "sqlstate", None) in _BROKEN_OFF
        raise (GaveWay if gave_way else StoreDown)(f"records database: {error.orig}") from error


def commits() -> int:
    """How many transactions that write have been committed where this runs (a thread, a request): only ever more."""
    return _commits.get()


def written(engine: Engine, work: Callable[[Connection], Done]) -> Done:
    """What ``work`` answers, once it is committed: begun again where the database broke it off for another transaction.

    ``work`` may run several times, each time on what is committed then. Raises as ``writing``.
    """
    for tries in range(1, _MOST_TRIES):
        try:
            with writing(engine) as tx:
                return work(tx)
        except GaveWay:
            # begun at once, it could be before the one it gave way to, and be in its way again
            time.sleep(random.uniform(0, tries * _STAND_ASIDE_S))  # noqa: S311  # not for a secret
    with writing(engine) as tx:
        return work(tx)


@contextmanager
def reading(records: Engine | Connection) -> Iterator[Connection]:
    """One view for reads: what is read within a view that is open already joins it.

    Raises ``StoreDown`` when the database is away.
    """
    if isinstance(records, Connection):
        yield records
        return
    try:
        with records.connect() as connection, connection.begin():
            yield connection
    except NoneFree as error:
        raise StoreDown(f"records database: {error}") from error
    except (OperationalError, InterfaceError) as error:
        raise StoreDown(f"records database: {error.orig}") from error
