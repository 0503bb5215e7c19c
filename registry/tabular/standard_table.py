"""A case standard (案件标准) as a spreadsheet: read from CSV or XLSX with each row's mistake, and written back.

Pure apart from the file. Cities' own tables have merged cells for the classes (an empty cell means the one above) and
no keys: then a row is known by its words, and a new one gets a key made from them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from registry.domain.case_standard import (
    LINE_STEPS,
    CaseLine,
    LineLimit,
    Pattern,
    Step,
    check_line,
    read_limit,
    written,
)
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family, Severity
from registry.tabular.cells import Row, Table, as_written, plain
from registry.tabular.class_table import guess_family
from registry.tabular.csv_files import open_csv
from registry.tabular.xlsx_files import open_xlsx

MOST_ROWS = 2_000

# Each column: how it is written, and how cities write it; compared without blanks, brackets and case.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "key": ("编码", "key", "标准编码", "代码"),
    "big_zh": ("大类", "big_zh", "大类名称", "案件大类"),
    "big_en": ("大类英文", "big_en"),
    "small_zh": ("小类", "small_zh", "小类名称", "案件小类"),
    "small_en": ("小类英文", "small_en"),
    "name_zh": ("名称", "name_zh", "案件名称", "问题描述", "问题"),
    "name_en": ("英文名称", "name_en"),
    "family": ("类型", "family"),
    "severity": ("严重程度", "severity", "级别"),
    "filing_zh": ("立案条件", "filing_zh", "立案标准"),
    "filing_en": ("立案条件英文", "filing_en"),
    "closing_zh": ("结案条件", "closing_zh", "结案标准"),
    "closing_en": ("结案条件英文", "closing_en"),
    "secure": ("围护时限", "secure", "现场围护时限"),
    "repair": ("处置时限", "repair", "修复时限", "时限"),
    "more": ("其他时限", "more"),
    "quantity_unit": ("计量单位", "quantity_unit"),
    "source": ("依据", "source", "来源"),
    "retired": ("停用", "retired"),
}
_FAMILIES = {
    "cover": Family.COVER,
    "井盖": Family.COVER,
    "light": Family.LIGHT,
    "照明": Family.LIGHT,
    "路灯": Family.LIGHT,
    "other": Family.OTHER,
    "其他": Family.OTHER,
}
_SEVERITIES = {
    "1": Severity.NOTICE,
    "2": Severity.ALARM,
    "3": Severity.CRITICAL,
    "提示": Severity.NOTICE,
    "轻微": Severity.NOTICE,
    "notice": Severity.NOTICE,
    "一般": Severity.ALARM,
    "较重": Severity.ALARM,
    "alarm": Severity.ALARM,
    "紧急": Severity.CRITICAL,
    "严重": Severity.CRITICAL,
    "critical": Severity.CRITICAL,
}
_YES = {
    "1": True,
    "是": True,
    "true": True,
    "yes": True,
    "": False,
    "0": False,
    "否": False,
    "false": False,
    "no": False,
}
_MORE = re.compile(r"(?P<step>\w+?)(?:@(?P<season>\w+))?(?:/(?P<grade>[^=]+?))?\s*=\s*(?P<limit>.+)")
_STEPS = {"secure": Step.SECURE, "围护": Step.SECURE, "repair": Step.REPAIR, "处置": Step.REPAIR, "修复": Step.REPAIR}


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with one row (1 is the first below the header): the refusal names the column and the fix."""

    row: int
    error: InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardTable:
    """What a file holds: the lines by row number, and every problem."""

    lines: Sequence[tuple[int, CaseLine]]
    problems: Sequence[RowProblem]


