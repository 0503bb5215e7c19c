"""What a store on InfluxDB keeps of what it read says the same as the server, whatever is written meanwhile."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.storage.series import influx_marks
from registry.storage.series.influx import InfluxSeries
from registry.storage.series.influx_http import InfluxConnection
from registry.storage.series.influx_kept import KeptSlots
from registry.storage.series.port import Columns, Slot

pytestmark = [pytest.mark.network, pytest.mark.timeout(90)]

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
T0 = 1_767_225_600_000  # 2026-01-01
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)
DAYS = 40


class Listening(InfluxConnection):
    """A connection that keeps which roll-ups were asked for."""

    def __init__(self, address: str) -> None:
        url, _, database = address.removeprefix("influxdb+").rpartition("/")
        super().__init__(url, database)
        self.asked: list[str] = []

    def query(self, *statements: str) -> list[list[dict[str, Any]]]:
        self.asked += [each for each in statements if ".rollup " in f"{each.replace(chr(34), '')} "]
        return super().query(*statements)


@pytest.fixture
def opened(influx_address: str) -> Iterator[tuple[InfluxSeries, InfluxSeries, Listening]]:
    """The store of who writes and folds, that of another process that only reads, and what this one asks for."""
    connection = Listening(influx_address)
    writer = InfluxSeries(Listening(influx_address), clock=lambda: NOW)
    reader = InfluxSeries(connection, clock=lambda: NOW)
    yield writer, reader, connection
    writer.close()
    reader.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What others write is looked for each time."""
    monkeypatch.setattr(influx_marks, "_LOOKED_S", 0.0)
    monkeypatch.setattr(influx_marks, "_LOOKED_PATIENTLY_S", 0.0)


def hourly(points: Sequence[int], since_ms: int, until_ms: int) -> list[tuple[int, int, float, int, int]]:
    return [(point, at, at % 977 / 7 + point, 0, at) for point in points for at in range(since_ms, until_ms, HOUR)]


def told(found: dict[int, Columns]) -> dict[int, list[tuple[Any, ...]]]:
    return {
        point: list(zip(*([round(each, 6) for each in column.tolist()] for column in columns), strict=True))
        for point, columns in found.items()
    }


def by_the_day(store: InfluxSeries, points: Sequence[int], since_ms: int = T0, days: int = DAYS) -> Any:
    return told(store.many_buckets(points, since_ms, since_ms + days * DAY, days))


def test_days_that_are_over_are_read_once(opened: tuple[InfluxSeries, InfluxSeries, Listening], impatient: None):
    writer, reader, connection = opened
    writer.append(hourly([1, 300], T0, T0 + DAYS * DAY))
    writer.fold(NOW)
    first = by_the_day(reader, [1, 2, 300])
    assert [len(first[point]) for point in (1, 300)] == [DAYS, DAYS]
    assert connection.asked
    connection.asked.clear()
    assert by_the_day(reader, [1, 2, 300]) == first
    assert by_the_day(reader, [300], T0 + 3 * DAY, 9) == {300: first[300][3:12]}
    assert connection.asked == []
    # one that was not read before is read alone
    by_the_day(reader, [1, 7])
    assert [("point = '1'" in each, "point = '7'" in each) for each in connection.asked] == [(False, True)]


def test_what_another_process_writes_late_is_seen(
    opened: tuple[InfluxSeries, InfluxSeries, Listening], impatient: None
):
    writer, reader, connection = opened
    writer.append(hourly([1, 300], T0, T0 + DAYS * DAY))
    writer.fold(NOW)
    by_the_day(reader, [1, 300])
    writer.append([(300, T0 + 20 * DAY + 5, 9_000.0, 2, NOW_MS)])
    late = by_the_day(reader, [1, 300])
    assert max(high for _, _, high, _, _ in late[300]) == 9_000.0
    writer.fold(NOW + timedelta(hours=1))
    connection.asked.clear()
    assert by_the_day(reader, [1, 300]) == late
    assert len(connection.asked) == 1
    connection.asked.clear()
    assert by_the_day(reader, [1, 300]) == late
    assert connection.asked == []


