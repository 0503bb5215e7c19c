"""Files as they come: encodings, delimiters, headers in odd places, merged cells, formulas, wide and hostile ones."""

from __future__ import annotations

import json
import struct
import zipfile
from datetime import date
from pathlib import Path

import pytest
from openpyxl import Workbook

from registry.domain.errors import InvalidInput
from registry.tabular.cells import Formula
from registry.tabular.csv_files import open_csv
from registry.tabular.geojson_files import open_geojson
from registry.tabular.settings import ImportSettings
from registry.tabular.sources import find_format, open_table
from registry.tabular.xlsx_files import open_xlsx
from registry.tabular.zip_guard import check_archive, unpack

TABLE = "井盖编号,部件名称,经度,纬度\nA-1,上水井盖,120.61,31.31\n\n,,,\nA-2,雨水井盖,120.62,31.32\n"


def a_csv(tmp_path: Path, text: str, encoding: str = "utf-8", name: str = "井盖普查（一期）.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def a_book(tmp_path: Path, *rows: list[object], merged: tuple[str, ...] = ()) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for cells in merged:
        sheet.merge_cells(cells)
    path = tmp_path / "部件台账.xlsx"
    book.save(path)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_a_csv_is_read_in_the_encoding_it_is_in_and_empty_rows_are_passed_over(tmp_path: Path, encoding: str):
    table = open_csv(a_csv(tmp_path, TABLE, encoding))
    assert table.columns == ("井盖编号", "部件名称", "经度", "纬度")
    assert [(row.number, row.cells[0]) for row in table.rows()] == [(1, "A-1"), (4, "A-2")]
    assert [row.number for row in table.rows(2)] == [4]


def test_gbk_is_noticed_even_when_the_first_megabyte_is_plain_ascii(tmp_path: Path):
    text = "id,road\n" + "1,Main Street\n" * 100_000 + "2,人民路\n"
    table = open_csv(a_csv(tmp_path, text, "gbk"))
    assert table.encoding == "gb18030"
    *_, last = table.rows()
    assert last.cells == ["2", "人民路"]


def test_what_is_in_no_known_encoding_is_refused_with_the_remedy(tmp_path: Path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"id,road\n1,\xff\xff\xff\n")
    with pytest.raises(InvalidInput, match="save it as 'CSV UTF-8'"):
        open_csv(path)
    with pytest.raises(InvalidInput, match="choose another encoding"):
        open_csv(a_csv(tmp_path, TABLE, "gbk"), encoding="utf-8-sig")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str):
    text = TABLE.replace(",", delimiter)
    assert open_csv(a_csv(tmp_path, text)).delimiter == delimiter


def test_rows_with_more_cells_than_columns_are_told(tmp_path: Path):
    table = open_csv(a_csv(tmp_path, "a,b\n1,2\n1,2,3\n1,2,\n1\n"))
    rows = list(table.rows())
    assert [row.fault.code if row.fault else None for row in rows] == [None, "wrong_width", None, None]
    assert rows[3].cells == ["1", ""]


def test_titles_above_the_header_are_passed_over(tmp_path: Path):
    text = "某区窨井盖普查表,,,\n填报单位：水务局,,,\n" + TABLE
    table = open_csv(a_csv(tmp_path, text))
    assert (table.header.first, table.columns[0]) == (2, "井盖编号")
    assert next(table.rows()).cells[0] == "A-1"


def test_an_open_quotation_mark_does_not_swallow_the_file_in_silence(tmp_path: Path):
    text = 'id,note\n1,"open\n' + "2,x\n" * 400_000
    with pytest.raises(InvalidInput, match="a quotation mark is open"):
        list(open_csv(a_csv(tmp_path, text)).rows())


def test_a_sheet_with_merged_header_cells_and_two_header_rows_has_one_name_per_column(tmp_path: Path):
    path = a_book(
        tmp_path,
        ["2026年部件普查", None, None, None, None],
        ["编号", "坐标", None, "权属", None],
        [None, "经度", "纬度", "单位", "电话"],
        ["A-1", 120.61, 31.31, "水务局", None],
        merged=("A1:E1", "A2:A3", "B2:C2", "D2:E2"),
    )
    table = open_xlsx(path)
    assert table.columns == ("编号", "坐标/经度", "坐标/纬度", "权属/单位", "权属/电话")
    (row,) = table.rows()
    assert (row.number, row.cells[:4]) == (1, ["A-1", 120.61, 31.31, "水务局"])


