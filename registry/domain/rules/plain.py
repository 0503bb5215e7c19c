"""Plain values (of JSON, of YAML) as rules, with every problem at its field, and rules as plain values. Pure.

``msgspec`` alone stops at the first thing that does not fit and passes over names that it does not know; whoever writes
a rule wants to hear all of it at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

import msgspec

from registry.domain.errors import InvalidInput
from registry.domain.rules.conditions import Condition, Part
from registry.domain.rules.rule import FlapPolicy, GroupPolicy, Hours, Rule, Step, Watches
from registry.shapes import shaped

CONDITIONS: dict[str, type[msgspec.Struct]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Condition)}
"""The shape of each kind of condition, by its word."""

_INSIDE: dict[str, type[msgspec.Struct]] = {
    "watches": Watches,
    "grouping": GroupPolicy,
    "flapping": FlapPolicy,
    "ladder": Step,
    "hours": Hours,
    "parts": Part,
}
_LISTS = frozenset({"ladder", "hours", "parts"})


def read_rule_plain(plain: Any, at: str = "") -> tuple[Rule | None, list[InvalidInput]]:
    """A rule out of a plain mapping (numbers as JSON has them); None when something in it can't be read at all."""
    problems: list[InvalidInput] = []
    if not isinstance(plain, Mapping):
        return None, [InvalidInput(at or "rule", "must be a mapping of names to values")]
    made = _struct(plain, Rule, at, problems, Rule.__struct_fields__)
    return (None if problems else made), problems


def rule_plain(rule: Rule) -> dict[str, Any]:
    """The whole rule as plain values, as the API shows it."""
    return dict(msgspec.to_builtins(rule))


def same_rule(one: Rule, other: Rule) -> bool:
    """Whether two versions say the same."""
    return _without_version(one) == _without_version(other)


def _without_version(rule: Rule) -> Rule:
    return msgspec.structs.replace(rule, version=0)


def _struct(
    plain: Mapping[Any, Any], kind: type[Any], at: str, problems: list[InvalidInput], expected: Iterable[str]
) -> Any:
    fields = {each.name: each for each in msgspec.structs.fields(kind)}
    names = set(expected)
    before = len(problems)
    strange = [str(name) for name in plain if name not in names and name != kind.__struct_config__.tag_field]
    problems += [_unknown(_path(at, name), name, names) for name in strange]
    made: dict[str, Any] = {}
    for name, each in fields.items():
        path = _path(at, name)
        if name in plain:
            made[name] = _value(plain[name], name, each.type, path, problems)
        elif each.required:
            problems.append(InvalidInput(path, "is missing"))
    return None if len(problems) > before else kind(**made)


def _value(given: Any, name: str, kind: Any, path: str, problems: list[InvalidInput]) -> Any:
    if name == "condition":
        return _condition(given, path, problems)
    inside = _INSIDE.get(name)
    if inside is None or given is None:
        return _convert(given, kind, path, problems)
    if name not in _LISTS:
        if not isinstance(given, Mapping):
            problems.append(InvalidInput(path, "must be a mapping of names to values"))
            return None
        return _struct(given, inside, path, problems, inside.__struct_fields__)
    if not isinstance(given, list | tuple):
        problems.append(InvalidInput(path, "must be a list"))
        return None
    made = []
    for place, each in enumerate(given):
        where = f"{path}[{place}]"
        if isinstance(each, Mapping):
            made.append(_struct(each, inside, where, problems, inside.__struct_fields__))
        else:
            problems.append(InvalidInput(where, "must be a mapping of names to values"))
    return tuple(made)


def _condition(given: Any, path: str, problems: list[InvalidInput]) -> Any:
    if not isinstance(given, Mapping):
        problems.append(InvalidInput(path, "must be a mapping of names to values"))
        return None
    word = str(given.get("type", ""))
    kind = CONDITIONS.get(word)
    if kind is None:
        problems.append(
            InvalidInput(
                f"{path}.type",
                "{given!r} is no kind of condition; known are {known}",
                given=word[:40],
                known=", ".join(CONDITIONS),
            )
        )
        return None
    return _struct(given, kind, path, problems, kind.__struct_fields__)


def _convert(given: Any, kind: Any, path: str, problems: list[InvalidInput]) -> Any:
    try:
        return shaped(given, kind)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$")
        problems.append(InvalidInput(path + place.rstrip("`"), "{why}", why=said[:1].lower() + said[1:]))
        return None


def _unknown(path: str, name: str, known: set[str]) -> InvalidInput:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return InvalidInput(path, "is not known here; did you mean {near}?", near=near[0])
    return InvalidInput(path, "is not known here; leave it out or correct its name")


def _path(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
