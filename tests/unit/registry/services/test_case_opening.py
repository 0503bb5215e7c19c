"""One open case per asset and kind, whoever notices it and however many do so at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, event, select

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Severity, Source
from registry.services.cases import note_alert, open_or_attach
from registry.services.seasons import install_shipped_seasons
from registry.storage.database import reading, writing
from registry.storage.tables import case
from tests.city import City, build_city


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    return build_city(engine, now)


def test_a_sensors_case_is_filed_at_once_with_the_limit_of_its_kind(city: City, now: datetime):
    case_id, opened = city.open_case(now)
    found = city.case(case_id)
    assert opened
    assert (found.stage, found.version) == ("filed", 1)
    # noon is a break: the desk's working hour to dispatch it ends at half past three, and then there are two hours
    assert found.desk_due_at == now + timedelta(hours=3, minutes=30)
    assert found.deadline_at == now + timedelta(hours=5, minutes=30)
    assert city.timeline(case_id) == [("collect", None, "collected"), ("file", "collected", "filed")]


def test_in_a_season_mending_may_take_less(city: City, now: datetime):
    with writing(city.engine) as tx:
        install_shipped_seasons(tx)
    may, july = now, now + timedelta(days=135)
    calm, _ = city.open_case(may, kind="water_high")
    flood, _ = city.open_case(july, kind="water_high", asset_id=city.add_asset(now))
    # after the desk's working hour, which begins with the afternoon
    assert city.case(calm).deadline_at == may + timedelta(hours=3, minutes=30) + timedelta(hours=4)
    assert city.case(flood).deadline_at == july + timedelta(hours=3, minutes=30) + timedelta(hours=2)


def test_a_citizens_case_waits_to_be_filed(city: City, now: datetime):
    case_id, _ = city.open_case(now, kind="reported", source=Source.CITIZEN)
    assert city.case(case_id).stage == "collected"
    assert city.timeline(case_id) == [("collect", None, "collected")]


def test_a_second_alert_joins_the_open_case(city: City, now: datetime):
    first, _ = city.open_case(now)
    second, opened = city.open_case(now + timedelta(minutes=1))
    assert second == first
    assert not opened
    assert [kind for kind, _ in city.feed()] == ["case_opened"]


def test_another_kind_of_trouble_is_another_case(city: City, now: datetime):
    assert city.open_case(now).case_id != city.open_case(now, kind="water_high").case_id


def test_something_worse_raises_the_severity_and_says_so(city: City, now: datetime):
    case_id, _ = city.open_case(now, severity=Severity.ALARM)
    city.open_case(now, severity=Severity.CRITICAL)
    city.open_case(now, severity=Severity.NOTICE)
    assert city.case(case_id).severity == 3
    assert city.timeline(case_id)[2:] == [("severity_raised", "filed", "filed")]
    kind, body = city.feed()[-1]
    assert (kind, body["severity"], body["move"]) == ("case_moved", 3, "severity_raised")


def test_the_feed_row_holds_what_a_list_row_shows(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    assert city.feed() == [
        (
            "case_opened",
            {
                "case_id": case_id,
                "number": "2026030200001",
                "kind": "cover_displaced",
                "severity": 2,
                "stage": "filed",
                "asset_id": city.asset_id,
                "asset_name": "上水井盖 1",
                "road": "中山路",
                "source": "sensor",
            },
        )
    ]


def test_numbers_count_the_citys_day_not_the_utc_day(city: City):
    late = datetime(2026, 11, 21, 16, 30, tzinfo=UTC)  # half past midnight on the 22nd in the city
    kinds = ("cover_displaced", "cover_loose", "water_high")
    numbers = [city.case(city.open_case(late, kind=kind).case_id).number for kind in kinds]
    assert numbers == ["2026112200001", "2026112200002", "2026112200003"]


def test_twenty_writers_at_once_open_one_case(city: City, now: datetime):
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: city.open_case(now), range(20)))
    assert len({case_id for case_id, _ in found}) == 1
    assert sum(opened for _, opened in found) == 1


def test_numbers_given_by_writers_at_once_differ(city: City, now: datetime):
    assets = [city.add_asset(now) for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda asset_id: city.open_case(now, asset_id=asset_id), assets))
    with reading(city.engine) as tx:
        numbers = tx.scalars(select(case.c.number)).all()
    assert sorted(numbers) == [f"20260302{serial:05d}" for serial in range(1, 21)]


def test_an_alert_stands_in_the_timeline_and_leaves_the_stage_alone(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    for move in ("alert_attached", "alert_cleared"):
        with writing(city.engine) as tx:
            note_alert(tx, case_id=case_id, move=move, detail={"rule": "cover_tilt", "value": 21.5}, now=now)
    assert city.timeline(case_id)[2:] == [("alert_attached", "filed", "filed"), ("alert_cleared", "filed", "filed")]
    assert city.case(case_id).version == 1


def test_nothing_but_an_alert_is_noted_as_one(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    with pytest.raises(InvalidInput, match="'close' is not what alerts do"), writing(city.engine) as tx:
        note_alert(tx, case_id=case_id, move="close", detail={}, now=now)


def test_joining_takes_one_statement_and_opening_nine(city: City, now: datetime):
    """The intake calls this tens of times within one transaction; what the clocks are made of is read once."""
    city.open_case(now, kind="cover_loose")
    asked: list[str] = []
    event.listen(city.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))

    def count() -> int:
        asked.clear()
        with writing(city.engine) as tx:
            begun = len(asked)
            open_or_attach(
                tx,
                asset_id=city.asset_id,
                kind="water_high",
                severity=Severity.ALARM,
                source=Source.SENSOR,
                now=now,
            )
            return len(asked) - begun

    # two look for the case, three whether standard, seasons or calendar changed; four write
    assert (count(), count()) == (9, 1)
