"""Keeping schemes (考核办法): examples come with the program; an edit is a new version, never a change in place.

A closed month keeps the key and the version it was scored with, so that an edit changes no closed month.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, and_, func, insert, select, update

from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.people import SYSTEM, Actor
from registry.domain.schemes import Scheme, check_scheme
from registry.domain.shipped_schemes import SHIPPED_SCHEMES
from registry.services import audit
from registry.shapes import shaped
from registry.storage.database import writing
from registry.storage.tables import score_scheme

USUAL = SHIPPED_SCHEMES[0].key
"""What a city's first month is scored with unless it says otherwise; later months follow the one before."""

MOST_NOTE = 400


def read_scheme(plain: Any) -> Scheme:
    """A scheme from JSON-like values, checked. Raises ``InvalidInput`` that says where it is wrong."""
    try:
        return check_scheme(shaped(plain, Scheme))
    except msgspec.ValidationError as error:
        raise InvalidInput("scheme", "{why}; export a scheme to see the form", why=str(error)) from None


def install_shipped_schemes(tx: Connection, *, now: datetime) -> int:
    """Add the examples that the city does not have yet; answers how many."""
    known = set(tx.scalars(select(score_scheme.c.key).distinct()))
    missing = [scheme for scheme in SHIPPED_SCHEMES if scheme.key not in known]
    for scheme in missing:
        _add(tx, scheme, 1, note="", shipped=True, by=SYSTEM, now=now)
    return len(missing)


def save_scheme(engine: Engine, scheme: Scheme, *, expected_version: int, note: str, by: Actor, now: datetime) -> int:
    """Keep ``scheme`` as a new version of its key; the version. ``expected_version`` is the one it was made from, 0 for
    a new scheme. Raises ``InvalidInput``, and ``Conflict`` when somebody else made a version meanwhile."""
    check_scheme(scheme)
    if not scheme.key.replace("_", "").isalnum() or not scheme.key.isascii() or len(scheme.key) > 40:
        raise InvalidInput("key", "{given!r} must be 1 to 40 letters, digits and _", given=scheme.key)
    if len(note.strip()) > MOST_NOTE:
        raise InvalidInput("note", "must have at most {most} characters; shorten it", most=MOST_NOTE)
    with writing(engine) as tx:
        install_shipped_schemes(tx, now=now)
        newest = tx.scalar(select(func.max(score_scheme.c.version)).where(score_scheme.c.key == scheme.key)) or 0
        if newest != expected_version:
            raise Conflict(f"the scheme {scheme.key} has version {newest} meanwhile; load it again and decide anew")
        _add(tx, scheme, newest + 1, note=note.strip(), shipped=False, by=by, now=now)
        detail = {"version": newest + 1, "note": note.strip()}
        audit.record(tx, by=by, action="scheme.save", subject=f"scheme:{scheme.key}", detail=detail, now=now)
    return int(newest) + 1


def retire_scheme(engine: Engine, key: str, *, retired: bool, by: Actor, now: datetime) -> None:
    """Take a scheme out of use, or back. Closed months keep theirs. Raises ``NotFound``."""
    with writing(engine) as tx:
        install_shipped_schemes(tx, now=now)
        version, _ = newest_scheme(tx, key, with_retired=True)
        here = and_(score_scheme.c.key == key, score_scheme.c.version == version)
        tx.execute(update(score_scheme).where(here).values(retired=retired))
        action = "scheme.retire" if retired else "scheme.restore"
        audit.record(tx, by=by, action=action, subject=f"scheme:{key}", now=now)


def newest_scheme(tx: Connection, key: str, *, with_retired: bool = False) -> tuple[int, Scheme]:
    """The version in force and the scheme. Raises ``NotFound``."""
    query = select(score_scheme).where(score_scheme.c.key == key).order_by(score_scheme.c.version.desc()).limit(1)
    row = tx.execute(query).one_or_none()
    if row is None or (row.retired and not with_retired):
        raise NotFound("scheme", key)
    return int(row.version), shaped(row.body, Scheme)


def scheme_version(tx: Connection, key: str, version: int) -> Scheme:
    """Exactly that version. Raises ``NotFound``."""
    body = tx.scalar(select(score_scheme.c.body).where(score_scheme.c.key == key, score_scheme.c.version == version))
    if body is None:
        raise NotFound("scheme", f"{key} {version}")
    return shaped(body, Scheme)


def _add(tx: Connection, scheme: Scheme, version: int, *, note: str, shipped: bool, by: Actor, now: datetime) -> None:
    tx.execute(
        insert(score_scheme).values(
            key=scheme.key,
            version=version,
            body=msgspec.to_builtins(scheme),
            note=note,
            shipped=shipped,
            created_at=now,
            created_by=by.user_id,
        )
    )
