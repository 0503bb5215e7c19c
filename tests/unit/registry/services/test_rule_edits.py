"""Editing rules: versions, undo, switches, retirement, and what becomes of live alerts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import insert, select, update

from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.kinds import AlertEventKind, Severity
from registry.domain.rules import LimitCondition, Rule, StuckCondition, Watches
from registry.domain.rules.files import read_rules, write_rules
from registry.queries.rules import list_rules, rule_line, rule_versions, rules_for_file
from registry.services.revisions import number
from registry.services.rule_edits import (
    Problems,
    check_for_city,
    restore_rule,
    retire_rule,
    save_rule,
    ship_again,
    switch_rule,
    take_version,
    undo_rule,
)
from registry.services.rule_files import ChangeKind, Unusable, apply_file, check_file, compare_file
from registry.services.rules import install_shipped_rules, rules_in_force, shipped_rule
from registry.storage.database import reading, writing
from registry.storage.tables import alert, alert_event, audit, rule, rule_memory
from tests.city import City, build_city

ZONE = ZoneInfo("Asia/Shanghai")
KEY = "cover_tilt"


@pytest.fixture
def city(engine: Any, now: datetime) -> City:
    with writing(engine) as tx:
        install_shipped_rules(tx, now=now)
    return build_city(engine, now)


def line(city: City, now: datetime, key: str = KEY) -> Any:
    return rule_line(city.engine, key, now=now, zone=ZONE)


def with_fire(found: Rule, fire: float) -> Rule:
    return msgspec.structs.replace(found, condition=msgspec.structs.replace(found.condition, fire=fire))


def edit(city: City, wanted: Rule, now: datetime, **more: Any) -> int:
    told = {"seen_version": None, "note": "大桥夜间重车多", "by": city.dispatcher, "now": now} | more
    return save_rule(city.engine, wanted, **told)


def revision(city: City) -> int:
    with reading(city.engine) as tx:
        return number(tx, "rules")


def live(city: City) -> list[int]:
    with reading(city.engine) as tx:
        return list(tx.scalars(select(alert.c.id).where(alert.c.state == "firing").order_by(alert.c.id)))


def remember(city: City, key: str, *points: int) -> None:
    with writing(city.engine) as tx:
        tx.execute(insert(rule_memory), [{"rule_key": key, "point_id": point, "body": "{}"} for point in points])


def remembered(city: City, key: str) -> list[int]:
    with reading(city.engine) as tx:
        return list(tx.scalars(select(rule_memory.c.point_id).where(rule_memory.c.rule_key == key)))


def test_an_edit_is_a_new_version_with_author_and_reason(city: City, now: datetime) -> None:
    before, seen = line(city, now), revision(city)

    version = edit(city, with_fire(before.rule, 12.0), now + timedelta(minutes=1))

    after = line(city, now)
    assert (version, after.rule.version, after.rule.condition.fire) == (2, 2, 12.0)
    assert (after.note, after.saved_by, after.shipped) == ("大桥夜间重车多", city.dispatcher.name, False)
    assert (before.shipped, before.newer_shipped, after.newer_shipped) == (True, False, True)
    assert revision(city) > seen
    versions = rule_versions(city.engine, KEY)
    assert [each.rule.version for each in versions] == [2, 1]
    assert [tuple(each) for each in versions[0].changes] == [("condition.fire", 15.0, 12.0)]
    with reading(city.engine) as tx:
        told = tx.execute(select(audit).order_by(audit.c.id.desc()).limit(1)).one()
    assert (told.action, told.subject, told.user_id) == ("rule.save", f"rule:{KEY}", city.dispatcher.user_id)


def test_saving_what_is_in_force_makes_no_version(city: City, now: datetime) -> None:
    assert edit(city, line(city, now).rule, now) == 1
    assert len(rule_versions(city.engine, KEY)) == 1


def test_an_edit_says_why(city: City, now: datetime) -> None:
    with pytest.raises(InvalidInput, match="say why"):
        edit(city, with_fire(line(city, now).rule, 12.0), now, note="  ")


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_kept(city: City, now: datetime) -> None:
    found = line(city, now).rule
    mistaken = msgspec.structs.replace(
        with_fire(found, 5.0), case_kind="nonsense", watches=Watches(assets=(999,), devices=("none",), area="99")
    )
    with pytest.raises(Problems) as refused:
        edit(city, mistaken, now)

    fields = [each.field for each in refused.value.found]
    assert fields == ["watches.area", "watches.assets[0]", "watches.devices[0]", "condition.clear", "case_kind"]
    assert [each.field for each in check_for_city(city.engine, mistaken)] == fields
    assert line(city, now).rule == found


def test_of_two_who_edit_at_once_the_second_is_refused(city: City, now: datetime) -> None:
    found = line(city, now).rule
    edit(city, with_fire(found, 12.0), now, seen_version=1)

    with pytest.raises(Conflict, match="somebody else"):
        edit(city, with_fire(found, 13.0), now, seen_version=1)
    with pytest.raises(Conflict, match="exists already"):
        edit(city, with_fire(found, 13.0), now, seen_version=0)
    assert line(city, now).rule.condition.fire == 12.0


def test_undo_makes_a_version_as_the_one_before(city: City, now: datetime) -> None:
    found = line(city, now).rule
    edit(city, with_fire(found, 12.0), now)

    version = undo_rule(city.engine, KEY, seen_version=2, by=city.dispatcher, now=now)

    after = line(city, now)
    assert (version, after.rule.condition.fire, after.shipped) == (3, 15.0, True)
    assert [each.rule.version for each in rule_versions(city.engine, KEY)] == [3, 2, 1]


def test_a_new_rule_that_was_a_mistake_is_taken_out_of_use_by_undo(city: City, now: datetime) -> None:
    edit(city, msgspec.structs.replace(line(city, now).rule, key="my_tilt", name_zh="试"), now, seen_version=0)

    undo_rule(city.engine, "my_tilt", seen_version=1, by=city.dispatcher, now=now)

    assert line(city, now, "my_tilt").retired
    with reading(city.engine) as tx:
        assert "my_tilt" not in [each.key for each in rules_in_force(tx)]


def test_a_shipped_rule_that_nobody_changed_has_nothing_to_undo(city: City, now: datetime) -> None:
    with pytest.raises(InvalidInput, match="nothing to undo"):
        undo_rule(city.engine, KEY, seen_version=1, by=city.dispatcher, now=now)
    with pytest.raises(NotFound):
        undo_rule(city.engine, "nowhere", seen_version=None, by=city.dispatcher, now=now)


def test_a_rule_is_switched_off_and_on_and_counts_as_shipped_still(city: City, now: datetime) -> None:
    switch_rule(city.engine, KEY, on=False, seen_version=1, by=city.dispatcher, now=now)
    off = line(city, now)
    with reading(city.engine) as tx:
        in_force = [each.key for each in rules_in_force(tx)]
    switch_rule(city.engine, KEY, on=True, seen_version=2, by=city.dispatcher, now=now)

    assert (off.rule.enabled, off.shipped, KEY in in_force) == (False, True, False)
    assert (line(city, now).rule.enabled, line(city, now).rule.version) == (True, 3)


def test_a_retired_rule_leaves_the_list_keeps_its_history_and_can_be_restored(city: City, now: datetime) -> None:
    retire_rule(city.engine, KEY, seen_version=1, by=city.dispatcher, now=now, note="改用分级规则")

    assert KEY not in [each.rule.key for each in list_rules(city.engine, now=now, zone=ZONE)]
    assert KEY in [each.rule.key for each in list_rules(city.engine, now=now, zone=ZONE, with_retired=True)]
    assert [each.retired for each in rule_versions(city.engine, KEY)] == [True, False]
    with pytest.raises(NotFound):
        switch_rule(city.engine, KEY, on=False, seen_version=None, by=city.dispatcher, now=now)

    restore_rule(city.engine, KEY, seen_version=2, by=city.dispatcher, now=now)
    assert (line(city, now).retired, line(city, now).rule.version) == (False, 3)


def test_an_older_version_and_the_shipped_one_can_be_taken_again(city: City, now: datetime) -> None:
    found = line(city, now).rule
    edit(city, with_fire(found, 12.0), now)
    edit(city, with_fire(found, 13.0), now)

    take_version(city.engine, KEY, 2, seen_version=3, note="", by=city.dispatcher, now=now)
    twelve = line(city, now).rule.condition.fire
    ship_again(city.engine, KEY, seen_version=4, by=city.dispatcher, now=now)

    assert (twelve, line(city, now).rule.condition.fire, line(city, now).shipped) == (12.0, 15.0, True)
    with pytest.raises(NotFound):
        ship_again(city.engine, "my_own", seen_version=None, by=city.dispatcher, now=now)


def test_an_upgrade_renews_what_nobody_edited_and_keeps_what_somebody_did(city: City, now: datetime) -> None:
    edit(city, with_fire(line(city, now).rule, 12.0), now)
    retire_rule(city.engine, "battery_low", seen_version=1, by=city.dispatcher, now=now)
    switch_rule(city.engine, "cover_knock", on=False, seen_version=1, by=city.dispatcher, now=now)
    with writing(city.engine) as tx:  # as an earlier release shipped them
        for key in ("water_high", "cover_knock", "battery_low"):
            tx.execute(update(rule).where(rule.c.key == key).values(name_en="as of old"))

        renewed = install_shipped_rules(tx, now=now)

    assert renewed == 2
    assert line(city, now).rule.condition.fire == 12.0
    assert (line(city, now, "water_high").rule.version, line(city, now, "water_high").rule.name_en) == (
        2,
        shipped_rule("water_high").name_en,  # type: ignore[union-attr]
    )
    assert (line(city, now, "cover_knock").rule.version, line(city, now, "cover_knock").rule.enabled) == (3, False)
    assert line(city, now, "battery_low").retired
    with writing(city.engine) as tx:
        assert install_shipped_rules(tx, now=now) == 0


def test_live_alerts_go_on_while_kind_and_points_of_their_rule_stay(city: City, now: datetime) -> None:
    case_id, _ = city.open_case(now)
    alert_id = city.add_alert(case_id, now)
    remember(city, KEY, city.point("tilt_z"))

    edit(city, with_fire(line(city, now).rule, 12.0), now)

    assert (live(city), remembered(city, KEY)) == ([alert_id], [city.point("tilt_z")])


@pytest.mark.parametrize("change", ["kind", "point", "off", "retired", "unwatched"])
def test_live_alerts_that_a_changed_rule_can_t_end_are_cleared_with_that_evidence(
    city: City, now: datetime, change: str
) -> None:
    case_id, _ = city.open_case(now)
    alert_id = city.add_alert(case_id, now)
    other = city.add_alert(case_id, now, rule_key="cover_shift", point_id=city.point("displacement"))
    remember(city, KEY, city.point("tilt_z"))
    found = line(city, now).rule
    if change == "off":
        switch_rule(city.engine, KEY, on=False, seen_version=1, by=city.dispatcher, now=now)
    elif change == "retired":
        retire_rule(city.engine, KEY, seen_version=1, by=city.dispatcher, now=now)
    else:
        elsewhere = city.add_asset(now)
        edit(
            city,
            {
                "kind": msgspec.structs.replace(found, condition=StuckCondition(samples=5, for_s=10.0), ladder=()),
                "point": msgspec.structs.replace(found, point="tilt_x"),
                "unwatched": msgspec.structs.replace(found, watches=Watches(assets=(elsewhere,))),
            }[change],
            now,
        )

    assert (live(city), remembered(city, KEY)) == ([other], [])
    with reading(city.engine) as tx:
        events = tx.execute(select(alert_event).where(alert_event.c.alert_id == alert_id)).all()
    assert [(event.kind, event.detail["why"], event.detail["from_version"]) for event in events] == [
        (AlertEventKind.CLEARED, "rule_changed", 1)
    ]
    assert events[0].planned_at is None


def test_the_list_begins_with_the_worst_and_counts_alerts(city: City, now: datetime) -> None:
    city.add_alert(None, now)
    city.add_alert(None, now - timedelta(days=31), state="cleared", cleared_at=now)
    switch_rule(city.engine, "pole_lean", on=False, seen_version=1, by=city.dispatcher, now=now)

    lines = list_rules(city.engine, now=now + timedelta(minutes=1), zone=ZONE)

    assert lines[0].rule.severity == Severity.CRITICAL
    assert lines[-1].rule.key == "pole_lean"
    assert [(each.live, each.fired) for each in lines if each.rule.key == KEY] == [(1, 1)]


def applied(city: City, text: str, now: datetime, *, prune: bool = False) -> list[tuple[str, str, int]]:
    found, problems = read_rules(text)
    assert problems == []
    changes = apply_file(city.engine, found, prune=prune, note="年度整定", by=city.administrator, now=now)
    return [(each.key, each.kind.value, each.version) for each in changes if each.kind is not ChangeKind.SAME]


def test_what_was_exported_changes_nothing_when_it_is_applied(city: City, now: datetime) -> None:
    text = write_rules(rules_for_file(city.engine))

    assert applied(city, text, now, prune=True) == []


def test_a_file_is_applied_as_a_whole_and_prunes_only_when_told(city: City, now: datetime) -> None:
    found = line(city, now).rule
    own = msgspec.structs.replace(found, key="my_tilt", name_zh="自定", watches=Watches(assets=(city.asset_id,)))
    text = write_rules([(with_fire(found, 12.0), ()), (own, ())])
    compared = compare_file(city.engine, read_rules(text)[0], prune=False)

    assert [(each.key, each.kind.value) for each in compared] == [(KEY, "changed"), ("my_tilt", "new")]
    assert [tuple(each) for each in compared[0].differences] == [("condition.fire", 15.0, 12.0)]
    assert applied(city, text, now) == [(KEY, "changed", 2), ("my_tilt", "new", 1)]
    pruned = applied(city, text, now, prune=True)
    assert {kind for _, kind, _ in pruned} == {"retired"}
    assert {each.rule.key for each in list_rules(city.engine, now=now, zone=ZONE)} == {KEY, "my_tilt"}
    assert applied(city, write_rules([(shipped_rule("water_high"), ())]), now)[0][:2] == (  # type: ignore[list-item]
        "water_high",
        "restored",
    )


def test_a_file_names_assets_by_code_and_comes_back_so(city: City, now: datetime) -> None:
    found = line(city, now).rule
    own = msgspec.structs.replace(found, key="my_tilt", name_zh="自定", watches=Watches(assets=(city.asset_id,)))
    edit(city, own, now, seen_version=0)

    text = write_rules(rules_for_file(city.engine, ("my_tilt",)))

    assert f"assets: [{city.asset_id}]" not in text
    assert applied(city, text, now) == []


def test_a_file_with_one_mistake_changes_nothing(city: City, now: datetime) -> None:
    found = line(city, now).rule
    text = write_rules(
        [(with_fire(found, 12.0), ()), (msgspec.structs.replace(found, key="other", name_zh="", name_en=""), ())]
    )
    text = text.replace("rules:", "rules:", 1) + "    watches: {tags: [K7M2Q9XWB9]}\n"
    read, problems = read_rules(text)

    assert problems == []
    assert [(each.key, each.error.field) for each in check_file(city.engine, read)] == [
        ("other", "name_zh"),
        ("other", "watches.tags[0]"),
    ]
    with pytest.raises(Unusable):
        apply_file(city.engine, read, prune=False, note="", by=city.administrator, now=now)
    assert line(city, now).rule.version == 1


def test_a_rule_of_two_conditions_is_kept_as_it_was_written(city: City, now: datetime) -> None:
    text = """
rules:
  - key: open_and_wet
    name_zh: 开盖且水位高
    family: cover
    severity: critical
    case_kind: cover_displaced
    condition:
      type: all
      parts:
        - {point: tilt_z, fire: 10, clear: 5, relative: true, magnitude: true}
        - {point: water_level, fire: 0.8, clear: 0.7, of_full_scale: true}
"""
    assert applied(city, text, now) == [("open_and_wet", "new", 1)]
    assert applied(city, text, now) == []
    kept = line(city, now, "open_and_wet").rule
    assert kept.kind.value == "all"
    assert not isinstance(kept.condition, LimitCondition)
