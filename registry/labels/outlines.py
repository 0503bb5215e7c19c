"""Letters and logos as curves in millimetres, for what must not depend on fonts: engraving, PDF logos, DXF."""

from __future__ import annotations

from functools import lru_cache
from math import cos, radians, sin

from fontTools.misc.transform import Transform
from fontTools.pens.basePen import AbstractPen
from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.svgLib.path import parse_path

from registry.labels import fonts
from registry.labels.plate import Logo, Words


def draw_words(words: Words, pen: AbstractPen) -> None:
    """Every letter of ``words``, y downwards, with any of fontTools' pens."""
    for letter, x, y, lean in words.letters():
        turn = radians(lean)
        size = words.size_mm
        placed = Transform(size * cos(turn), size * sin(turn), size * sin(turn), -size * cos(turn), x, y)
        fonts.replay(fonts.outline(words.font, letter), TransformPen(pen, placed))


def draw_logo(logo: Logo, pen: AbstractPen) -> None:
    """The outline of a logo that has one, in its place."""
    scale = logo.width_mm / logo.element.path_width
    parse_path(logo.element.path, TransformPen(pen, (scale, 0, 0, scale, logo.x_mm, logo.y_mm)))


def words_path(words: Words) -> str:
    """``words`` as SVG path data, rounded to a thousandth of a millimetre."""
    pen = SVGPathPen(None, ntos=_short)
    draw_words(words, pen)
    return str(pen.getCommands())


@lru_cache(maxsize=16)
def logo_path(logo: Logo) -> str:
    """``logo`` as SVG path data."""
    pen = SVGPathPen(None, ntos=_short)
    draw_logo(logo, pen)
    return str(pen.getCommands())


def _short(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".")
