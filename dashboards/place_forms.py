"""Reading the forms of areas, duties, posts and units into typed values; a refusal names the field and the remedy."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import date

from dashboards.forms import choice, optional_int, text
from registry.domain.errors import InvalidInput
from registry.domain.geo import Crs
from registry.domain.kinds import AreaLevel, Family, Party
from registry.services.area_files import FIELD_NAMES
from registry.services.area_import import AreaImport
from registry.services.areas import AreaChange, NewGrid
from registry.services.duties import NewDuty
from registry.services.posts import NewPost
from registry.services.units import NewUnit

MAX_CELLS = 20_000
MAX_LINES = 20_000

# What a CSV of the duty list may call its columns; the party's word may be Chinese too.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "party": ("party", "责任", "类型", "责任类型"),
    "area_code": ("area_code", "区域编码", "area", "区域", "范围"),
    "family": ("family", "大类", "族"),
    "class_code": ("class_code", "部件编码", "小类编码", "分类编码", "class"),
    "scheme": ("scheme", "分类标准", "标准"),
    "unit": ("unit", "单位", "单位名称", "责任单位"),
}
_PARTIES: Mapping[str, Party] = {
    **{party.value: party for party in Party},
    "主管": Party.SUPERVISOR,
    "主管单位": Party.SUPERVISOR,
    "权属": Party.OWNER,
    "权属单位": Party.OWNER,
    "养护": Party.MAINTAINER,
    "养护单位": Party.MAINTAINER,
}


def read_day(form: Mapping[str, str], name: str) -> date | None:
    """A day as a date field sends it; None when it is empty."""
    written = form.get(name, "").strip()
    if not written:
        return None
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise InvalidInput(name, "{given!r} must be a day such as 2026-03-02", given=written[:20]) from None


def read_area_import(form: Mapping[str, str]) -> AreaImport:
    """How an uploaded file of areas is to be read."""
    level = choice(form, "level", AreaLevel)
    return AreaImport(
        level=None if level is None else AreaLevel(level),
        crs=Crs(choice(form, "crs", Crs) or Crs.WGS84),
        fields={name: text(form, f"field_{name}", most=120) for name in FIELD_NAMES},
        mend=form.get("mend") == "1",
    )


def read_area_change(form: Mapping[str, str]) -> AreaChange:
    """What a person says about an area."""
    return AreaChange(
        name=text(form, "name", most=120),
        name_en=text(form, "name_en", most=120),
        grade=text(form, "grade", most=20),
        unit_id=optional_int(form, "unit_id"),
        collector_id=optional_int(form, "collector_id"),
    )


def read_grid(form: Mapping[str, str]) -> NewGrid:
    """A responsibility grid; its cells are separated by anything but digits and letters."""
    cells = text(form, "cells", most=MAX_CELLS)
    words = cells.replace("，", " ").replace("、", " ").replace(",", " ").replace(";", " ").split()
    return NewGrid(
        code=text(form, "code", most=40),
        name=text(form, "name", most=120),
        cells=words,
        collector_id=optional_int(form, "collector_id"),
    )


def read_duty(form: Mapping[str, str]) -> NewDuty:
    """A line of the duty list. ``subject`` is ``family:cover`` or ``class:SCHEME:CODE``, or empty for anything."""
    party = choice(form, "party", Party)
    unit_id = optional_int(form, "unit_id")
    if party is None:
        raise InvalidInput("party", "say which of the three parties the unit is")
    if unit_id is None:
        raise InvalidInput("unit_id", "choose the unit; add it on the page of units first if it is missing")
    kind, _, rest = text(form, "subject", most=60).partition(":")
    scheme, _, class_code = rest.rpartition(":") if kind == "class" else ("", "", "")
    return NewDuty(
        party=Party(party),
        unit_id=unit_id,
        area_code=text(form, "area_code", most=20),
        family=rest if kind == "family" else "",
        scheme=scheme,
        class_code=class_code,
    )


def read_duty_file(content: bytes, units: Mapping[str, int], scheme: str) -> list[NewDuty]:
    """The lines of a CSV (UTF-8 or GBK). Raises ``InvalidInput`` (field ``file``) naming the first wrong line."""
    rows = csv.DictReader(io.StringIO(_decoded(content)))
    names = {(name or "").strip(): name for name in rows.fieldnames or ()}
    column = {
        field: next((names[each] for each in spellings if each in names), None) for field, spellings in _COLUMNS.items()
    }
    if column["party"] is None or column["unit"] is None:
        raise InvalidInput("file", "needs a header line with the columns 责任 (party) and 单位 (unit)")
    lines: list[NewDuty] = []
    for number, row in enumerate(rows, start=2):
        word = {field: (row.get(name or "") or "").strip() for field, name in column.items()}
        if not any(word.values()):
            continue
        lines.append(_line(number, word, units, scheme))
        if len(lines) > MAX_LINES:
            raise InvalidInput("file", "has more than {most} lines; split it", most=MAX_LINES)
    if not lines:
        raise InvalidInput("file", "has no lines below its header")
    return lines


def _line(number: int, word: Mapping[str, str], units: Mapping[str, int], scheme: str) -> NewDuty:
    party = _PARTIES.get(word["party"].lower())
    if party is None:
        raise InvalidInput(
            "file", "line {number}: party {given!r} must be 主管, 权属 or 养护", number=number, given=word["party"][:20]
        )
    if word["unit"] not in units:
        raise InvalidInput(
            "file",
            "line {number}: the unit {given!r} is not on file; add it first",
            number=number,
            given=word["unit"][:80],
        )
    family = word["family"]
    if family and family not in set(Family):
        raise InvalidInput(
            "file",
            "line {number}: family {family!r} must be cover, light, other or empty",
            number=number,
            family=family[:20],
        )
    return NewDuty(
        party=party,
        unit_id=units[word["unit"]],
        area_code=word["area_code"],
        family=family,
        scheme=(word["scheme"] or scheme) if word["class_code"] else "",
        class_code=word["class_code"],
    )


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidInput("file", "is neither UTF-8 nor GBK text; save it as CSV (UTF-8)")


def read_post(form: Mapping[str, str]) -> NewPost:
    """A post with its two people."""
    unit_id = optional_int(form, "unit_id")
    if unit_id is None:
        raise InvalidInput("unit_id", "choose the unit; add it on the page of units first if it is missing")
    return NewPost(
        unit_id=unit_id,
        name=text(form, "name", most=80),
        area_code=text(form, "area_code", most=20),
        family=choice(form, "family", Family) or "",
        a_user_id=optional_int(form, "a_user_id"),
        a_name=text(form, "a_name", most=80),
        a_phone=text(form, "a_phone", most=40),
        b_user_id=optional_int(form, "b_user_id"),
        b_name=text(form, "b_name", most=80),
        b_phone=text(form, "b_phone", most=40),
        a_away_from=read_day(form, "a_away_from"),
        a_away_until=read_day(form, "a_away_until"),
    )


def read_unit(form: Mapping[str, str]) -> NewUnit:
    """A unit's names and phone."""
    return NewUnit(
        name=text(form, "name", most=200),
        name_en=text(form, "name_en", most=200),
        phone=text(form, "phone", most=100),
    )
