"""The watch for silent devices: one alert and one case each, none while nobody can know, none when it is wrong."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, event, insert, select, update

from registry.domain.kinds import Severity
from registry.services.grouping import decide_groups
from registry.services.no_data import watch_no_data
from registry.services.rules import install_shipped_rules
from registry.storage.database import reading, writing
from registry.storage.tables import alert, alert_event, cabinet, case, device, latest, point, rule
from tests.city import City, build_city


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    with writing(engine) as tx:
        install_shipped_rules(tx, now=now)
        tx.execute(insert(cabinet).values(id="c1", name="一号柜", online=True, state_at=now))
    built = build_city(engine, now)
    with writing(engine) as tx:
        tx.execute(update(device).values(cabinet_id="c1"))
    return built


def cabinet_says(city: City, at: datetime, **more: object) -> None:
    with writing(city.engine) as tx:
        tx.execute(update(cabinet).values(state_at=at, **more))


def heard(city: City, at: datetime, name: str = "tilt_z") -> None:
    times = {"measured_at": at, "received_at": at, "recorded_at": at}
    with writing(city.engine) as tx:
        tx.execute(latest.delete().where(latest.c.point_id == city.point(name)))
        tx.execute(insert(latest).values(point_id=city.point(name), value=1.0, quality=0, **times))


def alerts(city: City) -> list[tuple[str, str]]:
    with reading(city.engine) as tx:
        return [(row.rule_key, row.state) for row in tx.execute(select(alert).order_by(alert.c.id))]


def after(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)


def test_a_silent_device_gets_one_alert_and_one_case_from_stored_times(city: City, now: datetime):
    heard(city, after(now, 3))
    late = after(now, 60)
    cabinet_says(city, late)
    assert watch_no_data(city.engine, now=late) == (1, 0)
    assert watch_no_data(city.engine, now=late) == (0, 0)
    with reading(city.engine) as tx:
        found = tx.execute(select(alert)).one()
        name = tx.scalar(select(point.c.name).where(point.c.id == found.point_id))
    assert (found.began_at, found.fired_at, found.recorded_at) == (after(now, 3), after(now, 13), late)
    assert (found.value, name, found.severity) == (None, "uptime", Severity.NOTICE)
    decide_groups(city.engine, now=found.case_due_at)
    with reading(city.engine) as tx:
        opened = tx.execute(select(case)).one()
        assert tx.scalar(select(alert.c.case_id)) == opened.id
    assert (opened.kind, opened.stage) == ("device_silent", "filed")


def test_any_point_heard_lately_keeps_the_device_alive(city: City, now: datetime):
    late = after(now, 60)
    heard(city, after(now, 3), "uptime")
    heard(city, after(now, 59), "battery")
    cabinet_says(city, late)
    assert watch_no_data(city.engine, now=late) == (0, 0)


@pytest.mark.parametrize(
    "word", [{"online": False}, {"oldest_unsent_s": 55.0}, {"online_since_s": 55}, {"said_s": 5}, {"gone": True}]
)
def test_a_cabinet_that_can_not_know_silences_the_watch(city: City, now: datetime, word: dict):
    late = after(now, 60)
    cabinet_says(city, late)
    if "online_since_s" in word:
        cabinet_says(city, late, online_since=after(now, word["online_since_s"]))
    elif "said_s" in word:
        cabinet_says(city, after(now, word["said_s"]))
    elif "gone" in word:
        with writing(city.engine) as tx:
            tx.execute(cabinet.delete())
    else:
        cabinet_says(city, late, **word)
    assert watch_no_data(city.engine, now=late) == (0, 0)


def test_a_device_on_no_cabinet_is_judged_by_the_clock(city: City, now: datetime):
    with writing(city.engine) as tx:
        tx.execute(update(device).values(cabinet_id=""))
    assert watch_no_data(city.engine, now=after(now, 9)) == (0, 0)
    assert watch_no_data(city.engine, now=after(now, 10)) == (1, 0)


def test_data_again_clears_the_alert_and_leaves_the_case_to_people(city: City, now: datetime):
    cabinet_says(city, after(now, 60))
    watch_no_data(city.engine, now=after(now, 60))
    decide_groups(city.engine, now=after(now, 90))
    heard(city, after(now, 100))
    cabinet_says(city, after(now, 101))
    assert watch_no_data(city.engine, now=after(now, 101)) == (0, 1)
    assert alerts(city) == [("device_silent", "cleared")]
    with reading(city.engine) as tx:
        assert tx.scalar(select(alert.c.cleared_at)) == after(now, 100)
        case_id = tx.scalar(select(case.c.id))
    assert city.case(case_id).stage == "filed"
    assert [line[0] for line in city.timeline(case_id)] == ["collect", "file", "alert_attached", "alert_cleared"]


def test_a_cabinets_return_alone_neither_clears_nor_fires(city: City, now: datetime):
    cabinet_says(city, after(now, 60))
    watch_no_data(city.engine, now=after(now, 60))
    cabinet_says(city, after(now, 90), online=False)
    assert watch_no_data(city.engine, now=after(now, 90)) == (0, 0)
    cabinet_says(city, after(now, 100), online=True, online_since=after(now, 100))
    assert watch_no_data(city.engine, now=after(now, 101)) == (0, 0)
    assert alerts(city) == [("device_silent", "firing")]


def test_a_device_taken_away_is_not_missed(city: City, now: datetime):
    cabinet_says(city, after(now, 60))
    watch_no_data(city.engine, now=after(now, 60))
    with writing(city.engine) as tx:
        tx.execute(update(device).values(removed_at=after(now, 65)))
    assert watch_no_data(city.engine, now=after(now, 66)) == (0, 1)
    assert watch_no_data(city.engine, now=after(now, 500)) == (0, 0)


def test_a_rule_that_is_switched_off_says_nothing(city: City, now: datetime):
    with writing(city.engine) as tx:
        shipped = dict(tx.execute(select(rule).where(rule.c.key == "device_silent")).mappings().one())
        tx.execute(insert(rule).values(shipped | {"version": 2, "enabled": False}))
    cabinet_says(city, after(now, 60))
    assert watch_no_data(city.engine, now=after(now, 60)) == (0, 0)


def test_a_rule_for_lamps_leaves_covers_alone(city: City, now: datetime):
    with writing(city.engine) as tx:
        tx.execute(update(rule).where(rule.c.key == "device_silent").values(family="light"))
    cabinet_says(city, after(now, 60))
    assert watch_no_data(city.engine, now=after(now, 60)) == (0, 0)


def test_more_silent_devices_than_a_transaction_takes_are_all_told(city: City, now: datetime):
    with writing(city.engine) as tx:
        for number in range(5):
            serial = {"serial": f"X{number}", "profile": "p", "heartbeat_s": 2.0, "cabinet_id": "c1"}
            made = insert(device).values(**serial, asset_id=city.asset_id, fitted_at=now).returning(device.c.id)
            tx.execute(insert(point).values(device_id=tx.scalar(made), name="tilt_z", unit="deg"))
    cabinet_says(city, after(now, 60))
    assert watch_no_data(city.engine, now=after(now, 60), batch=2) == (6, 0)


def test_a_quiet_round_takes_no_write_lock(city: City, now: datetime):
    begun: list[str] = []
    event.listen(city.engine, "before_cursor_execute", lambda *args: begun.append(args[2]))
    event.listen(city.engine, "begin", lambda conn: begun.append(str(conn.get_execution_options().get("writes"))))
    watch_no_data(city.engine, now=after(now, 3))
    assert "True" not in begun


def test_a_device_that_comes_and_goes_is_held_as_one_alert_until_it_is_calm(city: City, now: datetime):
    """The third alert within half an hour stays open until the device was heard for a quarter of an hour."""
    second = 0

    def look(fell_silent: bool) -> tuple[int, int]:
        nonlocal second
        second += 60
        if not fell_silent:
            heard(city, after(now, second))
        cabinet_says(city, after(now, second))
        return watch_no_data(city.engine, now=after(now, second))

    rounds = [look(silent) for silent in (True, False, True, False, True, False, True, False)]
    assert rounds == [(1, 0), (0, 1), (1, 0), (0, 1), (1, 0), (0, 0), (0, 0), (0, 0)]
    with reading(city.engine) as tx:
        held = tx.execute(select(alert).order_by(alert.c.id.desc()).limit(1)).one()
        told = list(tx.scalars(select(alert_event.c.kind).where(alert_event.c.alert_id == held.id)))
    assert (held.state, held.fires, held.flapping_since, told) == ("firing", 3, after(now, 250), ["fired", "flapping"])
    calm = second
    while second < calm + 840:
        assert look(False) == (0, 0)
    assert look(False) == (0, 1)
