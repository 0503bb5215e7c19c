"""Putting facts into a template: what the lines say, how large they come out, and what had to give way."""

from __future__ import annotations

from functools import lru_cache
from math import pi

from registry.domain.codes import read_code
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family
from registry.domain.tokens import grouped, read_token
from registry.labels import fonts
from registry.labels.plate import (
    Arc,
    Box,
    Ground,
    LabelFacts,
    Line,
    Logo,
    Plate,
    Remark,
    Shape,
    Symbol,
    Words,
    tag_address,
)
from registry.labels.symbol import make_symbol
from registry.labels.template import (
    FAMILY_COLOUR,
    ArcElement,
    BoxElement,
    LabelTemplate,
    LineElement,
    LogoElement,
    TextElement,
)

LEAST_MODULE_MM = 0.33
"""Smaller modules are lost to worn plates and old phones."""

INK = "#000000"
PAPER = "#ffffff"
_FAMILY_COLOURS = {Family.COVER: "#0f4c75", Family.LIGHT: "#8a4b08", Family.OTHER: "#35424f"}
_RISE = 0.38  # from the middle of a Chinese letter down to the line it stands on, in ems
_ELLIPSIS = "…"


def draw(template: LabelTemplate, facts: LabelFacts, *, chinese: bool = True) -> Plate:
    """The label of ``facts``; with ``chinese`` off it is drawn as on a machine without a Chinese font.

    Raises ``InvalidInput`` for a token, code or address that can't be printed, and for a symbol that would be too fine.
    """
    address = tag_address(facts.public_url, facts.token)
    values = _values(facts)
    chinese = chinese and fonts.can_write_chinese()
    words: list[Words] = []
    remarks: list[Remark] = []
    for element in template.elements:
        if isinstance(element, TextElement | ArcElement):
            text = _text_of(element, values, chinese=chinese)
            if text:
                line, told = _set(element, _middle(template), text, _colour(element.colour, facts.family), chinese)
                words += line
                remarks += told
    return Plate(
        template=template,
        title=f"{facts.name_zh} {values['code'] or values['token']}".strip(),
        address=address,
        ground=ground(template, facts.family),
        symbol=_symbol(template, address),
        words=tuple(words),
        remarks=tuple(remarks),
    )


def _values(facts: LabelFacts) -> dict[str, str]:
    """What each field says; ``name`` and ``city`` in two languages."""
    return {
        "name": facts.name_zh.strip(),
        "name.en": facts.name_en.strip(),
        "city": facts.city_zh.strip(),
        "city.en": facts.city_en.strip(),
        "code": read_code(facts.code).grouped if facts.code else "",
        "token": grouped(read_token(facts.token)),
        "road": facts.road.strip(),
        "owner": facts.owner.strip(),
        "maintainer": facts.maintainer.strip(),
        "phone": facts.phone.strip(),
    }


def _text_of(element: TextElement | ArcElement, values: dict[str, str], *, chinese: bool) -> str:
    if element.field == "text":
        text = element.text
    elif element.field in ("name", "city"):
        english = values[f"{element.field}.en"]
        text = values[element.field] if element.language == "zh" and chinese else english
    else:
        text = values[element.field]
    if not text:
        return ""
    return f"{element.prefix}{text}" if chinese or element.prefix.isascii() else text


def _middle(template: LabelTemplate) -> tuple[float, float]:
    return template.width_mm / 2, template.height_mm / 2


@lru_cache(maxsize=2048)
def _set(
    element: TextElement | ArcElement, middle: tuple[float, float], text: str, colour: str, chinese: bool
) -> tuple[tuple[Words, ...], tuple[Remark, ...]]:
    """``text`` fitted into its room, if anything of it can be drawn, and what had to be changed.

    Most lines of a run are the same on every label. ``middle`` is the label's, for lines that run around it.
    """
    remarks = []
    font = fonts.find_font(element.weight, chinese)
    lacking = fonts.lacking(font, text)
    if lacking:
        remarks.append(Remark(kind="letters", field=element.field, detail=lacking))
        text = "".join(letter for letter in text if letter not in lacking).strip()
    room = element.width_mm if isinstance(element, TextElement) else element.radius_mm * element.span_deg * pi / 180
    shown, size = fit(text, font, room, element.size_mm, element.least_mm, element.spacing_mm)
    if shown != text:
        remarks.append(Remark(kind="cut", field=element.field, detail=shown))
    if not shown:
        return (), tuple(remarks)
    width = _long(shown, font, size, element.spacing_mm)
    x, y, arc = 0.0, 0.0, None
    if isinstance(element, TextElement):
        x = element.x_mm + {"left": 0.0, "center": 0.5, "right": 1.0}[element.align] * (room - width)
        y = element.y_mm + element.size_mm / 2 + _RISE * size
    else:
        arc = Arc(x_mm=middle[0], y_mm=middle[1], radius_mm=element.radius_mm, at=element.at)
    line = Words(
        field=element.field,
        text=shown,
        x_mm=x,
        y_mm=y,
        size_mm=size,
        width_mm=width,
        colour=colour,
        weight=element.weight,
        spacing_mm=element.spacing_mm,
        font=font,
        arc=arc,
    )
    return (line,), tuple(remarks)


