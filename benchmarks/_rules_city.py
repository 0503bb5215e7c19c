"""A city's devices for judging without a database: cells and guards as intake has them, and what the devices say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from types import SimpleNamespace

from registry.domain.kinds import Family, Severity
from registry.domain.points import POINTS
from registry.domain.rules import Guard, GuardPoint, Rulebook, WatchedAsset
from registry.domain.rules.conditions import (
    Aggregate,
    AllCondition,
    AnyCondition,
    Direction,
    LimitCondition,
    NoDataCondition,
    Part,
    RateCondition,
    VectorCondition,
    WindowCondition,
)
from registry.domain.rules.rule import GroupPolicy, Rule, Watches
from registry.domain.rules.shipped import SHIPPED_RULES
from registry.intake import RawReading
from registry.services.intake_directory import Cell, Directory, Post

EVERY_MS = 600_000
BEGAN_MS = 1_772_000_000_000
AXES = ("tilt_x", "tilt_y", "tilt_z")
COVER_POINTS = (*AXES, "displacement", "water_level", "temperature", "battery")
LIGHT_POINTS = (*AXES, "temperature", "battery")
_LIGHT_EVERY = 3
_AREAS = 200
_DISTURBED = 0.0005
_USUAL = {"displacement": 2.0, "water_level": 300.0, "temperature": 18.0, "battery": 81.0, "tilt_z": 1.0}
_TREMBLE = {"battery": 0.0, "water_level": 20.0}


def rules_of_a_city() -> list[Rule]:
    """30 rules: what is shipped and judges readings, and what a city would add to it."""
    shipped = [
        each
        for each in SHIPPED_RULES
        if not isinstance(each.condition, NoDataCondition) and each.key != "cover_seated_wrong"
    ]
    tilt = {"relative": True, "magnitude": True}
    cover, light = Family.COVER, Family.LIGHT
    added = [
        _rule("cover_tilt_notice", cover, "tilt_z", LimitCondition(fire=5.0, clear=3.0, hold_s=30.0, **tilt)),
        _rule(
            "market_tilt",
            *(cover, "tilt_z", LimitCondition(fire=25.0, clear=15.0, hold_s=5.0, **tilt)),
            watches=Watches(area="440803001"),
        ),
        _rule("cover_angle", cover, None, VectorCondition(axes=AXES, fire=20.0, clear=15.0, hold_s=5.0)),
        _rule("cover_x", cover, "tilt_x", LimitCondition(fire=20.0, clear=15.0, hold_s=5.0, **tilt)),
        _rule("cover_y", cover, "tilt_y", LimitCondition(fire=20.0, clear=15.0, hold_s=5.0, **tilt)),
        _rule("water_notice", cover, "water_level", LimitCondition(fire=0.7, clear=0.6, of_full_scale=True)),
        _rule(
            "water_rising",
            *(cover, "water_level", RateCondition(fire=800.0, clear=300.0, window_s=1800.0, direction=Direction.RISE)),
            grouping=GroupPolicy(),
        ),
        _rule(
            "water_mean",
            *(cover, "water_level"),
            WindowCondition(aggregate=Aggregate.MEAN, window_s=3600.0, least=3, fire=1500.0, clear=1200.0),
        ),
        _rule("water_votes", cover, "water_level", LimitCondition(fire=1800.0, clear=1500.0, votes=2, of=3)),
        _rule("pole_notice", light, "tilt_z", LimitCondition(fire=3.0, clear=2.0, hold_s=60.0, **tilt)),
        _rule(
            "pole_in_wind",
            *(light, "tilt_z"),
            WindowCondition(aggregate=Aggregate.MEAN, window_s=3600.0, least=3, fire=4.0, clear=3.0, **tilt),
        ),
        _rule("pole_angle", light, None, VectorCondition(axes=AXES, fire=8.0, clear=6.0, hold_s=60.0)),
        _rule("pole_x", light, "tilt_x", LimitCondition(fire=10.0, clear=8.0, hold_s=5.0, **tilt)),
        _rule("heat", None, "temperature", LimitCondition(fire=70.0, clear=60.0, hold_s=60.0)),
        _rule("cold", None, "temperature", LimitCondition(fire=-35.0, clear=-30.0, above=False, hold_s=60.0)),
        _rule("heating_up", light, "temperature", RateCondition(fire=25.0, clear=10.0, window_s=3600.0)),
        _rule("battery_dead", None, "battery", LimitCondition(fire=5.0, clear=10.0, above=False)),
        _rule(
            "open_and_wet",
            *(cover, None),
            AllCondition(
                parts=(
                    Part(point="tilt_z", fire=10.0, clear=8.0, **tilt),
                    Part(point="water_level", fire=1000.0, clear=800.0),
                )
            ),
        ),
        _rule(
            "moved_or_deep",
            *(cover, None),
            AnyCondition(
                parts=(
                    Part(point="displacement", fire=50.0, clear=30.0, **tilt),
                    Part(point="water_level", fire=2300.0, clear=2000.0),
                )
            ),
        ),
    ]
    return [*shipped, *added]


def directory_of(devices: int, rules: Sequence[Rule]) -> Directory:
    """``devices`` of them, each on an asset of its own, judged by ``rules``."""
    book = Rulebook(rules)
    found: dict[str, dict[str, Cell]] = {}
    point_id = 0
    for number in range(devices):
        serial, is_light = f"BN-{number:06d}", number % _LIGHT_EVERY == 0
        cells: dict[str, Cell] = {}
        points = []
        for name in LIGHT_POINTS if is_light else COVER_POINTS:
            point_id += 1
            row = SimpleNamespace(
                id=point_id, device_id=number + 1, asset_id=number + 1, unit=POINTS[name].unit, name=name
            )
            row.measured_at = None
            cells[name] = Cell(row)
            full_scale = 2400.0 if name == "water_level" else None
            points.append(
                GuardPoint(
                    point_id=point_id,
                    name=name,
                    unit=row.unit,
                    baseline=_baseline(name),
                    full_scale=full_scale,
                    device=serial,
                )
            )
        asset = WatchedAsset(
            asset_id=number + 1,
            family=Family.LIGHT if is_light else Family.COVER,
            scheme="cjt214-2007",
            class_code="0118" if is_light else "0101",
            area_code=f"440803{number % _AREAS:03d}001",
        )
        _post(book.guards(asset, points), cells, points)
        found[serial] = cells
    return Directory(found, {}, {})


def readings_of(devices: int, turn: int) -> Iterator[RawReading]:
    """What every device says in one turn: nearly all of it quiet, a few of them disturbed for that turn."""
    chance = Random(turn)
    at_ms = BEGAN_MS + turn * EVERY_MS
    for number in range(devices):
        serial, is_light = f"BN-{number:06d}", number % _LIGHT_EVERY == 0
        off = 40.0 if chance.random() < _DISTURBED else 0.0
        for name in LIGHT_POINTS if is_light else COVER_POINTS:
            value = _baseline(name) + _USUAL.get(name, 0.0) + chance.gauss(0.0, _TREMBLE.get(name, 0.2)) + off
            if name == "battery":
                value = min(value - turn * 0.01, 100.0)
            yield serial, name, at_ms + number % EVERY_MS, at_ms + number % EVERY_MS + 700, round(value, 2), 0


def usual(name: str) -> float:
    """What a point says when nothing is the matter."""
    return _baseline(name) + _USUAL.get(name, 0.0)


def _baseline(name: str) -> float:
    # how it was fitted: half a degree off the vertical
    return 0.5 if name == "tilt_z" else 0.0


def _post(guards: Sequence[Guard], cells: dict[str, Cell], points: Sequence[GuardPoint]) -> None:
    by_id = {point.point_id: cells[point.name] for point in points}
    for guard in guards:
        post = Post(guard, by_id[guard.anchor_id], None, 0)
        for point_id in guard.point_ids:
            by_id[point_id].take(post)


def _rule(key: str, family: Family | None, point: str | None, condition: object, **more: object) -> Rule:
    fields = {"severity": Severity.ALARM, "case_kind": None, "version": 1} | more
    return Rule(key=key, family=family, point=point, condition=condition, **fields)  # type: ignore[arg-type]
