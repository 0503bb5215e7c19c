"""Component codes: read, written, and refused with the reason."""

from __future__ import annotations

import pytest

from registry.domain.codes import ComponentCode, next_extension, read_code
from registry.domain.errors import InvalidInput


def test_the_published_sample_is_division_class_and_serial():
    code = read_code("3205080101000001")
    assert (code.division, code.class_code, code.serial) == ("320508", "0101", 1)
    assert str(code) == "3205080101000001"
    assert code.grouped == "320508 0101 000001"


def test_blanks_between_groups_do_not_matter():
    assert read_code(" 320508 0101 000001\n") == ComponentCode(division="320508", class_code="0101", serial=1)


@pytest.mark.parametrize(
    ("text", "field", "problem"),
    [
        ("320508010100001", "code", "has 15 digits"),
        ("32050801010000011", "code", "has 17 digits"),
        ("3205080101O00001", "code", "digits only"),
        ("３205080101000001", "code", "digits only"),
        ("", "code", "digits only"),
        ("0205080101000001", "division", "begin with 1 to 9"),
        ("3205080001000001", "class_code", "major and minor"),
        ("3205080100000001", "class_code", "major and minor"),
        ("3205080101000000", "code", "begin at 000001"),
    ],
)
def test_what_is_not_a_code_is_refused_with_the_reason(text: str, field: str, problem: str):
    with pytest.raises(InvalidInput, match=problem) as refused:
        read_code(text)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("taken", "major", "proposed"),
    [
        ([], "21", "2101"),
        (["2101", "2102", "2104"], "21", "2103"),
        (["0101", "0178"], "01", "0199"),
        (["0199", "0197", "0198"], "01", "0196"),
    ],
)
def test_a_citys_own_class_gets_the_next_number_of_its_layout(taken: list[str], major: str, proposed: str):
    assert next_extension(taken, major) == proposed


def test_a_major_class_that_is_full_or_none_is_refused():
    with pytest.raises(InvalidInput, match="no number left"):
        next_extension([f"01{minor:02d}" for minor in range(1, 100)], "01")
    for major in ("1", "00", "x1", "２１"):
        with pytest.raises(InvalidInput, match="two digits"):
            next_extension([], major)
