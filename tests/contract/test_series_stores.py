"""What every series store promises; each store runs the same suite."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry.domain.errors import StoreDown
from registry.storage.series import SeriesStore, SqliteSeries

NOW = datetime(2026, 3, 1, tzinfo=UTC)
T0 = 1_772_000_000_000


@pytest.fixture
def store(tmp_path: Path):
    series = SqliteSeries(tmp_path / "series.db", fold_rows=7)
    yield series
    series.close()


def rows(n: int, point_id: int = 1, step_ms: int = 1000):
    return [(point_id, T0 + i * step_ms, float(i), 0, T0 + i * step_ms + 5) for i in range(n)]


def test_what_was_appended_is_read_back_in_order_of_time(store: SeriesStore):
    store.append(list(reversed(rows(20))))
    got = store.window(1, T0, T0 + 20_000)
    assert [row.value for row in got] == [float(i) for i in range(20)]
    assert got[3].received_ms == T0 + 3005


def test_the_window_takes_its_start_and_leaves_its_end(store: SeriesStore):
    store.append(rows(5))
    assert [row.value for row in store.window(1, T0 + 1000, T0 + 3000)] == [1.0, 2.0]


def test_a_repeat_changes_nothing_before_and_after_folding(store: SeriesStore):
    store.append(rows(20))
    store.append(rows(20))
    assert store.count() == 20
    assert store.fold(NOW) == 40
    assert store.count() == 20
    store.append(rows(20))
    assert store.count() == 20
    assert len(store.window(1, T0, T0 + 99_000)) == 20


def test_folding_moves_everything_and_loses_nothing(store: SeriesStore):
    store.append(rows(50) + rows(50, point_id=2))
    assert store.fold(NOW) == 100
    assert store.fold(NOW) == 0
    assert store.count() == 100
    assert [row.value for row in store.window(2, T0, T0 + 50_000)] == [float(i) for i in range(50)]


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


def test_a_store_that_cannot_be_opened_says_which_file(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    series = SqliteSeries(blocked / "series.db")
    with pytest.raises((StoreDown, OSError), match="file"):
        series.append(rows(1))


def test_people_see_each_reading_once_with_plain_sqlite(tmp_path: Path):
    path = tmp_path / "series.db"
    series = SqliteSeries(path)
    series.append(rows(10))
    series.append(rows(10))
    series.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM reading").fetchone() == (10,)
