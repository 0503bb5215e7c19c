"""What differs between two versions of a rule, field by field. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from registry.domain.rules.plain import rule_plain
from registry.domain.rules.rule import Rule

# no words of the rule: what a reader sees elsewhere, or what says nothing
_LEFT_OUT = frozenset({"version"})


class Difference(NamedTuple):
    """One field before and after; None on the side where it is not there."""

    field: str
    before: Any
    after: Any


def differences(before: Rule | None, after: Rule | None) -> list[Difference]:
    """Each field that differs, in the order of the rule's fields; None is a rule that is not there at all."""
    old = {} if before is None else _flat(rule_plain(before))
    new = {} if after is None else _flat(rule_plain(after))
    names = [*new, *(name for name in old if name not in new)]
    return [Difference(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def _flat(plain: dict[str, Any], at: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in plain.items():
        path = f"{at}.{name}" if at else name
        if path in _LEFT_OUT:
            continue
        if isinstance(value, dict):
            found |= _flat(value, path)
        elif isinstance(value, list | tuple) and value and isinstance(value[0], dict):
            for place, each in enumerate(value):
                found |= _flat(each, f"{path}[{place}]")
        elif value not in ([], (), ""):
            found[path] = list(value) if isinstance(value, tuple) else value
    return found
