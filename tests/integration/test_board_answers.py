"""Answers of panels are the same, and true, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count as numbers
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from sqlalchemy import Engine, event, insert, update

from registry.domain.boards import Annotation, read_panel
from registry.domain.kinds import Severity, Source
from registry.domain.rules.shipped import CABINET_RULE
from registry.queries.board_answers import answer
from registry.queries.board_marks import marks
from registry.queries.board_values import (
    Asked,
    Bars,
    CountsOverTime,
    Curves,
    Heat,
    Nothing,
    Stat,
    Table,
    Timeline,
    Word,
)
from registry.queries.explore import explored, find_points
from registry.services.boards import shipped_board
from registry.services.cabinets import CabinetState, note_cabinet
from registry.services.devices import NewDevice, put_on
from registry.services.rules import install_shipped_rules
from registry.storage.database import open_database, reading, writing
from registry.storage.series import SqliteSeries
from registry.storage.tables import asset, case, dead_letter, device, gap_count, latest, permit, scan
from registry.storage.times import to_ms
from tests.city import City, build_city
from tests.postgres import create_database

pytestmark = [pytest.mark.network, pytest.mark.timeout(400)]

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # a Monday, 12:00 in the city
DAY = timedelta(days=1)
SPIKE = 77.5
_NUMBERS = numbers(1)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """Four cases on two assets over three days, one of them late, one closed; two alerts, one of them over.

    Nobody changes it.
    """
    with _copied(request, tmp_path_factory) as engine:
        yield _filled(engine)


@pytest.fixture(params=["sqlite", "postgres"])
def city(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """The same for a test that changes it."""
    with _copied(request, tmp_path_factory) as engine:
        yield _filled(engine)


@contextmanager
def _copied(request: pytest.FixtureRequest, folders: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database with the tables and classes, copied in a moment."""
    if request.param == "sqlite":
        path = shutil.copy(request.getfixturevalue("filled_sqlite"), folders.mktemp("boards") / "records.db")
        opened = open_database(f"sqlite:///{path}")
        yield opened
        opened.dispose()
        return
    server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("filled_postgres")
    name = f"boards_{os.getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(f"postgresql://{server}/postgres", autocommit=True) as admin:
        create_database(admin, name, template)
    opened = open_database(f"postgresql+psycopg://{server}/{name}")
    yield opened
    opened.dispose()
    with psycopg.connect(f"postgresql://{server}/postgres", autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _filled(engine: Engine) -> City:
    with writing(engine) as tx:
        install_shipped_rules(tx, now=NOW)
    made = build_city(engine, NOW - 30 * DAY)
    other = made.add_asset(NOW - 30 * DAY, name="雨水井盖 2", road="海滨路")
    with writing(engine) as tx:
        tx.execute(update(asset).where(asset.c.id == made.asset_id).values(area_code="440803001"))
        tx.execute(update(asset).where(asset.c.id == other).values(area_code="440804001", state="damaged"))
    first = made.open_case(NOW - 3 * DAY, severity=Severity.CRITICAL)
    second = made.open_case(NOW - 2 * DAY, kind="cover_loose", source=Source.CITIZEN, asset_id=other)
    made.open_case(NOW - timedelta(hours=3), kind="water_high")
    made.open_case(NOW - timedelta(hours=2), kind="cover_damaged", asset_id=other)
    with writing(engine) as tx:
        tx.execute(update(case).where(case.c.id == first.case_id).values(overdue_at=NOW - DAY, unit_id=made.water))
        ended = {"stage": "closed", "ended_at": NOW - DAY, "closed_how": "repaired"}
        tx.execute(update(case).where(case.c.id == second.case_id).values(ended))
        tx.execute(update(case).where(case.c.asset_id == made.asset_id).values(area_code="440803001"))
        tx.execute(update(case).where(case.c.asset_id == other).values(area_code="440804001"))
    made.add_alert(first.case_id, NOW - timedelta(hours=5), severity=3)
    over = {"state": "cleared", "cleared_at": NOW - timedelta(hours=6), "severity": 1}
    made.add_alert(None, NOW - timedelta(hours=7), rule_key="water_high", **over)
    return made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteSeries]:
    opened = SqliteSeries(tmp_path / "series.db")
    yield opened
    opened.close()


def asked(city: City, store: SqliteSeries, *, days: float = 7, **more: Any) -> Asked:
    values = {"engine": city.engine, "store": store, "now": NOW, "zone": ZoneInfo("Asia/Shanghai")}
    return Asked(**(values | {"since": NOW - days * DAY, "until": NOW + timedelta(minutes=1)} | more))


def shown(who: Asked, kind: str, source: dict[str, Any], **options: Any) -> Any:
    panel = {"id": "p", "kind": kind, "x": 0, "y": 0, "w": 6, "h": 4, "source": source, "options": options}
    return answer(read_panel(panel), who)