def read_standard(path: Path, known: Mapping[str, CaseLine]) -> StandardTable:
    """Every line of a CSV or XLSX file, and what is wrong with which row; ``known`` gives rows without keys theirs.

    Raises ``InvalidInput`` for a file that is no table, or lacks the columns for what is wrong and its time limit.
    """
    table = _open(path)
    at = _columns_of(table.columns)
    by_words = {_words_of(line): key for key, line in known.items()}
    lines: list[tuple[int, CaseLine]] = []
    problems: list[RowProblem] = []
    seen: dict[str, int] = {}
    above: dict[str, str] = {}
    for row in _limited(table):
        try:
            cells = _cells(row, at, above)
            line = _read_row(cells, by_words, known)
            check_line(line)
            if line.key in seen:
                raise InvalidInput("key", "stands in row {row} already; remove one of the rows", row=seen[line.key])
        except InvalidInput as error:
            problems.append(RowProblem(row.number, error))
            continue
        seen[line.key] = row.number
        lines.append((row.number, line))
    if not lines and not problems:
        raise InvalidInput("file", "{file} has a header but no lines below it", file=path.name)
    return StandardTable(lines=lines, problems=problems)


def _open(path: Path) -> Table:
    with path.open("rb") as file:
        workbook = file.read(4) == b"PK\x03\x04"
    return open_xlsx(path) if workbook else open_csv(path)


def _limited(table: Table) -> Iterator[Row]:
    for count, row in enumerate(islice(table.rows(), MOST_ROWS + 1), start=1):
        if count > MOST_ROWS:
            raise InvalidInput("file", "has more than {most} rows; is it a case standard?", most=MOST_ROWS)
        yield row


def _columns_of(headers: Sequence[str]) -> dict[str, int]:
    bare = [re.sub(r"[\s*:]|[((].*?[))]", "", plain(header)).lower() for header in headers]
    found = {
        name: next(bare.index(way) for way in ways if way in bare)
        for name, ways in COLUMNS.items()
        if any(way in bare for way in ways)
    }
    listed = ", ".join(headers[:12])
    if "repair" not in found:
        raise InvalidInput(
            "repair", "no column holds the time limit; name one 处置时限 (found: {listed})", listed=listed
        )
    if not {"name_zh", "filing_zh", "small_zh"} & set(found):
        raise InvalidInput(
            "name_zh", "no column says what is wrong; name one 名称 or 立案条件 (found: {listed})", listed=listed
        )
    return found


def _cells(row: Row, at: Mapping[str, int], above: dict[str, str]) -> dict[str, str]:
    if row.fault is not None:
        raise InvalidInput("file", "this row can't be read; check its quotes and separators")
    cells = {name: (as_written if name in _TEXTS else plain)(row.cells[index]) for name, index in at.items()}
    for name in ("big_zh", "small_zh"):
        if name in cells:
            above[name] = cells[name] = cells[name] or above.get(name, "")
    return cells


def _read_row(
    cells: Mapping[str, str], by_words: Mapping[tuple[str, ...], str], known: Mapping[str, CaseLine]
) -> CaseLine:
    limits = [_limit(Step.REPAIR, cells.get("repair", ""))]
    if cells.get("secure"):
        limits.insert(0, _limit(Step.SECURE, cells["secure"]))
    name = cells.get("name_zh") or _short(cells.get("filing_zh", "") or cells.get("small_zh", ""))
    words = tuple(" ".join(part.split()) for part in (cells.get("big_zh", ""), cells.get("small_zh", ""), name))
    key = cells.get("key") or by_words.get(words) or _made_key(words)
    was = known.get(key)
    texts: dict[str, Any] = {each: cells[each] for each in _TEXTS if cells.get(each)}
    if was is not None:
        # a column that the file does not have changes nothing
        texts = {each: getattr(was, each) for each in _TEXTS if each not in cells} | texts
    return CaseLine(
        **texts | {"name_zh": name},
        key=key,
        family=_family(cells, was, name),
        severity=_severity(cells, was),
        limits=(*limits, *(read_more(cells["more"]) if "more" in cells else _kept_more(was))),
        pattern=Pattern.SECURE_REPAIR if cells.get("secure") else Pattern.ONE_STEP,
        retired=_retired(cells, was),
    )


_TEXTS = (
    *("big_zh", "big_en", "small_zh", "small_en", "name_en", "filing_zh", "filing_en", "closing_zh", "closing_en"),
    *("quantity_unit", "source", "name_zh"),
)


def _limit(step: Step, text: str, *, season: str = "", grade: str = "") -> LineLimit:
    found = read_limit(text, step.value)
    return LineLimit(step=step, amount=found.amount, unit=found.unit, season=season, grade=grade)


