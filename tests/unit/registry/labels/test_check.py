"""No label leaves that does not say its token: what is drawn is decoded again."""

from __future__ import annotations

import io
from random import Random

import pytest
from PIL import Image, ImageDraw

from registry.domain.errors import InvalidInput
from registry.domain.tokens import new_token
from registry.labels import LabelFacts, LabelUnreadable, label_png, label_svg
from registry.labels.check import check_picture, check_svg

TOKEN = new_token(Random(7))
ADDRESS = f"HTTPS://COVERS.EXAMPLE.CN/Q/{TOKEN}"
FACTS = LabelFacts(
    token=TOKEN,
    code="3205080118000001",
    name_zh="路灯 <一>",
    name_en='Streetlight & "co"',
    public_url="https://covers.example.cn",
)


def test_a_picture_that_says_something_else_is_refused():
    picture = Image.open(io.BytesIO(label_png(FACTS)))
    check_picture(picture, ADDRESS)
    with pytest.raises(LabelUnreadable, match="do not print"):
        check_picture(picture, ADDRESS[:-1] + "2")


def test_a_picture_without_a_readable_symbol_is_refused():
    picture = Image.open(io.BytesIO(label_png(FACTS)))
    ImageDraw.Draw(picture).rectangle((0, 300, picture.width, 420), fill="white")
    with pytest.raises(LabelUnreadable, match=r"reads \[\]"):
        check_picture(picture, ADDRESS)


@pytest.mark.parametrize(
    ("drawn", "damaged"),
    [
        pytest.param("h7v1h-7z", "h7v1h-6z", id="does not close"),
        pytest.param("h7v1h-7z", "h7v2h-7z", id="another shape"),
        pytest.param(") scale(", ") rotate(7) scale(", id="placed otherwise"),
        pytest.param('fill="#000"', 'fill="#fff"', id="invisible"),
    ],
)
def test_an_svg_whose_path_was_damaged_is_refused(drawn: str, damaged: str):
    document = label_svg(FACTS)
    check_svg(document, ADDRESS)
    assert drawn in document
    with pytest.raises(LabelUnreadable, match="do not print"):
        check_svg(document.replace(drawn, damaged, 1), ADDRESS)


def test_an_svg_is_one_path_with_its_words_as_text_and_safe_against_names():
    document = label_svg(FACTS)
    assert document.count("<path") == 1
    assert "路灯 &lt;一&gt;" in document
    assert "320508 0118 000001" in document
    assert 'width="60mm" height="90mm"' in document
    assert len(document) < 9_000


def test_a_png_has_its_size_in_millimetres_written_into_it():
    with Image.open(io.BytesIO(label_png(FACTS, dpi=300))) as picture:
        assert picture.size == (709, 1063)
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("dpi", [100, 203, 600])
def test_printers_of_every_resolution_get_a_readable_symbol(dpi: int):
    with Image.open(io.BytesIO(label_png(FACTS, dpi=dpi))) as picture:
        check_picture(picture, ADDRESS)


@pytest.mark.parametrize("dpi", [0, 99, 1201, 10**6])
def test_a_resolution_no_printer_has_is_refused(dpi: int):
    with pytest.raises(InvalidInput, match="dpi: "):
        label_png(FACTS, dpi=dpi)


def test_without_a_chinese_font_the_plate_is_drawn_in_english_and_digits():
    plain = label_png(FACTS, chinese=False)
    with Image.open(io.BytesIO(plain)) as picture:
        check_picture(picture, ADDRESS)
    assert plain != label_png(FACTS)
