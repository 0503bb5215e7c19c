"""Reading a finished label back, with another program's decoder (ZXing), before anybody prints it."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import zxingcpp
from PIL import Image, ImageDraw

from registry.labels.plate import HEIGHT_MM, WIDTH_MM

_PIXELS_PER_MM = 8
_SVG = "{http://www.w3.org/2000/svg}"
_PLACED = re.compile(r"translate\(([\d.]+) ([\d.]+)\) scale\(([\d.]+)\)")
_RUN = re.compile(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z")


class LabelUnreadable(Exception):
    """A finished label does not say its token: a fault of the program; the label must not be used."""


def check_picture(picture: Image.Image, address: str) -> None:
    """Raise ``LabelUnreadable`` unless ``picture`` holds exactly one symbol and it says ``address``."""
    found = zxingcpp.read_barcodes(picture.convert("L"), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    said = [each.text for each in found]
    if said != [address]:
        raise LabelUnreadable(f"the label should say {address!r} but reads {said!r}; do not print it")


def check_svg(document: str, address: str) -> None:
    """The same for an SVG label: its rectangles and its path are drawn from the text of the document, then decoded."""
    check_picture(_rasterised(document), address)


def _rasterised(document: str) -> Image.Image:
    root = ElementTree.fromstring(document)  # noqa: S314 - our own document, made a moment ago
    scale = _PIXELS_PER_MM
    picture = Image.new("RGB", (round(WIDTH_MM * scale), round(HEIGHT_MM * scale)), "white")
    pen = ImageDraw.Draw(picture)
    for each in root.iter():
        if each.tag == f"{_SVG}rect":
            x, y, width, height = (float(each.attrib[name]) * scale for name in ("x", "y", "width", "height"))
            pen.rectangle((x, y, x + width, y + height), fill=each.attrib["fill"])
        elif each.tag == f"{_SVG}path":
            _draw_path(pen, each, scale)
    return picture


def _draw_path(pen: ImageDraw.ImageDraw, path: ElementTree.Element, scale: float) -> None:
    placed = _PLACED.fullmatch(path.attrib["transform"])
    outline = path.attrib["d"]
    if placed is None or _RUN.sub("", outline):
        raise LabelUnreadable("the label's path is not what the printer will draw; do not print it")
    left, top, module = (float(number) for number in placed.groups())
    for x, y, length, back in _RUN.findall(outline):
        if length != back:
            raise LabelUnreadable("the label's path does not close; do not print it")
        pen.rectangle(
            (
                round((left + int(x) * module) * scale),
                round((top + int(y) * module) * scale),
                round((left + (int(x) + int(length)) * module) * scale) - 1,
                round((top + (int(y) + 1) * module) * scale) - 1,
            ),
            fill=path.attrib["fill"],
        )
