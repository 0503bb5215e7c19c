"""What every series store promises; each store runs the same suite, InfluxDB on a real server."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from registry.domain.errors import StoreDown
from registry.domain.kinds import Quality
from registry.storage.series import Band, SeriesKeep, SeriesStore, Span, SqliteSeries
from registry.storage.series.opening import open_series

pytestmark = pytest.mark.network

T0 = 1_772_000_000_000  # 2026-02-25 06:13:20 UTC: on no boundary of any roll-up
NOW = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

FOR_EVER = SeriesKeep()

Opener = Callable[..., SeriesStore]


@pytest.fixture(params=["sqlite", "influx"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same series again and again, as several processes would, with its settings."""
    address = "series.db" if request.param == "sqlite" else request.getfixturevalue("influx_address")
    opened: list[SeriesStore] = []

    def make(keep: SeriesKeep = FOR_EVER, now: datetime = NOW) -> SeriesStore:
        opened.append(open_series(address, home=tmp_path, keep=keep, clock=lambda: now))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def store(opener: Opener) -> SeriesStore:
    return opener()


def rows(n: int, point_id: int = 1, step_ms: int = 1000):
    return [(point_id, T0 + i * step_ms, float(i), 0, T0 + i * step_ms + 5) for i in range(n)]


def seen(readings, since_ms: int, until_ms: int) -> tuple[float, float, float, float, int]:
    """What a chart of one slice has to say, out of the readings themselves."""
    held = {at: value for _, at, value, *_ in reversed(readings) if since_ms <= at < until_ms}
    return min(held.values()), max(held.values()), math.fsum(held.values()) / len(held), held[max(held)], len(held)


def said(store: SeriesStore, since_ms: int, until_ms: int, slices: int = 1, point_id: int = 1):
    """What it does say, over all slices."""
    got = store.buckets(point_id, since_ms, until_ms, slices)
    assert len(got) <= slices
    assert [each.at_ms for each in got] == sorted(each.at_ms for each in got)
    assert all(since_ms <= each.at_ms < until_ms for each in got)
    total = sum(each.mean * each.readings for each in got)
    count = sum(each.readings for each in got)
    return min(b.low for b in got), max(b.high for b in got), pytest.approx(total / count), got[-1].last, count


def test_what_was_appended_is_read_back_in_order_of_time(store: SeriesStore):
    assert store.append(list(reversed(rows(20)))) == []
    got = store.window(1, T0, T0 + 20_000)
    assert [row.value for row in got] == [float(i) for i in range(20)]
    assert got[3].received_ms == T0 + 3005


def test_a_store_that_holds_nothing_answers_with_nothing(store: SeriesStore):
    assert store.window(1, 0, 2**62) == store.buckets(1, T0, T0 + 400 * DAY, 100) == []
    assert store.count() == store.fold(NOW) == 0
    assert store.points() == []


def test_the_window_takes_its_start_and_leaves_its_end(store: SeriesStore):
    store.append(rows(5))
    assert [row.value for row in store.window(1, T0 + 1000, T0 + 3000)] == [1.0, 2.0]
    assert [row.value for row in store.window(1, 0, 2**62, limit=2)] == [0.0, 1.0]


def test_a_repeat_changes_nothing_before_and_after_folding(store: SeriesStore):
    store.append(rows(20))
    store.append(rows(20))
    assert store.count() == 20
    before = said(store, T0, T0 + DAY)
    store.fold(NOW)
    assert store.count() == 20
    store.append(rows(20))
    assert store.count() == 20
    assert len(store.window(1, T0, T0 + 99_000)) == 20
    store.fold(NOW)
    assert said(store, T0, T0 + DAY) == before == seen(rows(20), T0, T0 + DAY)


