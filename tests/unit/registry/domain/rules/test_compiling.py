"""Which rules watch an asset, over which of its points, with which numbers."""

from __future__ import annotations

import pytest

from registry.domain.kinds import Family, Severity
from registry.domain.rules import (
    AllCondition,
    AnyCondition,
    DisagreeCondition,
    GuardPoint,
    LimitCondition,
    NoDataCondition,
    Part,
    Rulebook,
    StuckCondition,
    VectorCondition,
    WatchedAsset,
    Watches,
    guards_for,
)
from registry.domain.rules.axes import angle_between, contradiction
from registry.domain.rules.check import check_rule
from registry.domain.rules.shipped import SHIPPED_RULES
from tests.guards import COVER, Story, guard, points, rule, tell

LIMIT = LimitCondition(fire=15.0, clear=10.0)
AXES = ("tilt_x", "tilt_y", "tilt_z")
TILT = Part(point="tilt_z", fire=15.0, clear=10.0)
SHIFT = Part(point="displacement", fire=30.0, clear=15.0)


@pytest.mark.parametrize(
    ("watches", "watched"),
    [
        (Watches(), True),
        (Watches(classes=("cjt214-2007:0101",)), True),
        (Watches(classes=("cjt214-2007",)), True),
        (Watches(classes=("cjt214-2007:0118", "other")), False),
        (Watches(area="3205"), True),
        (Watches(area="3206"), False),
        (Watches(assets=(7, 8)), True),
        (Watches(assets=(8,)), False),
        (Watches(devices=("CV-1",)), True),
        (Watches(devices=("CV-2",)), False),
        (Watches(assets=(7,), area="3206"), False),
    ],
)
def test_a_rule_watches_what_it_names_and_nothing_else(watches: Watches, watched: bool):
    made = guards_for([rule(LIMIT, watches=watches)], points(device="CV-1"), asset=COVER)
    assert bool(made) is watched


def test_a_rule_of_another_family_or_point_or_switched_off_watches_nothing():
    for other in ({"family": Family.LIGHT}, {"point": "tilt_x"}, {"enabled": False}):
        assert guards_for([rule(LIMIT, **other)], points(), asset=COVER) == []
    assert guards_for([rule(NoDataCondition(heartbeats=5, min_s=10), point=None)], points(), asset=COVER) == []


def test_each_device_of_an_asset_with_the_point_has_a_guard_of_its_own():
    two = [GuardPoint(point_id=n, name="tilt_z", device=f"CV-{n}") for n in (4, 9)]
    assert [one.anchor_id for one in guards_for([rule(LIMIT)], two, asset=COVER)] == [4, 9]


def test_a_rule_on_three_axes_needs_all_of_them_on_one_device():
    about = rule(VectorCondition(axes=AXES, fire=15.0, clear=10.0), point=None)
    assert guards_for([about], points("tilt_x", "tilt_z"), asset=COVER) == []
    spread = [GuardPoint(point_id=n, name=name, device=f"CV-{n}") for n, name in enumerate(AXES)]
    assert guards_for([about], spread, asset=COVER) == []
    (one,) = guards_for([about], points(*AXES), asset=COVER)
    assert (one.anchor_id, one.point_ids) == (1, (1, 2, 3))


def test_all_parts_may_be_on_several_devices_of_the_asset_and_must_all_be_there():
    both = [
        GuardPoint(point_id=3, name="tilt_z", device="CV-1"),
        GuardPoint(point_id=5, name="displacement", device="CV-2"),
    ]
    every, some = (rule(kind(parts=(TILT, SHIFT)), point=None) for kind in (AllCondition, AnyCondition))
    assert [one.point_ids for one in guards_for([every, some], both, asset=COVER)] == [(3, 5), (3, 5)]
    assert [one.rule.kind for one in guards_for([every, some], both[:1], asset=COVER)] == ["any"]


def test_a_share_of_the_full_scale_needs_a_full_scale_and_says_so():
    share = rule(LimitCondition(fire=0.9, clear=0.8, of_full_scale=True))
    with pytest.raises(ValueError, match=r"rule r: .*full scale, and point 1 has none"):
        guards_for([share], points(), asset=COVER)
    book = Rulebook([share, rule(LIMIT, key="other")])
    assert [one.rule.key for one in book.guards(COVER, points())] == ["other"]
    assert [(each.rule_key, each.point_id) for each in book.inapplicable] == [("r", 1)]


