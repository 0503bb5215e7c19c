"""The dispatch table (派遣规则): its lines, written one by one or as a whole file. Every change is audited."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, and_, delete, insert, select, update

from registry.domain.areas import read_area_path
from registry.domain.dispatch_table import Applies, DispatchLine, DispatchTable, Whom
from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.kinds import Family
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services import audit, revisions
from registry.services.standard import standard_in_force
from registry.storage.database import writing
from registry.storage.tables import asset_class, dispatch_line, unit

REVISION = "dispatch"
"""Raised with every change of the table: the worker looks again at what it left to people."""

MOST_GRADE = 20
_KEY = ("applies", "kind", "family", "scheme", "class_code", "area_code", "grade")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLine:
    """A line of the dispatch table; empty fields mean any, ``unit_id`` None the unit that the records name."""

    applies: Applies = Applies.ALWAYS
    kind: str = ""
    family: str = ""
    scheme: str = ""
    class_code: str = ""
    area_code: str = ""
    grade: str = ""
    unit_id: int | None = None
    whom: Whom = Whom.BEST
    automatic: bool = False


def dispatch_table(tx: Connection) -> DispatchTable:
    """Every line, ready to be asked."""
    return DispatchTable.of(
        DispatchLine(
            id=row.id,
            applies=Applies(row.applies),
            kind=row.kind,
            family=row.family,
            scheme=row.scheme,
            class_code=row.class_code,
            area_code=row.area_code,
            grade=row.grade,
            unit_id=row.unit_id,
            whom=Whom(row.whom),
            automatic=row.automatic,
        )
        for row in tx.execute(select(dispatch_line))
    )


def set_line(engine: Engine, new: NewLine, *, by: Actor, now: datetime) -> int:
    """Write a line; one for the same case, thing, area and grade is replaced. Its id.

    Raises ``InvalidInput`` naming the field, ``OutsideArea`` for an area that is not the actor's.
    """
    with writing(engine) as tx:
        line_id = _set(tx, new, by=by, now=now)
        _record(tx, "dispatch_line.set", f"dispatch_line:{line_id}", _told(new), by, now)
    return line_id


def set_lines(engine: Engine, lines: Iterable[NewLine], *, by: Actor, now: datetime) -> int:
    """``set_line`` for many lines in one transaction: all or none. How many."""
    with writing(engine) as tx:
        count = len([_set(tx, new, by=by, now=now) for new in lines])
        _record(tx, "dispatch_line.import", "dispatch_lines", {"lines": count}, by, now)
    return count


def switch_automatic(
    engine: Engine, line_id: int, automatic: bool, *, expected_version: int, by: Actor, now: datetime
) -> None:
    """Let the worker decide by this line, or have people say so again.

    Raises ``NotFound``, ``OutsideArea``, and ``Conflict`` when somebody changed the line meanwhile.
    """
    with writing(engine) as tx:
        row = _own(tx, line_id, by)
        changed = tx.execute(
            update(dispatch_line)
            .where(dispatch_line.c.id == line_id, dispatch_line.c.version == expected_version)
            .values(automatic=automatic, version=expected_version + 1, updated_at=now)
        )
        if changed.rowcount != 1:
            raise Conflict("somebody changed this line meanwhile. Load the table again and decide anew")
        told = _told(row) | {"automatic": automatic}
        _record(tx, "dispatch_line.set", f"dispatch_line:{line_id}", told, by, now)


def remove_line(engine: Engine, line_id: int, *, by: Actor, now: datetime) -> NewLine:
    """Take a line out; the line, so that it can be put back. Raises ``NotFound``, ``OutsideArea``."""
    with writing(engine) as tx:
        row = _own(tx, line_id, by)
        tx.execute(delete(dispatch_line).where(dispatch_line.c.id == line_id))
        _record(tx, "dispatch_line.remove", f"dispatch_line:{line_id}", _told(row), by, now)
    return row


def _own(tx: Connection, line_id: int, by: Actor) -> NewLine:
    row = tx.execute(select(dispatch_line).where(dispatch_line.c.id == line_id)).mappings().first()
    if row is None:
        raise NotFound("dispatch line", line_id)
    check_area(by, row["area_code"])
    kept = {name: row[name] for name in (*_KEY, "unit_id", "automatic")}
    return NewLine(**kept | {"applies": Applies(row["applies"]), "whom": Whom(row["whom"])})


def _set(tx: Connection, new: NewLine, *, by: Actor, now: datetime) -> int:
    checked = _checked(tx, new)
    check_area(by, checked.area_code)
    row = asdict(checked)
    same = and_(*(dispatch_line.c[name] == row[name] for name in _KEY))
    there = tx.execute(select(dispatch_line.c.id).where(same)).scalar()
    if there is None:
        return int(
            tx.execute(insert(dispatch_line).values(**row, updated_at=now).returning(dispatch_line.c.id)).scalar_one()
        )
    values = {name: value for name, value in row.items() if name not in _KEY}
    tx.execute(
        update(dispatch_line)
        .where(dispatch_line.c.id == there)
        .values(**values, version=dispatch_line.c.version + 1, updated_at=now)
    )
    return int(there)


def _checked(tx: Connection, new: NewLine) -> NewLine:
    if new.kind:
        standard_in_force(tx).line(new.kind)
    if new.family and new.family not in set(Family):
        raise InvalidInput(
            "family", "{given!r} must be one of {known}, or empty", given=new.family[:20], known=", ".join(Family)
        )
    if new.unit_id is not None and tx.scalar(select(unit.c.id).where(unit.c.id == new.unit_id)) is None:
        raise InvalidInput("unit_id", "names no unit that is on file; choose one of the list")
    if new.unit_id is None and new.applies is Applies.OWNERLESS:
        raise InvalidInput("unit_id", "a fallback needs a unit that it falls back to; choose one of the list")
    grade = new.grade.strip()
    if len(grade) > MOST_GRADE:
        raise InvalidInput("grade", "is longer than {most} characters; shorten it", most=MOST_GRADE)
    new = replace(new, area_code=read_area_path(new.area_code), grade=grade)
    if not new.class_code:
        return replace(new, scheme="")
    known = and_(asset_class.c.scheme == new.scheme, asset_class.c.code == new.class_code)
    if tx.scalar(select(asset_class.c.code).where(known)) is None:
        raise InvalidInput(
            "class_code",
            "{given!r} is no class of the table {scheme!r}",
            given=new.class_code[:10],
            scheme=new.scheme[:30],
        )
    return replace(new, family="")


def _record(tx: Connection, action: str, subject: str, detail: dict[str, Any], by: Actor, now: datetime) -> None:
    audit.record(tx, by=by, action=action, subject=subject, detail=detail, now=now)
    revisions.bump(tx, REVISION)


def _told(new: NewLine) -> dict[str, Any]:
    return {name: value for name, value in asdict(new).items() if value not in ("", None)}
