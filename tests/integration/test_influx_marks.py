"""Which hours and days InfluxDB's marks say are not rolled up, whatever came between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.domain.errors import StoreDown
from registry.storage.series.influx import InfluxSeries
from registry.storage.series.influx_http import InfluxConnection
from registry.storage.series.influx_marks import Marks, days_folded

pytestmark = [pytest.mark.network, pytest.mark.timeout(90)]

HOUR, DAY = 3_600_000, 86_400_000
T0 = 1_767_225_600_000  # 2026-01-01
DAYS = 30
NOW = datetime(2026, 2, 1, 0, 30, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)
LAST_HOUR = NOW_MS // HOUR * HOUR - HOUR


class Counting(InfluxConnection):
    """A connection that keeps what was asked, and can fail to write marks of days."""

    def __init__(self, url: str, database: str) -> None:
        super().__init__(url, database)
        self.asked: list[str] = []
        self.days_fail = False

    def query(self, *statements: str) -> list[list[dict[str, Any]]]:
        self.asked += statements
        return super().query(*statements)

    def write(self, bucket: str, lines: Sequence[str]) -> list[Any]:
        if self.days_fail and lines and all(line.startswith("touched_days") for line in lines):
            raise StoreDown("killed")
        return super().write(bucket, lines)

    def hours_asked(self) -> int:
        return sum("touched WHERE" in each for each in self.asked)


@pytest.fixture
def connection(influx_address: str) -> Counting:
    url, _, database = influx_address.removeprefix("influxdb+").rpartition("/")
    return Counting(url, database)


@pytest.fixture
def store(connection: Counting) -> Iterator[InfluxSeries]:
    opened = InfluxSeries(connection, clock=lambda: NOW)
    opened.append([(point, T0 + i * HOUR, float(i), 0, T0) for point in (1, 300) for i in range(DAYS * 24)])
    yield opened
    opened.close()


@pytest.fixture
def marks(connection: Counting, store: InfluxSeries) -> Marks:
    return Marks(
        lambda statements: connection.query(*statements) if statements else [], f'"{connection.database}"."raw"'
    )


def month(store: InfluxSeries) -> int:
    """How many readings a chart of the month by the day is made of."""
    return sum(each.readings for each in store.buckets(300, T0, T0 + DAYS * DAY, DAYS))


def test_what_is_rolled_up_is_not_looked_at_by_the_hour(store: InfluxSeries, connection: Counting):
    assert month(store) == DAYS * 24
    assert connection.hours_asked() > 0
    store.fold(NOW)
    connection.asked.clear()
    assert month(store) == DAYS * 24
    assert connection.hours_asked() == 0


def test_a_late_reading_has_its_own_day_looked_at(store: InfluxSeries, connection: Counting, marks: Marks):
    store.fold(NOW)
    late_ms = T0 + 12 * DAY + 5 * HOUR + 1
    store.append([(300, late_ms, 99.0, 2, NOW_MS)])
    assert marks.look([0, 1], T0, T0 + DAYS * DAY).unrolled == [(late_ms - 1, late_ms - 1 + HOUR)]
    connection.asked.clear()
    assert month(store) == DAYS * 24 + 1
    assert connection.hours_asked() == 1
    store.fold(NOW + timedelta(minutes=20))  # hours that are not of these days are looked for every quarter of an hour
    marks.forget()
    assert marks.look([0, 1], T0, T0 + DAYS * DAY).unrolled == []
    assert month(store) == DAYS * 24 + 1


def test_a_day_that_goes_on_is_not_said_to_be_rolled_up(store: InfluxSeries, marks: Marks):
    today_ms = NOW_MS // DAY * DAY
    store.append([(1, today_ms - DAY, 1.0, 0, NOW_MS), (1, today_ms, 1.0, 0, NOW_MS)])
    store.fold(NOW)
    assert marks.touched_days(0, LAST_HOUR) == []
    assert [day for _, day, _ in marks.touched_days(0, NOW_MS + 2 * DAY)] == [today_ms]
    assert marks.look([0], T0, NOW_MS).unrolled == [(today_ms, today_ms + HOUR)]


def test_what_comes_while_hours_are_rolled_up_keeps_its_day_open(
    store: InfluxSeries, connection: Counting, marks: Marks
):
    days = marks.touched_days(0, LAST_HOUR)
    assert len(days) == 2 * DAYS
    store.fold(NOW)
    store.append([(1, T0 + 1, 99.0, 2, NOW_MS)])
    connection.write("raw", days_folded(days))
    assert marks.look([0, 1], T0, T0 + DAYS * DAY).unrolled == [(T0, T0 + HOUR)]


def test_days_are_said_to_be_rolled_up_by_the_next_who_looks(store: InfluxSeries, connection: Counting, marks: Marks):
    connection.days_fail = True
    with pytest.raises(StoreDown):
        store.fold(NOW)
    assert month(store) == DAYS * 24
    assert len(marks.touched_days(0, LAST_HOUR)) == 2 * DAYS
    connection.days_fail = False
    assert store.fold(NOW) == 0
    assert marks.touched_days(0, LAST_HOUR) == []


def test_many_open_days_are_looked_at_in_one_span(store: InfluxSeries, connection: Counting, marks: Marks):
    store.fold(NOW)
    store.append([(1, T0 + day * DAY, 7.0, 2, NOW_MS) for day in range(0, DAYS, 2)])
    connection.asked.clear()
    found = marks.look([0, 1], T0, T0 + DAYS * DAY).unrolled
    assert found == [(T0 + day * DAY, T0 + day * DAY + HOUR) for day in range(0, DAYS, 2)]
    assert connection.hours_asked() == 1
