"""Links for screens (大屏链接): who has one sees the wall without signing in, until it is revoked or its day has come.

The word in a link is shown once and kept as a hash: reading the table opens no screen.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, Engine, func, insert, select, update

from registry.domain.errors import InvalidInput, NotFound, StoreDown
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services import audit
from registry.storage.database import reading, writing
from registry.storage.tables import kiosk_link

log = structlog.get_logger(__name__)

SEEN_EVERY = timedelta(minutes=1)
MOST_LINKS = 100
LONGEST_LIFE = timedelta(days=2 * 366)
_WORD_BYTES = 32
_PREFIX_LENGTH = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKioskLink:
    """A link to be made. ``area_code`` "": the whole city; ``expires_at`` None: until it is revoked."""

    name: str
    area_code: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedLink:
    """A fresh link; ``word`` is the only time that it is seen."""

    id: int
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What a link that holds opens."""

    link_id: int
    name: str
    area_code: str


def issue_link(tx: Connection, new: NewKioskLink, *, by: Actor, now: datetime) -> IssuedLink:
    """Make a link. Raises ``InvalidInput`` naming the field, ``NotAllowed`` beyond the area of ``by``."""
    name = new.name.strip()
    if not 1 <= len(name) <= 80:
        raise InvalidInput("name", "must be 1 to 80 characters; say where the screen hangs")
    check_area(by, new.area_code)
    if new.expires_at is not None and not now < new.expires_at <= now + LONGEST_LIFE:
        raise InvalidInput("expires_at", "must lie ahead, by two years at most")
    open_ones = select(func.count()).select_from(kiosk_link).where(kiosk_link.c.revoked_at.is_(None))
    if tx.execute(open_ones).scalar_one() >= MOST_LINKS:
        raise InvalidInput("name", "there are {most} links; revoke one that no screen shows any more", most=MOST_LINKS)
    word = secrets.token_urlsafe(_WORD_BYTES)
    row = {
        "name": name,
        "area_code": new.area_code,
        "hash": _hash(word),
        "prefix": word[:_PREFIX_LENGTH],
        "created_at": now,
        "created_by": by.user_id,
        "expires_at": new.expires_at,
    }
    link_id = int(tx.execute(insert(kiosk_link).values(row).returning(kiosk_link.c.id)).scalar_one())
    detail = {"name": name, "prefix": row["prefix"], "area_code": new.area_code}
    audit.record(tx, by=by, action="kiosk.issue", subject=f"kiosk:{link_id}", detail=detail, now=now)
    return IssuedLink(id=link_id, word=word)


def revoke_link(tx: Connection, link_id: int, *, by: Actor, now: datetime) -> None:
    """End a link at once; one that is over stays so. Raises ``NotFound``, ``NotAllowed`` beyond the area of ``by``."""
    row = tx.execute(select(kiosk_link.c.prefix, kiosk_link.c.area_code).where(kiosk_link.c.id == link_id)).first()
    if row is None:
        raise NotFound("link", link_id)
    check_area(by, row.area_code)
    ended = tx.execute(
        update(kiosk_link).where(kiosk_link.c.id == link_id, kiosk_link.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    if ended.rowcount:
        detail = {"prefix": row.prefix}
        audit.record(tx, by=by, action="kiosk.revoke", subject=f"kiosk:{link_id}", detail=detail, now=now)


def find_screen(engine: Engine, word: str, *, now: datetime) -> Screen | None:
    """What ``word`` opens; None when it is unknown, revoked or past its day. Notes that it was used, once a minute."""
    with reading(engine) as tx:
        row = tx.execute(select(kiosk_link).where(kiosk_link.c.hash == _hash(word))).first()
    if row is None or row.revoked_at is not None or (row.expires_at is not None and now >= row.expires_at):
        return None
    if row.seen_at is None or now - row.seen_at >= SEEN_EVERY:
        _note_seen(engine, row.id, now)
    return Screen(link_id=row.id, name=row.name, area_code=row.area_code)


def _note_seen(engine: Engine, link_id: int, now: datetime) -> None:
    try:
        with writing(engine) as tx:
            tx.execute(update(kiosk_link).where(kiosk_link.c.id == link_id).values(seen_at=now))
    except StoreDown:
        log.warning("kiosk_seen_not_kept", link_id=link_id)


def _hash(word: str) -> str:
    # A random word of 256 bits can't be guessed, so a fast hash without salt is enough.
    return hashlib.sha256(word.encode()).hexdigest()
