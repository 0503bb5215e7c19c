"""XLSX: one sheet of a workbook, merged cells filled, formulas by their stored results.

The sheet is held in memory while it is read, so its size is checked before: unpacked bytes, and cells of the rectangle
that the used cells span (one stray cell at the far corner would ask for gigabytes).
"""

from __future__ import annotations

import html
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum

from registry.domain.errors import InvalidInput
from registry.tabular.cells import Formula, Header, Row, column_names, find_header, is_blank
from registry.tabular.zip_guard import check_archive, unpack

MOST_CELLS = 5_000_000
_HEAD_RECORDS = 60
_MOST_MERGES = 20_000
_CELL = re.compile(rb'<(?:\w+:)?c r="([A-Z]{1,3})(\d{1,7})"')
# a formula whose <v> is missing or empty: the program that wrote it never computed it
_UNCOMPUTED = re.compile(
    rb'<(?:\w+:)?c r="([A-Z]{1,3})(\d{1,7})"[^>]*>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>([^<]*)</(?:\w+:)?f>)'
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_SHEET = re.compile(r"<(?:\w+:)?sheet\b([^>]*)>")
_RELATION = re.compile(r"<(?:\w+:)?Relationship\b([^>]*)>")
_ATTRIBUTE = re.compile(r'([\w:]+)\s*=\s*"([^"]*)"')
_TAIL = 4096

Position = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class XlsxTable:
    """An opened sheet. ``uncomputed``: formulas without a result, by (row, column) from 0; ``filled``: merged cells."""

    path: Path
    sheet: str
    sheets: tuple[str, ...]
    header: Header
    columns: tuple[str, ...]
    _sheet: CalamineSheet = field(repr=False)
    _uncomputed: Mapping[Position, str] = field(repr=False)
    _filled: Mapping[Position, Position] = field(repr=False)

    def rows(self, start: int = 1) -> Iterator[Row]:
        """Rows from number ``start`` on."""
        before = self.header.first + self.header.count
        width = len(self.columns)
        for at, cells in _records(self._sheet, self._uncomputed, self._filled):
            number = at - before + 1
            if number < start or all(is_blank(cell) for cell in cells):
                continue
            yield Row(number, cells[:width] if len(cells) >= width else cells + [""] * (width - len(cells)))


def open_xlsx(path: Path, *, sheet: str = "", header: Header | None = None) -> XlsxTable:
    """The table of one sheet ("" is the first that holds anything).

    Raises ``InvalidInput`` for what is no workbook, a bomb, too large a sheet, or a sheet that is not there.
    """
    check_archive(path)
    try:
        with CalamineWorkbook.from_path(path) as workbook:
            names = tuple(each.name for each in workbook.sheets_metadata if each.typ is SheetTypeEnum.WorkSheet)
            if sheet and sheet not in names:
                raise InvalidInput(
                    "sheet", "{given!r} is not in the workbook; there are: {known}", given=sheet, known=", ".join(names)
                )
            for name in (sheet,) if sheet else names:
                opened = _open_sheet(path, workbook, name, names, header)
                if opened is not None:
                    return opened
    except (CalamineError, KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise InvalidInput(
            "file", "{file} can't be read as .xlsx: {why}; save it again as .xlsx", file=path.name, why=error
        ) from error
    raise InvalidInput("file", "{file} has no rows; export the table again", file=path.name)


def _open_sheet(
    path: Path, workbook: CalamineWorkbook, name: str, names: tuple[str, ...], header: Header | None
) -> XlsxTable | None:
    uncomputed = _look_through(path, name)
    sheet = workbook.get_sheet_by_name(name)
    if sheet.end is None:
        return None
    filled = _merged(sheet)
    head = [cells for _, cells in zip(range(_HEAD_RECORDS), _all_cells(sheet, uncomputed, filled), strict=False)]
    bare = [cells for _, cells in zip(range(_HEAD_RECORDS), _all_cells(sheet, uncomputed, {}), strict=False)]
    header = header or find_header(bare)
    # merged names are filled to the right only where something stands below them, which column_names sees to
    named = bare[header.first : header.first + header.count]
    if not named or all(is_blank(cell) for record in named for cell in record):
        raise InvalidInput(
            "header",
            "row {first} of {name!r} is empty; say in which row the names stand",
            first=header.first + 1,
            name=name,
        )
    width = max((index + 1 for record in head for index, cell in enumerate(record) if not is_blank(cell)), default=0)
    return XlsxTable(
        path=path,
        sheet=name,
        sheets=names,
        header=header,
        columns=column_names(named, max(width, sheet.end[1] + 1)),
        _sheet=sheet,
        _uncomputed=uncomputed,
        _filled={at: source for at, source in filled.items() if source[0] >= header.first + header.count},
    )


def _all_cells(
    sheet: CalamineSheet, uncomputed: Mapping[Position, str], filled: Mapping[Position, Position]
) -> Iterator[list[Any]]:
    for _, cells in _records(sheet, uncomputed, filled):
        yield cells


def _records(
    sheet: CalamineSheet, uncomputed: Mapping[Position, str], filled: Mapping[Position, Position]
) -> Iterator[tuple[int, list[Any]]]:
    left = sheet.start[1] if sheet.start else 0
    kept: dict[Position, Any] = {}
    sources = set(filled.values())
    touched = {row for row, _ in uncomputed} | {row for row, _ in filled} | {row for row, _ in sources}
    for at, given in enumerate(sheet.iter_rows()):
        cells: list[Any] = [""] * left + list(given)
        if at in touched:
            for index in range(len(cells)):
                if (at, index) in uncomputed:
                    cells[index] = Formula(uncomputed[at, index])
                if (at, index) in filled:
                    cells[index] = kept.get(filled[at, index], cells[index])
                if (at, index) in sources:
                    kept[at, index] = cells[index]
        yield at, cells


def _merged(sheet: CalamineSheet) -> dict[Position, Position]:
    """Each covered cell of a merge and the cell whose value it shows. Absurdly many are left unfilled."""
    covered: dict[Position, Position] = {}
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        if (bottom - top + 1) * (right - left + 1) > _MOST_MERGES or len(covered) > _MOST_MERGES * 10:
            continue
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                if (row, column) != (top, left):
                    covered[row, column] = (top, left)
    return covered


def _look_through(path: Path, sheet: str) -> dict[Position, str]:
    """Read the sheet's XML once in pieces: formulas without results. Raises ``InvalidInput`` when it spans too much."""
    uncomputed: dict[Position, str] = {}
    letters: set[bytes] = set()
    lowest = 0
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        member = archive.getinfo(_member_of(archive, sheet))
        tail = b""
        for piece in unpack(file, member):
            text = tail + piece
            found = _CELL.findall(text)
            letters.update(letter for letter, _ in found)
            if found:
                lowest = max(lowest, max(int(row) for _, row in found))
            if b"<f" in text or b":f" in text:
                for letter, row, formula in _UNCOMPUTED.findall(text):
                    if len(uncomputed) < 1_000_000:
                        uncomputed[int(row) - 1, _column_index(letter)] = f"={html.unescape(formula.decode())}"
            tail = text[-_TAIL:]
    wide = max((_column_index(letter) + 1 for letter in letters), default=0)
    if wide * lowest > MOST_CELLS:
        raise InvalidInput(
            "file",
            "sheet {sheet!r} spans {lowest} rows and {wide} columns; at most {most} cells can be read. "
            "Delete what stands beside the table, or save the sheet as CSV",
            sheet=sheet,
            lowest=lowest,
            wide=wide,
            most=MOST_CELLS,
        )
    return uncomputed


def _member_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The member that holds the sheet of that name."""
    workbook = archive.read("xl/workbook.xml").decode("utf-8")
    relations = archive.read("xl/_rels/workbook.xml.rels").decode("utf-8")
    targets = {}
    for found in _RELATION.findall(relations):
        attributes = dict(_ATTRIBUTE.findall(found))
        targets[attributes.get("Id", "")] = attributes.get("Target", "")
    for found in _SHEET.findall(workbook):
        attributes = dict(_ATTRIBUTE.findall(found))
        if html.unescape(attributes.get("name", "")) == sheet:
            relation = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            target = targets.get(relation, "")
            return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    raise InvalidInput("sheet", "{given!r} is not in the workbook", given=sheet)


def _column_index(letters: bytes) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + letter - 64
    return index - 1
