"""What running processes share: the live feed, revisions of directories, leases."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, String, Table

from registry.storage.tables.base import Id, metadata
from registry.storage.times import UtcTime

# What just happened, for the live pages: written in the transaction of the thing itself, read by id, cleaned by
# the worker.
feed = Table(
    "feed",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("kind", String(30), nullable=False),
    Column("body", JSON, nullable=False),
    Index(None, "at"),
    sqlite_autoincrement=True,
)

# One row per directory that a process keeps in memory; raised by every change, so that a cheap look tells it to reload.
revision = Table(
    "revision",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("number", BigInteger, nullable=False),
)

# Who may act as the one worker until when; a second worker waits until this runs out.
lease = Table(
    "lease",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("holder", String(120), nullable=False),
    Column("until", UtcTime, nullable=False),
)
