"""Reading a list of tasks from above: XLSX or CSV, columns by their usual names, each wrong row with its reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from registry.domain.errors import InvalidInput
from registry.tabular.cells import Table, as_written, plain
from registry.tabular.settings import ImportSettings
from registry.tabular.sources import open_table

MOST_ROWS = 20_000
MOST_PROBLEMS = 200

# What the columns may be called, without blanks and full stops.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "number": ("number", "no", "序号", "编号", "任务编号", "问题编号"),
    "subject": ("subject", "task", "任务", "任务内容", "整改任务", "问题", "问题描述", "存在问题", "事项", "内容"),
    "place": ("place", "地点", "位置", "点位", "地址", "具体位置"),
    "unit": ("unit", "责任单位", "牵头单位", "整改单位", "单位"),
    "owner": ("owner", "责任人", "负责人", "经办人"),
    "due_on": ("due", "due_on", "完成时限", "整改时限", "时限", "期限", "截止日期", "完成时间"),
    "code": ("code", "asset", "部件编码", "部件标识码", "标识码"),
}
_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateLine:
    """One task of the list. ``unit`` and ``owner`` are names as they are written, ``code`` an asset's code."""

    row: int
    number: str
    subject: str
    place: str = ""
    unit: str = ""
    owner: str = ""
    due_on: date | None = None
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """What is wrong with one row; ``field`` is the column, ``words`` a sentence with places for ``values``."""

    row: int
    field: str
    error: InvalidInput


def read_mandates(path: Path) -> tuple[list[MandateLine], list[RowProblem]]:
    """Every task of the file, and what is wrong with the rows that can't be used.

    Raises ``InvalidInput`` for a file that is none, lacks the column of the task itself, or has too many rows.
    """
    table = open_table(path, ImportSettings())
    at = _columns_of(table)
    if "subject" not in at:
        raise InvalidInput(
            "file", "needs a column 任务内容 (subject); it has: {known}", known=", ".join(table.columns)[:300]
        )
    lines: list[MandateLine] = []
    problems: list[RowProblem] = []
    seen: set[str] = set()
    for row in table.rows():
        if len(lines) + len(problems) >= MOST_ROWS:
            raise InvalidInput("file", "has more than {most} lines; split it", most=MOST_ROWS)
        try:
            line = _line(row.number, {name: row.cells[index] for name, index in at.items()})
            if line.number in seen:
                raise InvalidInput("number", "{given!r} stands in the list twice", given=line.number[:40])
            seen.add(line.number)
            lines.append(line)
        except InvalidInput as error:
            problems.append(RowProblem(row=row.number, field=error.field, error=error))
    if not lines and not problems:
        raise InvalidInput("file", "has no lines below its header")
    return lines, problems


def read_day(cell: Any) -> date | None:
    """A day as a spreadsheet or a person writes it; None for an empty cell. Raises ``InvalidInput``."""
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    written = plain(cell)
    if not written:
        return None
    found = _DAY.match(written)
    try:
        if found is None:
            raise ValueError(written)
        return date(*map(int, found.groups()))
    except ValueError:
        raise InvalidInput("due_on", "{given!r} must be a day such as 2026-03-02", given=written[:20]) from None


def _columns_of(table: Table) -> dict[str, int]:
    known = {spelling: name for name, spellings in COLUMNS.items() for spelling in spellings}
    found: dict[str, int] = {}
    for index, column in enumerate(table.columns):
        name = known.get(re.sub(r"[\s.:：*（(].*$", "", column.strip()).lower())
        if name is not None and name not in found:
            found[name] = index
    return found


def _line(row: int, cells: Mapping[str, Any]) -> MandateLine:
    words = {name: as_written(cells[name]) for name in cells if name != "due_on"}
    subject = words.get("subject", "")
    if not subject:
        raise InvalidInput("subject", "is empty; say what is to be done")
    for name, most in (("number", 40), ("subject", 2000), ("place", 200), ("unit", 80), ("owner", 80), ("code", 60)):
        if len(words.get(name, "")) > most:
            raise InvalidInput(name, "is longer than {most} characters; shorten it", most=most)
    return MandateLine(
        row=row,
        number=words.get("number", "") or str(row),
        subject=subject,
        place=words.get("place", ""),
        unit=words.get("unit", ""),
        owner=words.get("owner", ""),
        due_on=read_day(cells.get("due_on")),
        code=words.get("code", ""),
    )
