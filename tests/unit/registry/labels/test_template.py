"""Templates are data: they travel as JSON, and what is wrong with one is said with its field and the remedy."""

from __future__ import annotations

import math

import msgspec
import pytest

from registry.domain.errors import InvalidInput
from registry.labels import (
    FORMATS,
    LabelTemplate,
    check_template,
    make_label,
    make_labels,
    read_template,
    shipped_templates,
    standard_plate,
    template_body,
    template_json,
)
from registry.labels.layout import draw
from registry.labels.template import (
    ArcElement,
    BoxElement,
    Hole,
    LineElement,
    LogoElement,
    QrPlace,
    Roll,
    Sheet,
    TextElement,
)

SHIPPED = {template.key: template for template in shipped_templates()}


def changed(**changes: object) -> LabelTemplate:
    return msgspec.structs.replace(standard_plate(), **changes)


def text(**changes: object) -> TextElement:
    given: dict[str, object] = {"field": "name", "x_mm": 3, "y_mm": 3, "width_mm": 54, "size_mm": 4}
    return TextElement(**(given | changes))  # type: ignore[arg-type]


def fields_of(template: LabelTemplate) -> list[str]:
    return [problem.field for problem in check_template(template)]


@pytest.mark.parametrize("template", shipped_templates(), ids=lambda template: template.key)
def test_a_shipped_template_has_no_faults_and_comes_back_from_json_unchanged(template):
    assert check_template(template) == []
    assert read_template(template_json(template)) == template
    assert read_template(template_body(template)) == template


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("template", shipped_templates(), ids=lambda template: template.key)
def test_a_shipped_template_makes_a_readable_label_in_every_format(template, fmt, facts_of):
    (made,) = make_labels(template, [facts_of(3)], fmt)
    assert (made.problem, made.remarks) == ("", ())
    assert made.content
    assert made.error_level == template.error_level
    assert made.qr_version == template.qr_version


def test_a_blank_plate_shows_its_token_and_no_empty_lines(facts_of):
    blank = facts_of(3, code="", name_zh="", name_en="", maintainer="", phone="", road="", city_zh="")
    said = [words.field for words in draw(SHIPPED["lamp-post-50x120"], blank).words]
    assert said == ["token", "text"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"key": "Plate 1"}, "key"),
        ({"name_zh": " "}, "name_zh"),
        ({"width_mm": 3}, "width_mm"),
        ({"shape": "round"}, "height_mm"),
        ({"corner_mm": 31}, "corner_mm"),
        ({"bleed_mm": -1}, "bleed_mm"),
        ({"ground": "blue"}, "ground"),
        ({"quiet_modules": 2}, "quiet_modules"),
        ({"qr_version": 11}, "qr_version"),
        ({"qr": QrPlace(x_mm=20, y_mm=16, side_mm=52)}, "qr"),
        ({"qr": QrPlace(x_mm=4, y_mm=16, side_mm=9)}, "qr.side_mm"),
        ({"roll": Roll(dpi=72)}, "roll.dpi"),
        ({"roll": Roll(gap_mm=-1)}, "roll.gap_mm"),
        ({"sheet": Sheet(columns=4, rows=2, left_mm=0, top_mm=0, pitch_x_mm=60, pitch_y_mm=90)}, "sheet.columns"),
        ({"sheet": Sheet(columns=2, rows=2, left_mm=0, top_mm=0, pitch_x_mm=50, pitch_y_mm=90)}, "sheet.pitch_x_mm"),
        ({"sheet": Sheet(columns=2, rows=4, left_mm=0, top_mm=0, pitch_x_mm=60, pitch_y_mm=90)}, "sheet.rows"),
        ({"holes": (Hole(x_mm=30, y_mm=40, diameter_mm=4),), "elements": ()}, "holes[0].x_mm"),
        ({"holes": (Hole(x_mm=1, y_mm=5, diameter_mm=4),), "elements": ()}, "holes[0].x_mm"),
        ({"holes": (Hole(x_mm=30, y_mm=6, diameter_mm=4),)}, "elements[1].x_mm"),
        ({"elements": (text(y_mm=40),)}, "elements[0].y_mm"),
        ({"elements": (text(x_mm=30),)}, "elements[0].x_mm"),
        ({"elements": (text(size_mm=0.5),)}, "elements[0].size_mm"),
        ({"elements": (text(field="text"),)}, "elements[0].text"),
        ({"elements": (text(text="雨水"),)}, "elements[0].text"),
        ({"elements": (text(colour="red"),)}, "elements[0].colour"),
        ({"elements": (text(prefix="a\nb"),)}, "elements[0].text"),
        ({"elements": (LineElement(x1_mm=0, y1_mm=40, x2_mm=60, y2_mm=40),)}, "elements[0].x1_mm"),
        ({"elements": (BoxElement(x_mm=1, y_mm=1, width_mm=9, height_mm=9),)}, "elements[0].fill"),
        ({"elements": (LogoElement(x_mm=1, y_mm=1, width_mm=9, height_mm=9),)}, "elements[0].image"),
        ({"elements": (LogoElement(x_mm=1, y_mm=1, width_mm=9, height_mm=9, image="?"),)}, "elements[0].image"),
        ({"elements": (ArcElement(field="name", radius_mm=15, size_mm=3),)}, "elements[0].radius_mm"),
        ({"elements": tuple(text() for _ in range(61))}, "elements"),
    ],
)
def test_a_fault_is_named_with_its_field(changes, field):
    assert field in fields_of(changed(**changes))


def test_all_faults_are_told_at_once():
    assert fields_of(changed(key="?", width_mm=1e9, elements=(text(y_mm=40, size_mm=0.1),)))[:2] == ["key", "width_mm"]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused_before_anything_is_compared(number):
    assert fields_of(changed(width_mm=number)) == ["width_mm"]
    assert fields_of(changed(elements=(text(size_mm=number),))) == ["elements[0].size_mm"]


def test_a_symbol_too_fine_for_phones_is_refused_with_the_size_that_would_do():
    (problem,) = check_template(changed(qr=QrPlace(x_mm=4, y_mm=16.2, side_mm=10)))
    assert "phones need 0.33: make it 12.2 mm or more" in problem.problem


def test_a_long_address_that_makes_the_symbol_too_fine_is_refused_when_the_label_is_made(facts_of):
    with pytest.raises(InvalidInput, match=r"qr.side_mm: .* make it 1[0-9.]+ mm or more, or use a shorter public_url"):
        make_label(
            msgspec.structs.replace(SHIPPED["small-25x25"], qr=QrPlace(x_mm=5, y_mm=1, side_mm=14), elements=()),
            facts_of(public_url="https://manhole-covers-and-lamps.digital-city-management.example.gov.cn"),
            "svg",
        )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "template"),
        (b"[]", "template"),
        ({"key": "a"}, "template"),
        (template_body(standard_plate()) | {"width_mm": "wide"}, "width_mm"),
        (template_body(standard_plate()) | {"colour": "red"}, "template"),
        (template_body(standard_plate()) | {"elements": [{"type": "video"}]}, "elements[0].type"),
    ],
)
def test_what_is_no_template_at_all_is_refused_with_the_place(body, field):
    with pytest.raises(InvalidInput) as refused:
        read_template(body)
    assert refused.value.field == field


def test_a_wrong_template_makes_no_label(facts_of):
    with pytest.raises(InvalidInput, match="quiet_modules"):
        make_labels(changed(quiet_modules=1), [facts_of()], "svg")
