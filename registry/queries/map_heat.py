"""Where cases come from, as heat: those of some days binned to a grid of 64 × 64 in each tile."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, OrderedDict
from datetime import datetime, timedelta
from typing import NamedTuple

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
"""Of a span: the newest ones, so that a busy year costs no more than a busy month."""
MOST_DAYS = 366
_BINS = 64
_KEPT = timedelta(minutes=1)
_KEPT_SPANS = 24


class _Places(NamedTuple):
    read_at: datetime
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]


class CaseHeat:
    """The places of the cases of a span, kept for a minute; one for each process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, str, str], _Places] = OrderedDict()

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
        """The cases opened in the last ``days``, of one kind or of all, counted in the bins of a tile."""
        frame = TileFrame(spot, crs)
        places = self._places(engine, now, days, kind, scope)
        box = frame.box()
        here = (places.lon >= box.west) & (places.lon <= box.east)
        here &= (places.lat >= box.south) & (places.lat <= box.north)
        wide = EXTENT // _BINS
        bins: Counter[tuple[int, int]] = Counter()
        for lon, lat in zip(places.lon[here], places.lat[here], strict=True):
            x, y = frame.point(lon, lat)
            if -BUFFER <= x < EXTENT + BUFFER and -BUFFER <= y < EXTENT + BUFFER:
                bins[x // wide, y // wide] += 1
        etag = hashlib.blake2b(repr((spot, crs, sorted(bins.items()))).encode(), digest_size=12).hexdigest()
        if etag == known:
            return Tile(etag, None)
        layer = Layer("cases")
        for (x, y), n in sorted(bins.items()):
            layer.add_point(x * wide + wide // 2, y * wide + wide // 2, layer.tag("n", n))
        return Tile(etag, tile_of(layer))

    def _places(self, engine: Engine, now: datetime, days: int, kind: str, scope: str) -> _Places:
        key = (days, kind, scope)
        # the tiles of one look come at once: the first reads for all of them
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or abs(now - kept.read_at) > _KEPT:
                with reading(engine) as tx:
                    kept = _Places(now, *_read(tx, now - timedelta(days=days), kind, scope))
                self._kept[key] = kept
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT_SPANS:
                self._kept.popitem(last=False)
        return kept


def _read(tx: Connection, since: datetime, kind: str, scope: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes and latitudes."""
    # ids rise with time: the newest cases are a stretch at the end of the table
    newest = select(case).order_by(case.c.id.desc()).limit(MOST_CASES)
    if kind:
        newest = newest.where(case.c.kind == kind)
    some = newest.subquery()
    lon, lat = func.coalesce(asset.c.lon, some.c.lon), func.coalesce(asset.c.lat, some.c.lat)
    query = (
        select(lon, lat)
        .select_from(some.outerjoin(asset, asset.c.id == some.c.asset_id))
        .where(some.c.opened_at >= since, some.c.stage != Stage.VOID.value)
    )
    if scope:
        query = query.where(digits_begin(some.c.lies_in, scope))
    rows = tx.execute(query).all()
    found = np.array(rows, dtype=np.float64).reshape(-1, 2)
    return found[:, 0].copy(), found[:, 1].copy()