def count(what: str, **more: Any) -> dict[str, Any]:
    return {"of": "count", "what": what, **more}


def bars_of(found: Bars) -> dict[Any, float]:
    return {each.name.key if isinstance(each.name, Word) else each.name: each.value for each in found.bars}


def test_one_number_and_that_of_as_long_before(whole: City, store: SqliteSeries):
    found = shown(asked(whole, store, days=1.4), "stat", count("cases"), spark=True)
    assert isinstance(found, Stat)
    assert (found.value, found.before) == (2, 1)
    assert found.spark is not None
    assert sum(found.spark.value) == 2


COUNTS = (
    (count("cases", where={"open": True}), 3),
    (count("cases", where={"open": True, "late": True}), 1),
    (count("cases", where={"open": False}), 1),
    (count("cases", where={"stage": "closed"}, at="ended"), 1),
    (count("cases", where={"severity": 3}), 1),
    (count("cases", where={"kind": ["cover_loose", "water_high"]}), 2),
    (count("cases", where={"channel": "citizen"}), 1),
    (count("cases", where={"area": "440804"}), 2),
    (count("cases", where={"open": True, "area": "440804"}), 1),
    (count("cases", where={"open": True, "kind": ["water_high", "cover_loose"]}), 1),
    (count("cases", where={"area": "$area"}), 4),
    (count("alerts", where={"state": "firing"}), 1),
    (count("alerts"), 2),
    (count("alerts", where={"kind": "water_high"}), 1),
    (count("alerts", where={"family": "light"}), 0),
    (count("assets"), 2),
    (count("assets", where={"state": "damaged"}), 1),
    (count("assets", where={"state": "intact"}), 1),
    (count("assets", where={"area": ["440803", "440804"]}), 2),
    (count("devices"), 1),
    (count("devices", where={"state": "heard", "family": "cover"}), 1),
    (count("cabinets"), 0),
    (count("permits"), 0),
)


def test_what_is_counted_is_what_was_asked_for(whole: City, store: SqliteSeries):
    who = asked(whole, store)
    assert [(source, shown(who, "stat", source).value) for source, _ in COUNTS] == list(COUNTS)


def test_merged_and_abandoned_assets_do_not_count(city: City, store: SqliteSeries):
    gone = city.add_asset(NOW, name="旧")
    twin = city.add_asset(NOW, name="重")
    with writing(city.engine) as tx:
        tx.execute(update(asset).where(asset.c.id == gone).values(state="abandoned"))
        tx.execute(update(asset).where(asset.c.id == twin).values(merged_into_id=city.asset_id))
    assert shown(asked(city, store), "stat", count("assets")).value == 2
    found = shown(asked(city, store), "bar", count("assets", by="state"))
    assert bars_of(found) == {"state.damaged": 1, "state.intact": 1}
    listed = shown(asked(city, store), "table", {"of": "list", "what": "assets"})
    assert [row[0] for row in listed.rows] == ["雨水井盖 2"]
    abandoned = shown(asked(city, store), "table", {"of": "list", "what": "assets", "where": {"state": "abandoned"}})
    assert [row[0] for row in abandoned.rows] == ["旧"]


def test_the_assets_of_a_unit_are_all_that_it_has_to_do_with(city: City, store: SqliteSeries):
    with writing(city.engine) as tx:
        tx.execute(update(asset).where(asset.c.id == city.asset_id).values(owner_unit_id=city.water))
        tx.execute(update(asset).where(asset.c.id != city.asset_id).values(maintainer_unit_id=city.water))
    for units, many in (([city.water], 2), ([city.water, city.power], 2), ([city.power], 0)):
        assert shown(asked(city, store), "stat", count("assets", where={"unit": units})).value == many


def test_what_is_about_no_asset_counts_where_it_is_split_by_what_assets_have(city: City, store: SqliteSeries):
    of_cabinet = {"rule_key": CABINET_RULE, "point_id": None, "device_id": None, "asset_id": None, "cabinet_id": "c1"}
    city.add_alert(None, NOW - timedelta(hours=1), **of_cabinet)
    for by, none in (("family", "board.none"), ("area", "board.no_area")):
        found = bars_of(shown(asked(city, store), "bar", count("alerts", by=by)))
        assert found[none] == 1
        assert sum(found.values()) == shown(asked(city, store), "stat", count("alerts")).value == 3
    over_days = shown(asked(city, store), "time_series", count("alerts", by="family", over="day"))
    assert sum(sum(each.value) for each in over_days.series) == 3


