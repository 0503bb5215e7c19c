"""Reading a finished label back, with another program's decoder (ZXing), before anybody prints it.

Documents are drawn again from their own text, never from what they were made of: a mistake in a writer shows here.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import zxingcpp
from PIL import Image, ImageChops, ImageDraw

from registry.labels.png import Picture, Pixels

_SVG = "{http://www.w3.org/2000/svg}"
_PLACED = re.compile(r"translate\(([\d.]+) ([\d.]+)\) scale\(([\d.]+)\)")
_RUN = re.compile(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z")
_SEEN_PX = 4  # pixels a module that a reader needs to see; more only cost time


class LabelUnreadable(Exception):
    """A finished label does not say its token: a fault of the program; the label must not be used."""


def check_picture(picture: Image.Image, address: str) -> None:
    """Raise ``LabelUnreadable`` unless ``picture`` holds exactly one symbol and it says ``address``."""
    _check(np.asarray(picture if picture.mode == "L" else picture.convert("L")), address)


def check_drawn(picture: Picture, address: str) -> None:
    """The same for a picture of ours: it is looked at from farther away, which is quicker; if that fails, closely."""
    if _read(picture.from_afar(), patient=False) != [address]:
        _check(picture.grey(), address)


def check_dots(rows: Pixels, address: str, module_px: int) -> None:
    """The same for rows of bits, set where ink goes, whose modules are ``module_px`` dots wide."""
    every = max(1, module_px // _SEEN_PX)
    paper = 255 - np.unpackbits(rows, axis=1) * np.uint8(255)
    if _read(np.ascontiguousarray(paper[every // 2 :: every, every // 2 :: every]), patient=False) != [address]:
        _check(paper, address)


def _check(grey: Pixels, address: str) -> None:
    said = _read(grey, patient=False)
    if said != [address]:
        said = _read(grey, patient=True)
    if said != [address]:
        raise LabelUnreadable(f"the label should say {address!r} but reads {said!r}; do not print it")


def _read(grey: Pixels, *, patient: bool) -> list[str]:
    found = zxingcpp.read_barcodes(
        np.ascontiguousarray(grey),
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
    check_picture(picture, address)


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


_PDF_SYMBOL = re.compile(
    rb"^(?:1 g [\d.]+ [\d.]+ [\d.]+ [\d.]+ re f\n)?"
    rb"q ([\d.]+) 0 0 ([\d.]+) ([\d.]+) ([\d.]+) cm 0 g\n((?:\d+ \d+ \d+ 1 re\n)+)f Q\n"
)


def check_pdf_content(content: bytes, address: str) -> None:
    """The same for a label in PDF's drawing language: its runs of modules are drawn from it, then decoded."""
    found = _PDF_SYMBOL.match(content)
    if found is None or found[1] != found[2]:
        raise LabelUnreadable("the PDF's symbol is not drawn as it should be; do not print it")
    numbers = [int(number) for number in found[5].split() if number != b"re"]
    runs = list(zip(numbers[::4], numbers[1::4], numbers[2::4], strict=True))
    check_runs(runs, address)


def check_runs(runs: list[tuple[int, int, int]], address: str) -> None:
    """The same for a symbol alone: runs of modules (column, row, length) on white paper."""
    side = max((max(x + length, y + 1) for x, y, length in runs), default=1)
    picture = Image.new("L", ((side + 8) * _SEEN_PX,) * 2, 255)
    paste_modules(picture, runs, (4 * _SEEN_PX, 4 * _SEEN_PX), 0)
    check_picture(picture, address)


_LWPOLYLINE = re.compile(
    r"  0\nLWPOLYLINE\n(?:[^\n]*\n){7}ENGRAVE\n100\nAcDbPolyline\n 90\n\d+\n 70\n1\n"
    r"((?: 10\n.*\n 20\n.*\n(?: 42\n.*\n)?)+)"
)
_VERTEX = re.compile(r" 10\n(.*)\n 20\n(.*)\n")


def check_dxf(document: str, address: str, module_mm: float) -> None:
    """The same for a DXF drawing: its layer ENGRAVE is filled by the even-odd rule as an engraver does, then decoded.

    ``module_mm`` only says how finely to draw.
    """
    scale = _SEEN_PX / module_mm
    lines = [
        [(float(x) * scale, float(y) * scale) for x, y in _VERTEX.findall(found[1])]
        for found in _LWPOLYLINE.finditer(document)
    ]
    if not lines:
        raise LabelUnreadable("the DXF has nothing to engrave; do not use it")
    picture = _filled(lines)
    check_picture(picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM), address)


def _filled(lines: list[list[tuple[float, float]]]) -> Image.Image:
    """Closed lines filled by the even-odd rule, black on white, with room around them."""
    room = 8 * _SEEN_PX
    left = min(x for line in lines for x, _ in line) - room
    bottom = min(y for line in lines for _, y in line) - room
    wide = round(max(x for line in lines for x, _ in line) - left) + room
    high = round(max(y for line in lines for _, y in line) - bottom) + room
    wide = (wide + 7) // 8 * 8
    rows = [0] * high
    for line in lines:
        for (x1, y1), (x2, y2) in zip(line, [*line[1:], line[0]], strict=True):
            low, top = sorted((round(y1 - bottom), round(y2 - bottom)))
            slope = (x2 - x1) / (y2 - y1) if y1 != y2 else 0.0
            for y in range(low, top):  # everything to the right of an edge changes sides
                x = x1 + slope * (y + 0.5 + bottom - y1) if slope else x1
                rows[y] ^= (1 << wide - round(x - left)) - 1
    dots = b"".join(row.to_bytes(wide // 8, "big") for row in rows)
    return ImageChops.invert(Image.frombytes("1", (wide, high), dots).convert("L"))
