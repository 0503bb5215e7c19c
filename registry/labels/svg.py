"""A label as SVG, in millimetres: one path for the whole symbol, text as text, or as outlines where it is engraved."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

from registry.labels.outlines import logo_path, words_path
from registry.labels.plate import Box, Ground, Line, Logo, Plate, Shape, Symbol, Words, marked_edges

_FONTS = "'Noto Sans CJK SC','Source Han Sans SC','PingFang SC','Microsoft YaHei','Noto Sans',sans-serif"
_CUT = 'fill="none" stroke="#ff0000" stroke-width="0.1"'  # what laser cutters take for "cut here"
_HOLE = 'fill="none" stroke="#b8c0ca" stroke-width="0.25"'


def to_svg(plate: Plate) -> str:
    """The document of ``plate``. Engraved ones have layers ``cut`` and ``engrave``, and no text that needs a font."""
    template = plate.template
    engraved = template.engraving
    body = [_ground(plate.ground), _symbol(plate.symbol)]
    body += [_outlined(each) if engraved else _text(each) for each in plate.words]
    drawn = "".join(body)
    bleed = template.bleed_mm
    width, height = template.width_mm + 2 * bleed, template.height_mm + 2 * bleed
    said = " · ".join(each.text for each in plate.words)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}mm" height="{height:g}mm" '
        f'viewBox="{-bleed:g} {-bleed:g} {width:g} {height:g}" role="img" aria-label={quoteattr(plate.title)}>'
        f"<title>{escape(plate.title)}</title><desc>{escape(said)}</desc>"
        + (f'<g id="engrave">{drawn}</g>' if engraved else drawn)
        + _edges(marked_edges(plate), _CUT if engraved else _HOLE)
        + "</svg>\n"
    )


@lru_cache(maxsize=16)
def _ground(ground: Ground) -> str:
    return "".join(_shape(each) for each in ground.shapes)


def _edges(edges: Sequence[Box], paint: str) -> str:
    return f'<g id="cut">{"".join(_box(each, paint) for each in edges)}</g>' if edges else ""


def _shape(shape: Shape) -> str:
    if isinstance(shape, Box):
        return _painted(shape)
    if isinstance(shape, Line):
        return (
            f'<line x1="{shape.x1_mm:g}" y1="{shape.y1_mm:g}" x2="{shape.x2_mm:g}" y2="{shape.y2_mm:g}" '
            f'stroke="{shape.colour}" stroke-width="{shape.stroke_mm:g}"/>'
        )
    return _logo(shape)


def _painted(box: Box) -> str:
    drawn = _box(box, f'fill="{box.fill}"') if box.fill else ""
    if box.stroke:
        inner = box.inside(box.stroke_mm / 2)
        drawn += _box(inner, f'fill="none" stroke="{box.stroke}" stroke-width="{box.stroke_mm:g}"')
    return drawn


def _box(box: Box, paint: str) -> str:
    rounding = f'rx="{box.corner_mm:g}" ' if box.corner_mm else ""
    place = f'x="{box.x_mm:g}" y="{box.y_mm:g}" width="{box.width_mm:g}" height="{box.height_mm:g}"'
    return f"<rect {place} {rounding}{paint}/>"


def _logo(logo: Logo) -> str:
    if logo.element.path:
        return f'<path d="{logo_path(logo)}" fill="{logo.colour}"/>'
    if logo.element.image:
        return (
            f'<image x="{logo.x_mm:g}" y="{logo.y_mm:g}" width="{logo.width_mm:g}" height="{logo.height_mm:g}" '
            f'href="data:image/png;base64,{logo.element.image}"/>'
        )
    return ""


def _symbol(symbol: Symbol) -> str:
    """One path in module units; one scale carries it to millimetres, so no edge is rounded away from its neighbour."""
    side = symbol.side_mm + 2 * symbol.quiet_mm
    paper = (
        f'<rect x="{symbol.x_mm - symbol.quiet_mm:.5g}" y="{symbol.y_mm - symbol.quiet_mm:.5g}" '
        f'width="{side:.5g}" height="{side:.5g}" fill="{symbol.paper}"/>'
        if symbol.paper
        else ""
    )
    runs = "".join([f"M{column} {row}h{length}v1h-{length}z" for column, row, length in symbol.qr.runs()])
    return (
        f'{paper}<path id="qr" transform="translate({symbol.x_mm:.5f} {symbol.y_mm:.5f}) '
        f'scale({symbol.module_mm:.5f})" shape-rendering="crispEdges" fill="#000" d="{runs}"/>'
    )


@lru_cache(maxsize=512)
def _text(words: Words) -> str:
    weight = ' font-weight="700"' if words.weight == "bold" else ""
    look = f'font-family="{_FONTS}" font-size="{words.size_mm:.4g}"{weight} fill="{words.colour}"'
    if words.arc is not None:
        letters = words.letters()
        xs, ys, leans = (" ".join(f"{letter[place]:.3f}" for letter in letters) for place in (1, 2, 3))
        return f'<text x="{xs}" y="{ys}" rotate="{leans}" {look}>{escape(words.text)}</text>'
    spacing = f' letter-spacing="{words.spacing_mm:g}"' if words.spacing_mm else ""
    # another font on the printer's side may have wider letters: the length keeps the line in its room all the same
    length = f' textLength="{words.width_mm + words.spacing_mm:.4g}"' if len(words.text) > 1 else ""
    return (
        f'<text x="{words.x_mm:.4g}" y="{words.y_mm:.4g}"{length}{spacing} {look} xml:space="preserve">'
        f"{escape(words.text)}</text>"
    )


@lru_cache(maxsize=256)
def _outlined(words: Words) -> str:
    return f'<path d="{words_path(words)}" fill="{words.colour}"/>'
