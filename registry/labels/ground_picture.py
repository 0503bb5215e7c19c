"""The ground of a label as pixels: boxes, lines, logos, drawn larger and shrunk where corners are round."""

from __future__ import annotations

from dataclasses import replace

from fontTools.pens.recordingPen import RecordingPen
from PIL import Image, ImageChops, ImageDraw

from registry.labels.flatten import area, flattened
from registry.labels.logo import logo_picture
from registry.labels.outlines import draw_logo
from registry.labels.plate import Box, Ground, Line, Logo, Shape
from registry.labels.template import LabelTemplate

_MM_PER_INCH = 25.4
_MOST_SMOOTH_PX = 30_000_000
_NOBODY = 128  # a pixel around which no line winds
_EDGE = "#b8c0ca"  # where an engraved plate ends, in its preview


def ground_picture(template: LabelTemplate, ground: Ground, dpi: int) -> Image.Image:
    """The label without its symbol and its words, RGB on white."""
    scale = dpi / _MM_PER_INCH
    picture = Image.new("RGB", (round(template.width_mm * scale), round(template.height_mm * scale)), "white")
    shapes = list(ground.shapes)
    if template.ground and template.bleed_mm and isinstance(shapes[0], Box):
        shapes[0] = replace(ground.contour, fill=shapes[0].fill)  # pixels show the plate as it is when it has been cut
    for shape in shapes:
        _draw(picture, shape, scale)
    for edge in (ground.contour, *ground.holes) if template.engraving else ground.holes:
        _draw_box(picture, _edged(edge), scale)
    return picture


def _edged(box: Box) -> Box:
    """The mark of a cut edge or a hole."""
    return replace(box, fill="", stroke=_EDGE, stroke_mm=0.25)


def _draw(picture: Image.Image, shape: Shape, scale: float) -> None:
    if isinstance(shape, Box):
        _draw_box(picture, shape, scale)
    elif isinstance(shape, Line):
        ends = (shape.x1_mm * scale, shape.y1_mm * scale, shape.x2_mm * scale, shape.y2_mm * scale)
        ImageDraw.Draw(picture).line(ends, fill=shape.colour, width=max(1, round(shape.stroke_mm * scale)))
    else:
        _draw_logo(picture, shape, scale)


def _draw_box(picture: Image.Image, box: Box, scale: float) -> None:
    left, top = round(box.x_mm * scale), round(box.y_mm * scale)
    size = (round((box.x_mm + box.width_mm) * scale) - left, round((box.y_mm + box.height_mm) * scale) - top)
    if min(size) < 1:
        return
    if box.fill:
        picture.paste(box.fill, (left, top), _rounded(size, box.corner_mm * scale, 0))
    if box.stroke:
        picture.paste(box.stroke, (left, top), _rounded(size, box.corner_mm * scale, max(1.0, box.stroke_mm * scale)))


def _rounded(size: tuple[int, int], radius: float, stroke: float) -> Image.Image:
    """A mask: a filled rectangle with round corners, or with ``stroke`` only its edge, that wide."""
    if not radius and not stroke:
        return Image.new("L", size, 255)
    smooth = next((times for times in (4, 2) if size[0] * size[1] * times * times <= _MOST_SMOOTH_PX), 1)
    mask = Image.new("L", (size[0] * smooth, size[1] * smooth), 0)
    pen = ImageDraw.Draw(mask)
    whole = (0, 0, mask.width - 1, mask.height - 1)
    if stroke:
        pen.rounded_rectangle(whole, radius * smooth, outline=255, width=max(1, round(stroke * smooth)))
    else:
        pen.rounded_rectangle(whole, radius * smooth, fill=255)
    return mask.resize(size, Image.Resampling.BOX)


def _draw_logo(picture: Image.Image, logo: Logo, scale: float) -> None:
    corner = (round(logo.x_mm * scale), round(logo.y_mm * scale))
    size = (max(1, round(logo.width_mm * scale)), max(1, round(logo.height_mm * scale)))
    if logo.element.path:
        pen = RecordingPen()
        draw_logo(logo, pen)
        picture.paste(logo.colour, corner, filled(pen, (logo.x_mm, logo.y_mm), size, scale))
    elif logo.element.image:
        drawn = logo_picture(logo.element.image).resize(size, Image.Resampling.LANCZOS)
        picture.paste(drawn, corner, drawn)


def filled(outline: RecordingPen, origin: tuple[float, float], size: tuple[int, int], scale: float) -> Image.Image:
    """A mask of ``size``: the inside of ``outline`` (millimetres) by the non-zero rule, ``origin`` at its corner."""
    smooth = next((times for times in (4, 2) if size[0] * size[1] * times * times <= _MOST_SMOOTH_PX), 1)
    large = (size[0] * smooth, size[1] * smooth)
    winding = Image.new("L", large, _NOBODY)
    for points in flattened(outline.value, 0.25 / (scale * smooth)):
        spots = [((x - origin[0]) * scale * smooth, (y - origin[1]) * scale * smooth) for x, y in points]
        inside = Image.new("L", large, 0)
        ImageDraw.Draw(inside).polygon(spots, fill=1)
        winding = ImageChops.add(winding, inside) if area(points) > 0 else ImageChops.subtract(winding, inside)
    return winding.point([0 if value == _NOBODY else 255 for value in range(256)]).resize(size, Image.Resampling.BOX)
