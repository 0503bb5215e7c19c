"""The rules of a back-test: the one somebody is writing, and the version of it that judges now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, select

from registry.domain.rules.check import check_rule
from registry.domain.rules.rule import Rule
from registry.services.rule_edits import Problems
from registry.services.rule_places import known_for, with_tagged
from registry.services.rules import read_rule
from registry.storage.database import reading
from registry.storage.tables import rule as rule_table


def usable_rule(engine: Engine, rule: Rule, *, tags: Sequence[str] = ()) -> Rule:
    """``rule`` with the assets of its ``tags``, if it could be saved. Raises ``Problems`` with all that is wrong."""
    with reading(engine) as tx:
        meant, problems = with_tagged(tx, rule, tags)
        problems = (*problems, *check_rule(meant, known_for(tx, [meant])))
    if problems:
        raise Problems(problems)
    return meant


def newest_version(tx: Connection, key: str) -> Rule | None:
    """The newest version of a rule, switched off and retired ones too."""
    row = _newest(tx, key)
    return None if row is None else read_rule(row)


def present_version(tx: Connection, key: str) -> Rule | None:
    """The version of a rule that judges now; None where it has none, was retired or is switched off."""
    row = _newest(tx, key)
    return None if row is None or row["retired"] or not row["enabled"] else read_rule(row)


def _newest(tx: Connection, key: str) -> Any:
    newest = select(rule_table).where(rule_table.c.key == key).order_by(rule_table.c.version.desc()).limit(1)
    return tx.execute(newest).mappings().first()
