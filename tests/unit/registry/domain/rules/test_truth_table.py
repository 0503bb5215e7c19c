"""The truth table of rules: what each kind says to each sort of stream, one row a case.

Readings are written as second and sign: ``X`` reaches the limit, ``o`` lies between the limit and the clear level,
``.`` is calm; ``~9`` is time alone until second 9 and ``|`` a restart with the stored memory. Where a kind looks at
more than one reading, its own rows give the values. All begin with a sensor that nothing is remembered of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from registry.domain.kinds import RuleKind
from registry.domain.rules import (
    Aggregate,
    AllCondition,
    AnyCondition,
    Condition,
    Direction,
    DisagreeCondition,
    DriftCondition,
    EventCondition,
    ForecastCondition,
    Guard,
    LimitCondition,
    Part,
    RateCondition,
    StuckCondition,
    VectorCondition,
    WindowCondition,
)
from tests.guards import Story, guard, points, rule

AXES = ("tilt_x", "tilt_y", "tilt_z")
PARTS = (Part(point="tilt_z", fire=15.0, clear=10.0), Part(point="battery", fire=20.0, clear=25.0, above=False))

Signs = dict[str, Sequence[float]]


class Kind(NamedTuple):
    """How a kind of one level is made, and what value each of its points has for each sign."""

    condition: Callable[..., Condition]
    points: tuple[str, ...]
    values: Signs
    facts: Mapping[str, float] = MappingProxyType({})


UP: Signs = {"X": [20.0], "o": [12.0], ".": [1.0]}
LEVELS: dict[str, Kind] = {
    "limit": Kind(lambda **held: LimitCondition(fire=15.0, clear=10.0, **held), ("tilt_z",), UP),
    "limit below": Kind(
        lambda **held: LimitCondition(fire=20.0, clear=25.0, above=False, **held),
        ("battery",),
        {"X": [10.0], "o": [22.0], ".": [80.0]},
    ),
    "limit against the baseline": Kind(
        lambda **held: LimitCondition(fire=15.0, clear=10.0, relative=True, magnitude=True, **held),
        ("tilt_z",),
        {"X": [-16.0], "o": [16.0], ".": [5.0]},
        {"baseline": 4.0},
    ),
    "limit of the full scale": Kind(
        lambda **held: LimitCondition(fire=0.9, clear=0.8, of_full_scale=True, **held),
        ("water_level",),
        {"X": [1800.0], "o": [1700.0], ".": [300.0]},
        {"full_scale": 2000.0},
    ),
    "window": Kind(
        lambda **held: WindowCondition(fire=15.0, clear=10.0, aggregate=Aggregate.MEAN, window_s=0.5, **held),
        ("tilt_z",),
        UP,
    ),
    "vector": Kind(
        lambda **held: VectorCondition(axes=AXES, fire=15.0, clear=10.0, within_s=0.0, **held),
        AXES,
        {"X": [20.0, 0.0, 20.0], "o": [0.0, 12.0, 12.0], ".": [0.0, 1.0, 1.0]},
    ),
    "disagree": Kind(
        lambda **held: DisagreeCondition(axes=AXES, fire=8.0, clear=5.0, within_s=0.0, **held),
        AXES,
        {"X": [20.0, 0.0, 0.0], "o": [6.0, 0.0, 0.0], ".": [6.0, 0.0, 6.0]},
    ),
    "all": Kind(
        lambda **held: AllCondition(parts=PARTS, **held),
        ("tilt_z", "battery"),
        {"X": [20.0, 10.0], "o": [20.0, 22.0], ".": [1.0, 10.0]},
    ),
    "any": Kind(
        lambda **held: AnyCondition(parts=PARTS, **held),
        ("tilt_z", "battery"),
        {"X": [1.0, 10.0], "o": [12.0, 80.0], ".": [1.0, 80.0]},
    ),
}

# feature, story, what is said; a limit must hold for 5 s and be calm for 10 s
HELD = {"hold_s": 5.0, "clear_after_s": 10.0}
ROWS: list[tuple[str, str, str]] = [
    ("hold", "0. 2. 4.", ""),
    ("hold", "0X 2X 4X", ""),
    ("hold", "0X 2X 5X", "fire@5"),
    ("hold", "0X 2o 5X 9X", ""),
    ("hold", "0X 2. 5X 9X 10X", "fire@10"),
    ("hold", "0X ~4", ""),
    ("hold", "0X ~5 ~99", "fire@5"),
    ("clear", "0X 5X 6. 15.", "fire@5"),
    ("clear", "0X 5X 6. 16.", "fire@5 clear@16"),
    ("clear", "0X 5X 6. 16. 17X 22X", "fire@5 clear@16 fire@22"),
    ("hysteresis", "0o 9o 99o", ""),
    ("hysteresis", "0X 5X 6o 99o", "fire@5"),
    ("hysteresis", "0X 5X 6. 10o 16. 25.", "fire@5"),
    ("hysteresis", "0X 5X 6. 10o 16. 26.", "fire@5 clear@26"),
    ("hysteresis", "0X 5X 6. 10X 16. 25.", "fire@5"),
    ("gap", "0X 600X", "fire@600"),
    ("gap", "0X 5X 600X 605X", "fire@5"),
    ("gap", "0X 5X ~600", "fire@5"),
    ("gap", "0X 5X 6. ~600", "fire@5"),
    ("gap", "0X 5X 6. ~600 601.", "fire@5 clear@601"),
    ("gap", "0X 5X 600.", "fire@5"),
    ("late", "10X 5. 15X", "fire@15"),
    ("late", "10. 5X 6X 15.", ""),
    ("late", "10X 15X 20. 12X 30.", "fire@15 clear@30"),
    ("repeat", "0X 0X 0X 5X 5X", "fire@5"),
    ("repeat", "0X 5X 6. 6. 16. 16.", "fire@5 clear@16"),
    ("repeat", "0X 5X 6. 16. 0X 5X 6. 16.", "fire@5 clear@16"),
    ("restart", "0X | 2X | 5X | 6. | 16. |", "fire@5 clear@16"),
    ("restart", "0X | ~5 | ~99 | 100X", "fire@5"),
    ("restart", "0X 5X | | 6o | 99o", "fire@5"),
    # the sensor's clock leaps ahead: what it says then counts as of then, and nothing is over on one reading alone
    ("clock jump", "0X 300X", "fire@300"),
    ("clock jump", "0X 5X 300. ~301", "fire@5"),
    # and back: until its clock is past the newest reading again, what it says is late
    ("clock jump", "0X 5X 300. 6. 7. 17. 290.", "fire@5"),
    ("clock jump", "0X 5X 300. 6. 7. 17. 310.", "fire@5 clear@310"),
    ("clock jump", "0. 300. 2X 7X 301X 306X", "fire@306"),
]


class Own(NamedTuple):
    """A row of a kind with its own values: (second, value) or (second,) for time alone, or None for a restart."""

    kind: str
    feature: str
    condition: Condition
    readings: Sequence[tuple[float, ...] | None]
    said: str


FAST = RateCondition(fire=10.0, clear=5.0, window_s=60.0, hold_s=5.0, clear_after_s=10.0)
AT_ONCE = RateCondition(fire=10.0, clear=5.0, window_s=60.0, clear_after_s=0.0)
STUCK = StuckCondition(samples=4, for_s=6.0)
VOTES = LimitCondition(fire=15.0, clear=10.0, votes=2, of=3, clear_after_s=0.0)
EVENT, EXPIRES = EventCondition(), EventCondition(expire_s=60.0)
DAY = 86_400
BATTERY = ForecastCondition(level=20.0, within_days=14.0, clear_days=30.0, least_days=5)
CREEP = DriftCondition(per_day=0.05, leap=1.0, days=5)


def days(values: Sequence[float], first: int = 0) -> list[tuple[float, float]]:
    """One reading a day, at noon."""
    return [((first + n) * DAY + 43_200, value) for n, value in enumerate(values)]


def at_noon(day: int, kind: str) -> str:
    """A verdict on a day's reading."""
    return f"{kind}@{day * DAY + 43_200:g}"


