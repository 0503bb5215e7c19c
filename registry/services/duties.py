"""The duty list (权责清单): its lines, and applying them to assets whose parties nobody has named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, and_, bindparam, delete, func, insert, or_, select, update

from registry.domain.areas import read_area_path
from registry.domain.duties import DutyBook, DutyLine, Subject
from registry.domain.errors import InvalidInput, NotFound
from registry.domain.kinds import Family, Party
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services import asset_changes, audit, revisions
from registry.services.place_jobs import JobView, Step
from registry.storage.database import reading, writing
from registry.storage.tables import area, asset, asset_class, duty, unit

BATCH = 5_000

ACTION = "duty"
"""The word of the asset's history for parties taken from the duty list."""

PARTY_COLUMNS: Mapping[Party, str] = {
    Party.SUPERVISOR: "supervisor_unit_id",
    Party.OWNER: "owner_unit_id",
    Party.MAINTAINER: "maintainer_unit_id",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDuty:
    """A line: this unit is the ``party`` for this class, or family, or anything, in this area or the whole city."""

    party: Party
    unit_id: int
    area_code: str = ""
    family: str = ""
    scheme: str = ""
    class_code: str = ""


def set_duty(engine: Engine, new: NewDuty, *, by: Actor, now: datetime) -> int:
    """Write a line; one for the same party, class and area is replaced. Its id.

    Raises ``InvalidInput`` naming the field, ``OutsideArea`` for an area that is not the actor's.
    """
    with writing(engine) as tx:
        duty_id = _set(tx, new, by=by, now=now)
        audit.record(tx, by=by, action="duty.set", subject=f"duty:{duty_id}", detail=_told(new), now=now)
    return duty_id


def set_duties(engine: Engine, lines: Iterable[NewDuty], *, by: Actor, now: datetime) -> int:
    """``set_duty`` for many lines in one transaction: all or none. How many."""
    with writing(engine) as tx:
        count = len([_set(tx, new, by=by, now=now) for new in lines])
        audit.record(tx, by=by, action="duty.import", subject="duties", detail={"lines": count}, now=now)
    return count


def remove_duty(engine: Engine, duty_id: int, *, by: Actor, now: datetime) -> None:
    """Take a line out; parties that assets have got by it stay. Raises ``NotFound``, ``OutsideArea``."""
    with writing(engine) as tx:
        row = tx.execute(select(duty).where(duty.c.id == duty_id)).mappings().first()
        if row is None:
            raise NotFound("duty", duty_id)
        check_area(by, row["area_code"])
        tx.execute(delete(duty).where(duty.c.id == duty_id))
        detail = {name: row[name] for name in ("party", "area_code", "family", "scheme", "class_code", "unit_id")}
        audit.record(tx, by=by, action="duty.remove", subject=f"duty:{duty_id}", detail=detail, now=now)


def duty_book(tx: Connection) -> DutyBook:
    """Every line, and every area's own unit, ready to be asked."""
    lines = [
        DutyLine(
            party=Party(row.party),
            unit_id=row.unit_id,
            area_code=row.area_code,
            family=row.family,
            scheme=row.scheme,
            class_code=row.class_code,
        )
        for row in tx.execute(select(duty))
    ]
    territories = select(area.c.code, area.c.unit_id).where(area.c.unit_id.is_not(None), area.c.ended_on.is_(None))
    return DutyBook.of(lines, {code: unit_id for code, unit_id in tx.execute(territories) if unit_id is not None})


def book_of(engine: Engine) -> DutyBook:
    """``duty_book`` in a look of its own."""
    with reading(engine) as tx:
        return duty_book(tx)


def count_applicable(tx: Connection, *, scope: str = "") -> dict[Party, int]:
    """How many assets lack a party that the list could name; only those in ``scope``. One grouped scan."""
    book = duty_book(tx)
    missing = [asset.c[column].is_(None).label(party.value) for party, column in PARTY_COLUMNS.items()]
    group = [asset.c.scheme, asset.c.class_code, asset.c.family, asset.c.area_code, *missing]
    query = select(*group, func.count().label("assets")).where(asset.c.merged_into_id.is_(None)).group_by(*group)
    if scope:
        query = query.where(asset.c.area_code.startswith(scope))
    counts: Counter[Party] = Counter()
    for row in tx.execute(query):
        subject = Subject(scheme=row.scheme, class_code=row.class_code, family=row.family, area_code=row.area_code)
        for party in Party:
            if getattr(row, party.value) and book.answer(party, subject) is not None:
                counts[party] += row.assets
    return {party: counts[party] for party in Party}


def apply_batch(tx: Connection, job: JobView, after_id: int, *, now: datetime) -> Step:
    """Name the parties that the next assets lack, from the duty list. Counts: one per party.

    The job's setting ``scope`` (an area code) narrows it. A party that somebody has named is never changed.
    """
    scope = str(job.settings.get("scope", ""))
    lacking = or_(*(asset.c[column].is_(None) for column in PARTY_COLUMNS.values()))
    span = select(asset.c.id).where(asset.c.id > after_id).order_by(asset.c.id).limit(BATCH)
    ids = tx.execute(span).scalars().all()
    if not ids:
        return Step(next_id=None, seen=0, changed=0)
    query = select(asset).where(
        asset.c.id.between(ids[0], ids[-1]),
        asset.c.merged_into_id.is_(None),
        and_(lacking, asset.c.area_code.startswith(scope)) if scope else lacking,
    )
    book = duty_book(tx)
    counts: Counter[str] = Counter()
    changes: list[tuple[int, dict[Party, int]]] = []
    for row in tx.execute(query).mappings():
        subject = Subject(
            scheme=row["scheme"], class_code=row["class_code"], family=row["family"], area_code=row["area_code"]
        )
        named = {
            party: answer.unit_id
            for party, answer in book.parties_of(subject).items()
            if row[PARTY_COLUMNS[party]] is None
        }
        if named:
            changes.append((row["id"], named))
            counts.update(party.value for party in named)
    _write(tx, changes, by=job.created_by, now=now)
    last = ids[-1] if len(ids) == BATCH else None
    return Step(next_id=last, seen=len(ids), changed=len(changes), counts=counts)


def _write(tx: Connection, changes: list[tuple[int, dict[Party, int]]], *, by: int | None, now: datetime) -> None:
    if not changes:
        return
    columns = {
        column: func.coalesce(asset.c[column], bindparam(f"new_{party.value}"))
        for party, column in PARTY_COLUMNS.items()
    }
    tx.execute(
        update(asset)
        .where(asset.c.id == bindparam("asset_id"))
        .values(**columns, version=asset.c.version + 1, updated_at=now),
        [
            {"asset_id": asset_id, **{f"new_{party.value}": named.get(party) for party in Party}}
            for asset_id, named in changes
        ],
    )
    rows = [
        asset_changes.ChangeRow(
            asset_id=asset_id,
            action=ACTION,
            changes={PARTY_COLUMNS[party]: [None, unit_id] for party, unit_id in named.items()},
            by=by,
            now=now,
        )
        for asset_id, named in changes
    ]
    asset_changes.record_many(tx, rows)
    revisions.bump(tx, revisions.DIRECTORY)


def _set(tx: Connection, new: NewDuty, *, by: Actor, now: datetime) -> int:
    checked = _checked(tx, new)
    check_area(by, checked.area_code)
    key = {
        "party": checked.party.value,
        "area_code": checked.area_code,
        "family": checked.family,
        "scheme": checked.scheme,
        "class_code": checked.class_code,
    }
    same = and_(*(duty.c[name] == value for name, value in key.items()))
    there = tx.execute(select(duty.c.id).where(same)).scalar()
    if there is not None:
        tx.execute(update(duty).where(duty.c.id == there).values(unit_id=checked.unit_id, updated_at=now))
        return int(there)
    added = insert(duty).values(**key, unit_id=checked.unit_id, updated_at=now).returning(duty.c.id)
    return int(tx.execute(added).scalar_one())


def _checked(tx: Connection, new: NewDuty) -> NewDuty:
    code = read_area_path(new.area_code)
    if tx.execute(select(unit.c.id).where(unit.c.id == new.unit_id)).first() is None:
        raise InvalidInput("unit_id", "names no unit that is on file; choose one of the list")
    family = new.family.strip()
    if family and family not in set(Family):
        raise InvalidInput(
            "family", "{given!r} must be one of {known}, or empty", given=family[:20], known=", ".join(Family)
        )
    scheme, class_code = new.scheme.strip(), new.class_code.strip()
    if not class_code:
        return NewDuty(party=new.party, unit_id=new.unit_id, area_code=code, family=family)
    known = tx.execute(
        select(asset_class.c.code).where(asset_class.c.scheme == scheme, asset_class.c.code == class_code)
    ).first()
    if known is None:
        raise InvalidInput(
            "class_code", "{given!r} is no class of the table {scheme!r}", given=class_code[:10], scheme=scheme[:30]
        )
    return NewDuty(party=new.party, unit_id=new.unit_id, area_code=code, scheme=scheme, class_code=class_code)


def _told(new: NewDuty) -> dict[str, Any]:
    return {
        "party": new.party.value,
        "unit_id": new.unit_id,
        "area_code": new.area_code,
        "family": new.family,
        "class_code": new.class_code,
    }
