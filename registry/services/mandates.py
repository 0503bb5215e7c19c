"""Tasks from above (上级交办): lists taken in, tasks assigned, done with proof, struck off by another person."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import Role, Severity, Source, Stage
from registry.domain.mandates import MANDATE_MOVES, MandateMove, MandateState, check_mandate_move
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services import audit
from registry.services.case_opening import Opened, open_or_attach
from registry.services.mandate_files import MandateLine, RowProblem, read_mandates
from registry.storage.database import reading, writing
from registry.storage.tables import asset, case, mandate, mandate_entry, mandate_list, photo, unit, user

MOST_PROOF = 2000
MOST_PHOTOS = 9
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class NewList:
    """A list as it came: what it is called, who issued it, when it was received."""

    name: str
    issued_by: str
    received_on: date
    file_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a file holds: tasks that can be taken in, rows that can't, and units or assets that are not on file."""

    lines: list[MandateLine]
    problems: list[RowProblem]
    unknown_units: list[str]
    unknown_codes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateChange:
    """Who does a task until when."""

    unit_id: int | None = None
    owner_id: int | None = None
    owner: str = ""
    due_on: date | None = None


def check_file(engine: Engine, path: Path) -> Checked:
    """Look at a file without keeping anything (dry run). Raises ``InvalidInput`` for a file that can't be read."""
    lines, problems = read_mandates(path)
    with reading(engine) as tx:
        units, codes = _units_of(tx, lines), _assets_of(tx, lines)
    unknown_units = sorted({line.unit for line in lines if line.unit and line.unit not in units})
    unknown_codes = sorted({line.code for line in lines if line.code and line.code not in codes})
    return Checked(lines=lines, problems=problems, unknown_units=unknown_units, unknown_codes=unknown_codes)


