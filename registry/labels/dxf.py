"""A label as DXF for laser engravers and mills: closed polylines in millimetres, y upwards, on three layers.

``CUT`` is the plate's edge and its holes, ``ENGRAVE`` the symbol, boxes and logo, ``TEXT`` the letters as outlines.
What lies inside an odd number of lines is to be engraved. ezdxf writes the frame of the file once; the lines of each
label are put into it.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from math import cos, radians, sin
from typing import NamedTuple

from fontTools.pens.recordingPen import RecordingPen

from registry.labels import fonts
from registry.labels.contour import contours
from registry.labels.flatten import Point, flattened
from registry.labels.outlines import draw_logo
from registry.labels.plate import Box, Ground, Line, Plate, Shape, Symbol

_TOLERANCE_MM = 0.01
_QUARTER = 0.41421356237  # a polyline's bulge for a quarter of a circle: tan(90° / 4)
_CUT, _ENGRAVE, _TEXT = "CUT", "ENGRAVE", "TEXT"
_COLOURS = {_CUT: 1, _ENGRAVE: 7, _TEXT: 5}
_FIRST_HANDLE = 0x10000

Vertex = tuple[float, float, float]


class _Drawn(NamedTuple):
    """A closed line as it stands in the file, all but its handle and its owner."""

    layer: str
    points: int
    vertices: str


def to_dxf(plate: Plate) -> str:
    """The drawing of ``plate`` (AutoCAD 2000 and later), its lower left corner at 0, 0."""
    height = plate.template.height_mm
    lines = list(_ground(plate.ground, plate.template.engraving, height))
    lines += _symbol(plate.symbol, height)
    for words in plate.words:
        for letter, left, foot, lean in words.letters():
            lines += _letter(words.font, letter, words.size_mm, (left, height - foot), lean)
    head, owner, tail = _frame((plate.template.width_mm, height))
    body = "".join(
        [
            f"  0\nLWPOLYLINE\n  5\n{handle:X}\n330\n{owner}\n100\nAcDbEntity\n  8\n{line.layer}\n"
            f"100\nAcDbPolyline\n 90\n{line.points}\n 70\n1\n{line.vertices}"
            for handle, line in enumerate(lines, _FIRST_HANDLE)
        ]
    )
    return head + body + tail


@lru_cache(maxsize=16)
def _frame(limits: tuple[float, float]) -> tuple[str, str, str]:
    """A drawing without lines in two halves, and the handle of the space that its lines belong to."""
    from ezdxf import units  # takes half a second to load, and few processes ever draw
    from ezdxf.filemanagement import new as new_drawing

    drawing = new_drawing("R2000", units=units.MM)
    drawing.header["$EXTMIN"], drawing.header["$EXTMAX"] = (0, 0, 0), (*limits, 0)
    drawing.header["$HANDSEED"] = "FFFFFF"
    for name, colour in _COLOURS.items():
        drawing.layers.add(name, color=colour)
    marker = drawing.modelspace().add_point((0, 0))
    out = io.StringIO()
    drawing.write(out)
    whole = out.getvalue()
    start = whole.index("  0\nPOINT\n  5\n" + str(marker.dxf.handle))
    end = whole.index("  0\nENDSEC", start)
    return whole[:start], str(drawing.modelspace().layout_key), whole[end:]


@lru_cache(maxsize=16)
def _ground(ground: Ground, engraving: bool, height: float) -> tuple[_Drawn, ...]:
    lines: list[tuple[str, Sequence[Vertex]]] = [(_CUT, _box(edge)) for edge in (ground.contour, *ground.holes)]
    if engraving:
        lines += [(_ENGRAVE, each) for shape in ground.shapes for each in _shape(shape)]
    return tuple(_drawn(layer, ((x, height - y, -bulge) for x, y, bulge in vertices)) for layer, vertices in lines)


def _drawn(layer: str, vertices: Iterable[Vertex]) -> _Drawn:
    """A line in the file's own direction: y upwards, bulges to the right of their line."""
    parts = [f" 10\n{x:.4f}\n 20\n{y:.4f}\n" + (f" 42\n{bulge:.6f}\n" if bulge else "") for x, y, bulge in vertices]
    return _Drawn(layer, len(parts), "".join(parts))


