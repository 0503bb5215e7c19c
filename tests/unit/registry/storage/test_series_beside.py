"""Rows that are appended in stretches while their caller makes more of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.domain.errors import StoreDown
from registry.storage.series import SqliteSeries
from registry.storage.series.beside import Beside

T0 = 1_770_000_000_000
ROWS = [(1, T0 + n * 1000, float(n), 0, T0 + n * 1000) for n in range(7)]


@pytest.fixture
def store(tmp_path: Path) -> SqliteSeries:
    return SqliteSeries(tmp_path / "series.db")


def test_stretches_are_begun_when_they_are_full_and_the_rest_when_asked_for(store: SqliteSeries):
    with Beside(store, stretch=3) as beside:
        for n in range(1, len(ROWS) + 1):
            beside.offer(ROWS[:n])
        assert beside.refused() == []
        assert store.count() == 6
        beside.rest(ROWS)
        beside.rest(ROWS)
        assert beside.refused() == []
        assert store.count() == 7


def test_what_the_store_will_never_take_is_told_of_every_stretch(store: SqliteSeries):
    rows = [*ROWS[:3], (1, T0, float("nan"), 0, T0), *ROWS[3:], (2, T0, float("inf"), 0, T0)]
    with Beside(store, stretch=4) as beside:
        beside.offer(rows[:4])
        beside.rest(rows)
        assert [each.row.point_id for each in beside.refused()] == [1, 2]


def test_a_store_that_is_down_is_told_to_who_waits_for_it(tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")
    with Beside(SqliteSeries(tmp_path / "file" / "series.db"), stretch=2) as beside:
        beside.offer(ROWS)
        with pytest.raises((StoreDown, OSError)):
            beside.refused()
