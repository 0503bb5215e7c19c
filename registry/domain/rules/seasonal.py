"""A rule with the numbers of the seasons in force put in place of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from registry.domain.rules.rule import Rule
from registry.shapes import shaped


def effective(rule: Rule, seasons: Sequence[str]) -> Rule:
    """``rule`` as it is while ``seasons`` (keys, those that count more later) are in force.

    A number's name is a field of the condition (``fire``), or one of a step of the ladder after the step's severity
    (``critical.fire``). Raises ``ValueError`` for a name that is neither.
    """
    numbers: dict[str, float] = {}
    for key in seasons:
        numbers |= rule.seasons.get(key, {})
    if not numbers:
        return rule
    own = {name: number for name, number in numbers.items() if "." not in name}
    ladder = []
    for step in rule.ladder:
        prefix = f"{step.severity.name.lower()}."
        of_step = {name.removeprefix(prefix): number for name, number in numbers.items() if name.startswith(prefix)}
        ladder.append(_with(step, of_step, rule))
    steps = {f"{step.severity.name.lower()}" for step in rule.ladder}
    strange = [name for name in numbers if "." in name and name.partition(".")[0] not in steps]
    if strange:
        raise ValueError(f"rule {rule.key} has no step for the season's number {strange[0]}")
    return replace(rule, condition=_with(rule.condition, own, rule), ladder=tuple(ladder))


def _with(part: Any, numbers: dict[str, float], rule: Rule) -> Any:
    if not numbers:
        return part
    plain = msgspec.to_builtins(part)
    for name, number in numbers.items():
        if not isinstance(plain.get(name), (int, float)) or isinstance(plain[name], bool):
            raise ValueError(f"rule {rule.key} has no number {name} that a season could change")
        whole = isinstance(plain[name], int) and float(number).is_integer()
        plain[name] = int(number) if whole else number
    return shaped(plain, type(part))