def test_merged_cells_among_the_rows_show_their_value_in_each_row(tmp_path: Path):
    path = a_book(
        tmp_path, ["编号", "权属单位"], ["A-1", "水务局"], ["A-2", None], ["A-3", "路灯所"], merged=("B2:B3",)
    )
    assert [row.cells for row in open_xlsx(path).rows()] == [["A-1", "水务局"], ["A-2", "水务局"], ["A-3", "路灯所"]]


def test_sheets_can_be_chosen_and_empty_rows_and_dates_are_read(tmp_path: Path):
    book = Workbook()
    first = book.active
    assert first is not None
    first.title = "封面"
    second = book.create_sheet("井盖")
    second["B3"], second["C3"] = "编号", "安装日期"
    second["B6"], second["C6"] = "A-1", date(2024, 5, 17)
    path = tmp_path / "b.xlsx"
    book.save(path)
    table = open_xlsx(path)
    assert (table.sheet, table.sheets) == ("井盖", ("封面", "井盖"))
    (row,) = table.rows()
    assert (row.number, row.cells[1:]) == (3, ["A-1", date(2024, 5, 17)])
    with pytest.raises(InvalidInput, match="there are: 封面, 井盖"):
        open_xlsx(path, sheet="路灯")


def test_formulas_without_a_stored_result_are_marked_and_stored_results_are_used(tmp_path: Path):
    path = a_book(tmp_path, ["编号", "经度", "纬度"], ["A-1", "=120+0.61", 31.31])
    (row,) = open_xlsx(path).rows()
    assert isinstance(row.cells[1], Formula)
    assert row.cells[1] == "=120+0.61"
    computed = tmp_path / "computed.xlsx"
    with zipfile.ZipFile(path) as given, zipfile.ZipFile(computed, "w", zipfile.ZIP_DEFLATED) as made:
        for member in given.infolist():
            content = given.read(member)
            if member.filename == "xl/worksheets/sheet1.xml":
                assert b"<v />" in content or b"<v></v>" in content
                content = content.replace(b"<v />", b"<v>120.61</v>").replace(b"<v></v>", b"<v>120.61</v>")
            made.writestr(member.filename, content)
    (row,) = open_xlsx(computed).rows()
    assert row.cells[1] == 120.61


def test_a_sheet_of_three_hundred_columns_is_read(tmp_path: Path):
    names = [f"属性{number}" for number in range(300)]
    path = a_book(tmp_path, list(names), [f"v{number}" for number in range(300)])
    table = open_xlsx(path)
    assert table.columns == tuple(names)
    assert next(table.rows()).cells[299] == "v299"


def test_one_stray_cell_in_the_far_corner_does_not_ask_for_gigabytes(tmp_path: Path):
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"], sheet["XFD1048576"] = "编号", "x"
    path = tmp_path / "corner.xlsx"
    book.save(path)
    with pytest.raises(InvalidInput, match=r"spans 1048576 rows and 16384 columns.*save the sheet as CSV"):
        open_xlsx(path)


