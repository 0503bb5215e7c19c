"""Reading alerts: filters and pages, and one alert with the condition of its own time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, select, update

from registry.domain.errors import InvalidInput
from registry.domain.kinds import AlertState, Severity
from registry.queries.alerts import AlertOrder, alert_detail, alert_timeline, list_alerts
from registry.services.rules import install_shipped_rules
from registry.storage.database import writing
from registry.storage.tables import alert, alert_group, rule
from tests.city import City, build_city


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    with writing(engine) as tx:
        install_shipped_rules(tx, now=now)
    return build_city(engine, now)


def test_no_alerts_is_an_empty_page(engine: Engine):
    assert list_alerts(engine).items == []


def test_filters_narrow_the_list(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    other, _ = city.open_case(now, kind="water_high")
    tilt = city.add_alert(case_id, now, severity=3)
    water = city.add_alert(other, now, rule_key="water_high", point_id=city.point("water_level"))
    old = city.add_alert(case_id, now, rule_key="cover_shift", state="cleared", cleared_at=now)
    for wanted, filters in (
        ([old, water, tilt], {}),
        ([water, tilt], {"state": AlertState.FIRING}),
        ([old], {"state": "cleared"}),
        ([tilt], {"severity": Severity.CRITICAL}),
        ([water], {"case_kind": "water_high"}),
        ([old, water, tilt], {"asset_id": city.asset_id}),
        ([], {"asset_id": 999}),
    ):
        assert [row.id for row in list_alerts(city.engine, **filters).items] == wanted, filters


def test_pages_follow_each_other(city: City, now: datetime):
    made = [city.add_alert(None, now, rule_key=f"r{number}") for number in range(3)]
    first = list_alerts(city.engine, limit=2)
    second = list_alerts(city.engine, limit=2, after=first.next)
    assert [row.id for row in first.items + second.items] == made[::-1]
    assert second.next is None
    with pytest.raises(InvalidInput, match="start from its first page"):
        list_alerts(city.engine, after="zz")


def test_a_row_shows_shares_of_full_scale_in_the_points_own_unit(city: City, now: datetime):
    water = city.point("water_level")
    city.add_alert(None, now, rule_key="water_high", point_id=water, value=0.9, peak=1.0)
    (row,) = list_alerts(city.engine).items
    assert (row.value, row.peak, row.unit) == (pytest.approx(2160.0), pytest.approx(2400.0), "mm")
    assert (row.case_id, row.case_number) == (None, None)


def test_the_detail_keeps_the_condition_that_fired_though_the_rule_changed(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    alert_id = city.add_alert(case_id, now)
    with writing(city.engine) as tx:
        shipped = dict(tx.execute(select(rule).where(rule.c.key == "cover_tilt")).mappings().one())
        changed = {**shipped, "version": 2, "condition": {**shipped["condition"], "fire": 25.0}}
        tx.execute(insert(rule).values(changed | {"created_at": now + timedelta(days=1)}))
    found = alert_detail(city.engine, alert_id)
    assert found is not None
    assert (found.rule_kind, found.condition["fire"], found.rule_version) == ("limit", 15.0, 1)
    assert (found.serial, found.point, found.unit, found.value) == ("CV-000001", "tilt_z", "deg", 20.0)
    assert (found.case_number, found.case_stage) == (city.case(case_id).number, "filed")


def test_an_alert_of_a_rule_that_is_gone_can_still_be_read(city: City, now: datetime):
    found = alert_detail(city.engine, city.add_alert(None, now, rule_key="retired", cleared_at=None))
    assert found is not None
    assert found.condition == {}


def test_an_alert_that_does_not_exist_is_none(engine: Engine):
    assert alert_detail(engine, 999) is None


def test_the_worst_come_first_page_after_page(city: City, now: datetime):
    order = [(1, 0), (3, 1), (2, 2), (3, 3), (1, 4)]
    made = {
        city.add_alert(None, now + timedelta(minutes=late), rule_key=f"r{late}", severity=severity): (severity, late)
        for severity, late in order
    }
    seen, after = [], None
    while True:
        page = list_alerts(city.engine, order=AlertOrder.WORST, after=after, limit=2)
        seen += [made[row.id] for row in page.items]
        if page.next is None:
            break
        after = page.next
    assert seen == [(3, 3), (3, 1), (2, 2), (1, 4), (1, 0)]


def test_members_of_an_open_group_are_left_to_the_group(city: City, now: datetime):
    alone = city.add_alert(None, now)
    gathered = [city.add_alert(None, now, rule_key=f"r{number}") for number in range(2)]
    with writing(city.engine) as tx:
        group_id = tx.execute(
            insert(alert_group)
            .values(rule_key="r", state="open", began_at=now, last_at=now, members=2, severity=2, recorded_at=now)
            .returning(alert_group.c.id)
        ).scalar_one()
        tx.execute(update(alert).where(alert.c.id.in_(gathered)).values(group_id=group_id))
    assert [row.id for row in list_alerts(city.engine, members=False).items] == [alone]
    assert [row.id for row in list_alerts(city.engine, group_id=group_id).items] == gathered[::-1]
    with writing(city.engine) as tx:
        tx.execute(update(alert_group).values(state="ended"))
    assert len(list_alerts(city.engine, members=False).items) == 3


def test_an_alert_of_a_whole_cabinet_has_no_asset(city: City, now: datetime):
    with writing(city.engine) as tx:
        tx.execute(
            insert(alert).values(
                rule_key="cabinet_silent",
                rule_version=1,
                cabinet_id="c1",
                severity=2,
                state="firing",
                began_at=now,
                fired_at=now,
                recorded_at=now,
            )
        )
    (row,) = list_alerts(city.engine).items
    assert (row.asset_id, row.asset_name, row.point, row.cabinet_id) == (None, "", "", "c1")
    found = alert_detail(city.engine, row.id)
    assert found is not None
    assert (found.serial, found.device_id) == ("", None)
    assert alert_timeline(city.engine, row.id) == []
