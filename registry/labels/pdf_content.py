"""What a label looks like in PDF's drawing language, in millimetres with y downwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import cos, radians, sin

from fontTools.pens.basePen import BasePen
from PIL import ImageColor

from registry.labels import fonts
from registry.labels.outlines import draw_logo, draw_words
from registry.labels.plate import Box, Ground, Line, Logo, Plate, Symbol, Words

_ROUND = 0.5522847498  # how far a curve's handles reach to look like a quarter of a circle
_MOST_CODE = 0xFFFF


def label_content(plate: Plate) -> bytes:
    """The symbol and the words of ``plate``."""
    parts = [_symbol(plate.symbol)]
    for words in plate.words:
        if any(ord(letter) > _MOST_CODE for letter in words.text):
            parts.append(_curves(words))
        else:
            parts.append(_arc(words) if words.arc is not None else _line(words))
    return "".join(parts).encode()


def letters_of(plate: Plate) -> dict[fonts.FontFile, set[str]]:
    """The letters that must be embedded for ``plate``, by font."""
    found: dict[fonts.FontFile, set[str]] = {}
    for words in plate.words:
        found.setdefault(words.font, set()).update(letter for letter in words.text if ord(letter) <= _MOST_CODE)
    return found


def ground_content(ground: Ground, images: Sequence[Logo]) -> bytes:
    """Boxes, lines and logos; ``images`` are those that the book calls I0, I1, …"""
    parts = []
    for shape in ground.shapes:
        if isinstance(shape, Box):
            parts.append(_box(shape))
        elif isinstance(shape, Line):
            ends = f"{shape.x1_mm:.4f} {shape.y1_mm:.4f} m {shape.x2_mm:.4f} {shape.y2_mm:.4f} l S"
            parts.append(f"{shape.stroke_mm:.4f} w {_rgb(shape.colour)} RG {ends}\n")
        elif shape.element.path:
            pen = _Pen()
            draw_logo(shape, pen)
            parts.append(f"{_rgb(shape.colour)} rg {pen.content()} f\n")
        elif shape.element.image:
            place = (
                f"{shape.width_mm:.4f} 0 0 {-shape.height_mm:.4f} {shape.x_mm:.4f} {shape.y_mm + shape.height_mm:.4f}"
            )
            parts.append(f"q {place} cm /I{images.index(shape)} Do Q\n")
    return "".join(parts).encode()


def edges_content(edges: Iterable[Box], colour: str) -> bytes:
    """Hairlines where the plate ends and has holes."""
    return "".join(f"0.1 w {_rgb(colour)} RG {_outline(edge)} S\n" for edge in edges).encode()


def _symbol(symbol: Symbol) -> str:
    """The modules as runs in units of one module; ``check`` reads exactly this again."""
    paper = ""
    if symbol.paper:
        side = symbol.side_mm + 2 * symbol.quiet_mm
        x, y = symbol.x_mm - symbol.quiet_mm, symbol.y_mm - symbol.quiet_mm
        paper = f"1 g {x:.4f} {y:.4f} {side:.4f} {side:.4f} re f\n"
    module = f"{symbol.module_mm:.6f}"
    runs = "\n".join([f"{column} {row} {length} 1 re" for column, row, length in symbol.qr.runs()])
    return f"{paper}q {module} 0 0 {module} {symbol.x_mm:.5f} {symbol.y_mm:.5f} cm 0 g\n{runs}\nf Q\n"


def _line(words: Words) -> str:
    size = words.size_mm
    return _text(
        words,
        f"{words.spacing_mm / size:.4f} Tc {size:.4f} 0 0 {-size:.4f} {words.x_mm:.4f} {words.y_mm:.4f} Tm "
        f"<{_codes(words.text)}> Tj",
    )


def _arc(words: Words) -> str:
    shown = []
    for letter, x, y, lean in words.letters():
        across, along = words.size_mm * cos(radians(lean)), words.size_mm * sin(radians(lean))
        shown.append(f"{across:.4f} {along:.4f} {along:.4f} {-across:.4f} {x:.4f} {y:.4f} Tm <{_codes(letter)}> Tj")
    return _text(words, "0 Tc " + " ".join(shown))


def _text(words: Words, shown: str) -> str:
    return f"BT /{words.font.name} 1 Tf {_rgb(words.colour)} rg {shown} ET\n"


def _curves(words: Words) -> str:
    """Letters beyond what a PDF font's two-byte codes reach, as curves: rare ones in names of places and people."""
    pen = _Pen()
    draw_words(words, pen)
    return f"{_rgb(words.colour)} rg {pen.content()} f\n"


def _codes(text: str) -> str:
    return text.encode("utf-16-be").hex()


def _box(box: Box) -> str:
    drawn = f"{_rgb(box.fill)} rg {_outline(box)} f\n" if box.fill else ""
    if box.stroke:
        drawn += f"{box.stroke_mm:.4f} w {_rgb(box.stroke)} RG {_outline(box.inside(box.stroke_mm / 2))} S\n"
    return drawn


def _outline(box: Box) -> str:
    left, top, right, bottom = box.x_mm, box.y_mm, box.x_mm + box.width_mm, box.y_mm + box.height_mm
    if not box.corner_mm:
        return f"{left:.4f} {top:.4f} {box.width_mm:.4f} {box.height_mm:.4f} re"
    r = box.corner_mm
    k = r * (1 - _ROUND)
    numbers = (
        ("m", left + r, top),
        ("l", right - r, top),
        ("c", right - k, top, right, top + k, right, top + r),
        ("l", right, bottom - r),
        ("c", right, bottom - k, right - k, bottom, right - r, bottom),
        ("l", left + r, bottom),
        ("c", left + k, bottom, left, bottom - k, left, bottom - r),
        ("l", left, top + r),
        ("c", left, top + k, left + k, top, left + r, top),
    )
    return " ".join(" ".join(f"{number:.4f}" for number in points) + f" {step}" for step, *points in numbers) + " h"


@lru_cache(maxsize=64)
def _rgb(colour: str) -> str:
    return " ".join(f"{part / 255:.4g}" for part in ImageColor.getrgb(colour)[:3])


class _Pen(BasePen):  # type: ignore[misc]
    """Writes outlines in PDF's language."""

    def __init__(self) -> None:
        super().__init__(None)
        self._parts: list[str] = []

    def content(self) -> str:
        return " ".join(self._parts)

    def _moveTo(self, point: tuple[float, float]) -> None:  # noqa: N802 - fontTools' name
        self._parts.append(f"{point[0]:.4f} {point[1]:.4f} m")

    def _lineTo(self, point: tuple[float, float]) -> None:  # noqa: N802 - fontTools' name
        self._parts.append(f"{point[0]:.4f} {point[1]:.4f} l")

    def _curveToOne(self, *points: tuple[float, float]) -> None:  # noqa: N802 - fontTools' name
        self._parts.append(" ".join(f"{x:.4f} {y:.4f}" for x, y in points) + " c")

    def _closePath(self) -> None:  # noqa: N802 - fontTools' name
        self._parts.append("h")
