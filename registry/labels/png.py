"""A label as pixels: modules are whole pixels, so no edge is blurred, and letters are placed to a quarter of one.

What is the same on every label of a run is drawn once and kept (the ground, each letter); a picture holds numbers of
colours, not colours, which makes it small to copy and to compress. Labels for label printers are black and white.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from PIL import Image, ImageChops, ImageColor, ImageDraw

from registry.domain.errors import InvalidInput
from registry.labels import fonts
from registry.labels.ground_picture import ground_picture
from registry.labels.plate import Ground, Plate, Symbol, Words
from registry.labels.template import LabelTemplate

LEAST_DPI = 100
MOST_DPI = 1200
LEAST_DOTS = 2
"""A module of one printer dot is never square."""

MM_PER_INCH = 25.4
_STEPS = 16  # shades between ink and paper along the edge of a letter
_PHASES = 4
_SMOOTH_TURNED = 4
_MOST_GROUND_COLOURS = 96
_WHITE, _BLACK = 0, 1  # numbers of colours that every picture has
_DARK_TO_MASK = bytes.maketrans(b"01", b"\x00\xff")
Palette = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawn label: ``numbers`` (8 bits a pixel) point into ``palette``; modules are ``module_px`` wide."""

    numbers: Image.Image
    palette: Palette
    dpi: int
    module_px: int
    two_colours: bool

    def grey(self) -> Image.Image:
        """The picture as a scanner sees it."""
        shades = [(red * 299 + green * 587 + blue * 114) // 1000 for red, green, blue in self.palette]
        return self.numbers.point(shades + [0] * (256 - len(shades)))


def to_picture(plate: Plate, dpi: int) -> Picture:
    """``plate`` at ``dpi`` dots an inch. Raises ``InvalidInput`` (field ``dpi``) for dots too coarse or too many."""
    if not LEAST_DPI <= dpi <= MOST_DPI:
        raise InvalidInput("dpi", f"{dpi} must be between {LEAST_DPI} and {MOST_DPI}")
    two_colours = plate.template.roll is not None
    scale = dpi / MM_PER_INCH
    module_px = _module_px(plate.symbol, dpi)
    canvas = _canvas(plate.template, plate.ground, dpi)
    pairs = [(canvas.under(words, scale), words.colour) for words in plate.words]
    palette, ramps = _colours(canvas.palette, tuple(dict.fromkeys(pairs)), two_colours)
    numbers = canvas.numbers.copy()
    _draw_symbol(numbers, plate.symbol, module_px, scale)
    for words, pair in zip(plate.words, pairs, strict=True):
        _draw_words(numbers, words, scale, ramps[pair])
    return Picture(numbers=numbers, palette=palette, dpi=dpi, module_px=module_px, two_colours=two_colours)


def to_png(picture: Picture) -> bytes:
    """The picture as a PNG file with its size in dots per metre."""
    width, height = picture.numbers.size
    per_metre = round(picture.dpi / MM_PER_INCH * 1000)
    if picture.two_colours:
        depth, colours, rows = 1, b"", _filtered_bits(picture)
        kind = 0
    else:
        depth, kind, rows = 8, 3, _filtered(picture.numbers)
        colours = _chunk(b"PLTE", bytes(part for colour in picture.palette for part in colour))
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
        + colours
        + _chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1))
        + _chunk(b"IDAT", zlib.compress(rows, 1))
        + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _filtered(numbers: Image.Image) -> bytes:
    """PNG's filter "up" on every row: rows like the one above become zeros, which compress fast and well."""
    width, height = numbers.size
    above = Image.new("L", numbers.size, 0)
    above.paste(numbers.crop((0, 0, width, height - 1)), (0, 1))
    rows = Image.new("L", (width + 1, height), 2)
    rows.paste(ImageChops.subtract_modulo(numbers, above), (1, 0))
    return rows.tobytes()


def _filtered_bits(picture: Picture) -> bytes:
    bits = picture.grey().point([0] * 128 + [255] * 128).convert("1", dither=Image.Dither.NONE).tobytes()
    step = (picture.numbers.width + 7) // 8
    return b"".join(b"\0" + bits[start : start + step] for start in range(0, len(bits), step))


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


