"""Rules: what is in force, each rule's versions, saving, undoing, switching; each change is a new version."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from flask import request
from msgspec import Meta

from dashboards.api.answering import page_out_of
from dashboards.api.operation import Answer, Body, FieldProblem, Listing, NoQuery, Operation, Paged, Query
from dashboards.api.request import Call
from dashboards.errors import Refusals
from dashboards.refusals import problem_at
from registry.domain.errors import InvalidInput
from registry.domain.rules import Rule
from registry.domain.rules.plain import read_rule_plain
from registry.queries.rules import RuleLine, RuleVersion, list_rules, rule_line, rule_version, rule_versions
from registry.services import rule_edits

Tags = Annotated[
    list[Annotated[str, Meta(max_length=40)]],
    Meta(max_length=2000, description="Plates' tokens or component codes: their assets are watched beside `assets`"),
]


class RulesQuery(Paged, frozen=True, kw_only=True):
    """Which rules."""

    with_retired: bool = False


class VersionQuery(Query, frozen=True, kw_only=True):
    """Which version; the newest when nothing is said."""

    version: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None


class CheckedRule(Body, frozen=True, kw_only=True):
    """A rule to be judged."""

    rule: Rule
    tags: Tags = msgspec.field(default_factory=list)


class SavedRule(CheckedRule, frozen=True, kw_only=True):
    """A rule to be kept as a new version, and why; its `version` is not looked at."""

    note: Annotated[str, Meta(min_length=1, max_length=rule_edits.MOST_NOTE)]


class Switch(Body, frozen=True, kw_only=True):
    """On or off."""

    on: bool


class KeptVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The version that is newest now."""

    key: str
    version: int


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is wrong with a rule; none: it can be saved."""

    problems: list[FieldProblem]


def api_rules(call: Call[RulesQuery, None]) -> Answer:
    """The newest version of each rule."""
    found = list_rules(call.engine, now=call.now, zone=call.where.zone, with_retired=call.query.with_retired)
    return page_out_of(found, call.query, lambda line: (line.rule.key,))


def api_rule(call: Call[VersionQuery, None], key: str) -> Answer:
    """One rule; its ``ETag`` begins with the newest version's number."""
    newest = _newest(call, key).rule
    wanted = call.query.version
    shown = newest if wanted in (None, newest.version) else rule_version(call.engine, key, wanted)
    return Answer(value=shown, version=newest.version)


def api_rule_versions(call: Call[Paged, None], key: str) -> Answer:
    """Every version of a rule, the newest first."""
    return page_out_of(rule_versions(call.engine, key), call.query, lambda one: (-one.rule.version,))


def api_check_rule(call: Call[NoQuery, CheckedRule]) -> Answer:
    """Judge a rule; nothing is kept."""
    problems = [*_unknown_names(), *rule_edits.check_for_city(call.engine, call.body.rule, tags=call.body.tags)]
    told = [FieldProblem(field=each.field, problem=problem_at(each)) for each in problems]
    return Answer(value=Judged(problems=told))


def api_save_rule(call: Call[NoQuery, SavedRule], key: str) -> Answer:
    """Keep a new version of a rule; a key that is not there yet is a new rule (``If-Match: *``)."""
    body = call.body
    if body.rule.key != key:
        raise InvalidInput(
            "key",
            "is {sent!r} in the body and {key!r} in the address; send the same twice",
            sent=body.rule.key,
            key=key,
        )
    if unknown := _unknown_names():
        raise Refusals(unknown)
    seen = None if call.matches == "*" else _seen(call, key)
    try:
        version = rule_edits.save_rule(
            call.engine, body.rule, tags=body.tags, seen_version=seen, note=body.note, by=call.by, now=call.now
        )
    except rule_edits.Problems as error:
        raise Refusals(error.found) from None
    return _kept(key, version)


def api_undo_rule(call: Call[NoQuery, None], key: str) -> Answer:
    """Make a new version as the one before the newest."""
    return _kept(key, rule_edits.undo_rule(call.engine, key, seen_version=_seen(call, key), by=call.by, now=call.now))


def api_switch_rule(call: Call[NoQuery, Switch], key: str) -> Answer:
    """Switch a rule on or off."""
    seen = _seen(call, key)
    return _kept(
        key, rule_edits.switch_rule(call.engine, key, on=call.body.on, seen_version=seen, by=call.by, now=call.now)
    )


