"""A label as pixels: modules are whole pixels, so no edge is blurred, and letters are placed to a quarter of one.

What is the same on every label of a run is drawn once and kept (the ground, each letter); a picture holds numbers of
colours, not colours, which makes it small to copy and to compress. Labels for label printers are black and white.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw

from registry.domain.errors import InvalidInput
from registry.labels import fonts
from registry.labels.deflate import deflated, whole_words
from registry.labels.ground_picture import ground_picture
from registry.labels.plate import Ground, Plate, Symbol, Words
from registry.labels.template import LabelTemplate

LEAST_DPI = 100
MOST_DPI = 1200
LEAST_DOTS = 2
"""A module of one printer dot is never square."""

MM_PER_INCH = 25.4
_STEPS = 16  # shades between paper and ink along the edge of a letter
_PHASES = 4
_SMOOTH_TURNED = 2
_TURNS = 2  # directions a degree for letters on an arc
_MOST_GROUND_COLOURS = 96
_WHITE, _BLACK = 0, 1  # numbers of colours that every picture has
_SEEN_PX = 4  # pixels a module that a reader needs to see
Palette = tuple[tuple[int, int, int], ...]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawn label: ``numbers`` (rows of 8 bits) point into ``palette``; modules are ``module_px`` wide."""

    numbers: Pixels
    palette: Palette
    dpi: int
    module_px: int
    two_colours: bool

    def grey(self) -> Pixels:
        """The picture as a scanner sees it."""
        return _shades(self.palette)[self.numbers]

    def from_afar(self) -> Pixels:
        """Every so many-th pixel of the picture, as few as a reader needs to see the modules."""
        every = max(1, self.module_px // _SEEN_PX)
        chosen = self.numbers[every // 2 :: every, every // 2 :: every]
        return np.frombuffer(chosen.tobytes().translate(_shades(self.palette).tobytes()), np.uint8).reshape(
            chosen.shape
        )

    def ink(self) -> Pixels:
        """What a printer of one colour prints: rows of bits, set where it is dark, padded to whole bytes."""
        return np.packbits((_shades(self.palette) < 128)[self.numbers], axis=1)


@lru_cache(maxsize=64)
def _shades(palette: Palette) -> Pixels:
    grey = [(red * 299 + green * 587 + blue * 114) // 1000 for red, green, blue in palette]
    return np.array(grey + [0] * (256 - len(grey)), dtype=np.uint8)


def to_picture(plate: Plate, dpi: int) -> Picture:
    """``plate`` at ``dpi`` dots an inch. Raises ``InvalidInput`` (field ``dpi``) for dots too coarse or too many."""
    if not LEAST_DPI <= dpi <= MOST_DPI:
        raise InvalidInput("dpi", f"{dpi} must be between {LEAST_DPI} and {MOST_DPI}")
    two_colours = plate.template.roll is not None
    scale = dpi / MM_PER_INCH
    module_px = _module_px(plate.symbol, dpi)
    canvas = _canvas(plate.template, plate.ground, dpi)
    pairs = [(_under(canvas.numbers, words, scale), words.colour) for words in plate.words]
    palette, ramps = _colours(canvas.palette, tuple(dict.fromkeys(pairs)), two_colours)
    numbers = canvas.numbers.base.copy()[:, : canvas.numbers.shape[1]]  # type: ignore[union-attr]
    _draw_symbol(numbers, plate.symbol, module_px, scale)
    for words, pair in zip(plate.words, pairs, strict=True):
        _draw_words(numbers, words, scale, ramps[pair])
    return Picture(numbers=numbers, palette=palette, dpi=dpi, module_px=module_px, two_colours=two_colours)


def to_png(picture: Picture) -> bytes:
    """The picture as a PNG file with its size in dots per metre."""
    height, width = picture.numbers.shape
    per_metre = round(picture.dpi / MM_PER_INCH * 1000)
    if picture.two_colours:
        depth, kind, colours = 1, 0, b""
        rows = ~picture.ink()
    else:
        depth, kind, rows = 8, 3, picture.numbers
        colours = _palette_chunk(picture.palette)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
        + colours
        + _chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1))
        + _chunk(b"IDAT", deflated(rows))
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
            f"at {dpi} dots an inch a module of {symbol.module_mm:.2f} mm is less than {LEAST_DOTS} dots; print with "
            f"{needed} or more, or make qr.side_mm larger",
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
    return _Canvas(whole_words(_numbered(drawn, palette)), palette)


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
        _, x, y, _ = words.letters()[len(words.text) // 2]
    else:
        x, y = words.x_mm + words.width_mm / 2, words.y_mm - 0.3 * words.size_mm
    height, width = numbers.shape
    return int(numbers[min(max(round(y * scale), 0), height - 1), min(max(round(x * scale), 0), width - 1)])


@lru_cache(maxsize=32)
def _colours(
    palette: Palette, pairs: tuple[tuple[int, str], ...], two_colours: bool
) -> tuple[Palette, dict[tuple[int, str], int]]:
    """``palette`` with a ramp from paper to ink for each pair of a paper's number and an ink; and where each starts."""
    colours = list(palette)
    ramps = {}
    for under, ink in pairs[: (256 - len(colours)) // _STEPS]:
        ramps[under, ink] = len(colours)
        paper, full = palette[under], ImageColor.getrgb(ink)
        for step in range(_STEPS):
            part = step / (_STEPS - 1)
            if two_colours:
                part = float(part >= 0.5)
            red, green, blue = (round(low + (high - low) * part) for low, high in zip(paper, full[:3], strict=True))
            colours.append((red, green, blue))
    for pair in pairs:  # more than fit: a template with a dozen inks gets the first one's shades
        ramps.setdefault(pair, next(iter(ramps.values())))
    return tuple(colours), ramps


def _draw_symbol(numbers: Pixels, symbol: Symbol, module_px: int, scale: float) -> None:
    """The modules in whole pixels, in the middle of their place, on their paper."""
    side = symbol.qr.side
    if symbol.paper:
        reach = symbol.side_mm + 2 * symbol.quiet_mm
        left, top = round((symbol.x_mm - symbol.quiet_mm) * scale), round((symbol.y_mm - symbol.quiet_mm) * scale)
        numbers[max(top, 0) : top + round(reach * scale), max(left, 0) : left + round(reach * scale)] = _WHITE
    ones = np.frombuffer("".join(symbol.qr.rows()).encode(), dtype=np.uint8).reshape(side, side) == ord("1")
    middle = symbol.side_mm / 2
    left = round((symbol.x_mm + middle) * scale - side * module_px / 2)
    top = round((symbol.y_mm + middle) * scale - side * module_px / 2)
    place = numbers[top : top + side * module_px, left : left + side * module_px]
    wide = ones.repeat(module_px, axis=1)
    if symbol.paper:
        place[:] = wide.view(np.uint8).repeat(module_px, axis=0)  # _WHITE and _BLACK are 0 and 1
    else:
        np.copyto(place, _BLACK, where=wide.repeat(module_px, axis=0))


def _draw_words(numbers: Pixels, words: Words, scale: float, ramp: int) -> None:
    size_px = round(max(words.size_mm * scale, 4.0) * 4) / 4
    if words.arc is None:
        left, phase = divmod(round(words.x_mm * scale * _PHASES), _PHASES)
        line = _line(words.font, words.text, words.size_mm * scale, words.spacing_mm * scale, phase, ramp)
        _put(numbers, line, left, round(words.y_mm * scale))
        return
    for letter, x, y, lean in words.letters():
        tile = _tile(words.font, letter, size_px, 0, round(lean * _TURNS) / _TURNS, ramp)
        _put(numbers, tile, round(x * scale), round(y * scale))


def _put(numbers: Pixels, tile: _Tile | None, left: int, top: int) -> None:
    """Draw ``tile`` where its pen comes to ``left``, ``top``, as far as it lies on the label."""
    if tile is None:
        return
    high, wide = numbers.shape
    left, top = left + tile.left, top + tile.top
    bottom, right = min(top + tile.numbers.shape[0], high), min(left + tile.numbers.shape[1], wide)
    first, above = max(-left, 0), max(-top, 0)
    where = (slice(above, bottom - top), slice(first, right - left))
    np.copyto(numbers[top + above : bottom, left + first : right], tile.numbers[where], where=tile.solid[where])


class _Tile(NamedTuple):
    numbers: Pixels
    solid: NDArray[np.bool_]
    left: int
    top: int


@lru_cache(maxsize=512)
def _line(font: fonts.FontFile, text: str, size: float, spacing: float, phase: int, ramp: int) -> _Tile | None:
    """A line of letters in numbers of colours; most lines of a run are the same on every label."""
    size_px = round(max(size, 4.0) * 4) / 4
    widths = fonts.widths(font)
    placed: list[tuple[_Tile, int]] = []
    along = phase / _PHASES
    for letter in text:
        left, part = divmod(round(along * _PHASES), _PHASES)
        tile = _tile(font, letter, size_px, part, 0.0, ramp)
        if tile is not None:
            placed.append((tile, left + tile.left))
        along += widths[letter] * size + spacing
    if not placed:
        return None
    left, top = min(x for _, x in placed), min(tile.top for tile, _ in placed)
    right = max(x + tile.numbers.shape[1] for tile, x in placed)
    bottom = max(tile.top + tile.numbers.shape[0] for tile, _ in placed)
    line = _Tile(
        np.zeros((bottom - top, right - left), dtype=np.uint8),
        np.zeros((bottom - top, right - left), dtype=np.bool_),
        left,
        top,
    )
    for tile, x in placed:
        height, width = tile.numbers.shape
        where = (slice(tile.top - top, tile.top - top + height), slice(x - left, x - left + width))
        np.maximum(line.numbers[where], tile.numbers, out=line.numbers[where])
        line.solid[where] |= tile.solid
    return line


@lru_cache(maxsize=8192)
def _tile(font: fonts.FontFile, letter: str, size_px: float, phase: int, lean: float, ramp: int) -> _Tile | None:
    """A letter in numbers of colours, its pen at ``left``, ``top`` of the tile; None for a blank one."""
    smooth = _SMOOTH_TURNED if lean else 1
    drawn = fonts.sized(font, size_px * smooth)
    reach = (int(size_px * 1.4) + 4) * smooth
    mask = Image.new("L", (2 * reach, 2 * reach), 0)
    ImageDraw.Draw(mask).text((reach + phase / _PHASES, reach), letter, fill=255, font=drawn, anchor="ls")
    if lean:
        mask = mask.rotate(-lean, Image.Resampling.BICUBIC, center=(reach, reach)).reduce(smooth)
        reach //= smooth
    box = mask.getbbox()
    if box is None:
        return None
    steps = np.asarray(mask.crop(box), dtype=np.uint16) * (_STEPS - 1) // 255
    return _Tile((steps + ramp).astype(np.uint8), steps > 0, box[0] - reach, box[1] - reach)
