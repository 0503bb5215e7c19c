"""Labels as PDF: vectors, real text in embedded letters, one label a page or many on a sheet.

A page's text is written in UTF-16, so what is drawn, searched for and copied is the same; the letters used are embedded
when the book is closed. Pages are written as they come, so that a run of any length needs little memory. Nothing in a
book depends on the time of day: the same labels give the same bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import BinaryIO

from registry.domain.errors import InvalidInput
from registry.labels import fonts
from registry.labels.check import check_pdf_content
from registry.labels.pdf_content import edges_content, ground_content, label_content, letters_of
from registry.labels.pdf_font import embedded
from registry.labels.plate import Box, Ground, Logo, Plate, marked_edges
from registry.labels.template import PAGES_MM, LabelTemplate, Sheet

_POINTS = 72 / 25.4
_CUT = "#ff0000"  # what laser cutters take for "cut here"
_EDGE = "#b8c0ca"
_MARK_MM = 3.0  # how long the marks are that say where to cut
_CATALOG, _PAGES, _RESOURCES, _INFO = 1, 2, 3, 4


class PdfBook:
    """A PDF being written to ``out``: ``add`` labels, then ``close``. With a sheet, ``start_position`` leaves room for
    labels that were peeled off before (1 is the upper left one).
    """

    def __init__(self, out: BinaryIO, *, sheet: Sheet | None = None, start_position: int = 1) -> None:
        check_start(sheet, start_position)
        self._out = out
        self._sheet = sheet
        self._next = start_position - 1
        self._written = 0
        self._places: dict[int, int] = {}
        self._free = _INFO + 1
        self._pages: list[int] = []
        self._waiting: list[tuple[Plate, bytes]] = []  # of the sheet that is not full yet
        self._grounds: dict[Ground, int] = {}
        self._letters: dict[fonts.FontFile, set[str]] = {}

    def add(self, plate: Plate) -> None:
        """The next label. Raises ``LabelUnreadable`` when what would be written does not say its token."""
        content = label_content(plate)
        check_pdf_content(content, plate.address)
        for font, letters in letters_of(plate).items():
            self._letters.setdefault(font, set()).update(letters)
        if self._sheet is None:
            self._page(
                [(plate, content, plate.template.bleed_mm, plate.template.bleed_mm)], *_page_size(plate.template)
            )
            return
        self._waiting.append((plate, content))
        if self._next + len(self._waiting) == self._sheet.columns * self._sheet.rows:
            self._full()

    def close(self) -> None:
        """The last sheet, the letters, the table of contents; the file is complete then. ``out`` stays open."""
        if self._waiting or not self._pages:
            self._full()
        font_names = " ".join(f"/{font.name} {self._font(font)} 0 R" for font in self._letters)
        grounds = " ".join(f"/G{number} {number} 0 R" for number in self._grounds.values())
        self._object(_RESOURCES, f"<</Font <<{font_names}>> /XObject <<{grounds}>> >>".encode())
        kids = " ".join(f"{page} 0 R" for page in self._pages)
        self._object(_PAGES, f"<</Type /Pages /Count {len(self._pages)} /Kids [{kids}]>>".encode())
        self._object(_CATALOG, f"<</Type /Catalog /Pages {_PAGES} 0 R /Lang (zh-CN)>>".encode())
        self._object(_INFO, b"<</Producer (CoverCode)>>")
        self._trailer()

    def _full(self) -> None:
        sheet = self._sheet or Sheet(columns=1, rows=1, left_mm=0, top_mm=0, pitch_x_mm=0, pitch_y_mm=0)
        placed = []
        for number, (plate, content) in enumerate(self._waiting, self._next):
            row, column = divmod(number, sheet.columns)
            place = (sheet.left_mm + column * sheet.pitch_x_mm, sheet.top_mm + row * sheet.pitch_y_mm)
            placed.append((plate, content, *place))
        self._page(placed, *PAGES_MM[sheet.page])
        self._waiting, self._next = [], 0

    def _page(self, placed: Sequence[tuple[Plate, bytes, float, float]], width_mm: float, height_mm: float) -> None:
        """One page: its coordinates are millimetres from the upper left corner."""
        parts = [f"{_POINTS:.6f} 0 0 {-_POINTS:.6f} 0 {height_mm * _POINTS:.4f} cm\n".encode()]
        for plate, drawn, x, y in placed:
            parts.append(f"q 1 0 0 1 {x:.4f} {y:.4f} cm /G{self._ground(plate)} Do\n".encode())
            parts += [drawn, b"Q\n"]
            if self._sheet and self._sheet.cut_marks:
                parts.append(_cut_marks(plate.template, x, y))
        content = self._stream(b"".join(parts), b"")
        trim = ""
        if self._sheet is None and placed and placed[0][2]:
            edge = placed[0][2] * _POINTS
            right, top = width_mm * _POINTS - edge, height_mm * _POINTS - edge
            trim = f" /TrimBox [{edge:.3f} {edge:.3f} {right:.3f} {top:.3f}]"
        box = f"[0 0 {width_mm * _POINTS:.3f} {height_mm * _POINTS:.3f}]"
        where = f"/Parent {_PAGES} 0 R /Resources {_RESOURCES} 0 R /MediaBox {box}{trim}"
        page = f"<</Type /Page {where} /Contents {content} 0 R>>"
        self._pages.append(self._object(None, page.encode()))

    def _ground(self, plate: Plate) -> int:
        """The number of the form that draws what many labels share."""
        known = self._grounds.get(plate.ground)
        if known is not None:
            return known
        images = [shape for shape in plate.ground.shapes if isinstance(shape, Logo) and shape.element.image]
        names = " ".join(f"/I{at} {self._image(logo)} 0 R" for at, logo in enumerate(images))
        box = _reach(plate.ground.contour, plate.template.bleed_mm)
        content = ground_content(plate.ground, images)
        content += edges_content(marked_edges(plate), _CUT if plate.template.engraving else _EDGE)
        head = f"/Type /XObject /Subtype /Form /BBox [{box}] /Resources <</XObject <<{names}>> >> "
        number = self._grounds[plate.ground] = self._stream(content, head.encode())
        return number

    def _image(self, logo: Logo) -> int:
        from registry.labels.logo import logo_picture

        picture = logo_picture(logo.element.image)
        size = f"/Type /XObject /Subtype /Image /Width {picture.width} /Height {picture.height} /BitsPerComponent 8 "
        alpha = self._stream(picture.getchannel("A").tobytes(), f"{size}/ColorSpace /DeviceGray ".encode())
        head = f"{size}/ColorSpace /DeviceRGB /SMask {alpha} 0 R ".encode()
        return self._stream(picture.convert("RGB").tobytes(), head)

    def _font(self, font: fonts.FontFile) -> int:
        parts = embedded(font, frozenset(self._letters[font]))
        name = f"AAAAAA+Label-{font.name}"
        program = self._stream(parts.program, f"/Length1 {len(parts.program)} ".encode())
        glyphs = self._stream(parts.glyph_of_code, b"")
        unicode = self._stream(parts.to_unicode, b"")
        described = self._object(
            None,
            f"<</Type /FontDescriptor /FontName /{name} /Flags 4 /FontBBox [-1000 -300 2000 1200] /ItalicAngle 0 "
            f"/Ascent 880 /Descent -120 /CapHeight 733 /StemV 90 /FontFile2 {program} 0 R>>".encode(),
        )
        inner = self._object(
            None,
            f"<</Type /Font /Subtype /CIDFontType2 /BaseFont /{name} /CIDSystemInfo <</Registry (Adobe) "
            f"/Ordering (Identity) /Supplement 0>> /FontDescriptor {described} 0 R /DW 1000 /W [{parts.widths}] "
            f"/CIDToGIDMap {glyphs} 0 R>>".encode(),
        )
        outer = (
            f"<</Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /Identity-H "
            f"/DescendantFonts [{inner} 0 R] /ToUnicode {unicode} 0 R>>"
        )
        return self._object(None, outer.encode())

    def _stream(self, content: bytes, head: bytes) -> int:
        packed = zlib.compress(content, 6 if len(content) > 100_000 else 4)
        body = b"<<" + head + b"/Filter /FlateDecode /Length %d>>\nstream\n" % len(packed) + packed + b"\nendstream"
        return self._object(None, body)

    def _object(self, number: int | None, body: bytes) -> int:
        if not self._written:
            self._write(b"%PDF-1.6\n%\xe4\xbd\xa0\n")
        if number is None:
            number, self._free = self._free, self._free + 1
        self._places[number] = self._written
        self._write(b"%d 0 obj\n" % number + body + b"\nendobj\n")
        return number

    def _trailer(self) -> None:
        start = self._written
        rows = b"".join(b"%010d 00000 n \n" % self._places[number] for number in range(1, self._free))
        self._write(b"xref\n0 %d\n0000000000 65535 f \n" % self._free + rows)
        self._write(b"trailer\n<</Size %d /Root %d 0 R /Info %d 0 R>>\n" % (self._free, _CATALOG, _INFO))
        self._write(b"startxref\n%d\n%%%%EOF\n" % start)

    def _write(self, content: bytes) -> None:
        self._out.write(content)
        self._written += len(content)


def check_start(sheet: Sheet | None, start_position: int) -> None:
    """Raise ``InvalidInput`` for a position that the sheet does not have."""
    most = sheet.columns * sheet.rows if sheet else 1
    if not 1 <= start_position <= most:
        raise InvalidInput(
            "start_position",
            "{given} must be between 1 and {most}, the labels of one sheet",
            given=start_position,
            most=most,
        )


def _page_size(template: LabelTemplate) -> tuple[float, float]:
    return template.width_mm + 2 * template.bleed_mm, template.height_mm + 2 * template.bleed_mm


def _reach(contour: Box, bleed_mm: float) -> str:
    right, bottom = contour.width_mm + bleed_mm, contour.height_mm + bleed_mm
    return f"{-bleed_mm:.3f} {-bleed_mm:.3f} {right:.3f} {bottom:.3f}"


def _cut_marks(template: LabelTemplate, x: float, y: float) -> bytes:
    """Short hairlines that point at the corners of a label from outside."""
    lines = []
    for corner_x, away_x in ((x, -1), (x + template.width_mm, 1)):
        for corner_y, away_y in ((y, -1), (y + template.height_mm, 1)):
            lines.append(f"{corner_x + away_x} {corner_y:.3f} m {corner_x + away_x * _MARK_MM:.3f} {corner_y:.3f} l S")
            lines.append(f"{corner_x:.3f} {corner_y + away_y} m {corner_x:.3f} {corner_y + away_y * _MARK_MM:.3f} l S")
    return f"q 0.1 w 0 G {' '.join(lines)} Q\n".encode()
