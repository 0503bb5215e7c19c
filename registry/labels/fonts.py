"""The letters of labels: which fonts this machine has, how wide letters are, and their outlines.

One font draws everything on a label, so that all formats agree: Noto Sans CJK (Debian: fonts-noto-cjk) or another one
with Chinese letters. Without any, the Latin letters and digits come from the font inside Pillow.
"""

from __future__ import annotations

import io
import mmap
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from fontTools.pens.basePen import AbstractPen
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.ttLib import TTFont
from PIL import ImageFont

from registry.labels.template import Weight

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
_LOOK_PX = 24
_NOBODYS_LETTER = "\uffff"
_MEASURE_PX = 1000  # so large that hinting does not round widths

Command = tuple[str, tuple[tuple[float, float], ...]]


class FontFile(NamedTuple):
    """Where a font lies; an empty path is the one inside Pillow."""

    path: str
    face: int

    @property
    def chinese(self) -> bool:
        """Whether it has Chinese letters."""
        return bool(self.path)

    @property
    def name(self) -> str:
        """What the font is called inside our documents."""
        return "Latin" if not self.path else "Bold" if "Bold" in self.path else "Regular"


@lru_cache(maxsize=4)
def find_font(weight: Weight, chinese: bool = True) -> FontFile:
    """The font for letters of ``weight``; with ``chinese`` off, the one inside Pillow, as on a machine without any."""
    if chinese:
        for path, index in (*_CHINESE_FONTS[weight], *_CHINESE_FONTS["regular"]):
            if Path(path).is_file():
                return FontFile(path, index)
    return FontFile("", 0)


def can_write_chinese() -> bool:
    """Whether a Chinese font was found on this machine."""
    return find_font("regular").chinese


@lru_cache(maxsize=64)
def sized(font: FontFile, size_px: float) -> ImageFont.FreeTypeFont:
    """The font for drawing pixels, ``size_px`` high."""
    if font.path:
        return ImageFont.truetype(font.path, size_px, index=font.face, layout_engine=ImageFont.Layout.BASIC)
    inside = ImageFont.load_default(size_px)
    if not isinstance(inside, ImageFont.FreeTypeFont):
        raise OSError("this Pillow was built without FreeType and cannot draw labels")
    return inside


class _Widths(dict[str, float]):
    """The widths of a font's letters in ems, measured when first asked for."""

    def __init__(self, font: FontFile) -> None:
        super().__init__()
        self._font = font

    def __missing__(self, letter: str) -> float:
        wide = self[letter] = sized(self._font, _MEASURE_PX).getlength(letter) / _MEASURE_PX
        return wide


@lru_cache(maxsize=4)
def widths(font: FontFile) -> dict[str, float]:
    """How far each letter moves the pen, in ems; every letter can be asked for."""
    return _Widths(font)


def width_em(font: FontFile, text: str) -> float:
    """How long ``text`` is without extra spacing, in ems."""
    return sum(map(widths(font).__getitem__, text))


def lacking(font: FontFile, text: str) -> str:
    """The letters of ``text`` that the font can't draw: they come out as the box that stands for what a font lacks."""
    looked = _drawable(font)
    for letter in set(text) - looked.keys():
        drawn = sized(font, _LOOK_PX)
        looked[letter] = letter.isspace() or bytes(drawn.getmask(letter)) != bytes(drawn.getmask(_NOBODYS_LETTER))
    return "".join(sorted(letter for letter in set(text) if not looked[letter]))


@lru_cache(maxsize=4)
def _drawable(_font: FontFile) -> dict[str, bool]:
    return {}


@lru_cache(maxsize=4096)
def outline(font: FontFile, letter: str) -> tuple[Command, ...]:
    """The curves of ``letter`` in ems, y upwards from the baseline: fontTools' pen commands. Empty for a blank."""
    opened = _opened(font)
    name = opened.letters.get(ord(letter), ".notdef")
    pen = DecomposingRecordingPen(opened.shapes)
    opened.shapes[name].draw(pen)
    scale = 1 / opened.units
    return tuple((step, tuple((x * scale, y * scale) for x, y in points)) for step, points in pen.value)


def replay(commands: tuple[Command, ...], pen: AbstractPen) -> None:
    """Draw an outline with any of fontTools' pens."""
    for step, points in commands:
        getattr(pen, step)(*points)


@dataclass(frozen=True, slots=True)
class _Opened:
    letters: dict[int, str]
    shapes: Any  # fontTools' glyph set
    units: int


@lru_cache(maxsize=4)
def _opened(font: FontFile) -> _Opened:
    """The font as fontTools reads it; takes most of a second for a Chinese one, so only outlines ask for it."""
    source: io.BytesIO | mmap.mmap
    if font.path:
        with Path(font.path).open("rb") as file:  # mapped: 20 MB of which few pages are looked at, and nothing to close
            source = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    else:
        source = io.BytesIO(sized(font, 10).font_bytes)
    opened = TTFont(source, fontNumber=font.face if font.path else -1, lazy=True)
    return _Opened(opened.getBestCmap(), opened.getGlyphSet(), opened["head"].unitsPerEm)
