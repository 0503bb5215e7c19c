"""Blocks as an A4 PDF: real text in embedded letters, page numbers, a head that repeats over the pages of a table.

fpdf2 lays out; it would read a whole Chinese font for each document, which takes seconds, so it is given a small font
made of the document's own letters (``registry.labels.pdf_font``). The same blocks and moment give the same bytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.labels import fonts
from registry.labels.template import Weight
from registry.papers.blocks import (
    Block,
    Column,
    Facts,
    Gap,
    Grid,
    Heading,
    Masthead,
    Paragraph,
    Picture,
    Side,
    Signature,
    Title,
    words_of,
)
from registry.papers.lines import broken

if TYPE_CHECKING:
    from fpdf import FPDF

_FAMILY = "paper"
_WEIGHTS: tuple[tuple[str, Weight], ...] = (("", "regular"), ("B", "bold"))
_ALWAYS = " 0123456789第页：…"
_MARGIN_MM = (26.0, 24.0)  # at the sides, above and below: GB/T 9704-2012 leaves 26 to 28 mm for the binding
_RED = (200, 16, 22)
_GREY = (90, 98, 108)
_LINE = 1.55  # height of a line over the height of its letters
_MM = 25.4 / 72
_SIDES: dict[Side, str] = {"left": "L", "center": "C", "right": "R"}
_BODY_PT, _CELL_PT, _SMALL_PT = 12.0, 9.5, 8.5


def printed(blocks: Sequence[Block], *, title: str, made_at: datetime, footer: str = "") -> bytes:
    """The blocks as a PDF. ``title`` is the file's own title, ``footer`` stands at the foot of each page.

    ``made_at`` is kept as the moment of making; use the document's own, so that printing again gives the same file.
    """
    letters = {letter for block in blocks for text in words_of(block) for letter in text if letter.isprintable()}
    with tempfile.TemporaryDirectory(prefix="covercode-paper-") as folder:
        pdf = _opened(letters | set(_ALWAYS) | set(footer), Path(folder), footer)
        pdf.set_title(title)
        pdf.set_creation_date(made_at)
        pdf.add_page()
        for block in blocks:
            _PRINT[type(block)](pdf, block)
        return bytes(pdf.output())


def _opened(letters: set[str], folder: Path, footer: str) -> FPDF:
    from fpdf import FPDF  # takes most of a second to load, and few processes ever print

    class _Paged(FPDF):
        def footer(self) -> None:
            self.set_y(-16)
            self.set_font(_FAMILY, "", _SMALL_PT)
            self.set_text_color(*_GREY)
            self.cell(self.epw / 2, 6, footer)
            self.cell(self.epw / 2, 6, f"第 {self.page_no()} 页", align="R")
            self.set_text_color(0, 0, 0)

    pdf = _Paged(format="A4", unit="mm")
    side, edge = _MARGIN_MM
    pdf.set_margins(side, edge, side)
    pdf.c_margin = 0  # text begins where its box does
    pdf.set_auto_page_break(True, margin=edge)
    pdf.set_lang("zh-CN")
    pdf.set_producer("CoverCode")
    for style, weight in _WEIGHTS:
        path = folder / f"{weight}.ttf"
        _write_font(path, weight, letters)
        pdf.add_font(_FAMILY, style, str(path))
    pdf.set_font(_FAMILY, "", _BODY_PT)
    return pdf


def _write_font(path: Path, weight: Weight, letters: set[str]) -> None:
    from registry.labels.pdf_font import small_font

    _, _, builder = small_font(fonts.find_font(weight), sorted(letters))
    builder.setupOS2(sTypoAscender=880, sTypoDescender=-120, usWinAscent=880, usWinDescent=120, sCapHeight=733)
    builder.setupNameTable({"familyName": "CoverCode", "styleName": weight})
    builder.font["head"].created = builder.font["head"].modified = 3_786_912_000  # 2024-01-01: any, but always the same
    builder.save(str(path))


def _lines(pdf: FPDF, text: str, *, size: float, bold: bool = False, side: Side = "left", indent_mm: float = 0) -> None:
    """Text over the width of the page, at the place where the pen is."""
    pdf.set_font(_FAMILY, "B" if bold else "", size)
    height = size * _MM * _LINE
    for number, line in enumerate(broken(text, pdf.epw, pdf.get_string_width, first_mm=indent_mm)):
        away = indent_mm if number == 0 else 0.0
        pdf.set_x(pdf.l_margin + away)
        pdf.cell(pdf.epw - away, height, line, align=_SIDES[side], new_x="LMARGIN", new_y="NEXT")


def _masthead(pdf: FPDF, block: Masthead) -> None:
    pdf.set_text_color(*_RED)
    size = 26.0
    pdf.set_font(_FAMILY, "B", size)
    while size > 14 and pdf.get_string_width(block.issuer) > pdf.epw:
        size -= 1
        pdf.set_font(_FAMILY, "B", size)
    _lines(pdf, block.issuer, size=size, bold=True, side="center")
    pdf.set_text_color(0, 0, 0)
    pdf.ln(3)
    if block.number:
        _lines(pdf, block.number, size=_BODY_PT, side="center")
        pdf.ln(1)
    pdf.set_draw_color(*_RED)
    pdf.set_line_width(0.7)
    pdf.line(pdf.l_margin, pdf.get_y() + 1, pdf.w - pdf.r_margin, pdf.get_y() + 1)
    pdf.set_draw_color(0, 0, 0)
    pdf.set_line_width(0.2)
    pdf.ln(8)


def _title(pdf: FPDF, block: Title) -> None:
    _lines(pdf, block.text, size=18, bold=True, side="center")
    pdf.ln(4)


def _heading(pdf: FPDF, block: Heading) -> None:
    if pdf.will_page_break(24):  # a heading never stands alone at the foot of a page
        pdf.add_page()
    pdf.ln(2)
    _lines(pdf, block.text, size=13, bold=True)
    pdf.ln(1)


def _paragraph(pdf: FPDF, block: Paragraph) -> None:
    indent = 2 * _BODY_PT * _MM if block.indent and block.side == "left" else 0.0
    for text in block.text.split("\n"):
        _lines(pdf, text, size=_BODY_PT, bold=block.bold, side=block.side, indent_mm=indent)
    pdf.ln(1)


def _facts(pdf: FPDF, block: Facts) -> None:
    height = _BODY_PT * _MM * _LINE
    pdf.set_font(_FAMILY, "", _BODY_PT)
    wide = min(max((pdf.get_string_width(f"{name}：") for name, _ in block.pairs), default=0) + 2, pdf.epw / 2)
    for name, text in block.pairs:
        lines = broken(text, pdf.epw - wide, pdf.get_string_width)
        for number, line in enumerate(lines):
            pdf.set_x(pdf.l_margin)
            pdf.cell(wide, height, f"{name}：" if number == 0 else "")
            pdf.cell(pdf.epw - wide, height, line, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(2)


def _grid(pdf: FPDF, block: Grid) -> None:
    shares = sum(column.share for column in block.columns)
    wide = [pdf.epw * column.share / shares for column in block.columns]
    pdf.ln(1)
    _grid_row(pdf, [column.head for column in block.columns], block.columns, wide, head=True)
    for row in block.rows:
        _grid_row(pdf, row, block.columns, wide)
    pdf.ln(3)


def _grid_row(
    pdf: FPDF, texts: Sequence[str], columns: Sequence[Column], wide: Sequence[float], *, head: bool = False
) -> None:
    """One row as high as its highest cell; a row that the page has no room for begins the next one, head first."""
    height, pad = _CELL_PT * _MM * _LINE, 1.2
    pdf.set_font(_FAMILY, "B" if head else "", _CELL_PT)
    cells = [broken(text, width - 2 * pad, pdf.get_string_width) for text, width in zip(texts, wide, strict=True)]
    tall = max(map(len, cells)) * height + 2 * pad
    if pdf.will_page_break(tall) and tall < pdf.eph - 20:
        pdf.add_page()
        if not head:
            _grid_row(pdf, [column.head for column in columns], columns, wide, head=True)
            pdf.set_font(_FAMILY, "", _CELL_PT)
    if tall >= pdf.eph - 20:  # a cell longer than a page is shortened rather than torn
        most = int((pdf.eph - 30) / height)
        cells = [cell if len(cell) <= most else [*cell[: most - 1], "…"] for cell in cells]
        tall = max(map(len, cells)) * height + 2 * pad
    top, left = pdf.get_y(), pdf.l_margin
    pdf.set_fill_color(240, 242, 245)
    for cell, column, width in zip(cells, columns, wide, strict=True):
        pdf.rect(left, top, width, tall, style="DF" if head else "D")
        for number, line in enumerate(cell):
            pdf.set_xy(left + pad, top + pad + number * height)
            side = "center" if head else column.side
            pdf.cell(width - 2 * pad, height, line, align=_SIDES[side])
        left += width
    pdf.set_xy(pdf.l_margin, top + tall)


def _gap(pdf: FPDF, block: Gap) -> None:
    pdf.ln(block.height_mm)


def _signature(pdf: FPDF, block: Signature) -> None:
    height = _BODY_PT * _MM * _LINE
    if pdf.will_page_break(height * len(block.lines) + 8):
        pdf.add_page()
    pdf.ln(8)
    for line in block.lines:
        _lines(pdf, line, size=_BODY_PT, side="right")


def _picture(pdf: FPDF, block: Picture) -> None:
    from PIL import Image

    with Image.open(block.path) as opened:
        ratio = opened.width / opened.height
    wide = min(block.height_mm * ratio, pdf.epw)
    tall = wide / ratio
    if pdf.will_page_break(tall + 8):
        pdf.add_page()
    pdf.image(block.path, x=pdf.l_margin + (pdf.epw - wide) / 2, w=wide, h=tall)
    if block.words:
        _lines(pdf, block.words, size=_CELL_PT, side="center")
    pdf.ln(2)


_PRINT: dict[type[Any], Any] = {
    Masthead: _masthead,
    Title: _title,
    Heading: _heading,
    Paragraph: _paragraph,
    Facts: _facts,
    Grid: _grid,
    Gap: _gap,
    Signature: _signature,
    Picture: _picture,
}
