"""What stands on a plate, and what can't be printed on one."""

from __future__ import annotations

from random import Random

import pytest

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family
from registry.domain.tokens import grouped, new_token
from registry.labels import LabelFacts, standard_plate, tag_address
from registry.labels.layout import draw
from registry.labels.plate import Box, Plate
from registry.labels.symbol import make_symbol

TOKEN = new_token(Random(7))


def draw_plate(given: LabelFacts) -> Plate:
    return draw(standard_plate(), given)


def facts(**changes: object) -> LabelFacts:
    given = {
        "token": TOKEN,
        "code": "3205080101000001",
        "name_zh": "上水井盖",
        "name_en": "Water supply cover",
        "public_url": "https://covers.example.cn",
        "family": Family.COVER,
        "maintainer": "市政设施养护处",
        "phone": "0512-6500-0101",
    }
    return LabelFacts(**(given | changes))  # type: ignore[arg-type]


def test_the_address_is_upper_case_and_short_enough_for_a_small_symbol():
    address = tag_address("https://covers.example.cn/", TOKEN.lower())
    assert address == f"HTTPS://COVERS.EXAMPLE.CN/Q/{TOKEN}"
    symbol = make_symbol(address, "Q")
    assert (symbol.version, symbol.side) == (3, 29)  # in byte mode it would be version 4


def test_the_demo_citys_address_keeps_its_port():
    assert tag_address("http://127.0.0.1:8080", TOKEN) == f"HTTP://127.0.0.1:8080/Q/{TOKEN}"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("covers.example.cn", "must look like https://"),
        ("ftp://covers.example.cn", "must look like https://"),
        ("https://", "must look like https://"),
        ("https://example.cn/city", "scheme and host only"),
        ("https://me@example.cn", "scheme and host only"),
        ("https://example.cn?x=1", "scheme and host only"),
        ("https://井盖.example.cn", "plates can't carry"),
        ("https://under_score.example.cn", "has _, which plates can't carry"),
    ],
)
def test_an_address_that_a_plate_can_not_carry_is_refused(url: str, problem: str):
    with pytest.raises(InvalidInput, match=problem) as refused:
        tag_address(url, TOKEN)
    assert refused.value.field == "public_url"


def test_the_plate_says_code_token_class_and_who_looks_after_it():
    said = [words.text for words in draw_plate(facts()).words]
    assert said[:2] == ["上水井盖", "Water supply cover"]
    assert "320508 0101 000001" in said
    assert grouped(TOKEN) in said
    assert said[-2:] == ["市政设施养护处", "0512-6500-0101"]


def test_the_quiet_zone_is_four_modules_of_nothing_but_paper():
    plate = draw_plate(facts())
    symbol, panel = plate.symbol, plate.ground.shapes[-1]
    assert isinstance(panel, Box)
    quiet = 4 * symbol.module_mm
    assert symbol.quiet_mm == pytest.approx(quiet)
    assert panel.x_mm <= symbol.x_mm - quiet
    assert symbol.x_mm + symbol.side_mm + quiet <= panel.x_mm + panel.width_mm
    assert panel.y_mm <= symbol.y_mm - quiet + 1e-9
    below = min(words.y_mm - 0.75 * words.size_mm for words in plate.words if words.y_mm > symbol.y_mm)
    assert symbol.y_mm + symbol.side_mm + quiet <= below


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name_zh": "特别特别特别特别特别特别长的名字的井盖", "name_en": "A cover with a remarkably long English name"},
        {"maintainer": "某某市某某区某某街道市政设施养护管理服务中心有限责任公司", "phone": "1" * 40},
        {"maintainer": "", "phone": ""},
        {"name_en": ""},
    ],
)
def test_every_line_stays_on_the_plate_however_long_its_words(changes: dict[str, str]):
    for words in draw_plate(facts(**changes)).words:
        assert 0 < words.x_mm < words.x_mm + words.width_mm < standard_plate().width_mm
        assert 0 < words.y_mm < standard_plate().height_mm


def test_a_wrong_token_or_code_is_never_printed():
    with pytest.raises(InvalidInput, match="token: "):
        draw_plate(facts(token="ABCDEFGHJK"))
    with pytest.raises(InvalidInput, match="code: "):
        draw_plate(facts(code="123"))
