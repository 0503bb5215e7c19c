"""Schemes as pages and the API show them: the version in force of each, its history."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Engine, and_, func, select

from registry.domain.errors import NotFound
from registry.domain.schemes import Scheme
from registry.domain.shipped_schemes import SHIPPED_SCHEMES
from registry.shapes import shaped
from registry.storage.database import reading
from registry.storage.tables import score_scheme, user


class ScoreSchemeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A scheme in a list. ``version`` 0: as it comes with the program, not yet used by the city."""

    key: str
    version: int
    name_zh: str
    name_en: str
    shipped: bool
    retired: bool
    scheme: Scheme


class ScoreSchemeVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a scheme: who made it, when and why."""

    version: int
    note: str
    shipped: bool
    created_at: datetime
    created_by_name: str | None


def list_schemes(engine: Engine, *, with_retired: bool = False) -> list[ScoreSchemeRow]:
    """The newest version of each; the shipped ones that the city has not used yet, too."""
    newest = (
        select(score_scheme.c.key, func.max(score_scheme.c.version).label("version"))
        .group_by(score_scheme.c.key)
        .subquery()
    )
    query = select(score_scheme).join(
        newest, and_(newest.c.key == score_scheme.c.key, newest.c.version == score_scheme.c.version)
    )
    with reading(engine) as tx:
        rows = tx.execute(query).all()
    found = {
        row.key: _row(shaped(row.body, Scheme), row.version, shipped=row.shipped, retired=row.retired) for row in rows
    }
    for scheme in SHIPPED_SCHEMES:
        found.setdefault(scheme.key, _row(scheme, 0, shipped=True, retired=False))
    return sorted((row for row in found.values() if with_retired or not row.retired), key=lambda row: row.key)


def find_scheme(engine: Engine, key: str) -> ScoreSchemeRow:
    """The version in force. Raises ``NotFound``."""
    found = next((row for row in list_schemes(engine, with_retired=True) if row.key == key), None)
    if found is None:
        raise NotFound("scheme", key)
    return found


def scheme_versions(engine: Engine, key: str) -> list[ScoreSchemeVersion]:
    """All versions that the city has, the newest first."""
    columns = ("version", "note", "shipped", "created_at")
    query = (
        select(*[score_scheme.c[name] for name in columns], user.c.name.label("created_by_name"))
        .outerjoin(user, user.c.id == score_scheme.c.created_by)
        .where(score_scheme.c.key == key)
        .order_by(score_scheme.c.version.desc())
    )
    with reading(engine) as tx:
        return [
            ScoreSchemeVersion(**{name: getattr(row, name) for name in ScoreSchemeVersion.__struct_fields__})
            for row in tx.execute(query)
        ]


def _row(scheme: Scheme, version: int, *, shipped: bool, retired: bool) -> ScoreSchemeRow:
    return ScoreSchemeRow(
        key=scheme.key,
        version=version,
        name_zh=scheme.name_zh,
        name_en=scheme.name_en,
        shipped=shipped,
        retired=retired,
        scheme=scheme,
    )
