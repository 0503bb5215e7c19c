"""What is printed: facts about one tag, and the finished drawing of its label in millimetres, which all formats follow.

A ``Plate`` says what stands where; it has no decisions left in it. ``layout`` makes it, the formats only copy it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import cos, degrees, sin
from typing import Literal
from urllib.parse import urlsplit

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family
from registry.domain.tokens import read_token
from registry.labels import fonts
from registry.labels.symbol import QrSymbol
from registry.labels.template import LabelTemplate, LogoElement, Weight

_QR_ALPHANUMERIC = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFacts:
    """What a label may say. ``public_url`` is the city's address (scheme and host), ``code`` the 16 digits.

    ``code`` is empty for a blank plate, which is bound to an asset at its first scan. ``city_zh`` and ``city_en`` name
    the city; fields that are empty are left out of the label.
    """

    token: str
    code: str
    name_zh: str
    name_en: str
    public_url: str
    family: Family = Family.OTHER
    maintainer: str = ""
    phone: str = ""
    owner: str = ""
    road: str = ""
    city_zh: str = ""
    city_en: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle with round corners; ``fill`` and ``stroke`` are colours or empty. A disc is a very round square."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float
    corner_mm: float = 0.0
    fill: str = ""
    stroke: str = ""
    stroke_mm: float = 0.0

    def inside(self, by_mm: float) -> Box:
        """The bare outline of the same rectangle, ``by_mm`` smaller on each side."""
        return Box(
            x_mm=self.x_mm + by_mm,
            y_mm=self.y_mm + by_mm,
            width_mm=self.width_mm - 2 * by_mm,
            height_mm=self.height_mm - 2 * by_mm,
            corner_mm=max(0.0, self.corner_mm - by_mm),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight line."""

    x1_mm: float
    y1_mm: float
    x2_mm: float
    y2_mm: float
    stroke_mm: float
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """A city's mark, already as large as its box allows."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float
    colour: str
    element: LogoElement


Shape = Box | Line | Logo


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Everything that is the same on every label of a template and family, in the order in which it is painted.

    ``contour`` and ``holes`` are where the plate ends: to be cut, never printed.
    """

    shapes: tuple[Shape, ...]
    contour: Box
    holes: tuple[Box, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arc:
    """A circle that letters stand on, heads outwards (``at`` top) or inwards (bottom)."""

    x_mm: float
    y_mm: float
    radius_mm: float
    at: Literal["top", "bottom"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One line of text: it starts at ``x_mm``, stands on ``y_mm`` and is ``width_mm`` long, or follows ``arc``."""

    field: str
    text: str
    x_mm: float
    y_mm: float
    size_mm: float
    width_mm: float
    colour: str
    weight: Weight
    spacing_mm: float
    font: fonts.FontFile
    arc: Arc | None = None

    def letters(self) -> list[tuple[str, float, float, float]]:
        """Each letter with the point its left foot stands on and the degrees it leans clockwise."""
        along, placed = 0.0, []
        widths = fonts.widths(self.font)
        for letter in self.text:
            wide = widths[letter] * self.size_mm
            placed.append((letter, *self._foot(along, wide)))
            along += wide + self.spacing_mm
        return placed

    def _foot(self, along: float, wide: float) -> tuple[float, float, float]:
        if self.arc is None:
            return self.x_mm + along, self.y_mm, 0.0
        arc = self.arc
        # radians from the vertical, from left to right, to the letter's middle
        turn = (along + wide / 2 - self.width_mm / 2) / arc.radius_mm
        up = -1.0 if arc.at == "top" else 1.0
        x = arc.x_mm + sin(turn) * arc.radius_mm
        y = arc.y_mm + up * cos(turn) * arc.radius_mm
        lean = turn if arc.at == "top" else -turn
        return x - cos(lean) * wide / 2, y - sin(lean) * wide / 2, degrees(lean)


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """The QR code: the corner of its first module, the side of one, and the colour of the paper under it, if any."""

    qr: QrSymbol
    x_mm: float
    y_mm: float
    module_mm: float
    quiet_modules: int
    paper: str

    @property
    def side_mm(self) -> float:
        """From the first module to the last, without quiet zone."""
        return self.qr.side * self.module_mm

    @property
    def quiet_mm(self) -> float:
        """How wide the quiet zone is."""
        return self.quiet_modules * self.module_mm


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What came out otherwise than the template wants: ``cut`` (too long) or ``letters`` (the font lacks some)."""

    kind: Literal["cut", "letters"]
    field: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """Everything to draw, in this order: ground, symbol, words."""

    template: LabelTemplate
    title: str
    address: str
    ground: Ground
    symbol: Symbol
    words: tuple[Words, ...]
    remarks: tuple[Remark, ...]


def tag_address(public_url: str, token: str) -> str:
    """What the symbol says: ``HTTPS://HOST/Q/TOKEN``, upper case, which QR's alphanumeric mode can hold.

    Raises ``InvalidInput`` for a ``public_url`` with a path or with characters that mode does not have.
    """
    return _stem(public_url) + read_token(token)


@lru_cache(maxsize=16)
def _stem(public_url: str) -> str:
    """What stands before the token."""
    parts = urlsplit(public_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput("public_url", "{given!r} must look like https://covers.example.cn", given=public_url)
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise InvalidInput(
            "public_url", "{given!r} must be scheme and host only: plates end in /Q/TOKEN", given=public_url
        )
    stem = f"{parts.scheme}://{parts.netloc}/Q/".upper()
    foreign = sorted(set(stem) - _QR_ALPHANUMERIC)
    if foreign:
        raise InvalidInput(
            "public_url",
            "{given!r} has {known}, which plates can't carry; use a plain host name",
            given=public_url,
            known=" ".join(foreign),
        )
    return stem


def marked_edges(plate: Plate) -> tuple[Box, ...]:
    """The edges that documents show: all of an engraved plate's; of a printed one, where its holes will be."""
    return (plate.ground.contour, *plate.ground.holes) if plate.template.engraving else plate.ground.holes
