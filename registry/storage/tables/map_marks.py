"""Marks of what comes and goes on the map, written by the database itself, so that no writer can forget one.

A mark is one small row at the end of a table: nobody waits for anybody, whatever else is written at the same time. To
count up cells right here would have every registration wait for the import that touches the same cell of the country.
PostgreSQL marks what is new as well; on SQLite, which has one writer at a time, new assets have the highest ids.
A later migration that copies ``asset`` makes these triggers anew.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import DDL, Table, event

_COLUMNS = "INSERT INTO map_mark (n, family, area_code, lon, lat)"
_COUNTED = "OLD.id <= (SELECT last_id FROM map_counted)"
_WATCHED = ("lon", "lat", "state", "family", "area_code", "merged_into_id")


def _on_map(row: str) -> str:
    return f"{row}.state <> 'abandoned' AND {row}.merged_into_id IS NULL"


def _sqlite(n: int, row: str) -> str:
    place = ", ".join(f"CAST(ROUND({row}.{name} * 10000000) AS INTEGER)" for name in ("lon", "lat"))
    return f"{_COLUMNS} SELECT {n}, {row}.family, {row}.area_code, {place} WHERE {_on_map(row)} AND {_COUNTED};"


def _postgresql(n: int, row: str) -> str:
    place = ", ".join(f"ROUND({row}.{name} * 10000000)::bigint" for name in ("lon", "lat"))
    return f"IF {_on_map(row)} THEN {_COLUMNS} VALUES ({n}, {row}.family, {row}.area_code, {place}); END IF;"


_CHANGED = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in _WATCHED)
_DISTINCT = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in _WATCHED)

_LAST = "(SELECT COALESCE(MAX(id), 0) FROM asset)"
# SQLite gives the ids of the last rows again when they are gone
_BACK = f"UPDATE map_counted SET last_id = {_LAST} WHERE last_id > {_LAST};"  # noqa: S608  # our own words

SQLITE = (
    f"CREATE TRIGGER asset_moved AFTER UPDATE OF {', '.join(_WATCHED)} ON asset WHEN {_CHANGED} "
    f"BEGIN {_sqlite(-1, 'OLD')} {_sqlite(1, 'NEW')} END",
    f"CREATE TRIGGER asset_went AFTER DELETE ON asset BEGIN {_sqlite(-1, 'OLD')} {_BACK} END",
)
POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION asset_came_or_went() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    f"IF TG_OP <> 'INSERT' THEN {_postgresql(-1, 'OLD')} END IF; "
    f"IF TG_OP <> 'DELETE' THEN {_postgresql(1, 'NEW')} END IF; RETURN NULL; END $$",
    "CREATE TRIGGER asset_came_or_went AFTER INSERT OR DELETE ON asset "
    "FOR EACH ROW EXECUTE FUNCTION asset_came_or_went()",
    f"CREATE TRIGGER asset_moved AFTER UPDATE OF {', '.join(_WATCHED)} ON asset FOR EACH ROW "
    f"WHEN ({_DISTINCT}) EXECUTE FUNCTION asset_came_or_went()",
)


def mark_changes(asset: Table, marks: Table, counted: Table) -> None:
    """Make the triggers whenever the tables are made; the marks come after what they are about."""
    marks.add_is_dependent_on(asset)
    marks.add_is_dependent_on(counted)
    made: Any = DDL  # its constructor has no types
    for dialect, statements in (("sqlite", SQLITE), ("postgresql", POSTGRESQL)):
        for statement in statements:
            event.listen(marks, "after_create", made(statement).execute_if(dialect=dialect))
