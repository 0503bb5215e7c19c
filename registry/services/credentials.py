"""Which cabinets the broker lets in: one-time codes, the hashes of passwords, and the broker's password file.

A password never reaches the city: the cabinet makes it and sends its hash, over HTTPS when it is enrolled, as a reply
on its own topic when it is rotated.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.commands import CODE_LASTS, code_hash, new_code, read_cabinet_id, read_password_hash
from registry.domain.errors import InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import Role
from registry.domain.people import SYSTEM, Actor
from registry.services import audit, revisions
from registry.storage.database import reading, writing
from registry.storage.tables import cabinet, cabinet_credential, enrolment_code

BROKER = "broker"
"""The revision that every change of who may connect raises."""


class BadCode(NotAllowed):
    """A code that is unknown, used or past its day; which of them is not said."""

    def __init__(self) -> None:
        super().__init__("this code is unknown, was used, or has expired; ask for a new one")


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    """A fresh code; ``text`` is the only time that it is seen."""

    id: int
    cabinet_id: str
    text: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """Who a code was for."""

    cabinet_id: str
    name: str


def issue_code(engine: Engine, cabinet_id: str, *, by: Actor, now: datetime) -> IssuedCode:
    """A one-time code to enrol ``cabinet_id`` with; earlier unused ones end.

    Raises ``InvalidInput`` for the id, and ``NotAllowed``.
    """
    _check_administrator(by)
    cabinet_id = read_cabinet_id(cabinet_id)
    text = new_code()
    with writing(engine) as tx:
        _withdraw_codes(tx, cabinet_id, now=now)
        row = {
            "cabinet_id": cabinet_id,
            "hash": code_hash(text),
            "created_at": now,
            "created_by": by.user_id,
            "expires_at": now + CODE_LASTS,
        }
        number = int(tx.execute(insert(enrolment_code).values(row).returning(enrolment_code.c.id)).scalar_one())
        audit.record(
            tx, by=by, action="cabinet.code", subject=f"cabinet:{cabinet_id}", detail={"code": number}, now=now
        )
    return IssuedCode(id=number, cabinet_id=cabinet_id, text=text, expires_at=now + CODE_LASTS)


def enrol(engine: Engine, code: str, password_hash: str, *, address: str, now: datetime) -> Enrolled:
    """Use ``code`` up: from now on its cabinet connects with the password of that hash. Raises ``BadCode``.

    A cabinet that was revoked may connect again; whoever made the code wanted that. Raises ``InvalidInput`` for the
    hash.
    """
    hashed = read_password_hash(password_hash)
    with writing(engine) as tx:
        used = tx.execute(
            update(enrolment_code)
            .where(
                enrolment_code.c.hash == code_hash(code),
                enrolment_code.c.used_at.is_(None),
                enrolment_code.c.withdrawn_at.is_(None),
                enrolment_code.c.expires_at > now,
            )
            .values(used_at=now, used_from=address[:60])
            .returning(enrolment_code.c.cabinet_id)
        ).first()
        if used is None:
            raise BadCode
        cabinet_id = used.cabinet_id
        _keep(tx, cabinet_id, hashed, now=now)
        name = tx.execute(select(cabinet.c.name).where(cabinet.c.id == cabinet_id)).scalar() or ""
        audit.record(
            tx,
            by=SYSTEM,
            action="cabinet.enrol",
            subject=f"cabinet:{cabinet_id}",
            detail={"from": address[:60]},
            now=now,
        )
    return Enrolled(cabinet_id=cabinet_id, name=name)


def take_new_hash(tx: Connection, cabinet_id: str, hashed: str, *, now: datetime) -> None:
    """The cabinet keeps another password from now on. Raises ``InvalidMove`` for one that was revoked meanwhile."""
    row = tx.execute(select(cabinet_credential).where(cabinet_credential.c.cabinet_id == cabinet_id)).first()
    if row is not None and row.revoked_at is not None:
        raise InvalidMove(f"cabinet {cabinet_id} was revoked; enrol it again")
    _keep(tx, cabinet_id, hashed, now=now)
    audit.record(tx, by=SYSTEM, action="cabinet.rotated", subject=f"cabinet:{cabinet_id}", detail={}, now=now)


def revoke_cabinet(engine: Engine, cabinet_id: str, *, by: Actor, now: datetime) -> None:
    """Shut a cabinet out; its codes end too. Raises ``NotFound`` for one without credentials, ``NotAllowed``."""
    _check_administrator(by)
    with writing(engine) as tx:
        ended = tx.execute(
            update(cabinet_credential)
            .where(cabinet_credential.c.cabinet_id == cabinet_id, cabinet_credential.c.revoked_at.is_(None))
            .values(revoked_at=now, revoked_by=by.user_id)
        )
        if not ended.rowcount:
            raise NotFound("credential of cabinet", cabinet_id)
        _withdraw_codes(tx, cabinet_id, now=now)
        revisions.bump(tx, BROKER)
        audit.record(tx, by=by, action="cabinet.revoke", subject=f"cabinet:{cabinet_id}", detail={}, now=now)


def password_lines(engine: Engine, own: Mapping[str, str]) -> list[str]:
    """The lines of the broker's password file: the city's ``own`` users (name to hash) and every cabinet let in."""
    query = (
        select(cabinet_credential.c.cabinet_id, cabinet_credential.c.hash)
        .where(cabinet_credential.c.revoked_at.is_(None))
        .order_by(cabinet_credential.c.cabinet_id)
    )
    with reading(engine) as tx:
        cabinets = {row.cabinet_id: row.hash for row in tx.execute(query)}
    return [f"{name}:{hashed}" for name, hashed in (cabinets | dict(own)).items()]


def broker_revision(engine: Engine) -> int:
    """Goes up with every change of who may connect."""
    with reading(engine) as tx:
        return revisions.number(tx, BROKER)


def write_password_file(path: Path, lines: list[str]) -> bool:
    """Put the file in place whole, readable for its group (the broker's); False when it says the same already.

    Raises ``OSError``.
    """
    body = "".join(f"{line}\n" for line in lines).encode()
    if path.exists() and path.read_bytes() == body:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return True


def _keep(tx: Connection, cabinet_id: str, hashed: str, *, now: datetime) -> None:
    values = {"hash": hashed, "changed_at": now, "revoked_at": None, "revoked_by": None}
    kept = tx.execute(update(cabinet_credential).where(cabinet_credential.c.cabinet_id == cabinet_id).values(**values))
    if not kept.rowcount:
        tx.execute(insert(cabinet_credential).values(cabinet_id=cabinet_id, enrolled_at=now, **values))
    revisions.bump(tx, BROKER)


def _withdraw_codes(tx: Connection, cabinet_id: str, *, now: datetime) -> None:
    tx.execute(
        update(enrolment_code)
        .where(
            enrolment_code.c.cabinet_id == cabinet_id,
            enrolment_code.c.used_at.is_(None),
            enrolment_code.c.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=now)
    )


def _check_administrator(by: Actor) -> None:
    if by.role is not None and (by.role is not Role.ADMINISTRATOR or by.area_code):
        raise NotAllowed("only an administrator of the whole city decides which cabinets may connect")
