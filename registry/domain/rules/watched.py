"""Which points a rule looks at, and whether it watches a thing. Pure."""

from __future__ import annotations

from typing import NamedTuple

from registry.domain.kinds import Family
from registry.domain.rules.conditions import AllCondition, AnyCondition, DisagreeCondition, VectorCondition
from registry.domain.rules.rule import Rule


class Thing(NamedTuple):
    """What a device is fitted to, as far as a rule can ask: ``asset_id`` None where it is fitted to nothing."""

    asset_id: int | None
    family: Family | None
    scheme: str
    class_code: str
    area_code: str
    serial: str


def points_of(rule: Rule) -> tuple[str, ...]:
    """The names of the points whose readings the rule judges; empty where it looks at the device as a whole."""
    match rule.condition:
        case VectorCondition(axes=axes) | DisagreeCondition(axes=axes):
            return axes
        case AllCondition(parts=parts) | AnyCondition(parts=parts):
            return tuple(part.point for part in parts)
        case _:
            return () if rule.point is None else (rule.point,)


def keeps_memory(before: Rule, after: Rule) -> bool:
    """Whether what the rule remembers still means something: the same kind of condition over the same points."""
    return before.kind == after.kind and points_of(before) == points_of(after)


def does_watch(rule: Rule, thing: Thing) -> bool:
    """Whether the rule is for this thing: its family, and whatever of class, area, asset and device it names."""
    if rule.family is not None and thing.family is not rule.family:
        return False
    watches = rule.watches
    classes = {thing.scheme, f"{thing.scheme}:{thing.class_code}"}
    return (
        (not watches.classes or not classes.isdisjoint(watches.classes))
        and thing.area_code.startswith(watches.area)
        and (not watches.assets or thing.asset_id in watches.assets)
        and (not watches.devices or thing.serial in watches.devices)
    )
