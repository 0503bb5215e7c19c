"""What keeps an alert quieter than its condition: flapping is held open, hours put off its beginning."""

from __future__ import annotations

import pytest

from registry.domain.deadlines import CHINA_TIME
from registry.domain.kinds import Severity
from registry.domain.rules import FlapPolicy, Hours, LimitCondition, Step, StuckCondition
from registry.domain.rules.hours import is_open, next_opening
from tests.guards import T0, Story, guard, rule, tell

LIMIT = LimitCondition(fire=15.0, clear=10.0, clear_after_s=0.0)
FLAPS = FlapPolicy(fires=3, within_s=100.0, quiet_s=50.0)
THRICE = [(0, 20), (1, 0), (2, 20), (3, 0), (4, 20), (5, 0)]
HELD = ["fire@0", "clear@1", "fire@2", "clear@3", "fire@4", "flap@4"]


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ([], []),
        ([(54, 0)], []),
        ([(55, 0)], ["clear@55"]),
        ([(6, 20), (7, 0), (56, 0)], ["flap@6"]),
        ([(6, 20), (7, 0), (57, 0)], ["flap@6", "clear@57"]),
        ([(9999,)], []),  # a gap ends nothing
        ([(9999, 0)], ["clear@9999"]),
        ([(55, 0), (60, 20)], ["clear@55", "fire@60", "flap@60"]),
        ([(55, 0), (200, 20), (201, 0)], ["clear@55", "fire@200", "clear@201"]),
    ],
)
def test_what_fires_too_often_is_held_open_until_it_has_been_calm_for_long(then, said):
    assert tell(guard(rule(LIMIT, flapping=FLAPS)), [*THRICE, *then], through_json=True) == HELD + said


def test_what_fires_seldom_enough_is_never_held():
    seldom = [(second, value) for n in range(6) for second, value in ((60 * n, 20), (60 * n + 1, 0))]
    story = Story(guard(rule(LIMIT, flapping=FLAPS)))
    for reading in seldom:
        story.hear(*reading)
    assert "flap" not in " ".join(story.words())
    story.hear(500, 0)
    assert story.memory is None  # what fired long ago is forgotten


def test_rising_again_and_again_to_the_same_step_is_flapping_too():
    steps = (Step(severity=Severity.CRITICAL, fire=45.0, clear=30.0),)
    to_and_fro = [(0, 20), (1, 50), (2, 20), (3, 50), (4, 20), (5, 50), (6, 20)]
    assert tell(guard(rule(LIMIT, flapping=FLAPS, ladder=steps)), to_and_fro) == [
        *("fire@0", "step3@1", "step2@2", "step3@3", "step2@4", "step3@5", "flap@5", "step2@6"),
    ]


def test_a_held_alert_that_comes_back_worse_says_so():
    steps = (Step(severity=Severity.CRITICAL, fire=45.0, clear=30.0),)
    said = tell(guard(rule(LIMIT, flapping=FLAPS, ladder=steps)), [*THRICE, (6, 50), (7, 0), (60, 0)])
    assert said == [*HELD, "flap@6", "step3@6", "clear@60"]


def test_any_kind_is_held_open():
    stuck = rule(StuckCondition(samples=2, for_s=0.0), flapping=FLAPS)
    said = tell(guard(stuck), [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4), (30, 5), (57, 6)])
    assert said == ["fire@1", "clear@2", "fire@3", "clear@4", "fire@5", "flap@5", "clear@57"]


NIGHT = (Hours(days=(1, 2, 3, 4, 5), from_min=22 * 60, until_min=6 * 60),)
HOUR = 3600


@pytest.mark.parametrize(
    ("hours", "readings", "said"),
    [
        ((Hours(from_min=60, until_min=120),), [(0, 20), (1, 0)], []),
        ((Hours(from_min=60, until_min=120),), [(0, 20), (2, 20), (HOUR + 1, 20)], [f"fire@{HOUR + 1}"]),
        ((Hours(from_min=60, until_min=120),), [(0, 20), (HOUR - 1,), (HOUR,)], [f"fire@{HOUR}"]),
        ((Hours(from_min=60, until_min=120),), [(0, 20), (1, 0), (HOUR,)], []),
        # begun within, it goes on and ends without regard to the hours
        ((Hours(from_min=0, until_min=1),), [(0, 20), (HOUR, 20), (HOUR + 1, 0)], ["fire@0", f"clear@{HOUR + 1}"]),
        (NIGHT, [(0, 20)], []),  # Monday 00:00 belongs to Sunday's night
        (NIGHT, [(22 * HOUR, 20)], [f"fire@{22 * HOUR}"]),
        (NIGHT, [(29 * HOUR, 20)], [f"fire@{29 * HOUR}"]),
        (NIGHT, [(30 * HOUR, 20)], []),
        (NIGHT, [(5 * 24 * HOUR + HOUR, 20)], [f"fire@{5 * 24 * HOUR + HOUR}"]),  # Saturday 01:00: Friday's night
        (NIGHT, [(6 * 24 * HOUR + HOUR, 20)], []),
    ],
)
def test_an_alert_begins_only_in_its_hours(hours, readings, said):
    assert tell(guard(rule(LIMIT, hours=hours)), readings, through_json=True) == said


def test_an_alert_that_waits_for_its_hours_is_not_live_and_begins_when_it_was_first_seen():
    story = Story(guard(rule(LIMIT, hours=(Hours(from_min=60, until_min=120),))))
    story.hear(0, 20)
    assert story.memory is not None
    assert not story.memory.is_live
    assert story.guard.due_ms(story.memory) == T0 + HOUR * 1000
    story.hear(HOUR, 20)
    assert [(each.kind, each.began_ms) for each in story.told] == [("fire", T0)]
    assert story.memory.is_live


def test_hours_are_those_of_the_city():
    assert is_open((), T0, CHINA_TIME)
    assert is_open((Hours(from_min=0, until_min=1440),), T0, CHINA_TIME)
    assert next_opening(NIGHT, T0, CHINA_TIME) == T0 + 22 * HOUR * 1000
    assert next_opening(NIGHT, T0 + 23 * HOUR * 1000, CHINA_TIME) == T0 + 23 * HOUR * 1000
