"""What every format gives: a table with named columns, and its rows one after the other.

A row's number is 1 for the first record after the header; empty records are counted in the numbers and left out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple, Protocol

from registry.tabular.faults import Fault

LONGEST_NAME = 120


class Formula(str):
    """A formula whose result the file does not hold; the text is the formula, or "=" when it is shared."""

    __slots__ = ()


class Row(NamedTuple):
    """One record: ``cells`` in the order of the table's columns.

    ``raw``: every property as the file has it (GeoJSON only). ``fault``: why the record as a whole can't be read.
    """

    number: int
    cells: Sequence[Any]
    raw: Mapping[str, Any] | None = None
    fault: Fault | None = None


class Table(Protocol):
    """An opened file: its columns, each name once, and its rows from a number on, as often as wanted."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names, in the order of the cells."""

    def rows(self, start: int = 1) -> Iterator[Row]:
        """Rows from number ``start`` on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Where the column names stand: ``first`` counts records from 0; ``count`` is how many of them are names."""

    first: int
    count: int


def plain(cell: Any) -> str:
    """A cell as one line of text: full-width letters and digits narrowed, blanks of any width folded, ends cut off."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        if cell[:1] == "'":
            cell = unguarded(cell)
        if cell.isascii():
            return cell.strip() if " " not in cell and "\n" not in cell and "\t" not in cell else " ".join(cell.split())
        return " ".join(unicodedata.normalize("NFKC", cell).split())
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    if isinstance(cell, date | time | timedelta):
        return str(cell)
    return str(cell)


def as_written(cell: Any) -> str:
    """A cell as text for a name or an address: as it was typed, without blanks at its ends or doubled inside."""
    return " ".join(unguarded(cell).split()) if isinstance(cell, str) else plain(cell)


_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r")


def guarded(cell: Any) -> Any:
    """A cell for CSV: text that a spreadsheet would run as a formula gets an apostrophe before it."""
    if isinstance(cell, str) and cell.startswith(_RUN_BY_SPREADSHEETS):
        return f"'{cell}"
    return cell


def unguarded(text: str) -> str:
    """The text without the apostrophe that ``guarded`` put before it; any other apostrophe stays."""
    return text[1:] if text[:1] == "'" and text[1:2] in _RUN_BY_SPREADSHEETS else text


def is_blank(cell: Any) -> bool:
    """Whether there is nothing in a cell (blanks of any width are nothing)."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def looks_like_a_value(cell: Any) -> bool:
    """Whether a cell holds a number or a date rather than a word: headers don't."""
    if is_blank(cell):
        return False
    if not isinstance(cell, str):
        return True
    text = plain(cell)
    return any(mark.isdigit() for mark in text) and not any(mark.isalpha() for mark in text)


def find_header(head: Sequence[Sequence[Any]]) -> Header:
    """Where the column names most likely stand in the first records of a file: titles above them are passed over.

    Several header rows are recognised when the upper one leaves gaps (merged cells) that the lower one names.
    """
    best, best_score = 0, -1.0
    width = max((len(record) for record in head), default=0)
    for at, record in enumerate(head[:20]):
        filled = [cell for cell in record if not is_blank(cell)]
        words = [cell for cell in filled if not looks_like_a_value(cell)]
        if not filled or (width > 2 and len(filled) == 1):
            continue
        score = len({plain(word) for word in words}) / max(width, 1) - 0.02 * at
        if len(words) < len(filled):
            score -= 0.5
        if score > best_score + 1e-9:
            best, best_score = at, score
    return _with_neighbours(head, best)


def _with_neighbours(head: Sequence[Sequence[Any]], at: int) -> Header:
    first = last = at
    while first > 0 and last - first < 2 and _completes(head[first - 1], head[first]):
        first -= 1
    while last + 1 < len(head) and last - first < 2 and _completes(head[last], head[last + 1]):
        last += 1
    return Header(first=first, count=last - first + 1)


def _completes(upper: Sequence[Any], lower: Sequence[Any]) -> bool:
    """Whether ``lower`` names the columns under merged cells of ``upper``: words only, under each group of gaps."""
    names = [index for index, cell in enumerate(lower) if not is_blank(cell)]
    if not names or any(looks_like_a_value(lower[index]) for index in names):
        return False
    filled = [index for index, cell in enumerate(upper) if not is_blank(cell)]
    if len(filled) < 2 or any(looks_like_a_value(upper[index]) for index in filled):
        return False
    gaps = [index for index in names if index >= len(upper) or is_blank(upper[index])]
    under_nothing = [index for index in filled if index < len(lower) and is_blank(lower[index])]
    return bool(gaps) and (bool(under_nothing) or len(names) < len(filled) + len(gaps)) and gaps[0] > filled[0]


def column_names(header: Sequence[Sequence[Any]], width: int) -> tuple[str, ...]:
    """One distinct name per column from one or more header records.

    Upper names reach over the gaps to their right when something stands below ("坐标/经度"). Nameless columns get
    their letter.
    """
    parts: list[list[str]] = [[] for _ in range(width)]
    for depth, record in enumerate(header):
        lower = header[depth + 1 :]
        carried = ""
        for index in range(width):
            name = plain(record[index]) if index < len(record) else ""
            below = any(index < len(under) and not is_blank(under[index]) for under in lower)
            if name:
                carried = name
            elif below:
                name = carried
            else:
                carried = ""
            if name and (not parts[index] or parts[index][-1] != name):
                parts[index].append(name)
    names: list[str] = []
    seen: set[str] = set()
    for index, part in enumerate(parts):
        base = "/".join(part)[:LONGEST_NAME] or f"列 {column_letter(index)}"
        name, again = base, 2
        while name in seen:
            name, again = f"{base} ({again})", again + 1
        seen.add(name)
        names.append(name)
    return tuple(names)


def column_letter(index: int) -> str:
    """The letters a spreadsheet gives column ``index`` (0 is A)."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
