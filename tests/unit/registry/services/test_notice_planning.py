"""From the outbox to notices: each event once, groups as one, escalation, silences, digests, all-clears."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, update

from registry.services.notice_planning import Planned, plan_notices
from registry.storage.database import writing
from registry.storage.tables import alert_group, asset, post
from tests.city import build_city
from tests.notices import PLACE, Told


@pytest.fixture
def told(engine: Engine, now: datetime) -> Told:
    return Told(build_city(engine, now), now)


def plan(told: Told, at: datetime | None = None) -> Planned:
    return plan_notices(told.engine, place=PLACE, now=at or told.now)


def one_listener(told: Told, **columns: object) -> int:
    contact_id = told.add_contact(told.add_channel(), **columns)
    told.add_route({"after_s": 0, "contacts": [contact_id]})
    return contact_id


def test_an_alert_is_told_once_however_often_somebody_plans(told: Told):
    contact_id = one_listener(told)
    alert_id = told.fire()
    assert plan(told) == Planned(events=1, notices=1)
    assert plan(told) == Planned()
    (row,) = told.notices()
    assert row.key == f"alert:{alert_id}:fired:step0:contact{contact_id}"
    assert (row.kind, row.state, row.due_at) == ("alarm", "waiting", told.now)


def test_a_notice_says_what_where_since_when_and_which_value_against_which_limit(told: Told):
    one_listener(told)
    alert_id = told.fire()
    plan(told)
    (row,) = told.notices()
    assert row.title == "【一般】井盖倾斜：上水井盖 1（中山路）"
    assert "数值：倾角 25°，限值 15°" in row.body
    assert "开始：2026-03-02 12:00:00" in row.body
    assert row.body.endswith(f"http://city.example/alerts/{alert_id}")


def test_each_contact_reads_its_own_language(told: Told):
    one_listener(told, language="en")
    told.fire()
    plan(told)
    (row,) = told.notices()
    assert row.title == "[Alarm] Cover tilted: 上水井盖 1 (中山路)"
    assert "Value: tilt z 25°, limit 15°" in row.body


def test_what_nobody_is_to_hear_is_decided_too(told: Told):
    alert_id = told.fire()
    for kind in ("worsened", "case", "acknowledged", "silenced", "step_down"):
        told.event(alert_id, kind)
    assert plan(told) == Planned(events=6)
    assert told.notices() == []


def test_an_opening_under_a_permit_tells_nobody_until_it_overruns(told: Told):
    one_listener(told)
    alert_id = told.fire()
    told.event(alert_id, "expected")
    told.event(alert_id, "step_up", severity=3)
    plan(told)
    assert told.notices() == []
    told.event(alert_id, "overrun")
    plan(told)
    (row,) = told.notices()
    assert "作业许可已结束" in row.body


def test_an_alert_that_waits_for_company_is_told_when_that_is_decided_a_critical_one_at_once(told: Told):
    one_listener(told)
    waiting = told.fire(case_due_at=told.now + timedelta(seconds=30))
    critical = told.fire(
        severity=3, case_due_at=told.now + timedelta(seconds=30), point_id=told.city.point("displacement")
    )
    plan(told)
    assert [row.alert_id for row in told.notices()] == [critical]
    told.change(waiting, case_due_at=None)
    plan(told)
    assert [row.alert_id for row in told.notices()] == [critical, waiting]


def test_a_group_is_told_at_once_though_its_case_waits(told: Told):
    one_listener(told)
    group_id = told.add_group(members=1)
    member = told.fire(case_due_at=told.now + timedelta(minutes=30), group_id=group_id)
    told.event(member, "grouped", detail={"group_id": group_id})
    plan(told)
    assert [(row.alert_id, row.group_id) for row in told.notices()] == [(None, group_id)]


def test_a_group_is_one_notice_and_not_one_for_each_member(told: Told):
    contact_id = one_listener(told)
    group_id = told.add_group(members=7)
    points = ("tilt_z", "tilt_x", "tilt_y", "displacement", "vibration", "water_level", "temperature")
    for name in points:
        alert_id = told.fire(group_id=group_id, point_id=told.city.point(name))
        told.event(alert_id, "grouped", detail={"group_id": group_id})
    assert plan(told).notices == 1
    (row,) = told.notices()
    assert row.key == f"group:{group_id}:fired:step0:contact{contact_id}"
    assert "7 处" in row.title
    for alert_id in range(1, 8):
        told.clear(alert_id, told.now)
    plan(told)
    assert len(told.notices()) == 1
    with writing(told.engine) as tx:
        tx.execute(update(alert_group).values(state="ended", ended_at=told.now))
    plan(told)
    assert told.states() == [("alarm", "waiting"), ("all_clear", "waiting")]
    assert plan(told) == Planned()


def test_a_member_that_becomes_critical_stands_out_of_its_group(told: Told):
    one_listener(told)
    alert_id = told.fire(group_id=told.add_group())
    plan(told)
    assert told.notices() == []
    told.change(alert_id, severity=3)
    told.event(alert_id, "step_up", severity=3)
    plan(told)
    assert [(row.alert_id, row.severity) for row in told.notices()] == [(alert_id, 3)]


def test_a_step_up_is_told_once_for_each_severity(told: Told):
    one_listener(told)
    alert_id = told.fire()
    told.event(alert_id, "step_up", severity=3)
    told.event(alert_id, "step_down", severity=2)
    told.event(alert_id, "step_up", severity=3)
    plan(told)
    assert [row.severity for row in told.notices()] == [2, 3]


def test_flapping_is_one_notice_that_says_so(told: Told):
    one_listener(told)
    alert_id = told.fire()
    plan(told)
    told.event(alert_id, "flapping")
    plan(told)
    assert "反复" in told.notices()[1].body


def escalating(told: Told) -> tuple[int, int]:
    channel_id = told.add_channel()
    first, second = told.add_contact(channel_id, name="值班"), told.add_contact(channel_id, name="主任")
    told.add_route({"after_s": 0, "contacts": [first]}, {"after_s": 600, "contacts": [second]})
    return first, second


def test_the_next_step_is_told_when_nobody_has_acknowledged(told: Told):
    first, second = escalating(told)
    told.fire()
    plan(told)
    assert plan(told, told.now + timedelta(minutes=9)) == Planned()
    later = told.now + timedelta(minutes=25)  # the planner was away when it came due
    assert plan(told, later).notices == 1
    assert plan(told, later) == Planned()
    assert [(row.contact_id, row.kind, row.step) for row in told.notices()] == [
        (first, "alarm", 0),
        (second, "escalation", 1),
    ]
    assert "25 分钟仍无人确认" in told.notices()[1].body


@pytest.mark.parametrize("end", ["acknowledged", "cleared"])
def test_no_step_is_told_of_what_somebody_has_taken_or_what_is_over(told: Told, end: str):
    escalating(told)
    alert_id = told.fire()
    plan(told)
    if end == "cleared":
        told.clear(alert_id, told.now)
    else:
        told.change(alert_id, acknowledged_at=told.now)
    plan(told)
    assert "escalation" not in [row.kind for row in told.notices()]
    plan(told, told.now + timedelta(hours=1))
    assert "escalation" not in [row.kind for row in told.notices()]


def test_the_all_clear_goes_to_exactly_those_who_got_the_alarm_silence_or_not(told: Told):
    escalating(told)
    alert_id = told.fire()
    plan(told)
    told.mark_sent()
    told.add_silence(rule_key="cover_tilt")
    told.clear(alert_id, told.now + timedelta(minutes=5))
    plan(told, told.now + timedelta(minutes=5))
    assert [(row.kind, row.state, row.contact_id) for row in told.notices()] == [
        ("alarm", "sent", 1),
        ("all_clear", "waiting", 1),
    ]
    assert told.notices()[1].title.startswith("【已解除】")


def test_what_fired_and_cleared_while_nobody_planned_is_told_with_its_end(told: Told):
    one_listener(told)
    alert_id = told.fire()
    told.clear(alert_id, told.now)
    plan(told)
    assert told.states() == [("alarm", "waiting"), ("all_clear", "waiting")]


def test_a_silence_mutes_notices_and_says_which_and_there_is_no_all_clear_for_those(told: Told):
    one_listener(told)
    silence_id = told.add_silence(rule_key="cover_tilt")
    alert_id = told.fire()
    plan(told)
    (row,) = told.notices()
    assert (row.state, row.reason) == ("muted", f"silence {silence_id}")
    told.clear(alert_id, told.now)
    plan(told)
    assert len(told.notices()) == 1


def test_an_alert_that_outlives_its_silence_is_told_then_and_escalates_from_then(told: Told):
    escalating(told)
    told.add_silence(rule_key="cover_tilt")
    told.fire()
    plan(told)
    assert plan(told, told.now + timedelta(minutes=30)) == Planned()
    over = told.now + timedelta(hours=1)
    assert plan(told, over).unmuted == 1
    assert told.states() == [("alarm", "waiting")]
    plan(told, over + timedelta(minutes=9))
    assert told.states() == [("alarm", "waiting")]
    plan(told, over + timedelta(minutes=10))
    assert told.states() == [("alarm", "waiting"), ("escalation", "waiting")]


def test_quiet_hours_hold_what_is_not_critical_for_one_digest_in_the_morning(told: Told):
    one_listener(told, quiet_from_min=0, quiet_until_min=13 * 60)  # noon is a quiet hour of this person
    first = told.fire()
    told.fire(severity=3, point_id=told.city.point("displacement"))
    told.fire(point_id=told.city.point("vibration"))
    plan(told)
    assert told.states() == [("alarm", "held"), ("alarm", "waiting"), ("alarm", "held")]
    told.clear(first, told.now)
    plan(told)
    assert plan(told, told.now + timedelta(minutes=59)) == Planned()
    morning = told.now + timedelta(hours=1)
    assert plan(told, morning).digests == 1
    assert plan(told, morning) == Planned()
    digest = told.notices(kind="digest")[0]
    assert "2 条告警" in digest.title
    assert "其中 2 条来自免打扰时段" in digest.body
    assert "（已解除）" in digest.body
    assert [row.digest_id for row in told.notices(state="held")] == [digest.id, digest.id]


def test_a_digest_route_gathers_until_the_contact_s_digest_time(told: Told):
    contact_id = told.add_contact(told.add_channel(), digest_min=17 * 60)
    told.add_route({"after_s": 0, "contacts": [contact_id]}, digest=True)
    alert_id = told.fire(severity=1)
    told.event(alert_id, "worsened")
    plan(told)
    (row,) = told.notices()
    assert (row.state, row.reason, row.due_at) == ("held", "digest", told.now + timedelta(hours=5))


def test_what_is_beyond_the_limit_of_an_hour_is_gathered_and_counted(told: Told):
    one_listener(told, per_hour=2)
    for name in ("tilt_z", "tilt_x", "tilt_y", "displacement", "vibration"):
        told.fire(point_id=told.city.point(name))
    plan(told)
    assert [state for _, state in told.states()] == ["waiting", "waiting", "held", "held", "held"]
    plan(told, told.now + timedelta(minutes=10))
    (digest,) = told.notices(kind="digest")
    assert "其中 3 条超过每小时上限" in digest.body


def test_whoever_of_the_responsible_unit_is_on_duty_is_told(told: Told):
    city, channel_id = told.city, told.add_channel()
    person = told.add_contact(channel_id, user_id=city.crew.user_id)
    mate = told.add_contact(channel_id, user_id=city.mate.user_id)
    chat = told.add_contact(channel_id, unit_id=city.water)
    told.add_route({"after_s": 0, "unit_on_duty": True})
    with writing(told.engine) as tx:
        tx.execute(update(asset).values(maintainer_unit_id=city.water))
    told.fire()
    plan(told)
    assert [row.contact_id for row in told.notices()] == [chat]
    a, b = city.crew.user_id, city.mate.user_id
    with writing(told.engine) as tx:
        row = {"unit_id": city.water, "name": "值班", "a_user_id": a, "b_user_id": b, "updated_at": told.now}
        tx.execute(insert(post).values(**row))
    told.fire(point_id=told.city.point("tilt_x"))
    plan(told)
    assert told.notices()[-1].contact_id == person
    with writing(told.engine) as tx:
        tx.execute(update(post).values(a_away_from="2026-03-02", a_away_until="2026-03-02"))
    told.fire(point_id=told.city.point("tilt_y"))
    plan(told)
    assert told.notices()[-1].contact_id == mate


def test_a_silent_cabinet_without_an_asset_is_told_by_its_name(told: Told):
    one_listener(told)
    told.fire(point_id=None, device_id=None, asset_id=None, cabinet_id="cab-1", bus="A")
    plan(told)
    assert told.notices()[0].title.endswith("：cab-1 / A")
