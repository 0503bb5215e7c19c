"""Within the lateness a rule allows, the order in which readings come does not matter; beyond it they are too late."""

from __future__ import annotations

import pytest

from registry.domain.rules import LimitCondition, Phase
from registry.domain.rules.lateness import MOST_WAITING
from tests.guards import Story, guard, rule, tell

HELD = LimitCondition(fire=15.0, clear=10.0, hold_s=2.0, clear_after_s=0.0)
WAITS = rule(HELD, lateness_s=5.0)


@pytest.mark.parametrize(
    ("readings", "said"),
    [
        ([(0, 20), (2, 20)], []),  # judged only when it is sure that nothing comes in between
        ([(0, 20), (2, 20), (7, 0)], ["fire@2"]),
        ([(0, 20), (2, 20), (1, 0), (8, 0)], []),
        ([(2, 20), (0, 20), (8, 0)], ["fire@2"]),
        ([(2, 20), (8, 0), (2, 0), (14, 0)], []),  # 2 was judged: what comes for it again comes too late
        ([(0, 20), (9, 0), (2, 20), (20, 0)], []),  # more than 5 s behind
        ([(0, 20), (2, 20), (2, 20), (0, 20), (8, 0)], ["fire@2"]),
        ([(0, 20), (2, 20), (6,)], []),
        ([(0, 20), (2, 20), (7,)], ["fire@2"]),
        ([(0, 20), (7,), (7,), (9,)], ["fire@2"]),
        ([(0, 20), (2, 20), (7,), (1, 0), (9, 0), (99,)], ["fire@2", "clear@9"]),
    ],
)
def test_readings_wait_and_are_judged_in_order(readings, said):
    assert tell(guard(WAITS), readings, through_json=True) == said


def test_a_late_reading_after_all_was_judged_changes_nothing():
    story = Story(guard(WAITS), through_json=True)
    story.hear(0, 1)
    story.wait(60)
    story.newest.clear()  # even if the caller let it through
    story.hear(-1, 20)
    story.hear(0, 20)
    story.wait(120)
    assert story.words() == []


def test_no_more_than_so_many_wait():
    story = Story(guard(rule(HELD, lateness_s=3600.0)), skipping=False)
    for second in range(2 * MOST_WAITING):
        story.hear(second, 1)
        assert story.memory is not None
        assert story.memory.waiting is not None
        assert len(story.memory.waiting.readings) <= MOST_WAITING


def test_what_waits_makes_no_alert_live():
    story = Story(guard(WAITS))
    story.hear(0, 20)
    assert story.memory is not None
    assert (story.memory.phase, story.memory.is_live) == (Phase.WATCHING, False)
