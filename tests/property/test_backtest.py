"""Leaving out what the roll-ups show to be calm changes nothing: the alerts are those of judging every reading."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.domain.backtest import GRACE_MS, Stretch
from registry.domain.kinds import Family, Quality, Severity
from registry.domain.rules.compiling import Rulebook
from registry.domain.rules.conditions import LimitCondition
from registry.domain.rules.guard import Guard, GuardPoint, WatchedAsset
from registry.domain.rules.rule import FlapPolicy, Rule, Step
from registry.queries.backtest_feed import Anchor, feed
from registry.storage.series import SqliteSeries

T0 = 1_772_000_000_000
LATER = datetime(2026, 12, 1, tzinfo=UTC)
NEAR = (1, 7_000, 61_000, 299_000, 1_800_000)
FAR = (3_600_000 * 5, 86_400_000 * 2)

conditions = st.builds(
    LimitCondition,
    fire=st.just(10.0),
    clear=st.sampled_from([10.0, 6.0]),
    above=st.booleans(),
    relative=st.booleans(),
    hold_s=st.sampled_from([0.0, 5.0, 400.0]),
    clear_after_s=st.sampled_from([0.0, 10.0, 4000.0]),
    gap_s=st.sampled_from([0.0, 70.0]),
    of=st.sampled_from([1, 3]),
)
rules = st.builds(
    Rule,
    key=st.just("tried"),
    version=st.just(1),
    family=st.just(Family.COVER),
    point=st.just("tilt_z"),
    severity=st.just(Severity.NOTICE),
    case_kind=st.none(),
    condition=conditions,
    flapping=st.sampled_from([None, FlapPolicy(), FlapPolicy(fires=2, within_s=7200.0, quiet_s=300.0)]),
)
streams = st.lists(
    st.tuples(
        st.sampled_from([*NEAR, *NEAR, *FAR]),
        st.sampled_from([8.0, 8.0, 9.5, 10.0, 11.0, 14.0, 30.0, 5.0, -20.0]),
        st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.GOOD, Quality.LATE, Quality.SUSPECT]),
    ),
    max_size=60,
)


def guards(rule: Rule, turns_ms: int) -> tuple[Stretch, ...]:
    """A rule whose baseline was set anew half way."""
    book, cover = Rulebook([rule]), WatchedAsset(asset_id=1, family=Family.COVER)
    made = [book.guards(cover, [GuardPoint(point_id=7, name="tilt_z", baseline=each)])[0] for each in (0.0, 2.5)]
    return (Stretch(T0, made[0]), Stretch(turns_ms, made[1]))


def judged_one_by_one(stretches: tuple[Stretch, ...], readings: list[tuple[int, float, int]], until_ms: int):
    """When it fires and clears if every reading is judged."""
    memory, told = None, []

    def passed(guard: Guard, now_ms: int) -> None:
        nonlocal memory
        said = ((),)
        while memory is not None and said:
            memory, said = guard.tick(memory, now_ms, grace_ms=GRACE_MS)
            told.extend(said)

    for at_ms, value, quality in readings:
        guard = next(each.guard for each in reversed(stretches) if each.from_ms <= at_ms)
        if quality != Quality.SUSPECT:
            passed(guard, at_ms)
            memory, said = guard.evaluate(memory, 7, at_ms, value)
            told.extend(said)
    passed(next(each.guard for each in reversed(stretches) if each.from_ms <= until_ms), until_ms)
    return [(str(each.kind), each.at_ms) for each in told if each.kind in ("fire", "clear")]


@settings(max_examples=60, deadline=None)
@given(rule=rules, stream=streams, folds=st.booleans(), turns=st.integers(0, 60))
def test_skipping_what_is_calm_gives_the_alerts_of_judging_every_reading(
    rule: Rule, stream: list[tuple[int, float, Quality]], folds: bool, turns: int
):
    at_ms, readings = T0, []
    for wait_ms, value, quality in stream:
        at_ms += wait_ms
        readings.append((at_ms, value, int(quality)))
    until_ms = at_ms + 10_000
    stretches = guards(rule, readings[turns][0] if turns < len(readings) else until_ms - 1)
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteSeries(Path(folder) / "series.db")
        store.append([(7, at, value, quality, at) for at, value, quality in readings])
        if folds:
            store.fold(LATER)
        anchor = Anchor(point_id=7, points=(7,), asset_id=1, device_id=1, stretches=stretches)
        (fed,) = feed(store, [anchor], T0, until_ms, settles_ms=60_000)
        store.close()
    moments = [("fire", each.fired_ms) for each in fed.alerts]
    moments += [("clear", each.cleared_ms) for each in fed.alerts if each.cleared_ms is not None]
    assert sorted(moments) == sorted(judged_one_by_one(stretches, readings, until_ms))
    assert anchor.banded
    assert fed.read <= len(readings)


def test_a_step_of_the_ladder_shows_in_the_severity_of_a_past_alert():
    rule = Rule(
        key="tried",
        version=1,
        family=Family.COVER,
        point="tilt_z",
        severity=Severity.NOTICE,
        case_kind=None,
        condition=LimitCondition(fire=10.0, clear=5.0, clear_after_s=0.0),
        ladder=(Step(severity=Severity.CRITICAL, fire=40.0, clear=20.0),),
    )
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteSeries(Path(folder) / "series.db")
        store.append([(7, T0 + i * 1000, value, 0, T0) for i, value in enumerate((1.0, 12.0, 50.0, 12.0, 1.0, 12.0))])
        anchor = Anchor(point_id=7, points=(7,), asset_id=1, device_id=1, stretches=guards(rule, T0 + 99_000))
        (fed,) = feed(store, [anchor], T0, T0 + 60_000, settles_ms=60_000)
        store.close()
    assert [(each.fired_ms - T0, each.cleared_ms, each.severity, each.peak) for each in fed.alerts] == [
        (1_000, T0 + 4_000, 3, 50.0),
        (5_000, None, 1, 12.0),
    ]
