"""From cells to values: numbers in full-width digits, degrees in three ways of writing, dates, lengths, states.

Each function answers the value or raises ``BadValue`` with the code of what is wrong; blanks are for the caller.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta
from typing import Any

from registry.domain.kinds import AssetState
from registry.tabular.cells import Formula, as_written, plain
from registry.tabular.faults import BadValue

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_LENGTH = re.compile(r"(.*?)\s*(mm|cm|m|毫米|厘米|公分|米)?", re.IGNORECASE)
_PER_MM = {"mm": 1.0, "毫米": 1.0, "cm": 10.0, "厘米": 10.0, "公分": 10.0, "m": 1000.0, "米": 1000.0}
_HEMISPHERES = {"n": 1, "e": 1, "s": -1, "w": -1, "北纬": 1, "东经": 1, "南纬": -1, "西经": -1, "北": 1, "东": 1}
_HEMISPHERES |= {"南": -1, "西": -1}
_SEXAGESIMAL = re.compile(
    r"([+-]?)(\d{1,3})\s*(?:°|度|d|:|-|\s)\s*(\d{1,2}(?:\.\d+)?)\s*(?:(?:′|'|‘|’|分|m|:|-|\s)\s*"
    r"(?:(\d{1,2}(?:\.\d+)?)\s*(?:″|\"|“|”|''|′′|秒|s)?)?)?",
    re.IGNORECASE,
)
_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2})\s*日?)?(?:[T\s].*)?")
_DAY_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_DIGITS_DAY = re.compile(r"(19|20)\d{6}")
_ERROR_VALUES = frozenset({"#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"})
_FIRST_SERIAL_DAY = datetime(1899, 12, 30)  # noqa: DTZ001 - how spreadsheets count days; no clock is meant

STATES = {
    "完好": AssetState.INTACT,
    "正常": AssetState.INTACT,
    "良好": AssetState.INTACT,
    "在用": AssetState.INTACT,
    "破损": AssetState.DAMAGED,
    "损坏": AssetState.DAMAGED,
    "缺损": AssetState.DAMAGED,
    "丢失": AssetState.LOST,
    "缺失": AssetState.LOST,
    "遗失": AssetState.LOST,
    "废弃": AssetState.ABANDONED,
    "报废": AssetState.ABANDONED,
    "停用": AssetState.ABANDONED,
    **{state.value: state for state in AssetState},
}


def checked(cell: Any) -> Any:
    """The cell, unless it is a formula without its result or an error value."""
    if isinstance(cell, Formula):
        raise BadValue("formula")
    if isinstance(cell, str) and cell in _ERROR_VALUES:
        raise BadValue("error_value")
    return cell


def number(cell: Any) -> float:
    """One number; full-width digits and thousands separators are understood."""
    if isinstance(cell, (float, int)) and not isinstance(cell, bool):  # half the time of a union
        given = float(cell)
    elif isinstance(cell, str) and cell.isascii() and cell.isdigit():
        return float(cell)
    else:
        text = plain(checked(cell)).replace("−", "-")
        if _THOUSANDS.fullmatch(text):
            text = text.replace(",", "")
        if not _NUMBER.fullmatch(text):
            raise BadValue("not_a_number")
        given = float(text)
    if not math.isfinite(given):
        raise BadValue("not_a_number")
    return given


def degrees(cell: Any) -> float:
    """Decimal degrees from decimal degrees or degrees-minutes-seconds: 31°18′36″N, 120-36-36, 东经120度36分."""
    if isinstance(cell, float | int) and not isinstance(cell, bool):
        return number(cell)
    if isinstance(cell, str) and cell.isascii():
        try:
            given = float(cell)  # the way most files write it, and by far the fastest
        except ValueError:
            pass
        else:
            if math.isfinite(given):
                return given
    checked(cell)
    # before narrowing, which would make letters of the two look-alikes of ° (and makes two ′ of ″: the pattern knows)
    text = plain(cell.replace("º", "°").replace("˚", "°") if isinstance(cell, str) else cell)
    text = text.lower().replace("−", "-")
    sign = 1
    for word, meant in _HEMISPHERES.items():
        if text.startswith(word) or text.endswith(word):
            sign = meant
            text = text.removeprefix(word).removesuffix(word).strip(" :,")
            break
    text = text.rstrip("°度")
    if _NUMBER.fullmatch(text):
        return sign * float(text)
    found = _SEXAGESIMAL.fullmatch(text)
    if found is None:
        raise BadValue("not_degrees")
    minus, whole, minutes, seconds = found.groups()
    if float(minutes) >= 60.0 or float(seconds or 0) >= 60.0:
        raise BadValue("not_degrees")
    size = int(whole) + float(minutes) / 60.0 + float(seconds or 0) / 3600.0
    return sign * (-size if minus == "-" else size)


def millimetres(cell: Any, unit: str) -> int:
    """A length in whole millimetres; ``unit`` ("mm", "cm", "m") counts where the cell names none."""
    if isinstance(cell, str):
        found = _LENGTH.fullmatch(plain(checked(cell)))
        text, named = (found.group(1), found.group(2)) if found else (cell, None)
    else:
        text, named = cell, None
    try:
        size = number(text) * _PER_MM[(named or unit).lower()]
    except BadValue as bad:
        raise BadValue("number_of_unit" if bad.code == "not_a_number" else bad.code) from bad
    if not 0 < size <= 50_000:
        raise BadValue("too_large", low="1 mm", high="50000 mm")
    return round(size)


def day(cell: Any) -> str:
    """A day as YYYY-MM-DD; a month alone is its first day. Forms of other orders (17/5/2024) need their day over 12."""
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float | int) and not isinstance(cell, bool) and 20_000 <= cell <= 80_000:
        return (_FIRST_SERIAL_DAY + timedelta(days=int(cell))).date().isoformat()
    text = plain(checked(cell))
    try:
        if found := _DAY.fullmatch(text):
            year, month, of_month = found.groups()
            return date(int(year), int(month), int(of_month or 1)).isoformat()
        if _DIGITS_DAY.fullmatch(text):
            return date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat()
        if found := _DAY_LAST.fullmatch(text):
            one, other, year = (int(part) for part in found.groups())
            # 03/04/2024 can be read in two ways: nobody guesses here
            if (one > 12) != (other > 12) or one == other:
                return date(year, other if one > 12 else one, max(one, other) if one != other else one).isoformat()
    except ValueError as error:
        raise BadValue("not_a_date") from error
    raise BadValue("not_a_date")


def digits(cell: Any) -> str:
    """A code of digits: narrowed, without blanks and dashes; refuses one that a spreadsheet has shortened."""
    if isinstance(cell, float) and abs(cell) >= 1e15:
        raise BadValue("shortened")
    text = plain(checked(cell))
    if "e+" in text.lower() and _NUMBER.fullmatch(text):
        raise BadValue("shortened")
    return text.replace(" ", "").replace("-", "").removesuffix(".0")


def words(cell: Any, most: int) -> str:
    """Text of at most ``most`` characters, as it was typed."""
    text = as_written(checked(cell))
    if len(text) > most:
        raise BadValue("too_long", most=most)
    return text


def state(cell: Any) -> AssetState:
    """One of the four states from the words people use for them."""
    found = STATES.get(plain(checked(cell)).lower())
    if found is None:
        raise BadValue("unknown_state")
    return found
