"""Keeping rules: shipped ones come with each release; an edit is a new version, never a change in place."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, func, insert, select

from registry.domain.people import SYSTEM
from registry.domain.rules import Rule
from registry.domain.rules.plain import same_rule
from registry.domain.rules.shipped import SHIPPED_RULES
from registry.services import audit
from registry.services.revisions import bump
from registry.services.rule_effects import settle_alerts
from registry.shapes import shaped
from registry.storage.tables import rule

RULES = "rules"
"""The revision that intake watches: it reads the rules again within seconds of a change."""


def install_shipped_rules(tx: Connection, *, now: datetime) -> int:
    """Add the shipped rules that the city does not have yet, and the better ones of this release; answers how many.

    A rule gets a new version only if the one in use is as an earlier release shipped it (switched off or not, which
    stays): what people edited or retired stays as it is, and ``queries.rules`` tells them that there is a newer one.
    """
    known = {row["key"]: row for row in tx.execute(newest_rules()).mappings()}
    better: list[tuple[Rule, Rule | None]] = []
    for shipped in SHIPPED_RULES:
        row = known.get(shipped.key)
        if row is None:
            better.append((shipped, None))
            continue
        before = read_rule(row)
        renewed = msgspec.structs.replace(shipped, version=before.version + 1, enabled=before.enabled)
        if row["shipped"] and not row["retired"] and not same_rule(before, renewed):
            better.append((renewed, before))
    if not better:
        return 0
    tx.execute(insert(rule), [rule_row(each, now=now, shipped=True) for each, _ in better])
    bump(tx, RULES)
    for each, former in better:
        if former is not None:
            settle_alerts(tx, former, each if each.enabled else None, now=now)
            audit.record(
                tx,
                by=SYSTEM,
                action="rule.renew",
                subject=f"rule:{each.key}",
                detail={"version": each.version},
                now=now,
            )
    return len(better)


def shipped_rule(key: str) -> Rule | None:
    """The rule of this key as this release ships it."""
    return next((each for each in SHIPPED_RULES if each.key == key), None)


def rules_in_force(tx: Connection) -> list[Rule]:
    """The newest version of every rule that is switched on."""
    found = (read_rule(row) for row in tx.execute(newest_rules().where(rule.c.retired.is_(False))).mappings())
    return sorted((each for each in found if each.enabled), key=lambda each: each.key)


def newest_rules() -> Select[Any]:
    """The newest version of every rule, switched off and retired ones too."""
    newest = select(rule.c.key, func.max(rule.c.version).label("version")).group_by(rule.c.key).subquery()
    return select(rule).join(newest, (rule.c.key == newest.c.key) & (rule.c.version == newest.c.version))


def read_rule(row: Any) -> Rule:
    """A rule from its table row (a mapping with the columns of ``rule``)."""
    return shaped({name: row[name] for name in Rule.__struct_fields__}, Rule, strict=False)


def rule_row(
    kept: Rule,
    *,
    now: datetime,
    shipped: bool = False,
    retired: bool = False,
    note: str = "",
    created_by: int | None = None,
) -> dict[str, Any]:
    """The table row of a version."""
    return {
        **msgspec.to_builtins(kept),
        "kind": kept.kind.value,
        "shipped": shipped,
        "retired": retired,
        "note": note,
        "created_at": now,
        "created_by": created_by,
    }
