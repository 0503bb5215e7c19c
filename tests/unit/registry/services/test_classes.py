"""The class tables are complete, and a city's own table is checked before it is used."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, func, select

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family
from registry.services.classes import CJT214_2007, GBT30428_2013, find_class, load_class_table, load_classes
from registry.storage.database import reading, writing
from registry.storage.tables import asset_class


def test_the_streetlight_has_another_number_in_each_scheme(engine: Engine):
    with reading(engine) as tx:
        assert find_class(tx, CJT214_2007, "0118").name_zh == "路灯"
        assert find_class(tx, GBT30428_2013, "0137").name_zh == "路灯"
        assert find_class(tx, CJT214_2007, "0137").family is Family.OTHER


def test_the_2007_table_has_all_85_classes_of_six_majors(engine: Engine):
    with reading(engine) as tx:
        counted = tx.execute(
            select(func.substr(asset_class.c.code, 1, 2), func.count())
            .where(asset_class.c.scheme == CJT214_2007)
            .group_by(func.substr(asset_class.c.code, 1, 2))
        ).all()
    assert {row[0]: row[1] for row in counted} == {
        "01": 38,
        "02": 17,
        "03": 11,
        "04": 10,
        "05": 3,
        "06": 6,
    }


def test_every_cover_and_grate_is_of_the_family_cover(engine: Engine):
    with reading(engine) as tx:
        rows = tx.execute(select(asset_class.c.name_zh, asset_class.c.family)).all()
    for name, family in rows:
        is_cover = "井盖" in name or name in {"雨水箅子", "沟槽盖板"}
        assert (family == "cover") == is_cover, name
        assert (family == "light") == (name in {"路灯", "地灯", "景观灯"}), name


def test_loading_the_shipped_tables_again_changes_nothing(engine: Engine):
    with writing(engine) as tx:
        before = tx.execute(select(asset_class).order_by(asset_class.c.scheme, asset_class.c.code)).all()
        assert load_classes(tx) == len(before)
        assert tx.execute(select(asset_class).order_by(asset_class.c.scheme, asset_class.c.code)).all() == before


def test_a_city_loads_its_own_table_and_corrects_it_later(engine: Engine):
    with writing(engine) as tx:
        load_class_table(tx, "chaoyang", "code,name_zh,name_en,family\n0141,路灯(带编码),,light\n")
        load_class_table(tx, "chaoyang", "code,name_zh,name_en,family\n0141,路灯(带编码),Numbered light,light\n")
        assert find_class(tx, "chaoyang", "0141").name_en == "Numbered light"


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("code,name_zh\n0101,上水井盖\n", "family, name_en is missing"),
        ("code,name_zh,name_en,family\n101,上水井盖,,cover\n", "line 2: '101' must be four digits"),
        ("code,name_zh,name_en,family\n0101,甲,,cover\n0101,乙,,cover\n", "line 3: 0101 stands twice"),
        ("code,name_zh,name_en,family\n0101,甲,,lid\n", "line 2: 'lid' must be one of cover, light, other"),
        ("code,name_zh,name_en,family\n0101,,,cover\n", "line 2: the class needs a Chinese name"),
    ],
)
def test_an_unusable_class_table_is_refused_with_its_line(engine: Engine, table: str, problem: str):
    with writing(engine) as tx, pytest.raises(InvalidInput, match=problem):
        load_class_table(tx, "ours", table)


def test_a_class_that_no_table_has_is_named(engine: Engine):
    with reading(engine) as tx, pytest.raises(InvalidInput, match="'0199' is not in the class table"):
        find_class(tx, CJT214_2007, "0199")
