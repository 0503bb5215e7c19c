"""From rules to guards: which rules watch an asset, with the numbers of the season, in terms of its own points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from typing import Any, NamedTuple

from registry.domain.deadlines import CHINA_TIME
from registry.domain.rules.conditions import Condition, LimitCondition, NoDataCondition, StuckCondition
from registry.domain.rules.guard import Guard, GuardPoint, Plan, WatchedAsset
from registry.domain.rules.ladder import Ladder
from registry.domain.rules.limit import LimitGuard, limit_ladder
from registry.domain.rules.rule import Rule, Watches
from registry.domain.rules.seasonal import effective
from registry.domain.rules.stuck import StuckGuard


class Inapplicable(NamedTuple):
    """A rule that should watch a point (0: the asset) and can't, and why; somebody has to mend one of them."""

    rule_key: str
    point_id: int
    problem: str


class Rulebook:
    """Rules in force, made ready once for any number of assets.

    ``seasons`` are the keys of the seasons in force, those that count more later; ``zone`` is the city's, for hours and
    days. Rules about silence watch no readings and are left out, switched-off ones as well. ``inapplicable`` fills
    while guards are asked for.
    """

    def __init__(self, rules: Iterable[Rule], *, zone: tzinfo = CHINA_TIME, seasons: Sequence[str] = ()) -> None:
        self.inapplicable: list[Inapplicable] = []
        self._plans: list[tuple[_Kind, Plan]] = []
        for rule in rules:
            if not rule.enabled or isinstance(rule.condition, NoDataCondition):
                continue
            kind = _KINDS.get(type(rule.condition))
            try:
                in_force = effective(rule, seasons)
                if kind is None:
                    raise ValueError(f"no guard knows conditions of kind {rule.kind} yet")
                self._plans.append((kind, Plan(in_force, kind.ladder(in_force, in_force.condition), zone=zone)))
            except ValueError as problem:
                self.inapplicable.append(Inapplicable(rule.key, 0, str(problem)))

    def guards(self, asset: WatchedAsset, points: Sequence[GuardPoint]) -> list[Guard]:
        """The guards of one asset, given all points of all its devices."""
        made: list[Guard] = []
        for kind, plan in self._plans:
            rule = plan.rule
            if (rule.family is not None and rule.family != asset.family) or not _watched(rule.watches, asset):
                continue
            serials = rule.watches.devices
            mine = [point for point in points if point.device in serials] if serials else points
            made += kind.guards(plan, mine, self.inapplicable)
        return made


def guards_for(
    rules: Iterable[Rule],
    points: Sequence[GuardPoint],
    *,
    asset: WatchedAsset,
    zone: tzinfo = CHINA_TIME,
    seasons: Sequence[str] = (),
) -> list[Guard]:
    """The guards of one asset. Raises ``ValueError`` when a rule can't be applied to its points."""
    book = Rulebook(rules, zone=zone, seasons=seasons)
    guards = book.guards(asset, points)
    if book.inapplicable:
        first = book.inapplicable[0]
        raise ValueError(f"rule {first.rule_key}: {first.problem}")
    return guards


def _watched(watches: Watches, asset: WatchedAsset) -> bool:
    if watches.assets and asset.asset_id not in watches.assets:
        return False
    if watches.area and not asset.area_code.startswith(watches.area):
        return False
    return not watches.classes or any(
        each in (asset.scheme, f"{asset.scheme}:{asset.class_code}") for each in watches.classes
    )


class _Kind(NamedTuple):
    """How rules of one kind are made ready, and guards out of them."""

    ladder: Callable[[Rule, Any], Ladder]
    guards: Callable[[Plan, Sequence[GuardPoint], list[Inapplicable]], list[Guard]]


def _each_point(kind: Callable[[Plan, Any, GuardPoint], Guard]) -> Callable[..., list[Guard]]:
    """A guard for every point of the rule's name."""

    def make(plan: Plan, points: Sequence[GuardPoint], inapplicable: list[Inapplicable]) -> list[Guard]:
        made: list[Guard] = []
        for point in points:
            if point.name != plan.rule.point:
                continue
            try:
                made.append(kind(plan, plan.rule.condition, point))
            except ValueError as problem:
                inapplicable.append(Inapplicable(plan.rule.key, point.point_id, str(problem)))
        return made

    return make


def _flat(rule: Rule, _condition: Any) -> Ladder:
    """The ladder of a kind that is met or not."""
    return Ladder(rule, fire=1.0, clear=1.0)


_KINDS: dict[type[Condition], _Kind] = {
    LimitCondition: _Kind(limit_ladder, _each_point(LimitGuard)),
    StuckCondition: _Kind(_flat, _each_point(StuckGuard)),
}
