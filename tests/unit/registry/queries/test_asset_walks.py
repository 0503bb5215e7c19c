"""Pages of a selection: complete however it is narrowed, along an index, never further than a stretch at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, insert, text, update

from registry.domain.errors import InvalidInput
from registry.domain.geo import place_cell
from registry.domain.kinds import AssetState, Family
from registry.queries.asset_filters import AssetFilter, Gap
from registry.queries.asset_walks import find_page
from registry.queries.assets import list_assets
from registry.services.roads import note_roads
from registry.services.tags import issue_tag
from registry.storage.database import reading, writing
from registry.storage.tables import asset, asset_alias, unit

ROADS = ("人民路", "人民东路", "解放路")
COUNT = 240


@pytest.fixture
def town(engine: Engine, now: datetime) -> Engine:
    """240 assets: every fourth a lamp, three roads, two districts, some broken; the last was merged into the first."""
    with writing(engine) as tx:
        tx.execute(insert(unit).values(id=1, name="水务"))
        tx.execute(insert(asset), [_row(number, now) for number in range(1, COUNT + 1)])
        tx.execute(update(asset).where(asset.c.id == COUNT).values(merged_into_id=1))
        tx.execute(insert(asset_alias), [{"kind": "owner_no", "value": "W-7", "asset_id": 7}])
        note_roads(tx, ROADS)
    return engine


def _row(number: int, now: datetime) -> dict[str, Any]:
    lamp = number % 4 == 0
    lon, lat = 120.0 + number / 10_000, 31.0
    return {
        "id": number,
        "code": f"32050{8 - number % 2}01{'18' if lamp else '01'}{number:06d}",
        "scheme": "cjt214-2007",
        "class_code": "0118" if lamp else "0101",
        "family": "light" if lamp else "cover",
        "name": f"{'路灯' if lamp else '上水井盖'} {number:06d}",
        "state": "lost" if number % 50 == 0 else "intact",
        "lon": lon,
        "lat": lat,
        "place_cell": place_cell(lon, lat),
        "road": ROADS[number % 3],
        "address": f"{ROADS[number % 3]}{number} 号",
        "area_code": f"32050{8 - number % 2}001",
        "owner_unit_id": 1 if number % 2 else None,
        "details": {},
        "created_at": now,
        "updated_at": now,
    }


def every_page(tx: Connection, wanted: AssetFilter, *, limit: int = 7, stretch: int = 40) -> list[int]:
    found: list[int] = []
    after: str | None = None
    while True:
        page = find_page(tx, wanted, after=after, limit=limit, stretch=stretch)
        assert len(page.ids) <= limit
        found += page.ids
        after = page.next
        if after is None:
            return found


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (AssetFilter(), lambda n: True),
        (AssetFilter(family=Family.LIGHT), lambda n: n % 4 == 0),
        (AssetFilter(state=AssetState.LOST), lambda n: n % 50 == 0),
        (AssetFilter(state=AssetState.LOST, family=Family.COVER), lambda n: n % 50 == 0 and n % 4),
        (AssetFilter(area_code="320507"), lambda n: n % 2),
        (AssetFilter(scopes=("320508",), class_code="0118"), lambda n: n % 4 == 0),
        (AssetFilter(scopes=("320507001", "320508001"), road="人民路"), lambda n: n % 3 == 0),
        (AssetFilter(lacks=(Gap.OWNER,)), lambda n: n % 2 == 0),
        (AssetFilter(lacks=(Gap.OWNER, Gap.PLATE), family=Family.LIGHT), lambda n: n % 4 == 0),
        (AssetFilter(lacks=(Gap.SENSOR,), unit_id=1), lambda n: n % 2),
        (AssetFilter(with_alert=False), lambda n: True),
        (AssetFilter(with_alert=True), lambda n: False),
        (AssetFilter(q="人民"), lambda n: n % 3 in (0, 1)),
        (AssetFilter(q="人民", state=AssetState.LOST), lambda n: n % 50 == 0 and n % 3 in (0, 1)),
        (AssetFilter(q="路灯"), lambda n: n % 4 == 0),
        (AssetFilter(q="解放路2"), lambda n: n % 3 == 2 and str(n).startswith("2")),
        (AssetFilter(q="３２０５０７ ０１"), lambda n: n % 2),
        (AssetFilter(q="W-7"), lambda n: n == 7),
    ],
)
def test_all_pages_together_hold_each_asset_that_fits_once(town: Engine, wanted: AssetFilter, fits: Any):
    with reading(town) as tx:
        found = every_page(tx, wanted)
    assert sorted(found) == [number for number in range(1, COUNT) if fits(number)]


def test_a_rare_thing_takes_several_pages_and_says_that_more_may_follow(town: Engine):
    with reading(town) as tx:
        first = find_page(tx, AssetFilter(class_code="0199"), after=None, limit=7, stretch=100)
    assert first.ids == []
    assert first.next is not None


def test_what_was_merged_is_found_as_what_was_kept(town: Engine):
    with reading(town) as tx:
        code = tx.execute(text(f"SELECT code FROM asset WHERE id = {COUNT}")).scalar()
    assert [row.id for row in list_assets(town, AssetFilter(q=code)).items] == [1]


def test_a_plate_means_its_asset_alone(town: Engine, now: datetime):
    with writing(town) as tx:
        token = issue_tag(tx, 5, now=now)
    assert [row.id for row in list_assets(town, AssetFilter(q=token)).items] == [5]
    assert 5 not in [row.id for row in list_assets(town, AssetFilter(lacks=(Gap.PLATE,))).items]


@pytest.mark.parametrize("wanted", [AssetFilter(area_code="32O5"), AssetFilter(area_code="３２")])
def test_an_area_that_is_no_code_is_refused(town: Engine, wanted: AssetFilter):
    with pytest.raises(InvalidInput, match="area"):
        list_assets(town, wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        AssetFilter(),
        AssetFilter(family=Family.LIGHT),
        AssetFilter(state=AssetState.LOST),
        AssetFilter(area_code="320507"),
        AssetFilter(road="人民路"),
        AssetFilter(with_alert=True),
        AssetFilter(lacks=(Gap.PLATE, Gap.SENSOR, Gap.OWNER, Gap.CELL, Gap.PHOTO, Gap.PLACE)),
        AssetFilter(q="人民"),
        AssetFilter(q="3205070101"),
        AssetFilter(q="3205070101000001"),
        AssetFilter(q="W-7"),
        AssetFilter(q="上水井盖 0001"),
        AssetFilter(q="nothing like it", family=Family.COVER),
    ],
)
def test_no_page_reads_all_assets(town: Engine, wanted: AssetFilter):
    """On SQLite: the plan searches ``asset`` by an index or by its key, and sorts nothing of its size."""
    plans: list[str] = []

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            plans.extend(row[3] for row in rows)

    event.listen(town, "before_cursor_execute", explain)
    with reading(town) as tx:
        page = find_page(tx, wanted, after=None, limit=50)
        if page.next is not None:
            find_page(tx, wanted, after=page.next, limit=50)
    event.remove(town, "before_cursor_execute", explain)
    assert plans
    assert [plan for plan in plans if plan.startswith("SCAN asset")] == []
