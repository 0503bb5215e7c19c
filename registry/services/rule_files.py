"""Rules from a file into the city, all or nothing: what would change first, then one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, Engine

from registry.domain.errors import InvalidInput
from registry.domain.people import Actor
from registry.domain.rules import Rule
from registry.domain.rules.check import check_rule
from registry.domain.rules.differences import Difference, differences
from registry.domain.rules.files import FileProblem, FileRule
from registry.domain.rules.plain import same_rule
from registry.services import alerts
from registry.services.rule_edits import MOST_NOTE, Newest, keep_version
from registry.services.rule_places import known_for, with_tagged
from registry.services.rules import newest_rules, read_rule
from registry.storage.database import reading, writing


class ChangeKind(StrEnum):
    """What a file does to a rule: a key that the city has not, another content, none, back into use, out of use."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    RESTORED = "restored"
    RETIRED = "retired"


class RuleChange(NamedTuple):
    """One rule of a file, or one that the file leaves out (``retired``); ``version`` is the one it has afterwards."""

    key: str
    kind: ChangeKind
    version: int
    differences: list[Difference]


class Unusable(InvalidInput):
    """A file that can't be applied, for all of ``problems``; as a refusal it is the first of them."""

    def __init__(self, problems: Sequence[FileProblem]) -> None:
        first = problems[0].error
        super().__init__(first.field, first.words, **first.values)
        self.problems = tuple(problems)


def check_file(engine: Engine, found: Sequence[FileRule]) -> list[FileProblem]:
    """What is wrong with the rules of a file in this city, in the order of the lines."""
    with reading(engine) as tx:
        return _resolved(tx, found)[1]


def compare_file(engine: Engine, found: Sequence[FileRule], *, prune: bool) -> list[RuleChange]:
    """What ``apply_file`` would change. Raises ``Unusable``."""
    with reading(engine) as tx:
        return [change for change, _, _ in _changes(tx, _usable(tx, found), prune=prune)]


def apply_file(
    engine: Engine, found: Sequence[FileRule], *, prune: bool, note: str, by: Actor, now: datetime
) -> list[RuleChange]:
    """Make the city's rules those of the file; with ``prune``, rules that it leaves out are retired.

    One transaction: all of it or nothing. Rules that say the same already get no new version. Raises ``Unusable``, and
    ``InvalidInput`` for a note that is too long.
    """
    if len(note) > MOST_NOTE:
        raise InvalidInput("note", "is {count} characters long; at most {most} fit", count=len(note), most=MOST_NOTE)
    with writing(engine) as tx:
        alerts.take_turn(tx)
        planned = _changes(tx, _usable(tx, found), prune=prune)
        for change, newest, wanted in planned:
            if change.kind is not ChangeKind.SAME:
                retired = change.kind is ChangeKind.RETIRED
                keep_version(tx, newest, wanted, retired=retired, note=note, action="rule.apply", by=by, now=now)
    return [change for change, _, _ in planned]


def _usable(tx: Connection, found: Sequence[FileRule]) -> list[Rule]:
    rules, problems = _resolved(tx, found)
    if problems:
        raise Unusable(problems)
    return rules


def _resolved(tx: Connection, found: Sequence[FileRule]) -> tuple[list[Rule], list[FileProblem]]:
    """The rules with the assets that their tags name, and every problem."""
    rules: list[Rule] = []
    problems: list[FileProblem] = []
    for each in found:
        meant, unknown = with_tagged(tx, each.rule, each.tags)
        rules.append(meant)
        problems += [FileProblem(each.line(error.field), each.rule.key, error) for error in unknown]
    known = known_for(tx, rules)
    for each, meant in zip(found, rules, strict=True):
        problems += [FileProblem(each.line(error.field), each.rule.key, error) for error in check_rule(meant, known)]
    return rules, sorted(problems, key=lambda problem: problem.line)


def _changes(tx: Connection, wanted: Sequence[Rule], *, prune: bool) -> list[tuple[RuleChange, Newest | None, Rule]]:
    kept = {row["key"]: Newest(read_rule(row), bool(row["retired"])) for row in tx.execute(newest_rules()).mappings()}
    planned = [_change(kept.get(each.key), each) for each in wanted]
    if prune:
        named = {each.key for each in wanted}
        planned += [
            (
                RuleChange(key, ChangeKind.RETIRED, newest.rule.version + 1, differences(newest.rule, None)),
                newest,
                newest.rule,
            )
            for key, newest in sorted(kept.items())
            if key not in named and not newest.retired
        ]
    return planned


def _change(newest: Newest | None, wanted: Rule) -> tuple[RuleChange, Newest | None, Rule]:
    if newest is None:
        return RuleChange(wanted.key, ChangeKind.NEW, 1, differences(None, wanted)), None, wanted
    meant = msgspec.structs.replace(wanted, version=newest.rule.version)
    same = same_rule(newest.rule, meant)
    if same and not newest.retired:
        return RuleChange(wanted.key, ChangeKind.SAME, newest.rule.version, []), newest, wanted
    kind = ChangeKind.RESTORED if newest.retired else ChangeKind.CHANGED
    return RuleChange(wanted.key, kind, newest.rule.version + 1, differences(newest.rule, meant)), newest, wanted
