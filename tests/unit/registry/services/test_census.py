"""What a census still lacks: counted in one walk, split by area and class, doubtful positions one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, select, update

from registry.domain.kinds import Doubt, PlaceJobKind, PlaceJobState, Role
from registry.domain.people import Actor
from registry.queries.asset_filters import AssetFilter, Gap, conditions
from registry.queries.gaps import BreakdownBy, doubtful_assets, gap_breakdown, gap_summary, last_census
from registry.services import revisions
from registry.services.areas import AREAS
from registry.services.assets import NewAsset, register_asset
from registry.services.census import ask_for_census
from registry.services.place_jobs import ask_for_job
from registry.services.place_work import do_place_work, relocate_assets, run_place_job
from registry.services.tags import issue_tag
from registry.services.units import NewUnit, add_unit
from registry.storage.database import reading, writing
from registry.storage.tables import area, asset, asset_change, asset_doubt, scan

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
BY = Actor(user_id=None, name="林晓", role=Role.REGISTRAR, unit_id=None)


def count(engine: Engine, now: datetime = NOW) -> None:
    with writing(engine) as tx:
        job_id = ask_for_job(tx, PlaceJobKind.CENSUS, by=BY, now=now)
    run_place_job(engine, job_id, holder="here", clock=lambda: now)


@pytest.fixture
def assets(engine: Engine) -> list[int]:
    """Five covers and a lamp; the first is complete but for a photo and a sensor."""
    with writing(engine) as tx:
        unit_id = add_unit(tx, NewUnit(name="水务"))
        spots: list[tuple[str, float, dict[str, Any]]] = [
            ("0101", 120.0, {"road": "人民路"}),
            ("0101", 120.000_004, {}),
            ("0101", 120.01, {}),
            ("0103", 120.01, {}),
            ("0118", 120.02, {}),
            ("0101", 130.0, {}),
        ]
        ids = [
            register_asset(tx, NewAsset(division="320508", class_code=class_code, lon=lon, lat=31.0, **more), now=NOW)
            for class_code, lon, more in spots
        ]
        parties = {f"{party}_unit_id": unit_id for party in ("supervisor", "owner", "maintainer")}
        tx.execute(update(asset).where(asset.c.id == ids[0]).values(**parties, area_code="320508001", grid_cell="x"))
        tx.execute(update(asset).where(asset.c.id == ids[4]).values(accuracy="C", area_code="320509001002003"))
        issue_tag(tx, ids[0], now=NOW)
    return ids


def test_each_gap_is_counted_as_the_list_of_assets_would_find_it(engine: Engine, assets: list[int]):
    count(engine)
    found = gap_summary(engine)
    assert (found.assets, found.counted_at) == (6, NOW)
    counts = {line.gap: line.count for line in found.gaps}
    assert counts == {
        "cell": 5,
        "area": 4,
        "supervisor": 5,
        "owner": 5,
        "maintainer": 5,
        "plate": 5,
        "sensor": 6,
        "photo": 6,
        "road": 5,
    }
    with reading(engine) as tx:
        for gap, number in counts.items():
            fits = conditions(tx, AssetFilter(lacks=(Gap(gap),)))
            assert len(tx.execute(select(asset.c.id).where(*fits)).all()) == number, gap


def test_figures_are_split_by_area_and_by_class_and_narrowed_to_an_area(engine: Engine, assets: list[int]):
    count(engine)
    by_area = gap_breakdown(engine, BreakdownBy.AREA)
    assert [(row.key, row.assets, row.counts["plate"]) for row in by_area] == [("320508", 5, 4), ("320509", 1, 1)]
    below = gap_breakdown(engine, BreakdownBy.AREA, area_code="320509")
    assert [(row.key, row.assets) for row in below] == [("320509001", 1)]
    by_class = gap_breakdown(engine, BreakdownBy.CLASS, scope="320508")
    assert [(row.key, row.name_zh, row.assets) for row in by_class] == [
        ("0101", "上水井盖", 4),
        ("0103", "雨水井盖", 1),
    ]
    assert gap_summary(engine, scope="320509").assets == 1


def test_doubtful_positions_are_listed_with_what_they_are_too_near_to(engine: Engine, assets: list[int]):
    count(engine)
    first, near, same, other_class, lamp, _ = assets
    too_near = doubtful_assets(engine, Doubt.TOO_NEAR).items
    assert [(row.id, row.other and row.other.id) for row in too_near] == [(first, near), (near, first)]
    assert too_near[0].distance_m == pytest.approx(0.38, abs=0.01)
    assert [(row.id, row.other and row.other.id) for row in doubtful_assets(engine, Doubt.SAME_PLACE).items] == [
        (same, other_class),
        (other_class, same),
    ]
    assert [row.id for row in doubtful_assets(engine, Doubt.ROUGH).items] == [lamp]
    assert [row.id for row in doubtful_assets(engine, Doubt.OTHER_DIVISION).items] == [lamp]
    assert {line.gap: line.count for line in gap_summary(engine).doubts} == {
        "rough": 1,
        "other_division": 1,
        "outside": 0,
        "same_place": 2,
        "too_near": 2,
        "scanned_far": 0,
    }
    page = doubtful_assets(engine, Doubt.TOO_NEAR, limit=1)
    assert [row.id for row in doubtful_assets(engine, Doubt.TOO_NEAR, after=page.next, limit=1).items] == [near]
    assert doubtful_assets(engine, Doubt.TOO_NEAR, scope="320509").items == []


def test_the_figures_the_lists_and_the_filter_of_doubtful_positions_agree(engine: Engine, assets: list[int]):
    first, near, same, other_class, lamp, alone = assets
    with writing(engine) as tx:
        tx.execute(update(asset).where(asset.c.id == near).values(state="abandoned"))
        for asset_id, looked_at in ((first, NOW), (alone, None)):
            far = {"at": NOW, "token": f"T{asset_id}", "finding": "known", "flag": "far", "looked_at": looked_at}
            tx.execute(insert(scan).values(asset_id=asset_id, **far))
    count(engine)

    for area_code in ("", "320508", "320509"):
        figures = {line.gap: line.count for line in gap_summary(engine, area_code=area_code).doubts}
        lists = {
            doubt: [row.id for row in doubtful_assets(engine, doubt, area_code=area_code).items] for doubt in Doubt
        }
        assert figures == {doubt.value: len(ids) for doubt, ids in lists.items()}
        with reading(engine) as tx:
            fits = conditions(tx, AssetFilter(lacks=(Gap.PLACE,), area_code=area_code))
            filtered = set(tx.execute(select(asset.c.id).where(*fits)).scalars())
        assert filtered == {asset_id for ids in lists.values() for asset_id in ids}
    assert [row.id for row in doubtful_assets(engine, Doubt.SCANNED_FAR).items] == [alone]
    assert [row.id for row in doubtful_assets(engine, Doubt.SAME_PLACE).items] == [same, other_class]
    assert doubtful_assets(engine, Doubt.TOO_NEAR).items == []  # nobody needs to look at what is abandoned
    assert [row.id for row in doubtful_assets(engine, Doubt.ROUGH, area_code="320509").items] == [lamp]


def test_a_doubt_is_gone_when_its_cause_is_and_with_its_asset(engine: Engine, assets: list[int]):
    count(engine)
    with writing(engine) as tx:
        tx.execute(update(asset).where(asset.c.id == assets[1]).values(lon=121.0))
        tx.execute(delete(asset_change).where(asset_change.c.asset_id == assets[2]))
        tx.execute(delete(asset).where(asset.c.id == assets[2]))
    with reading(engine) as tx:
        left = tx.execute(select(asset_doubt.c.doubt).where(asset_doubt.c.asset_id == assets[3])).all()
    assert left == []
    count(engine)
    assert doubtful_assets(engine, Doubt.TOO_NEAR).items == []
    assert doubtful_assets(engine, Doubt.SAME_PLACE).items == []


def test_outside_is_what_lies_in_no_area_once_there_are_areas(engine: Engine, assets: list[int]):
    shape = '{"type":"Polygon","coordinates":[[[119,30],[121,30],[121,32],[119,32],[119,30]]]}'
    with writing(engine) as tx:
        tx.execute(insert(area).values(level="district", code="320508", name="区", shape=shape, updated_at=NOW))
        revisions.bump(tx, AREAS)
    relocate_assets(engine, by=BY, holder="here", clock=lambda: NOW)
    do_place_work(engine, holder="worker", clock=lambda: NOW)
    assert [row.id for row in doubtful_assets(engine, Doubt.OUTSIDE).items] == [assets[5]]


def test_the_worker_counts_by_itself_and_not_more_often_than_its_cost_allows(engine: Engine, assets: list[int]):
    assert last_census(engine) is None
    do_place_work(engine, holder="worker", clock=lambda: NOW)
    first = last_census(engine)
    assert first is not None
    assert (first.state, first.report["assets"]) == (PlaceJobState.DONE, 6)
    assert ask_for_census(engine, now=NOW + timedelta(seconds=59)) is None
    second = ask_for_census(engine, now=NOW + timedelta(seconds=61))
    assert second is not None
    assert second == ask_for_census(engine, now=NOW + timedelta(seconds=62))
