"""Reading rules: the list with how often each fired, one rule, the versions it has had, all of them for a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, func, select

from registry.domain.errors import NotFound
from registry.domain.kinds import AlertState
from registry.domain.rules import Rule
from registry.domain.rules.differences import Difference, differences
from registry.domain.rules.plain import same_rule
from registry.domain.seasons import is_in_force
from registry.services.rule_places import codes_of
from registry.services.rules import newest_rules, read_rule, shipped_rule
from registry.services.seasons import all_seasons
from registry.storage.database import reading
from registry.storage.tables import alert, rule, user

FIRED_WITHIN = timedelta(days=30)


class RuleLine(msgspec.Struct, frozen=True, kw_only=True):
    """A rule in the list: its newest version, ``live`` alerts now and how many ``fired`` in the last 30 days.

    ``shipped``: as a release shipped it. ``newer_shipped``: this release ships another one that the city, having edited
    its own, does not use. ``in_season``: the seasons in force that change its numbers. ``saved_by`` is empty for what
    came with the program or from the shell.
    """

    rule: Rule
    note: str
    shipped: bool
    retired: bool
    newer_shipped: bool
    live: int
    fired: int
    in_season: list[str]
    saved_at: datetime
    saved_by: str


class RuleVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version: what it says, why it was made, when and by whom, and what it changed of the one before."""

    rule: Rule
    note: str
    shipped: bool
    retired: bool
    saved_at: datetime
    saved_by: str
    changes: list[Difference]


class SeasonChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A season that a rule can have numbers for."""

    key: str
    name_zh: str
    name_en: str
    in_force: bool


class RuleName(NamedTuple):
    """How a rule is called; both names are empty where a shipped one was not named again."""

    key: str
    zh: str
    en: str


def rule_names(engine: Engine) -> list[RuleName]:
    """Every rule in use by its names."""
    newest = newest_rules().where(rule.c.retired.is_(False))
    with reading(engine) as tx:
        rows = tx.execute(newest.with_only_columns(rule.c.key, rule.c.name_zh, rule.c.name_en))
        return [RuleName(row.key, row.name_zh or "", row.name_en or "") for row in rows]


def list_rules(engine: Engine, *, now: datetime, zone: tzinfo, with_retired: bool = False) -> list[RuleLine]:
    """Every rule, those with the worst severity first, switched-off and retired ones last."""
    query = newest_rules().add_columns(user.c.name.label("author")).outerjoin(user, user.c.id == rule.c.created_by)
    if not with_retired:
        query = query.where(rule.c.retired.is_(False))
    with reading(engine) as tx:
        rows = tx.execute(query).mappings().all()
        seasons = {each.key for each in _seasons(tx, now, zone) if each.in_force}
        live, fired = _counts(tx, now)
    lines = [_line(row, live, fired, seasons) for row in rows]
    return sorted(lines, key=_worst_first)


def rule_line(engine: Engine, key: str, *, now: datetime, zone: tzinfo) -> RuleLine:
    """One rule's newest version, retired ones too. Raises ``NotFound``."""
    query = newest_rules().add_columns(user.c.name.label("author")).outerjoin(user, user.c.id == rule.c.created_by)
    with reading(engine) as tx:
        row = tx.execute(query.where(rule.c.key == key)).mappings().one_or_none()
        if row is None:
            raise NotFound("rule", key)
        seasons = {each.key for each in _seasons(tx, now, zone) if each.in_force}
        live, fired = _counts(tx, now, key)
    return _line(row, live, fired, seasons)


def rule_versions(engine: Engine, key: str) -> list[RuleVersion]:
    """Every version of a rule, the newest first. Raises ``NotFound``."""
    query = select(rule, user.c.name.label("author")).outerjoin(user, user.c.id == rule.c.created_by)
    with reading(engine) as tx:
        rows = tx.execute(query.where(rule.c.key == key).order_by(rule.c.version)).mappings().all()
    if not rows:
        raise NotFound("rule", key)
    found: list[RuleVersion] = []
    for row in rows:
        now = read_rule(row)
        found.append(
            RuleVersion(
                rule=now,
                note=row["note"],
                shipped=bool(row["shipped"]),
                retired=bool(row["retired"]),
                saved_at=row["created_at"],
                saved_by=row["author"] or "",
                changes=differences(found[-1].rule if found else None, now),
            )
        )
    return found[::-1]


