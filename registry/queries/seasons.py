"""Reading seasons: which are in force, who switched them, and what each changes."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, and_, func, select

from registry.domain.case_standard import CaseLine, Standard, Step
from registry.domain.deadlines import CHINA_TIME
from registry.domain.kinds import SeasonSwitch
from registry.domain.seasons import is_in_force, next_change
from registry.domain.working_time import TimeUnit
from registry.services.rules import read_rule
from registry.services.seasons import all_seasons
from registry.services.standard import standard_in_force
from registry.storage.database import reading
from registry.storage.tables import rule, season, user


class RuleNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A number of a rule while the season is in force: ``name`` as in its condition, or ``critical.fire`` of a step.

    ``usual``: the rule's own, None where the name is not one of the condition's.
    """

    rule_key: str
    rule_name_zh: str
    rule_name_en: str
    name: str
    usual: float | None
    number: float


class KindLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How long a step of a case may take while the season is in force, and otherwise; ``grade`` empty: any street."""

    kind: str
    step: Step
    grade: str
    usual: float
    usual_unit: TimeUnit
    amount: float
    unit: TimeUnit


class SeasonRow(msgspec.Struct, frozen=True, kw_only=True):
    """One season. ``changes_at``: when dates next put it in or out of force; ``before``: what undoing goes back to."""

    key: str
    name_zh: str
    name_en: str
    priority: int
    starts: str
    ends: str
    switch: SeasonSwitch
    in_force: bool
    changes_at: datetime | None
    switched_at: datetime | None
    switched_by: int | None
    switched_by_name: str
    before: dict[str, str] | None
    numbers: list[RuleNumber]
    limits: list[KindLimit]


class SeasonInForce(msgspec.Struct, frozen=True, kw_only=True):
    """What a banner says. ``switched``: by hand, not by its dates; since when and by whom."""

    key: str
    name_zh: str
    name_en: str
    switched: bool
    switched_at: datetime | None
    switched_by_name: str


def list_seasons(engine: Engine, *, now: datetime, zone: tzinfo = CHINA_TIME) -> list[SeasonRow]:
    """Every season, those that count most first."""
    with reading(engine) as tx:
        seasons, more, numbers, standard = all_seasons(tx), _more(tx), _numbers(tx), standard_in_force(tx)
    today = now.astimezone(zone).date()
    return [
        SeasonRow(
            key=each.key,
            name_zh=each.name_zh,
            name_en=each.name_en,
            priority=each.priority,
            starts=each.starts,
            ends=each.ends,
            switch=each.switch,
            in_force=is_in_force(each, today),
            changes_at=next_change([each], at=now, zone=zone),
            switched_at=more[each.key].switched_at,
            switched_by=more[each.key].switched_by,
            switched_by_name=more[each.key].name or "",
            before=more[each.key].before,
            numbers=numbers.get(each.key, []),
            limits=_limits(each.key, standard),
        )
        for each in reversed(seasons)
    ]


def season_row(engine: Engine, key: str, *, now: datetime, zone: tzinfo = CHINA_TIME) -> SeasonRow | None:
    """One season, or None."""
    return next((each for each in list_seasons(engine, now=now, zone=zone) if each.key == key), None)


def seasons_in_force(engine: Engine, now: datetime, *, zone: tzinfo = CHINA_TIME) -> list[SeasonInForce]:
    """What is in force now, for the banner of the overview: what counts most first; mostly nothing."""
    today = now.astimezone(zone).date()
    with reading(engine) as tx:
        found = [each for each in reversed(all_seasons(tx)) if is_in_force(each, today)]
        more = _more(tx) if found else {}
    return [
        SeasonInForce(
            key=each.key,
            name_zh=each.name_zh,
            name_en=each.name_en,
            switched=each.switch is SeasonSwitch.ON,
            switched_at=more[each.key].switched_at if each.switch is SeasonSwitch.ON else None,
            switched_by_name=(more[each.key].name or "") if each.switch is SeasonSwitch.ON else "",
        )
        for each in found
    ]


def _more(tx: Connection) -> dict[str, Any]:
    """Who switched each season last, and what it was before."""
    query = select(season.c.key, season.c.switched_at, season.c.switched_by, season.c.before, user.c.name)
    return {row.key: row for row in tx.execute(query.outerjoin_from(season, user, user.c.id == season.c.switched_by))}


def _numbers(tx: Connection) -> dict[str, list[RuleNumber]]:
    """The numbers that the newest versions of the rules have for each season, by its key."""
    newest = select(rule.c.key, func.max(rule.c.version).label("version")).group_by(rule.c.key).subquery()
    query = select(rule).join(newest, and_(newest.c.key == rule.c.key, newest.c.version == rule.c.version))
    found: dict[str, list[RuleNumber]] = {}
    for row in tx.execute(query.where(rule.c.enabled).order_by(rule.c.key)).mappings():
        read = read_rule(row)
        own = msgspec.to_builtins(read.condition)
        steps = {f"{step.severity.name.lower()}.": msgspec.to_builtins(step) for step in read.ladder}
        for key, numbers in read.seasons.items():
            for name, number in numbers.items():
                prefix, dot, field = name.rpartition(".")
                usual = steps.get(prefix + dot, {}).get(field) if dot else own.get(name)
                found.setdefault(key, []).append(
                    RuleNumber(
                        rule_key=read.key,
                        rule_name_zh=read.name_zh,
                        rule_name_en=read.name_en,
                        name=name,
                        usual=usual,
                        number=number,
                    )
                )
    return found


def _limits(key: str, standard: Standard) -> list[KindLimit]:
    return [found for line in standard if not line.retired for found in _limits_of(line, key)]


def _limits_of(line: CaseLine, season: str) -> list[KindLimit]:
    found = []
    for each in line.limits:
        usual = line.limit(each.step, grade=each.grade) if each.season == season else None
        if usual is not None:
            found.append(
                KindLimit(
                    kind=line.key,
                    step=each.step,
                    grade=each.grade,
                    usual=usual.amount,
                    usual_unit=usual.unit,
                    amount=each.amount,
                    unit=each.unit,
                )
            )
    return found