def test_what_is_new_is_looked_for_each_second_and_what_is_old_within_a_quarter_of_a_minute(
    opened: tuple[InfluxSeries, InfluxSeries, Listening], monkeypatch: pytest.MonkeyPatch
):
    writer, reader, _ = opened
    clock = [1_000.0]
    monkeypatch.setattr(influx_marks.time, "monotonic", lambda: clock[0])
    last_ms = NOW_MS // DAY * DAY
    writer.append(hourly([1], T0, last_ms))
    writer.fold(NOW)
    days = (last_ms - T0) // DAY
    by_the_day(reader, [1], T0, days)
    writer.append([(1, T0 + 5, 7_000.0, 2, NOW_MS), (1, last_ms - 5, 9_000.0, 2, NOW_MS)])
    clock[0] += 1.1
    assert {high for _, _, high, _, _ in by_the_day(reader, [1], T0, days)[1]} & {7_000.0, 9_000.0} == {9_000.0}
    clock[0] += 14
    assert {high for _, _, high, _, _ in by_the_day(reader, [1], T0, days)[1]} >= {7_000.0, 9_000.0}


def test_history_that_is_put_there_is_seen(opened: tuple[InfluxSeries, InfluxSeries, Listening], impatient: None):
    writer, _, _ = opened
    writer.append(hourly([1], T0 + 5 * DAY, T0 + DAYS * DAY))
    writer.fold(NOW)
    assert len(by_the_day(writer, [1])[1]) == DAYS - 5
    writer.put_slots(1, "days", [Slot(T0 + DAY, 1.0, 3.0, 4.0, 3.0, T0 + 2 * DAY, 2)])
    assert by_the_day(writer, [1])[1][0] == (T0 + DAY, 1.0, 3.0, 2.0, 2)


@pytest.mark.parametrize("seed", range(2))
def test_a_store_that_keeps_says_what_a_fresh_one_says(
    opened: tuple[InfluxSeries, InfluxSeries, Listening], influx_address: str, impatient: None, seed: int
):
    writer, reader, _ = opened
    chance = random.Random(seed)
    points = [1, 2, 260, *range(600, 616)]
    writer.append(hourly(points[:3], T0, T0 + DAYS * DAY))
    for _ in range(14):
        what = chance.random()
        if what < 0.3:
            at_ms = T0 + chance.randrange(DAYS * 24) * HOUR
            some = chance.sample(points, 3)
            writer.append(
                [(point, at_ms + k * 7 * MINUTE, chance.gauss(0, 9), 2, at_ms) for point in some for k in (0, 9)]
            )
        elif what < 0.6:
            writer.fold(NOW + timedelta(minutes=chance.randrange(60)))
        since_ms = T0 + chance.randrange(DAYS) * DAY + chance.choice((0, 0, 3 * HOUR + 1))
        span_ms, slot_ms = chance.choice(((30 * DAY, DAY), (4 * DAY, HOUR), (DAY, 5 * MINUTE), (2 * DAY, 11 * HOUR)))
        some = chance.sample(points, chance.choice((1, 4, len(points))))
        asked = (some, since_ms, since_ms + span_ms, span_ms // slot_ms)
        fresh = InfluxSeries(Listening(influx_address), clock=lambda: NOW)
        assert told(reader.many_buckets(*asked)) == told(fresh.many_buckets(*asked))
        fresh.close()


def test_no_more_is_kept_than_may_be(opened: tuple[InfluxSeries, InfluxSeries, Listening], impatient: None):
    writer, reader, connection = opened
    writer.append(hourly([1, 2], T0, T0 + DAYS * DAY))
    writer.fold(NOW)
    reader._kept_slots = KeptSlots(most_bytes=4 * (16 * 6 * 8 + 300))
    first = by_the_day(reader, [1, 2])
    assert len(reader._kept_slots._shelves) <= 4
    assert by_the_day(reader, [1, 2]) == first
    connection.asked.clear()
    assert by_the_day(reader, [2]) == {2: first[2]}
    # the newest of those that were read are there
    assert len(connection.asked) <= 1
