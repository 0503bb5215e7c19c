"""The class tables (部件分类): which four digits mean what, per coding scheme. Shipped as CSV, kept in ``asset_class``.

A city may load its own table beside the shipped ones. A class that assets carry is never removed here.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

from sqlalchemy import Connection, bindparam, insert, select, update

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family
from registry.storage.tables import asset_class

CJT214_2007 = "cjt214-2007"
GBT30428_2013 = "gbt30428-2013"
SHIPPED_SCHEMES = (CJT214_2007, GBT30428_2013)

_COLUMNS = {"code", "name_zh", "name_en", "family"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetClass:
    """One minor class of one scheme: four digits, its names, and the family its rules are written for."""

    scheme: str
    code: str
    name_zh: str
    name_en: str
    family: Family


def load_classes(tx: Connection) -> int:
    """Put every shipped class table into the records; returns how many there are. Repeatable."""
    tables = files("registry") / "data"
    return sum(
        load_class_table(tx, scheme, (tables / f"{scheme}.csv").read_text(encoding="utf-8"))
        for scheme in SHIPPED_SCHEMES
    )


def load_class_table(tx: Connection, scheme: str, table: str) -> int:
    """Load one class table from CSV text (columns code, name_zh, name_en, family); returns the number of classes.

    Classes that exist already get the new names. Raises ``InvalidInput`` with the first unusable line, before writing.
    """
    classes = list(_read(scheme, table))
    there = set(tx.execute(select(asset_class.c.code).where(asset_class.c.scheme == scheme)).scalars())
    fresh = [_row(each) for each in classes if each.code not in there]
    known = [{f"b_{key}": value for key, value in _row(each).items()} for each in classes if each.code in there]
    if fresh:
        tx.execute(insert(asset_class), fresh)
    if known:
        tx.execute(
            update(asset_class)
            .where(asset_class.c.scheme == bindparam("b_scheme"), asset_class.c.code == bindparam("b_code"))
            .values(name_zh=bindparam("b_name_zh"), name_en=bindparam("b_name_en"), family=bindparam("b_family")),
            known,
        )
    return len(classes)


def _row(each: AssetClass) -> dict[str, str]:
    return {
        "scheme": each.scheme,
        "code": each.code,
        "name_zh": each.name_zh,
        "name_en": each.name_en,
        "family": each.family.value,
    }


def find_class(tx: Connection, scheme: str, code: str) -> AssetClass:
    """The class ``code`` of ``scheme``; raises ``InvalidInput`` when the loaded tables don't have it."""
    row = tx.execute(select(asset_class).where(asset_class.c.scheme == scheme, asset_class.c.code == code)).first()
    if row is None:
        raise InvalidInput("class_code", f"{code!r} is not in the class table {scheme!r}; load the table or correct it")
    return AssetClass(
        scheme=row.scheme, code=row.code, name_zh=row.name_zh, name_en=row.name_en, family=Family(row.family)
    )


def _read(scheme: str, table: str) -> Iterator[AssetClass]:
    reader = csv.DictReader(io.StringIO(table), restval="")
    missing = _COLUMNS - set(reader.fieldnames or ())
    if missing:
        raise InvalidInput(
            "class_table", f"column {', '.join(sorted(missing))} is missing; the first line names columns"
        )
    seen: set[str] = set()
    for line, row in enumerate(reader, start=2):
        code, family = row["code"].strip(), row["family"].strip()
        if len(code) != 4 or not (code.isascii() and code.isdigit()):
            raise InvalidInput("code", f"line {line}: {code!r} must be four digits (major and minor class)")
        if code in seen:
            raise InvalidInput("code", f"line {line}: {code} stands twice; remove one")
        if family not in set(Family):
            raise InvalidInput("family", f"line {line}: {family!r} must be one of {', '.join(Family)}")
        if not row["name_zh"].strip():
            raise InvalidInput("name_zh", f"line {line}: the class needs a Chinese name")
        seen.add(code)
        yield AssetClass(
            scheme=scheme,
            code=code,
            name_zh=row["name_zh"].strip(),
            name_en=row["name_en"].strip(),
            family=Family(family),
        )
