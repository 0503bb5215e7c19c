"""CSV as it comes: UTF-8 with or without a mark, GBK and GB18030, UTF-16 from spreadsheets; comma, semicolon, tab, bar.

Records are read one at a time, so a file of any size needs the memory of its longest record.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from registry.domain.errors import InvalidInput
from registry.tabular.cells import Header, Row, column_names, find_header, is_blank
from registry.tabular.faults import Fault

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
ENCODINGS = ("utf-8-sig", "gb18030", "utf-16")
DELIMITERS = (",", ";", "\t", "|")
_CHUNK = 1 << 20
_HEAD_RECORDS = 60
_LONGEST_CELL = 1_000_000
_MOST_COLUMNS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvTable:
    """An opened CSV file."""

    path: Path
    encoding: str
    delimiter: str
    header: Header
    columns: tuple[str, ...]

    def rows(self, start: int = 1) -> Iterator[Row]:
        """Rows from number ``start`` on."""
        width = len(self.columns)
        before = self.header.first + self.header.count
        for at, cells in enumerate(_records(self.path, self.encoding, self.delimiter)):
            number = at - before + 1
            if number < start:
                continue
            if len(cells) == width:
                # a record of the right width is empty only if all its cells are
                if cells[0] or any(cells):
                    yield Row(number, cells)
            elif all(is_blank(cell) for cell in cells):
                continue
            elif len(cells) < width:
                yield Row(number, cells + [""] * (width - len(cells)))
            elif all(is_blank(cell) for cell in cells[width:]):
                yield Row(number, cells[:width])
            else:
                args = {"cells": len(cells), "columns": width}
                yield Row(number, cells[:width], fault=Fault("", "", "wrong_width", args))


def open_csv(path: Path, *, encoding: str = "", delimiter: str = "", header: Header | None = None) -> CsvTable:
    """The table of a CSV file; what is not stated is found out.

    Raises ``InvalidInput`` for a file that is no text in a known encoding, or has no columns.
    """
    encoding = encoding or find_encoding(path)
    delimiter = delimiter or _find_delimiter(path, encoding)
    head = list(islice(_records(path, encoding, delimiter), _HEAD_RECORDS))
    if not any(not is_blank(cell) for record in head for cell in record):
        raise InvalidInput("file", "{file} is empty; export the table again", file=path.name)
    header = header or find_header(head)
    names = head[header.first : header.first + header.count]
    width = max((len(record) for record in names), default=0)
    while width and all(width > len(record) or is_blank(record[width - 1]) for record in names):
        width -= 1
    if not width:
        raise InvalidInput("header", "the header row is empty; say in which row the column names stand")
    if width > _MOST_COLUMNS:
        raise InvalidInput(
            "file",
            "{file} has {width} columns; at most {most} can be read",
            file=path.name,
            width=width,
            most=_MOST_COLUMNS,
        )
    return CsvTable(
        path=path, encoding=encoding, delimiter=delimiter, header=header, columns=column_names(names, width)
    )


def find_encoding(path: Path) -> str:
    """The first encoding in which the whole file is text: UTF-8 (with or without a mark), GB18030 (holds GBK)."""
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith(b"PK\x03\x04"):
        raise InvalidInput(
            "file", "{file} is a zip archive, not CSV; name it .xlsx if it is a workbook", file=path.name
        )
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    for encoding in ("utf-8-sig", "gb18030"):
        if _is_text(path, encoding):
            return encoding
    raise InvalidInput("encoding", "{file} is neither UTF-8 nor GBK; save it as 'CSV UTF-8'", file=path.name)


def _is_text(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if b"\x00" in chunk:
                    return False
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _records(path: Path, encoding: str, delimiter: str) -> Iterator[list[Any]]:
    # the module's limit is for all readers of the process; this is the only one
    csv.field_size_limit(_LONGEST_CELL)
    with path.open("r", encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        try:
            yield from reader
        except UnicodeDecodeError as error:
            raise InvalidInput(
                "encoding",
                "line {line} is not text in {encoding}; choose another encoding",
                line=reader.line_num + 1,
                encoding=encoding,
            ) from error
        except csv.Error as error:
            raise InvalidInput(
                "file",
                "line {line}: {why}; a quotation mark is open, or the delimiter is another",
                line=reader.line_num,
                why=error,
            ) from error


def _find_delimiter(path: Path, encoding: str) -> str:
    """The mark that cuts the first records into the most columns, the same number in each."""
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        try:
            widths = [len(record) for record in islice(_records(path, encoding, delimiter), _HEAD_RECORDS) if record]
        except InvalidInput as refused:
            if refused.field == "encoding":
                raise
            continue
        if not widths:
            continue
        usual = max(set(widths), key=lambda width: (widths.count(width), width))
        score = (usual - 1) * widths.count(usual) / len(widths)
        if score > best_score:
            best, best_score = delimiter, score
    return best
