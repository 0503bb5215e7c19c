"""A label template: everything about a label except whom it is for. It is data, kept as JSON and edited in the browser.

All lengths are millimetres from the label's upper left corner, x to the right, y downwards. Colours are ``#rrggbb``, or
``family`` (covers blue, lamps amber), or empty for "not drawn". Nothing here draws or decides: ``template_check`` says
what is wrong with a template, ``layout`` puts facts into it.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from registry.domain.errors import InvalidInput
from registry.shapes import shaped, shaped_json

Shape = Literal["rect", "rounded", "round"]
ErrorLevel = Literal["L", "M", "Q", "H"]
Language = Literal["zh", "en"]
Weight = Literal["regular", "bold"]
Align = Literal["left", "center", "right"]
Page = Literal["A3", "A4", "A5", "letter"]
Field = Literal["name", "code", "token", "road", "owner", "maintainer", "phone", "city", "text"]

PAGES_MM: dict[str, tuple[float, float]] = {
    "A3": (297.0, 420.0),
    "A4": (210.0, 297.0),
    "A5": (148.0, 210.0),
    "letter": (215.9, 279.4),
}
FAMILY_COLOUR = "family"


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every piece of a template has in common: it never changes, and unknown fields are refused."""


class QrPlace(Part, frozen=True, kw_only=True):
    """Where the symbol stands: a square of ``side_mm``, its quiet zone included."""

    x_mm: float
    y_mm: float
    side_mm: float


class TextElement(Part, frozen=True, kw_only=True, tag="text"):
    """One line of text in a box of ``width_mm`` × ``size_mm``, its upper left corner at ``x_mm``, ``y_mm``.

    ``field`` says what it shows; ``text`` is the wording of the field "text". ``language`` chooses between the Chinese
    and the English name of a class or a city; the other fields have one wording. ``prefix`` stands before the value and
    disappears with it. A line that is too long shrinks down to ``least_mm``, then it is cut with an ellipsis.
    """

    field: Field
    x_mm: float
    y_mm: float
    width_mm: float
    size_mm: float
    least_mm: float = 1.5
    language: Language = "zh"
    text: str = ""
    prefix: str = ""
    weight: Weight = "regular"
    align: Align = "center"
    colour: str = "#16202c"
    spacing_mm: float = 0.0


class ArcElement(Part, frozen=True, kw_only=True, tag="arc"):
    """A line of text along a circle around the label's middle, read from the middle's side at the top or the bottom.

    ``radius_mm`` is the circle on which the letters stand; ``span_deg`` is the room they may take.
    """

    field: Field
    radius_mm: float
    size_mm: float
    span_deg: float = 150.0
    at: Literal["top", "bottom"] = "top"
    least_mm: float = 1.5
    language: Language = "zh"
    text: str = ""
    prefix: str = ""
    weight: Weight = "regular"
    colour: str = "#16202c"
    spacing_mm: float = 0.0


class LineElement(Part, frozen=True, kw_only=True, tag="line"):
    """A straight line."""

    x1_mm: float
    y1_mm: float
    x2_mm: float
    y2_mm: float
    stroke_mm: float = 0.3
    colour: str = "#16202c"


class BoxElement(Part, frozen=True, kw_only=True, tag="box"):
    """A rectangle, filled with ``fill``, edged with ``stroke`` (inside its edge), or both; corners may be round."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float
    corner_mm: float = 0.0
    fill: str = ""
    stroke: str = ""
    stroke_mm: float = 0.3


class LogoElement(Part, frozen=True, kw_only=True, tag="logo"):
    """A city's mark, as large as fits its box: a picture (``image``: PNG in base64) or one outline (``path``).

    Both come from ``registry.labels.logo.clean_logo``, which takes PNG, JPEG and SVG files and lets nothing else pass.
    ``path`` is SVG path data inside ``path_width`` × ``path_height``, filled with ``colour`` by the non-zero rule.
    """

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float
    image: str = ""
    path: str = ""
    path_width: float = 0.0
    path_height: float = 0.0
    colour: str = "#16202c"


Element = TextElement | ArcElement | LineElement | BoxElement | LogoElement


class Hole(Part, frozen=True, kw_only=True):
    """A hole in the plate, for a screw or a rivet; nothing may be printed there."""

    x_mm: float
    y_mm: float
    diameter_mm: float


class Sheet(Part, frozen=True, kw_only=True):
    """Several labels on one page: position 1 is the upper left one, then along the row."""

    page: Page = "A4"
    columns: int
    rows: int
    left_mm: float
    top_mm: float
    pitch_x_mm: float
    pitch_y_mm: float
    cut_marks: bool = False


class Roll(Part, frozen=True, kw_only=True):
    """Labels on a roll, for a label printer of ``dpi`` dots an inch; ``gap_mm`` lies between two labels."""

    dpi: int = 203
    gap_mm: float = 2.0


class LabelTemplate(Part, frozen=True, kw_only=True):
    """A template. ``key`` names it for ever; the registry counts its versions.

    ``qr_version`` is the smallest QR version used (1 to 10; an address that needs more gets more, and all labels of a
    city look alike). ``bleed_mm`` is how far ``ground`` runs over the edge in print. With ``engraving`` the label has
    one colour, letters are outlines, and nothing is drawn behind the symbol: the bare metal is its light side.
    """

    key: str
    name_zh: str
    name_en: str = ""
    width_mm: float
    height_mm: float
    shape: Shape = "rect"
    corner_mm: float = 0.0
    bleed_mm: float = 0.0
    ground: str = ""
    quiet_modules: int = 4
    error_level: ErrorLevel = "Q"
    qr_version: int = 1
    qr: QrPlace
    elements: tuple[Element, ...] = ()
    holes: tuple[Hole, ...] = ()
    sheet: Sheet | None = None
    roll: Roll | None = None
    engraving: bool = False


def read_template(body: Any) -> LabelTemplate:
    """The template in ``body``: JSON text, bytes, or the plain values of a JSON column.

    Raises ``InvalidInput`` that names the field, for what has not the shape of a template at all.
    """
    try:
        if isinstance(body, str | bytes):
            return shaped_json(body, LabelTemplate)
        return shaped(body, LabelTemplate)
    except msgspec.DecodeError as error:  # ValidationError is one of them
        what, _, where = str(error).partition(" - at ")
        path = where.strip("`").removeprefix("$").removeprefix(".")
        raise InvalidInput(path or "template", "{why}", why=what) from error


def same_template(body: Any, template: LabelTemplate) -> bool:
    """Whether ``body`` is ``template``; what has not the shape of a template any more is not."""
    try:
        return read_template(body) == template
    except InvalidInput:
        return False


def template_json(template: LabelTemplate) -> bytes:
    """The template as indented JSON, every field written out; ``read_template`` reads it back unchanged."""
    return msgspec.json.format(msgspec.json.encode(template), indent=2)


def template_body(template: LabelTemplate) -> dict[str, Any]:
    """The template as plain values, for a JSON column or a JSON answer."""
    plain: dict[str, Any] = msgspec.to_builtins(template)
    return plain
