"""The account must be able to fail: each sort of difference is found and named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from operate.demo_faults import DEMO_FAULTS, PlannedFault
from operate.tally import check_cases, tally_series
from registry.domain.kinds import Severity, Source
from registry.services.assets import NewAsset, register_asset
from registry.services.cases import open_or_attach
from registry.services.classes import load_classes
from registry.services.devices import NewDevice, put_on
from registry.storage.database import open_database, writing
from registry.storage.series import SqliteSeries
from registry.storage.tables import metadata, point

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
T0 = 1_772_000_000_000


@pytest.fixture
def engine(tmp_path: Path):
    opened = open_database(f"sqlite:///{tmp_path}/records.db")
    metadata.create_all(opened)
    with writing(opened) as tx:
        load_classes(tx)
        asset_id = register_asset(tx, NewAsset(division="320508", class_code="0118", lon=120.6, lat=31.3), now=NOW)
        put_on(tx, NewDevice(serial="PL-1", profile="cc-pole-1", asset_id=asset_id, heartbeat_s=2), now=NOW)
    yield opened
    opened.dispose()


class Book:
    """Truth and series of one unit with two points that count: ``sample_count`` and ``tilt_z``."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.truth, self.path = engine, folder / "truth.jsonl", folder / "series.db"
        with engine.connect() as connection:
            self.ids = {row.name: row.id for row in connection.execute(select(point.c.name, point.c.id))}
        self.truth.touch()
        self.store = SqliteSeries(self.path)
        self.store.append([])
        self.store.window(1, 0, 1)

    def answered(self, count: int, tilt_z: float, kind: str = "answer") -> None:
        values = {"sample_count": count, "tilt_z": tilt_z}
        with self.truth.open("a") as out:
            out.write(json.dumps({kind: {"serial": "PL-1", "n": count, "values": values}}) + "\n")

    def stored(self, second: int, count: int, tilt_z: float | None) -> None:
        at = T0 + second * 1000
        rows = [(self.ids["sample_count"], at, float(count), 0, at)]
        rows += [] if tilt_z is None else [(self.ids["tilt_z"], at, tilt_z, 0, at)]
        self.store.append(rows)

    def tally(self):
        found = tally_series(self.truth, self.store, self.engine)
        self.store.close()
        return found.lost, found.duplicates, found.unexplained


@pytest.fixture
def book(engine: Engine, tmp_path: Path) -> Book:
    return Book(engine, tmp_path)


def test_agreement_is_zero_of_everything(book: Book):
    for second in range(5):
        book.answered(second + 1, 1.25 + second)
        book.stored(second, second + 1, 1.25 + second)
    assert book.tally() == (0, 0, 0)


def test_an_answer_that_is_not_stored_is_lost_reading_by_reading(book: Book):
    book.answered(1, 1.25)
    book.answered(2, 1.5)
    book.stored(0, 1, 1.25)
    assert book.tally() == (2, 0, 0)


def test_a_value_that_differs_counts_as_lost(book: Book):
    book.answered(1, 1.25)
    book.stored(0, 1, 1.26)
    assert book.tally() == (1, 0, 0)


def test_one_answer_stored_at_two_times_is_a_duplicate(book: Book):
    book.answered(1, 1.25)
    book.stored(0, 1, 1.25)
    book.stored(2, 1, 1.25)
    assert book.tally() == (0, 2, 0)


def test_a_stored_reading_that_nobody_answered_is_unexplained_unless_it_is_in_doubt(book: Book):
    book.answered(2, 1.25, kind="in_doubt")
    book.stored(0, 2, 1.25)
    book.stored(2, 99, 1.25)
    assert book.tally() == (0, 0, 2)


def test_missing_and_uncaused_cases_are_named(engine: Engine):
    fault = PlannedFault(fault=DEMO_FAULTS["pole_hit"], at_s=1, target="PL-1", asset_id=1, asset_name="x")
    assert len(check_cases(engine, [fault])["missing"]) == 1
    with writing(engine) as tx:
        for kind in ("pole_leaning", "battery_low"):
            open_or_attach(tx, asset_id=1, kind=kind, severity=Severity.ALARM, source=Source.SENSOR, now=NOW)
    found = check_cases(engine, [fault])
    assert found["missing"] == []
    assert [line.split(": ")[1] for line in found["extra"]] == ["battery_low"]
