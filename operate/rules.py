"""Rules from the shell: check files, show what they would change, apply them, write them out, list what is in force."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operate.plates import at_the_shell, now, records

if TYPE_CHECKING:
    from registry.domain.rules.files import FileProblem, FileRule
    from registry.services.rule_files import RuleChange

_SIGNS = {"new": "+", "changed": "~", "restored": "+", "retired": "-", "same": " "}


def check_rule_files(
    config: Path | None, files: Sequence[Path], *, alone: bool, as_json: bool
) -> tuple[list[str], bool]:
    """Everything that is wrong in ``files``, a line each, and whether all is well.

    Unless ``alone``, also what the rules name of this city must exist: classes, areas, plates, devices, seasons.
    """
    from registry.domain.rules.files import check_rules
    from registry.services.rule_files import check_file

    engine = None if alone else records(config)[0]
    told: list[dict[str, Any]] = []
    count = 0
    for file in files:
        found, problems = _read(file)
        count += len(found)
        problems += check_rules(found) if engine is None else check_file(engine, found)
        told += [_told(file, problem) for problem in sorted(problems, key=lambda problem: problem.line)]
    if engine is not None:
        engine.dispose()
    lines = [f"{each['file']}:{each['line']}: {_where(each)}: {each['problem']}" for each in told]
    summary = f"{len(files)} files, {count} rules, {len(told)} problems"
    if as_json:
        return [json.dumps({"files": len(files), "rules": count, "problems": told}, ensure_ascii=False)], not told
    return [*lines, summary], not told


def compare_rule_file(config: Path | None, file: Path, *, prune: bool, as_json: bool) -> tuple[list[str], bool]:
    """What applying ``file`` would change, rule by rule and field by field, and whether that is anything at all."""
    from registry.services.rule_files import compare_file

    engine, _ = records(config)
    with _told_by_line(file):
        changes = compare_file(engine, _usable(file), prune=prune)
    engine.dispose()
    return _changes_told(changes, as_json=as_json, done="would change"), _real(changes) != []


def apply_rule_file(
    config: Path | None, file: Path, *, prune: bool, dry_run: bool, note: str, as_json: bool
) -> list[str]:
    """Make the city's rules those of ``file``, all or nothing; answers what changed."""
    from registry.services.rule_files import apply_file, compare_file

    engine, _ = records(config)
    told = note or f"covercode rules apply {file.name}"
    with _told_by_line(file):
        found = _usable(file)
        if dry_run:
            changes = compare_file(engine, found, prune=prune)
        else:
            changes = apply_file(engine, found, prune=prune, note=told, by=at_the_shell(), now=now())
    engine.dispose()
    return _changes_told(changes, as_json=as_json, done="would change" if dry_run else "changed")


def export_rules(config: Path | None, keys: Sequence[str]) -> str:
    """The rules in use as a file: all of them, or those of ``keys``."""
    from registry.domain.errors import NotFound
    from registry.domain.rules.files import write_rules
    from registry.queries.rules import rules_for_file

    engine, _ = records(config)
    found = rules_for_file(engine, tuple(keys))
    engine.dispose()
    for missing in sorted(set(keys) - {rule.key for rule, _ in found}):
        raise NotFound("rule", missing)
    return write_rules(found)


def list_city_rules(config: Path | None, *, with_retired: bool, as_json: bool) -> Iterator[str]:
    """The rules, the worst first: severity, version, live alerts, how often each fired in 30 days, key and name."""
    from registry.queries.rules import list_rules

    engine, place = records(config)
    lines = list_rules(engine, now=now(), zone=place.zone, with_retired=with_retired)
    engine.dispose()
    if as_json:
        rows = [
            {
                "key": each.rule.key,
                "version": each.rule.version,
                "kind": each.rule.kind.value,
                "severity": each.rule.severity.name.lower(),
                "enabled": each.rule.enabled,
                "retired": each.retired,
                "shipped": each.shipped,
                "newer_shipped": each.newer_shipped,
                "in_season": each.in_season,
                "live": each.live,
                "fired_30d": each.fired,
            }
            for each in lines
        ]
        yield json.dumps({"rules": rows}, ensure_ascii=False)
        return
    yield f"{'severity':<9} {'version':>7} {'live':>6} {'30 days':>8}  rule"
    for each in lines:
        found = each.rule
        state = "retired" if each.retired else "off" if not found.enabled else ""
        more = [state, *each.in_season, "newer shipped" if each.newer_shipped else ""]
        notes = ", ".join(word for word in more if word)
        name = " ".join(word for word in (found.name_zh, found.name_en) if word)
        yield (
            f"{found.severity.name.lower():<9} {found.version:>7} {each.live:>6} {each.fired:>8}  "
            f"{found.key}{f'  {name}' if name else ''}{f'  ({notes})' if notes else ''}"
        )


def _read(file: Path) -> tuple[list[FileRule], list[FileProblem]]:
    from registry.domain.errors import InvalidInput
    from registry.domain.rules.files import read_rules

    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInput("file", "{given!r} can't be read: {why}", given=str(file), why=error.strerror) from None
    except UnicodeDecodeError:
        raise InvalidInput("file", "{given!r} is not written in UTF-8", given=str(file)) from None
    return read_rules(text)


@contextmanager
def _told_by_line(file: Path) -> Iterator[None]:
    """Tell everything that is wrong in the file, not only the first of it."""
    from registry.domain.errors import InvalidInput
    from registry.services.rule_files import Unusable

    try:
        yield
    except Unusable as error:
        told = [_told(file, problem) for problem in error.problems]
        lines = "\n".join(f"  line {each['line']}: {_where(each)}: {each['problem']}" for each in told)
        raise InvalidInput(file.name, f"nothing was changed:\n{lines}") from None


def _usable(file: Path) -> list[FileRule]:
    """The rules of a file in which everything could be read. Raises ``Unusable``, told line by line."""
    from registry.services.rule_files import Unusable

    found, problems = _read(file)
    if problems:
        raise Unusable(problems)
    return found


def _told(file: Path, problem: FileProblem) -> dict[str, Any]:
    return {
        "file": str(file),
        "line": problem.line,
        "rule": problem.key,
        "field": problem.error.field,
        "problem": problem.error.problem,
    }


def _where(told: dict[str, Any]) -> str:
    return ": ".join(word for word in (told["rule"], told["field"]) if word)


def _real(changes: Iterable[RuleChange]) -> list[RuleChange]:
    return [change for change in changes if change.kind.value != "same"]


def _changes_told(changes: Sequence[RuleChange], *, as_json: bool, done: str) -> list[str]:
    real = _real(changes)
    same = len(changes) - len(real)
    if as_json:
        rows = [
            {
                "key": change.key,
                "what": change.kind.value,
                "version": change.version,
                "fields": [
                    {"field": each.field, "before": each.before, "after": each.after} for each in change.differences
                ],
            }
            for change in real
        ]
        return [json.dumps({"changes": rows, "same": same}, ensure_ascii=False)]
    lines = [line for change in real for line in _change_lines(change)]
    return [*lines, f"{len(real)} rules {done}, {same} stay as they are"]


def _change_lines(change: RuleChange) -> Iterator[str]:
    yield f"{_SIGNS[change.kind.value]} {change.key}: {change.kind.value}, version {change.version}"
    if change.kind.value == "retired":
        return
    for each in change.differences:
        if each.before is None:
            yield f"    {each.field}: {_value(each.after)}"
        else:
            yield f"    {each.field}: {_value(each.before)} → {_value(each.after)}"


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, float):
        return f"{value:.10g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
