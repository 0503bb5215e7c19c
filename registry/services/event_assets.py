"""Which assets are meant by the texts of other platforms: plates' tokens, codes, aliases; many at once, by index."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select

from registry.domain.aliases import ways_to_write
from registry.domain.codes import dissect
from registry.domain.errors import InvalidInput
from registry.domain.kinds import AssetState
from registry.domain.tokens import read_token
from registry.storage.tables import asset, asset_alias, tag

_ADDRESS = re.compile(r"^https?://[^/]+/q/([^/?#]+)", re.IGNORECASE)
_AT_ONCE = 500
_named = asset.alias("named")


class NamedAsset(NamedTuple):
    """An asset that somebody named; of one that was merged, the one it was merged into."""

    id: int
    code: str
    area_code: str
    state: AssetState


def assets_named(tx: Connection, texts: Iterable[str]) -> dict[str, list[NamedAsset]]:
    """The assets that each text names: by its plate's token, else by a code, else by an alias; none: not in it."""
    wanted = list(dict.fromkeys(texts))
    found: dict[str, list[NamedAsset]] = {}
    for ways, text_of, owner in (
        (_tokens, tag.c.token, tag.c.asset_id),
        (_codes, _named.c.code, _named.c.id),
        (_aliases, asset_alias.c.value, asset_alias.c.asset_id),
    ):
        left = {text: ways(text) for text in wanted if text not in found}
        by_way = _look_up(tx, sorted({way for each in left.values() for way in each}), text_of, owner)
        for text, each in left.items():
            assets = {one.id: one for way in each for one in by_way.get(way, [])}
            if assets:
                found[text] = [assets[key] for key in sorted(assets)]
    return found


def _look_up(
    tx: Connection, ways: Sequence[str], text_of: ColumnElement[str], owner: ColumnElement[int]
) -> Mapping[str, list[NamedAsset]]:
    """``text_of`` is the column that is searched, ``owner`` the one beside it that holds the asset's id."""
    first = asset.alias("first")
    query = (
        select(text_of.label("way"), asset.c.id, asset.c.code, asset.c.area_code, asset.c.state)
        .join_from(owner.table, first, first.c.id == owner)
        .join(asset, asset.c.id == func.coalesce(first.c.merged_into_id, first.c.id))
    )
    found: dict[str, list[NamedAsset]] = defaultdict(list)
    for begin in range(0, len(ways), _AT_ONCE):
        for row in tx.execute(query.where(text_of.in_(ways[begin : begin + _AT_ONCE]))):
            found[row.way].append(NamedAsset(row.id, row.code, row.area_code, AssetState(row.state)))
    return found


def _tokens(text: str) -> list[str]:
    address = _ADDRESS.match(text)
    with suppress(InvalidInput):
        return [read_token(address[1] if address else text)]
    return []


def _codes(text: str) -> list[str]:
    digits, findings = dissect(text)
    return [] if findings else [digits]


def _aliases(text: str) -> list[str]:
    digits, findings = dissect(text)
    return list(dict.fromkeys([*ways_to_write(text), *([] if findings else [digits])]))
