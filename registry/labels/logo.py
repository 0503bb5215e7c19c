"""A city's mark: what people upload is never used as it is: pictures are made anew, SVG becomes one outline.

So no script, no link, no hidden text and no picture bomb gets into a label.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import warnings
from functools import lru_cache

from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.svgLib import SVGPath
from PIL import Image, UnidentifiedImageError

from registry.domain.errors import InvalidInput
from registry.labels.template import LogoElement

MOST_BYTES = 1_000_000
"""The largest file taken."""

MOST_PATH = 200_000
"""The longest outline kept, in characters."""

# what fontTools' readers of XML, path data and transforms happen to raise for nonsense
_READER_FAULTS = (
    SyntaxError,
    ValueError,
    LookupError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    TypeError,
    NotImplementedError,
    RecursionError,
)
_SIDE_PX = 600  # 25 mm at 600 dpi
_MOST_PIXELS = 40_000_000
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
_VIEW_BOX = re.compile(rb"viewBox\s*=\s*[\"']([^\"']+)[\"']")


def clean_logo(content: bytes, place: LogoElement) -> LogoElement:
    """``place`` with the mark in the file ``content``: PNG, JPEG, WebP, BMP, GIF, or SVG (kept as one outline).

    Raises ``InvalidInput`` (field ``logo``) for a file that is too large or is none of these.
    """
    if len(content) > MOST_BYTES:
        raise InvalidInput(
            "logo",
            "the file has {count:.1f} MB; at most {most:g} MB, make it smaller",
            count=len(content) / 1000000.0,
            most=MOST_BYTES / 1000000.0,
        )
    if b"<svg" in content[:4096].lower():
        return _from_svg(content, place)
    return _from_picture(content, place)


@lru_cache(maxsize=32)
def logo_picture(image: str) -> Image.Image:
    """The picture of a logo (base64), RGBA. Raises ``InvalidInput`` when it is not a picture."""
    try:
        content = base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("image", "is not base64; upload the logo again") from error
    return _decoded(content, "image")


def proportions(element: LogoElement) -> tuple[float, float]:
    """Width and height of the mark, in units of its own."""
    if element.path:
        return max(element.path_width, 1e-6), max(element.path_height, 1e-6)
    if element.image:
        picture = logo_picture(element.image)
        return float(picture.width), float(picture.height)
    return 1.0, 1.0


def _from_picture(content: bytes, place: LogoElement) -> LogoElement:
    picture = _decoded(content, "logo")
    picture.thumbnail((_SIDE_PX, _SIDE_PX))
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return _with(place, image=base64.b64encode(out.getvalue()).decode())


def _decoded(content: bytes, field: str) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
                if picture.width * picture.height > _MOST_PIXELS:
                    raise InvalidInput(
                        field,
                        "the picture has {width} × {height} pixels; make it smaller",
                        width=picture.width,
                        height=picture.height,
                    )
                return picture.convert("RGBA")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise InvalidInput(field, "is not a PNG, JPEG or SVG picture that can be read") from error


def _from_svg(content: bytes, place: LogoElement) -> LogoElement:
    if b"<!doctype" in content.lower() or b"<!entity" in content.lower():
        raise InvalidInput("logo", "the SVG declares a document type; save it as plain SVG")
    pen = SVGPathPen(None, ntos=lambda number: f"{number:.3f}".rstrip("0").rstrip("."))
    try:
        left, top, wide, high = _view_box(content)
        SVGPath.fromstring(content, transform=(1, 0, 0, 1, -left, -top)).draw(pen)
    except InvalidInput:
        raise
    except _READER_FAULTS as error:
        raise InvalidInput("logo", "the SVG can't be read; save it as plain SVG with paths only") from error
    path = pen.getCommands()
    if not path:
        raise InvalidInput("logo", "the SVG has no outlines; convert its text and pictures to paths")
    if len(path) > MOST_PATH:
        raise InvalidInput(
            "logo",
            "the SVG has {count} characters of outlines, at most {most}; simplify it",
            count=len(path),
            most=MOST_PATH,
        )
    return _with(place, path=path, path_width=wide, path_height=high)


def _view_box(content: bytes) -> tuple[float, float, float, float]:
    found = _VIEW_BOX.search(content)
    if found is None:
        raise InvalidInput("logo", "the SVG has no viewBox; save it with one")
    numbers = [float(part) for part in found.group(1).replace(b",", b" ").split()]
    if len(numbers) != 4 or numbers[2] <= 0 or numbers[3] <= 0:
        raise InvalidInput("logo", "the SVG's viewBox must be four numbers, the last two above 0")
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _with(
    place: LogoElement, *, image: str = "", path: str = "", path_width: float = 0.0, path_height: float = 0.0
) -> LogoElement:
    return LogoElement(
        x_mm=place.x_mm,
        y_mm=place.y_mm,
        width_mm=place.width_mm,
        height_mm=place.height_mm,
        colour=place.colour,
        image=image,
        path=path,
        path_width=path_width,
        path_height=path_height,
    )
