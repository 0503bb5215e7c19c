"""A back-test says the same whichever store holds the readings: roll-ups show where to look, the guard judges."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from registry.domain.kinds import Family, Quality, Severity
from registry.domain.rules.conditions import LimitCondition, RateCondition
from registry.domain.rules.rule import Rule
from registry.queries.backtests import BacktestWish, backtest
from registry.services.classes import load_classes
from registry.storage.database import open_database, writing
from registry.storage.series import SeriesKeep, SeriesStore
from registry.storage.series.opening import open_series
from registry.storage.tables import metadata
from registry.storage.times import to_ms
from tests.city import City, build_city

pytestmark = pytest.mark.network

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LEVEL = Rule(
    key="tried",
    version=1,
    family=Family.COVER,
    point="tilt_z",
    severity=Severity.ALARM,
    case_kind="cover_displaced",
    condition=LimitCondition(fire=15.0, clear=10.0, hold_s=5.0, relative=True, magnitude=True),
)
LEAP = msgspec.structs.replace(LEVEL, condition=RateCondition(fire=15.0, clear=5.0, window_s=1800.0))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path / 'records.db'}")
    metadata.create_all(opened)
    with writing(opened) as tx:
        load_classes(tx)
    yield opened
    opened.dispose()


@pytest.fixture(params=["sqlite", "influx"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SeriesStore]:
    address = "series.db" if request.param == "sqlite" else request.getfixturevalue("influx_address")
    opened = open_series(address, home=tmp_path, keep=SeriesKeep(), clock=lambda: NOON + 4 * DAY)
    yield opened
    opened.close()


def write_history(city: City, store: SeriesStore) -> list[int]:
    """Three days, ten minutes apart: three times far off, the second time not to be trusted; when each began, in ms."""
    off = {60: 40.0, 61: 40.0, 200: 40.0, 300: -25.0}
    began = to_ms(NOON)
    rows = [
        (city.point("tilt_z"), began + n * 600_000, off.get(n, 1.0), Quality.SUSPECT if n == 200 else 0, began)
        for n in range(432)
    ]
    store.append(rows[:250])
    store.fold(NOON + 4 * DAY)
    store.append(rows[240:])  # not rolled up yet, and some of it once more
    return [began + n * 600_000 for n in (60, 300)]


@pytest.mark.parametrize("rule", [LEVEL, LEAP], ids=["with a calm band", "every reading"])
def test_either_store_gives_the_same_alerts(engine: Engine, store: SeriesStore, rule: Rule):
    city = build_city(engine, NOON)
    expected = write_history(city, store)
    wish = BacktestWish(rule=rule, since=NOON, until=NOON + 3 * DAY, beside_present=False)
    found = backtest(engine, store, wish)
    assert [each.began_ms for each in found.alerts] == expected
    assert found.alerts[0].peak in (40.0, 39.0)
    assert found.tally.cleared == 2
    assert found.tally.not_real == 2
    store.fold(NOON + 4 * DAY)
    assert backtest(engine, store, wish).alerts == found.alerts