def test_a_copy_that_comes_late_leaves_the_quality_of_the_first(store: SeriesStore):
    store.append([(1, T0, 7.0, Quality.GOOD, T0 + 5), (1, T0 + 1, 7.0, Quality.SUSPECT, T0 + 5)])
    store.append([(1, T0, 7.0, Quality.LATE, T0 + 5), (1, T0 + 1, 7.0, Quality.LATE, T0 + 5)])
    store.append([(1, T0 + 2, 7.0, Quality.LATE, T0 + 9)])
    store.fold(NOW)
    store.append([(1, T0, 7.0, Quality.LATE, T0 + 5)])
    assert [row.quality for row in store.window(1, T0, T0 + 9)] == [Quality.GOOD, Quality.SUSPECT, Quality.LATE]


def test_of_two_values_for_one_moment_one_stays_whole(store: SeriesStore):
    first, second = (1, T0, 1.0, 0, T0 + 5), (1, T0, 2.0, 1, T0 + 9)
    store.append([first])
    store.append([second])
    store.fold(NOW)
    # SQLite keeps the first; InfluxDB writes the later over it: see ``SeriesStore``
    kept = first if isinstance(store, SqliteSeries) else second
    assert [tuple(row) for row in store.window(1, T0, T0 + 9)] == [kept]
    assert store.count() == 1


def test_whole_and_broken_numbers_live_in_one_series(store: SeriesStore):
    values = [3, 3.5, -0.0, 1e-12, 12345678901.25, 1e16]
    assert store.append([(1, T0 + i, value, 0, T0) for i, value in enumerate(values)]) == []
    assert [row.value for row in store.window(1, T0, T0 + 9)] == values


def test_what_can_never_be_stored_is_handed_back_and_the_rest_is_kept(store: SeriesStore):
    bad = [(1, T0 + 2000, math.nan, 0, T0), (1, T0 + 4000, math.inf, 0, T0)]
    refused = store.append([*rows(2), *bad])
    assert [(each.row.measured_ms, "not a number" in each.reason) for each in refused] == [
        (T0 + 2000, True),
        (T0 + 4000, True),
    ]
    assert store.count() == 2


def test_a_single_spike_survives_down_sampling(store: SeriesStore):
    quiet = [(1, T0 + i * 1000, 1.0, 0, T0) for i in range(10_000)]
    quiet[7_777] = (1, T0 + 7_777_000, 88.5, 0, T0)
    store.append(quiet)
    slices = store.buckets(1, T0, T0 + 10_000_000, 100)
    assert len(slices) <= 100
    assert max(s.high for s in slices) == 88.5
    assert sum(s.readings for s in slices) == 10_000
    assert slices[-1].last == 1.0


def test_a_late_reading_takes_its_place_in_time(store: SeriesStore):
    store.append(rows(3))
    store.fold(NOW)
    store.append([(1, T0 - 5000, -1.0, 2, T0 + 99_000)])
    assert [row.value for row in store.window(1, T0 - 9000, T0 + 9000)] == [-1.0, 0.0, 1.0, 2.0]


@pytest.mark.parametrize("slices", [1, 3, 40, 900])
def test_a_chart_says_the_same_from_readings_and_from_roll_ups(store: SeriesStore, slices: int):
    chance = random.Random(4)
    made = [(1, T0 + i * 97_000, chance.uniform(-9, 9), 0, T0) for i in range(3_000)]  # three days and a bit
    others = [(300, at, value + 50, 0, T0) for _, at, value, *_ in made[::7]]  # of another block
    since, until = T0 + 12_345, T0 + 2_900 * 97_000 + 3
    store.append(made[:2_000])
    store.append(others)
    store.fold(NOW)
    store.append(made[1_900:])  # repeats among them, and hours that were half full
    expected = seen(made, since, until)
    assert said(store, since, until, slices) == expected
    store.fold(NOW)
    assert said(store, since, until, slices) == expected
    late = (1, T0 + 5 * HOUR + 1, 77.0, Quality.LATE, T0 + 9 * DAY)
    store.append([late, made[200]])
    expected = seen([*made, late], since, until)
    assert said(store, since, until, slices) == expected
    store.fold(NOW)
    assert said(store, since, until, slices) == expected
    assert store.fold(NOW) == 0


