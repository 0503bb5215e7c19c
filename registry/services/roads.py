"""The list of road names: whoever writes the road of an asset notes its name here, so that a search finds it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

_NOTE = text("INSERT INTO road (name) VALUES (:name) ON CONFLICT (name) DO NOTHING")


def note_roads(tx: Connection, names: Iterable[str]) -> None:
    """Keep the names that are not on the list yet."""
    rows = [{"name": name} for name in sorted({name for name in names if name})]
    if rows:
        tx.execute(_NOTE, rows)
