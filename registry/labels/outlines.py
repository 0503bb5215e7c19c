"""Letters and logos as curves in millimetres, for what must not depend on fonts: engraving, PDF logos, DXF."""

from __future__ import annotations

from functools import lru_cache
from math import cos, radians, sin

from fontTools.misc.transform import Transform
from fontTools.pens.basePen import AbstractPen, decomposeQuadraticSegment
from fontTools.pens.recordingPen import RecordingPen
from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.svgLib.path import parse_path

from registry.labels import fonts
from registry.labels.plate import Logo, Words

_LINES = {"lineTo": "l", "curveTo": "c", "qCurveTo": "q"}


def draw_words(words: Words, pen: AbstractPen) -> None:
    """Every letter of ``words``, y downwards, with any of fontTools' pens."""
    for letter, x, y, lean in words.letters():
        _draw_letter(words.font, letter, _placed(words.size_mm, lean, x, y), pen)


def _draw_letter(font: fonts.FontFile, letter: str, placed: Transform, pen: AbstractPen) -> None:
    fonts.replay(fonts.outline(font, letter), TransformPen(pen, placed))


def _placed(size_mm: float, lean: float, x: float, y: float) -> Transform:
    across, along = size_mm * cos(radians(lean)), size_mm * sin(radians(lean))
    return Transform(across, along, along, -across, x, y)


def draw_logo(logo: Logo, pen: AbstractPen) -> None:
    """The outline of a logo that has one, in its place."""
    scale = logo.width_mm / logo.element.path_width
    parse_path(logo.element.path, TransformPen(pen, (scale, 0, 0, scale, logo.x_mm, logo.y_mm)))


def words_path(words: Words) -> str:
    """``words`` as SVG path data, rounded to a thousandth of a millimetre."""
    return "".join(
        f"M{_short(x + start_x)},{_short(y + start_y)}{steps}"
        for letter, x, y, lean in words.letters()
        for start_x, start_y, steps in _letter_paths(words.font, letter, words.size_mm, lean)
    )


@lru_cache(maxsize=2048)
def _letter_paths(
    font: fonts.FontFile, letter: str, size_mm: float, lean: float
) -> tuple[tuple[float, float, str], ...]:
    """The closed lines of a letter: where each starts from the letter's foot, and its steps, relative to each other.

    So the same letter can be put in another place without writing its curves again.
    """
    pen = RecordingPen()
    _draw_letter(font, letter, _placed(size_mm, lean, 0, 0), pen)
    found: list[tuple[float, float, str]] = []
    start, at, steps = (0, 0), (0, 0), ""
    for step, points in pen.value:
        if step == "moveTo":
            start = at = _thousandths(points[0])
            steps = ""
        elif step == "closePath":
            found.append((start[0] / 1000, start[1] / 1000, f"{steps}z"))
        else:
            for part in decomposeQuadraticSegment(points) if step == "qCurveTo" else [points]:
                spots = [_thousandths(point) for point in part]
                moves = " ".join(f"{_short((x - at[0]) / 1000)},{_short((y - at[1]) / 1000)}" for x, y in spots)
                steps += _LINES[step] + moves
                at = spots[-1]
    return tuple(found)


def _thousandths(point: tuple[float, float]) -> tuple[int, int]:
    return round(point[0] * 1000), round(point[1] * 1000)


@lru_cache(maxsize=16)
def logo_path(logo: Logo) -> str:
    """``logo`` as SVG path data."""
    pen = SVGPathPen(None, ntos=_short)
    draw_logo(logo, pen)
    return str(pen.getCommands())


def _short(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".")