FALLING = days([60.0, 58.0, 56.0, 54.0, 52.0, 50.0, 48.0, 46.0, 44.0, 42.0])  # 2 % a day: 20 % on day 20
CREEPING = days([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6])
STILL = days([1.6] * 8, 7)
SLOWER = days([1.63, 1.67, 1.7, 1.74, 1.77, 1.8, 1.84], 7)
LEAPING = [*CREEPING[:2], (DAY + 43_800, 1.1), (DAY + 43_300, 9.0), *CREEPING[2:]]

RUNS_OUT, FIRED = at_noon(7, "fire"), at_noon(5, "fire")

OWN: list[Own] = [
    Own("limit", "n of m", VOTES, [(0, 20), (1, 1), (2, 20)], "fire@2"),
    Own("limit", "n of m", VOTES, [(0, 20), (1, 1), (2, 1), (3, 20), (4, 1), (5, 1)], ""),
    Own("limit", "n of m", VOTES, [(0, 20), (1, 20), (2, 1), (3, 1)], "fire@1 clear@3"),
    Own("limit", "n of m", VOTES, [(0, 20), (1, 20), (2, 12), (3, 12), (4, 12), (5, 1), (6, 1)], "fire@1 clear@6"),
    Own("limit", "n of m", VOTES, [(0, 20), None, (0, 20), (1, 1), None, (2, 20)], "fire@2"),
    Own("limit", "n of m", VOTES, [(0, 20), (0, 20), (0, 20), (1, 1), (2, 1)], ""),
    Own("rate", "hold", AT_ONCE, [(0, 0), (30, 5), (60, 11)], "fire@60"),
    Own("rate", "hold", AT_ONCE, [(0, 0), (30, 5), (61, 11)], ""),
    Own("rate", "hold", FAST, [(0, 0), (1, 12), (6, 12)], "fire@6"),
    Own("rate", "hold", FAST, [(0, 0), (1, 12), (2, 1), (8, 1)], "fire@8"),
    Own("rate", "hold", FAST, [(0, 0), (1, 12), (63, 12), (70, 12)], ""),
    Own("rate", "clear", FAST, [(0, 0), (1, 12), (6, 12), (62, 12), (71, 12), (72, 12)], "fire@6 clear@72"),
    Own("rate", "hysteresis", AT_ONCE, [(0, 0), (30, 11), (61, 19), (92, 27), (130, 33)], "fire@30"),
    Own("rate", "hysteresis", AT_ONCE, [(0, 0), (30, 11), (91, 12), (120, 13)], "fire@30 clear@91"),
    Own("rate", "gap", AT_ONCE, [(0, 0), (600, 50)], ""),
    Own("rate", "gap", AT_ONCE, [(0, 0), (9, 12), (600,)], "fire@9"),
    Own("rate", "gap", FAST, [(0, 0), (9, 12), (600,)], "fire@14"),
    Own("rate", "late", AT_ONCE, [(10, 0), (5, 50), (20, 5)], ""),
    Own("rate", "repeat", AT_ONCE, [(0, 0), (0, 30), (9, 12), (9, 12)], "fire@9"),
    Own("rate", "restart", FAST, [(0, 0), None, (1, 12), None, (6, 12), None], "fire@6"),
    Own("rate", "clock jump", AT_ONCE, [(0, 0), (300, 50), (1, 12), (9, 12), (301, 51)], ""),
    Own("stuck", "hold", STUCK, [(0, 1.25), (2, 1.25), (4, 1.25), (6, 1.25)], "fire@6"),
    Own("stuck", "hold", STUCK, [(0, 1.25), (1, 1.25), (2, 1.25), (3, 1.25), (4, 1.25)], ""),
    Own("stuck", "hold", STUCK, [(0, 1.25), (2, 1.26), (4, 1.25), (6, 1.25), (8, 1.25)], ""),
    Own("stuck", "clear", STUCK, [(0, 1), (2, 1), (4, 1), (6, 1), (8, 1), (10, 1.01)], "fire@6 clear@10"),
    Own("stuck", "gap", STUCK, [(0, 1), (600, 1), (1200,)], ""),
    Own("stuck", "gap", STUCK, [(0, 1), (2, 1), (4, 1), (6, 1), (600,)], "fire@6"),
    Own("stuck", "late", STUCK, [(10, 1), (5, 2), (12, 1), (14, 1), (16, 1)], "fire@16"),
    Own("stuck", "repeat", STUCK, [(0, 1), (0, 1), (0, 1), (6, 1), (6, 1)], ""),
    Own("stuck", "restart", STUCK, [(0, 1), None, (2, 1), None, (4, 1), None, (6, 1), None, (8, 2)], "fire@6 clear@8"),
    Own("stuck", "clock jump", STUCK, [(0, 1), (300, 1), (2, 2), (4, 3), (301, 1), (302, 1)], "fire@302"),
    Own("event", "hold", EVENT, [(0, 1)], "fire@0"),
    Own("event", "hold", EVENT, [(0, 3), (5, 1)], "fire@0 step2@5"),
    Own("event", "clear", EVENT, [(0, 1), (5, 0)], "fire@0 clear@5"),
    Own("event", "clear", EXPIRES, [(0, 1), (50, 1), (109,), (110,)], "fire@0 clear@110"),
    Own("event", "clear", EXPIRES, [(0, 1), (90, 1)], "fire@0 clear@60 fire@90"),
    Own("event", "gap", EVENT, [(0, 1), (99_999,)], "fire@0"),
    Own("event", "gap", EVENT, [(0, 1), (99_999, 1)], "fire@0"),
    Own("event", "late", EVENT, [(10, 1), (5, 0)], "fire@10"),
    Own("event", "repeat", EVENT, [(0, 1), (0, 1), (5, 0), (5, 0), (0, 1)], "fire@0 clear@5"),
    Own("event", "restart", EXPIRES, [(0, 1), None, (50, 1), None, (110,), None], "fire@0 clear@110"),
    Own("event", "clock jump", EVENT, [(0, 1), (300, 1), (5, 0), (299, 0)], "fire@0"),
    Own("forecast", "hold", BATTERY, FALLING[:5], ""),
    Own("forecast", "hold", BATTERY, FALLING, RUNS_OUT),
    Own(
        "forecast",
        "clear",
        BATTERY,
        [*FALLING, *days([99.0, 99.0], 10)],
        f"{RUNS_OUT} {at_noon(11, 'clear')}",
    ),
    Own("forecast", "hysteresis", BATTERY, [*FALLING, *days([41.5, 41.0, 40.5, 40.0], 10)], RUNS_OUT),
    Own("forecast", "gap", BATTERY, [*FALLING, (99 * DAY,)], RUNS_OUT),
    Own("forecast", "gap", BATTERY, [FALLING[0], FALLING[9]], ""),
    Own("forecast", "late", BATTERY, [*FALLING[:7], (DAY, 0.0), FALLING[7]], RUNS_OUT),
    Own("forecast", "repeat", BATTERY, [each for each in FALLING for _ in (1, 2)] + FALLING, RUNS_OUT),
    Own("forecast", "restart", BATTERY, [each for day in FALLING for each in (day, None)], RUNS_OUT),
    Own("forecast", "clock jump", BATTERY, [FALLING[0], (DAY, 58.0), (DAY + 600, 58.0), (DAY + 1, 0.0)], ""),
    Own("drift", "hold", CREEP, CREEPING[:5], ""),
    Own("drift", "hold", CREEP, CREEPING, FIRED),
    Own("drift", "hold", CREEP, days([1.0, 1.1, 1.2, 2.5, 2.6, 2.7, 2.8]), ""),
    Own("drift", "hold", CREEP, days([1.0, 1.3, 1.0, 1.3, 1.0, 1.3, 1.0, 1.3]), ""),
    Own("drift", "clear", CREEP, [*CREEPING, *STILL], f"{FIRED} {at_noon(9, 'clear')}"),
    Own(
        "drift",
        "hysteresis",
        CREEP,
        [*CREEPING, *SLOWER],
        FIRED,
    ),
    Own("drift", "gap", CREEP, [*CREEPING, (99 * DAY,), *days([1.7], 99)], FIRED),
    Own("drift", "late", CREEP, [*CREEPING[:5], (DAY, 50.0), *CREEPING[5:]], FIRED),
    Own("drift", "repeat", CREEP, [each for each in CREEPING for _ in (1, 2)] + CREEPING, FIRED),
    Own("drift", "restart", CREEP, [each for day in CREEPING for each in (day, None)], FIRED),
    Own(
        "drift",
        "clock jump",
        CREEP,
        LEAPING,
        FIRED,
    ),
]