def rule_version(engine: Engine, key: str, version: int) -> Rule:
    """One version of a rule. Raises ``NotFound``."""
    with reading(engine) as tx:
        row = tx.execute(select(rule).where(rule.c.key == key, rule.c.version == version)).mappings().one_or_none()
    if row is None:
        raise NotFound("rule", f"{key} version {version}")
    return read_rule(row)


def rules_for_file(engine: Engine, keys: tuple[str, ...] = ()) -> list[tuple[Rule, list[str]]]:
    """The rules in use (all, or those of ``keys``) by key, each with the codes of the assets that it names.

    The codes are empty where an asset has none: the file then says the assets' numbers.
    """
    with reading(engine) as tx:
        rows = tx.execute(newest_rules().where(rule.c.retired.is_(False)).order_by(rule.c.key)).mappings()
        rules = [read_rule(row) for row in rows if not keys or row["key"] in keys]
        codes = codes_of(tx, {each for found in rules for each in found.watches.assets})
    named = [[codes[each] for each in found.watches.assets if each in codes] for found in rules]
    return [
        (found, tags if len(tags) == len(found.watches.assets) else [])
        for found, tags in zip(rules, named, strict=True)
    ]


def asset_codes(engine: Engine, rule_: Rule) -> list[str]:
    """The component codes of the assets that a rule names, in their order; the asset's number where it has no code."""
    with reading(engine) as tx:
        codes = codes_of(tx, rule_.watches.assets)
    return [codes.get(each, str(each)) for each in rule_.watches.assets]


def season_choices(engine: Engine, *, now: datetime, zone: tzinfo) -> list[SeasonChoice]:
    """The seasons of the city, those of the highest priority first."""
    with reading(engine) as tx:
        return _seasons(tx, now, zone)


def _line(row: Any, live: Mapping[str, int], fired: Mapping[str, int], seasons: set[str]) -> RuleLine:
    found = read_rule(row)
    shipped = shipped_rule(found.key)
    newer = shipped is not None and not same_rule(msgspec.structs.replace(shipped, enabled=found.enabled), found)
    return RuleLine(
        rule=found,
        note=row["note"],
        shipped=bool(row["shipped"]),
        retired=bool(row["retired"]),
        newer_shipped=newer,
        live=live.get(found.key, 0),
        fired=fired.get(found.key, 0),
        in_season=[name for name in found.seasons if name in seasons],
        saved_at=row["created_at"],
        saved_by=row["author"] or "",
    )


def _worst_first(line: RuleLine) -> tuple[bool, bool, int, str]:
    worst = max(line.rule.severity, *(step.severity for step in line.rule.ladder), 0)
    return line.retired, not line.rule.enabled, -int(worst), line.rule.key


def _counts(tx: Connection, now: datetime, key: str | None = None) -> tuple[dict[str, int], dict[str, int]]:
    """Live alerts of each rule, and how many fired lately: of a long history only the last days are looked at."""
    only = () if key is None else (alert.c.rule_key == key,)
    live = (
        select(alert.c.rule_key, func.count().label("n"))
        .where(alert.c.state == AlertState.FIRING, *only)
        .group_by(alert.c.rule_key)
    )
    keys = select(rule.c.key).distinct().where(*(() if key is None else (rule.c.key == key,))).subquery()
    lately = (alert.c.rule_key == keys.c.key, alert.c.fired_at > now - FIRED_WITHIN)
    fired = select(func.count()).select_from(alert).where(*lately).scalar_subquery()
    rows = tx.execute(select(keys.c.key, fired.label("n")))
    return {row.rule_key: row.n for row in tx.execute(live)}, {row.key: row.n for row in rows}


def _seasons(tx: Connection, now: datetime, zone: tzinfo) -> list[SeasonChoice]:
    found = sorted(all_seasons(tx), key=lambda each: (-each.priority, each.key))
    today = now.astimezone(zone).date()
    return [
        SeasonChoice(key=each.key, name_zh=each.name_zh, name_en=each.name_en, in_force=is_in_force(each, today))
        for each in found
    ]