def _symbol(symbol: Symbol, height: float) -> Iterator[_Drawn]:
    places = [number * symbol.module_mm for number in range(symbol.qr.side + 1)]
    columns = [f" 10\n{symbol.x_mm + place:.4f}\n" for place in places]
    rows = [f" 20\n{height - symbol.y_mm - place:.4f}\n" for place in places]
    for line in contours(symbol.qr.modules()):
        yield _Drawn(_ENGRAVE, len(line), "".join([columns[x] + rows[y] for x, y in line]))


@lru_cache(maxsize=2048)
def _letter(
    font: fonts.FontFile, letter: str, size_mm: float, foot: tuple[float, float], lean: float
) -> tuple[_Drawn, ...]:
    """The closed lines of a letter that stands on ``foot`` (y upwards); most stand there on many labels of a run."""
    across, along = size_mm * cos(radians(lean)), size_mm * sin(radians(lean))
    left, low = foot
    return tuple(
        _drawn(_TEXT, ((left + across * x + along * y, low - along * x + across * y, 0.0) for x, y in line))
        for line in _flat(font, letter, round(_TOLERANCE_MM / size_mm, 3))
    )


@lru_cache(maxsize=2048)
def _flat(font: fonts.FontFile, letter: str, tolerance: float) -> list[list[Point]]:
    """The closed lines of a letter in ems, y upwards."""
    return flattened(fonts.outline(font, letter), tolerance)


def _shape(shape: Shape) -> list[Sequence[Vertex]]:
    if isinstance(shape, Box):
        lines = [_box(shape)] if shape.fill or shape.stroke else []
        if shape.stroke and not shape.fill:
            lines.append(_box(shape.inside(shape.stroke_mm)))
        return list(lines)
    if isinstance(shape, Line):
        return [_stroke(shape)]
    pen = RecordingPen()
    draw_logo(shape, pen)
    return [[(x, y, 0.0) for x, y in each] for each in flattened(pen.value, _TOLERANCE_MM)]


def _box(box: Box) -> list[Vertex]:
    left, top, right, bottom = box.x_mm, box.y_mm, box.x_mm + box.width_mm, box.y_mm + box.height_mm
    r = box.corner_mm
    if not r:
        return [(left, top, 0.0), (right, top, 0.0), (right, bottom, 0.0), (left, bottom, 0.0)]
    corners = [
        (left + r, top, 0.0),
        (right - r, top, _QUARTER),
        (right, top + r, 0.0),
        (right, bottom - r, _QUARTER),
        (right - r, bottom, 0.0),
        (left + r, bottom, _QUARTER),
        (left, bottom - r, 0.0),
        (left, top + r, _QUARTER),
    ]
    after = [*corners[1:], corners[0]]
    return [corner for corner, end in zip(corners, after, strict=True) if corner[:2] != end[:2]]  # a disc has no sides


def _stroke(line: Line) -> list[Vertex]:
    """A line as the narrow rectangle that it is."""
    across, down = line.x2_mm - line.x1_mm, line.y2_mm - line.y1_mm
    length = (across**2 + down**2) ** 0.5 or 1.0
    x, y = -down / length * line.stroke_mm / 2, across / length * line.stroke_mm / 2
    ends = ((line.x1_mm, line.y1_mm, 1), (line.x2_mm, line.y2_mm, 1), (line.x2_mm, line.y2_mm, -1))
    corners = [*ends, (line.x1_mm, line.y1_mm, -1)]
    return [(end_x + side * x, end_y + side * y, 0.0) for end_x, end_y, side in corners]
