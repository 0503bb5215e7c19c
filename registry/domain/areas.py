"""Areas of a city and their codes: city, district, street, community, unit grid cell (单元网格), responsibility grid.

A code is the path from the top: 6 digits of county division, 3 of the street or town, 3 of the community, 3 of the
cell's sequence; so an area holds everything whose code begins with its own. Standards differ between cities and years:
what is unusual is taken with a remark, and only what can't be placed is refused. Pure: no geometry, no database.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from registry.domain.errors import InvalidInput
from registry.domain.kinds import AreaLevel

MAX_CODE = 20
"""Digits or letters of any area code."""

MAX_CELL_CODE = 16
"""A cell's code must fit the asset that lies in it."""

MAX_PATH = 15
"""The longest code that is a path (a cell of 15 digits)."""

DIGITS_OF: Mapping[AreaLevel, int] = {
    AreaLevel.CITY: 4,
    AreaLevel.DISTRICT: 6,
    AreaLevel.STREET: 9,
    AreaLevel.COMMUNITY: 12,
    AreaLevel.CELL: 15,
}
"""How many digits the code of a level has; a responsibility grid's code is the city's own affair."""

DEEPEST_FIRST = (AreaLevel.CELL, AreaLevel.COMMUNITY, AreaLevel.STREET, AreaLevel.DISTRICT, AreaLevel.CITY)
"""Which level says where an asset lies when several hold it."""

# The first two digits of GB/T 2260: provinces, regions and municipalities.
_PROVINCES = frozenset(
    f"{number}"
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 82))
    for number in range(first, last + 1)
)


class SubCounty(StrEnum):
    """What the three digits after the division mean (GB/T 10114): 街道, 镇, 乡, 类似乡级单位."""

    STREET = "street"
    TOWN = "town"
    TOWNSHIP = "township"
    ENTERPRISE = "enterprise"
    UNKNOWN = "unknown"


_SUB_COUNTIES = ((1, 99, SubCounty.STREET), (100, 199, SubCounty.TOWN), (200, 399, SubCounty.TOWNSHIP))
_ENTERPRISES = (400, 599, SubCounty.ENTERPRISE)


_IN_CHINESE = {
    "area": "区域",
    "city": "市",
    "district": "区县",
    "street": "街道",
    "community": "社区",
    "cell": "单元网格",
    "duty": "责任网格",
    "sub-county": "街道段",
    "sequence": "序号",
}


class Remark(NamedTuple):
    """One thing that was noticed about an area: which (a key of ``REMARKS``), and the values its sentence names."""

    key: str
    values: Mapping[str, str | int | float]

    @property
    def grave(self) -> bool:
        """Whether the area can't be taken because of it."""
        return REMARKS[self.key].grave

    def text(self, language: str = "en") -> str:
        """The sentence in Chinese (``zh``) or English: what is wrong, and what to do about it."""
        words = REMARKS[self.key]
        if language != "zh":
            return words.en.format(**self.values)
        values = {name: _IN_CHINESE.get(str(value), value) for name, value in self.values.items()}
        return words.zh.format(**values)

    def refusal(self, field: str) -> InvalidInput:
        """The remark as what is wrong with ``field``."""
        return InvalidInput(field, REMARKS[self.key].en, **self.values)


class RemarkWords(NamedTuple):
    """How a remark is told, and whether it keeps the area out."""

    grave: bool
    zh: str
    en: str