def test_bars_are_split_by_what_was_asked(whole: City, store: SqliteSeries):
    who = asked(whole, store)
    stages = shown(who, "bar", count("cases", by="stage"))
    assert sum(each.value for each in stages.bars) == 4
    assert stages.bars[-1].name == Word("stage.closed")
    assert bars_of(shown(who, "bar", count("cases", by="severity")))["severity.3"] == 1
    assert bars_of(shown(who, "bar", count("cases", by="late"))) == {"board.late": 1, "board.in_time": 3}
    assert bars_of(shown(who, "bar", count("cases", by="unit"))) == {"水务": 1, "board.nobody": 3}
    assert bars_of(shown(who, "bar", count("cases", by="area"))) == {"440803": 2, "440804": 2}
    kinds = bars_of(shown(who, "bar", count("alerts", by="kind")))
    assert sum(kinds.values()) == 2
    assert kinds["kind.water_high"] == 1
    few = shown(who, "bar", count("cases", by="kind", limit=1))
    assert (len(few.bars), few.rest) == (1, 3)


def test_open_cases_are_split_by_where_their_asset_stands_now(city: City, store: SqliteSeries):
    with writing(city.engine) as tx:
        tx.execute(update(asset).where(asset.c.id == city.asset_id).values(area_code="440805001"))
    split = count("cases", by="area")
    assert bars_of(shown(asked(city, store), "bar", split)) == {"440803": 2, "440804": 2}
    split["where"] = {"open": True}
    assert bars_of(shown(asked(city, store), "bar", split)) == {"440805": 2, "440804": 1}
    split["where"] = {"open": True, "area": "440805"}
    assert bars_of(shown(asked(city, store), "bar", split)) == {"440805001": 2}


def test_a_case_of_a_kind_of_the_citys_own_has_a_bar_too(city: City, store: SqliteSeries):
    with writing(city.engine) as tx:
        tx.execute(update(case).where(case.c.kind == "water_high").values(kind="own_kind"))
    found = shown(asked(city, store), "bar", count("cases", by="kind"))
    assert bars_of(found)["kind.own_kind"] == 1


def test_counts_over_time_fall_into_the_days_of_the_city(whole: City, store: SqliteSeries):
    found = shown(asked(whole, store, days=3.5), "time_series", count("cases", over="day"))
    assert isinstance(found, CountsOverTime)
    (series,) = found.series
    assert [datetime.fromtimestamp(at / 1000, UTC).hour for at in series.t] == [16] * len(series.t)
    assert series.value == [1, 1, 0, 2]
    by_severity = shown(asked(whole, store, days=3.5), "time_series", count("cases", over="day", by="severity"))
    still_open = shown(asked(whole, store, days=3.5), "time_series", count("cases", over="day", where={"open": True}))
    assert still_open.series[0].value == [1, 0, 0, 2]
    worst = by_severity.series[0]
    assert (worst.name, worst.value) == (Word("severity.3"), [1, 0, 0, 0])
    assert [sum(each) for each in zip(*(one.value for one in by_severity.series), strict=True)] == series.value


def test_a_heat_map_tells_the_hours_of_the_citys_week(whole: City, store: SqliteSeries):
    found = shown(asked(whole, store), "heat_map", {"of": "week_hours", "what": "cases"})
    assert isinstance(found, Heat)
    # Friday 12:00, Saturday 12:00, Monday 9:00 and 10:00
    assert found.cells == [(0, 9, 1), (0, 10, 1), (4, 12, 1), (5, 12, 1)]
    # Monday 5:00 and 7:00, looked up beside the asset, in a span that begins with no hour
    alerts = {"of": "week_hours", "what": "alerts", "where": {"family": "cover"}}
    some = shown(asked(whole, store, since=NOW - timedelta(hours=9.21)), "heat_map", alerts)
    assert some.cells == [(0, 5, 1), (0, 7, 1)]
    # what fires still began at some time of the week too
    alerts["where"] = {"state": "firing"}
    assert shown(asked(whole, store), "heat_map", alerts).cells == [(0, 7, 1)]


def test_lists_lead_to_the_thing_itself(whole: City, store: SqliteSeries):
    who = asked(whole, store)
    found = shown(who, "table", {"of": "list", "what": "cases", "where": {"open": True}, "limit": 2})
    assert isinstance(found, Table)
    assert found.more
    assert found.to[0] is not None
    assert found.to[0].page == "case"
    assert found.rows[0][1] == 3
    for source in (
        {"of": "list", "what": "cases", "order": "newest"},
        {"of": "list", "what": "cases", "order": "late", "where": {"open": True, "unit": whole.water}},
        {"of": "list", "what": "cases", "where": {"open": True, "kind": "water_high"}},
    ):
        rows = shown(who, "table", source)
        assert {each.page for each in rows.to if each} == {"case"}
    alerts = shown(who, "table", {"of": "list", "what": "alerts", "where": {"state": "firing"}})
    assert len(alerts.rows) == 1
    assert [row[0] for row in shown(who, "table", {"of": "list", "what": "assets"}).rows] == ["雨水井盖 2"]
    devices = shown(who, "table", {"of": "list", "what": "devices", "order": "late"})
    assert [row[0] for row in devices.rows] == ["CV-000001"]