@lru_cache(maxsize=4096)
def fit(
    text: str, font: fonts.FontFile, room_mm: float, size_mm: float, least_mm: float, spacing_mm: float
) -> tuple[str, float]:
    """``text`` and its size so that it takes no more than ``room_mm``: smaller down to ``least_mm``, then cut."""
    em = fonts.width_em(font, text)
    if not em:
        return text.strip(), size_mm
    size = min(size_mm, (room_mm - spacing_mm * (len(text) - 1)) / em)
    least = min(least_mm, size_mm)
    if size >= least:
        return text, size
    for length in range(len(text) - 1, 0, -1):
        cut = text[:length].rstrip() + _ELLIPSIS
        if _long(cut, font, least, spacing_mm) <= room_mm:
            return cut, least
    return "", least


def _long(text: str, font: fonts.FontFile, size_mm: float, spacing_mm: float) -> float:
    return fonts.width_em(font, text) * size_mm + spacing_mm * (len(text) - 1)


def _symbol(template: LabelTemplate, address: str) -> Symbol:
    qr = make_symbol(address, template.error_level, template.qr_version)
    modules = qr.side + 2 * template.quiet_modules
    module_mm = template.qr.side_mm / modules
    if module_mm < LEAST_MODULE_MM:
        raise InvalidInput(
            "qr.side_mm",
            "{given:g} mm makes modules of {module_mm:.2f} mm for a symbol of version {version}; phones "
            "need {least} mm: make it {enough:.1f} mm or more, or use a shorter public_url or a lower "
            "error level",
            given=template.qr.side_mm,
            module_mm=module_mm,
            version=qr.version,
            least=LEAST_MODULE_MM,
            enough=LEAST_MODULE_MM * modules,
        )
    return Symbol(
        qr=qr,
        x_mm=template.qr.x_mm + template.quiet_modules * module_mm,
        y_mm=template.qr.y_mm + template.quiet_modules * module_mm,
        module_mm=module_mm,
        quiet_modules=template.quiet_modules,
        paper="" if template.engraving else PAPER,
    )


@lru_cache(maxsize=64)
def ground(template: LabelTemplate, family: Family) -> Ground:
    """What is the same on every label of ``template`` for assets of ``family``."""
    shapes: list[Shape] = []
    if template.ground:
        shapes.append(_contour(template, template.bleed_mm, _colour(template.ground, family)))
    for element in template.elements:
        if isinstance(element, BoxElement):
            shapes.append(
                Box(
                    x_mm=element.x_mm,
                    y_mm=element.y_mm,
                    width_mm=element.width_mm,
                    height_mm=element.height_mm,
                    corner_mm=min(element.corner_mm, element.width_mm / 2, element.height_mm / 2),
                    fill=_colour(element.fill, family),
                    stroke=_colour(element.stroke, family),
                    stroke_mm=element.stroke_mm,
                )
            )
        elif isinstance(element, LineElement):
            places = (element.x1_mm, element.y1_mm, element.x2_mm, element.y2_mm)
            shapes.append(_line(places, element.stroke_mm, _colour(element.colour, family)))
        elif isinstance(element, LogoElement):
            shapes.append(_logo(element, _colour(element.colour, family)))
    holes = tuple(
        Box(
            x_mm=hole.x_mm - hole.diameter_mm / 2,
            y_mm=hole.y_mm - hole.diameter_mm / 2,
            width_mm=hole.diameter_mm,
            height_mm=hole.diameter_mm,
            corner_mm=hole.diameter_mm / 2,
        )
        for hole in template.holes
    )
    return Ground(shapes=tuple(shapes), contour=_contour(template, 0.0, ""), holes=holes)


def _contour(template: LabelTemplate, beyond_mm: float, fill: str) -> Box:
    """The plate's own outline, ``beyond_mm`` larger on every side."""
    width, height = template.width_mm + 2 * beyond_mm, template.height_mm + 2 * beyond_mm
    corner = {"rect": 0.0, "rounded": template.corner_mm + beyond_mm, "round": min(width, height) / 2}[template.shape]
    return Box(x_mm=-beyond_mm, y_mm=-beyond_mm, width_mm=width, height_mm=height, corner_mm=corner, fill=fill)


def _line(places: tuple[float, float, float, float], stroke_mm: float, colour: str) -> Line:
    x1, y1, x2, y2 = places
    return Line(x1_mm=x1, y1_mm=y1, x2_mm=x2, y2_mm=y2, stroke_mm=stroke_mm, colour=colour)


def _logo(element: LogoElement, colour: str) -> Logo:
    """The mark in the middle of its box, its proportions kept."""
    from registry.labels.logo import proportions

    wide, high = proportions(element)
    scale = min(element.width_mm / wide, element.height_mm / high)
    return Logo(
        x_mm=element.x_mm + (element.width_mm - wide * scale) / 2,
        y_mm=element.y_mm + (element.height_mm - high * scale) / 2,
        width_mm=wide * scale,
        height_mm=high * scale,
        colour=colour,
        element=element,
    )


def _colour(colour: str, family: Family) -> str:
    return _FAMILY_COLOURS[family] if colour == FAMILY_COLOUR else colour