REMARKS: Mapping[str, RemarkWords] = {
    "code_missing": RemarkWords(
        True,
        "没有编码；请填写编码字段（code、BGID、网格编码……）",
        "has no code; fill in a code property (code, BGID, 网格编码, …)",
    ),
    "code_not_digits": RemarkWords(
        True,
        "编码“{code}”含有非数字字符；{level}的编码只能是数字",
        "the code {code!r} holds something that is no digit; this level ({level}) has digits only",
    ),
    "code_length": RemarkWords(
        True,
        "编码“{code}”有 {found} 位；区县 6 位、街道 9 位、社区 12 位、单元网格 15 位",
        "the code {code!r} has {found} digits; a district has 6, a street 9, a community 12, a cell 15",
    ),
    "code_level": RemarkWords(
        True,
        "编码“{code}”有 {found} 位，不是{level}的编码（应为 {wanted} 位）",
        "the code {code!r} has {found} digits, which is no {level} (that has {wanted})",
    ),
    "code_too_long": RemarkWords(
        True,
        "编码“{code}”超过 {most} 个字符",
        "the code {code!r} is longer than {most} characters",
    ),
    "code_province": RemarkWords(
        True,
        "编码“{code}”的前两位 {found} 不是省级代码（GB/T 2260）",
        "the code {code!r} begins with {found}, which is no province (GB/T 2260)",
    ),
    "code_zero": RemarkWords(
        True,
        "编码“{code}”的{part}为 {found}；应从 001 开始",
        "the code {code!r} has {found} for its {part}; these start at 001",
    ),
    "code_sub_county": RemarkWords(
        False,
        "编码“{code}”的街道段 {found} 不在 001–599 内（街道 001–099、镇 100–199、乡 200–399、类似单位 400–599）",
        "the code {code!r} has the sub-county number {found}, outside 001 to 599 (streets to 099, towns to 199, "
        "townships to 399, others to 599)",
    ),
    "code_zeros_cut": RemarkWords(
        False,
        "编码“{code}”末尾的 0 已去掉，记为 {kept}",
        "the zeros at the end of {code!r} were left out; it is kept as {kept}",
    ),
    "code_old_cell": RemarkWords(
        False,
        "编码“{code}”是旧式 14 位网格编码（序号 2 位），按原样保留；现行标准为 15 位",
        "{code!r} is a cell code of the older kind (14 digits, two of them the sequence); kept as it is, the standard "
        "in force has 15",
    ),
    "code_twice": RemarkWords(
        True,
        "编码“{code}”在第 {other} 个要素中已出现；一个编码只能对应一个区域",
        "the code {code!r} stands in feature {other} already; one code is one area",
    ),
    "no_geometry": RemarkWords(
        True,
        "没有面状图形（需要 Polygon 或 MultiPolygon，实际为 {found}）",
        "has no polygon (Polygon or MultiPolygon is needed, found {found})",
    ),
    "bad_coordinates": RemarkWords(
        True,
        "坐标无法读取：{found}",
        "has coordinates that can't be read: {found}",
    ),
    "ring_short": RemarkWords(
        True,
        "有一个环只有 {found} 个点；至少需要 3 个不同的点",
        "has a ring of {found} points; three different ones are the least",
    ),
    "metres": RemarkWords(
        True,
        "坐标 {found} 超出经纬度范围，像是投影坐标（米）；请先转换为经纬度（CGCS2000 / WGS-84）",
        "has the coordinate {found}, which is no degree but looks like metres of a projection; convert it to longitude "
        "and latitude (CGCS2000 or WGS-84) first",
    ),
    "swapped": RemarkWords(
        True,
        "坐标 {found} 的经度和纬度像是颠倒了；GeoJSON 的顺序是经度在前",
        "has the coordinate {found}, where longitude and latitude look swapped; GeoJSON puts longitude first",
    ),
    "self_crossing": RemarkWords(
        True,
        "边界自相交（{where}）；修复建议：{parts} 个面，共 {m2} 平方米。勾选“按建议修复”可直接采用",
        "crosses itself ({where}); the mend proposed has {parts} part(s), {m2} m² in all: choose to accept mends to "
        "take it",
    ),
    "mended": RemarkWords(
        False,
        "边界自相交（{where}），已按建议修复为 {parts} 个面，共 {m2} 平方米",
        "crossed itself ({where}); taken as mended: {parts} part(s), {m2} m² in all",
    ),
    "ring_open": RemarkWords(
        False,
        "边界未闭合（首尾相距 {gap_m} 米），已连接首尾",
        "is not closed (its ends lie {gap_m} m apart); the ends were joined",
    ),
    "overlap": RemarkWords(
        False,
        "与“{other}”重叠 {m2} 平方米（容差 {tolerance} 平方米）；重叠处的部件归编码较小者",
        "overlaps {other} by {m2} m² (tolerance {tolerance} m²); what lies in both goes to the lower code",
    ),
    "outside_parent": RemarkWords(
        False,
        "按编码属于“{parent}”，但不在其范围内；请核对编码或边界",
        "belongs to {parent} by its code but does not lie in it; check the code or the border",
    ),
    "name_missing": RemarkWords(False, "没有名称，以编码代替", "has no name; its code stands in"),
    "unit_unknown": RemarkWords(
        False,
        "责任单位“{unit}”不在单位表中，未登记；请先在“单位”页添加，再导入一次",
        "names the unit {unit!r}, which is not on file, so it was left out; add the unit and import again",
    ),
    "date_unread": RemarkWords(
        False,
        "日期“{value}”无法识别，未登记；请写成 2026-03-02",
        "has the date {value!r}, which was left out; write it as 2026-03-02",
    ),
    "level_unread": RemarkWords(
        False,
        "级别“{value}”无法识别，按编码长度判断",
        "has the level {value!r}, which is none; the length of the code was used",
    ),
    "cells_unknown": RemarkWords(
        True,
        "责任网格中的单元网格不在册：{cells}；请先导入单元网格",
        "has cells that are not on file: {cells}; import the cells first",
    ),
    "cells_missing": RemarkWords(
        True,
        "责任网格没有列出单元网格；请填写单元网格编码（用逗号分隔）",
        "lists no cells; a responsibility grid needs the codes of its cells, separated by commas",
    ),
    "cells_apart": RemarkWords(
        True,
        "责任网格的单元网格不相邻，分成 {parts} 片：{cells}",
        "has cells that are not adjacent, they make {parts} separate parts: {cells}",
    ),
    "cells_taken": RemarkWords(
        True,
        "单元网格 {cells} 已属于责任网格“{other}”",
        "has cells that belong to the responsibility grid {other} already: {cells}",
    ),
    "code_own_cell": RemarkWords(
        False,
        "编码“{code}”不是 15 位标准编码，作为本市自定编码保留",
        "{code!r} is not the standard's 15 digits; kept as the city's own code",
    ),
}