def test_devices_that_were_never_heard_stand_before_those_that_were(city: City, store: SqliteSeries):
    third = city.add_asset(NOW, name="雨水井盖 3")
    with writing(city.engine) as tx:
        put_on(tx, NewDevice(serial="CV-000002", profile="cc-cover-1", asset_id=third, heartbeat_s=2.0), now=NOW)
        heard = {"measured_at": NOW, "received_at": NOW, "recorded_at": NOW, "value": 1.0, "quality": 0}
        tx.execute(insert(latest).values(heard | {"point_id": city.point("tilt_z")}))
    devices = shown(asked(city, store), "table", {"of": "list", "what": "devices", "order": "late"})
    assert [(row[0], row[-1]) for row in devices.rows] == [("CV-000002", None), ("CV-000001", to_ms(NOW))]


def test_a_number_leads_to_the_list_of_what_it_counts_as_far_as_that_can_be_narrowed(whole: City, store: SqliteSeries):
    day, week = asked(whole, store, days=1), asked(whole, store, since=NOW - 7 * DAY, until=NOW)
    before = asked(whole, store, since=NOW - 2 * DAY, until=NOW - DAY)
    severe = {"severity": 3, "kind": "water_high", "asset": whole.asset_id}
    named = {"severity": "3", "asset_id": str(whole.asset_id)}
    about = named | {"kind": "water_high"}
    for who, source, page, args in (
        (day, count("cases", where=severe), "cases", about | {"opened": "24h"}),
        (week, count("cases", where={"stage": "closed"}, at="ended"), "cases", {"stage": "closed", "ended": "7d"}),
        (before, count("cases"), "cases", {}),
        (day, count("cases", where={"open": True, "late": True}), "cases", {"open_only": 1, "overdue": 1}),
        (day, count("cases", where={"open": True, "unit": whole.water}), "unit_queue", {"unit_id": whole.water}),
        (day, count("alerts", where=severe), "alerts", named | {"case_kind": "water_high", "state": "all"}),
        (day, count("alerts", where={"state": "firing"}), "alerts", {"state": "firing"}),
        (day, count("assets", where={"class": "cj:0101"}), "assets", {"class": "cj:0101"}),
        (day, count("permits"), "permits", {"over": 1}),
        (day, count("permits", where={"state": "open"}), "permits", {}),
        (day, count("scans", where={"state": "flagged"}), "scans", {"show": "flagged"}),
    ):
        assert shown(who, "stat", source).to == (page, args), source
    late = shown(week, "bar", count("cases", by="late"))
    assert [each.to.args for each in late.bars] == [{"opened": "7d", "overdue": each} for each in (1, 0)]
    # the queue of a unit has what is open, and not what came in a span
    for where, page in (({"open": True}, "unit_queue"), ({}, "cases")):
        units = shown(week, "bar", count("cases", by="unit", where=where)).bars
        assert {each.to.page for each in units if each.name == "水务"} == {page}


def test_a_bound_visitor_sees_their_area_alone(whole: City, store: SqliteSeries):
    who = asked(whole, store, scope="440804")
    assert shown(who, "stat", count("cases")).value == 2
    assert shown(who, "stat", count("cases", where={"open": True})).value == 1
    assert shown(who, "stat", count("cases", where={"area": "440803"})).value == 0
    assert shown(who, "stat", count("alerts")).value == 0
    assert shown(who, "stat", count("assets")).value == 1
    assert shown(who, "stat", count("devices")).value == 0
    rows = shown(who, "table", {"of": "list", "what": "cases", "where": {"open": True}}).rows
    assert [row[3] for row in rows] == ["雨水井盖 2"]
    assert shown(who, "table", {"of": "list", "what": "alerts"}).rows == []
    assert shown(who, "state_timeline", {"of": "states", "what": "alerts"}).rows == []
    tilt = {"of": "series", "points": [whole.point("tilt_z")]}
    assert shown(who, "time_series", tilt).series == []
    assert find_points(who, "CV-0000") == []
    assert explored(who, [whole.point("tilt_z")]) == ([], [])
    found, _ = marks(list(Annotation), who)
    assert {mark.of for mark in found} == {Annotation.CASES}
    assert len(found) == 2
    for what in ({"of": "count", "what": "dead_letters"}, {"of": "quality", "what": "rejected"}):
        with pytest.raises(Nothing, match="whole_city"):
            shown(who, "table" if what["of"] == "quality" else "stat", what)


