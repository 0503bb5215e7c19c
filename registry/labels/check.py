"""Reading a finished label back, with another program's decoder (ZXing), before anybody prints it.

Documents are drawn again from their own text, never from what they were made of: a mistake in a writer shows here.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import zxingcpp
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from registry.labels.lettering import Pixels
from registry.labels.png import Picture

_SVG = "{http://www.w3.org/2000/svg}"
_PLACED = re.compile(r"translate\(([\d.]+) ([\d.]+)\) scale\(([\d.]+)\)")
_RUNS = re.compile(r"(?:M\d+ \d+h\d+v1h-\d+z)*")
_LETTERS_OUT = str.maketrans("Mhvz-", "     ")
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
    if not _RUNS.fullmatch(outline):
        raise LabelUnreadable("the label's path is not what the printer will draw; do not print it")
    runs = _numbers(outline.translate(_LETTERS_OUT)).reshape(-1, 5)  # column, row, length, 1, back
    if (runs[:, 2] != runs[:, 4]).any():
        raise LabelUnreadable("the label's path does not close; do not print it")
    _paste_modules(picture, runs[:, :3], corner, fill)


def _numbers(text: str) -> NDArray[np.intp]:
    return np.array(list(map(int, text.split())), dtype=np.intp)


def _paste_modules(picture: Image.Image, runs: NDArray[np.intp], corner: tuple[int, int], fill: str | int) -> None:
    """Draw runs of modules (column, row, length), each module ``_SEEN_PX`` pixels wide, into ``picture``."""
    if not len(runs):
        return
    x, y, length = runs.T
    side = int(max((x + length).max(), y.max() + 1))
    starts = y * side + x
    begun, ended = (np.bincount(places, minlength=side * side + 1) for places in (starts, starts + length))
    modules = (np.cumsum(begun - ended)[:-1] > 0).reshape(side, side)
    mask = Image.fromarray(modules.repeat(_SEEN_PX, axis=0).repeat(_SEEN_PX, axis=1).view(np.uint8) * np.uint8(255))
    picture.paste(fill, corner, mask)


_PDF_SYMBOL = re.compile(
    rb"^(?:1 g [\d.]+ [\d.]+ [\d.]+ [\d.]+ re f\n)?"
    rb"q ([\d.]+) 0 0 ([\d.]+) ([\d.]+) ([\d.]+) cm 0 g\n((?:\d+ \d+ \d+ 1 re\n)+)f Q\n"
)


def check_pdf_content(content: bytes, address: str) -> None:
    """The same for a label in PDF's drawing language: its runs of modules are drawn from it, then decoded."""
    found = _PDF_SYMBOL.match(content)
    if found is None or found[1] != found[2]:
        raise LabelUnreadable("the PDF's symbol is not drawn as it should be; do not print it")
    _check_runs(_numbers(found[5].replace(b"re", b"").decode()).reshape(-1, 4)[:, :3], address)


def _check_runs(runs: NDArray[np.intp], address: str) -> None:
    """The same for a symbol alone: runs of modules (column, row, length) on white paper."""
    side = int(max((runs[:, 0] + runs[:, 2]).max(), runs[:, 1].max() + 1))
    picture = Image.new("L", ((side + 8) * _SEEN_PX,) * 2, 255)
    _paste_modules(picture, runs, (4 * _SEEN_PX, 4 * _SEEN_PX), 0)
    check_picture(picture, address)


_LWPOLYLINE = re.compile(
    r"  0\nLWPOLYLINE\n(?:[^\n]*\n){7}ENGRAVE\n100\nAcDbPolyline\n 90\n(\d+)\n 70\n1\n"
    r"((?: 10\n[^\n]*\n 20\n[^\n]*\n(?: 42\n[^\n]*\n)?)+)"
)
_BULGE = re.compile(r"\n 42\n[^\n]*\n")  # not looked at: the symbol's lines have none


def check_dxf(document: str, address: str, module_mm: float) -> None:
    """The same for a DXF drawing: its layer ENGRAVE is filled by the even-odd rule as an engraver does, then decoded.

    ``module_mm`` only says how finely to draw.
    """
    scale = _SEEN_PX / module_mm
    found = [(int(line[1]), _BULGE.sub("\n", line[2])) for line in _LWPOLYLINE.finditer(document)]
    if not found:
        raise LabelUnreadable("the DXF has nothing to engrave; do not use it")
    counts = np.array([count for count, _ in found])
    numbers = "".join([text for _, text in found]).split("\n")[1::2]  # each follows its group code, 10 or 20
    points = np.array(list(map(float, numbers))).reshape(-1, 2)
    if counts.sum() != len(points):
        raise LabelUnreadable("the DXF's lines are not as long as it says; do not use it")
    _check(_filled(points * scale, counts)[::-1], address)


def _filled(starts: NDArray[np.float64], counts: NDArray[np.intp]) -> Pixels:
    """Closed lines of so many points (x, y) each, filled by the even-odd rule, black on white with room around."""
    room = 8 * _SEEN_PX
    starts = starts + (room - starts.min(axis=0))
    wide, high = (int(most) + room for most in starts.max(axis=0))
    ends = np.roll(starts, -1, axis=0)
    last = np.cumsum(counts) - 1
    ends[last] = starts[last + 1 - counts]
    (x1, y1), (x2, y2) = starts.T, ends.T
    low, top = np.rint(np.minimum(y1, y2)).astype(np.intp), np.rint(np.maximum(y1, y2)).astype(np.intp)
    # each edge crosses the middle of some rows of pixels; everything to the right of it changes sides there
    edge = np.repeat(np.arange(len(starts)), top - low)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(top - low) - (top - low), top - low) + low[edge]
    along = (row + 0.5 - y1[edge]) / (y2 - y1)[edge]
    column = np.rint(x1[edge] + (x2 - x1)[edge] * along).astype(np.intp)
    crossings = np.bincount(row * wide + column, minlength=high * wide).reshape(high, wide)
    inside = np.bitwise_xor.accumulate(crossings.astype(np.uint8) & 1, axis=1)
    return (1 - inside) * np.uint8(255)
