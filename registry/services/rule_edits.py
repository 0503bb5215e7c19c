"""Editing rules: each edit is a new version with its author and the reason, and can be undone.

Every function takes the version that its caller saw: of two people who edit at once the second is refused, not lost.
A change is one transaction: the version, what becomes of live alerts, the revision that intake looks at, the trail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, insert, select

from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.people import Actor
from registry.domain.rules import Rule
from registry.domain.rules.check import check_rule
from registry.domain.rules.differences import differences
from registry.domain.rules.plain import same_rule
from registry.services import alerts, audit
from registry.services.revisions import bump
from registry.services.rule_effects import settle_alerts
from registry.services.rule_places import known_for, with_tagged
from registry.services.rules import RULES, read_rule, rule_row, shipped_rule
from registry.storage.database import reading, writing
from registry.storage.tables import rule

MOST_NOTE = 500


class Newest(NamedTuple):
    """The newest version of a rule, and whether it is out of use."""

    rule: Rule
    retired: bool


class Problems(InvalidInput):
    """Everything that is wrong with a rule; as an ``InvalidInput`` it is the first of it."""

    def __init__(self, found: Sequence[InvalidInput]) -> None:
        super().__init__(found[0].field, found[0].words, **found[0].values)
        self.found = tuple(found)


def check_for_city(engine: Engine, rule_: Rule, *, tags: Sequence[str] = ()) -> tuple[InvalidInput, ...]:
    """Everything that is wrong with a rule, also with what it names of this city; nothing is kept."""
    with reading(engine) as tx:
        meant, problems = with_tagged(tx, rule_, tags)
        return (*problems, *check_rule(meant, known_for(tx, [meant])))


def as_meant(engine: Engine, rule_: Rule, tags: Sequence[str]) -> Rule:
    """The rule with the assets that ``tags`` name among those it watches; what names none is passed over."""
    with reading(engine) as tx:
        return with_tagged(tx, rule_, tags)[0]


def save_rule(
    engine: Engine,
    wanted: Rule,
    *,
    seen_version: int | None,
    note: str,
    by: Actor,
    now: datetime,
    tags: Sequence[str] = (),
) -> int:
    """Keep ``wanted`` as the newest version of its key, which is also what brings a retired one back; the version.

    ``seen_version`` 0: there is none yet; None: whatever there is. Saving what is in force changes nothing. Raises
    ``Problems`` (all at once), ``InvalidInput`` without a note, ``Conflict`` when somebody else saved meanwhile.
    """
    told = _note(note)
    with writing(engine) as tx:
        meant, problems = with_tagged(tx, wanted, tags)
        if found := (*problems, *check_rule(meant, known_for(tx, [meant]))):
            raise Problems(found)
        alerts.take_turn(tx)
        newest = newest_version(tx, meant.key)
        _check_seen(newest, seen_version)
        if newest is not None and not newest.retired and same_rule(newest.rule, meant):
            return newest.rule.version
        return keep_version(tx, newest, meant, note=told, action="rule.save", by=by, now=now)


def undo_rule(engine: Engine, key: str, *, seen_version: int | None, by: Actor, now: datetime) -> int:
    """A new version that is as the one before the newest; a rule that has only one is retired. The version.

    Raises ``NotFound``, ``Conflict``, and ``InvalidInput`` for a shipped rule that nobody ever changed.
    """
    with writing(engine) as tx:
        alerts.take_turn(tx)
        newest = _must_exist(tx, key)
        _check_seen(newest, seen_version)
        earlier = _version_before(tx, key, newest.rule.version)
        if earlier is None and shipped_rule(key) is not None:
            raise InvalidInput("version", "nothing was changed yet, so there is nothing to undo")
        before, retired = (newest.rule, True) if earlier is None else earlier
        return keep_version(tx, newest, before, retired=retired, note="", action="rule.undo", by=by, now=now)


def take_version(
    engine: Engine, key: str, version: int, *, seen_version: int | None, note: str, by: Actor, now: datetime
) -> int:
    """A new version that is as ``version`` was. Raises ``NotFound``, ``Conflict``."""
    with writing(engine) as tx:
        alerts.take_turn(tx)
        newest = _must_exist(tx, key)
        _check_seen(newest, seen_version)
        row = tx.execute(select(rule).where(rule.c.key == key, rule.c.version == version)).mappings().one_or_none()
        if row is None:
            raise NotFound("rule", f"{key} version {version}")
        return keep_version(tx, newest, read_rule(row), note=note, action="rule.save", by=by, now=now)


def switch_rule(engine: Engine, key: str, *, on: bool, seen_version: int | None, by: Actor, now: datetime) -> int:
    """Switch a rule on or off: a new version; switching off ends its live alerts. Raises ``NotFound``, ``Conflict``."""

    def switched(before: Rule) -> Rule:
        return msgspec.structs.replace(before, enabled=on)

    return _change(engine, key, switched, seen_version=seen_version, action="rule.switch", by=by, now=now)


def ship_again(engine: Engine, key: str, *, seen_version: int | None, by: Actor, now: datetime) -> int:
    """A new version as this release ships the rule. Raises ``NotFound`` for one that is none of ours, ``Conflict``."""
    shipped = shipped_rule(key)
    if shipped is None:
        raise NotFound("shipped rule", key)

    def as_shipped(before: Rule) -> Rule:
        return msgspec.structs.replace(shipped, enabled=before.enabled)

    return _change(engine, key, as_shipped, seen_version=seen_version, action="rule.ship", by=by, now=now)


def retire_rule(engine: Engine, key: str, *, seen_version: int | None, by: Actor, now: datetime, note: str = "") -> int:
    """Take a rule out of use: its live alerts end, its versions and its alerts stay. Raises as ``switch_rule``."""
    with writing(engine) as tx:
        alerts.take_turn(tx)
        newest = _must_exist(tx, key)
        _check_seen(newest, seen_version)
        if newest.retired:
            return newest.rule.version
        return keep_version(tx, newest, newest.rule, retired=True, note=note, action="rule.retire", by=by, now=now)


def restore_rule(engine: Engine, key: str, *, seen_version: int | None, by: Actor, now: datetime) -> int:
    """Take a retired rule into use again, as it was. Raises as ``switch_rule``."""
    with writing(engine) as tx:
        alerts.take_turn(tx)
        newest = _must_exist(tx, key)
        _check_seen(newest, seen_version)
        if not newest.retired:
            return newest.rule.version
        return keep_version(tx, newest, newest.rule, note="", action="rule.restore", by=by, now=now)


def newest_version(tx: Connection, key: str) -> Newest | None:
    """The newest version of a rule, or None."""
    query = select(rule).where(rule.c.key == key).order_by(rule.c.version.desc()).limit(1)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else Newest(read_rule(row), bool(row["retired"]))


def keep_version(
    tx: Connection,
    newest: Newest | None,
    wanted: Rule,
    *,
    note: str,
    action: str,
    by: Actor,
    now: datetime,
    retired: bool = False,
) -> int:
    """Write ``wanted`` as the version after ``newest``, with all that follows from it; the version."""
    version = 1 if newest is None else newest.rule.version + 1
    kept = msgspec.structs.replace(wanted, version=version)
    shipped = shipped_rule(kept.key)
    as_shipped = shipped is not None and same_rule(msgspec.structs.replace(shipped, enabled=kept.enabled), kept)
    row = rule_row(kept, now=now, shipped=as_shipped, retired=retired, note=note, created_by=by.user_id)
    tx.execute(insert(rule).values(row))
    ended = 0
    if newest is not None:
        in_force = kept if kept.enabled and not retired else None
        ended = settle_alerts(tx, newest.rule, in_force, by=by, now=now)
    bump(tx, RULES)
    changed = [each.field for each in differences(None if newest is None else newest.rule, kept)]
    detail: dict[str, Any] = {"version": version, "fields": changed[:40], "alerts_ended": ended}
    if note:
        detail["note"] = note
    audit.record(tx, by=by, action=action, subject=f"rule:{kept.key}", detail=detail, now=now)
    return version


def _change(
    engine: Engine,
    key: str,
    changed: Callable[[Rule], Rule],
    *,
    seen_version: int | None,
    action: str,
    by: Actor,
    now: datetime,
) -> int:
    with writing(engine) as tx:
        alerts.take_turn(tx)
        newest = _must_exist(tx, key)
        _check_seen(newest, seen_version)
        if newest.retired:
            raise NotFound("rule in use", key)
        wanted = changed(newest.rule)
        if same_rule(newest.rule, wanted):
            return newest.rule.version
        return keep_version(tx, newest, wanted, note="", action=action, by=by, now=now)


def _must_exist(tx: Connection, key: str) -> Newest:
    found = newest_version(tx, key)
    if found is None:
        raise NotFound("rule", key)
    return found


def _check_seen(newest: Newest | None, seen_version: int | None) -> None:
    current = 0 if newest is None else newest.rule.version
    if seen_version in (None, current):
        return
    if seen_version == 0:
        raise Conflict("a rule of this name exists already; choose another key, or edit that one")
    raise Conflict("somebody else changed this rule meanwhile; load it again and decide anew")


def _version_before(tx: Connection, key: str, version: int) -> Newest | None:
    query = select(rule).where(rule.c.key == key, rule.c.version < version).order_by(rule.c.version.desc()).limit(1)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else Newest(read_rule(row), bool(row["retired"]))


def _note(note: str) -> str:
    told = note.strip()
    if not told:
        raise InvalidInput("note", "say why the rule is changed; whoever looks at it in a year will want to know")
    if len(told) > MOST_NOTE:
        raise InvalidInput("note", "is {count} characters long; at most {most} fit", count=len(told), most=MOST_NOTE)
    return told