# why a kind has no row for a feature
EXEMPT = {
    ("stuck", "hysteresis"): "any other value ends it",
    ("event", "hysteresis"): "an event goes on or is over",
}
FEATURES = ("hold", "clear", "hysteresis", "gap", "late", "repeat", "restart", "clock jump")


def made(kind: Kind, held: dict[str, float]) -> Guard:
    names = kind.points
    point = names[0] if len(names) == 1 else None
    about = rule(kind.condition(**held), point=point)
    return guard(about, *points(*names, **kind.facts))


def played(one: Guard, kind: Kind, story: str, **how: Any) -> str:
    told = Story(one, **how)
    for word in story.split():
        if word == "|":
            told.restart()
        elif word[0] == "~":
            told.wait(float(word[1:]))
        else:
            for place, value in enumerate(kind.values[word[-1]]):
                told.hear(float(word[:-1]), value, place + 1)
    return " ".join(told.words())


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize(("feature", "story", "said"), ROWS, ids=lambda value: str(value) or "nothing")
def test_a_kind_of_one_level_says(name: str, feature: str, story: str, said: str):
    kind = LEVELS[name]
    assert played(made(kind, HELD), kind, story) == said, feature


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize(
    ("story", "said"), [("0X", "fire@0"), ("0X 1.", "fire@0 clear@1"), ("0X 1o 2X 3o", "fire@0"), ("0o 1o", "")]
)
def test_without_hold_and_clear_times_each_reading_counts_at_once(name: str, story: str, said: str):
    kind = LEVELS[name]
    assert played(made(kind, {"hold_s": 0.0, "clear_after_s": 0.0}), kind, story) == said


