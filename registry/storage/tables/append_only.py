"""A table that the database itself lets nobody change: rows are added, never updated or deleted.

A guard against mistakes and against whoever reaches the application only; the owner of the database can drop a trigger,
which is what the audit trail's chain of hashes is for. A later migration that copies such a table makes these anew.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import DDL, Table, event

_REFUSAL = "the audit trail is only added to"

SQLITE = (
    f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
    f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
)
POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    f"RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
    "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()",
)


def guard(table: Table) -> None:
    """Make the triggers whenever the audit table is made."""
    for dialect, statements in (("sqlite", SQLITE), ("postgresql", POSTGRESQL)):
        for statement in statements:
            made: Any = DDL  # its constructor has no types
            event.listen(table, "after_create", made(statement).execute_if(dialect=dialect))