def test_single_spikes_of_a_year_are_in_the_picture(whole: City, store: SqliteSeries):
    tilt, first = whole.point("tilt_z"), NOW - 365 * DAY
    rows = [(tilt, to_ms(first + n * timedelta(hours=2)), 1.0, 0, 0) for n in range(365 * 12)]
    spiked = (tilt, rows[2000][1] + 60_000, SPIKE, 0, 0)
    deep = (tilt, rows[3333][1] + 60_000, -SPIKE, 0, 0)
    store.append([*rows, spiked, deep])
    while store.fold(NOW):
        pass
    source = {"of": "series", "point": "tilt_z", "of_family": ["cover"]}
    found = shown(asked(whole, store, days=365), "time_series", source)
    assert isinstance(found, Curves)
    (curve,) = found.series
    assert (max(curve.max), min(curve.min)) == (SPIKE, -SPIKE)
    where = [place for place, at in enumerate(curve.t) if at <= spiked[1]][-1]
    assert curve.max[where] == SPIKE
    assert len(curve.t) <= 802
    # so long that it is drawn by the day, and of the roll-ups of days alone
    (by_day,) = shown(asked(whole, store, days=1460, width_px=2000), "time_series", source).series
    assert {at % 86_400_000 for at in by_day.t} == {0}
    assert len(by_day.t) == 366
    assert (max(by_day.max), min(by_day.min)) == (SPIKE, -SPIKE)
    assert shown(asked(whole, store, days=365), "stat", source | {"show": "max"}).value == SPIKE
    figures = explored(asked(whole, store, days=365), [tilt])[1][0]
    assert (figures.min, figures.max, figures.readings) == (-SPIKE, SPIKE, len(rows) + 2)
    table = shown(asked(whole, store, days=365), "table", source)
    assert table.rows[0][1::2] == [-SPIKE, SPIKE]


def test_nothing_chosen_is_said_and_is_no_mistake(whole: City, store: SqliteSeries):
    source = {"of": "series", "point": "tilt_z", "of_assets": "$asset"}
    with pytest.raises(Nothing, match="choose"):
        shown(asked(whole, store), "time_series", source)
    found = shown(asked(whole, store, chosen={"asset": (str(whole.asset_id),)}), "time_series", source)
    assert [curve.asset_id for curve in found.series] == [whole.asset_id]
    with pytest.raises(Nothing, match="narrow"):
        shown(asked(whole, store), "stat", count("readings"))


def test_readings_are_counted_where_they_are_few_enough(whole: City, store: SqliteSeries):
    tilt = whole.point("tilt_z")
    store.append([(tilt, to_ms(NOW - timedelta(minutes=n + 1)), 1.0, 0, 0) for n in range(30)])
    where = {"asset": whole.asset_id}
    assert shown(asked(whole, store, days=1), "stat", count("readings", where=where)).value == 30
    by_hour = shown(asked(whole, store, days=1), "time_series", count("readings", where=where, over="hour"))
    assert sum(by_hour.series[0].value) == 30


@pytest.mark.parametrize(("zone", "over"), [("Asia/Shanghai", "day"), ("Asia/Kathmandu", "hour")])
def test_each_reading_counts_in_the_step_of_the_citys_clock(whole: City, store: SqliteSeries, zone: str, over: str):
    first = NOW - 40 * DAY
    store.append([(whole.point("tilt_z"), to_ms(first + n * timedelta(hours=1)), 1.0, 0, 0) for n in range(40 * 24)])
    store.fold(NOW)
    wanted = count("readings", where={"asset": whole.asset_id}, over=over)
    who = asked(whole, store, days=30 if over == "day" else 3, zone=ZoneInfo(zone))
    value = shown(who, "time_series", wanted).series[0].value
    # the last step goes on still, and nothing has come in it yet where it is an hour
    assert set(value[:-1]) == {24 if over == "day" else 1}


def test_a_mean_counts_each_reading_once_and_the_newest_is_of_the_span(whole: City, store: SqliteSeries):
    tilt = whole.point("tilt_z")
    often = [(tilt, to_ms(NOW - 9 * DAY + timedelta(minutes=n)), 1.0, 0, 0) for n in range(99)]
    store.append([*often, (tilt, to_ms(NOW - 5 * DAY), 101.0, 0, 0)])
    before = asked(whole, store, until=NOW - 2 * DAY, days=10)
    source = {"of": "series", "points": [tilt], "show": "mean"}
    assert shown(before, "stat", source).value == 2.0
    assert shown(before, "table", source).rows[0][2] == 2.0
    assert shown(before, "stat", source | {"show": "range"}).value == 101.0
    assert [each.unit for each in shown(before, "table", source).columns] == ["", "deg", "deg", "deg"]
    store.append([(whole.point("battery"), to_ms(NOW - 5 * DAY), 88.0, 0, 0)])
    both = shown(before, "table", {"of": "series", "points": [tilt, whole.point("battery")]})
    assert [each.unit for each in both.columns] == [""] * 5
    assert [row[-1] for row in both.rows] == [Word("unit.deg"), Word("unit.%EL")]
    elsewhere = source | {"where": {"area": "440804"}}
    assert shown(before, "time_series", elsewhere).series == []


