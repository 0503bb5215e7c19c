"""A plate as PNG, for label printers and for looking at; modules are whole pixels, so no edge is blurred."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from registry.domain.errors import InvalidInput
from registry.labels.check import check_picture
from registry.labels.plate import (
    HEIGHT_MM,
    QUIET_MODULES,
    WIDTH_MM,
    Block,
    LabelFacts,
    Plate,
    Symbol,
    Weight,
    Words,
    draw_plate,
)

LEAST_DPI = 100
MOST_DPI = 1200
_MM_PER_INCH = 25.4
_SMOOTH = 4  # rounded corners are drawn this much larger and shrunk

# A collection holds several languages; the number is the one for simplified Chinese.
_CHINESE_FONTS: dict[Weight, tuple[tuple[str, int], ...]] = {
    "bold": (
        ("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc", 2),
        ("/usr/share/fonts/google-noto-cjk/NotoSansCJK-Bold.ttc", 2),
        ("/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc", 2),
    ),
    "regular": (
        ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 2),
        ("/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc", 2),
        ("/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc", 2),
        ("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 0),
        ("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", 0),
        ("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf", 0),
        ("/System/Library/Fonts/PingFang.ttc", 0),
    ),
}

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def label_png(facts: LabelFacts, dpi: int = 300, *, chinese: bool = True) -> bytes:
    """The plate of ``facts`` as a PNG of ``dpi`` dots an inch; decoded again before it is returned.

    Chinese words need a Chinese font on this machine (Debian: fonts-noto-cjk); without one, or with ``chinese`` off,
    the English words and all digits are drawn. Raises ``InvalidInput`` and ``LabelUnreadable`` as ``label_svg`` does.
    """
    if not LEAST_DPI <= dpi <= MOST_DPI:
        raise InvalidInput("dpi", f"{dpi} must be between {LEAST_DPI} and {MOST_DPI}")
    plate = draw_plate(facts)
    picture = _draw(plate, dpi, chinese=chinese and can_write_chinese())
    check_picture(picture, plate.address)
    out = io.BytesIO()
    picture.save(out, "PNG", dpi=(dpi, dpi), compress_level=4)
    return out.getvalue()


@lru_cache(maxsize=1)
def can_write_chinese() -> bool:
    """Whether a Chinese font was found on this machine."""
    return any(Path(path).is_file() for path, _ in (*_CHINESE_FONTS["bold"], *_CHINESE_FONTS["regular"]))


def _draw(plate: Plate, dpi: int, *, chinese: bool) -> Image.Image:
    scale = dpi / _MM_PER_INCH
    picture = _backdrop(plate.blocks, dpi).copy()
    _draw_symbol(picture, plate.symbol, scale)
    pen = ImageDraw.Draw(picture)
    for words in plate.words:
        text = words.text if chinese or words.plain is None else words.plain
        if text and (chinese or text.isascii()):
            _draw_words(pen, words, text, scale, chinese=chinese)
    return picture


@lru_cache(maxsize=4)
def _backdrop(blocks: tuple[Block, ...], dpi: int) -> Image.Image:
    """The coloured ground, the same for every plate of a family; rounding its corners is the dear part of a label."""
    scale = dpi / _MM_PER_INCH
    picture = Image.new("RGB", (round(WIDTH_MM * scale), round(HEIGHT_MM * scale)), "white")
    for block in blocks:
        _draw_block(picture, block, scale)
    return picture


def _draw_block(picture: Image.Image, block: Block, scale: float) -> None:
    size = (round(block.width_mm * scale), round(block.height_mm * scale))
    mask = Image.new("L", (size[0] * _SMOOTH, size[1] * _SMOOTH), 0)
    ImageDraw.Draw(mask).rounded_rectangle(
        (0, 0, mask.width - 1, mask.height - 1), radius=block.radius_mm * scale * _SMOOTH, fill=255
    )
    picture.paste(block.colour, (round(block.x_mm * scale), round(block.y_mm * scale)), mask.resize(size))


def _draw_symbol(picture: Image.Image, symbol: Symbol, scale: float) -> None:
    modules = len(symbol.modules)
    whole = Image.new("1", (modules + 2 * QUIET_MODULES,) * 2, 1)
    whole.putdata([0 if black else 1 for row in _with_quiet(symbol) for black in row])
    module_px = max(1, int(symbol.module_mm * scale))
    drawn = whole.resize((whole.width * module_px,) * 2, Image.Resampling.NEAREST)
    middle = symbol.y_mm + modules * symbol.module_mm / 2
    corner = (round(WIDTH_MM * scale / 2 - drawn.width / 2), round(middle * scale - drawn.height / 2))
    picture.paste(drawn.convert("RGB"), corner)


def _with_quiet(symbol: Symbol) -> list[list[bool]]:
    modules = len(symbol.modules)
    empty = [False] * (modules + 2 * QUIET_MODULES)
    edge = [False] * QUIET_MODULES
    return [empty] * QUIET_MODULES + [[*edge, *row, *edge] for row in symbol.modules] + [empty] * QUIET_MODULES


def _draw_words(pen: ImageDraw.ImageDraw, words: Words, text: str, scale: float, *, chinese: bool) -> None:
    font = _font(words.weight, max(6, round(words.size_mm * scale)), chinese)
    spacing = words.spacing_mm * scale
    x = words.x_mm * scale - (pen.textlength(text, font) + spacing * (len(text) - 1)) / 2
    if not spacing:
        pen.text((x, words.y_mm * scale), text, fill=words.colour, font=font, anchor="ls")
        return
    for letter in text:
        pen.text((x, words.y_mm * scale), letter, fill=words.colour, font=font, anchor="ls")
        x += pen.textlength(letter, font) + spacing


@lru_cache(maxsize=64)
def _font(weight: Weight, size_px: int, chinese: bool) -> Font:
    if chinese:
        for path, index in (*_CHINESE_FONTS[weight], *_CHINESE_FONTS["regular"]):
            if Path(path).is_file():
                return ImageFont.truetype(path, size_px, index=index)
    return ImageFont.load_default(size_px)
