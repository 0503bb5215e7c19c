"""Whatever a stream is like and however it comes: what rules say depends on the readings alone."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.domain.kinds import Severity
from registry.domain.rules import (
    Aggregate,
    AllCondition,
    AnyCondition,
    Condition,
    DisagreeCondition,
    DriftCondition,
    EventCondition,
    FlapPolicy,
    ForecastCondition,
    Guard,
    GuardPoint,
    Hours,
    LimitCondition,
    Memory,
    Part,
    Phase,
    RateCondition,
    Step,
    StuckCondition,
    VectorCondition,
    WindowCondition,
    write_memory,
)
from tests.guards import T0, Story, guard, points, rule

AXES = ("tilt_x", "tilt_y", "tilt_z")
PARTS = (Part(point="tilt_z", fire=15.0, clear=10.0), Part(point="battery", fire=20.0, clear=25.0, above=False))
STEPS = (Step(severity=Severity.CRITICAL, fire=45.0, clear=30.0, hold_s=2.0),)
HELD: dict[str, Any] = {"hold_s": 5.0, "clear_after_s": 10.0}
FLAPS = FlapPolicy(fires=3, within_s=120.0, quiet_s=40.0)

CONDITIONS: dict[str, tuple[Condition, tuple[str, ...]]] = {
    "limit": (LimitCondition(fire=15.0, clear=10.0, **HELD), ("tilt_z",)),
    "below": (LimitCondition(fire=-15.0, clear=-10.0, above=False, **HELD), ("tilt_z",)),
    "magnitude": (LimitCondition(fire=15.0, clear=10.0, relative=True, magnitude=True, **HELD), ("tilt_z",)),
    "gap": (LimitCondition(fire=15.0, clear=10.0, gap_s=4.0, **HELD), ("tilt_z",)),
    "votes": (LimitCondition(fire=15.0, clear=10.0, votes=3, of=5, hold_s=2.0), ("tilt_z",)),
    "rate": (RateCondition(fire=15.0, clear=10.0, window_s=20.0, **HELD), ("tilt_z",)),
    "window": (WindowCondition(fire=15.0, clear=10.0, aggregate=Aggregate.MEAN, window_s=20.0, least=3), ("tilt_z",)),
    "vector": (VectorCondition(axes=AXES, fire=15.0, clear=10.0, **HELD), AXES),
    "disagree": (DisagreeCondition(axes=AXES, fire=15.0, clear=10.0, **HELD), AXES),
    "all": (AllCondition(parts=PARTS, fresh_s=30.0, **HELD), ("tilt_z", "battery")),
    "any": (AnyCondition(parts=PARTS, fresh_s=30.0, **HELD), ("tilt_z", "battery")),
    "stuck": (StuckCondition(samples=3, for_s=4.0), ("tilt_z",)),
    "event": (EventCondition(expire_s=30.0), ("tilt_z",)),
    "forecast": (ForecastCondition(level=10.0, within_days=5.0, clear_days=9.0, least_days=3), ("tilt_z",)),
    "drift": (DriftCondition(per_day=2.0, leap=30.0, days=3), ("tilt_z",)),
}  # fmt: skip
LADDERED = {"limit", "magnitude", "gap", "votes", "rate", "window", "vector"}
SLOW = {"forecast", "drift"}
DRESSED: dict[str, dict[str, Any]] = {
    "plain": {},
    "steps": {"ladder": STEPS},
    "flapping": {"flapping": FLAPS},
    "hours": {"hours": (Hours(from_min=1, until_min=3),)},
    "all at once": {"ladder": STEPS, "flapping": FLAPS, "hours": (Hours(from_min=0, until_min=3),)},
}
CASES = [
    (kind, dress)
    for kind in CONDITIONS
    for dress in DRESSED
    if kind in LADDERED or dress not in ("steps", "all at once")
]

NEAR = (0.0, 1.0, 9.9, 10.0, 12.0, 14.9, 15.0, 29.0, 45.0, 50.0)
values = st.one_of(st.integers(-60, 60).map(float), st.sampled_from(NEAR))
"""Whole degrees, and whatever lies close to a limit."""

many = settings(max_examples=250, deadline=None)


def on_duty(kind: str, dress: str, **more: Any) -> Guard:
    condition, names = CONDITIONS[kind]
    one_point = names[0] if len(names) == 1 else None
    return guard(rule(condition, point=one_point, **DRESSED[dress], **more), *points(*names))


Reading = tuple[float, float, int]


def stream(kind: str, seed: int, most: int = 60) -> list[Reading]:
    """Readings in the order of their time, some at once, with gaps; (second, value, point). Of a seed: drawing each
    number by itself would take longer than judging it."""
    chance = Random(seed)
    names = CONDITIONS[kind][1]
    second, value, readings = 0.0, 0.0, []
    restless = chance.random()
    for _ in range(chance.randrange(most)):
        second += chance.choice((0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 7.0, 40.0)) * (20_000.0 if kind in SLOW else 1.0)
        if chance.random() < restless:
            value = chance.choice((*NEAR, float(chance.randint(-60, 60))))
        readings.append((second, value, chance.randint(1, len(names))))
    return readings


@st.composite
def duties(draw: st.DrawFn) -> tuple[Guard, list[Reading]]:
    """A guard of any kind, dressed in any way, and what it hears."""
    kind, dress = draw(st.sampled_from(CASES))
    return on_duty(kind, dress), stream(kind, draw(st.integers(0, 2**32)))


def told(one: Guard, readings: list[tuple[float, float, int]], **how: Any) -> tuple[list[str], Memory | None]:
    story = Story(one, **how)
    for reading in readings:
        story.hear(*reading)
    return story.words(), story.memory


@many
@given(duties())
def test_stopping_anywhere_and_going_on_with_what_was_stored_changes_nothing(duty: tuple[Guard, list[Reading]]):
    one, readings = duty
    assert told(one, readings, through_json=True) == told(one, readings)


@many
@given(duties())
def test_every_reading_twice_and_all_of_them_again_is_as_good_as_once(duty: tuple[Guard, list[Reading]]):
    one, readings = duty
    twice = [reading for reading in readings for _ in (1, 2)] + readings
    assert told(one, twice) == told(one, readings)


@many
@given(duties())
def test_what_the_hot_path_skips_would_have_changed_nothing(duty: tuple[Guard, list[Reading]]):
    one, readings = duty
    assert told(one, readings, skipping=True) == told(one, readings, skipping=False)


@many
@given(st.sampled_from(sorted(set(CONDITIONS) - SLOW)), st.integers(0, 2**32))
def test_within_the_lateness_the_order_does_not_matter(kind: str, seed: int):
    one = on_duty(kind, "plain", lateness_s=10.0)
    once = {(second, place): value for second, value, place in stream(kind, seed)}
    readings = [(second, value, place) for (second, place), value in sorted(once.items())]
    chance = Random(seed)
    mixed = [reading for _, reading in sorted((each[0] + chance.uniform(0.0, 9.9), each) for each in readings)]
    assert told(one, mixed, through_json=True) == told(one, readings)


@many
@given(duties())
def test_fire_and_clear_take_turns_and_steps_come_in_between(duty: tuple[Guard, list[Reading]]):
    story = Story(duty[0])
    severity = None
    for reading in duty[1]:
        said = len(story.told)
        story.hear(*reading)
        for verdict in story.told[said:]:
            assert (verdict.kind == "fire") == (severity is None)
            assert verdict.kind != "step" or verdict.severity is not severity
            assert verdict.began_ms <= verdict.at_ms <= max(story.newest.values())
            severity = None if verdict.kind == "clear" else verdict.severity
        assert (story.memory is not None and story.memory.is_live) == (severity is not None)


@pytest.mark.parametrize("dress", ["plain", "steps", "flapping"])
@given(st.lists(st.floats(10.0, 14.99), max_size=60), st.booleans())
def test_nothing_happens_inside_the_band_whichever_state_it_is_in(dress: str, between: list[float], is_firing: bool):
    story = Story(on_duty("limit", dress))
    if is_firing:
        story.memory = Memory(Phase.FIRING, T0 - 1, T0 - 1, 90.0, began_ms=T0 - 1)
    for n, value in enumerate(between):
        story.hear(n * 3.0, value)
    assert story.words() == []


@settings(max_examples=60, deadline=None)
@given(duties())
def test_memory_stays_small(duty: tuple[Guard, list[Reading]]):
    one, readings = duty
    story = Story(one)
    span = readings[-1][0] + 1.0 if readings else 1.0
    for again in range(10):
        for second, value, place in readings:
            story.hear(again * span + second, value, place)
    assert len("" if story.memory is None else write_memory(story.memory)) < 2500


@given(
    values,
    st.floats(-10.0, 10.0),
    st.floats(-40.0, 40.0),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.floats(0.5, 5000.0),
)
def test_a_value_in_the_calm_span_never_reaches_the_limit(
    value: float, baseline: float, fire: float, above: bool, magnitude: bool, share: bool, full_scale: float
):
    condition = LimitCondition(
        fire=fire, clear=fire, above=above, relative=True, magnitude=magnitude, of_full_scale=share, clear_after_s=0.0
    )
    one = guard(rule(condition), GuardPoint(point_id=1, name="tilt_z", baseline=baseline, full_scale=full_scale))
    for close in (value, fire, fire * full_scale + baseline, baseline - fire * full_scale, baseline + fire):
        if one.calm_above < close < one.calm_below:
            assert one.evaluate(None, 1, T0, close) == (None, ())