def test_the_numbers_of_a_season_in_force_stand_in_for_the_rules_own():
    wet = rule(LIMIT, seasons={"flood": {"fire": 12.0}, "typhoon": {"fire": 11.0, "hold_s": 9.0}})
    dry, flood, both = (
        guards_for([wet], points(), asset=COVER, seasons=keys)[0] for keys in ((), ("flood",), ("flood", "typhoon"))
    )
    assert [tell(one, [(0, 12.5)]) for one in (dry, flood)] == [[], ["fire@0"]]
    assert tell(both, [(0, 11), (8, 11), (9, 11)]) == ["fire@9"]


def test_one_moment_of_one_device_is_judged_as_a_whole():
    every = guard(
        rule(AllCondition(parts=(TILT, SHIFT), clear_after_s=0.0), point=None), *points("tilt_z", "displacement")
    )
    first = [(0, 20, 1), (0, 0, 2)]
    assert tell(every, [*first, (9, 1, 1), (9, 50, 2)]) == []
    assert tell(every, [*first, (9, 50, 2), (9, 1, 1)]) == []  # whichever comes first
    assert tell(every, [*first, (9, 20, 1), (9, 50, 2)], through_json=True) == ["fire@9"]
    # what is missing of the moment does not come: by the next reading, or by time, it is judged without
    assert tell(every, [*first, (9, 50, 2), (12, 50, 2)], through_json=True) == ["fire@9"]
    assert tell(every, [*first, (9, 50, 2), (12,)], through_json=True) == ["fire@9"]


def test_what_a_part_said_long_ago_is_unknown_and_neither_fires_nor_clears():
    about = rule(AllCondition(parts=(TILT, SHIFT), clear_after_s=0.0, fresh_s=60.0), point=None)
    every = guard(about, *points("tilt_z", "displacement"))
    assert tell(every, [(0, 20, 1), (61, 50, 2)]) == []
    assert tell(every, [(0, 20, 1), (9, 50, 2), (99, 50, 2)]) == ["fire@9"]
    any_of = guard(rule(AnyCondition(parts=(TILT, SHIFT), clear_after_s=0.0, fresh_s=60.0), point=None),
                   *points("tilt_z", "displacement"))  # fmt: skip
    assert tell(any_of, [(0, 20, 1), (99, 0, 2)]) == ["fire@0"]
    assert tell(any_of, [(0, 20, 1), (99, 0, 2), (100, 0, 1)]) == ["fire@0", "clear@100"]


def test_the_angle_is_that_between_gravity_now_and_when_it_was_fitted():
    fitted = [
        GuardPoint(point_id=n + 1, name=name, unit="deg", baseline=base)
        for n, (name, base) in enumerate(zip(AXES, (10.0, 0.0, 10.0), strict=True))
    ]
    about = rule(VectorCondition(axes=AXES, fire=15.0, clear=10.0), point=None)
    # turned the other way it is 20° off, though each axis alone says 20° and 0°
    assert tell(guard(about, *fitted), [(0, -10, 1), (0, 0, 2), (0, 10, 3)]) == ["fire@0"]
    assert tell(guard(about, *fitted), [(0, 10, 1), (0, 0, 2), (0, 10, 3)]) == []
    assert angle_between((0.0, 0.0, 9.81), (9.81, 0.0, 0.0)) == pytest.approx(90.0)


def test_accelerations_need_the_baseline_of_the_fitted_device():
    about = rule(VectorCondition(axes=("acceleration_x", "acceleration_y", "acceleration_z"), fire=15.0, clear=10.0))
    names = ("acceleration_x", "acceleration_y", "acceleration_z")
    with pytest.raises(ValueError, match="calibrate the device"):
        guard(about, *points(*names, unit="m/s2"))
    upright = [
        GuardPoint(point_id=n + 1, name=name, unit="m/s2", baseline=(0, 0, 9.81)[n]) for n, name in enumerate(names)
    ]
    assert tell(guard(about, *upright), [(0, 9.81, 1), (0, 0, 2), (0, 0, 3)]) == ["fire@0"]
    assert tell(guard(about, *upright), [(0, 0, 1), (0, 0, 2), (0, 0, 3)]) == []  # in free fall nothing is known