def test_the_roll_ups_of_every_level_hold_the_true_figures(store: SeriesStore):
    made = [(1, T0 + i * MINUTE, float((i * 7) % 1000), 0, T0) for i in range(1_500)]
    store.append(made[::-1])
    store.fold(NOW)
    for level, width in (("five_minutes", 5 * MINUTE), ("hours", HOUR), ("days", DAY)):
        slots = store.slots(1, level, T0 - DAY, T0 + 3 * DAY)
        assert len(slots) == len({at // width for _, at, *_ in made})
        for slot in slots:
            low, high, mean, last, readings = seen(made, slot.at_ms, slot.at_ms + width)
            assert slot.at_ms % width == 0
            assert (slot.low, slot.high, slot.last, slot.readings) == (low, high, last, readings)
            assert slot.total / slot.readings == pytest.approx(mean)


def test_history_outlives_its_readings(opener: Opener):
    """Readings are kept 10 days and five-minute slots 100: older charts are drawn from what there is."""
    store = opener()
    made = [(1, T0 + i * MINUTE, float(i % 50), 0, T0) for i in range(3_000)]
    store.append(made)
    store.fold(NOW)
    much_later = NOW + timedelta(days=60)
    store = opener(SeriesKeep(raw=10, five_minutes=100), much_later)
    store.fold(much_later)
    expected = seen(made, T0 // DAY * DAY, T0 + 9 * DAY)
    assert said(store, T0 // DAY * DAY, T0 + 9 * DAY) == expected  # from days
    since, until = T0 // HOUR * HOUR + 2 * HOUR, T0 // HOUR * HOUR + 5 * HOUR
    assert said(store, since, until, 200) == seen(made, since, until)  # finer than the roll-up that is left
    assert store.raw_from_ms() > T0 + 9 * DAY
    far = much_later + timedelta(days=90)
    store = opener(SeriesKeep(raw=10, five_minutes=100), far)
    store.fold(far)
    assert said(store, since, until, 200) == seen(made, since, until)  # from hours


def test_every_reading_out_of_its_band_lies_in_a_stirred_span(store: SeriesStore):
    chance = random.Random(8)
    loud = {point: {chance.randrange(4_000) for _ in range(6)} for point in (1, 2, 300)}
    made = [
        (point, T0 + i * 41_000, 50.0 if i in loud[point] else chance.uniform(-1, 1), 0, T0)
        for point in loud
        for i in range(4_000)
    ]  # nearly two days
    bands = [Band(1, -2.0, 2.0), Band(2, -math.inf, 2.0), Band(300, -2.0, 60.0), Band(999, 0.0, 0.0)]
    since, until = T0 + 500_000, T0 + 3_900 * 41_000

    def check(expected: list[tuple[int, int]]) -> list[Span]:
        spans = store.stirred(bands, since, until)
        assert spans == sorted(spans)
        assert all(since <= span.since_ms < span.until_ms <= until for span in spans)
        for one, two in pairwise(spans):
            assert one.point_id != two.point_id or one.until_ms < two.since_ms
        for point, at in expected:
            assert any(span.point_id == point and span.since_ms <= at < span.until_ms for span in spans)
        return spans

    expected = [(p, T0 + i * 41_000) for p in (1, 2) for i in loud[p] if since <= T0 + i * 41_000 < until]
    store.append(made[::-1])
    check(expected)
    store.fold(NOW)
    folded = check(expected)
    assert all(span.until_ms - span.since_ms <= 10 * MINUTE and span.point_id != 300 for span in folded)
    late = (300, T0 + HOUR + 1, 61.0, Quality.LATE, T0 + DAY)
    store.append([late, made[7]])
    check([*expected, (300, late[1])])
    store.fold(NOW)
    check([*expected, (300, late[1])])


def test_what_has_no_band_is_stirred_wherever_it_has_readings(store: SeriesStore):
    store.append([*rows(3), (1, T0 + HOUR, 1.0, 0, T0)])
    store.fold(NOW)
    spans = store.stirred([Band(1, math.inf, -math.inf)], T0, T0 + DAY)
    assert [any(s.since_ms <= at < s.until_ms for s in spans) for at in (T0, T0 + HOUR, T0 + 5 * HOUR)] == [1, 1, 0]
    assert store.stirred([Band(1, -math.inf, math.inf)], T0, T0 + DAY) == []


def test_the_samples_of_many_spans_are_what_their_windows_hold(store: SeriesStore):
    store.append([*rows(20), *rows(20, point_id=300), (1, T0 - 1, 9.5, Quality.SUSPECT, T0)])
    store.fold(NOW)
    store.append([(1, T0 - 2, 8.0, Quality.LATE, T0), *rows(3)])
    spans = [Span(1, T0 - 2, T0 + 2_000), Span(300, T0 + 5_000, T0 + 7_000), Span(1, T0 + DAY, T0 + 2 * DAY)]
    got = store.samples(spans)
    assert got == [[(row.measured_ms, row.value, row.quality) for row in store.window(*span)] for span in spans]
    assert [at for at, _, _ in got[0]] == [T0 - 2, T0 - 1, T0, T0 + 1_000]


def as_said(store: SeriesStore, point_id: int, since_ms: int, until_ms: int, slices: int):
    """What the store says of one point alone, as ``many_buckets`` would."""
    return [
        (each.at_ms, each.low, each.high, pytest.approx(each.mean), each.readings)
        for each in store.buckets(point_id, since_ms, until_ms, slices)
    ]


@pytest.mark.parametrize("slices", [3, 40, 1000, 100_000])
def test_many_points_at_once_say_what_each_says_alone(store: SeriesStore, slices: int):
    chance = random.Random(slices)
    step_ms = 40 * MINUTE
    many = [
        (point, T0 + i * step_ms, chance.uniform(-5, 5), 0, T0 + i * step_ms)
        for point in (1, 2, 300)
        for i in range(400)
    ]
    # single spikes that a chart must not lose
    many[100] = (1, many[100][1], 90.0, 0, many[100][4])
    many[900] = (300, many[900][1], -90.0, 0, many[900][4])
    chance.shuffle(many)
    store.append(many[:900])
    store.fold(NOW)
    store.append(many[800:])  # some of them again, some not rolled up yet
    since_ms, until_ms = T0 + 7 * MINUTE, T0 + 9 * DAY + 11
    for others in ((), range(400, 420)):  # a question about many is asked in parts
        got = store.many_buckets([300, 1, 2, 4, *others], since_ms, until_ms, slices)
        assert sorted(got) == [1, 2, 300]
        for point_id, columns in got.items():
            rows = [tuple(row) for row in zip(*(column.tolist() for column in columns), strict=True)]
            assert rows == as_said(store, point_id, since_ms, until_ms, slices)
    assert max(got[1].high) == 90.0
    assert min(got[300].low) == -90.0


def test_many_points_without_readings_are_left_out(store: SeriesStore):
    assert store.many_buckets([1, 2], T0, T0 + 400 * DAY, 100) == store.many_buckets([], T0, T0 + DAY, 100) == {}


def test_another_process_sees_what_is_stored(opener: Opener):
    writer, reader = opener(), opener()
    writer.append(rows(10))
    assert reader.count() == 10
    reader.fold(NOW)
    writer.append([(1, T0 - 1000, 5.0, 0, T0)])
    assert len(reader.window(1, T0 - DAY, T0 + DAY)) == 11
    assert said(writer, T0 - DAY, T0 + DAY) == said(reader, T0 - DAY, T0 + DAY)


def test_points_and_their_days_can_be_listed(store: SeriesStore):
    store.append([*rows(3), (700, T0 + DAY, 1.0, 0, T0)])
    store.fold(NOW)
    store.append([(1, T0 + DAY, 1.0, 0, T0), (1, T0, 0.0, 0, T0 + 5)])
    assert store.points() == [1, 700]
    first = T0 // DAY * DAY
    assert store.days(1) == {first: 3, first + DAY: 1}


def test_a_closed_store_opens_itself_again(store: SeriesStore):
    store.append(rows(2))
    store.close()
    assert store.count() == 2


def test_a_store_that_cannot_be_opened_says_which_file(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    series = SqliteSeries(blocked / "series.db")
    with pytest.raises((StoreDown, OSError), match="file"):
        series.append(rows(1))
