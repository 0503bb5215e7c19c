"""Reading a finished label back, with another program's decoder (ZXing), before anybody prints it.

Documents are drawn again from their own text, never from what they were made of: a mistake in a writer shows here.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

import zxingcpp
from PIL import Image, ImageDraw

_SVG = "{http://www.w3.org/2000/svg}"
_PLACED = re.compile(r"translate\(([\d.]+) ([\d.]+)\) scale\(([\d.]+)\)")
_RUN = re.compile(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z")
_SEEN_PX = 4  # pixels a module that a reader needs to see; more only cost time


class LabelUnreadable(Exception):
    """A finished label does not say its token: a fault of the program; the label must not be used."""


def check_picture(picture: Image.Image, address: str, module_px: int = 0) -> None:
    """Raise ``LabelUnreadable`` unless ``picture`` holds exactly one symbol and it says ``address``.

    With ``module_px``, the width of a module, a finely drawn picture is first looked at from farther away, which is
    quicker; only if that fails, as it is and with all patience.
    """
    grey = picture if picture.mode == "L" else picture.convert("L")
    if module_px and _read(grey.reduce(max(1, module_px // _SEEN_PX)), patient=False) == [address]:
        return
    said = _read(grey, patient=True)
    if said != [address]:
        raise LabelUnreadable(f"the label should say {address!r} but reads {said!r}; do not print it")


def _read(grey: Image.Image, *, patient: bool) -> list[str]:
    found = zxingcpp.read_barcodes(
        grey,
        formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode),
        try_rotate=patient,
        try_downscale=patient,
        try_invert=patient,
    )
    return [each.text for each in found]


def check_svg(document: str, address: str) -> None:
    """The same for an SVG label: its rectangles and its symbol are drawn from the document's text, then decoded."""
    root = ElementTree.fromstring(document)  # noqa: S314 - our own document, made a moment ago
    symbol = next((each for each in root.iter(f"{_SVG}path") if each.get("id") == "qr"), None)
    placed = None if symbol is None else _PLACED.fullmatch(symbol.get("transform", ""))
    if symbol is None or placed is None:
        raise LabelUnreadable("the label's path is not what the printer will draw; do not print it")
    left, top, module = (float(number) for number in placed.groups())
    # drawn so large that modules are whole pixels; what lies more than a symbol's side away can't touch it
    scale = _SEEN_PX / module
    box = [float(number) for number in root.attrib["viewBox"].split()]
    picture = Image.new("L", (round(box[2] * scale), round(box[3] * scale)), 255)
    pen = ImageDraw.Draw(picture)
    for each in root.iter():
        if each.tag == f"{_SVG}rect" and each.get("fill", "none") != "none":
            x, y, width, height = (float(each.attrib[name]) * scale for name in ("x", "y", "width", "height"))
            x, y = x - box[0] * scale, y - box[1] * scale
            pen.rectangle((round(x), round(y), round(x + width) - 1, round(y + height) - 1), fill=each.attrib["fill"])
        elif each is symbol:
            corner = (round((left - box[0]) * scale), round((top - box[1]) * scale))
            _paste_runs(picture, symbol.attrib["d"], corner, symbol.attrib["fill"])
    check_picture(picture, address, _SEEN_PX)


def _paste_runs(picture: Image.Image, outline: str, corner: tuple[int, int], fill: str) -> None:
    """Draw a symbol's path, which may hold nothing but runs of modules."""
    if _RUN.sub("", outline):
        raise LabelUnreadable("the label's path is not what the printer will draw; do not print it")
    runs = _RUN.findall(outline)
    if any(length != back for _, _, length, back in runs):
        raise LabelUnreadable("the label's path does not close; do not print it")
    paste_modules(picture, [(int(x), int(y), int(length)) for x, y, length, _ in runs], corner, fill)


def paste_modules(
    picture: Image.Image, runs: list[tuple[int, int, int]], corner: tuple[int, int], fill: str | int
) -> None:
    """Draw runs of modules (column, row, length), each module ``_SEEN_PX`` pixels wide, into ``picture``."""
    if not runs:
        return
    side = max(max(x + length, y + 1) for x, y, length in runs)
    modules = bytearray(side * side)
    for x, y, length in runs:
        start = y * side + x
        modules[start : start + length] = b"\xff" * length
    mask = Image.frombytes("L", (side, side), bytes(modules))
    picture.paste(fill, corner, mask.resize((side * _SEEN_PX,) * 2, Image.Resampling.NEAREST))
