"""The letters a PDF needs, as a small TrueType font made from their outlines.

The codes of its text are UTF-16, so pages can be written before anybody knows which letters a book will need.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen

from registry.labels import fonts

_UNITS = 1000
_USUAL = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ -")
"""In every font: codes and tokens differ from label to label, and one font for all is made only once."""

_TOLERANCE = 0.6  # units between a letter's own curves and the ones TrueType has


@dataclass(frozen=True, slots=True)
class Embedded:
    """The parts of an embedded font: the program, which glyph each code means, widths, and what each code reads as."""

    program: bytes
    glyph_of_code: bytes
    widths: str
    to_unicode: bytes


def embedded(font: fonts.FontFile, letters: frozenset[str]) -> Embedded:
    """``letters`` of ``font`` for a PDF."""
    return _made(font, letters | _USUAL)


def small_font(font: fonts.FontFile, ordered: list[str]) -> tuple[list[str], dict[str, int], FontBuilder]:
    """A TrueType font of those letters: its glyphs' names (".notdef" first), their widths, and what builds it."""
    names = [".notdef", *(f"u{ord(letter):04X}" for letter in ordered)]
    glyphs = {".notdef": TTGlyphPen(None).glyph()}
    widths = {".notdef": 1000}
    for name, letter in zip(names[1:], ordered, strict=True):
        glyphs[name] = _glyph(font, letter)
        widths[name] = round(fonts.widths(font)[letter] * _UNITS)
    builder = FontBuilder(_UNITS, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(letter): name for name, letter in zip(names[1:], ordered, strict=True)})
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics({name: (width, getattr(glyphs[name], "xMin", 0)) for name, width in widths.items()})
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupPost(keepGlyphNames=False)
    builder.font["head"].created = builder.font["head"].modified = 0
    builder.font.recalcTimestamp = False
    return names, widths, builder


@lru_cache(maxsize=8)
def _made(font: fonts.FontFile, letters: frozenset[str]) -> Embedded:
    ordered = sorted(letters)
    names, widths, builder = small_font(font, ordered)
    out = io.BytesIO()
    builder.save(out)
    table = bytearray(2 * (max(map(ord, ordered), default=0) + 1))
    for number, letter in enumerate(ordered, 1):
        table[2 * ord(letter) : 2 * ord(letter) + 2] = number.to_bytes(2, "big")
    shown = " ".join(f"{ord(letter)} [{widths[name]}]" for name, letter in zip(names[1:], ordered, strict=True))
    return Embedded(out.getvalue(), bytes(table), shown, _to_unicode(ordered))


@lru_cache(maxsize=2048)
def _glyph(font: fonts.FontFile, letter: str) -> Any:
    pen = TTGlyphPen(None)
    curved = Cu2QuPen(pen, _TOLERANCE, reverse_direction=True)
    for step, points in fonts.outline(font, letter):
        getattr(curved, step)(*(((x * _UNITS, y * _UNITS)) for x, y in points))
    return pen.glyph()


def _to_unicode(letters: list[str]) -> bytes:
    """What viewers copy and search for: every code is the letter's own UTF-16."""
    blocks = []
    for start in range(0, len(letters), 100):
        codes = [f"<{ord(letter):04x}>" for letter in letters[start : start + 100]]
        blocks.append(f"{len(codes)} beginbfchar\n" + "\n".join(f"{code} {code}" for code in codes) + "\nendbfchar")
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n"
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
        "1 begincodespacerange <0000> <FFFF> endcodespacerange\n" + "\n".join(blocks) + "\n"
        "endcmap CMapName currentdict /CMap defineresource pop end end\n"
    ).encode()