def test_a_cabinet_was_off_line_while_its_silence_was_an_alert(city: City, store: SqliteSeries):
    note_cabinet(city.engine, CabinetState(cabinet="c1", online=True, at=NOW.timestamp()), now=NOW)
    began, over = NOW - timedelta(hours=8), NOW - timedelta(hours=6)
    silence = {"rule_key": CABINET_RULE, "point_id": None, "device_id": None, "asset_id": None, "cabinet_id": "c1"}
    city.add_alert(None, began, state="cleared", cleared_at=over, **silence)
    found = shown(asked(city, store, days=1), "state_timeline", {"of": "states", "what": "cabinets"})
    assert isinstance(found, Timeline)
    states = [(since, until, state) for since, until, state in found.rows[0].spans if state == "offline"]
    assert states == [(to_ms(began), to_ms(over), "offline")]
    ends = [span[1] for span in found.rows[0].spans]
    assert ends == sorted(ends)
    assert bars_of(shown(asked(city, store), "bar", count("cabinets", by="state"))) == {"board.state.online": 1}
    # one that began long before the span and ended in it
    long = silence | {"state": "cleared", "cleared_at": NOW - timedelta(hours=20)}
    city.add_alert(None, NOW - 9 * DAY, **long)
    before = shown(asked(city, store, days=1), "state_timeline", {"of": "states", "what": "cabinets"}).rows[0]
    assert before.spans[0] == (to_ms(NOW - DAY), to_ms(NOW - timedelta(hours=20)), "offline")
    silent = {"rule_key": "device_silent", "point_id": city.point("battery")}
    city.add_alert(None, NOW - timedelta(hours=1), **silent)
    (sensor,) = shown(asked(city, store, days=60), "state_timeline", {"of": "states", "what": "devices"}).rows
    assert sensor.spans == [
        (to_ms(NOW - 30 * DAY), to_ms(NOW - timedelta(hours=1)), "heard"),
        (to_ms(NOW - timedelta(hours=1)), to_ms(NOW), "silent"),
    ]
    alerts = shown(asked(city, store, days=1), "state_timeline", {"of": "states", "what": "alerts"})
    assert [row.name for row in alerts.rows] == ["上水井盖 1"]


def test_that_a_cabinet_is_off_line_now_changes_nothing_in_a_span_of_the_past(city: City, store: SqliteSeries):
    note_cabinet(city.engine, CabinetState(cabinet="c1", online=False, at=NOW.timestamp()), now=NOW)
    last_week = asked(city, store, since=NOW - 9 * DAY, until=NOW - 2 * DAY)
    (line,) = shown(last_week, "state_timeline", {"of": "states", "what": "cabinets"}).rows
    assert line.spans == [(to_ms(NOW - 9 * DAY), to_ms(NOW - 2 * DAY), "online")]


def test_an_alert_was_firing_until_somebody_took_note_of_it_and_the_worse_state_is_shown(
    city: City, store: SqliteSeries
):
    other = city.add_asset(NOW - 30 * DAY, name="雨水井盖 3")
    hours = {hour: NOW - timedelta(hours=hour) for hour in range(1, 9)}
    about = {"asset_id": other, "rule_key": "water_high"}
    # noted at once and on still; another that fired meanwhile, was noted and is over; a third that nobody noted
    city.add_alert(None, hours[8], acknowledged_at=hours[7], **about)
    over = {"state": "cleared", "cleared_at": hours[4], "acknowledged_at": hours[5]}
    city.add_alert(None, hours[6], point_id=city.point("tilt_x"), **over, **about)
    city.add_alert(None, hours[2], point_id=city.point("tilt_y"), **about)
    found = shown(asked(city, store, days=1), "state_timeline", {"of": "states", "what": "alerts"})
    (line,) = [row for row in found.rows if row.name == "雨水井盖 3"]
    at = {hour: to_ms(moment) for hour, moment in hours.items()}
    assert line.spans == [
        (at[8], at[7], "firing"),
        (at[7], at[6], "acknowledged"),
        (at[6], at[5], "firing"),
        (at[5], at[2], "acknowledged"),
        (at[2], to_ms(NOW), "firing"),
    ]


