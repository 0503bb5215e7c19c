"""Two files of one thing: everything goes to the kept one, the other leads there, and a mistake can be undone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, select

from registry.domain.errors import Conflict, InvalidInput, InvalidMove
from registry.domain.people import SYSTEM
from registry.queries.asset_filters import AssetFilter
from registry.queries.assets import asset_by_token, asset_file, list_assets
from registry.services.aliases import add_alias
from registry.services.asset_merging import merge_assets, unmerge_asset
from registry.services.assets import AssetChange, change_asset
from registry.services.devices import NewDevice, put_on
from registry.services.tags import issue_tag
from registry.storage.database import reading, writing
from registry.storage.tables import alert, asset, asset_alias, case, device, photo, tag
from tests.city import City, build_city


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    return build_city(engine, now)


@pytest.fixture
def twin(city: City, now: datetime) -> int:
    """The same cover surveyed again: with a plate, an alias, a sensor, a photo and a case of its own."""
    twin = city.add_asset(now, name="给水井盖", road="中山路")
    with writing(city.engine) as tx:
        issue_tag(tx, twin, now=now)
        add_alias(tx, twin, "owner_no", "W-1", now=now)
        put_on(tx, NewDevice(serial="CV-2", profile="cc-cover-1", asset_id=twin, heartbeat_s=2), now=now)
    city.add_photo(now, asset_id=twin)
    city.open_case(now, asset_id=twin, kind="water_high")
    change_asset(city.engine, twin, AssetChange(material="铸铁"), expected_version=None, by=SYSTEM, now=now)
    return twin


def owners(engine: Engine) -> dict[str, set[int]]:
    """Which asset each thing hangs on, by table."""
    with reading(engine) as tx:
        return {
            table.name: set(tx.execute(select(table.c.asset_id)).scalars())
            for table in (alert, asset_alias, case, device, photo, tag)
        }


def row_of(engine: Engine, asset_id: int) -> Any:
    with reading(engine) as tx:
        return tx.execute(select(asset).where(asset.c.id == asset_id)).one()


def test_everything_moves_and_code_and_plate_lead_to_the_kept_file(city: City, twin: int, now: datetime):
    engine = city.engine
    twin_file = asset_file(engine, twin, now=now)
    assert twin_file.tag is not None
    merge_assets(engine, city.asset_id, twin, by=city.registrar, now=now, note="重复普查")
    assert all(ids <= {city.asset_id} for ids in owners(engine).values())
    assert row_of(engine, twin).merged_into_id == city.asset_id
    assert row_of(engine, city.asset_id).material == "铸铁"
    for words in (twin_file.code, twin_file.tag.token, "W-1"):
        assert [row.id for row in list_assets(engine, AssetFilter(q=words)).items] == [city.asset_id]
    seen = asset_by_token(engine, twin_file.tag.token)
    assert seen is not None
    assert seen.asset_id == city.asset_id
    kept, gone = asset_file(engine, city.asset_id, now=now), asset_file(engine, twin, now=now)
    assert [each.id for each in kept.merged_from] == [twin]
    assert gone.merged_into is not None
    assert [line.action for line in (kept.changes[0], gone.changes[0])] == ["merge", "merge"]
    assert kept.changes[0].by_name == "林晓"


def test_the_kept_files_own_plate_stays_in_force_and_the_other_is_replaced(city: City, twin: int, now: datetime):
    with writing(city.engine) as tx:
        own = issue_tag(tx, city.asset_id, now=now)
    merge_assets(city.engine, city.asset_id, twin, by=city.registrar, now=now)
    with reading(city.engine) as tx:
        states = {row.token: row.state for row in tx.execute(select(tag.c.token, tag.c.state))}
    assert states.pop(own) == "active"
    assert list(states.values()) == ["replaced"]


def test_a_merge_can_be_taken_apart(city: City, twin: int, now: datetime):
    with writing(city.engine) as tx:
        issue_tag(tx, city.asset_id, now=now)
    before = owners(city.engine)
    merge_assets(city.engine, city.asset_id, twin, by=city.registrar, now=now)
    unmerge_asset(city.engine, twin, by=city.registrar, now=now)
    assert owners(city.engine) == before
    assert row_of(city.engine, twin).merged_into_id is None
    with reading(city.engine) as tx:
        assert set(tx.execute(select(tag.c.state)).scalars()) == {"active"}
    with pytest.raises(InvalidMove):
        unmerge_asset(city.engine, twin, by=city.registrar, now=now)


def test_a_file_merged_before_leads_on_to_the_last_one(city: City, twin: int, now: datetime):
    third = city.add_asset(now, name="再次重复")
    merge_assets(city.engine, twin, third, by=city.registrar, now=now)
    merge_assets(city.engine, city.asset_id, twin, by=city.registrar, now=now)
    assert row_of(city.engine, third).merged_into_id == city.asset_id


def test_two_open_cases_of_one_kind_must_be_settled_first(city: City, twin: int, now: datetime):
    city.open_case(now, kind="water_high")
    with pytest.raises(Conflict, match="open for the same thing"):
        merge_assets(city.engine, city.asset_id, twin, by=city.registrar, now=now)
    assert row_of(city.engine, twin).merged_into_id is None


def test_a_file_is_not_merged_into_itself_nor_twice(city: City, twin: int, now: datetime):
    with pytest.raises(InvalidInput):
        merge_assets(city.engine, twin, twin, by=city.registrar, now=now)
    merge_assets(city.engine, city.asset_id, twin, by=city.registrar, now=now)
    with pytest.raises(InvalidMove, match="merged into"):
        merge_assets(city.engine, city.asset_id, twin, by=city.registrar, now=now)
    with pytest.raises(InvalidMove, match="merged into"):
        change_asset(city.engine, twin, AssetChange(road="x"), expected_version=None, by=SYSTEM, now=now)
