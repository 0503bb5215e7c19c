"""The spool's file: opening it alone, its tables, setting a damaged one aside, and SQLite's errors in our words."""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from gateway import spool_letters
from gateway.spool_aside import aside_name

log = structlog.get_logger(__name__)

_VERSION = 2
_FIRST_TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE lane (lane TEXT PRIMARY KEY, last_seq INTEGER NOT NULL, confirmed INTEGER NOT NULL)",
    "CREATE TABLE pack (id INTEGER PRIMARY KEY, lane TEXT NOT NULL REFERENCES lane, seq INTEGER NOT NULL,"
    " put_ms INTEGER NOT NULL, readings INTEGER NOT NULL, bytes INTEGER NOT NULL, wire TEXT NOT NULL,"
    " records BLOB NOT NULL, UNIQUE (lane, seq))",
    "CREATE TABLE dropped (lane TEXT NOT NULL REFERENCES lane, reason TEXT NOT NULL, packs INTEGER NOT NULL,"
    " readings INTEGER NOT NULL, PRIMARY KEY (lane, reason))",
    "INSERT INTO lane VALUES ('urgent', 0, 0), ('routine', 0, 0)",
)
# Each step is quick at any backlog and leaves every pack where it is.
_SINCE_VERSION_1 = (
    "ALTER TABLE lane ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0",
    "UPDATE lane SET reserved = last_seq",
    "INSERT INTO lane VALUES ('urgent_backlog', 0, 0, 0), ('routine_backlog', 0, 0, 0)",
    "ALTER TABLE pack ADD COLUMN put_s REAL NOT NULL DEFAULT 0",
    "CREATE TABLE undated (id INTEGER PRIMARY KEY, lane TEXT NOT NULL REFERENCES lane, boot TEXT NOT NULL,"
    " newest_ms INTEGER NOT NULL, put_s REAL NOT NULL, readings INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " wire TEXT NOT NULL, records BLOB NOT NULL)",
)
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class SpoolDown(Exception):
    """The disk did not let us just now; nothing was taken, and the same call may succeed later."""


class SpoolFull(SpoolDown):
    """The disk is full; nothing was taken, and the same call succeeds when there is room."""


class SpoolBroken(Exception):
    """The spool's file is damaged. A new start sets it aside and begins a new one."""


class SpoolInUse(Exception):
    """Another process works with this spool; two cabinets can't share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolFile:
    """An open spool: a connection for the one writer, one for readers, the epoch, and the lock that keeps it ours."""

    writer: sqlite3.Connection
    reader: sqlite3.Connection
    epoch: str
    lock_fd: int
    aside: Path | None = None  # the damaged file that was found in its place

    def close(self) -> None:
        """Closes both connections and gives up the lock."""
        self.reader.close()
        self.writer.close()
        os.close(self.lock_fd)


def open_spool(name: str, *, clock: Callable[[], float]) -> SpoolFile:
    """The spool at path ``name``, made if it does not exist, set aside and made anew if it is damaged."""
    path = Path(name)
    with translated("opening the spool"):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock_fd = _lock(path)
        try:
            try:
                return _open(path, lock_fd)
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                aside = _set_aside(path, datetime.fromtimestamp(max(0.0, clock()), UTC))
                log.error("spool_set_aside", path=str(path), aside=str(aside), reason=str(error))
            return replace(_open(path, lock_fd), aside=aside)
        except BaseException:
            os.close(lock_fd)
            raise


def _lock(path: Path) -> int:
    lock_fd = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock_fd)
        raise SpoolInUse(f"another process uses the spool {path}; stop it first, or give this one its own") from None
    return lock_fd


def _open(path: Path, lock_fd: int) -> SpoolFile:
    writer = _connect(path)
    try:
        verdict = writer.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise _damage(verdict)
        epoch = _epoch(writer, path)
        return SpoolFile(writer=writer, reader=_connect(path), epoch=epoch, lock_fd=lock_fd)
    except BaseException:
        writer.close()
        raise


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
    try:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-2000"):
            db.execute(f"PRAGMA {pragma}")
    except BaseException:
        db.close()
        raise
    return db


def _epoch(db: sqlite3.Connection, path: Path) -> str:
    with transaction(db, writes=True):
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _FIRST_TABLES:
                db.execute(statement)
            db.execute("INSERT INTO meta VALUES ('epoch', ?)", (secrets.token_hex(8),))
        if version in (0, 1):
            for statement in _SINCE_VERSION_1:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {_VERSION}")
        elif version != _VERSION:
            raise SpoolDown(f"spool {path} is of version {version}, this program knows {_VERSION}; use the newer one")
        db.execute(spool_letters.TABLE)
        born = db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
        if born is None:
            raise _damage("the epoch is missing")
    if version == 0:
        log.info("spool_born", path=str(path), epoch=born[0])
    return str(born[0])


def _set_aside(path: Path, now: datetime) -> Path:
    """Renames the damaged file and its companions; their content may still be worth a specialist's look."""
    aside = aside_name(path, now, secrets.token_hex(2))
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


@contextmanager
def transaction(db: sqlite3.Connection, *, writes: bool) -> Iterator[None]:
    """All of it or nothing; a write takes its lock at the start."""
    db.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
    try:
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:  # something above failed; SQLite itself may have rolled back already
            db.execute("ROLLBACK")


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """SQLite's and the system's errors as ``SpoolFull``, ``SpoolDown`` or ``SpoolBroken``."""
    try:
        yield
    except sqlite3.Error as error:
        if _is_damage(error):
            raise SpoolBroken(f"{doing}: {error}") from error
        if _code(error) == sqlite3.SQLITE_FULL:
            raise SpoolFull(f"{doing}: {error}") from error
        raise SpoolDown(f"{doing}: {error}") from error
    except OSError as error:
        raise SpoolDown(f"{doing}: {error}") from error


def _damage(what: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _is_damage(error: sqlite3.Error) -> bool:
    return _code(error) in _DAMAGE


def _code(error: sqlite3.Error) -> int:
    # The low byte is the primary result code. Errors made by the Python module itself carry none.
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
