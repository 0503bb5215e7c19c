"""The class tables (部件分类): which four digits mean what, per coding scheme. Shipped as CSV, kept in ``asset_class``.

A city loads its own table beside the shipped ones (``registry.services.class_import``) and adds classes of its own to
any table. A class that assets carry is never removed.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, func, insert, select, update

from registry.domain.codes import EXTENSION_MAJOR, next_extension, read_class_code
from registry.domain.errors import InvalidInput, NotFound
from registry.domain.kinds import Family
from registry.domain.people import Actor
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import asset, asset_class, class_scheme, duty

CJT214_2007 = "cjt214-2007"
GBT30428_2013 = "gbt30428-2013"
LONGEST_ZH, LONGEST_EN = 60, 80

_KEY = re.compile(r"[a-z0-9][a-z0-9._-]{1,29}")
_SHIPPED_AT = datetime(2026, 11, 22, tzinfo=UTC)
"""When the shipped tables were last edited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """A coding scheme: its key, which every asset carries, and its names. ``complete``: nothing is known to miss."""

    key: str
    name_zh: str
    name_en: str = ""
    note: str = ""
    shipped: bool = False
    complete: bool = True


SHIPPED_SCHEMES = (
    Scheme(
        key=CJT214_2007,
        name_zh="CJ/T 214-2007 城市市政综合监管信息系统 管理部件和事件分类、编码及数据要求",
        name_en="CJ/T 214-2007 components and events",
        note="大类 01 至 06 完整；大类 21 为各市扩展部件。 Majors 01 to 06 are complete; major 21 is each city's own.",
        shipped=True,
    ),
    Scheme(
        key=GBT30428_2013,
        name_zh="GB/T 30428.2-2013 数字化城市管理信息系统 第2部分：管理部件和事件",
        name_en="GB/T 30428.2-2013 components and events",
        note="仅含已公开的小类；缺少的可用城市自有分类表补全。 Only the classes that cities published; "
        "load your city's table for the others.",
        shipped=True,
        complete=False,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetClass:
    """One minor class of one scheme: four digits, its names, and the family its rules are written for."""

    scheme: str
    code: str
    name_zh: str
    name_en: str
    family: Family
    extension: bool = False


def load_classes(tx: Connection) -> int:
    """Put every shipped scheme and its classes into the records; returns how many classes there are. Repeatable."""
    tables = files("registry") / "data"
    count = 0
    for scheme in SHIPPED_SCHEMES:
        keep_scheme(tx, scheme, now=_SHIPPED_AT)
        table = (tables / f"{scheme.key}.csv").read_text(encoding="utf-8")
        classes = [
            AssetClass(
                scheme=scheme.key,
                code=read_class_code(row["code"]),
                name_zh=row["name_zh"],
                name_en=row["name_en"],
                family=Family(row["family"]),
            )
            for row in csv.DictReader(io.StringIO(table))
        ]
        there = set(tx.execute(select(asset_class.c.code).where(asset_class.c.scheme == scheme.key)).scalars())
        put_classes(tx, [each for each in classes if each.code not in there], [])
        put_classes(tx, [], [each for each in classes if each.code in there])
        count += len(classes)
    return count


def keep_scheme(tx: Connection, scheme: Scheme, *, now: datetime) -> None:
    """Insert ``scheme``, or give the one of its key its names and note."""
    values: dict[str, Any] = {
        "name_zh": scheme.name_zh,
        "name_en": scheme.name_en,
        "note": scheme.note,
        "shipped": scheme.shipped,
        "complete": scheme.complete,
        "updated_at": now,
    }
    if tx.execute(update(class_scheme).where(class_scheme.c.key == scheme.key).values(values)).rowcount == 0:
        tx.execute(insert(class_scheme).values(key=scheme.key, **values))


def put_classes(tx: Connection, fresh: list[AssetClass], known: list[AssetClass]) -> None:
    """Insert ``fresh`` classes and give ``known`` ones their names and family."""
    if fresh:
        tx.execute(insert(asset_class), [_row(each) for each in fresh])
    if known:
        tx.execute(
            update(asset_class)
            .where(asset_class.c.scheme == bindparam("b_scheme"), asset_class.c.code == bindparam("b_code"))
            .values(name_zh=bindparam("b_name_zh"), name_en=bindparam("b_name_en"), family=bindparam("b_family")),
            [{f"b_{key}": value for key, value in _row(each).items() if key != "extension"} for each in known],
        )


def _row(each: AssetClass) -> dict[str, Any]:
    return {
        "scheme": each.scheme,
        "code": each.code,
        "name_zh": each.name_zh,
        "name_en": each.name_en,
        "family": each.family.value,
        "extension": each.extension,
    }


def find_class(tx: Connection, scheme: str, code: str) -> AssetClass:
    """The class ``code`` of ``scheme``; raises ``InvalidInput`` when the loaded tables don't have it."""
    row = tx.execute(select(asset_class).where(asset_class.c.scheme == scheme, asset_class.c.code == code)).first()
    if row is None:
        raise InvalidInput(
            "class_code",
            "{given!r} is not in the class table {scheme!r}; load the table or correct it",
            given=code,
            scheme=scheme,
        )
    return AssetClass(
        scheme=row.scheme,
        code=row.code,
        name_zh=row.name_zh,
        name_en=row.name_en,
        family=Family(row.family),
        extension=row.extension,
    )


def find_scheme(tx: Connection, key: str) -> Scheme:
    """The scheme of that key. Raises ``NotFound``."""
    row = tx.execute(select(class_scheme).where(class_scheme.c.key == key)).first()
    if row is None:
        raise NotFound("class table", key)
    return Scheme(
        key=row.key,
        name_zh=row.name_zh,
        name_en=row.name_en,
        note=row.note,
        shipped=row.shipped,
        complete=row.complete,
    )


def read_scheme_key(text: str) -> str:
    """A scheme's key: small letters, digits, dots and hyphens, e.g. ``suzhou-2026``."""
    key = text.strip().lower()
    if not _KEY.fullmatch(key):
        raise InvalidInput(
            "scheme", "{given!r} must be 2 to 30 small letters, digits, - or ., e.g. suzhou-2026", given=text[:40]
        )
    return key


def propose_extension_code(tx: Connection, scheme: str, major: str = "") -> str:
    """The number the city's next own class of ``scheme`` should get.

    The layout of 2007 puts them into major class 21; the others count the minor classes of ``major`` down from 99.
    Numbers whose serials were issued once are passed over. Raises ``NotFound`` and ``InvalidInput``.
    """
    find_scheme(tx, scheme)
    if scheme == CJT214_2007 and major not in ("", EXTENSION_MAJOR):
        raise InvalidInput(
            "major",
            "{given} keeps a city's own classes in major class {own}, not {major}",
            given=scheme,
            own=EXTENSION_MAJOR,
            major=major,
        )
    if scheme == GBT30428_2013 and not major:
        raise InvalidInput("major", "choose the major class (01 to 05) that the new class belongs to")
    taken = select(asset_class.c.code).where(asset_class.c.scheme == scheme)
    return next_extension(set(tx.execute(taken).scalars()), major or EXTENSION_MAJOR)


def add_extension_class(
    engine: Engine,
    scheme: str,
    *,
    name_zh: str,
    family: Family,
    major: str = "",
    name_en: str = "",
    by: Actor,
    now: datetime,
) -> AssetClass:
    """Add a class of the city's own to a scheme, under the number that ``propose_extension_code`` gives.

    Raises ``NotFound`` for the scheme and ``InvalidInput`` by field, also for a name the scheme has already.
    """
    name_zh, name_en = name_zh.strip(), name_en.strip()
    for field, text, most in (("name_zh", name_zh, LONGEST_ZH), ("name_en", name_en, LONGEST_EN)):
        if len(text) > most:
            raise InvalidInput(field, "is longer than {most} characters; shorten it", most=most)
    if not name_zh:
        raise InvalidInput("name_zh", "the class needs a Chinese name")
    with writing(engine) as tx:
        code = propose_extension_code(tx, scheme, major)
        same = select(asset_class.c.code).where(asset_class.c.scheme == scheme, asset_class.c.name_zh == name_zh)
        held = tx.execute(same).scalar()
        if held is not None:
            raise InvalidInput(
                "name_zh", "{given} is class {held} of {scheme} already", given=name_zh, held=held, scheme=scheme
            )
        made = AssetClass(scheme=scheme, code=code, name_zh=name_zh, name_en=name_en, family=family, extension=True)
        put_classes(tx, [made], [])
        tx.execute(update(class_scheme).where(class_scheme.c.key == scheme).values(updated_at=now))
        detail = {"code": code, "name_zh": name_zh, "family": family.value}
        audit.record(tx, by=by, action="class.add", subject=f"scheme:{scheme}", detail=detail, now=now)
    return made


def classes_in_use(tx: Connection, scheme: str) -> set[str]:
    """The class codes of ``scheme`` that assets or duties carry; reads every asset of the scheme once."""
    of_assets = select(asset.c.class_code).where(asset.c.scheme == scheme).distinct()
    of_duties = select(duty.c.class_code).where(duty.c.scheme == scheme, func.length(duty.c.class_code) == 4)
    return {*tx.execute(of_assets).scalars(), *tx.execute(of_duties).scalars()}
