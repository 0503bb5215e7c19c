"""Roughly where a city is: two corners, rounded to a kilometre, that say nothing about any single thing."""

from __future__ import annotations

import math

from sqlalchemy import Engine, select

from registry.storage.database import reading
from registry.storage.tables import asset

_SAMPLE = 500


def city_frame(engine: Engine) -> list[list[float]]:
    """South-west and north-east corner (lon, lat) around a sample of what is on file; [] where nothing is."""
    places = select(asset.c.lon, asset.c.lat).where(asset.c.merged_into_id.is_(None))
    with reading(engine) as tx:
        found = [
            *tx.execute(places.order_by(asset.c.id).limit(_SAMPLE)),
            *tx.execute(places.order_by(asset.c.id.desc()).limit(_SAMPLE)),
        ]
    if not found:
        return []
    lons, lats = [row.lon for row in found], [row.lat for row in found]
    return [
        [math.floor(min(lons) * 100) / 100, math.floor(min(lats) * 100) / 100],
        [math.ceil(max(lons) * 100) / 100, math.ceil(max(lats) * 100) / 100],
    ]