def test_axes_that_are_measured_too_far_apart_are_no_sample():
    one = guard(rule(VectorCondition(axes=AXES, fire=15.0, clear=10.0, within_s=2.0), point=None), *points(*AXES))
    assert tell(one, [(0, 20, 1), (1, 0, 2), (2, 20, 3)], through_json=True) == ["fire@2"]
    assert tell(one, [(0, 20, 1), (1, 0, 2), (2.1, 20, 3)], through_json=True) == []
    # and none counts twice: the third of the next sample is waited for
    assert tell(one, [(0, 0, 1), (0, 0, 2), (0, 1, 3), (1, 20, 1), (1, 0, 2)]) == []


@pytest.mark.parametrize(
    ("sample", "off"),
    [
        ((0.0, 0.0, 0.0), 0.0),
        ((3.0, 4.0, 5.0), 0.0),
        ((0.0, 30.0, 30.0), 0.0),
        ((0.0, 30.0, -30.0), 0.0),
        ((0.0, 30.0, 150.0), 0.0),  # upside down
        ((0.0, 0.0, 90.0), 0.0),  # counted to the horizontal
        ((0.0, 30.0, 60.0), 0.0),
        ((10.0, 0.0, 0.0), 10.0),
        ((70.0, 70.0, 90.0), 18.8),  # more than upright
    ],
)
def test_three_inclinations_belong_together_or_contradict(sample, off):
    assert contradiction(sample) == pytest.approx(off, abs=0.1)


def test_a_device_whose_axes_mean_something_else_is_not_judged_by_them():
    strange = [
        GuardPoint(point_id=n + 1, name=name, unit="deg", baseline=base)
        for n, (name, base) in enumerate(zip(AXES, (0.0, 0.0, 45.0), strict=True))
    ]
    with pytest.raises(ValueError, match="not three inclinations"):
        guard(rule(DisagreeCondition(axes=AXES, fire=3.0, clear=2.0), point=None), *strange)


def test_every_shipped_rule_is_without_a_mistake_and_has_names_and_reasons():
    for each in SHIPPED_RULES:
        assert check_rule(each) == (), each.key
        assert all((each.name_zh, each.name_en, each.reason_zh, each.reason_en)), each.key
        assert each.version == 1
    assert len({each.key for each in SHIPPED_RULES}) == len(SHIPPED_RULES)


def test_an_open_cover_never_waits_for_company():
    for each in SHIPPED_RULES:
        if each.case_kind == "cover_displaced":
            assert each.grouping is None
        if each.grouping is not None:
            assert each.grouping.alone_from is Severity.CRITICAL


def test_every_shipped_rule_finds_the_points_of_the_devices_we_know():
    names = ("tilt_x", "tilt_y", "tilt_z", "displacement", "vibration", "water_level", "battery", "event")
    fitted = [GuardPoint(point_id=n, name=name, unit="deg", full_scale=2000.0) for n, name in enumerate(names)]
    cover, pole = (WatchedAsset(asset_id=1, family=family) for family in (Family.COVER, Family.LIGHT))
    found = {one.rule.key for asset in (cover, pole) for one in guards_for(SHIPPED_RULES, fitted, asset=asset)}
    silent = {each.key for each in SHIPPED_RULES if isinstance(each.condition, NoDataCondition)}
    assert {each.key for each in SHIPPED_RULES} - found == silent


def test_counting_alone_is_not_worth_a_row_and_waiting_readings_are():
    one = guard(StuckCondition(samples=9, for_s=9.0))
    story = Story(one)
    story.hear(0, 1)
    before = story.memory
    story.hear(1, 1)
    assert not one.keeps(before, story.memory)
    assert guard(rule(StuckCondition(samples=9, for_s=9.0), lateness_s=5.0)).keeps(before, story.memory)
    assert guard(LIMIT).keeps(before, story.memory)
