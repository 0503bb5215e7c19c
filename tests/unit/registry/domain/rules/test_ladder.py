"""One alert on the highest step that holds: up, down, and over."""

from __future__ import annotations

import pytest

from registry.domain.kinds import Family, Severity
from registry.domain.rules import GuardPoint, LimitCondition, Memory, Phase, Step, WatchedAsset, read_memory
from registry.domain.rules.shipped import SHIPPED_RULES
from tests.guards import T0, Story, guard, rule, tell

COVER = rule(
    LimitCondition(fire=15.0, clear=10.0, hold_s=5.0, clear_after_s=10.0),
    ladder=(Step(severity=Severity.CRITICAL, fire=45.0, clear=30.0),),
)
POLE = rule(
    LimitCondition(fire=5.0, clear=4.0, hold_s=60.0, clear_after_s=10.0),
    ladder=(Step(severity=Severity.CRITICAL, fire=10.0, clear=8.0, hold_s=5.0),),
)
LOW = rule(
    LimitCondition(fire=20.0, clear=25.0, above=False, clear_after_s=0.0),
    severity=Severity.NOTICE,
    ladder=(
        Step(severity=Severity.ALARM, fire=10.0, clear=12.0),
        Step(severity=Severity.CRITICAL, fire=5.0, clear=6.0),
    ),
)


@pytest.mark.parametrize(
    ("about", "readings", "said"),
    [
        (COVER, [(0, 50)], ["fire@0"]),
        (COVER, [(0, 20), (5, 20), (7, 50)], ["fire@5", "step3@7"]),
        (COVER, [(0, 20), (2, 50), (7, 50)], ["fire@2"]),
        (COVER, [(0, 50), (2, 20), (12, 20)], ["fire@0", "step2@12"]),
        (COVER, [(0, 50), (2, 35), (99, 35)], ["fire@0"]),
        (COVER, [(0, 50), (2, 20), (8, 35), (14, 20), (23, 20)], ["fire@0"]),
        (COVER, [(0, 50), (2, 1), (12, 1)], ["fire@0", "clear@12"]),
        (COVER, [(0, 50), (2, 20), (12, 20), (13, 1), (23, 1)], ["fire@0", "step2@12", "clear@23"]),
        (COVER, [(0, 50), (2, 20), (12, 20), (13, 50), (14, 20), (24, 20)],
         ["fire@0", "step2@12", "step3@13", "step2@24"]),
        (POLE, [(0, 6), (30, 12), (33, 12), (35, 12)], ["fire@35"]),
        (POLE, [(0, 6), (30, 12), (33, 6), (60, 6)], ["fire@60"]),
        (POLE, [(0, 6), (60, 6), (70, 12), (74, 12), (75, 12)], ["fire@60", "worsen@70", "step3@75"]),
        (POLE, [(0, 6), (60, 6), (70, 12), (74, 9), (75, 12)], ["fire@60", "worsen@70"]),
        (POLE, [(0, 12), (6,)], ["fire@5"]),
        (POLE, [(0, 12), (5, 12), (6, 6), (15, 6)], ["fire@5"]),
        (POLE, [(0, 12), (5, 12), (6, 6), (16, 6)], ["fire@5", "step2@16"]),
        (POLE, [(0, 6), (60, 6), (70, 12), (80,)], ["fire@60", "worsen@70", "step3@75"]),
        (LOW, [(0, 21), (1, 19), (2, 9), (3, 4), (4, 7), (5, 13), (6, 26)],
         ["fire@1", "step2@2", "step3@3", "step2@4", "step1@5", "clear@6"]),
        (LOW, [(0, 80), (1, 4), (2, 80)], ["fire@1", "clear@2"]),
    ],
)  # fmt: skip
def test_an_alert_stands_on_the_highest_step_that_holds(about, readings, said):
    assert tell(guard(about), readings, through_json=True) == said