@dataclass(frozen=True, slots=True)
class _Canvas:
    """The ground of a template in numbers of colours; 0 is always white, 1 always black."""

    numbers: Image.Image
    palette: Palette

    def under(self, words: Words, scale: float) -> int:
        """The colour on which ``words`` stand: the commonest one in the middle of their line."""
        if words.arc is not None:
            _, x, y, _ = words.letters()[len(words.text) // 2]
        else:
            x, y = words.x_mm + words.width_mm / 2, words.y_mm - 0.3 * words.size_mm
        width, height = self.numbers.size
        column, row = min(max(round(x * scale), 0), width - 1), min(max(round(y * scale), 0), height - 1)
        return int(self.numbers.getpixel((column, row)))  # type: ignore[arg-type]


@lru_cache(maxsize=8)
def _canvas(template: LabelTemplate, ground: Ground, dpi: int) -> _Canvas:
    drawn = ground_picture(template, ground, dpi)
    found = drawn.getcolors(_MOST_GROUND_COLOURS)
    if found is None:
        drawn = drawn.quantize(_MOST_GROUND_COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
        found = drawn.getcolors(_MOST_GROUND_COLOURS) or []
    colours = (cast("tuple[int, int, int]", colour) for _, colour in found)
    palette = tuple(dict.fromkeys([(255, 255, 255), (0, 0, 0), *colours]))
    fixed = Image.new("P", (1, 1))
    fixed.putpalette([part for colour in palette for part in colour])
    numbers = drawn.quantize(palette=fixed, dither=Image.Dither.NONE)
    return _Canvas(Image.frombytes("L", numbers.size, numbers.tobytes()), palette)


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


def _draw_symbol(numbers: Image.Image, symbol: Symbol, module_px: int, scale: float) -> None:
    """The modules in whole pixels, in the middle of their place, on their paper."""
    side = symbol.qr.side
    quiet = symbol.quiet_modules if symbol.paper else 0
    if quiet:
        reach = symbol.side_mm + 2 * symbol.quiet_mm
        corner = (round((symbol.x_mm - symbol.quiet_mm) * scale), round((symbol.y_mm - symbol.quiet_mm) * scale))
        numbers.paste(_WHITE, (*corner, corner[0] + round(reach * scale), corner[1] + round(reach * scale)))
    dark = "".join(symbol.qr.rows()).encode().translate(_DARK_TO_MASK)
    mask = Image.frombytes("L", (side, side), dark).resize((side * module_px,) * 2, Image.Resampling.NEAREST)
    middle = symbol.side_mm / 2
    left = round((symbol.x_mm + middle) * scale - mask.width / 2)
    top = round((symbol.y_mm + middle) * scale - mask.height / 2)
    numbers.paste(_BLACK, (left, top), mask)


def _draw_words(numbers: Image.Image, words: Words, scale: float, ramp: int) -> None:
    size_px = round(max(words.size_mm * scale, 4.0) * 4) / 4
    for letter, x, y, lean in words.letters():
        if letter.isspace():
            continue
        if lean:
            left, top = round(x * scale), round(y * scale)
            phase = 0
        else:
            fourths = round(x * scale * _PHASES)
            left, phase = divmod(fourths, _PHASES)
            top = round(y * scale)
        tile = _tile(words.font, letter, size_px, phase, round(lean, 1), ramp)
        if tile is not None:
            numbers.paste(tile.numbers, (left + tile.left, top + tile.top), tile.mask)


@dataclass(frozen=True, slots=True)
class _Tile:
    numbers: Image.Image
    mask: Image.Image
    left: int
    top: int


@lru_cache(maxsize=8192)
def _tile(font: fonts.FontFile, letter: str, size_px: float, phase: int, lean: float, ramp: int) -> _Tile | None:
    """A letter in numbers of colours, its pen at ``left``, ``top`` of the tile; None for a blank one."""
    smooth = _SMOOTH_TURNED if lean else 1
    drawn = fonts.sized(font, size_px * smooth)
    reach = int(size_px * 2 * smooth) + 4
    mask = Image.new("L", (2 * reach, 2 * reach), 0)
    ImageDraw.Draw(mask).text((reach + phase / _PHASES, reach), letter, fill=255, font=drawn, anchor="ls")
    if lean:
        mask = mask.rotate(-lean, Image.Resampling.BICUBIC, center=(reach, reach))
        mask = mask.reduce(smooth)
        reach //= smooth
    box = mask.getbbox()
    if box is None:
        return None
    mask = mask.crop(box)
    shades = mask.point([ramp + value * (_STEPS - 1) // 255 for value in range(256)])
    solid = mask.point([255 if value * (_STEPS - 1) // 255 else 0 for value in range(256)]).convert("1")
    return _Tile(shades, solid, box[0] - reach, box[1] - reach)
