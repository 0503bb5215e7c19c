"""Finding one page of a selection in a registry of millions: along an index, and never further than a fixed stretch.

A selection may be narrowed by anything, and no index fits every combination. So a page goes along the one index that
fits best, looks at no more than ``STRETCH`` assets, and says where to go on: a page can be short, and still more may
follow. That bounds the time of every page, however rare its matches are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    tuple_,
)

from registry.domain.kinds import AssetState
from registry.queries import asset_filters as filters
from registry.queries.asset_filters import AssetFilter
from registry.queries.paging import decode, encode
from registry.storage.tables import asset, road

STRETCH = 10_000
"""How many assets one page may look at: measured to stay far below 300 ms with a million on file."""

_SHORT_LOOK = 8  # assets looked at first for each row of the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One way through the assets: ``fits`` and the order (``key``, id) are served by one index.

    ``begins`` bounds ``key`` from below and is left out once a cursor does; without ``key`` the order is by id.
    ``seen``: what earlier walks of the same search have shown already.
    """

    source: FromClause
    fits: tuple[ColumnElement[bool], ...] = ()
    begins: ColumnElement[bool] | None = None
    key: ColumnElement[str] | None = None
    joined: bool = False
    seen: tuple[ColumnElement[bool], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The ids of one page in order, and where the next one goes on; None: that was all."""

    ids: list[int]
    next: str | None


@dataclass(frozen=True, slots=True)
class _Place:
    walk: int
    key: str
    id: int

    def word(self) -> str:
        return encode(self.walk, self.key, self.id)


def find_page(tx: Connection, wanted: AssetFilter, *, after: str | None, limit: int, stretch: int = STRETCH) -> Found:
    """The next ``limit`` ids of ``wanted``. Raises ``InvalidInput`` for a cursor or a filter that is none."""
    start = _Place(0, "", 0) if after is None else _read_place(after)
    narrowed = filters.narrowing(wanted)  # first: it refuses what is no filter
    walks = _walks(tx, wanted)
    ids: list[int] = []
    for number in range(start.walk, len(walks)):
        here = start if number == start.walk else _Place(number, "", 0)
        found, stopped = _go(tx, walks[number], narrowed, here, limit + 1 - len(ids), stretch)
        ids += [row.id for row in found]
        if len(ids) > limit:
            last = found[-2] if len(found) > 1 else None
            # the page was full before this walk began: it begins on the next page
            next_place = _Place(number, "", 0) if last is None else _Place(number, last.key, last.id)
            return Found(ids=ids[:limit], next=next_place.word())
        if stopped is not None:
            return Found(ids=ids, next=_Place(number, stopped.key, stopped.id).word())
    return Found(ids=ids, next=None)


def _read_place(after: str) -> _Place:
    walk, key, last_id = decode(after, int, str, int)
    return _Place(int(walk), str(key), int(last_id))


def _go(
    tx: Connection, walk: Walk, narrowed: list[ColumnElement[bool]], after: _Place, wanted: int, stretch: int
) -> tuple[Sequence[Any], Any | None]:
    """Up to ``wanted`` rows (key, id), and the row at which the stretch ended before the walk did."""
    # nearly every page is full after a short look; the long one is for what is rare
    rows: Sequence[Any] = []
    for looked_at in sorted({min(wanted * _SHORT_LOOK, stretch), stretch}):
        inner = stretch_of(walk, after.key, after.id).limit(looked_at).subquery("stretch")
        # EXISTS rather than a join: the planner may not turn it round and begin with an index of what is looked at
        kept = exists().where(asset.c.id == inner.c.id, *narrowed, *map(not_, walk.seen))
        rows = tx.execute(
            select(inner.c.key, inner.c.id).where(kept).order_by(inner.c.key, inner.c.id).limit(wanted)
        ).all()
        if len(rows) >= wanted:
            return rows, None
    end = stretch_of(walk, after.key, after.id).offset(stretch - 1).limit(1)
    return rows, tx.execute(end).first()


def stretch_of(walk: Walk, key: str, last_id: int) -> Select[Any]:
    """The rows (key, id) of ``walk`` that follow (``key``, ``last_id``), in order."""
    if walk.key is None:
        return (
            select(literal("").label("key"), asset.c.id.label("id"))
            .select_from(walk.source)
            .where(*walk.fits, asset.c.id > last_id)
            .order_by(asset.c.id)
        )
    query = select(walk.key.label("key"), asset.c.id.label("id")).select_from(walk.source).where(*walk.fits)
    if not last_id:
        query = query if walk.begins is None else query.where(walk.begins)
    elif walk.joined:
        query = query.where(walk.key >= key, or_(walk.key > key, asset.c.id > last_id))
    else:
        query = query.where(tuple_(walk.key, asset.c.id) > tuple_(literal(key), literal(last_id)))
    return query.order_by(walk.key, asset.c.id)


def _walks(tx: Connection, wanted: AssetFilter) -> list[Walk]:
    words = filters.typed(wanted.q)
    return _by_words(tx, words) if words else [_by_filter(wanted)]


def _by_filter(wanted: AssetFilter) -> Walk:
    """The narrowest index first; whatever else is wanted is looked at on the way."""
    if wanted.with_alert:
        return Walk(source=asset, fits=(asset.c.id.in_(filters.alerting()),))
    if wanted.import_id is not None:
        return Walk(source=asset, fits=(asset.c.import_id == wanted.import_id,))
    if wanted.state is not None and wanted.state is not AssetState.INTACT:
        return Walk(source=asset, fits=(filters.of_state(wanted.state),))
    if wanted.road:
        return Walk(source=asset, fits=(asset.c.road == wanted.road,))
    prefix = max((wanted.area_code, *wanted.scopes[:1]), key=len) if len(wanted.scopes) <= 1 else wanted.area_code
    if prefix:
        return Walk(
            source=asset,
            key=asset.c.area_code,
            fits=(_below(asset.c.area_code, prefix),),
            begins=asset.c.area_code >= prefix,
        )
    if wanted.family is not None:
        return Walk(source=asset, fits=(asset.c.family == wanted.family.value,))
    return Walk(source=asset)


def _by_words(tx: Connection, words: str) -> list[Walk]:
    """Exactly what was typed, then codes, roads, names and addresses, each asset where it is found first."""
    exact = filters.named_exactly(tx, words)
    walks = [Walk(source=asset, fits=(asset.c.id.in_(exact),))] if exact else []
    if exact and filters.is_whole(words):
        return walks
    seen: tuple[ColumnElement[bool], ...] = (asset.c.id.in_(exact),) if exact else ()
    digits = filters.code_digits(words)
    if digits:
        lowest, highest = filters.code_range(digits)
        begins, fits = asset.c.code >= lowest, (asset.c.code <= highest,)
        walks.append(Walk(source=asset, key=asset.c.code, begins=begins, fits=fits, seen=seen))
        seen += (and_(begins, *fits),)
    named = road.c.name.icontains(words, autoescape=True)
    on_road = road.join(asset, asset.c.road == road.c.name)
    walks.append(Walk(source=on_road, key=road.c.name, fits=(named,), joined=True, seen=seen))
    seen += (asset.c.road.in_(filters.roads_with(words)),)
    for column in (asset.c.name, asset.c.address):
        bounds = filters.begins(tx, column, words)
        walks.append(Walk(source=asset, key=column, begins=bounds[0], fits=bounds[1:], seen=seen))
        seen += (and_(*bounds),)
    return walks


def _below(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """The upper bound of a prefix of digits; none for 999…"""
    above = str(int(prefix) + 1).zfill(len(prefix))
    return column < above if len(above) == len(prefix) else func.length(column) > 0
