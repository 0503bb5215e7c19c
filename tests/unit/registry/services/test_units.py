"""Units: named once, renamed, and listed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, insert, select

from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.kinds import Role
from registry.domain.people import Actor
from registry.queries.people import list_units
from registry.services.assets import NewAsset, Parties, register_asset
from registry.services.units import (
    NewUnit,
    add_unit,
    change_unit,
    ensure_unit,
    find_unit,
    merge_units,
    save_unit,
)
from registry.storage.database import reading, writing
from registry.storage.tables import asset, asset_change, audit, duty, post

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
BY = Actor(user_id=None, name="林晓", role=Role.REGISTRAR, unit_id=None)


def test_a_unit_is_added_changed_and_listed_by_name(engine: Engine):
    assert list_units(engine) == []
    with writing(engine) as tx:
        lamps = add_unit(tx, NewUnit(name=" 路灯管理所 ", name_en="Lighting", phone="0512-1"))
        add_unit(tx, NewUnit(name="A"))
        change_unit(tx, lamps, NewUnit(name="路灯管理处", phone="0512-2"))
    assert [(each.name, each.phone) for each in list_units(engine)] == [("A", ""), ("路灯管理处", "0512-2")]


def test_a_name_is_used_once(engine: Engine):
    with writing(engine) as tx:
        first = add_unit(tx, NewUnit(name="甲"))
        second = add_unit(tx, NewUnit(name="乙"))
        with pytest.raises(Conflict, match="'甲' exists"):
            add_unit(tx, NewUnit(name="甲 "))
        with pytest.raises(Conflict, match="'甲' exists"):
            change_unit(tx, second, NewUnit(name="甲"))
        assert ensure_unit(tx, NewUnit(name="甲", phone="1")) == first
        found = find_unit(tx, "甲")
    assert found is not None
    assert found.phone == ""


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (NewUnit(name=" "), "name"),
        (NewUnit(name="长" * 81), "name"),
        (NewUnit(name="甲", phone="1" * 41), "phone"),
    ],
)
def test_an_unusable_unit_is_refused_by_field(engine: Engine, new: NewUnit, field: str):
    with writing(engine) as tx, pytest.raises(InvalidInput) as refused:
        add_unit(tx, new)
    assert refused.value.field == field


def test_a_unit_that_is_not_there_can_not_be_changed(engine: Engine):
    with writing(engine) as tx, pytest.raises(NotFound):
        change_unit(tx, 9, NewUnit(name="甲"))


def test_two_names_of_one_organisation_become_one_everywhere_and_each_asset_remembers(engine: Engine):
    with writing(engine) as tx:
        kept = add_unit(tx, NewUnit(name="路灯所"))
        gone = add_unit(tx, NewUnit(name="路灯管理所"))
        new = NewAsset(division="320508", class_code="0118", lon=120.6, lat=31.3, parties=Parties(owner_unit_id=gone))
        asset_id = register_asset(tx, new, now=NOW)
        tx.execute(insert(post).values(unit_id=gone, name="值班", updated_at=NOW))
        tx.execute(insert(duty).values(unit_id=gone, party="owner", updated_at=NOW))
    assert merge_units(engine, kept, gone, by=BY, now=NOW) == 1
    with reading(engine) as tx:
        row = tx.execute(select(asset).where(asset.c.id == asset_id)).one()
        change = tx.execute(select(asset_change).where(asset_change.c.action == "unit")).one()
        assert tx.execute(select(post.c.unit_id)).scalars().all() == [kept]
        assert tx.execute(select(duty.c.unit_id)).scalars().all() == [kept]
    assert [each.name for each in list_units(engine)] == ["路灯所"]
    assert (row.owner_unit_id, row.version) == (kept, 2)
    assert (change.asset_id, change.at, change.changes) == (asset_id, NOW, {"owner_unit_id": [gone, kept]})


def test_units_whose_posts_would_collide_are_not_merged(engine: Engine):
    with writing(engine) as tx:
        kept, gone = (add_unit(tx, NewUnit(name=name)) for name in "甲乙")
        tx.execute(insert(post), [{"unit_id": each, "name": "值班", "updated_at": NOW} for each in (kept, gone)])
    with pytest.raises(Conflict, match="值班"):
        merge_units(engine, kept, gone, by=BY, now=NOW)
    with pytest.raises(InvalidInput):
        merge_units(engine, kept, kept, by=BY, now=NOW)
    with pytest.raises(NotFound):
        merge_units(engine, kept, 99, by=BY, now=NOW)


def test_saving_a_unit_is_audited(engine: Engine):
    unit_id = save_unit(engine, None, NewUnit(name="甲"), by=BY, now=NOW)
    assert save_unit(engine, unit_id, NewUnit(name="乙"), by=BY, now=NOW) == unit_id
    with reading(engine) as tx:
        rows = tx.execute(select(audit.c.action, audit.c.subject).order_by(audit.c.id)).all()
    assert [tuple(row) for row in rows] == [("unit.add", f"unit:{unit_id}"), ("unit.change", f"unit:{unit_id}")]
