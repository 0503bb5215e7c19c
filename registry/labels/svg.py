"""A plate as SVG: millimetres, one path for the whole symbol, text as text (set in the fonts of whoever prints it)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from registry.labels.check import check_svg
from registry.labels.plate import HEIGHT_MM, WIDTH_MM, Block, LabelFacts, Plate, Symbol, Words, draw_plate

_FONTS = "'Noto Sans CJK SC','Source Han Sans SC','PingFang SC','Microsoft YaHei','Noto Sans',sans-serif"


def label_svg(facts: LabelFacts) -> str:
    """The plate of ``facts`` as an SVG document; decoded again before it is returned.

    Raises ``InvalidInput`` for facts that can't be printed, ``LabelUnreadable`` if it does not say its address.
    """
    plate = draw_plate(facts)
    picture = _document(plate)
    check_svg(picture, plate.address)
    return picture


def _document(plate: Plate) -> str:
    body = [_block(each) for each in plate.blocks] + [_symbol(plate.symbol)] + [_words(each) for each in plate.words]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_MM:g}mm" height="{HEIGHT_MM:g}mm" '
        f'viewBox="0 0 {WIDTH_MM:g} {HEIGHT_MM:g}" role="img" aria-label={quoteattr(plate.title)}>'
        f"<title>{escape(plate.title)}</title>{''.join(body)}</svg>\n"
    )


def _block(block: Block) -> str:
    return (
        f'<rect x="{block.x_mm:g}" y="{block.y_mm:g}" width="{block.width_mm:g}" height="{block.height_mm:g}" '
        f'rx="{block.radius_mm:g}" fill="{block.colour}"/>'
    )


def _symbol(symbol: Symbol) -> str:
    """One path in module units; one scale carries it to millimetres, so no edge is rounded away from its neighbour."""
    return (
        f'<path id="qr" transform="translate({symbol.x_mm:.5f} {symbol.y_mm:.5f}) scale({symbol.module_mm:.5f})" '
        f'shape-rendering="crispEdges" fill="#000" d="{"".join(_runs(symbol))}"/>'
    )


def _runs(symbol: Symbol) -> Iterator[str]:
    for y, row in enumerate(symbol.modules):
        x = 0
        for black, run in groupby(row):
            length = len(list(run))
            if black:
                yield f"M{x} {y}h{length}v1h-{length}z"
            x += length


def _words(words: Words) -> str:
    weight = ' font-weight="700"' if words.weight == "bold" else ""
    spacing = f' letter-spacing="{words.spacing_mm:g}"' if words.spacing_mm else ""
    return (
        f'<text x="{words.x_mm:g}" y="{words.y_mm:g}" font-family="{_FONTS}" font-size="{words.size_mm:.3g}"'
        f'{weight}{spacing} text-anchor="middle" fill="{words.colour}">{escape(words.text)}</text>'
    )
