"""Permits, silences and seasons on a real PostgreSQL: the same answers, and two at once leave one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert

from registry.domain.errors import Conflict, InvalidMove
from registry.domain.muting import Phase
from registry.queries.permits import list_permits, permit_of_asset, running_permits
from registry.queries.seasons import list_seasons, seasons_in_force
from registry.queries.silences import count_phases, list_silences, muted_alerts, would_mute
from registry.services import alerts
from registry.services.permit_ends import Ends, watch_permits
from registry.services.permits import NewPermit, end, prolong, start
from registry.services.rules import install_shipped_rules, rules_in_force
from registry.services.seasons import install_shipped_seasons, switch_season, undo_season
from registry.services.silences import NewSilence, add_silence, end_silence
from registry.storage.database import open_database, writing
from registry.storage.tables import latest
from tests.city import City, build_city

pytestmark = pytest.mark.network

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
MIN = timedelta(minutes=1)


@pytest.fixture
def city(filled_postgres_url: str) -> Iterator[City]:
    engine: Engine = open_database(filled_postgres_url)
    with writing(engine) as tx:
        install_shipped_rules(tx, now=NOW)
        install_shipped_seasons(tx)
    yield build_city(engine, NOW)
    engine.dispose()


def opened(city: City, now: datetime = NOW) -> int:
    new = NewPermit(asset_id=city.asset_id, work="清淤", people=2, minutes=30, scanned=True)
    return start(city.engine, new, by=city.dispatcher, now=now)


def lift(city: City, at: datetime) -> int | None:
    point_id = city.point("tilt_z")
    with writing(city.engine) as tx:
        row = {"point_id": point_id, "measured_at": at, "received_at": at, "recorded_at": at, "quality": 0}
        tx.execute(insert(latest).values(**row, value=60.0))
        rule = next(rule for rule in rules_in_force(tx) if rule.key == "cover_tilt")
        subject = alerts.Subject(point_id=point_id, device_id=city.device_id, asset_id=city.asset_id)
        return alerts.fire(tx, rule, subject, began_at=at, fired_at=at, level=60.0, now=at)


def test_the_whole_way_of_a_permit(city: City) -> None:
    permit_id = opened(city)
    prolong(city.engine, permit_id, 30, by=city.dispatcher, now=NOW + MIN)
    alert_id = lift(city, NOW + 2 * MIN)
    assert running_permits(city.engine, now=NOW + 3 * MIN)[0].expecting == 1
    assert watch_permits(city.engine, NOW + 60 * MIN) == Ends(ended=1, overrun=1, crooked=0, mended=0)
    (row,) = list_permits(city.engine, now=NOW + 61 * MIN).items
    assert (row.state, row.alert_id, row.overdue) == ("overrun", alert_id, True)


def test_the_worker_and_whoever_starts_again_at_the_same_time_both_get_through(city: City) -> None:
    """One holds the permit and wants the asset, the other the reverse, unless both take them in one order."""
    for turn in range(5):
        began = NOW + turn * 40 * MIN
        opened(city, began)
        if turn == 0:
            lift(city, began + MIN)  # so that the worker may have a case to open, which wants the asset
        over = began + 31 * MIN
        with ThreadPoolExecutor(2) as both:
            looking = both.submit(watch_permits, city.engine, over)
            starting = both.submit(opened, city, over)
            assert looking.result().overrun <= 1
            end(city.engine, starting.result(), by=city.dispatcher, now=over)
        watch_permits(city.engine, over + 5 * MIN)


def test_of_two_who_start_at_once_one_does(city: City) -> None:
    with ThreadPoolExecutor(2) as both:
        tries = [both.submit(opened, city) for _ in range(2)]
    failed = [each.exception() for each in tries if each.exception() is not None]
    assert [type(each) in (Conflict, InvalidMove) for each in failed] == [True]
    assert permit_of_asset(city.engine, city.asset_id, now=NOW) is not None


def test_silences_and_seasons(city: City) -> None:
    alert_id = city.add_alert(None, NOW)
    new = NewSilence(ends_at=NOW + 60 * MIN, reason="施工", rule_key="cover_tilt", area_code="440803")
    silence_id = add_silence(city.engine, new, by=city.dispatcher, now=NOW)
    assert would_mute(city.engine, asset_id=None, area_code="440803", rule_key="cover_tilt", severity=2).alerts == 1
    assert list_silences(city.engine, now=NOW, phase=Phase.CURRENT, scope="440803").items[0].muting == 1
    assert set(muted_alerts(city.engine, [alert_id], now=NOW)) == {alert_id}
    end_silence(city.engine, silence_id, by=city.dispatcher, now=NOW + MIN)
    assert count_phases(city.engine, now=NOW + MIN)[Phase.PAST] == 1
    switch_season(city.engine, "typhoon", "on", by=city.dispatcher, now=NOW)
    assert [each.key for each in seasons_in_force(city.engine, NOW)] == ["typhoon"]
    undo_season(city.engine, "typhoon", by=city.dispatcher, now=NOW)
    assert [each.before is not None for each in list_seasons(city.engine, now=NOW)] == [True, False, False, False]