def api_ship_rule(call: Call[NoQuery, None], key: str) -> Answer:
    """Go back to the rule as this release ships it."""
    return _kept(key, rule_edits.ship_again(call.engine, key, seen_version=_seen(call, key), by=call.by, now=call.now))


def api_restore_rule(call: Call[NoQuery, None], key: str) -> Answer:
    """Take a retired rule into use again."""
    seen = _seen(call, key)
    return _kept(key, rule_edits.restore_rule(call.engine, key, seen_version=seen, by=call.by, now=call.now))


def api_retire_rule(call: Call[NoQuery, None], key: str) -> Answer:
    """Take a rule out of use; its versions and its alerts stay."""
    rule_edits.retire_rule(call.engine, key, seen_version=_seen(call, key), by=call.by, now=call.now)
    return Answer(status=204)


def _newest(call: Call[Any, Any], key: str) -> RuleLine:
    return rule_line(call.engine, key, now=call.now, zone=call.where.zone)


def _seen(call: Call[Any, Any], key: str) -> int:
    """The version that the sender saw, if it is the newest. Raises ``ChangedMeanwhile``, ``NotFound``."""
    return call.version(_newest(call, key).rule.version)


def _kept(key: str, version: int) -> Answer:
    return Answer(value=KeptVersion(key=key, version=version), version=version)


def _unknown_names() -> list[InvalidInput]:
    """Names in the sent rule that no field bears: msgspec passes them over, and then a number is not what was meant."""
    sent = request.get_json(silent=True)
    _, problems = read_rule_plain(sent.get("rule") if isinstance(sent, dict) else None, "rule")
    return [each.at(each.field.removeprefix("rule.")) for each in problems]


_row = partial(Operation, group="rules")
OPERATIONS = (
    _row(
        method="GET",
        path="/rules",
        endpoint="api_rules",
        run=api_rules,
        zh="规则列表",
        en="Rules in force",
        query=RulesQuery,
        replies={200: Listing[RuleLine]},
    ),
    _row(
        method="POST",
        path="/rules/check",
        endpoint="api_check_rule",
        run=api_check_rule,
        zh="检查规则",
        en="Judge a rule without keeping it",
        body=CheckedRule,
        replies={200: Judged},
        keyed=False,
    ),
    _row(
        method="GET",
        path="/rules/{key}",
        endpoint="api_rule",
        run=api_rule,
        zh="规则",
        en="One rule",
        query=VersionQuery,
        replies={200: Rule},
    ),
    _row(
        method="GET",
        path="/rules/{key}/versions",
        endpoint="api_rule_versions",
        run=api_rule_versions,
        zh="规则的各个版本",
        en="Every version of a rule",
        query=Paged,
        replies={200: Listing[RuleVersion]},
    ),
    _row(
        method="PUT",
        path="/rules/{key}",
        endpoint="api_save_rule",
        run=api_save_rule,
        zh="保存规则",
        en="Keep a new version of a rule",
        body=SavedRule,
        replies={200: KeptVersion},
        if_match=True,
    ),
    _row(
        method="POST",
        path="/rules/{key}/undo",
        endpoint="api_undo_rule",
        run=api_undo_rule,
        zh="撤销对规则的修改",
        en="Undo the last change of a rule",
        replies={200: KeptVersion},
        if_match=True,
    ),
    _row(
        method="POST",
        path="/rules/{key}/switch",
        endpoint="api_switch_rule",
        run=api_switch_rule,
        zh="启用或停用规则",
        en="Switch a rule on or off",
        body=Switch,
        replies={200: KeptVersion},
        if_match=True,
    ),
    _row(
        method="POST",
        path="/rules/{key}/shipped",
        endpoint="api_ship_rule",
        run=api_ship_rule,
        zh="恢复出厂规则",
        en="Go back to the shipped rule",
        replies={200: KeptVersion},
        if_match=True,
    ),
    _row(
        method="POST",
        path="/rules/{key}/restore",
        endpoint="api_restore_rule",
        run=api_restore_rule,
        zh="恢复已删除的规则",
        en="Take a retired rule into use again",
        replies={200: KeptVersion},
        if_match=True,
    ),
    _row(
        method="DELETE",
        path="/rules/{key}",
        endpoint="api_retire_rule",
        run=api_retire_rule,
        zh="删除规则",
        en="Take a rule out of use",
        replies={204: None},
        if_match=True,
    ),
)
