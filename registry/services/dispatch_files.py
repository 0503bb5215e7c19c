"""Reading a file of the dispatch table: CSV or XLSX, names in Chinese or English, every wrong row told. No writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from registry.domain.dispatch_table import Applies, Whom
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family
from registry.services.dispatch_lines import NewLine
from registry.tabular.cells import Row, plain
from registry.tabular.settings import ImportSettings
from registry.tabular.sources import called, open_table

MOST_LINES = 20_000
MOST_FAULTS = 100

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "applies": ("applies", "适用"),
    "kind": ("kind", "案件类型", "案件"),
    "family": ("family", "大类"),
    "scheme": ("scheme", "分类标准"),
    "class_code": ("class_code", "部件编码", "小类编码"),
    "area_code": ("area_code", "区域编码", "区域"),
    "grade": ("grade", "管理等级", "等级"),
    "unit": ("unit", "单位", "处置单位"),
    "whom": ("whom", "派给"),
    "automatic": ("automatic", "自动派遣", "自动"),
}
"""What a file may call each column; the first is the name in an export in English, the second in Chinese."""

APPLIES_WORDS: Mapping[str, Applies] = {"": Applies.ALWAYS, "全部": Applies.ALWAYS, "无主": Applies.OWNERLESS}
WHOM_WORDS: Mapping[str, Whom] = {
    "": Whom.BEST,
    "择优": Whom.BEST,
    "岗位": Whom.POST,
    "最近": Whom.NEAREST,
    "最少": Whom.LEAST,
    "单位": Whom.QUEUE,
}
FAMILY_WORDS: Mapping[str, Family] = {"井盖": Family.COVER, "路灯": Family.LIGHT, "其他": Family.OTHER}
_YES = frozenset({"1", "true", "yes", "是", "自动"})
_NO = frozenset({"", "0", "false", "no", "否", "人工"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a file may call units and kinds of cases: name → id or key. ``scheme``: the class table if it names none."""

    units: Mapping[str, int]
    kinds: Mapping[str, str]
    scheme: str


@dataclass(slots=True, kw_only=True)
class DispatchFile:
    """What a file holds: its lines, and (row number, refusal) of those that can't be taken."""

    lines: list[NewLine] = field(default_factory=list)
    faults: list[tuple[int, InvalidInput]] = field(default_factory=list)


def read_dispatch_file(path: Path, name: str, names: Names) -> DispatchFile:
    """The lines of the file at ``path``, uploaded as ``name``. Raises ``InvalidInput`` for a file as a whole."""
    found = DispatchFile()
    with called(path, name):
        table = open_table(path, ImportSettings())
        columns = {field: _column(table.columns, spellings) for field, spellings in COLUMNS.items()}
        if columns["unit"] is None and columns["automatic"] is None:
            raise InvalidInput("file", "needs a header line with the columns 单位 (unit) or 自动派遣 (automatic)")
        for row in table.rows():
            _take(row, columns, names, found)
            if len(found.lines) > MOST_LINES:
                raise InvalidInput("file", "has more than {most} lines; split it", most=MOST_LINES)
            if len(found.faults) >= MOST_FAULTS:
                break
    if not found.lines and not found.faults:
        raise InvalidInput("file", "has no lines below its header")
    return found


def _column(columns: tuple[str, ...], spellings: tuple[str, ...]) -> int | None:
    return next((columns.index(each) for each in spellings if each in columns), None)


def _take(row: Row, columns: Mapping[str, int | None], names: Names, found: DispatchFile) -> None:
    word = {field: "" if at is None else plain(row.cells[at]) for field, at in columns.items()}
    try:
        found.lines.append(_line(word, names))
    except InvalidInput as error:
        found.faults.append((row.number, error))


def _line(word: Mapping[str, str], names: Names) -> NewLine:
    unit_id = names.units.get(word["unit"]) if word["unit"] else None
    if word["unit"] and unit_id is None:
        raise InvalidInput("unit_id", "the unit {given!r} is not on file; add it first", given=word["unit"][:80])
    automatic = word["automatic"].lower()
    if automatic not in _YES | _NO:
        raise InvalidInput("automatic", "{given!r} must be 是 or 否 (yes or no)", given=automatic[:20])
    return NewLine(
        applies=_applies(word["applies"]),
        kind=names.kinds.get(word["kind"], word["kind"]),
        family=_family(word["family"]) if not word["class_code"] else "",
        scheme=(word["scheme"] or names.scheme) if word["class_code"] else "",
        class_code=word["class_code"],
        area_code=word["area_code"],
        grade=word["grade"],
        unit_id=unit_id,
        whom=_whom(word["whom"]),
        automatic=automatic in _YES,
    )


def _applies(word: str) -> Applies:
    if word in APPLIES_WORDS:
        return APPLIES_WORDS[word]
    if word in set(Applies):
        return Applies(word)
    raise InvalidInput(
        "applies", "{given!r} must be one of {known}", given=word[:20], known="全部, 无主, always, ownerless"
    )


def _whom(word: str) -> Whom:
    if word in WHOM_WORDS:
        return WHOM_WORDS[word]
    if word in set(Whom):
        return Whom(word)
    known = ", ".join([*(each for each in WHOM_WORDS if each), *Whom])
    raise InvalidInput("whom", "{given!r} must be one of {known}", given=word[:20], known=known)


def _family(word: str) -> str:
    return FAMILY_WORDS[word].value if word in FAMILY_WORDS else word
