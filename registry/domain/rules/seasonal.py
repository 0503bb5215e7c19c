"""A rule with the numbers of the seasons in force put in place of its own."""

from __future__ import annotations

from collections.abc import Sequence

from registry.domain.rules.numbers import with_numbers
from registry.domain.rules.rule import Rule


def effective(rule: Rule, seasons: Sequence[str]) -> Rule:
    """``rule`` as it is while ``seasons`` (keys, those that count more later) are in force."""
    numbers: dict[str, float] = {}
    for key in seasons:
        numbers |= rule.seasons.get(key, {})
    return with_numbers(rule, numbers) if numbers else rule
