"""Sessions: who is signed in where, since when, and how to end it.

A browser holds a random word; the table holds its SHA-256, so that nobody who reads the table can sign in with it. A
session ends by being ended, by its age, by lying idle, when the account is closed or locked, and when the account's
``session_epoch`` rises (another password, role, unit or area).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Select, bindparam, delete, insert, or_, select, update

from registry.domain.errors import NotFound, StoreDown
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services import audit
from registry.services.people import actor_of
from registry.storage.database import reading, writing
from registry.storage.tables import user, user_session

log = structlog.get_logger(__name__)

SEEN_EVERY = timedelta(minutes=1)
"""How exact "last seen" is: a page of thirty pictures is one write, not thirty."""

_WORD_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """How long a sign-in lasts at most, and how long without being used."""

    absolute: timedelta
    idle: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """An open session: its public number (the hash), whose it is, and whether they must choose a password first."""

    session_id: str
    actor: Actor
    must_change_password: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Where somebody signs in from, as they see it in the list of their sessions."""

    address: str = ""
    agent: str = ""


def open_session(engine: Engine, actor: Actor, device: Device, *, lifetime: Lifetime, now: datetime) -> str:
    """The word for the browser to hold. Raises ``NotFound`` for an account that is gone meanwhile."""
    word = secrets.token_urlsafe(_WORD_BYTES)
    with writing(engine) as tx:
        epoch = tx.execute(
            update(user).where(user.c.id == actor.user_id).values(last_login_at=now).returning(user.c.session_epoch)
        ).scalar()
        if epoch is None:
            raise NotFound("user", actor.user_id)
        row = {
            "id": _hash(word),
            "user_id": actor.user_id,
            "session_epoch": epoch,
            "created_at": now,
            "seen_at": now,
            "expires_at": now + lifetime.absolute,
            "address": device.address[:60],
            "agent": device.agent[:200],
        }
        tx.execute(insert(user_session).values(row))
        detail = {"from": row["address"]}
        audit.record(tx, by=actor, action="session.open", subject=f"user:{actor.user_id}", detail=detail, now=now)
    return word


def find_session(
    engine: Engine, word: str, *, lifetime: Lifetime, now: datetime, allow_demo: bool = True
) -> Visit | None:
    """Whose session ``word`` opens now; None when it opens none (any more). Notes that it was seen, once a minute."""
    with reading(engine) as tx:
        row = tx.execute(_visit(), {"id": _hash(word)}).first()
    if row is None or row.ended_at is not None or row.opened_in_epoch != row.session_epoch:
        return None
    if not row.active or (row.demo and not allow_demo):
        return None
    until = min(row.expires_at, row.opened_at + lifetime.absolute)  # a setting made shorter holds for open ones too
    if now >= until or now - row.seen_at > lifetime.idle:
        return None
    if now - row.seen_at >= SEEN_EVERY:
        _note_seen(engine, row.session_id, now)
    return Visit(session_id=row.session_id, actor=actor_of(row), must_change_password=row.must_change_password)


@cache
def _visit() -> Select[Any]:
    """Built once: every request asks it, and building it takes longer than the database takes to answer."""
    return (
        select(
            user,
            user_session.c.id.label("session_id"),
            user_session.c.session_epoch.label("opened_in_epoch"),
            user_session.c.created_at.label("opened_at"),
            user_session.c.seen_at,
            user_session.c.expires_at,
            user_session.c.ended_at,
        )
        .join_from(user_session, user, user.c.id == user_session.c.user_id)
        .where(user_session.c.id == bindparam("id"))
    )


def owner_of(engine: Engine, word: str) -> int | None:
    """Whose session it is or was, over or not; None for a word that never opened one."""
    with reading(engine) as tx:
        return tx.execute(select(user_session.c.user_id).where(user_session.c.id == _hash(word))).scalar()


def close_session(engine: Engine, word: str, *, now: datetime) -> None:
    """Sign out: the word opens nothing any more."""
    with writing(engine) as tx:
        tx.execute(
            update(user_session)
            .where(user_session.c.id == _hash(word), user_session.c.ended_at.is_(None))
            .values(ended_at=now)
        )


def end_session(tx: Connection, session_id: str, *, user_id: int, by: Actor, now: datetime) -> None:
    """End one session of that account from afar, by its public number; one that is over stays so.

    Raises ``NotFound``, and ``NotAllowed`` for somebody beyond the area of ``by``.
    """
    row = tx.execute(
        select(user_session.c.user_id, user.c.area_code)
        .join_from(user_session, user, user.c.id == user_session.c.user_id)
        .where(user_session.c.id == session_id)
    ).first()
    if row is None or row.user_id != user_id:
        raise NotFound("session", session_id[:12])
    if row.user_id != by.user_id:
        check_area(by, row.area_code)
    ended = tx.execute(
        update(user_session)
        .where(user_session.c.id == session_id, user_session.c.ended_at.is_(None))
        .values(ended_at=now)
    )
    if ended.rowcount:
        detail = {"session": session_id[:12]}
        audit.record(tx, by=by, action="session.end", subject=f"user:{row.user_id}", detail=detail, now=now)


def end_sessions(tx: Connection, user_id: int, *, by: Actor, now: datetime, but: str = "") -> int:
    """End every open session of an account, save the one whose public number is ``but``; how many there were."""
    area = tx.execute(select(user.c.area_code).where(user.c.id == user_id)).scalar()
    if area is None:
        raise NotFound("user", user_id)
    if user_id != by.user_id:
        check_area(by, area)
    count = tx.execute(
        update(user_session)
        .where(user_session.c.user_id == user_id, user_session.c.ended_at.is_(None), user_session.c.id != but)
        .values(ended_at=now)
    ).rowcount
    if count:
        audit.record(
            tx, by=by, action="session.end_all", subject=f"user:{user_id}", detail={"sessions": count}, now=now
        )
    return count


def keep_after_password(engine: Engine, session_id: str) -> None:
    """Let the session in which somebody changed their own password go on; all their others have ended."""
    epoch = select(user.c.session_epoch).where(user.c.id == user_session.c.user_id).scalar_subquery()
    with writing(engine) as tx:
        tx.execute(update(user_session).where(user_session.c.id == session_id).values(session_epoch=epoch))


def forget_sessions(engine: Engine, *, before: datetime, batch: int = 5_000) -> int:
    """Drop sessions that ended or ran out before that moment; how many. The audit trail keeps that they were."""
    over = or_(user_session.c.expires_at < before, user_session.c.ended_at < before)
    gone = 0
    while True:
        oldest = select(user_session.c.id).where(over).limit(batch)
        with writing(engine) as tx:
            step = tx.execute(delete(user_session).where(user_session.c.id.in_(oldest.scalar_subquery()))).rowcount
        gone += step
        if step < batch:
            return gone


def _note_seen(engine: Engine, session_id: str, now: datetime) -> None:
    """Best effort: a page must not fail because this small thing can't be written now."""
    stale = user_session.c.seen_at <= now - SEEN_EVERY
    try:
        with writing(engine) as tx:
            tx.execute(update(user_session).where(user_session.c.id == session_id, stale).values(seen_at=now))
    except StoreDown:
        log.warning("session_seen_not_kept", session=session_id[:12])


def _hash(word: str) -> str:
    # A random word of 256 bits can't be guessed, so a fast hash without salt is enough.
    return hashlib.sha256(word.encode()).hexdigest()
