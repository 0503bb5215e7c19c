"""Which part of a span comes from where: no moment twice, none left out, only whole slots of a roll-up."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.errors import InvalidInput
from registry.storage.series import SqliteSeries
from registry.storage.series.opening import open_series
from registry.storage.series.rollups import DAY_MS, HOUR_MS, LEVELS, RAW, grid_of, pieces

MOMENT = st.integers(0, 400 * DAY_MS)
LEVEL = st.sampled_from(list(LEVELS))


@given(MOMENT, MOMENT, LEVEL, st.lists(st.integers(0, 400 * 24), max_size=6, unique=True))
def test_the_pieces_of_a_span_follow_one_another_and_hold_whole_slots(
    one: int, other: int, level: str, hours: list[int]
):
    since, until = min(one, other), max(one, other) + 1
    unrolled = [(hour * HOUR_MS, (hour + 1) * HOUR_MS) for hour in sorted(hours)]
    found = pieces(since, until, level, kept_from={}, unrolled=unrolled)
    assert (found[0].since_ms, found[-1].until_ms) == (since, until)
    assert all(before.until_ms == after.since_ms for before, after in pairwise(found))
    for piece in found:
        assert LEVELS[piece.level] <= LEVELS[level]
        assert piece.level == RAW or piece.since_ms % LEVELS[piece.level] == piece.until_ms % LEVELS[piece.level] == 0
        late = [span for span in unrolled if piece.since_ms < span[1] and span[0] < piece.until_ms]
        assert piece.level == RAW or not late


@given(MOMENT, MOMENT, LEVEL, st.integers(0, 400), st.integers(0, 400))
def test_what_is_gone_by_age_is_asked_of_no_level_that_lacks_it(one: int, other: int, level: str, raw: int, five: int):
    since, until = min(one, other), max(one, other) + 1
    cuts = {"raw": max(raw, five) * DAY_MS, "five_minutes": five * DAY_MS}
    found = pieces(since, until, level, kept_from=cuts)
    assert all(before.until_ms == after.since_ms for before, after in pairwise(found))
    assert all(cuts.get(piece.level, 0) <= piece.since_ms for piece in found)


@given(MOMENT, st.integers(1, 800 * DAY_MS), st.integers(1, 5000))
def test_a_chart_has_no_more_slices_than_it_asked_for_and_a_level_that_fits_into_one(since: int, span: int, most: int):
    grid = grid_of(since, since + span, most)
    assert grid.start_ms <= since
    assert -(-(since + span - grid.start_ms) // grid.width_ms) <= most
    assert grid.width_ms % LEVELS[grid.level] == grid.start_ms % LEVELS[grid.level] == 0


def test_a_file_of_before_there_were_roll_ups_gets_them_when_it_is_opened(tmp_path: Path):
    path = tmp_path / "series.db"
    columns = "point_id INTEGER, measured_ms INTEGER, value REAL, quality INTEGER, received_ms INTEGER"
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"CREATE TABLE recent ({columns})")
        db.execute(f"CREATE TABLE history ({columns}, PRIMARY KEY (point_id, measured_ms)) WITHOUT ROWID")
        db.execute("CREATE VIEW reading AS SELECT * FROM history UNION SELECT * FROM recent")
        rows = [(1, i * 60_000, float(i), 0, 0) for i in range(1500)]
        db.executemany("INSERT INTO history VALUES (?, ?, ?, ?, ?)", rows[:1400])
        db.executemany("INSERT INTO recent VALUES (?, ?, ?, ?, ?)", rows[1390:])
        db.commit()
    store = SqliteSeries(path)
    (whole,) = store.buckets(1, 0, 2 * DAY_MS, 1)
    assert (whole.low, whole.high, whole.readings, whole.last) == (0.0, 1499.0, 1500, 1499.0)
    assert len(store.slots(1, "hours", 0, 2 * DAY_MS)) == 24
    assert store.count() == 1500
    store.close()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "path of a file"),
        ("influx://x/y", "no series store"),
        ("influxdb+http://host", "name host and database"),
        ("influxdb+http://host:8086/a b", "name host and database"),
        ("influxdb+http://host:port/city", "influxdb"),
    ],
)
def test_an_address_that_is_no_store_says_what_to_write(tmp_path: Path, address: str, said: str):
    with pytest.raises(InvalidInput, match=said):
        open_series(address, home=tmp_path)