def test_what_was_under_way_when_the_span_began_is_marked_too(city: City, store: SqliteSeries):
    minutes = {ago: NOW - timedelta(minutes=ago) for ago in (10, 30, 90, 100, 180)}
    job = {"asset_id": city.asset_id, "people": 2, "by_user_id": city.crew.user_id}
    job |= {"started_at": minutes[90], "ends_at": NOW + timedelta(hours=1)}
    with writing(city.engine) as tx:
        tx.execute(insert(permit).values(job | {"state": "open", "work": "cleaning"}))
        for ended in (30, 100):
            over = {"state": "ended", "work": "repair", "started_at": minutes[180], "ended_at": minutes[ended]}
            tx.execute(insert(permit).values(job | over))
        # the case of three hours ago ended within the hour, that of two hours ago goes on
        tx.execute(update(case).where(case.c.kind == "water_high").values(stage="closed", ended_at=minutes[10]))
    hour = asked(city, store, since=NOW - timedelta(hours=1))
    found, more = marks([Annotation.PERMITS], hour)
    assert [(mark.from_ms, mark.to_ms) for mark in found] == [
        (to_ms(minutes[180]), to_ms(minutes[30])),
        (to_ms(minutes[90]), None),
    ]
    assert found[0].text == (Word("board.permit_mark"), "上水井盖 1")
    assert not more
    kinds = [mark.text[1] for mark in marks([Annotation.CASES], hour)[0]]
    assert kinds == [Word("kind.cover_displaced"), Word("kind.water_high"), Word("kind.cover_damaged")]
    # one fires still; the other fired seven hours ago and was over an hour later
    assert [mark.to_ms for mark in marks([Annotation.ALERTS], hour)[0]] == [None]
    before = asked(city, store, since=NOW - timedelta(hours=6.5), until=NOW - timedelta(hours=5.5))
    assert [mark.to_ms for mark in marks([Annotation.ALERTS], before)[0]] == [to_ms(NOW - timedelta(hours=6))]