@pytest.mark.parametrize("row", OWN, ids=lambda row: f"{row.kind}-{row.feature}-{row.said or 'nothing'}")
def test_a_kind_of_its_own_says(row: Own):
    told = Story(guard(row.condition))
    for reading in row.readings:
        if reading is None:
            told.restart()
        elif len(reading) == 1:
            told.wait(reading[0])
        else:
            told.hear(*reading)
    assert " ".join(word for word in told.words() if not word.startswith("worsen")) == row.said


def test_the_table_has_a_row_for_every_kind_and_feature():
    by_level = {(name.split()[0], feature) for name in LEVELS for feature, _, _ in ROWS}
    covered = by_level | {(row.kind, row.feature) for row in OWN} | set(EXEMPT)
    kinds = {kind.value for kind in RuleKind} - {RuleKind.NO_DATA}  # judged by the worker: test_no_data.py
    assert {(kind, feature) for kind in kinds for feature in FEATURES} - covered == set()
    assert ("limit", "n of m") in covered  # no other kind takes votes


def test_a_rate_may_look_one_way_only():
    readings = [(0, 20), (10, 5), (20, 20)]
    for direction, said in ((Direction.FALL, "fire@10"), (Direction.RISE, "fire@20"), (Direction.EITHER, "fire@10")):
        condition = RateCondition(fire=10.0, clear=5.0, window_s=15.0, direction=direction, clear_after_s=60.0)
        told = Story(guard(condition))
        for reading in readings:
            told.hear(*reading)
        assert told.words()[0] == said
