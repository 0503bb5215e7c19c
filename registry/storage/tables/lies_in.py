"""Where a case lies today, kept in the case itself by the database, so that no writer can forget it.

The area of its asset, or of the place where none stands: an overview of a part of the city reads it from one index,
where it looked up the asset of each open case before. Assets change their area through edits, imports, merging and
whole relocations; a case changes its asset when two files turn out to be one thing. A later migration that copies
``asset`` or ``case_file`` makes these triggers anew.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import DDL, Table, event

_OF_CASE = "COALESCE((SELECT area_code FROM asset WHERE id = NEW.asset_id), NEW.area_code)"
_PUT = f"BEGIN UPDATE case_file SET lies_in = {_OF_CASE} WHERE id = NEW.id; END"  # noqa: S608
_CARRIED = "UPDATE case_file SET lies_in = NEW.area_code WHERE asset_id = NEW.id"

SQLITE = (
    f"CREATE TRIGGER case_lies_in AFTER INSERT ON case_file {_PUT}",
    "CREATE TRIGGER case_lies_elsewhere AFTER UPDATE OF asset_id, area_code ON case_file "
    f"WHEN OLD.asset_id IS NOT NEW.asset_id OR OLD.area_code IS NOT NEW.area_code {_PUT}",
    "CREATE TRIGGER asset_carries_cases AFTER UPDATE OF area_code ON asset "
    f"WHEN OLD.area_code IS NOT NEW.area_code BEGIN {_CARRIED}; END",
)
# FOR SHARE: an asset that is being put into another area is waited for, or the case would stay where it was
POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION case_lies_in() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "NEW.lies_in := COALESCE((SELECT area_code FROM asset WHERE id = NEW.asset_id FOR SHARE), NEW.area_code); "
    "RETURN NEW; END $$",
    "CREATE TRIGGER case_lies_in BEFORE INSERT OR UPDATE OF asset_id, area_code ON case_file "
    "FOR EACH ROW EXECUTE FUNCTION case_lies_in()",
    "CREATE OR REPLACE FUNCTION asset_carries_cases() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    f"{_CARRIED}; RETURN NULL; END $$",
    "CREATE TRIGGER asset_carries_cases AFTER UPDATE OF area_code ON asset FOR EACH ROW "
    "WHEN (OLD.area_code IS DISTINCT FROM NEW.area_code) EXECUTE FUNCTION asset_carries_cases()",
)


def keep_where_cases_lie(case: Table) -> None:
    """Make the triggers whenever the cases' table is made, which comes after that of assets."""
    made: Any = DDL  # its constructor has no types
    for dialect, statements in (("sqlite", SQLITE), ("postgresql", POSTGRESQL)):
        for statement in statements:
            event.listen(case, "after_create", made(statement).execute_if(dialect=dialect))
