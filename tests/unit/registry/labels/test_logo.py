"""What people upload as a logo is made anew; what is not a picture is refused with what to do."""

from __future__ import annotations

import io
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, PngImagePlugin

from registry.domain.errors import InvalidInput
from registry.labels import check_template, make_label, shipped_templates, standard_plate
from registry.labels.logo import MOST_BYTES, clean_logo, logo_picture
from registry.labels.template import LogoElement

PLACE = LogoElement(x_mm=4, y_mm=3, width_mm=9, height_mm=9)
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20"><script>alert(1)</script>'
    b'<path d="M0 0H20V20H0Z M5 5V15H15V5Z"/><image href="http://example.com/x.png"/></svg>'
)


def picture(size: tuple[int, int] = (40, 20)) -> bytes:
    drawn = Image.new("RGBA", size, (0, 0, 0, 0))
    ImageDraw.Draw(drawn).ellipse((0, 0, size[0] - 1, size[1] - 1), fill="#c00000")
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "taken at home")
    out = io.BytesIO()
    drawn.save(out, "PNG", pnginfo=notes)
    return out.getvalue()


def test_a_picture_is_made_anew_without_what_was_written_into_it():
    cleaned = clean_logo(picture((1400, 700)), PLACE)
    drawn = logo_picture(cleaned.image)
    assert drawn.size == (600, 300)
    assert "taken at home" not in cleaned.image
    assert not drawn.info.get("Comment")


def test_an_svg_becomes_one_outline_and_nothing_else_of_it_stays():
    cleaned = clean_logo(SVG, PLACE)
    assert (cleaned.image, cleaned.path_width, cleaned.path_height) == ("", 20, 20)
    assert "script" not in cleaned.path
    assert "http" not in cleaned.path


@pytest.mark.parametrize("fmt", ["svg", "png", "pdf", "dxf"])
@pytest.mark.parametrize("content", [picture(), SVG], ids=["picture", "outline"])
def test_a_logo_is_drawn_in_every_format(content, fmt, facts_of):
    plate = standard_plate()
    with_logo = msgspec.structs.replace(plate, elements=(*plate.elements, clean_logo(content, PLACE)))
    assert check_template(with_logo) == []
    assert make_label(with_logo, facts_of(), fmt) != make_label(plate, facts_of(), fmt) or fmt == "dxf"


def test_an_engraved_label_takes_outlines_only(facts_of):
    disc = next(template for template in shipped_templates() if template.engraving)
    place = LogoElement(x_mm=4, y_mm=20, width_mm=5, height_mm=5)
    engraved = msgspec.structs.replace(disc, elements=(clean_logo(SVG, place),), holes=())
    assert check_template(engraved) == []
    assert make_label(engraved, facts_of(), "dxf").count(b"ENGRAVE") > 2
    pictured = msgspec.structs.replace(disc, elements=(clean_logo(picture(), place),), holes=())
    assert [problem.field for problem in check_template(pictured)] == ["elements[0].image"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"GIF89a but not", "is not a PNG, JPEG or SVG picture"),
        (b"", "is not a PNG, JPEG or SVG picture"),
        (b"%PDF-1.7", "is not a PNG, JPEG or SVG picture"),
        (picture()[:200], "is not a PNG, JPEG or SVG picture"),
        (b"x" * (MOST_BYTES + 1), "at most 1 MB"),
        (b"<svg viewBox='0 0 9 9'><text>city</text></svg>", "no outlines"),
        (b"<svg><path d='M0 0H1V1Z'/></svg>", "no viewBox"),
        (b"<svg viewBox='0 0 9'><path d='M0 0H1V1Z'/></svg>", "four numbers"),
        (b"<svg viewBox='0 0 9 9'><path d='M0 0 nonsense'/></svg>", "can't be read"),
        (b"<!DOCTYPE svg [<!ENTITY a 'aaaa'>]><svg viewBox='0 0 9 9'>&a;</svg>", "declares a document type"),
    ],
)
def test_what_is_no_usable_logo_is_refused_with_the_reason(content, problem):
    with pytest.raises(InvalidInput, match=problem) as refused:
        clean_logo(content, PLACE)
    assert refused.value.field == "logo"


def test_a_picture_that_would_fill_the_memory_is_refused():
    bomb = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(bomb, "PNG")
    with pytest.raises(InvalidInput, match="12000 × 12000 pixels; make it smaller"):
        clean_logo(bomb.getvalue(), PLACE)


PIECES = """
<svg viewBox='0 0 9 9'>|<svg viewBox='a b'>|<path d='|M0 0|L1 1|A1 1 0 9 9 1 1|c1e999|z|'/>|<circle r='x'/>
|<rect width='-1' height='5'/>|<g transform='rotate(1,2'>|</g>|</svg>|\x00|&b;
""".replace("\n", "").split("|")
pieces = st.lists(st.sampled_from(PIECES), max_size=12)


@settings(deadline=None)
@given(pieces)
def test_nonsense_that_calls_itself_svg_is_an_outline_or_a_clear_refusal(parts):
    content = ("<svg viewBox='0 0 9 9'>" + "".join(parts)).encode()
    with suppress(InvalidInput):
        assert clean_logo(content, PLACE).path
