"""The rules for what the public tells: the version in force, and the next one when somebody changes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, insert, select

from registry.domain.errors import Conflict, InvalidInput
from registry.domain.people import Actor
from registry.domain.public_rules import SHIPPED, PublicRules, read_rules
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import channel, public_rules

MAX_NOTE = 500


class RulesInForce(NamedTuple):
    """The rules and their version; 0: as shipped, nobody changed them yet."""

    version: int
    rules: PublicRules


def rules_in_force(tx: Connection) -> RulesInForce:
    """The newest version."""
    newest = select(public_rules).order_by(public_rules.c.version.desc()).limit(1)
    row = tx.execute(newest).first()
    return RulesInForce(0, SHIPPED) if row is None else RulesInForce(int(row.version), read_rules(row.body))


def change_rules(
    engine: Engine, changes: Mapping[str, Any], *, note: str, expected_version: int, by: Actor, now: datetime
) -> int:
    """Make the next version: the one in force with ``changes``. Returns its number.

    Raises ``InvalidInput`` naming the field, and ``Conflict`` when somebody else changed them since they were seen.
    """
    why = note.strip()
    if len(why) > MAX_NOTE:
        raise InvalidInput(
            "note", "has {count} characters; at most {most} fit, shorten it", count=len(why), most=MAX_NOTE
        )
    with writing(engine) as tx:
        version, rules = rules_in_force(tx)
        if version != expected_version:
            raise Conflict(f"the rules are at version {version} and you saw {expected_version}; load them again")
        before = msgspec.to_builtins(rules)
        after = msgspec.to_builtins(read_rules({**before, **changes}))
        if after == before:
            return version
        _check_channel(tx, after["outcome_channel_id"])
        row = {"version": version + 1, "body": after, "note": why, "created_at": now, "created_by": by.user_id}
        tx.execute(insert(public_rules).values(row))
        changed = {name: [before[name], after[name]] for name in after if after[name] != before[name]}
        detail = {"changes": changed, "note": why}
        audit.record(tx, by=by, action="public_rules.change", subject="public_rules", detail=detail, now=now)
    return version + 1


def _check_channel(tx: Connection, channel_id: int | None) -> None:
    if channel_id is not None and tx.scalar(select(channel.c.id).where(channel.c.id == channel_id)) is None:
        raise InvalidInput("outcome_channel_id", "{given} is not a channel; choose one of the list", given=channel_id)
