"""County divisions (县级行政区划, GB/T 2260): what the first six digits of a code name, as far as the list goes.

The list is python-stdnum's and ends at some year: a division it lacks is worth a remark, never a refusal, since
counties are merged and renamed every year and codes outlive them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from stdnum import numdb

# Headings of the list, which are not names of places: under municipalities, and counties right under a province.
_HEADINGS = frozenset({"市辖区", "县"})
_DATED = re.compile(r"\[(\d{4})?-(\d{4})?\](.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """One county-level division. ``ended``: the year in which it was dissolved; None while it stands."""

    code: str
    province: str
    city: str
    name: str
    ended: int | None = None

    @property
    def full_name(self) -> str:
        """As an address begins: 江苏省苏州市姑苏区, without repeating a municipality's name (北京市东城区)."""
        parts = (self.province, self.city, self.name)
        return "".join(part for at, part in enumerate(parts) if part and part not in parts[:at])


@lru_cache(maxsize=4096)
def find_division(code: str) -> Division | None:
    """The county-level division of six digits; None when the list has none (unknown, or of another level)."""
    if len(code) != 6 or not (code.isascii() and code.isdigit()) or code.endswith("00"):
        return None
    province, name, ended = _look_up(code)
    if not name:
        return None
    _, city, _ = _look_up(f"{code[:4]}00")
    heading = city in _HEADINGS or "直辖县级" in city
    return Division(code=code, province=province, city="" if heading else city, name=name, ended=ended)


def _look_up(code: str) -> tuple[str, str, int | None]:
    """Province, the newest name of ``code`` and the year that name ended; empty where the list has none."""
    found: dict[str, str] = {}
    for _, facts in numdb.get("cn/loc").info(code):
        found |= facts
    newest = found.get("county", "").split(",")[-1]
    dated = _DATED.fullmatch(newest)
    if dated is None:
        return found.get("province", ""), newest, None
    return found.get("province", ""), dated[3], int(dated[2]) if dated[2] else None