def remark_sentences() -> dict[str, str]:
    """Each English sentence of ``REMARKS``, and each term that its values can be, with the Chinese one."""
    return {words.en: words.zh for words in REMARKS.values()} | _IN_CHINESE


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaCode:
    """A code taken apart; parts that it does not have are empty. ``code`` is as it is kept."""

    code: str
    level: AreaLevel
    division: str = ""
    sub_county: str = ""
    community: str = ""
    sequence: str = ""
    sub_county_kind: SubCounty | None = None
    remarks: tuple[Remark, ...] = field(default_factory=tuple)

    @property
    def path(self) -> str:
        """The code as a prefix of what lies inside; empty for a code that is the city's own."""
        return self.code if self.division or self.level is AreaLevel.CITY else ""


def explain_area_code(text: str, level: AreaLevel | None = None) -> tuple[AreaCode | None, list[Remark]]:
    """The code in ``text`` and everything to be said about it; None when a grave remark keeps it out.

    Without ``level`` the length tells it. Full-width digits, blanks and hyphens between digits are forgiven.
    """
    code = _tidy(text)
    if not code:
        return None, [Remark("code_missing", {})]
    if level is AreaLevel.DUTY:
        return _own(code, AreaLevel.DUTY, MAX_CODE)
    if not (code.isascii() and code.isdigit()):
        if level is AreaLevel.CELL:
            return _own(code, AreaLevel.CELL, MAX_CELL_CODE)
        return None, [Remark("code_not_digits", {"code": code, "level": str(level or "area")})]
    kept, remarks = _without_zeros(code, level)
    found = level or _level_of(kept)
    if found is None:
        return None, [Remark("code_length", {"code": code, "found": len(code)})]
    remarks += _level_remarks(kept, found) + _part_remarks(kept, found)
    if any(remark.grave for remark in remarks):
        return None, remarks
    return _taken_apart(kept, found, remarks), remarks


def read_area_code(text: str, level: AreaLevel | None = None) -> AreaCode:
    """The code in ``text``. Raises ``InvalidInput`` saying what is wrong with it."""
    code, remarks = explain_area_code(text, level)
    if code is None:
        raise next(remark for remark in remarks if remark.grave).refusal("code")
    return code


def parents_of(code: str) -> list[str]:
    """The codes of the areas that hold the area of ``code``, nearest first: ``320508001`` → ``320508``, ``3205``."""
    return [code[:digits] for digits in (12, 9, 6, 4) if digits < len(code)]


