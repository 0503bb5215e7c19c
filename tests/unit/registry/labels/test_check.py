"""No label leaves that does not say its token: what is drawn is decoded again."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from registry.domain.errors import InvalidInput
from registry.domain.tokens import new_token
from registry.labels import (
    LabelFacts,
    LabelUnreadable,
    label_png,
    label_svg,
    make_label,
    shipped_templates,
    standard_plate,
)
from registry.labels.check import check_dots, check_dxf, check_pdf_content, check_picture, check_svg
from registry.labels.layout import draw
from registry.labels.pdf_content import label_content
from registry.labels.png import Picture, to_png, with_filter_bytes
from registry.labels.zpl import to_zpl, zpl_dots

TOKEN = new_token(Random(7))
TEMPLATES = {template.key: template for template in shipped_templates()}
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


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content.replace(b" cm 0 g\n", b" cm 1 g\n"), id="invisible"),
        pytest.param(lambda content: content.replace(b"0 0 7 1 re", b"0 0 6 2 re"), id="another shape"),
        pytest.param(lambda content: re.sub(rb"\n\d+ (9|1\d|2\d) \d+ 1 re", b"", content), id="half of it missing"),
    ],
)
def test_a_pdf_label_whose_symbol_was_damaged_is_refused(damage: Callable[[bytes], bytes]):
    content = label_content(draw(standard_plate(), FACTS))
    check_pdf_content(content, ADDRESS)
    assert damage(content) != content
    with pytest.raises(LabelUnreadable, match="do not print"):
        check_pdf_content(damage(content), ADDRESS)


def test_a_zpl_job_is_read_as_a_printer_reads_it_and_refused_when_it_says_something_else():
    job = make_label(TEMPLATES["roll-50x30"], FACTS, "zpl").decode()
    assert job.startswith("^XA")
    assert job.count("^XZ") == 1
    dots = zpl_dots(job)
    assert dots.shape == (240, 50)
    check_dots(dots, ADDRESS, 5)
    with pytest.raises(LabelUnreadable, match="do not print"):
        check_dots(~dots[::-1], ADDRESS[:-1] + "2", 5)
    with pytest.raises(InvalidInput, match="zpl: the graphic has"):
        zpl_dots(job.replace("^GFA,12000,12000", "^GFA,12050,12050"))


@pytest.mark.parametrize(
    ("coded", "rows"),
    [
        ("FFFFFFFF", ["FFFFFFFF"]),
        ("HF,", ["FF000000"]),
        ("HF!", ["FFFFFFFF"]),
        ("MF0::", ["FFFFFFF0"] * 3),
        ("A,:,!", ["A0000000"] * 2 + ["00000000", "FFFFFFFF"]),
        ("lF", ["F" * 8] * 15),
        ("HAH0G1,", ["AA001000"]),
    ],
)
def test_the_counting_of_a_zpl_graphic_is_understood(coded: str, rows: list[str]):
    total = 4 * len(rows)
    job = f"^XA^FO0,0^GFA,{total},{total},4,{coded}^FS^XZ"
    assert [bytes(row).hex().upper() for row in zpl_dots(job)] == rows


@given(
    st.integers(1, 40).flatmap(
        lambda width: st.lists(st.lists(st.booleans(), min_size=width, max_size=width), min_size=1, max_size=20)
    )
)
def test_every_picture_comes_back_from_its_zpl_dot_for_dot(dots: list[list[bool]]):
    numbers = np.array(dots, dtype=np.uint8)
    rows = with_filter_bytes(numbers)
    picture = Picture(rows=rows, palette=((255,) * 3, (0,) * 3), dpi=203, module_px=4, two_colours=True)
    back = np.unpackbits(zpl_dots(to_zpl(picture)), axis=1)[:, : numbers.shape[1]]
    assert back.tolist() == numbers.tolist()


@given(
    st.integers(1, 40).flatmap(
        lambda width: st.lists(
            st.lists(st.integers(0, 3), min_size=width, max_size=width).flatmap(
                lambda row: st.integers(1, 4).map(lambda times: [row] * times)
            ),
            min_size=1,
            max_size=12,
        )
    ),
)
def test_every_picture_comes_back_from_its_png(bands: list[list[list[int]]]):
    numbers = np.array([row for band in bands for row in band], dtype=np.uint8)
    palette = ((255, 255, 255), (0, 0, 0), (15, 76, 117), (138, 75, 8))
    picture = Picture(rows=with_filter_bytes(numbers), palette=palette, dpi=300, module_px=4, two_colours=False)
    with Image.open(io.BytesIO(to_png(picture))) as back:
        assert np.asarray(back).tolist() == numbers.tolist()


def test_a_dxf_whose_lines_were_moved_is_refused():
    drawing = make_label(TEMPLATES["cover-disc-60"], FACTS, "dxf").decode()
    module = 34 / 41
    check_dxf(drawing, ADDRESS, module)
    with pytest.raises(LabelUnreadable, match="do not print"):
        check_dxf(drawing, ADDRESS[:-1] + "2", module)
    with pytest.raises(LabelUnreadable, match="nothing to engrave"):
        check_dxf(drawing.replace("\nENGRAVE\n", "\nTEXT\n"), ADDRESS, module)
