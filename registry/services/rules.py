"""Keeping rules: shipped ones are installed once; an edit is a new version, never a change in place."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select

from registry.domain.rules import Rule
from registry.domain.rules.shipped import SHIPPED_RULES
from registry.services.revisions import bump
from registry.shapes import shaped
from registry.storage.tables import rule


def install_shipped_rules(tx: Connection, *, now: datetime) -> int:
    """Add the shipped rules that the city does not have yet; answers how many. Rules that people edited stay."""
    known = set(tx.scalars(select(rule.c.key)))
    missing = [shipped for shipped in SHIPPED_RULES if shipped.key not in known]
    if missing:
        tx.execute(insert(rule), [_row(shipped, now) for shipped in missing])
        bump(tx, "rules")
    return len(missing)


def rules_in_force(tx: Connection) -> list[Rule]:
    """The newest version of every rule that is switched on."""
    newest = select(rule.c.key, func.max(rule.c.version).label("version")).group_by(rule.c.key).subquery()
    rows = tx.execute(
        select(rule).join(newest, (rule.c.key == newest.c.key) & (rule.c.version == newest.c.version))
    ).mappings()
    rules = (read_rule(row) for row in rows)
    return sorted((found for found in rules if found.enabled), key=lambda found: found.key)


def read_rule(row: Any) -> Rule:
    """A rule from its table row (a mapping with the columns of ``rule``)."""
    return shaped({name: row[name] for name in Rule.__struct_fields__}, Rule, strict=False)


def _row(shipped: Rule, now: datetime) -> dict[str, Any]:
    plain = msgspec.to_builtins(shipped)
    return {**plain, "kind": shipped.kind.value, "created_at": now, "created_by": None}