def _tidy(text: str) -> str:
    code = unicodedata.normalize("NFKC", text).strip()
    joined = "".join(code.replace("-", " ").split())
    return joined if joined.isdigit() else code


def _own(code: str, level: AreaLevel, most: int) -> tuple[AreaCode | None, list[Remark]]:
    if len(code) > most:
        return None, [Remark("code_too_long", {"code": code, "most": most})]
    remarks = [] if level is AreaLevel.DUTY else [Remark("code_own_cell", {"code": code})]
    return AreaCode(code=code, level=level, remarks=tuple(remarks)), remarks


def _without_zeros(code: str, level: AreaLevel | None) -> tuple[str, list[Remark]]:
    """Statistical tables fill shorter codes up to 12 digits: ``320508001000`` is the street 320508001."""
    kept = code
    if len(kept) == 12 and kept.endswith("000") and level is not AreaLevel.COMMUNITY:
        kept = kept[:9]
    if len(kept) == 9 and kept.endswith("000") and level is not AreaLevel.STREET:
        kept = kept[:6]
    if len(kept) == 6 and kept.endswith("00") and level is not AreaLevel.DISTRICT:
        kept = kept[:4]
    return kept, [] if kept == code else [Remark("code_zeros_cut", {"code": code, "kept": kept})]


def _level_of(code: str) -> AreaLevel | None:
    if 14 <= len(code) <= MAX_CELL_CODE:
        return AreaLevel.CELL
    return next((level for level, digits in DIGITS_OF.items() if digits == len(code)), None)


def _level_remarks(code: str, level: AreaLevel) -> list[Remark]:
    if level is AreaLevel.CELL:
        if len(code) == DIGITS_OF[AreaLevel.CELL]:
            return []
        if len(code) > MAX_CELL_CODE:
            return [Remark("code_too_long", {"code": code, "most": MAX_CELL_CODE})]
        return [Remark("code_old_cell" if len(code) == 14 else "code_own_cell", {"code": code})]
    if len(code) == DIGITS_OF[level]:
        return []
    return [Remark("code_level", {"code": code, "found": len(code), "level": level.value, "wanted": DIGITS_OF[level]})]


def _part_remarks(code: str, level: AreaLevel) -> list[Remark]:
    if level is AreaLevel.CELL and len(code) not in (14, 15):
        return []
    remarks: list[Remark] = []
    if code[:2] not in _PROVINCES:
        remarks.append(Remark("code_province", {"code": code, "found": code[:2]}))
    for part, digits in (("sub-county", code[6:9]), ("community", code[9:12]), ("sequence", code[12:])):
        if digits and int(digits) == 0:
            remarks.append(Remark("code_zero", {"code": code, "part": part, "found": digits}))
    if len(code) >= 9 and _sub_county(code[6:9]) is SubCounty.UNKNOWN and int(code[6:9]):
        remarks.append(Remark("code_sub_county", {"code": code, "found": code[6:9]}))
    return remarks


def _taken_apart(code: str, level: AreaLevel, remarks: list[Remark]) -> AreaCode:
    if level is AreaLevel.CELL and len(code) not in (14, 15):
        return AreaCode(code=code, level=level, remarks=tuple(remarks))
    return AreaCode(
        code=code,
        level=level,
        division=code[:6] if len(code) >= 6 else "",
        sub_county=code[6:9],
        community=code[9:12],
        sequence=code[12:],
        sub_county_kind=_sub_county(code[6:9]) if len(code) >= 9 else None,
        remarks=tuple(remarks),
    )


def _sub_county(digits: str) -> SubCounty:
    number = int(digits)
    for low, high, kind in (*_SUB_COUNTIES, _ENTERPRISES):
        if low <= number <= high:
            return kind
    return SubCounty.UNKNOWN


def read_area_path(text: str) -> str:
    """``text`` as the code of an area that things can lie in, "" for the whole city. Raises ``InvalidInput``."""
    if not text.strip():
        return ""
    code, remarks = explain_area_code(text)
    if code is None or not code.path or len(code.path) > MAX_PATH:
        if remarks:
            raise remarks[0].refusal("area_code")
        raise InvalidInput("area_code", "{given!r} is no code of an area that assets lie in", given=text[:20])
    return code.path
