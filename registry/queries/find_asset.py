"""One box to find an asset: by its plate's token (or the whole address on it), its code, an older code, an alias.

Exact look-ups by index only: parts of names and roads are the list's business. The statements are built once: over a
million assets, building one took longer than the database took to answer it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from enum import StrEnum
from functools import cache

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, bindparam, func, select

from registry.domain.aliases import ways_to_write
from registry.domain.codes import dissect
from registry.domain.errors import InvalidInput
from registry.domain.kinds import AssetState, Family, TagState
from registry.domain.tokens import read_token
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.tables import asset, asset_alias, asset_class, tag

_LONGEST = 300
_ADDRESS = re.compile(r"^https?://[^/]+/q/([^/?#]+)", re.IGNORECASE)
_MOST = 20


class FoundBy(StrEnum):
    """Which of its names led to an asset."""

    TOKEN = "token"  # noqa: S105 - a plate's, not a secret
    CODE = "code"
    ALIAS = "alias"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An asset that was found. ``matched``: the token, code or alias value as stored; ``alias_kind`` "" for no alias.

    ``tag_state`` of the plate asked for, None when it was found otherwise. ``merged_from_id``: the text named an asset
    that was merged into this one.
    """

    asset_id: int
    code: str
    name: str
    road: str
    area_code: str
    family: Family
    state: AssetState
    class_name_zh: str
    class_name_en: str
    by: FoundBy
    matched: str
    alias_kind: str = ""
    tag_state: TagState | None = None
    merged_from_id: int | None = None


def find_asset(engine: Engine, text: str) -> list[Found]:
    """Every asset that ``text`` names, each once: by token, else by code, else by alias; [] when there is none."""
    wanted = text.strip()[:_LONGEST]
    if not wanted:
        return []
    with reading(engine) as tx:
        found = [*_by_token(tx, wanted), *_by_code(tx, wanted), *_by_alias(tx, wanted)]
    return list({each.asset_id: each for each in reversed(found)}.values())[::-1]


def _by_token(tx: Connection, wanted: str) -> list[Found]:
    address = _ADDRESS.match(wanted)
    token = None
    with suppress(InvalidInput):
        token = read_token(address[1] if address else wanted)
    if token is None:
        return []
    return _read(tx, _of_token(), FoundBy.TOKEN, token=token)


def _by_code(tx: Connection, wanted: str) -> list[Found]:
    digits, findings = dissect(wanted)
    if findings:
        return []
    return _read(tx, _of_code(), FoundBy.CODE, code=digits)


def _by_alias(tx: Connection, wanted: str) -> list[Found]:
    ways = ways_to_write(wanted)
    digits, findings = dissect(wanted)
    if not findings and digits not in ways:
        ways.append(digits)  # an older code, written in groups
    return _read(tx, _of_alias(), FoundBy.ALIAS, ways=ways)


@cache
def _of_token() -> Select[tuple[object, ...]]:
    query = _assets(tag, tag.c.asset_id, tag.c.token.label("matched"), tag.c.state.label("tag_state"))
    return query.where(tag.c.token == bindparam("token"))


@cache
def _of_code() -> Select[tuple[object, ...]]:
    named = asset.alias("named")
    query = _assets(named, named.c.id, named.c.code.label("matched"))
    return query.where(named.c.code == bindparam("code"))


@cache
def _of_alias() -> Select[tuple[object, ...]]:
    kind = asset_alias.c.kind.label("alias_kind")
    query = _assets(asset_alias, asset_alias.c.asset_id, asset_alias.c.value.label("matched"), kind)
    return query.where(asset_alias.c.value.in_(bindparam("ways", expanding=True))).order_by(kind).limit(_MOST)


def _assets(start: object, named_id: ColumnElement[int], *more: ColumnElement[object]) -> Select[tuple[object, ...]]:
    """Assets that ``named_id`` leads to, or that those were merged into."""
    named = asset.alias("first")
    kept = func.coalesce(named.c.merged_into_id, named.c.id)
    same_class = and_(asset_class.c.scheme == asset.c.scheme, asset_class.c.code == asset.c.class_code)
    return (
        select(
            asset.c.id.label("asset_id"),
            asset.c.code,
            asset.c.name,
            asset.c.road,
            asset.c.area_code,
            asset.c.family,
            asset.c.state,
            func.coalesce(asset_class.c.name_zh, "").label("class_name_zh"),
            func.coalesce(asset_class.c.name_en, "").label("class_name_en"),
            named.c.id.label("named_id"),
            *more,
        )
        .select_from(start)  # type: ignore[arg-type]
        .join(named, named.c.id == named_id)
        .join(asset, asset.c.id == kept)
        .outerjoin(asset_class, same_class)
    )


def _read(tx: Connection, query: Select[tuple[object, ...]], by: FoundBy, **asked: object) -> list[Found]:
    return [
        as_view(row, Found, by=by, merged_from_id=row["named_id"] if row["named_id"] != row["asset_id"] else None)
        for row in tx.execute(query, asked).mappings()
    ]
