"""A label as pixels: modules are whole pixels, so no edge is blurred.

What is the same on every label of a run is drawn once and kept (the ground with the words that seldom change, each
letter); a picture holds numbers of colours, not colours, which makes it small to copy and to compress. Labels for label
printers are black and white.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np
from isal import isal_zlib
from PIL import Image, ImageColor

from registry.domain.errors import InvalidInput
from registry.labels.ground_picture import ground_picture
from registry.labels.lettering import STEPS, Pixels, draw_words
from registry.labels.plate import Ground, Plate, Symbol, Words
from registry.labels.template import LabelTemplate

LEAST_DPI = 100
MOST_DPI = 1200
LEAST_DOTS = 2
"""A module of one printer dot is never square."""

MM_PER_INCH = 25.4
_MOST_GROUND_COLOURS = 96
_WHITE, _BLACK = 0, 1  # numbers of colours that every picture has
_SEEN_PX = 4  # pixels a module that a reader needs to see
_OWN = frozenset({"code", "token", "road"})
"""Fields that differ from label to label; all other words of a run are drawn once with its ground."""

Palette = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawn label: ``numbers`` (rows of 8 bits) point into ``palette``; modules are ``module_px`` wide.

    ``rows`` are the numbers as PNG keeps them, each after a byte that says "as it is".
    """

    rows: Pixels
    palette: Palette
    dpi: int
    module_px: int
    two_colours: bool

    @property
    def numbers(self) -> Pixels:
        """One number for each pixel."""
        return self.rows[:, 1:]

    def grey(self) -> Pixels:
        """The picture as a scanner sees it."""
        return _looked_up(self.numbers, _shades(self.palette))

    def from_afar(self) -> Pixels:
        """Every so many-th pixel of the picture, as few as a reader needs to see the modules."""
        every = max(1, self.module_px // _SEEN_PX)
        return _looked_up(self.numbers[every // 2 :: every, every // 2 :: every], _shades(self.palette))

    def ink(self) -> Pixels:
        """What a printer of one colour prints: rows of bits, set where it is dark, padded to whole bytes."""
        return np.packbits(_looked_up(self.numbers, _dark(self.palette)), axis=1)


def with_filter_bytes(numbers: Pixels) -> Pixels:
    """The rows of ``numbers`` as a ``Picture`` keeps them."""
    return np.pad(numbers, ((0, 0), (1, 0)))


def _looked_up(numbers: Pixels, table: bytes) -> Pixels:
    """What ``table`` says for each number; bytes do this several times faster than arrays."""
    return np.frombuffer(numbers.tobytes().translate(table), np.uint8).reshape(numbers.shape)


@lru_cache(maxsize=64)
def _shades(palette: Palette) -> bytes:
    grey = [(red * 299 + green * 587 + blue * 114) // 1000 for red, green, blue in palette]
    return bytes(grey + [0] * (256 - len(grey)))


@lru_cache(maxsize=64)
def _dark(palette: Palette) -> bytes:
    return bytes(shade < 128 for shade in _shades(palette))


def to_picture(plate: Plate, dpi: int) -> Picture:
    """``plate`` at ``dpi`` dots an inch. Raises ``InvalidInput`` (field ``dpi``) for dots too coarse or too many."""
    if not LEAST_DPI <= dpi <= MOST_DPI:
        raise InvalidInput(
            "dpi", "{given} must be between {least} and {most}", given=dpi, least=LEAST_DPI, most=MOST_DPI
        )
    two_colours = plate.template.roll is not None
    scale = dpi / MM_PER_INCH
    module_px = _module_px(plate.symbol, dpi)
    canvas = _canvas(plate.template, plate.ground, dpi)
    inks = tuple((_under(canvas.numbers, words, scale), words.colour) for words in plate.words)
    palette, ramps = _colours(canvas.palette, inks, two_colours)
    own: list[tuple[Words, int]] = []
    shared: list[tuple[Words, int]] = []
    for words, ramp in zip(plate.words, ramps, strict=True):
        (own if words.field in _OWN else shared).append((words, ramp))
    rows = _worded_canvas(plate.template, plate.ground, dpi, tuple(shared)).copy()
    numbers = rows[:, 1:]
    _draw_symbol(numbers, plate.symbol, module_px, scale)
    for words, ramp in own:
        draw_words(numbers, words, scale, ramp)
    return Picture(rows=rows, palette=palette, dpi=dpi, module_px=module_px, two_colours=two_colours)


def to_png(picture: Picture) -> bytes:
    """The picture as a PNG file with its size in dots per metre."""
    height, width = picture.numbers.shape
    per_metre = round(picture.dpi / MM_PER_INCH * 1000)
    if picture.two_colours:
        depth, kind, colours = 1, 0, b""
        rows = with_filter_bytes(~picture.ink())
    else:
        depth, kind, rows = 8, 3, picture.rows
        colours = _palette_chunk(picture.palette)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
        + colours
        + _chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1))
        + _chunk(b"IDAT", isal_zlib.compress(rows.data, 1))
        + _chunk(b"IEND", b"")
    )


@lru_cache(maxsize=32)
def _palette_chunk(palette: Palette) -> bytes:
    return _chunk(b"PLTE", bytes(part for colour in palette for part in colour))


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _module_px(symbol: Symbol, dpi: int) -> int:
    module_px = int(symbol.module_mm * dpi / MM_PER_INCH + 1e-6)
    if module_px < LEAST_DOTS:
        needed = int(LEAST_DOTS * MM_PER_INCH / symbol.module_mm) + 1
        raise InvalidInput(
            "dpi",
            "at {dpi} dots an inch a module of {module_mm:.2f} mm is less than {least} dots; print with "
            "{needed} or more, or make qr.side_mm larger",
            dpi=dpi,
            module_mm=symbol.module_mm,
            least=LEAST_DOTS,
            needed=needed,
        )
    return module_px


class _Canvas(NamedTuple):
    """The ground of a template in numbers of colours; 0 is always white, 1 always black."""

    numbers: Pixels
    palette: Palette


@lru_cache(maxsize=8)
def _canvas(template: LabelTemplate, ground: Ground, dpi: int) -> _Canvas:
    drawn = ground_picture(template, ground, dpi)
    found = drawn.getcolors(_MOST_GROUND_COLOURS)
    if found is None:
        drawn = drawn.quantize(_MOST_GROUND_COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
        found = drawn.getcolors(_MOST_GROUND_COLOURS) or []
    colours = (cast("tuple[int, int, int]", colour) for _, colour in found)
    palette = tuple(dict.fromkeys([(255, 255, 255), (0, 0, 0), *colours]))
    return _Canvas(_numbered(drawn, palette), palette)


@lru_cache(maxsize=8)
def _worded_canvas(template: LabelTemplate, ground: Ground, dpi: int, lines: tuple[tuple[Words, int], ...]) -> Pixels:
    """The rows of the ground with words on it, each line with its ramp."""
    rows = with_filter_bytes(_canvas(template, ground, dpi).numbers)
    for words, ramp in lines:
        draw_words(rows[:, 1:], words, dpi / MM_PER_INCH, ramp)
    return rows


def _numbered(drawn: Image.Image, palette: Palette) -> Pixels:
    """Each pixel's place in ``palette``, which holds every colour of the picture."""
    weights = np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    known = np.array(palette, dtype=np.uint32) @ weights
    order = np.argsort(known)
    colours = np.asarray(drawn, dtype=np.uint32) @ weights
    return order[np.searchsorted(known[order], colours)].astype(np.uint8)


def _under(numbers: Pixels, words: Words, scale: float) -> int:
    """The colour on which ``words`` stand: the one in the middle of their line."""
    if words.arc is not None:
        out = -words.arc.radius_mm if words.arc.at == "top" else words.arc.radius_mm
        x, y = words.arc.x_mm, words.arc.y_mm + out
    else:
        x, y = words.x_mm + words.width_mm / 2, words.y_mm - 0.3 * words.size_mm
    height, width = numbers.shape
    return int(numbers[min(max(round(y * scale), 0), height - 1), min(max(round(x * scale), 0), width - 1)])


@lru_cache(maxsize=32)
def _colours(palette: Palette, inks: tuple[tuple[int, str], ...], two_colours: bool) -> tuple[Palette, tuple[int, ...]]:
    """``palette`` with a ramp from paper to ink for each of ``inks`` (number of a paper, an ink), and its start."""
    colours = list(palette)
    ramps: dict[tuple[int, str], int] = {}
    for under, ink in inks:
        if (under, ink) in ramps:
            continue
        if len(colours) + STEPS > 256:  # a template with a dozen inks gets the first one's shades
            ramps[under, ink] = next(iter(ramps.values()))
            continue
        ramps[under, ink] = len(colours)
        paper, full = palette[under], ImageColor.getrgb(ink)
        for step in range(STEPS):
            part = step / (STEPS - 1)
            if two_colours:
                part = float(part >= 0.5)
            red, green, blue = (round(low + (high - low) * part) for low, high in zip(paper, full[:3], strict=True))
            colours.append((red, green, blue))
    return tuple(colours), tuple(ramps[ink] for ink in inks)


def _draw_symbol(numbers: Pixels, symbol: Symbol, module_px: int, scale: float) -> None:
    """The modules in whole pixels, in the middle of their place, on their paper."""
    side = symbol.qr.side
    if symbol.paper:
        reach = symbol.side_mm + 2 * symbol.quiet_mm
        left, top = round((symbol.x_mm - symbol.quiet_mm) * scale), round((symbol.y_mm - symbol.quiet_mm) * scale)
        numbers[max(top, 0) : top + round(reach * scale), max(left, 0) : left + round(reach * scale)] = _WHITE
    middle = symbol.side_mm / 2
    left = round((symbol.x_mm + middle) * scale - side * module_px / 2)
    top = round((symbol.y_mm + middle) * scale - side * module_px / 2)
    place = numbers[top : top + side * module_px, left : left + side * module_px]
    modules = symbol.qr.modules().repeat(module_px, axis=1)
    if symbol.paper:
        place.reshape(side, module_px, -1)[:] = modules[:, None]  # _WHITE and _BLACK are 0 and 1
    else:
        np.copyto(place, _BLACK, where=modules.view(np.bool_).repeat(module_px, axis=0))
