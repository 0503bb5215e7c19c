"""From rules to guards: which rules watch an asset, with the numbers of the season, in terms of its own points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from typing import Any, NamedTuple

from registry.domain.deadlines import CHINA_TIME
from registry.domain.rules.axes import DisagreeGuard, VectorGuard, axes_ladder
from registry.domain.rules.conditions import (
    AllCondition,
    AnyCondition,
    Condition,
    DisagreeCondition,
    DriftCondition,
    EventCondition,
    ForecastCondition,
    LimitCondition,
    NoDataCondition,
    RateCondition,
    StuckCondition,
    VectorCondition,
    WindowCondition,
)
from registry.domain.rules.daily import DriftGuard, ForecastGuard, drift_ladder, forecast_ladder
from registry.domain.rules.event import EventGuard
from registry.domain.rules.guard import Guard, GuardPoint, Plan, WatchedAsset
from registry.domain.rules.ladder import Ladder
from registry.domain.rules.limit import LimitGuard, limit_ladder
from registry.domain.rules.parts import PartsGuard, parts_ladder
from registry.domain.rules.rule import Rule, Watches
from registry.domain.rules.seasonal import effective
from registry.domain.rules.stuck import StuckGuard
from registry.domain.rules.window import RateGuard, WindowGuard, rate_ladder, window_ladder


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
            kind = _KINDS[type(rule.condition)]
            try:
                in_force = effective(rule, seasons)
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


def _each_device(kind: Callable[[Plan, Any, Sequence[GuardPoint]], Guard]) -> Callable[..., list[Guard]]:
    """A guard for every device that has all axes of the condition."""

    def make(plan: Plan, points: Sequence[GuardPoint], inapplicable: list[Inapplicable]) -> list[Guard]:
        made: list[Guard] = []
        axes = plan.rule.condition.axes  # type: ignore[union-attr]
        for device in dict.fromkeys(point.device for point in points):
            named = {point.name: point for point in points if point.device == device}
            if any(axis not in named for axis in axes):
                continue
            try:
                made.append(kind(plan, plan.rule.condition, [named[axis] for axis in axes]))
            except ValueError as problem:
                inapplicable.append(Inapplicable(plan.rule.key, named[axes[0]].point_id, str(problem)))
        return made

    return make


def _one_asset(*, needs_all: bool) -> Callable[..., list[Guard]]:
    """One guard for the asset, if its devices have the points of all parts, or of one."""

    def make(plan: Plan, points: Sequence[GuardPoint], inapplicable: list[Inapplicable]) -> list[Guard]:
        condition: Any = plan.rule.condition
        names = {point.name for point in points}
        has = [part.point in names for part in condition.parts]
        if not (all(has) if needs_all else any(has)):
            return []
        try:
            return [PartsGuard(plan, condition, points)]
        except ValueError as problem:
            first = next(point.point_id for point in points if point.name == condition.parts[has.index(True)].point)
            inapplicable.append(Inapplicable(plan.rule.key, first, str(problem)))
            return []

    return make


def _flat(rule: Rule, _condition: Any) -> Ladder:
    """The ladder of a kind that is met or not."""
    return Ladder(rule, fire=1.0, clear=1.0)


_KINDS: dict[type[Condition], _Kind] = {
    LimitCondition: _Kind(limit_ladder, _each_point(LimitGuard)),
    RateCondition: _Kind(rate_ladder, _each_point(RateGuard)),
    WindowCondition: _Kind(window_ladder, _each_point(WindowGuard)),
    VectorCondition: _Kind(axes_ladder, _each_device(VectorGuard)),
    DisagreeCondition: _Kind(axes_ladder, _each_device(DisagreeGuard)),
    AllCondition: _Kind(parts_ladder, _one_asset(needs_all=True)),
    AnyCondition: _Kind(parts_ladder, _one_asset(needs_all=False)),
    ForecastCondition: _Kind(forecast_ladder, _each_point(ForecastGuard)),
    DriftCondition: _Kind(drift_ladder, _each_point(DriftGuard)),
    StuckCondition: _Kind(_flat, _each_point(StuckGuard)),
    EventCondition: _Kind(_flat, _each_point(EventGuard)),
}
