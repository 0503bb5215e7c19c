"""Counters of change: a process that keeps a directory in memory looks here, cheaply, whether it must load it again."""

from __future__ import annotations

from sqlalchemy import Connection, select, text

from registry.storage.tables import revision

DIRECTORY = "directory"
"""Devices, points, baselines and the assets they are fitted to."""


def bump(tx: Connection, name: str) -> None:
    """Say that ``name`` changed; seen by others when ``tx`` commits."""
    tx.execute(
        text(
            "INSERT INTO revision (name, number) VALUES (:name, 1) "
            "ON CONFLICT (name) DO UPDATE SET number = revision.number + 1"
        ),
        {"name": name},
    )


def number(conn: Connection, name: str) -> int:
    """How often ``name`` has changed; 0 before its first change."""
    return conn.execute(select(revision.c.number).where(revision.c.name == name)).scalar() or 0