def test_of_many_marks_the_newest_are_shown_and_that_there_are_more_is_said(
    whole: City, store: SqliteSeries, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("registry.queries.board_marks.MOST_MARKS", 2)
    newest = [to_ms(NOW - timedelta(hours=hours)) for hours in (3, 2)]
    # what is left out of the first began before it: nothing that has a place of its own in the chart is missing
    for hours, more in ((2.5, False), (4, False), (100, True)):
        found = marks([Annotation.CASES], asked(whole, store, since=NOW - timedelta(hours=hours)))
        assert ([mark.from_ms for mark in found[0]], found[1]) == (newest, more)
    assert not marks([Annotation.ALERTS], asked(whole, store))[1]


def test_marks_are_narrowed_to_what_all_charts_of_a_board_are_of(whole: City, store: SqliteSeries):
    def marked(*sources: dict[str, Any], **chosen: tuple[str, ...]) -> set[str]:
        shape = {"id": "p", "kind": "time_series", "x": 0, "y": 0, "w": 6, "h": 4}
        charts = [read_panel(shape | {"source": each}) for each in sources]
        return {mark.of for mark in marks(list(Annotation), asked(whole, store, chosen=chosen), charts)[0]}

    tilt = {"of": "series", "point": "tilt_z"}
    covers, lamps = tilt | {"of_family": ["cover"]}, tilt | {"of_family": ["light"]}
    both = {Annotation.CASES, Annotation.ALERTS}
    assert marked(covers) == marked(covers, lamps) == marked() == both
    assert marked(lamps) == marked(lamps, tilt | {"of_assets": "$asset"}) == set()
    assert marked(lamps, count("alerts", over="day")) == both
    assert marked(count("alerts", over="day", where={"area": "440804"})) == {Annotation.CASES}
    assert marked(tilt | {"of_family": "$family"}, family=("light",)) == set()
    assert marked({"of": "series", "points": [1]}, **{"class": ("GB/T 30428.2:0299",)}) == set()


def test_marks_are_found_along_indexes(whole: City, store: SqliteSeries):
    covers = shipped_board("covers")
    assert covers is not None
    plan = plan_of_work(whole.engine, lambda: marks(list(Annotation), asked(whole, store, days=0.1), covers.panels))
    if whole.engine.dialect.name == "sqlite":  # the other chooses by how much there is
        for index in ("ix_case_file_open_id", "ix_case_file_ended", "ix_alert_fired", "ix_permit_started_at_state"):
            assert index in plan
    assert not re.search(r"Seq Scan on (case_file|alert|permit)\b", plan)
    assert not re.search(r"SCAN (case_file|alert|permit)(?! USING)", plan)


def test_what_was_refused_is_told_by_its_reason(city: City, store: SqliteSeries):
    row = {"at": NOW - timedelta(hours=1), "cabinet_id": "c1", "reason": "out_of_range", "detail": "", "body": ""}
    with writing(city.engine) as tx:
        tx.execute(insert(dead_letter), [row, row, row | {"reason": "too_old"}])
        tx.execute(insert(scan), [{"at": NOW, "token": "T", "finding": "well", "flag": flag} for flag in ("", "far")])
    who = asked(city, store)
    assert bars_of(shown(who, "bar", count("dead_letters", by="reason"))) == {
        "reject.out_of_range": 2,
        "reject.too_old": 1,
    }
    table = shown(who, "table", {"of": "quality", "what": "rejected"})
    assert [row[:2] for row in table.rows] == [[Word("reject.out_of_range"), 2], [Word("reject.too_old"), 1]]
    other = {"of": "quality", "what": "rejected", "where": {"cabinet": "c2"}}
    assert shown(who, "table", other).rows == []
    for state, many in (("flagged", 1), ("fine", 1), (["flagged", "fine"], 2), (["fine", "flagged"], 2)):
        assert shown(who, "stat", count("scans", where={"state": state})).value == many
    with pytest.raises(Nothing, match="not_counted"):
        shown(who, "bar", {"of": "quality", "what": "gaps"})
    # what was counted stands while another count goes on
    counted = {"area_code": "440803001", "scheme": "cj", "class_code": "0101", "family": "cover", "count": 7}
    with writing(city.engine) as tx:
        tx.execute(insert(gap_count), [counted | {"gap": gap} for gap in ("", "plate")])
    assert bars_of(shown(who, "bar", {"of": "quality", "what": "gaps"}))["gap.plate"] == 7


def test_points_are_found_by_what_people_know_of_them(city: City, store: SqliteSeries):
    who = asked(city, store)
    for words in ("CV-0000", "上水井盖", "中山路"):
        assert {each.device for each in find_points(who, words)} == {"CV-000001"}
    assert find_points(who, "nothing like it") == []
    with writing(city.engine) as tx:
        tx.execute(update(device).values(removed_at=NOW))
    assert explored(who, [city.point("tilt_z")])[0][0].point_id == city.point("tilt_z")


def plan_of_work(engine: Engine, work: Callable[[], Any]) -> str:
    """How the database goes about it; empty tables are gone through unless it is told not to."""
    said: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        said.append((statement, values))

    event.listen(engine, "before_cursor_execute", note)
    work()
    event.remove(engine, "before_cursor_execute", note)
    lines: list[str] = []
    with reading(engine) as tx:
        if tx.dialect.name != "sqlite":
            tx.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, values in said:
            explain = "EXPLAIN QUERY PLAN " if tx.dialect.name == "sqlite" else "EXPLAIN "
            lines += [str(row[-1]) for row in tx.exec_driver_sql(explain + statement, values)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("kind", "source", "index"),
    [
        ("stat", count("cases"), "ix_case_file_opened"),
        ("bar", count("cases", by="severity"), "ix_case_file_opened"),
        ("bar", count("cases", by="kind"), "ix_case_file_opened"),
        ("time_series", count("cases", over="day", by="channel"), "ix_case_file_opened"),
        ("time_series", count("cases", over="day", by="late", at="ended"), "ix_case_file_ended"),
        ("heat_map", {"of": "week_hours", "what": "cases"}, "ix_case_file_opened"),
        ("heat_map", {"of": "week_hours", "what": "cases", "where": {"kind": "water_high"}}, "ix_case_file_opened"),
        ("time_series", count("cases", over="day", by="severity", where={"unit": 1}), "ix_case_file_opened"),
        ("stat", count("alerts", where={"state": "cleared"}), "ix_alert_fired"),
        ("stat", count("cases", where={"open": True, "kind": "water_high"}), "ix_case_file_open"),
        ("stat", count("assets", where={"family": "cover"}), "ix_asset_merged_into_id"),
        ("time_series", count("alerts", over="hour", by="severity"), "ix_alert_fired"),
        ("time_series", count("permits", over="day"), "ix_permit_started_at_state"),
        ("stat", count("scans"), "ix_scan_at_flag"),
    ],
)
def test_counts_of_a_span_go_along_an_index(
    whole: City, store: SqliteSeries, kind: str, source: dict[str, Any], index: str
):
    plan = plan_of_work(whole.engine, lambda: shown(asked(whole, store), kind, source))
    # of what is narrowed further the other knows how much there is
    if whole.engine.dialect.name == "sqlite" or "where" not in source:
        assert index in plan
    assert not re.search(r"Seq Scan on (case_file|alert|permit|scan)\b", plan)
    assert not re.search(r"SCAN (case_file|alert|permit|scan)(?! USING)", plan)
