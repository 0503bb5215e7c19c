"""Area codes: taken apart, forgiven where people write them differently, refused with the reason."""

from __future__ import annotations

import pytest

from registry.domain.areas import (
    REMARKS,
    Remark,
    SubCounty,
    explain_area_code,
    parents_of,
    read_area_code,
    read_area_path,
)
from registry.domain.errors import InvalidInput
from registry.domain.kinds import AreaLevel


def test_a_cell_code_is_its_path_from_the_division_down():
    code = read_area_code("320508001002003")
    assert (code.level, code.division, code.sub_county, code.community, code.sequence) == (
        AreaLevel.CELL,
        "320508",
        "001",
        "002",
        "003",
    )
    assert code.sub_county_kind is SubCounty.STREET
    assert (code.path, code.remarks) == ("320508001002003", ())


@pytest.mark.parametrize(
    ("text", "level", "kept"),
    [
        ("3205", AreaLevel.CITY, "3205"),
        ("320500", AreaLevel.CITY, "3205"),
        ("320508", AreaLevel.DISTRICT, "320508"),
        ("320508000000", AreaLevel.DISTRICT, "320508"),
        ("320508101", AreaLevel.STREET, "320508101"),
        ("320508101000", AreaLevel.STREET, "320508101"),
        ("320508101201", AreaLevel.COMMUNITY, "320508101201"),
        ("22020600100109", AreaLevel.CELL, "22020600100109"),
        ("３２０５０８ 001-002-003", AreaLevel.CELL, "320508001002003"),
    ],
)
def test_the_length_tells_the_level_and_zeros_at_the_end_are_left_out(text: str, level: AreaLevel, kept: str):
    code = read_area_code(text)
    assert (code.level, code.code) == (level, kept)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("001", SubCounty.STREET),
        ("099", SubCounty.STREET),
        ("100", SubCounty.TOWN),
        ("199", SubCounty.TOWN),
        ("200", SubCounty.TOWNSHIP),
        ("399", SubCounty.TOWNSHIP),
        ("400", SubCounty.ENTERPRISE),
        ("599", SubCounty.ENTERPRISE),
        ("600", SubCounty.UNKNOWN),
    ],
)
def test_the_sub_county_number_says_what_it_is(number: str, kind: SubCounty):
    code = read_area_code(f"320508{number}")
    assert code.sub_county_kind is kind
    assert [remark.key for remark in code.remarks] == (["code_sub_county"] if kind is SubCounty.UNKNOWN else [])


@pytest.mark.parametrize(
    ("text", "level", "remark"),
    [
        ("", None, "code_missing"),
        ("abc", None, "code_not_digits"),
        ("32050", None, "code_length"),
        ("32050800100200304", None, "code_length"),
        ("320508", AreaLevel.STREET, "code_level"),
        ("990508", None, "code_province"),
        ("320508001000001", None, "code_zero"),
        ("320508001002000", None, "code_zero"),
        ("x" * 21, AreaLevel.DUTY, "code_too_long"),
        ("x" * 17, AreaLevel.CELL, "code_too_long"),
    ],
)
def test_what_is_no_code_is_refused_with_the_reason(text: str, level: AreaLevel | None, remark: str):
    code, remarks = explain_area_code(text, level)
    assert code is None
    assert remark in [each.key for each in remarks]
    with pytest.raises(InvalidInput):
        read_area_code(text, level)


def test_a_citys_own_codes_are_kept_and_are_no_path():
    grid, _ = explain_area_code("Z-01", AreaLevel.DUTY)
    cell, remarks = explain_area_code("3205080010020003", AreaLevel.CELL)
    assert grid is not None
    assert cell is not None
    assert (grid.path, cell.path, cell.code) == ("", "", "3205080010020003")
    assert [remark.key for remark in remarks] == ["code_own_cell"]
    with pytest.raises(InvalidInput):
        read_area_path("Z-01")
    assert read_area_path(" ") == ""


def test_an_area_lies_in_the_areas_whose_codes_begin_its_own():
    assert parents_of("320508001002003") == ["320508001002", "320508001", "320508", "3205"]
    assert parents_of("320508") == ["3205"]


def test_every_remark_is_told_in_both_languages_with_the_same_values():
    for key, words in REMARKS.items():
        names = [part.split("}")[0].split("!")[0] for part in words.en.split("{")[1:]]
        values = dict.fromkeys(names, "x")
        assert Remark(key, values).text("zh") != Remark(key, values).text("en"), key
