"""Exports: what an import understands, in each format and system, guarded against spreadsheets, within one's area."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import Engine, select

from registry.domain.errors import InvalidInput
from registry.domain.geo import Crs
from registry.domain.kinds import AssetState, Role
from registry.domain.people import SYSTEM, Actor
from registry.services.exports import ExportWish, export_assets, export_to
from registry.storage.database import reading
from registry.storage.tables import asset
from tests.census import HEADER, Importer, census, covers, whole_registry

WIDE = (*HEADER, "权属单位", "井深(mm)", "材质", "尺寸", "安装日期", "状态", "备注", "RFID")
ROW = (
    "A-1",
    "雨水井盖",
    "120.6",
    "31.3",
    "人民路",
    "水务局",
    "1200",
    "=1+1",
    "700×700",
    "2024-05-17",
    "破损",
    "-5",
    "E2",
)


@pytest.fixture
def importer(engine: Engine, tmp_path: Path) -> Importer:
    importer = Importer(engine, tmp_path / "data")
    importer.run(census([ROW], WIDE), add_units=True)
    importer.run(census(covers(3, first=10)))
    return importer


def exported(engine: Engine, by: Actor = SYSTEM, **wish: object) -> bytes:
    return b"".join(export_assets(engine, ExportWish(**wish), by=by))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wish",
    [
        {"format": "csv"},
        {"format": "csv", "encoding": "gb18030"},
        {"format": "csv", "crs": Crs.GCJ02},
        {"format": "csv", "crs": Crs.BD09},
        {"format": "xlsx"},
        {"format": "xlsx", "crs": Crs.CGCS2000},
        {"format": "geojson"},
    ],
)
def test_an_export_imports_as_unchanged_without_a_word_about_it(
    importer: Importer, engine: Engine, wish: dict[str, object]
):
    before = whole_registry(engine)
    run_id = importer.keep(exported(engine, **wish), f"导出.{wish['format']}")
    settings = importer.settings(run_id, crs="")
    crs = importer_crs(importer, run_id)
    assert (crs, settings.key) == (str(wish.get("crs", Crs.WGS84).value), "code")  # type: ignore[attr-defined]
    view = importer.run(exported(engine, **wish), f"导出.{wish['format']}", crs=crs)
    assert (view.rows, view.unchanged, view.remarks) == (4, 4, 0)
    assert whole_registry(engine) == before


def importer_crs(importer: Importer, run_id: int) -> str:
    """The system that the file itself says it is in."""
    from registry.services.imports import look_at

    return look_at(importer.engine, importer.data_dir, run_id).guessed.crs


def test_a_csv_is_guarded_so_that_no_spreadsheet_runs_what_a_cell_says(importer: Importer, engine: Engine):
    text = exported(engine).decode("utf-8-sig")
    first = next(iter(csv.DictReader(io.StringIO(text))))
    assert first["材质"] == "'=1+1"
    assert first["部件编码"] == "3205080103000001"
    assert not any(cell.startswith(("=", "+", "@")) for cell in first.values())


def test_a_sheet_holds_text_where_text_was(importer: Importer, engine: Engine):
    book = load_workbook(io.BytesIO(exported(engine, format="xlsx")))
    sheet = book["资产"]
    header = [cell.value for cell in sheet[1]]
    material = sheet.cell(2, header.index("材质") + 1)
    assert (material.value, material.data_type) == ("=1+1", "s")


def test_geojson_has_a_point_and_what_is_known(importer: Importer, engine: Engine):
    document = json.loads(exported(engine, format="geojson"))
    first = document["features"][0]
    assert first["geometry"] == {"type": "Point", "coordinates": [120.6, 31.3]}
    assert first["properties"]["别名:RFID"] == "E2"
    assert json.loads(first["properties"]["附加信息"]) == {"备注": "-5"}
    with pytest.raises(InvalidInput, match="WGS-84 by its standard"):
        exported(engine, format="geojson", crs=Crs.GCJ02)


def test_filters_and_the_persons_own_area_narrow_the_export(importer: Importer, engine: Engine):
    def codes(by: Actor = SYSTEM, **wish: object) -> list[str]:
        rows = csv.DictReader(io.StringIO(exported(engine, by, **wish).decode("utf-8-sig")))
        return [row["部件编码"][-1] for row in rows]

    assert codes() == ["1", "2", "3", "4"]
    assert codes(state=AssetState.DAMAGED) == ["1"]
    assert codes(class_code="0102") == []
    assert codes(area_code="3205") == ["1", "2", "3", "4"]
    elsewhere = Actor(user_id=None, name="吴中", role=Role.REGISTRAR, unit_id=None, area_code="320506")
    assert codes(elsewhere) == []


def test_an_export_is_written_whole_or_not_at_all(importer: Importer, engine: Engine, tmp_path: Path):
    path = tmp_path / "资产.csv"
    assert export_to(path, export_assets(engine, ExportWish(), by=SYSTEM)) == path.stat().st_size

    def broken() -> object:
        yield b"half"
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        export_to(tmp_path / "other.csv", broken())  # type: ignore[arg-type]
    assert sorted(each.name for each in tmp_path.glob("*.csv")) == ["资产.csv"]
    assert not list(tmp_path.glob(".*.part"))


def test_an_empty_registry_exports_its_header(engine: Engine):
    with reading(engine) as tx:
        assert tx.execute(select(asset)).all() == []
    assert exported(engine).decode("utf-8-sig").splitlines()[0].startswith("部件编码,分类代码")
    assert json.loads(exported(engine, format="geojson"))["features"] == []
