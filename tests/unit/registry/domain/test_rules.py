"""What a limit and a stuck rule do with every sort of stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.kinds import Family, Severity
from registry.domain.rules import (
    LimitCondition,
    Memory,
    NoDataCondition,
    Phase,
    Rule,
    StuckCondition,
    VerdictKind,
    Watch,
)
from registry.domain.rules.shipped import SHIPPED_RULES

T0 = 1_772_000_000_000


def watch(condition: LimitCondition | StuckCondition | NoDataCondition, **facts: float) -> Watch:
    rule = Rule(
        key="r",
        version=1,
        family=Family.COVER,
        point="tilt_z",
        severity=Severity.ALARM,
        case_kind="cover_displaced",
        condition=condition,
    )
    return Watch(rule, 1, **facts)


def story(one: Watch, *readings: tuple[float, float], memory: Memory | None = None) -> list[str]:
    """Verdicts as ``kind@second`` for readings given as (second, value)."""
    told = []
    for second, value in readings:
        memory, verdict = one.evaluate(memory, T0 + round(second * 1000), value)
        if verdict is not None:
            told.append(f"{verdict.kind}@{second:g}")
    return told


HELD = LimitCondition(fire=15.0, clear=10.0, hold_s=5.0, clear_after_s=10.0)
AT_ONCE = LimitCondition(fire=45.0, clear=10.0, hold_s=0.0, clear_after_s=0.0)


@pytest.mark.parametrize(
    ("condition", "readings", "expected"),
    [
        (AT_ONCE, [(0, 44.9), (2, 45.0)], ["fire@2"]),
        (AT_ONCE, [(0, 50.0), (2, 20.0), (4, 9.9)], ["fire@0", "clear@4"]),
        (AT_ONCE, [(0, 50.0), (2, 10.0), (4, 50.0)], ["fire@0"]),
        (HELD, [(0, 20.0), (2, 20.0), (4, 20.0)], []),
        (HELD, [(0, 20.0), (2, 20.0), (5, 20.0)], ["fire@5"]),
        (HELD, [(0, 20.0), (2, 14.0), (5, 20.0)], []),
        (HELD, [(0, 20.0), (600, 20.0)], ["fire@600"]),
        (HELD, [(0, 20.0), (5, 20.0), (6, 9.0), (10, 9.0), (16, 9.0)], ["fire@5", "clear@16"]),
        (HELD, [(0, 20.0), (5, 20.0), (6, 9.0), (10, 12.0), (16, 9.0), (20, 9.0)], ["fire@5"]),
        (HELD, [(0, 20.0), (5, 20.0), (7, 30.0), (9, 31.0)], ["fire@5", "worsen@7"]),
        (
            LimitCondition(fire=20.0, clear=25.0, above=False, clear_after_s=0),
            [(0, 21), (1, 20), (2, 24), (3, 26)],
            ["fire@1", "clear@3"],
        ),
    ],
)
def test_a_limit_fires_holds_and_clears_as_its_condition_says(condition, readings, expected):
    assert story(watch(condition), *readings) == expected


def test_rattling_counts_as_one_through_calm_spells_no_longer_than_the_gap():
    knock = watch(LimitCondition(fire=10.0, clear=8.0, hold_s=6.0, gap_s=4.0))
    assert story(knock, (0, 20), (2, 1), (4, 20), (6, 1), (8, 20)) == ["fire@8"]
    assert story(knock, (0, 20), (2, 1), (4, 1), (6, 1), (8, 20)) == []


def test_the_baseline_of_the_fitted_device_is_taken_off_before_comparing():
    relative = LimitCondition(fire=10.0, clear=8.0, relative=True, magnitude=True)
    assert story(watch(relative, baseline=4.0), (0, 13.9)) == []
    assert story(watch(relative, baseline=4.0), (0, -6.0)) == ["fire@0"]


def test_a_share_of_the_full_scale_needs_a_full_scale():
    share = LimitCondition(fire=0.9, clear=0.8, of_full_scale=True)
    assert story(watch(share, full_scale=2000.0), (0, 1799), (1, 1800)) == ["fire@1"]
    with pytest.raises(ValueError, match="full scale"):
        watch(share)


def test_a_frozen_sensor_fires_after_enough_equal_readings_over_enough_time():
    stuck = watch(StuckCondition(samples=4, for_s=6.0))
    assert story(stuck, (0, 1.25), (2, 1.25), (4, 1.25), (6, 1.25), (8, 1.25), (10, 1.26)) == ["fire@6", "clear@10"]
    assert story(stuck, (0, 1.25), (1, 1.25), (2, 1.25), (3, 1.25)) == []


def test_time_alone_fires_what_nobody_took_back():
    held = watch(HELD)
    memory, _ = held.evaluate(None, T0, 20.0)
    assert memory is not None
    assert held.tick(memory, T0 + 9_999, grace_ms=5_000)[1] is None
    after, verdict = held.tick(memory, T0 + 10_000, grace_ms=5_000)
    assert verdict is not None
    assert (verdict.kind, verdict.at_ms) == (VerdictKind.FIRE, T0 + 5_000)
    assert after is not None
    assert after.phase is Phase.FIRING


def test_one_burst_and_then_silence_is_no_rattling():
    knock = watch(LimitCondition(fire=10.0, clear=8.0, hold_s=6.0, gap_s=4.0))
    memory, _ = knock.evaluate(None, T0, 30.0)
    assert memory is not None
    assert knock.tick(memory, T0 + 3_600_000, grace_ms=0)[1] is None


@given(st.lists(st.floats(10.0, 14.99), max_size=60))
def test_nothing_happens_inside_the_band_whichever_state_it_is_in(values):
    readings = [(float(i), value) for i, value in enumerate(values)]
    assert story(watch(HELD), *readings) == []
    firing = Memory(Phase.FIRING, T0, T0, 90.0, 1, T0)
    assert story(watch(HELD), *readings, memory=firing) == []


@given(st.lists(st.floats(-90, 90, allow_nan=False), max_size=80), st.integers(0, 80))
def test_stopping_and_going_on_with_the_stored_memory_changes_nothing(values, cut):
    one = watch(HELD)
    whole, parts = [], []
    memory = stored = None
    for i, value in enumerate(values):
        memory, verdict = one.evaluate(memory, T0 + i * 1000, value)
        whole.append(verdict)
    for i, value in enumerate(values):
        if i == cut:
            stored = None if stored is None else Memory(*(getattr(stored, name) for name in Memory.__struct_fields__))
        stored, verdict = one.evaluate(stored, T0 + i * 1000, value)
        parts.append(verdict)
    assert whole == parts


@given(st.lists(st.floats(-90, 90, allow_nan=False), max_size=80))
def test_fire_and_clear_always_take_turns(values):
    one = watch(HELD)
    told = [line.split("@")[0] for line in story(one, *((float(i * 3), value) for i, value in enumerate(values)))]
    turns = [kind for kind in told if kind != "worsen"]
    assert turns == ["fire", "clear"] * (len(turns) // 2) + ["fire"] * (len(turns) % 2)


def test_every_shipped_rule_has_its_clear_condition_on_the_calm_side():
    for rule in SHIPPED_RULES:
        if isinstance(rule.condition, LimitCondition):
            calm = rule.condition.clear < rule.condition.fire
            assert calm == rule.condition.above, rule.key


def test_a_rule_about_silence_cannot_watch_readings():
    with pytest.raises(ValueError, match="silence"):
        watch(NoDataCondition(heartbeats=5, min_s=10))


@given(
    st.floats(-500, 2000, allow_nan=False),
    st.floats(-10, 10),
    st.sampled_from([rule for rule in SHIPPED_RULES if isinstance(rule.condition, LimitCondition)]),
)
def test_what_the_hot_path_skips_would_have_changed_nothing(value, baseline, rule):
    one = Watch(rule, 1, baseline=baseline, full_scale=2400.0)
    if one.calm_above < value < one.calm_below:
        assert one.evaluate(None, T0, value) == (None, None)


@pytest.mark.parametrize("rule", [rule for rule in SHIPPED_RULES if isinstance(rule.condition, LimitCondition)])
def test_the_hot_path_skips_the_ordinary_and_never_the_limit_itself(rule):
    one = Watch(rule, 1, baseline=1.0, full_scale=2400.0)
    scale = 2400.0 if rule.condition.of_full_scale else 1.0
    limit = rule.condition.fire * scale + (1.0 if rule.condition.relative else 0.0)
    ordinary = limit * (0.5 if rule.condition.above else 2.0)
    assert one.calm_above < ordinary < one.calm_below
    assert not one.calm_above < limit < one.calm_below
