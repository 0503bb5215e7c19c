"""The overview: counters that explain themselves, and what is wrong now, worst first, in one indexed statement each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, update

from registry.domain.kinds import Severity
from registry.queries.overview import overview, wrong_now
from registry.services.cases import move_case
from registry.services.rules import install_shipped_rules
from registry.storage.database import writing
from registry.storage.tables import alert, cabinet, case, dead_letter, latest, point
from tests.city import City, build_city


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    with writing(engine) as tx:
        install_shipped_rules(tx, now=now)
    return build_city(engine, now)


def change(city: City, table: Any, row_id: int, **values: Any) -> None:
    with writing(city.engine) as tx:
        tx.execute(update(table).where(table.c.id == row_id).values(values))


def numbers(city: City, now: datetime) -> list[int]:
    return [row.case_id for row in wrong_now(city.engine, now=now)]


def test_an_empty_city_has_nothing_wrong(engine: Engine, now: datetime):
    counters = overview(engine, now=now)
    assert wrong_now(engine, now=now) == []
    assert counters.cases_open == 0
    assert counters.cases_by_stage == dict.fromkeys(
        ("collected", "filed", "dispatched", "in_hand", "handed_back", "verified", "suspended"), 0
    )


def test_the_counters_count(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    city.add_alert(case_id, now, severity=3)
    city.add_alert(case_id, now, rule_key="cover_shift", state="cleared", cleared_at=now)
    city.add_alert(case_id, now, rule_key="device_silent", severity=1)
    voided, _ = city.open_case(now, kind="water_high")
    move_case(city.engine, case_id=voided, move="void", by=city.dispatcher, expected_version=1, now=now, note="x")
    with writing(city.engine) as tx:
        tx.execute(
            insert(cabinet),
            [
                {"id": "fresh", "name": "1", "online": True, "state_at": now - timedelta(seconds=9)},
                {"id": "stale", "name": "2", "online": True, "state_at": now - timedelta(minutes=5)},
                {"id": "away", "name": "3", "online": False, "state_at": now},
            ],
        )
        for age in (timedelta(hours=1), timedelta(hours=25)):
            letter = {"at": now - age, "cabinet_id": "c", "reason": "undecodable", "detail": "d", "body": "b"}
            tx.execute(insert(dead_letter).values(letter))
    counters = overview(city.engine, now=now + timedelta(hours=10))
    assert (counters.alerts_critical, counters.alerts_alarm, counters.alerts_notice) == (1, 0, 1)
    assert (counters.cases_open, counters.cases_overdue, counters.cases_waiting_dispatch) == (1, 1, 1)
    assert counters.cases_by_stage["filed"] == 1
    assert (counters.assets, counters.devices, counters.devices_silent) == (1, 1, 1)
    assert counters.cases_closed_24h == 0
    assert counters.cabinets == 3
    assert overview(city.engine, now=now).cabinets_online == 1
    assert overview(city.engine, now=now).dead_letters_24h == 1


def test_worst_first_means_severity_then_overdue_then_age(city: City, now: datetime):
    later = now + timedelta(hours=10)
    alarm_old, _ = city.open_case(now - timedelta(days=1), kind="cover_loose")
    alarm_late, _ = city.open_case(now, kind="cover_displaced")  # the desk had its time and mending two hours
    critical, _ = city.open_case(later, kind="water_high", severity=Severity.CRITICAL)
    alarm_new, _ = city.open_case(later, kind="pole_leaning")
    assert numbers(city, later) == [critical, alarm_late, alarm_old, alarm_new]


def test_what_is_mended_comes_last_unless_its_alert_is_live(city: City, now: datetime):
    mended, _ = city.open_case(now, severity=Severity.CRITICAL)
    waiting, _ = city.open_case(now, kind="cover_loose")
    change(city, case, mended, stage="handed_back")
    assert numbers(city, now) == [waiting, mended]
    city.add_alert(mended, now)
    assert numbers(city, now) == [mended, waiting]


def test_a_row_shows_the_worst_live_alert_in_the_points_own_unit(city: City, now: datetime):
    case_id, _ = city.open_case(now, kind="water_high")
    water = city.point("water_level")
    level = {"measured_at": now, "received_at": now, "recorded_at": now, "value": 2280.0, "quality": 0}
    with writing(city.engine) as tx:
        tx.execute(insert(latest).values(point_id=water, **level))
    city.add_alert(case_id, now, rule_key="water_high", point_id=water, value=0.92, peak=0.95, severity=3)
    city.add_alert(case_id, now, rule_key="cover_tilt", severity=1)
    (row,) = wrong_now(city.engine, now=now)
    assert (row.alerts_firing, row.point, row.unit, row.value) == (2, "water_level", "mm", 2280.0)
    assert row.peak == pytest.approx(2280.0)  # 0.95 of a well 2400 mm deep
    assert (row.asset_name, row.road, row.assignee_name, row.overdue) == ("上水井盖 1", "中山路", None, False)


def test_the_value_is_counted_from_the_baseline(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    tilt = city.point("tilt_z")
    change(city, point, tilt, baseline=1.5)
    with writing(city.engine) as tx:
        tx.execute(
            insert(latest).values(
                point_id=tilt, measured_at=now, received_at=now, recorded_at=now, value=61.5, quality=0
            )
        )
    city.add_alert(case_id, now)
    assert wrong_now(city.engine, now=now)[0].value == 60.0


def test_silence_has_no_value(city: City, now: datetime):
    case_id, _ = city.open_case(now, kind="device_silent")
    city.add_alert(case_id, now, rule_key="device_silent", point_id=city.point("uptime"), value=None, peak=None)
    (row,) = wrong_now(city.engine, now=now)
    assert (row.alerts_firing, row.point, row.value, row.peak) == (1, None, None, None)


def test_a_cleared_alert_no_longer_counts_but_its_case_stays(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    alert_id = city.add_alert(case_id, now)
    change(city, alert, alert_id, state="cleared", cleared_at=now)
    (row,) = wrong_now(city.engine, now=now)
    assert (row.alerts_firing, row.point) == (0, None)


def test_what_is_wrong_reads_running_cases_and_the_live_alerts_of_what_it_shows(city: City, now: datetime):
    city.open_case(now)
    plan = plan_of(city, lambda: wrong_now(city.engine, now=now))
    assert "ix_case_file_worst (severity=?)" in plan
    assert "alert USING COVERING INDEX ix_alert_case_id_state_severity (case_id=? AND state=?)" in plan
    assert "SCAN alert" not in plan


def test_the_counters_are_counted_in_indexes(city: City, now: datetime):
    plan = plan_of(city, lambda: overview(city.engine, now=now))
    for index in (
        "alert USING COVERING INDEX ix_alert_state_severity_fired_at (state=? AND severity=?)",
        "case_file USING COVERING INDEX ix_case_file_stage_",
        "case_file USING COVERING INDEX ix_case_file_stage_ended_at (stage=? AND ended_at>?)",
        "dead_letter USING COVERING INDEX ix_dead_letter_at (at>?)",
        "ix_case_file_open_overdue",
        "case_file USING COVERING INDEX ix_case_file_worst",
        "asset USING COVERING INDEX",
    ):
        assert index in plan
    assert "SCAN alert" not in plan


def plan_of(city: City, query: Callable[[], object]) -> str:
    """How SQLite goes about every statement that ``query`` asks."""
    asked: list[tuple[str, Any]] = []
    event.listen(city.engine, "before_cursor_execute", lambda *args: asked.append((args[2], args[3])))
    query()
    with city.engine.connect() as connection:
        return "\n".join(
            row[3]
            for text, values in list(asked)
            for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + text, values)
        )
