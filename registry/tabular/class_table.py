"""A city's own class table (部件分类表) from a file: which columns hold what, and each class or what is wrong with it.

Pure apart from reading the file: whether a class may change is decided by ``registry.services.class_import``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family
from registry.tabular.cells import Row, Table, plain
from registry.tabular.csv_files import open_csv
from registry.tabular.faults import Fault, Words, shown
from registry.tabular.xlsx_files import open_xlsx

MOST_CLASSES = 5_000
LONGEST_ZH, LONGEST_EN = 60, 80

# Each field's headers, most telling first; compared without blanks, brackets and case.
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "code": ("code", "编码", "代码", "分类编码", "分类代码", "部件编码", "部件代码", "类别编码", "类别代码", "标识码"),
    "major": ("major", "大类编码", "大类代码", "大类码"),
    "minor": ("minor", "小类编码", "小类代码", "小类码"),
    "name_zh": (
        "name_zh",
        "名称",
        "中文名称",
        "中文名",
        "小类名称",
        "分类名称",
        "部件名称",
        "类别名称",
        "小类",
        "name",
    ),
    "name_en": ("name_en", "英文", "英文名称", "英文名", "english"),
    "family": ("family", "类型", "族", "管理类型"),
}
_FAMILY_WORDS: Mapping[str, Family] = {
    "cover": Family.COVER,
    "井盖": Family.COVER,
    "light": Family.LIGHT,
    "照明": Family.LIGHT,
    "路灯": Family.LIGHT,
    "灯": Family.LIGHT,
    "other": Family.OTHER,
    "其他": Family.OTHER,
    "其它": Family.OTHER,
}
_COVER_NAMES = re.compile("井盖|箅子|篦子|盖板")
_LIGHT_NAMES = re.compile("路灯|地灯|景观灯|射灯|高杆灯|庭院灯")
_NOT_A_LIGHT = re.compile("灯箱|变压器|配电|控制")

CLASS_FAULTS: Mapping[str, Words] = {
    "no_code": Words("缺少编码", "请填四位数字，如 0118", "has no code", "give four digits, e.g. 0118"),
    "code_form": Words(
        "不是四位分类编码（大类两位、小类两位，均不为 00）",
        "请填四位数字，如 0118",
        "is not four digits (two of the major and two of the minor class, neither 00)",
        "give four digits, e.g. 0118",
    ),
    "code_twice": Words("与第 {row} 行重复", "请删去其中一行", "stands in row {row} already", "remove one of the rows"),
    "no_name": Words("缺少中文名称", "请补填名称", "has no Chinese name", "fill it in"),
    "name_too_long": Words("超过 {most} 个字符", "请缩短", "is longer than {most} characters", "shorten it"),
    "family": Words(
        "不是 井盖、照明 或 其他",
        "请填 井盖、照明、其他（或 cover、light、other）",
        "is none of cover, light, other",
        "write cover, light or other (井盖, 照明, 其他)",
    ),
    "unreadable": Words(
        "本行无法读取", "请检查引号和分隔符", "can't be read", "check quotes and separators in this line"
    ),
    "family_in_use": Words(
        "此分类已有资产，类型不能由 {is_now} 改为 {wanted}",
        "请保留原类型，或另设一个分类",
        "has assets on file; its family can't change from {is_now} to {wanted}",
        "keep the family, or make another class",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """One class as a file has it; ``row`` counts from 1 after the header. ``guessed``: the family stood nowhere."""

    row: int
    code: str
    name_zh: str
    name_en: str
    family: Family
    guessed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTable:
    """What a file holds: ``columns`` says which header was taken for which field; ``faults`` name (row, fault)."""

    columns: Mapping[str, str]
    classes: Sequence[ClassRow]
    faults: Sequence[tuple[int, Fault]] = field(default_factory=tuple)


def say_class_fault(code: str, args: Mapping[str, Any], lang: str = "zh") -> tuple[str, str]:
    """The problem and its fix in ``lang`` ("zh" or "en")."""
    words = CLASS_FAULTS[code]
    problem, fix = (words.zh, words.zh_fix) if lang == "zh" else (words.en, words.en_fix)
    return problem.format(**args), fix.format(**args)


def read_class_table(path: Path) -> ClassTable:
    """Every class of a CSV or XLSX file, and every fault by its row.

    Raises ``InvalidInput`` for a file that is no table, has no column with codes or names, or has too many rows.
    """
    table = _open(path)
    columns = _columns_of(table.columns)
    at = {name: table.columns.index(header) for name, header in columns.items()}
    classes: dict[str, ClassRow] = {}
    faults: list[tuple[int, Fault]] = []
    for row in _limited(table):
        found = _read_row(row, at, columns)
        if isinstance(found, Fault):
            faults.append((row.number, found))
        elif found.code in classes:
            column, first = columns.get("code", columns.get("minor", "")), {"row": classes[found.code].row}
            faults.append((row.number, Fault(column, found.code, "code_twice", first)))
        else:
            classes[found.code] = found
    if not classes and not faults:
        raise InvalidInput("file", "{file} has a header but no classes below it", file=path.name)
    return ClassTable(columns=columns, classes=list(classes.values()), faults=faults)


def _open(path: Path) -> Table:
    with path.open("rb") as file:
        workbook = file.read(4) == b"PK\x03\x04"
    return open_xlsx(path) if workbook else open_csv(path)


def _limited(table: Table) -> Iterator[Row]:
    for count, row in enumerate(islice(table.rows(), MOST_CLASSES + 1), start=1):
        if count > MOST_CLASSES:
            raise InvalidInput(
                "file", "has more than {most} rows; is it a class table, or a list of assets?", most=MOST_CLASSES
            )
        yield row


def _columns_of(headers: Sequence[str]) -> dict[str, str]:
    """Which header holds which field. A code may stand in one column or, as major and minor class, in two."""
    bare = {header: _bare(header) for header in headers}
    found: dict[str, str] = {}
    for name, ways in _HEADERS.items():
        for way in ways:
            header = next((each for each in headers if bare[each] == way and each not in found.values()), None)
            if header is not None:
                found[name] = header
                break
    if "code" not in found and "minor" not in found:
        listed = ", ".join(headers[:12])
        raise InvalidInput("code", "no column holds the code; name one 编码 or code (found: {listed})", listed=listed)
    if "name_zh" not in found:
        listed = ", ".join(headers[:12])
        raise InvalidInput(
            "name_zh", "no column holds the Chinese name; name one 名称 or name_zh (found: {listed})", listed=listed
        )
    if "code" in found:
        found.pop("major", None)
        found.pop("minor", None)
    return found


def _bare(header: str) -> str:
    """A header without what differs from file to file: blanks, brackets and what stands in them, case."""
    last = plain(header).rsplit("/", 1)[-1]
    return re.sub(r"[\s*:]|[((].*?[))]", "", last).lower()


def _read_row(row: Row, at: Mapping[str, int], columns: Mapping[str, str]) -> ClassRow | Fault:
    if row.fault is not None:
        return Fault("", "", "unreadable")
    cells = {name: plain(row.cells[index]) for name, index in at.items()}
    code = _code_of(cells)
    code_column = columns.get("code", columns.get("minor", ""))
    if not code:
        return Fault(code_column, "", "no_code")
    if not re.fullmatch(r"(?!00)[0-9]{2}(?!00)[0-9]{2}", code):
        return Fault(code_column, shown(code), "code_form")
    name_zh, name_en = cells["name_zh"], cells.get("name_en", "")
    if not name_zh:
        return Fault(columns["name_zh"], "", "no_name")
    for name, text, most in (("name_zh", name_zh, LONGEST_ZH), ("name_en", name_en, LONGEST_EN)):
        if len(text) > most:
            return Fault(columns[name], shown(text), "name_too_long", {"most": most})
    written = cells.get("family", "").lower()
    if written and written not in _FAMILY_WORDS:
        return Fault(columns["family"], shown(written), "family")
    family = _FAMILY_WORDS[written] if written else guess_family(name_zh)
    return ClassRow(row=row.number, code=code, name_zh=name_zh, name_en=name_en, family=family, guessed=not written)


def _code_of(cells: Mapping[str, str]) -> str:
    """Four digits; a spreadsheet that took the code for a number has lost its first zero."""
    code = cells.get("code")
    if code is None:
        minor = cells.get("minor", "")
        code = minor if len(minor) > 2 or not cells.get("major") else f"{cells['major']:0>2}{minor:0>2}"
    return f"0{code}" if re.fullmatch(r"[1-9][0-9]{2}", code) else code


def guess_family(name_zh: str) -> Family:
    """The family that a class's Chinese name tells: 井盖 and grates are covers, 路灯 and the like are lights."""
    if _COVER_NAMES.search(name_zh):
        return Family.COVER
    if _LIGHT_NAMES.search(name_zh) and not _NOT_A_LIGHT.search(name_zh):
        return Family.LIGHT
    return Family.OTHER
