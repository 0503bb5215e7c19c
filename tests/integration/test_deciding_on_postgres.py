"""What a database decides of groups, buses and cabinets, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from registry.storage.database import open_database, writing
from registry.storage.tables import device
from tests.city import City, build_city
from tests.storm import Street, sensors
from tests.unit.registry.services.test_alerts import test_acknowledging_is_audited_and_can_be_taken_back
from tests.unit.registry.services.test_grouping import (
    test_a_group_ends_when_all_is_calm_and_tells_its_case,
    test_many_alerts_of_one_cause_are_one_group_with_one_case_in_its_middle,
    test_two_gatherings_that_grow_together_are_one_and_their_cases_too,
    test_what_was_taken_out_by_mistake_is_put_back,
)
from tests.unit.registry.services.test_no_data_whole import (
    Line,
    test_a_bus_is_back_when_more_than_half_speak_and_the_rest_is_told_then,
    test_a_cabinet_is_back_with_evidence_and_its_devices_are_judged_from_its_return,
)

__all__ = [
    "test_a_bus_is_back_when_more_than_half_speak_and_the_rest_is_told_then",
    "test_a_cabinet_is_back_with_evidence_and_its_devices_are_judged_from_its_return",
    "test_a_group_ends_when_all_is_calm_and_tells_its_case",
    "test_acknowledging_is_audited_and_can_be_taken_back",
    "test_many_alerts_of_one_cause_are_one_group_with_one_case_in_its_middle",
    "test_two_gatherings_that_grow_together_are_one_and_their_cases_too",
    "test_what_was_taken_out_by_mistake_is_put_back",
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
def city(engine: Engine, now: datetime) -> City:
    return build_city(engine, now)


@pytest.fixture
def street(city: City, now: datetime) -> Street:
    return sensors(city, now, range(12))


@pytest.fixture
def line(city: City, now: datetime) -> Line:
    with writing(city.engine) as tx:
        tx.execute(device.update().values(removed_at=now))
    return Line(city, now)