def read_more(text: str) -> Iterator[LineLimit]:
    """Limits for seasons and grades: "repair@flood=2 紧急工作时; repair/一级=4 工作时"."""
    for part in re.split(r"[;；\n]", text):
        if not part.strip():
            continue
        found = _MORE.fullmatch(part.strip())
        step = _STEPS.get(found["step"]) if found else None
        if found is None or step is None:
            raise InvalidInput(
                "more", "{given!r} is no limit; write it as repair@flood/一级=2 紧急工作时", given=part.strip()[:40]
            )
        yield _limit(step, found["limit"], season=found["season"] or "", grade=(found["grade"] or "").strip())


def _kept_more(was: CaseLine | None) -> Iterator[LineLimit]:
    return (each for each in (was.limits if was else ()) if each.season or each.grade)


def _family(cells: Mapping[str, str], was: CaseLine | None, name: str) -> Family:
    told = cells.get("family", "").lower()
    if told and told not in _FAMILIES:
        raise InvalidInput("family", "{given!r} must be one of cover, light, other", given=told[:20])
    if told:
        return _FAMILIES[told]
    return was.family if was is not None else guess_family(f"{cells.get('small_zh', '')} {name}")


def _severity(cells: Mapping[str, str], was: CaseLine | None) -> Severity:
    told = cells.get("severity", "").lower()
    if told and told not in _SEVERITIES:
        raise InvalidInput("severity", "{given!r} must be 1, 2 or 3 (提示, 一般, 紧急)", given=told[:20])
    if told:
        return _SEVERITIES[told]
    return was.severity if was is not None else Severity.ALARM


def _retired(cells: Mapping[str, str], was: CaseLine | None) -> bool:
    if "retired" not in cells:
        return was is not None and was.retired
    if cells["retired"].lower() not in _YES:
        raise InvalidInput("retired", "{given!r} must be 是 or 否", given=cells["retired"][:20])
    return _YES[cells["retired"].lower()]


def _words_of(line: CaseLine) -> tuple[str, ...]:
    return (line.big_zh, line.small_zh, line.name_zh)


def _made_key(words: tuple[str, ...]) -> str:
    """The same words give the same key, so that a file may be loaded again."""
    return f"line_{hashlib.sha256('|'.join(words).encode()).hexdigest()[:12]}"


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:29] + "…"


def headers() -> list[str]:
    """The columns of a written standard."""
    return [ways[0] for ways in COLUMNS.values()]


def cells_of(line: CaseLine) -> list[str]:
    """A line as its row; read again it is the same line."""
    plainly = {each.step: each for each in line.limits if not each.season and not each.grade}
    told = {name: str(getattr(line, name, "")) for name in COLUMNS}
    told |= {step.value: written(plainly[step].limit) if step in plainly else "" for step in LINE_STEPS}
    told |= {
        "family": line.family.value,
        "severity": str(int(line.severity)),
        "more": written_more(line),
        "retired": "是" if line.retired else "",
    }
    return list(told.values())


def written_more(line: CaseLine) -> str:
    """The limits for seasons and grades as one cell; ``read_more`` reads it back."""
    return "；".join(_said(each) for each in line.limits if each.season or each.grade)


def _said(each: LineLimit) -> str:
    season, grade = f"@{each.season}" if each.season else "", f"/{each.grade}" if each.grade else ""
    return f"{each.step.value}{season}{grade}={written(each.limit)}"


def as_csv(lines: Sequence[CaseLine]) -> bytes:
    """CSV with the mark by which spreadsheets know UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(headers())
    # a cell that begins like a formula is kept from being one
    writer.writerows([f"'{cell}" if cell[:1] in "=+-@" and cell else cell for cell in cells_of(line)] for line in lines)
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(lines: Sequence[CaseLine]) -> bytes:
    """One sheet; every cell is text."""
    from openpyxl import Workbook  # takes a quarter of a second to load, and few processes ever write a sheet
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("案件标准")
    sheet.append(headers())
    for line in lines:
        row = []
        for text in cells_of(line):
            cell = WriteOnlyCell(sheet, value=text)
            cell.data_type = "s"
            row.append(cell)
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
