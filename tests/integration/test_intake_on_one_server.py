"""The intake's whole suite, and what of letters a database decides, on the one-server size: PostgreSQL and InfluxDB."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from registry.storage.database import open_database
from registry.storage.series.beside import STRETCH
from registry.storage.series.opening import open_series
from tests.unit.registry.test_intake import *  # noqa: F403 - the suite is the module
from tests.unit.registry.test_intake import City
from tests.unit.registry.test_letters import (
    room,
    test_letters_can_be_let_go_of_and_who_did_so_is_on_record,
    test_more_letters_than_one_round_takes_are_all_replayed,
    test_replaying_twice_and_after_a_crash_stores_once,
    test_the_worst_cause_stands_first_and_each_filter_narrows,
    test_what_fails_again_stays_with_the_reason_of_now_and_how_often_it_was_tried,
)

__all__ = [
    "room",
    "test_letters_can_be_let_go_of_and_who_did_so_is_on_record",
    "test_more_letters_than_one_round_takes_are_all_replayed",
    "test_replaying_twice_and_after_a_crash_stores_once",
    "test_the_worst_cause_stands_first_and_each_filter_narrows",
    "test_what_fails_again_stays_with_the_reason_of_now_and_how_often_it_was_tried",
]

pytestmark = pytest.mark.network


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture
def engine(filled_postgres_url: str) -> Iterator[Engine]:
    opened = open_database(filled_postgres_url)
    yield opened
    opened.dispose()


@pytest.fixture
def city(engine: Engine, influx_address: str, tmp_path: Path, now: datetime) -> Iterator[City]:
    store = open_series(influx_address, home=tmp_path)
    yield City(engine, store, now)
    store.close()


def test_what_is_appended_while_the_rest_is_judged_is_stored_once_and_acked_with_it(city: City):
    readings = 3 * STRETCH // 2
    packs = [
        city.pack(*((n / 1000, "tilt_z", 1.0) for n in range(start, start + 5))) for start in range(0, readings, 5)
    ]
    receipt = city.intake.accept(packs, now=city.now)
    assert (receipt.stored, receipt.acks[-1].seq, city.store.count()) == (readings, len(packs), readings)


def test_a_batch_that_fails_when_half_is_appended_is_not_acked_and_stored_once_by_the_next_try(city: City):
    packs = [city.pack((n / 100, "tilt_z", 1.0)) for n in range(STRETCH + 5)]
    broken = packs[-1]._replace(readings=[("CV-1", "tilt_z", "never", 0, 0.0, 0)])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        city.intake.accept([*packs[:-1], broken], now=city.now)
    assert city.store.count() == STRETCH  # on disk, and yet nothing is acked
    assert city.restart().progress() == []
    receipt = city.intake.accept(packs, now=city.now)
    assert (receipt.stored, receipt.acks[-1].seq, city.store.count()) == (STRETCH + 5, len(packs), STRETCH + 5)
