"""Units: named once, renamed, and listed."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.services.units import NewUnit, add_unit, all_units, change_unit, ensure_unit, find_unit
from registry.storage.database import writing


def test_a_unit_is_added_changed_and_listed_by_name(engine: Engine):
    with writing(engine) as tx:
        assert all_units(tx) == []
        lamps = add_unit(tx, NewUnit(name=" 路灯管理所 ", name_en="Lighting", phone="0512-1"))
        add_unit(tx, NewUnit(name="A"))
        change_unit(tx, lamps, NewUnit(name="路灯管理处", phone="0512-2"))
        assert [(each.name, each.phone) for each in all_units(tx)] == [("A", ""), ("路灯管理处", "0512-2")]


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
