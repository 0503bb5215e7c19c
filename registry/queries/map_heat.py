"""Where cases come from, as heat: those of some days binned to a grid of 64 × 64 in each tile."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, func, select

from registry.domain.geo import Crs
from registry.domain.kinds import Stage
from registry.domain.vector_tile import BUFFER, EXTENT, Layer, Spot, TileFrame, tile_of
from registry.queries.asset_filters import digits_begin
from registry.queries.map_tiles import Tile
from registry.storage.database import reading
from registry.storage.tables import asset, case

MOST_CASES = 60_000
"""Of a span, in one's own area: the newest ones, so that a busy year costs no more than a busy month."""
MOST_DAYS = 366
_BINS = 64
_ROW = 1_024  # a bin is one number: its column times this, and its row, which may be the one above the tile
_KEPT = timedelta(minutes=1)
_KEPT_SPANS = 24


class _Places(NamedTuple):
    """Where cases lie on the map of the world: 0 to 1 from the west, and from the north."""

    read_at: datetime
    since: datetime | None
    """Where there were more than could be read: when the oldest of these was opened."""
    x: NDArray[np.float64]
    y: NDArray[np.float64]


class CaseHeat:
    """The places of the cases of a span, kept for a minute; one for each process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, str, str, Crs], _Places] = OrderedDict()

    def tile(
        self,
        engine: Engine,
        spot: Spot,
        *,
        now: datetime,
        days: int,
        kind: str = "",
        scope: str = "",
        crs: Crs = Crs.WGS84,
        known: str = "",
    ) -> Tile:
        """The cases opened in the last ``days``, of one kind or of all, counted in the bins of a tile.

        Where they are not all of the span, a layer ``cut`` says how many they are and since when.
        """
        places = self._places(engine, now, days, kind, scope, crs)
        wide, across = EXTENT // _BINS, EXTENT << spot.z
        x = np.floor(places.x * across).astype(np.int64) - spot.x * EXTENT
        y = np.floor(places.y * across).astype(np.int64) - spot.y * EXTENT
        here = (x >= -BUFFER) & (x < EXTENT + BUFFER) & (y >= -BUFFER) & (y < EXTENT + BUFFER)
        bins, many = np.unique(x[here] // wide * _ROW + y[here] // wide, return_counts=True)
        found = [(*_bin(key), n) for key, n in zip(bins.tolist(), many.tolist(), strict=True)]
        etag = hashlib.blake2b(repr((spot, crs, found, places.since)).encode(), digest_size=12).hexdigest()
        if etag == known:
            return Tile(etag, None)
        layer = Layer("cases")
        for column, row, n in found:
            layer.add_point(column * wide + wide // 2, row * wide + wide // 2, layer.tag("n", n))
        layers = [layer]
        if places.since is not None:
            cut = Layer("cut")
            middle, tags = EXTENT // 2, cut.tag("n", len(places.x)) + cut.tag("since", places.since.isoformat())
            cut.add_point(middle, middle, tags)
            layers.append(cut)
        return Tile(etag, tile_of(*layers))

    def _places(self, engine: Engine, now: datetime, days: int, kind: str, scope: str, crs: Crs) -> _Places:
        key = (days, kind, scope, crs)
        # the tiles of one look come at once: the first reads for all of them
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or abs(now - kept.read_at) > _KEPT:
                with reading(engine) as tx:
                    read = _read(tx, now - timedelta(days=days), kind, scope)
                since = None
                if len(read) > MOST_CASES:
                    read = sorted(read, key=lambda row: row.opened_at, reverse=True)[:MOST_CASES]
                    since = read[-1].opened_at
                world = TileFrame(Spot(0, 0, 0), crs)
                placed = np.array([world.exactly(lon, lat) for lon, lat, _ in read], np.float64).reshape(-1, 2) / EXTENT
                kept = _Places(now, since, placed[:, 0].copy(), placed[:, 1].copy())
                self._kept[key] = kept
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT_SPANS:
                self._kept.popitem(last=False)
        return kept


def _bin(key: int) -> tuple[int, int]:
    """Column and row of a bin."""
    column = (key + _ROW // 2) // _ROW
    return column, key - column * _ROW


def _read(tx: Connection, since: datetime, kind: str, scope: str) -> Sequence[Any]:
    """Longitude, latitude and opening of each of the newest cases; of one more than are drawn where there are more."""
    told = (case.c.asset_id, case.c.lon, case.c.lat, case.c.opened_at)
    newest = select(*told).where(case.c.opened_at >= since, case.c.stage != Stage.VOID.value)
    if kind:
        newest = newest.where(case.c.kind == kind)
    if scope:
        newest = newest.where(digits_begin(case.c.lies_in, scope))
    # by the index over the time of opening: no more is looked at than the span holds
    some = newest.order_by(case.c.opened_at.desc()).limit(MOST_CASES + 1).subquery()
    lon, lat = func.coalesce(asset.c.lon, some.c.lon), func.coalesce(asset.c.lat, some.c.lat)
    query = select(lon, lat, some.c.opened_at).select_from(some.outerjoin(asset, asset.c.id == some.c.asset_id))
    return tx.execute(query).all()
