"""Reports where several writers meet: one report of one request, whoever is first, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, func, select

from registry.domain.geo import Place
from registry.domain.kinds import Source
from registry.services.reports import NewReport, take_report
from registry.storage.database import open_database, reading
from registry.storage.tables import case, report
from tests.city import City, build_city

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made = open_database(request.getfixturevalue(f"filled_{request.param}_url"))
    yield made
    made.dispose()


@pytest.mark.network
def test_a_request_that_arrives_several_times_at_once_is_one_request_in_one_case(engine: Engine) -> None:
    city: City = build_city(engine, NOW)
    new = NewReport(
        text="井盖响",
        source=Source.PLATFORM,
        kind="cover_loose",
        asset_id=city.asset_id,
        brought_by=city.dispatcher.user_id,
        foreign_id="own:1",
        contact="13912345678",
        secret=b"k",
    )
    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(lambda _: take_report(engine, new, now=NOW), range(6)))
    assert len({each.id for each in taken}) == 1
    assert sum(not each.repeated for each in taken) == 1
    with reading(engine) as tx:
        assert tx.scalar(select(func.count()).select_from(report)) == 1
        assert tx.scalar(select(func.count()).select_from(case)) == 1


@pytest.mark.network
def test_reports_of_one_thing_at_once_share_its_case_and_those_of_a_place_wait_for_people(engine: Engine) -> None:
    city: City = build_city(engine, NOW)

    def tell(rank: int) -> int:
        here = None if rank % 2 else Place(113.3001, 23.1001)
        told = NewReport(
            text=f"第 {rank} 个", place=here, asset_id=city.asset_id if rank % 2 else None, secret=b"k", trusted=True
        )
        return take_report(engine, told, now=NOW).case_id

    with ThreadPoolExecutor(6) as pool:
        cases = list(pool.map(tell, range(6)))
    assert len({cases[rank] for rank in (1, 3, 5)}) == 1
    assert len({cases[rank] for rank in (0, 2, 4)}) == 3
