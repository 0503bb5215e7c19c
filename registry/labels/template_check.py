"""What is wrong with a template: everything at once, each with its field and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import cos, hypot, isfinite, radians

import msgspec

from registry.domain.errors import InvalidInput
from registry.labels.layout import LEAST_MODULE_MM
from registry.labels.logo import MOST_PATH, logo_picture
from registry.labels.symbol import MOST_VERSION, version_needed
from registry.labels.template import (
    FAMILY_COLOUR,
    PAGES_MM,
    ArcElement,
    BoxElement,
    Element,
    LabelTemplate,
    LineElement,
    LogoElement,
    TextElement,
)

SAMPLE_ADDRESS = "HTTPS://COVERS.EXAMPLE.CN/Q/K7M2Q9XWBZ"
"""An address of usual length, by which templates are judged before a city's own is known."""

LEAST_SIDE_MM, MOST_SIDE_MM = 8.0, 1000.0
LEAST_TEXT_MM = 1.0
MOST_ELEMENTS = 60
MOST_LOGO_BASE64 = 1_400_000
_KEY = re.compile(r"[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_TOUCH_MM = 0.01  # rounding, not overlap


def check_template(template: LabelTemplate) -> list[InvalidInput]:
    """All that is wrong with ``template``, each with the path of its field (``elements[2].size_mm``) and the remedy."""
    found = [
        InvalidInput(path, "must be an ordinary number") for path in _wild_numbers("", msgspec.to_builtins(template))
    ]
    if found:
        return found  # nothing can be compared with them
    found += [*_frame(template), *_symbol(template)]
    for number, element in enumerate(template.elements):
        found += [each.at(f"elements[{number}].{each.field}") for each in _element(element, template)]
    return [*found, *_holes(template), *_print(template)]


def _wild_numbers(path: str, value: object) -> Iterator[str]:
    if isinstance(value, float) and not isfinite(value):
        yield path
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _wild_numbers(f"{path}.{name}" if path else str(name), inner)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _wild_numbers(f"{path}[{number}]", inner)


def _frame(template: LabelTemplate) -> Iterator[InvalidInput]:
    if not _KEY.fullmatch(template.key):
        yield InvalidInput(
            "key", "{given!r} must be small letters, digits and hyphens, like lamp-post-60x90", given=template.key
        )
    if not template.name_zh.strip():
        yield InvalidInput("name_zh", "is empty; give the template a name that people choose it by")
    for name in ("name_zh", "name_en"):
        if len(getattr(template, name)) > 80:
            yield InvalidInput(name, "has more than 80 characters; make it shorter")
    for name, length in (("width_mm", template.width_mm), ("height_mm", template.height_mm)):
        if not LEAST_SIDE_MM <= length <= MOST_SIDE_MM:
            yield InvalidInput(
                name,
                "{given:g} must be between {least:g} and {most:g} mm",
                given=length,
                least=LEAST_SIDE_MM,
                most=MOST_SIDE_MM,
            )
    if template.shape == "round" and template.width_mm != template.height_mm:
        yield InvalidInput("height_mm", "a round label is as high as wide; make both the same")
    if not 0 <= template.corner_mm <= min(template.width_mm, template.height_mm) / 2:
        yield InvalidInput("corner_mm", "must be between 0 and half the shorter side")
    if not 0 <= template.bleed_mm <= 10:
        yield InvalidInput("bleed_mm", "must be between 0 and 10 mm")
    yield from _colour("ground", template.ground)
    if len(template.elements) > MOST_ELEMENTS:
        yield InvalidInput(
            "elements",
            "{count} are too many for one label; at most {most}",
            count=len(template.elements),
            most=MOST_ELEMENTS,
        )


def _symbol(template: LabelTemplate) -> Iterator[InvalidInput]:
    if not 4 <= template.quiet_modules <= 12:
        yield InvalidInput(
            "quiet_modules", "{given} must be between 4 (readers need that much) and 12", given=template.quiet_modules
        )
        return
    if not 1 <= template.qr_version <= MOST_VERSION:
        yield InvalidInput(
            "qr_version", "{given} must be between 1 and {most}", given=template.qr_version, most=MOST_VERSION
        )
        return
    place = template.qr
    if place.side_mm <= 0 or not _inside(template, (place.x_mm, place.y_mm, place.side_mm, place.side_mm)):
        yield InvalidInput(
            "qr", "the symbol with its quiet zone must lie inside the label; move it or make side_mm smaller"
        )
    version = version_needed(len(SAMPLE_ADDRESS), template.error_level, template.qr_version)
    modules = version * 4 + 17 + 2 * template.quiet_modules
    if place.side_mm / modules < LEAST_MODULE_MM:
        yield InvalidInput(
            "qr.side_mm",
            "{given:g} mm makes modules of {side_mm:.2f} mm, phones need {least}: make it {enough:.1f} "
            "mm or more, or choose a lower error level or qr_version",
            given=place.side_mm,
            side_mm=place.side_mm / modules,
            least=LEAST_MODULE_MM,
            enough=LEAST_MODULE_MM * modules,
        )
    if template.roll and 0 < place.side_mm / modules * template.roll.dpi / 25.4 < 2:
        yield InvalidInput(
            "roll.dpi",
            "{given} dots an inch can't print a module of 2 dots; make qr.side_mm larger",
            given=template.roll.dpi,
        )


def _element(element: Element, template: LabelTemplate) -> Iterator[InvalidInput]:
    if isinstance(element, TextElement | ArcElement):
        yield from _text(element)
    if isinstance(element, ArcElement):
        yield from _arc(element, template)
        return
    if isinstance(element, LineElement):
        yield from _required_colour("colour", element.colour)
        if element.stroke_mm <= 0:
            yield InvalidInput("stroke_mm", "must be above 0")
        left, right = sorted((element.x1_mm, element.x2_mm))
        top, bottom = sorted((element.y1_mm, element.y2_mm))
        if _overlaps(_qr_box(template), (left, top, right - left, bottom - top)):
            yield InvalidInput("x1_mm", "the line crosses the symbol or its quiet zone; move it")
        return
    high = element.size_mm if isinstance(element, TextElement) else element.height_mm
    if element.width_mm <= 0 or high <= 0:
        yield InvalidInput("width_mm", "width and height must be above 0")
        return
    box = (element.x_mm, element.y_mm, element.width_mm, high)
    if isinstance(element, BoxElement):
        yield from _box(element, template)
        return
    if isinstance(element, LogoElement):
        yield from _logo(element, template)
    if not _inside(template, box):
        yield InvalidInput("x_mm", "reaches over the edge of the label; move it or make it smaller")
    if _overlaps(_qr_box(template), box):
        yield InvalidInput("y_mm", "lies over the symbol or its quiet zone, which must stay empty; move it")


def _text(element: TextElement | ArcElement) -> Iterator[InvalidInput]:
    if element.size_mm < LEAST_TEXT_MM:
        yield InvalidInput(
            "size_mm", "{given:g} mm can't be read; at least {least:g}", given=element.size_mm, least=LEAST_TEXT_MM
        )
    if element.least_mm < LEAST_TEXT_MM:
        yield InvalidInput(
            "least_mm", "{given:g} mm can't be read; at least {least:g}", given=element.least_mm, least=LEAST_TEXT_MM
        )
    if element.field == "text" and not element.text.strip():
        yield InvalidInput("text", "is empty; write what the line says or choose another field")
    if element.field != "text" and element.text:
        yield InvalidInput("text", "is only for the field 'text'; use prefix for words before the value")
    if len(element.text) > 200 or len(element.prefix) > 40:
        yield InvalidInput("text", "is too long for one line of a label")
    if any(not letter.isprintable() for letter in element.text + element.prefix):
        yield InvalidInput("text", "has characters that can't be printed; write it on one line")
    if not -1 <= element.spacing_mm <= 20:
        yield InvalidInput("spacing_mm", "must be between -1 and 20 mm")
    yield from _required_colour("colour", element.colour)


def _arc(element: ArcElement, template: LabelTemplate) -> Iterator[InvalidInput]:
    outer = element.radius_mm + (element.size_mm if element.at == "top" else 0.3 * element.size_mm)
    inner = element.radius_mm - (0.3 * element.size_mm if element.at == "top" else element.size_mm)
    if outer > min(template.width_mm, template.height_mm) / 2:
        yield InvalidInput("radius_mm", "the letters reach over the edge of the label; make the radius smaller")
    if not 10 <= element.span_deg <= 350:
        yield InvalidInput("span_deg", "must be between 10 and 350")
    left, top, side, _ = _qr_box(template)
    middle = (template.width_mm / 2, template.height_mm / 2)
    corners = [(left + a * side - middle[0], top + b * side - middle[1]) for a in (0, 1) for b in (0, 1)]
    reach = max(hypot(*corner) for corner in corners)
    if inner <= 0:
        yield InvalidInput("radius_mm", "must be larger than the letters")
    elif reach > inner and not _passes(element, corners, inner):
        yield InvalidInput("radius_mm", "the letters run into the symbol; make the radius larger or the symbol smaller")


def _passes(element: ArcElement, corners: list[tuple[float, float]], inner: float) -> bool:
    """Whether letters along an arc, ``inner`` from the middle at their lowest, clear a square with these ``corners``.

    They do when the arc, as wide as it may get, stays farther up (or down) than the square's edge all along.
    """
    if element.span_deg >= 180:
        return False
    edge = -min(y for _, y in corners) if element.at == "top" else max(y for _, y in corners)
    return inner * cos(radians(element.span_deg / 2)) >= edge


def _box(element: BoxElement, template: LabelTemplate) -> Iterator[InvalidInput]:
    yield from _colour("fill", element.fill)
    yield from _colour("stroke", element.stroke)
    if not element.fill and not element.stroke:
        yield InvalidInput("fill", "neither filled nor edged; give it a fill or a stroke")
    if element.corner_mm < 0 or element.stroke_mm < 0:
        yield InvalidInput("corner_mm", "corner and stroke must not be below 0")
    box = (element.x_mm, element.y_mm, element.width_mm, element.height_mm)
    if template.engraving and element.fill and _overlaps(_qr_box(template), box):
        yield InvalidInput(
            "fill", "a filled box under the symbol would be engraved black; leave it out or only edge it"
        )
    if element.stroke and _overlaps(_qr_box(template), box) and not _holds(box, _qr_box(template), element.stroke_mm):
        yield InvalidInput("stroke", "the edge crosses the symbol or its quiet zone; move it")


def _logo(element: LogoElement, template: LabelTemplate) -> Iterator[InvalidInput]:
    yield from _required_colour("colour", element.colour)
    if bool(element.image) == bool(element.path):
        yield InvalidInput("image", "upload a picture or an SVG for the logo (one of image and path)")
        return
    if element.path and (element.path_width <= 0 or element.path_height <= 0 or len(element.path) > MOST_PATH):
        yield InvalidInput("path", "has no size or is too long; upload the SVG again")
    if element.path and not re.fullmatch(r"[MLHVCSQTAZmlhvcsqtaz\d\s,.eE+-]*", element.path):
        yield InvalidInput("path", "is not path data; upload the SVG again")
    if element.image and len(element.image) > MOST_LOGO_BASE64:
        yield InvalidInput("image", "is too large; upload a smaller picture")
    elif element.image:
        try:
            logo_picture(element.image)
        except InvalidInput as error:
            yield error.at("image")
    if element.image and template.engraving:
        yield InvalidInput("image", "an engraved label needs outlines; upload the logo as SVG")


def _holes(template: LabelTemplate) -> Iterator[InvalidInput]:
    for number, hole in enumerate(template.holes):
        path = f"holes[{number}]"
        if hole.diameter_mm <= 0:
            yield InvalidInput(f"{path}.diameter_mm", "must be above 0")
            continue
        radius = hole.diameter_mm / 2
        box = (hole.x_mm - radius, hole.y_mm - radius, hole.diameter_mm, hole.diameter_mm)
        if not _inside(template, box):
            yield InvalidInput(f"{path}.x_mm", "the hole reaches over the edge of the label; move it")
        if _overlaps(_qr_box(template), box):
            yield InvalidInput(f"{path}.x_mm", "the hole lies in the symbol or its quiet zone; move it")
        for other, element in enumerate(template.elements):
            if isinstance(element, TextElement | LogoElement):
                high = element.size_mm if isinstance(element, TextElement) else element.height_mm
                if _overlaps(box, (element.x_mm, element.y_mm, element.width_mm, high)):
                    yield InvalidInput(
                        f"elements[{other}].x_mm", "lies over {path}, where a screw goes; move it", path=path
                    )


def _print(template: LabelTemplate) -> Iterator[InvalidInput]:
    sheet, roll = template.sheet, template.roll
    if roll and not 100 <= roll.dpi <= 1200:
        yield InvalidInput("roll.dpi", "{given} must be between 100 and 1200", given=roll.dpi)
    if roll and not 0 <= roll.gap_mm <= 50:
        yield InvalidInput("roll.gap_mm", "must be between 0 and 50 mm")
    if sheet is None:
        return
    wide, high = PAGES_MM[sheet.page]
    if not 1 <= sheet.columns <= 50 or not 1 <= sheet.rows <= 50:
        yield InvalidInput("sheet.columns", "columns and rows must be between 1 and 50")
        return
    if sheet.left_mm < 0 or sheet.top_mm < 0:
        yield InvalidInput("sheet.left_mm", "margins must not be below 0")
    if sheet.left_mm + (sheet.columns - 1) * sheet.pitch_x_mm + template.width_mm > wide + _TOUCH_MM:
        yield InvalidInput(
            "sheet.columns",
            "{given} columns don't fit on {page} ({wide:g} mm); fewer, or narrower",
            given=sheet.columns,
            page=sheet.page,
            wide=wide,
        )
    if sheet.top_mm + (sheet.rows - 1) * sheet.pitch_y_mm + template.height_mm > high + _TOUCH_MM:
        yield InvalidInput(
            "sheet.rows",
            "{given} rows don't fit on {page} ({high:g} mm); fewer, or lower",
            given=sheet.rows,
            page=sheet.page,
            high=high,
        )
    if sheet.columns > 1 and sheet.pitch_x_mm < template.width_mm - _TOUCH_MM:
        yield InvalidInput(
            "sheet.pitch_x_mm", "is less than the label is wide, so labels would overlap; make it larger"
        )
    if sheet.rows > 1 and sheet.pitch_y_mm < template.height_mm - _TOUCH_MM:
        yield InvalidInput(
            "sheet.pitch_y_mm", "is less than the label is high, so labels would overlap; make it larger"
        )


def _colour(path: str, colour: str) -> Iterator[InvalidInput]:
    if colour and colour != FAMILY_COLOUR and not _COLOUR.fullmatch(colour):
        yield InvalidInput(path, "{given!r} must look like #0f4c75, or be 'family', or empty", given=colour)


def _required_colour(path: str, colour: str) -> Iterator[InvalidInput]:
    yield from [InvalidInput(path, "is empty; choose a colour")] if not colour else _colour(path, colour)


Rect = tuple[float, float, float, float]


def _qr_box(template: LabelTemplate) -> Rect:
    return template.qr.x_mm, template.qr.y_mm, template.qr.side_mm, template.qr.side_mm


def _overlaps(one: Rect, other: Rect) -> bool:
    return all(
        one[axis] + one[axis + 2] > other[axis] + _TOUCH_MM and other[axis] + other[axis + 2] > one[axis] + _TOUCH_MM
        for axis in (0, 1)
    )


def _holds(outer: Rect, inner: Rect, edge: float) -> bool:
    return all(
        outer[axis] + edge <= inner[axis] + _TOUCH_MM
        and inner[axis] + inner[axis + 2] <= outer[axis] + outer[axis + 2] - edge + _TOUCH_MM
        for axis in (0, 1)
    )


def _inside(template: LabelTemplate, box: Rect) -> bool:
    """Whether ``box`` lies on the label; for a round one, all its corners inside the circle."""
    left, top, wide, high = box
    if template.shape == "round":
        radius = template.width_mm / 2 + _TOUCH_MM
        ends = [(left + a * wide, top + b * high) for a in (0, 1) for b in (0, 1)]
        return all(hypot(x - template.width_mm / 2, y - template.height_mm / 2) <= radius for x, y in ends)
    return (
        left >= -_TOUCH_MM
        and top >= -_TOUCH_MM
        and left + wide <= template.width_mm + _TOUCH_MM
        and top + high <= template.height_mm + _TOUCH_MM
    )
