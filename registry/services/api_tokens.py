"""API tokens: what a program shows instead of signing in. Shown once, kept as a hash, good for chosen scopes.

A token never does more than its holder: role, area and whether the account is open are looked up with every use.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, Engine, func, insert, select, update

from registry.domain.errors import InvalidInput, NotAllowed, NotFound, StoreDown
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.domain.token_scopes import TokenScope, open_to, read_scopes
from registry.services import audit
from registry.services.people import actor_of
from registry.storage.database import reading, writing
from registry.storage.tables import api_token, user

log = structlog.get_logger(__name__)

MARK = "cc_"
"""What every token begins with, so that people and secret scanners recognise one."""

SEEN_EVERY = timedelta(minutes=1)
MOST_TOKENS = 20
LONGEST_LIFE = timedelta(days=2 * 366)
_WORD_BYTES = 32
_PREFIX_LENGTH = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token to be made. ``expires_at`` None: until it is revoked."""

    name: str
    scopes: Sequence[str]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A fresh token; ``text`` is the only time that it is seen."""

    id: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenVisit:
    """Who a token speaks for, and what for."""

    token_id: int
    actor: Actor
    scopes: frozenset[TokenScope]


def issue_token(tx: Connection, new: NewToken, *, by: Actor, now: datetime) -> IssuedToken:
    """A token of ``by``'s own. Raises ``InvalidInput`` naming the field, ``NotAllowed`` for who has no account."""
    if by.user_id is None or by.role is None:
        raise NotAllowed("only somebody with an account can hold a token")
    name = new.name.strip()
    if not 1 <= len(name) <= 80:
        raise InvalidInput("name", "must be 1 to 80 characters; say which program uses the token")
    scopes = read_scopes(new.scopes, by.role)
    if new.expires_at is not None and not now < new.expires_at <= now + LONGEST_LIFE:
        raise InvalidInput("expires_at", "must lie ahead, by two years at most")
    open_ones = select(func.count()).where(api_token.c.user_id == by.user_id, api_token.c.revoked_at.is_(None))
    if tx.execute(open_ones).scalar_one() >= MOST_TOKENS:
        raise InvalidInput("name", "you have {most} tokens; revoke one that is no longer used", most=MOST_TOKENS)
    text = MARK + secrets.token_urlsafe(_WORD_BYTES)
    row = {
        "name": name,
        "user_id": by.user_id,
        "hash": _hash(text),
        "prefix": text[:_PREFIX_LENGTH],
        "scopes": [scope.value for scope in scopes],
        "created_at": now,
        "created_by": by.user_id,
        "expires_at": new.expires_at,
    }
    token_id = int(tx.execute(insert(api_token).values(row).returning(api_token.c.id)).scalar_one())
    detail = {"name": name, "prefix": row["prefix"], "scopes": row["scopes"]}
    audit.record(tx, by=by, action="token.issue", subject=f"token:{token_id}", detail=detail, now=now)
    return IssuedToken(id=token_id, text=text)


def revoke_token(tx: Connection, token_id: int, *, by: Actor, now: datetime, of: int | None = None) -> None:
    """End a token (of the account ``of``, where that is given) at once; one that is over stays so.

    Raises ``NotFound``, and ``NotAllowed`` for a token of somebody beyond the area of ``by``.
    """
    row = tx.execute(
        select(api_token.c.user_id, api_token.c.prefix, user.c.area_code)
        .join_from(api_token, user, user.c.id == api_token.c.user_id)
        .where(api_token.c.id == token_id)
    ).first()
    if row is None or of not in (None, row.user_id):
        raise NotFound("token", token_id)
    if row.user_id != by.user_id:
        check_area(by, row.area_code)
    ended = tx.execute(
        update(api_token).where(api_token.c.id == token_id, api_token.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    if ended.rowcount:
        detail = {"prefix": row.prefix}
        audit.record(tx, by=by, action="token.revoke", subject=f"token:{token_id}", detail=detail, now=now)


def find_token(engine: Engine, text: str, *, now: datetime, allow_demo: bool = True) -> TokenVisit | None:
    """Who ``text`` speaks for; None for a token that is unknown, revoked, past its day, or of a closed account.

    An account whose password must be changed first, or that an administrator locked, speaks through no token either.
    Notes that the token was used, once a minute.
    """
    if not text.startswith(MARK):
        return None
    query = (
        select(
            user,
            api_token.c.id.label("token_id"),
            api_token.c.scopes,
            api_token.c.expires_at,
            api_token.c.revoked_at,
            api_token.c.seen_at,
        )
        .join_from(api_token, user, user.c.id == api_token.c.user_id)
        .where(api_token.c.hash == _hash(text))
    )
    with reading(engine) as tx:
        row = tx.execute(query).first()
    if row is None or row.revoked_at is not None or (row.expires_at is not None and now >= row.expires_at):
        return None
    # a lock of some minutes is a stranger guessing the password; programs go on
    locked = row.locked_until is not None and row.locked_until - now > timedelta(days=1)
    if not row.active or locked or row.must_change_password or (row.demo and not allow_demo):
        return None
    if row.seen_at is None or now - row.seen_at >= SEEN_EVERY:
        _note_seen(engine, row.token_id, now)
    actor = actor_of(row)
    held = frozenset(TokenScope(word) for word in row.scopes) & frozenset(open_to(actor.role))
    return TokenVisit(token_id=row.token_id, actor=actor, scopes=held)


def _note_seen(engine: Engine, token_id: int, now: datetime) -> None:
    try:
        with writing(engine) as tx:
            tx.execute(update(api_token).where(api_token.c.id == token_id).values(seen_at=now))
    except StoreDown:
        log.warning("token_seen_not_kept", token_id=token_id)


def _hash(text: str) -> str:
    # A random word of 256 bits can't be guessed, so a fast hash without salt is enough.
    return hashlib.sha256(text.encode()).hexdigest()