def a_bomb(path: Path, declared: int | None) -> None:
    """A workbook whose sheet unpacks to 64 MB of one letter; ``declared`` forges the size in both headers."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"a" * (64 << 20))
    if declared is not None:
        content = path.read_bytes()
        path.write_bytes(content.replace(struct.pack("<I", 64 << 20), struct.pack("<I", declared)))


def test_a_zip_bomb_named_xlsx_is_refused_before_it_is_opened(tmp_path: Path):
    bomb = tmp_path / "台账.xlsx"
    a_bomb(bomb, None)
    assert bomb.stat().st_size < 100_000
    with pytest.raises(InvalidInput, match="zip bomb"):
        open_xlsx(bomb)


def test_a_zip_bomb_that_declares_to_be_small_is_found_out_by_unpacking(tmp_path: Path):
    bomb = tmp_path / "台账.xlsx"
    a_bomb(bomb, 1000)
    with pytest.raises(InvalidInput, match="holds more than it declares"):
        check_archive(bomb)


def test_an_archive_that_declares_gigabytes_is_refused_without_unpacking(tmp_path: Path):
    bomb = tmp_path / "台账.xlsx"
    a_bomb(bomb, 0xFFFFFFF0)
    with pytest.raises(InvalidInput, match="unpacks to more than 256 MB"):
        check_archive(bomb)


def test_a_sound_archive_passes_and_is_unpacked_in_pieces(tmp_path: Path):
    path = a_book(tmp_path, ["编号"], ["A-1"])
    check_archive(path)
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            assert b"".join(unpack(file, member)) == archive.read(member)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xd0\xcf\x11\xe0" + bytes(600), "old .xls, or has a password; open it in a spreadsheet and save"),
        (b"PK\x03\x04 and then nothing of the kind", "no workbook, or damaged"),
    ],
)
def test_what_is_no_workbook_is_refused(tmp_path: Path, content: bytes, problem: str):
    path = tmp_path / "x.xlsx"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=problem):
        open_xlsx(path)


def a_collection(tmp_path: Path, *features: object, **members: object) -> Path:
    path = tmp_path / "路灯.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", **members, "features": list(features)}), "utf-8")
    return path


def point(lon: float, lat: float, **properties: object) -> dict[str, object]:
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": [lon, lat]}, "properties": properties}


def test_features_are_rows_and_nested_properties_columns(tmp_path: Path):
    path = a_collection(
        tmp_path, point(120.6, 31.3, id="1", owner={"name": "路灯所", "tel": "1"}), point(1, 2, height=8)
    )
    table = open_geojson(path)
    assert table.columns == ("geometry.lon", "geometry.lat", "id", "owner.name", "owner.tel", "height")
    first, second = table.rows()
    assert first.cells == [120.6, 31.3, "1", "路灯所", "1", None]
    assert first.raw == {"id": "1", "owner": {"name": "路灯所", "tel": "1"}}
    assert second.cells[-1] == 8


def test_a_feature_without_a_point_is_a_row_with_a_fault(tmp_path: Path):
    line = {"type": "Feature", "geometry": {"type": "LineString", "coordinates": []}, "properties": {}}
    none = {"type": "Feature", "geometry": None, "properties": {}}
    rows = list(open_geojson(a_collection(tmp_path, line, none, "x", point(1, 2))).rows())
    assert [row.fault.code if row.fault else "" for row in rows] == ["not_a_point", "missing", "not_a_feature", ""]


def test_a_collection_larger_than_a_piece_of_it_is_read_whole(tmp_path: Path):
    features = [point(120.0 + n / 1e5, 31.0, id=n, note="注" * 200) for n in range(3_000)]
    path = a_collection(tmp_path, *features)
    assert path.stat().st_size > 3 << 20
    assert [row.cells[2] for row in open_geojson(path).rows()] == list(range(3_000))


def test_a_collection_in_another_system_is_refused_wherever_it_says_so(tmp_path: Path):
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4549"}}
    with pytest.raises(InvalidInput, match="EPSG:4490"):
        list(open_geojson(a_collection(tmp_path, point(1, 2), crs=crs)).rows())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"type": "Topology", "objects": {}}', "type FeatureCollection"),
        ('{"type": "FeatureCollection", "features": {}}', "must be a list"),
        ('{"type": "FeatureCollection", "features": [', "ends too early"),
        ('{"type": "FeatureCollection", "features": [{"a": tru}]}', "is not GeoJSON"),
        ("[" * 100_000, "type FeatureCollection"),
        ('{"type": "FeatureCollection", "features": [' + "[" * 200_000, "is not GeoJSON"),
    ],
)
def test_what_is_no_collection_is_refused(tmp_path: Path, text: str, problem: str):
    path = tmp_path / "x.geojson"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=problem):
        open_geojson(path)


def test_a_files_content_decides_its_format_not_its_name(tmp_path: Path):
    book = a_book(tmp_path, ["编号"], ["A-1"]).rename(tmp_path / "book.csv")
    assert find_format(book) == "xlsx"
    assert open_table(book, ImportSettings()).columns == ("编号",)
    assert find_format(a_collection(tmp_path, point(1, 2))) == "geojson"
    assert find_format(a_csv(tmp_path, TABLE)) == "csv"
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(InvalidInput, match="is empty"):
        find_format(empty)


def test_characters_that_no_database_keeps_are_taken_out(tmp_path: Path):
    path = tmp_path / "x.geojson"
    path.write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": null, "properties": '
        '{"whole": "\\ud83d\\ude00", "half": "a\\ud800b", "zero": "a\\u0000b"}}]}'
    )
    (row,) = open_geojson(path).rows()
    assert row.raw == {"whole": "😀", "half": "a?b", "zero": "ab"}
