"""Cells to values: full-width digits, degrees written in every way, dates, lengths; what can't be read says why."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from registry.domain.kinds import AssetState
from registry.tabular import values
from registry.tabular.cells import Formula, guarded, plain, unguarded
from registry.tabular.faults import FAULTS, BadValue, say, say_of_all


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("31.31", 31.31),
        (31.31, 31.31),
        ("３１．３１", 31.31),
        (" 31.31° ", 31.31),
        ("31°18′36″N", 31.31),
        ("31°18'36\"N", 31.31),
        ("31º18′36″", 31.31),
        ("N31°18′36″", 31.31),
        ("北纬31度18分36秒", 31.31),
        ("31-18-36", 31.31),
        ("31:18:36", 31.31),
        ("31 18 36", 31.31),
        ("31°18.6′", 31.31),
        ("东经120°36′36″", 120.61),
        ("120-36-36", 120.61),
        ("71°06′36″W", -71.11),
        ("-71°06′36″", -71.11),
        ("−71.11", -71.11),
        ("1e2", 100.0),
    ],
)
def test_degrees_are_read_in_every_common_form(cell: object, wanted: float):
    assert values.degrees(cell) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("cell", ["", "x", "31°61′00″", "31-18-75", "nan", "inf", "31,31", True, "N"])
def test_what_is_no_angle_is_refused(cell: object):
    with pytest.raises(BadValue, match=r"not_degrees|not_a_number"):
        values.degrees(cell)


@pytest.mark.parametrize(
    ("cell", "unit", "wanted"),
    [
        ("1200", "mm", 1200),
        (1.2, "m", 1200),
        ("1.2 m", "mm", 1200),
        ("１２０cm", "mm", 1200),
        ("1,200", "mm", 1200),
        ("1.2米", "mm", 1200),
        ("1200毫米", "m", 1200),
    ],
)
def test_lengths_are_millimetres_and_a_unit_in_the_cell_wins(cell: object, unit: str, wanted: int):
    assert values.millimetres(cell, unit) == wanted


def test_lengths_nobody_can_mean_are_refused():
    for cell, code in (("0", "too_large"), ("60 m", "too_large"), ("deep", "number_of_unit")):
        with pytest.raises(BadValue, match=code):
            values.millimetres(cell, "mm")


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "2024-05-17",
            "2024/5/17",
            "2024.05.17",
            "2024年5月17日",
            "20240517",
            "２０２４-０５-１７",
            "17/05/2024",
            45429,
        ),
        *("2024-05-17 08:30:00", date(2024, 5, 17), datetime(2024, 5, 17, 8)),  # noqa: DTZ001 - a sheet has no zone
    ],
)
def test_days_are_read_in_the_common_forms(cell: object):
    assert values.day(cell) == "2024-05-17"


@pytest.mark.parametrize("cell", ["03/04/2024", "2024-13-01", "2024-02-30", "soon", 7, "5"])
def test_a_day_that_can_be_read_in_two_ways_or_in_none_is_refused(cell: object):
    with pytest.raises(BadValue, match="not_a_date"):
        values.day(cell)


def test_a_long_number_that_a_spreadsheet_shortened_is_noticed():
    for cell in (3.20508010100001e15, "3.20508E+15"):
        with pytest.raises(BadValue, match="shortened"):
            values.digits(cell)
    assert values.digits("３２０５０８ 0101 000001") == "3205080101000001"


def test_formulas_and_error_values_are_told_apart_from_text():
    with pytest.raises(BadValue, match="formula"):
        values.words(Formula("=A1"), 100)
    with pytest.raises(BadValue, match="error_value"):
        values.number("#REF!")
    assert values.words("=1+1", 100) == "=1+1"


def test_states_are_understood_in_both_languages():
    assert values.state("缺失") is AssetState.LOST
    assert values.state("Intact") is AssetState.INTACT
    with pytest.raises(BadValue, match="unknown_state"):
        values.state("尚可")


@pytest.mark.parametrize("text", ["=1+1", "+86", "-5", "@here", "\tx"])
def test_text_that_a_spreadsheet_would_run_is_guarded_and_comes_back(text: str):
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text
    assert plain(guarded(text)) == plain(text)


def test_other_apostrophes_and_numbers_are_left_alone():
    assert guarded("O'Hara") == "O'Hara"
    assert plain("'s Gravenhage") == "'s Gravenhage"
    assert guarded(-5) == -5


def test_every_fault_is_said_in_both_languages_with_its_fix():
    names = "km low high most scheme why asset row metres is_now own found division class_code cells columns"
    args = dict.fromkeys(names.split(), "x")
    for code, words in FAULTS.items():
        assert all(words), code
        for lang in ("zh", "en"):
            problem, fix = say(code, args, lang)
            assert "{" not in problem + fix


def test_a_fault_of_many_rows_leaves_open_what_differs_from_row_to_row():
    assert say_of_all("repeated") == "与第 … 行重复"
    assert say_of_all("repeated", "en") == "stands in row … already"
    assert not any("{" in say_of_all(code, lang) for code in FAULTS for lang in ("zh", "en"))
