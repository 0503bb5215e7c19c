"""Curves for charts: thinned without losing a peak, with the alerts over them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, insert, select

from registry.domain.errors import InvalidInput, NotFound
from registry.queries.series import series
from registry.services.assets import NewAsset, register_asset
from registry.services.devices import NewDevice, put_on
from registry.storage.database import writing
from registry.storage.series import SeriesRow, SqliteSeries
from registry.storage.tables import alert, point
from registry.storage.times import to_ms

HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteSeries]:
    opened = SqliteSeries(tmp_path / "series.db")
    yield opened
    opened.close()


@pytest.fixture
def tilt(engine: Engine, now: datetime) -> int:
    """The id of a cover's tilt point."""
    with writing(engine) as tx:
        cover = register_asset(
            tx, NewAsset(division="320508", class_code="0101", lon=120.6, lat=31.3, depth_mm=2400), now=now
        )
        device = NewDevice(serial="CV-000001", profile="p", asset_id=cover, heartbeat_s=2.0, baselines={"tilt_z": 1.5})
        device_id = put_on(tx, device, now=now)
        found = select(point.c.id).where(point.c.device_id == device_id, point.c.name == "tilt_z")
        return int(tx.execute(found).scalar_one())


def test_a_long_curve_is_thinned_and_keeps_its_peak_and_its_dip(
    engine: Engine, store: SqliteSeries, tilt: int, now: datetime
):
    began = to_ms(now)
    values = [1.0 + (index % 7) / 100 for index in range(7_200)]
    values[3_333], values[5_001] = 71.25, -8.5
    store.append([SeriesRow(tilt, began + index * 500, value, 0, began) for index, value in enumerate(values)])
    view = series(store, engine, point_id=tilt, since=now, until=now + HOUR, max_points=300)
    assert len(view.times_ms) == len(view.min) == len(view.max) == len(view.mean) == 300
    assert (max(view.max), min(view.min)) == (71.25, -8.5)
    assert all(low <= mean <= high for low, mean, high in zip(view.min, view.mean, view.max, strict=True))
    assert (view.name, view.unit, view.baseline, view.decimals) == ("tilt_z", "deg", 1.5, 2)


def test_a_point_that_never_spoke_has_an_empty_curve(engine: Engine, store: SqliteSeries, tilt: int, now: datetime):
    view = series(store, engine, point_id=tilt, since=now, until=now + HOUR)
    assert (view.times_ms, view.min, view.max, view.mean, view.bands) == ([], [], [], [], [])


def test_alerts_that_touch_the_span_lie_over_it_cut_to_its_edges(
    engine: Engine, store: SqliteSeries, tilt: int, now: datetime
):
    spans = [
        (now - 3 * HOUR, now - 2 * HOUR),  # over before it
        (now - HOUR, now + HOUR / 4),  # runs into it
        (now + HOUR / 2, None),  # still firing
        (now + 2 * HOUR, None),  # after it
    ]
    with writing(engine) as tx:
        device_id, asset_id = 1, 1
        for number, (began, cleared) in enumerate(spans):
            tx.execute(
                insert(alert).values(
                    rule_key=f"rule{number}",
                    rule_version=1,
                    point_id=tilt,
                    device_id=device_id,
                    asset_id=asset_id,
                    severity=number % 3 + 1,
                    state="firing" if cleared is None else "cleared",
                    began_at=began,
                    fired_at=began,
                    recorded_at=began,
                    cleared_at=cleared,
                )
            )
    view = series(store, engine, point_id=tilt, since=now, until=now + HOUR)
    assert [(band.rule_key, band.severity, band.from_, band.until) for band in view.bands] == [
        ("rule1", 2, to_ms(now), to_ms(now + HOUR / 4)),
        ("rule2", 3, to_ms(now + HOUR / 2), None),
    ]
    assert msgspec.json.decode(msgspec.json.encode(view))["bands"][0]["from"] == to_ms(now)


def test_a_span_that_makes_no_sense_is_refused_by_field(engine: Engine, store: SqliteSeries, tilt: int, now: datetime):
    with pytest.raises(InvalidInput, match="since: must be before until"):
        series(store, engine, point_id=tilt, since=now, until=now)
    for number in (0, 5_001):
        with pytest.raises(InvalidInput, match="points: "):
            series(store, engine, point_id=tilt, since=now, until=now + HOUR, max_points=number)
    with pytest.raises(NotFound, match="point 99"):
        series(store, engine, point_id=99, since=now, until=now + HOUR)
