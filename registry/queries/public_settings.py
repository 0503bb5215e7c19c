"""Reading the rules for what the public tells, and their history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, select

from registry.domain.public_rules import PublicRules
from registry.queries.rows import as_view
from registry.services.public_rules import rules_in_force
from registry.storage.database import reading
from registry.storage.tables import public_rules, user


class RulesVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the rules: who made it, when and why."""

    version: int
    note: str
    created_at: datetime
    by_name: str | None
    body: dict[str, Any]


def current_rules(engine: Engine) -> tuple[int, PublicRules]:
    """The version in force and what it says; version 0 is as shipped."""
    with reading(engine) as tx:
        return rules_in_force(tx)


def rules_history(engine: Engine, *, limit: int = 20) -> list[RulesVersion]:
    """The newest versions, newest first."""
    statement = (
        select(public_rules, user.c.name.label("by_name"))
        .outerjoin_from(public_rules, user, user.c.id == public_rules.c.created_by)
        .order_by(public_rules.c.version.desc())
        .limit(limit)
    )
    with reading(engine) as tx:
        return [as_view(row._mapping, RulesVersion) for row in tx.execute(statement)]


def jurisdictions(engine: Engine) -> set[str]:
    """The names under which other platforms know the city, in small letters."""
    _, rules = current_rules(engine)
    return {name.casefold() for name in rules.jurisdictions}