def import_list(engine: Engine, path: Path, new: NewList, *, by: Actor, now: datetime) -> tuple[int, int]:
    """Take in the tasks of a file: all of them, or none when a row is wrong. The list's id and how many tasks.

    A unit that is not on file leaves its task unassigned, with the name kept as the owner. Raises ``InvalidInput``
    (``file`` names the first wrong row), ``Conflict`` for a file that was taken in already.
    """
    name, issued_by = new.name.strip(), new.issued_by.strip()
    for field, text, most in (("name", name, 120), ("issued_by", issued_by, 80)):
        if len(text) > most:
            raise InvalidInput(field, "is longer than {most} characters; shorten it", most=most)
    if not name:
        raise InvalidInput("name", "a list needs a name, such as 省督查反馈问题（第三批）")
    lines, problems = read_mandates(path)
    if problems:
        first = problems[0]
        raise InvalidInput(
            "file", "row {row}: {field}: {why}", row=first.row, field=first.field, why=first.error.problem
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with writing(engine) as tx:
        there = tx.execute(select(mandate_list.c.name).where(mandate_list.c.sha256 == digest)).scalar()
        if there is not None:
            raise Conflict(f"this file was taken in already, as {there!r}")
        values = {
            "name": name,
            "issued_by": issued_by,
            "received_on": new.received_on.isoformat(),
            "file_name": new.file_name[:200],
            "sha256": digest,
            "created_by": by.user_id,
            "created_at": now,
        }
        list_id = int(tx.execute(insert(mandate_list).values(values).returning(mandate_list.c.id)).scalar_one())
        _take_in(tx, list_id, lines)
        detail = {"name": name, "tasks": len(lines)}
        audit.record(tx, by=by, action="mandate.import", subject=f"mandate_list:{list_id}", detail=detail, now=now)
    return list_id, len(lines)


def assign(
    engine: Engine, mandate_id: int, change: MandateChange, *, by: Actor, now: datetime, version: int | None = None
) -> None:
    """Say who does a task until when. Raises ``NotFound``, ``InvalidInput``, ``Conflict``, ``InvalidMove`` (struck)."""
    with writing(engine) as tx:
        row = _load(tx, mandate_id, version)
        if row.state == MandateState.STRUCK.value:
            raise InvalidMove(f"task {row.number} is struck off; open it again first")
        unit_id = change.unit_id
        if change.owner_id is not None:
            person = tx.execute(select(user.c.active, user.c.unit_id).where(user.c.id == change.owner_id)).one_or_none()
            if person is None or not person.active:
                raise InvalidInput("user_id", "names no account that is open; choose one of the list")
            unit_id = person.unit_id if unit_id is None else unit_id
        if unit_id is not None and tx.scalar(select(unit.c.id).where(unit.c.id == unit_id)) is None:
            raise InvalidInput("unit_id", "names no unit that is on file; choose one of the list")
        values: dict[str, Any] = {
            "unit_id": unit_id,
            "owner_id": change.owner_id,
            "owner": change.owner.strip()[:80],
            "due_on": None if change.due_on is None else change.due_on.isoformat(),
        }
        _save(tx, row, values)
        audit.record(tx, by=by, action="mandate.assign", subject=f"mandate:{mandate_id}", detail=values, now=now)


def move_mandate(
    engine: Engine,
    mandate_id: int,
    move: MandateMove,
    *,
    by: Actor,
    now: datetime,
    note: str = "",
    photo_ids: Sequence[int] = (),
    version: int | None = None,
) -> MandateState:
    """Carry out one step of ``domain.mandates.MANDATE_MOVES`` with its entry; the state after it.

    Reporting it done needs words of proof, and the case it has must be closed. Raises ``NotFound``, ``InvalidMove``,
    ``NotAllowed``, ``InvalidInput``, ``Conflict``.
    """
    said = note.strip()
    if len(said) > MOST_PROOF:
        raise InvalidInput("note", "is longer than {most} characters; shorten it", most=MOST_PROOF)
    if MANDATE_MOVES[move].note_required and not said:
        raise InvalidInput("note", "say in a few words what was done, or why")
    with writing(engine) as tx:
        row = _load(tx, mandate_id, version)
        _check_theirs(row, by)
        after = check_mandate_move(MandateState(row.state), move, done_by=row.done_by, by=by.user_id, number=row.number)
        values: dict[str, Any] = {"state": after.value}
        if move is MandateMove.REPORT:
            _check_case(tx, row)
            photos = _checked_photos(tx, photo_ids)
            values |= {"proof": said, "photo_ids": photos, "done_at": now, "done_by": by.user_id}
        elif move is MandateMove.STRIKE_OFF:
            values |= {"struck_at": now, "struck_by": by.user_id}
        else:
            values |= {"done_at": None, "done_by": None, "struck_at": None, "struck_by": None}
        _save(tx, row, values)
        entry = {"mandate_id": mandate_id, "at": now, "by_user_id": by.user_id, "move": move.value, "note": said}
        tx.execute(insert(mandate_entry).values(entry))
        return after


def open_case(
    engine: Engine, mandate_id: int, kind: str, *, by: Actor, now: datetime, zone: tzinfo = CHINA_TIME
) -> Opened:
    """Open (or join) a case of ``kind`` for a task that names an asset. Raises ``InvalidMove``, ``OutsideArea``."""
    with writing(engine) as tx:
        row = _load(tx, mandate_id, None)
        if row.case_id is not None:
            raise InvalidMove(f"task {row.number} has a case already")
        if row.asset_id is None or row.state != MandateState.OPEN.value:
            raise InvalidMove(f"task {row.number} names no asset, or is done; open the case where the thing stands")
        check_area(by, tx.scalar(select(asset.c.area_code).where(asset.c.id == row.asset_id)) or "")
        opened = open_or_attach(
            tx,
            asset_id=row.asset_id,
            kind=kind,
            severity=Severity.ALARM,
            source=Source.ABOVE,
            now=now,
            by=by,
            note=row.subject,
            detail={"mandate_id": mandate_id},
            zone=zone,
        )
        _save(tx, row, {"case_id": opened.case_id})
        return opened


def name_asset(engine: Engine, mandate_id: int, code: str, *, by: Actor, now: datetime) -> None:
    """Say which asset a task is about, by its code. Raises ``NotFound``, ``InvalidInput``."""
    with writing(engine) as tx:
        row = _load(tx, mandate_id, None)
        asset_id = tx.scalar(select(asset.c.id).where(asset.c.code == code.strip()))
        if asset_id is None:
            raise InvalidInput("code", "is no asset on file; scan its plate or choose it from the list")
        _save(tx, row, {"asset_id": asset_id})
        detail = {"asset_id": asset_id}
        audit.record(tx, by=by, action="mandate.asset", subject=f"mandate:{mandate_id}", detail=detail, now=now)


def _take_in(tx: Connection, list_id: int, lines: Sequence[MandateLine]) -> None:
    units, assets = _units_of(tx, lines), _assets_of(tx, lines)
    rows: list[dict[str, Any]] = [
        {
            "list_id": list_id,
            "number": line.number,
            "subject": line.subject,
            "place": line.place,
            "unit_id": units.get(line.unit),
            "owner": _owner(line, known=line.unit in units),
            "due_on": None if line.due_on is None else line.due_on.isoformat(),
            "state": MandateState.OPEN.value,
            "asset_id": assets.get(line.code),
            "photo_ids": [],
        }
        for line in lines
    ]
    for start in range(0, len(rows), _BATCH):
        tx.execute(insert(mandate), rows[start : start + _BATCH])


def _owner(line: MandateLine, *, known: bool) -> str:
    return line.owner if known or not line.unit else " ".join(filter(None, (line.unit, line.owner)))[:80]


def _units_of(tx: Connection, lines: Sequence[MandateLine]) -> dict[str, int]:
    names = {line.unit for line in lines if line.unit}
    if not names:
        return {}
    return {row.name: row.id for row in tx.execute(select(unit.c.name, unit.c.id)) if row.name in names}


def _assets_of(tx: Connection, lines: Sequence[MandateLine]) -> dict[str, int]:
    codes = sorted({line.code for line in lines if line.code})
    found: dict[str, int] = {}
    for start in range(0, len(codes), _BATCH):
        query = select(asset.c.code, asset.c.id).where(asset.c.code.in_(codes[start : start + _BATCH]))
        found |= {row.code: row.id for row in tx.execute(query)}
    return found


def _check_theirs(row: Any, by: Actor) -> None:
    """Crew report what is theirs; the desk may report anybody's."""
    theirs = row.owner_id == by.user_id or (row.owner_id is None and row.unit_id in (None, by.unit_id))
    if by.role is Role.CREW and not theirs:
        raise NotAllowed("this task is another unit's or another person's; the desk can pass it to you")


def _check_case(tx: Connection, row: Any) -> None:
    if row.case_id is None:
        return
    found = tx.execute(select(case.c.number, case.c.stage).where(case.c.id == row.case_id)).one()
    if found.stage != Stage.CLOSED.value:
        raise InvalidMove(f"case {found.number} of this task is not closed yet; close it first")


def _checked_photos(tx: Connection, photo_ids: Sequence[int]) -> list[int]:
    wanted = sorted(set(photo_ids))
    if len(wanted) > MOST_PHOTOS:
        raise InvalidInput(
            "photo", "{count} photos are too many; send at most {most}", count=len(wanted), most=MOST_PHOTOS
        )
    if wanted and len(tx.scalars(select(photo.c.id).where(photo.c.id.in_(wanted))).all()) < len(wanted):
        raise InvalidInput("photo", "is not kept here; upload it again")
    return wanted


def _load(tx: Connection, mandate_id: int, version: int | None) -> Any:
    row = tx.execute(select(mandate).where(mandate.c.id == mandate_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound("task", mandate_id)
    if version is not None and row.version != version:
        raise Conflict(f"task {row.number} has changed meanwhile; load it again and decide anew")
    return row


def _save(tx: Connection, row: Any, values: dict[str, Any]) -> None:
    tx.execute(update(mandate).where(mandate.c.id == row.id).values(**values, version=row.version + 1))
