"""What other programs may read: views of a documented, stable shape in the schema ``covercode_read`` of PostgreSQL.

Tables change with every release; these views don't: a column may be added, and is taken away or given another meaning
only with a new ``VERSION``. They hold no names, telephone numbers or words of people. ``docs/views.md`` is made from
here. SQLite has no schemas and nobody else reads its file.

Moments are ``timestamptz``; those that lists are cut by stand beside it as ``…_ms`` (milliseconds since 1970 UTC),
which is what the tables' indexes hold.
"""

from __future__ import annotations

import hashlib

import structlog
from sqlalchemy import Connection, text

from registry.storage.read_view_columns import VIEWS, View

log = structlog.get_logger(__name__)

VERSION = 1
SCHEMA = "covercode_read"
READER = "covercode_grafana"
"""The role that ``deploy/set-up-stores.sh`` makes; where there is none, nobody is given anything."""

_GRANT = f"""
DO $grant$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{READER}') THEN
        GRANT USAGE ON SCHEMA {SCHEMA} TO {READER};
        GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO {READER};
    END IF;
END $grant$
"""


def install_views(connection: Connection) -> bool:
    """Makes the views as this program has them; answers whether anything was to be done. Only where there are schemas.

    Where the account may not create a schema, there are no views, and a line in the log says so: nothing of ours needs
    them.
    """
    if connection.dialect.name != "postgresql":
        return False
    mark = f"version {VERSION}, {_digest()}"
    if _mark_of(connection) == mark:
        return False
    allowed = "SELECT has_database_privilege(current_database(), 'CREATE') OR to_regnamespace(:name) IS NOT NULL"
    if not connection.execute(text(allowed), {"name": SCHEMA}).scalar_one():
        log.warning("read_views_not_made", schema=SCHEMA, reason="the account may not create a schema")
        return False
    drop_views(connection)
    connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    for view in VIEWS:
        connection.exec_driver_sql(statement_of(view))
        connection.exec_driver_sql(f"COMMENT ON VIEW {SCHEMA}.{view.name} IS {_quoted(view.says)}")
    connection.exec_driver_sql(f"COMMENT ON SCHEMA {SCHEMA} IS {_quoted(mark)}")
    connection.exec_driver_sql(_GRANT)
    return True


def drop_views(connection: Connection) -> None:
    """Takes the views away, so that the tables under them can be changed; the schema stays, and what is granted on it.

    Whoever looks meanwhile sees the views of before until all of it is committed.
    """
    if connection.dialect.name != "postgresql":
        return
    told = "SELECT viewname FROM pg_views WHERE schemaname = :name"
    names = connection.execute(text(told), {"name": SCHEMA}).scalars().all()
    if names:
        connection.exec_driver_sql("DROP VIEW " + ", ".join(f'{SCHEMA}."{name}"' for name in sorted(names)))
        connection.exec_driver_sql(f"COMMENT ON SCHEMA {SCHEMA} IS NULL")


def statement_of(view: View) -> str:
    """The ``CREATE VIEW`` of it."""
    columns = ",\n    ".join(f"{column.sql} AS {column.name}" for column in view.columns)
    # the owner's rights count within a view: its readers need none on the tables
    return f"CREATE VIEW {SCHEMA}.{view.name} AS\nSELECT\n    {columns}\n{view.source}"


def _mark_of(connection: Connection) -> str | None:
    told = "SELECT obj_description(to_regnamespace(:name), 'pg_namespace')"
    found: str | None = connection.execute(text(told), {"name": SCHEMA}).scalar_one()
    return found


def _digest() -> str:
    whole = "\n".join(f"{statement_of(view)} {view.says}" for view in VIEWS)
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def _quoted(said: str) -> str:
    # exec_driver_sql takes % for a parameter's beginning only where parameters are given
    return "'" + said.replace("'", "''") + "'"
