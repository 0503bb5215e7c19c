"""The class tables are complete, and a city's own table is checked before it is used."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import Engine, func, select

from registry.domain.errors import InvalidInput, NotFound
from registry.domain.kinds import Family
from registry.domain.people import SYSTEM
from registry.services.assets import NewAsset, register_asset
from registry.services.class_import import ClassReport, import_class_table
from registry.services.classes import (
    CJT214_2007,
    GBT30428_2013,
    Scheme,
    add_extension_class,
    find_class,
    find_scheme,
    load_classes,
)
from registry.storage.database import reading, writing
from registry.storage.tables import asset_class, audit
from registry.tabular.class_table import guess_family, say_class_fault


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


HEADER = "编码,名称,英文,类型\n"


def table_file(tmp_path: Path, text: str, *, encoding: str = "utf-8", name: str = "classes.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def load(engine: Engine, path: Path, now: datetime, **more: Any) -> ClassReport:
    scheme = Scheme(key="chaoyang", name_zh="朝阳区分类")
    return import_class_table(engine, scheme, path, by=SYSTEM, now=now, **more)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_a_city_loads_its_own_table_and_corrects_it_later(engine: Engine, tmp_path: Path, now: datetime, encoding: str):
    first = table_file(tmp_path, "编码,名称\n0141,路灯（带编码）\n0107,电信井盖\n0122,电话亭\n", encoding=encoding)
    assert load(engine, first, now, check_only=True).written is False
    report = load(engine, first, now)
    assert (report.written, report.added, report.guessed) == (True, ["0141", "0107", "0122"], ["0141", "0107", "0122"])
    second = table_file(
        tmp_path, HEADER + "0141,路灯(带编码),Numbered light,照明\n0107,电信井盖,,\n", encoding=encoding
    )
    report = load(engine, second, now)
    assert (report.rows, report.changed, report.unchanged, report.removed) == (2, ["0141"], 1, ["0122"])
    with reading(engine) as tx:
        assert find_class(tx, "chaoyang", "0141").name_en == "Numbered light"
        assert find_class(tx, "chaoyang", "0107").family is Family.COVER
        assert find_scheme(tx, "chaoyang").name_zh == "朝阳区分类"
        actions = list(tx.execute(select(audit.c.action)).scalars())
    assert actions == ["class.import", "class.import"]


def test_a_workbook_gives_the_same_and_lost_zeros_come_back(engine: Engine, tmp_path: Path, now: datetime):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["大类代码", "小类代码", "小类名称"])
    sheet.append([1, 41, "路灯(带编码)"])
    sheet.append(["01", "07", "电信井盖"])
    sheet.append([None, 129, "园林井盖"])
    book.save(tmp_path / "classes.xlsx")
    report = load(engine, tmp_path / "classes.xlsx", now)
    assert (report.added, report.faults) == (["0141", "0107", "0129"], [])
    assert dict(report.columns) == {"major": "大类代码", "minor": "小类代码", "name_zh": "小类名称"}


def test_every_bad_row_is_named_and_nothing_is_written(engine: Engine, tmp_path: Path, now: datetime):
    rows = ["0101,甲井盖,,cover", "01011,乙,,", "0101,丙,,", "0102,,,", "0103,丁,,lid", "0100,戊,,", ",己,,"]
    report = load(engine, table_file(tmp_path, HEADER + "\n".join(rows)), now)
    assert report.written is False
    assert (report.rows, len(report.added)) == (7, 1)
    assert [(row, fault.column, fault.code) for row, fault in report.faults] == [
        (2, "编码", "code_form"),
        (3, "编码", "code_twice"),
        (4, "名称", "no_name"),
        (5, "类型", "family"),
        (6, "编码", "code_form"),
        (7, "编码", "no_code"),
    ]
    assert say_class_fault("code_twice", report.faults[1][1].args, "en") == (
        "stands in row 1 already",
        "remove one of the rows",
    )
    for _, fault in report.faults:
        assert all(say_class_fault(fault.code, fault.args))
    with reading(engine) as tx, pytest.raises(NotFound):
        find_scheme(tx, "chaoyang")


def test_a_class_that_assets_carry_stays_and_keeps_its_family(engine: Engine, tmp_path: Path, now: datetime):
    load(engine, table_file(tmp_path, HEADER + "0107,电信井盖,,cover\n0129,园林井盖,,cover\n"), now)
    extension = add_extension_class(
        engine, "chaoyang", name_zh="高杆灯", family=Family.LIGHT, major="01", by=SYSTEM, now=now
    )
    with writing(engine) as tx:
        new = NewAsset(division="110105", class_code="0107", scheme="chaoyang", lon=116.4, lat=39.9)
        register_asset(tx, new, now=now)
    report = load(engine, table_file(tmp_path, HEADER + "0129,园林井盖,,cover\n"), now)
    assert (report.removed, report.kept) == ([], ["0107", extension.code])
    report = load(engine, table_file(tmp_path, HEADER + "0107,电信井盖,,light\n"), now)
    assert [(row, fault.code) for row, fault in report.faults] == [(1, "family_in_use")]
    assert report.written is False
    with reading(engine) as tx:
        assert find_class(tx, "chaoyang", "0107").family is Family.COVER


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "file"),
        (HEADER, "file"),
        ("编码,说明\n0101,x\n", "name_zh"),
        ("名称,说明\n上水井盖,x\n", "code"),
        (HEADER + "0101,甲,,\n" * 5_001, "file"),
    ],
)
def test_what_is_no_class_table_is_refused(engine: Engine, tmp_path: Path, now: datetime, text: str, field: str):
    with pytest.raises(InvalidInput) as refused:
        load(engine, table_file(tmp_path, text), now)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("scheme", "field"),
    [
        (Scheme(key=CJT214_2007, name_zh="改"), "scheme"),
        (Scheme(key="我市", name_zh="我市"), "scheme"),
        (Scheme(key="ours", name_zh=" "), "name_zh"),
        (Scheme(key="ours", name_zh="x" * 81), "name_zh"),
    ],
)
def test_a_table_needs_a_key_of_its_own_and_a_name(
    engine: Engine, tmp_path: Path, now: datetime, scheme: Scheme, field: str
):
    path = table_file(tmp_path, HEADER + "0101,甲井盖,,\n")
    with pytest.raises(InvalidInput) as refused:
        import_class_table(engine, scheme, path, by=SYSTEM, now=now)
    assert refused.value.field == field


def test_the_citys_own_classes_follow_the_layout_of_the_table(engine: Engine, now: datetime):
    def add(scheme: str, name: str, major: str = "") -> str:
        return add_extension_class(
            engine, scheme, name_zh=name, family=Family.OTHER, major=major, by=SYSTEM, now=now
        ).code

    assert [add(CJT214_2007, "灯光变压器"), add(CJT214_2007, "灯光配电箱", "21")] == ["2101", "2102"]
    assert [add(GBT30428_2013, "甲", "01"), add(GBT30428_2013, "乙", "01"), add(GBT30428_2013, "丙", "02")] == [
        "0199",
        "0198",
        "0299",
    ]
    for scheme, name, major, field in (
        (CJT214_2007, "新", "01", "major"),
        (GBT30428_2013, "新", "", "major"),
        (CJT214_2007, "灯光变压器", "", "name_zh"),
        (CJT214_2007, " ", "", "name_zh"),
    ):
        with pytest.raises(InvalidInput) as refused:
            add(scheme, name, major)
        assert refused.value.field == field
    with pytest.raises(NotFound):
        add("nobody", "新")
    with writing(engine) as tx:
        load_classes(tx)
        assert find_class(tx, CJT214_2007, "2102").extension


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("电力井盖", Family.COVER),
        ("雨水箅子", Family.COVER),
        ("高杆灯", Family.LIGHT),
        ("路灯井盖", Family.COVER),
        ("灯箱霓虹灯", Family.OTHER),
        ("路灯灯光变压器", Family.OTHER),
        ("公用电话亭", Family.OTHER),
    ],
)
def test_the_family_is_told_by_the_name(name: str, family: Family):
    assert guess_family(name) is family


def test_a_class_that_no_table_has_is_named(engine: Engine):
    with reading(engine) as tx, pytest.raises(InvalidInput, match="'0199' is not in the class table"):
        find_class(tx, CJT214_2007, "0199")
