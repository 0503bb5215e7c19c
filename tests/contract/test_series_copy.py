"""Moving history between stores: all of it, also after an interruption, and proved by counting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from covercode import main
from registry.domain.kinds import Quality
from registry.storage.series import SeriesKeep, SeriesStore, SqliteSeries
from registry.storage.series.copying import copy_series
from registry.storage.series.opening import open_series

pytestmark = pytest.mark.network

DAY = 86_400_000
T0 = 1_772_000_000_000 // DAY * DAY
NOW = datetime(2026, 3, 4, tzinfo=UTC)


def clock() -> datetime:
    return NOW


@pytest.fixture
def stores(tmp_path: Path, influx_address: str) -> Iterator[dict[str, SeriesStore]]:
    opened = {
        "sqlite": open_series("series.db", home=tmp_path, clock=clock),
        "influx": open_series(influx_address, home=tmp_path, clock=clock),
    }
    yield opened
    for store in opened.values():
        store.close()


def fill(store: SeriesStore) -> None:
    for point_id in (1, 2, 700):
        made = [(point_id, T0 + i * 40_000, i / 7, i % 4, T0 + i * 40_000 + 9) for i in range(5_000)]
        store.append(made)
    store.fold(NOW)


@pytest.mark.parametrize(("source", "target"), [("sqlite", "influx"), ("influx", "sqlite")])
def test_every_reading_arrives_with_its_times_and_quality(stores: dict[str, SeriesStore], source: str, target: str):
    fill(stores[source])
    told: list[tuple[int, int]] = []
    done = copy_series(stores[source], stores[target], clock=clock, tell=lambda *at: told.append(at))
    assert (done.copied, done.missing, done.source_readings, done.target_readings) == (15_000, 0, 15_000, 15_000)
    assert told == [(1, 3), (2, 3), (3, 3)]
    for point_id in (1, 2, 700):
        assert stores[target].window(point_id, 0, 2**62) == stores[source].window(point_id, 0, 2**62)
    span = (T0 + 123, T0 + 2 * DAY + 77, 30)
    for one, other in zip(stores[target].buckets(1, *span), stores[source].buckets(1, *span), strict=True):
        assert tuple(one) == pytest.approx(tuple(other))
    assert copy_series(stores[source], stores[target], clock=clock).copied == 0


def test_a_copy_that_was_interrupted_goes_on_where_it_was_while_new_readings_come(stores: dict[str, SeriesStore]):
    source, target = stores["sqlite"], stores["influx"]
    fill(source)

    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_series(source, target, clock=clock, tell=interrupt)
    there = target.count()
    assert 0 < there < 15_000
    target.append([(1, T0 + 20 * DAY, 1.0, Quality.GOOD, T0)])  # the city already writes to the new one
    second = copy_series(source, target, clock=clock)
    assert (second.copied, second.missing) == (15_000 - there, 0)
    assert target.count() == 15_001


def test_history_whose_readings_are_gone_moves_as_roll_ups(tmp_path: Path):
    keep = SeriesKeep(raw=30)
    source, target = SqliteSeries(tmp_path / "a.db", keep=keep), SqliteSeries(tmp_path / "b.db", keep=keep)
    fill(source)
    later = NOW + timedelta(days=100)
    again = SqliteSeries(tmp_path / "a.db", keep=keep)
    again.fold(later)
    assert again.count() == 0
    done = copy_series(again, target, clock=lambda: later)
    assert (done.copied, done.missing) == (0, 0)
    assert done.slots > 0
    for level in ("five_minutes", "hours", "days"):
        assert target.slots(2, level, 0, 2**60) == again.slots(2, level, 0, 2**60)
    for store in (source, again, target):
        store.close()


def test_readings_that_the_new_store_is_told_not_to_keep_are_said_to_be_missing(tmp_path: Path):
    source, target = SqliteSeries(tmp_path / "a.db"), SqliteSeries(tmp_path / "b.db", keep=SeriesKeep(raw=1))
    fill(source)
    target.fold(NOW)
    done = copy_series(source, target, clock=clock)
    assert done.missing == done.refused > 0
    assert "keep_raw_days" in done.reason
    for store in (source, target):
        store.close()


def test_changing_the_store_is_one_line_and_the_command_that_moves_history(tmp_path: Path, influx_address: str):
    config = tmp_path / "covercode.toml"
    config.write_text('[records]\nseries = "series.db"\n')
    store = SqliteSeries(tmp_path / "series.db")
    fill(store)
    store.close()
    run = CliRunner().invoke(main, ["series", "copy", "--to", influx_address, "--config", str(config), "--json"])
    said = json.loads(run.output.splitlines()[-1])
    assert (run.exit_code, said["copied"], said["missing"]) == (0, 15_000, 0), run.output
    config.write_text(f'[records]\nseries = "{influx_address}"\n')
    run = CliRunner().invoke(main, ["series", "copy", "--to", "back.db", "--config", str(config)])
    assert run.exit_code == 0
    assert "nothing is missing" in run.output
    refused = CliRunner().invoke(main, ["series", "copy", "--to", "influx://x/y", "--config", str(config)])
    assert refused.exit_code == 2
    assert "influxdb+http://HOST:8086/DATABASE" in refused.output