def test_every_verdict_says_how_bad_it_is_now_and_since_when_it_began():
    story = Story(guard(COVER))
    for second, value in ((0, 20), (5, 20), (7, 50), (9, 1), (19, 1)):
        story.hear(second, value)
    assert [(each.severity, each.began_ms - T0, each.level) for each in story.told] == [
        (Severity.ALARM, 0, 20.0),
        (Severity.CRITICAL, 0, 50.0),
        (Severity.CRITICAL, 0, 1.0),
    ]


def test_an_alert_is_said_to_be_worse_only_when_it_clearly_is():
    one = guard(rule(LimitCondition(fire=15.0, clear=10.0)))
    assert tell(one, [(0, 20), (2, 21), (4, 30), (6, 31), (8, 20), (9, 31)]) == ["fire@0", "worsen@4"]


def test_rattling_counts_as_one_through_calm_spells_no_longer_than_the_gap():
    knock = guard(rule(LimitCondition(fire=10.0, clear=8.0, hold_s=6.0, gap_s=4.0)))
    assert tell(knock, [(0, 20), (2, 1), (4, 20), (6, 1), (8, 20)]) == ["fire@8"]
    assert tell(knock, [(0, 20), (2, 1), (4, 1), (6, 1), (8, 20)]) == []
    assert tell(knock, [(0, 30), (3600,)]) == []  # one burst and then silence is no rattling


def test_votes_rattling_and_a_ladder_go_together():
    about = rule(
        LimitCondition(fire=10.0, clear=8.0, hold_s=4.0, gap_s=4.0, votes=2, of=3, clear_after_s=0.0),
        ladder=(Step(severity=Severity.CRITICAL, fire=50.0, clear=40.0),),
    )
    readings = [(0, 20), (2, 20), (4, 1), (6, 20), (8, 60), (10, 60), (12, 1), (14, 1)]
    assert tell(guard(about), readings, through_json=True) == ["fire@6", "step3@10", "clear@14"]


@pytest.mark.parametrize(
    ("phase", "then", "said"),
    [("pending", (5, 20), ["fire@5"]), ("firing", (5, 50), ["step3@5"]), ("clearing", (10, 1), ["clear@10"])],
)
def test_what_the_former_release_remembered_is_gone_on_with(phase, then, said):
    story = Story(guard(COVER))
    stored = f'"since_ms":{T0},"last_ms":{T0},"level":20.0,"samples":1,"began_ms":{T0}'
    story.memory = read_memory(f'{{"phase":"{phase}",{stored}}}')
    story.hear(*then)
    assert story.words() == said


def test_a_rule_that_lost_its_steps_goes_on_with_what_it_remembers():
    story = Story(guard(rule(COVER.condition)))
    story.memory = Memory(Phase.FIRING, T0, T0, 60.0, began_ms=T0, step=2, marks=(T0, T0, T0, T0))
    story.hear(2, 1)
    story.hear(12, 1)
    assert story.words() == ["clear@12"]


def test_time_alone_waits_for_news_on_the_way():
    story = Story(guard(COVER))
    story.hear(0, 20)
    story.wait(9, grace_s=5)
    assert story.words() == []
    assert story.memory is not None
    assert story.guard.due_ms(story.memory) == T0 + 5000
    story.wait(10, grace_s=5)
    assert story.words() == ["fire@5"]


@pytest.mark.parametrize("about", [each for each in SHIPPED_RULES if isinstance(each.condition, LimitCondition)])
def test_the_hot_path_skips_the_ordinary_and_never_the_limit_itself(about):
    point = GuardPoint(point_id=1, name=about.point, baseline=1.0, full_scale=2400.0)
    one = guard(about, point, asset=WatchedAsset(asset_id=1, family=about.family or Family.OTHER))
    scale = 2400.0 if about.condition.of_full_scale else 1.0
    limit = about.condition.fire * scale + (1.0 if about.condition.relative else 0.0)
    ordinary = limit * (0.5 if about.condition.above else 2.0)
    assert one.calm_above < ordinary < one.calm_below
    assert not one.calm_above < limit < one.calm_below
