"""A city's own class table, loaded from a file: checked as a whole, written as a whole or not at all.

Loading it again gives the classes their new names and adds new ones. A class that is no longer in the file goes, unless
assets carry it or the city added it as an extension: then it stays and the report says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, delete, select

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family
from registry.domain.people import Actor
from registry.services import audit
from registry.services.classes import AssetClass, Scheme, classes_in_use, keep_scheme, put_classes, read_scheme_key
from registry.storage.database import reading, writing
from registry.storage.tables import asset_class, class_scheme
from registry.tabular.class_table import ClassRow, ClassTable, read_class_table
from registry.tabular.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassReport:
    """What loading a class table did, or would do (``written`` False). rows = added + changed + unchanged + rejected.

    ``faults``: (row, fault) of every unusable row; nothing is written while there is one. ``removed`` and ``kept`` are
    codes that the file no longer has; ``guessed`` classes whose family was told by their name.
    """

    scheme: str
    written: bool
    rows: int
    added: Sequence[str]
    changed: Sequence[str]
    unchanged: int
    removed: Sequence[str]
    kept: Sequence[str]
    guessed: Sequence[str]
    faults: Sequence[tuple[int, Fault]]
    columns: Sequence[tuple[str, str]]


def import_class_table(
    engine: Engine, scheme: Scheme, path: Path, *, by: Actor, now: datetime, check_only: bool = False
) -> ClassReport:
    """Load the class table in ``path`` (CSV or XLSX) as ``scheme``; with ``check_only`` say what would happen.

    Raises ``InvalidInput`` for a shipped scheme's key, names that don't fit, and a file that is no class table.
    """
    wanted = _checked(scheme)
    table = read_class_table(path)
    if check_only:
        with reading(engine) as tx:
            return _plan(tx, wanted.key, table).report(wanted.key, table, written=False)
    with writing(engine) as tx:
        plan = _plan(tx, wanted.key, table)
        if plan.faults:
            return plan.report(wanted.key, table, written=False)
        keep_scheme(tx, wanted, now=now)
        put_classes(tx, plan.fresh, plan.changed)
        if plan.removed:
            tx.execute(
                delete(asset_class).where(asset_class.c.scheme == wanted.key, asset_class.c.code.in_(plan.removed))
            )
        report = plan.report(wanted.key, table, written=True)
        audit.record(
            tx,
            by=by,
            action="class.import",
            subject=f"scheme:{wanted.key}",
            detail={
                "file": path.name,
                "added": len(report.added),
                "changed": len(report.changed),
                "removed": len(report.removed),
                "kept": len(report.kept),
            },
            now=now,
        )
    return report


def _checked(scheme: Scheme) -> Scheme:
    name_zh, name_en, note = scheme.name_zh.strip(), scheme.name_en.strip(), scheme.note.strip()
    if not name_zh:
        raise InvalidInput("name_zh", "the class table needs a Chinese name")
    for field, text in (("name_zh", name_zh), ("name_en", name_en)):
        if len(text) > 80:
            raise InvalidInput(field, "is longer than 80 characters; shorten it")
    if len(note) > 2_000:
        raise InvalidInput("note", "is longer than 2000 characters; shorten it")
    key = read_scheme_key(scheme.key)
    return Scheme(key=key, name_zh=name_zh, name_en=name_en, note=note, complete=scheme.complete)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    fresh: list[AssetClass]
    changed: list[AssetClass]
    unchanged: int
    removed: list[str]
    kept: list[str]
    faults: list[tuple[int, Fault]]

    def report(self, key: str, table: ClassTable, *, written: bool) -> ClassReport:
        return ClassReport(
            scheme=key,
            written=written,
            rows=len(self.fresh) + len(self.changed) + self.unchanged + len(self.faults),
            added=[each.code for each in self.fresh],
            changed=[each.code for each in self.changed],
            unchanged=self.unchanged,
            removed=self.removed,
            kept=self.kept,
            guessed=[each.code for each in table.classes if each.guessed],
            faults=self.faults,
            columns=list(table.columns.items()),
        )


def _plan(tx: Connection, key: str, table: ClassTable) -> _Plan:
    """What the file means for the table on file. Raises ``InvalidInput`` for a shipped table."""
    if tx.execute(select(class_scheme.c.shipped).where(class_scheme.c.key == key)).scalar():
        raise InvalidInput(
            "scheme", "{given} is a shipped table and stays as it is; choose another key for your own", given=key
        )
    rows = tx.execute(select(asset_class).where(asset_class.c.scheme == key)).all()
    there = {row.code: row for row in rows}
    used = classes_in_use(tx, key) if there else set()
    fresh, changed, unchanged = [], [], 0
    faults = list(table.faults)
    for each in table.classes:
        row = there.get(each.code)
        if row is None:
            fresh.append(_class_of(key, each, each.family))
            continue
        family = Family(row.family) if each.guessed else each.family
        if family.value != row.family and each.code in used:
            args = {"is_now": row.family, "wanted": family.value}
            faults.append((each.row, Fault(table.columns["family"], family.value, "family_in_use", args)))
        elif (row.name_zh, row.name_en, row.family) == (each.name_zh, each.name_en, family.value):
            unchanged += 1
        else:
            changed.append(_class_of(key, each, family))
    gone = sorted(set(there) - {each.code for each in table.classes})
    kept = [code for code in gone if code in used or there[code].extension]
    return _Plan(
        fresh=fresh,
        changed=changed,
        unchanged=unchanged,
        removed=[code for code in gone if code not in kept],
        kept=kept,
        faults=sorted(faults, key=lambda each: each[0]),
    )


def _class_of(key: str, each: ClassRow, family: Family) -> AssetClass:
    return AssetClass(scheme=key, code=each.code, name_zh=each.name_zh, name_en=each.name_en, family=family)
