"""The outlines of areas: read from GeoJSON, checked, mended when that is wanted, measured, compared. WGS-84 degrees.

Every flaw is a remark of ``registry.domain.areas``; nothing is repaired without saying so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from registry.domain.areas import Remark
from registry.domain.geo import PLACE_DECIMALS, Crs, Place, distance_m, to_wgs84

METRES_PER_DEGREE = 111_195.08
"""Along a meridian of the mean sphere."""

_LON_OF_CHINA = (73.0, 136.0)
_LAT_OF_CHINA = (3.0, 54.0)


class Unusable(Exception):
    """A geometry that can't be an area; ``remark`` says why."""

    def __init__(self, remark: Remark) -> None:
        super().__init__(remark.text())
        self.remark = remark


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A shape that can be kept, and what was noticed on the way."""

    shape: Any
    remarks: list[Remark]


def read_outline(geometry: dict[str, Any] | None, crs: Crs, *, mend: bool) -> Outline:
    """The polygon(s) of ``geometry`` in WGS-84. Raises ``Unusable``; self-crossing ones only pass with ``mend``."""
    remarks: list[Remark] = []
    polygons = []
    for rings in _polygons(geometry):
        points = [_ring(ring, crs, remarks) for ring in rings]
        polygons.append(shapely.Polygon(points[0], points[1:]))
    shape = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    if not shapely.is_valid(shape):
        shape = _mended(shape, mend, remarks)
    return Outline(shape=shape, remarks=remarks)


def square_metres(shape: Any) -> float:
    """The area on the ground, within half a percent."""
    lat = float(shapely.bounds(shape)[[1, 3]].mean()) if not shapely.is_empty(shape) else 0.0
    return float(shapely.area(shape)) * METRES_PER_DEGREE**2 * math.cos(math.radians(lat))


def to_text(shape: Any) -> str:
    """GeoJSON of ``shape``, the same for the same shape."""
    return str(shapely.to_geojson(shape))


def overlaps(shapes: Sequence[Any], tolerance_m2: float) -> Iterator[tuple[int, int, float]]:
    """Pairs of ``shapes`` (first < second) that share more than ``tolerance_m2``, and how much."""
    if len(shapes) < 2:
        return
    all_shapes = np.asarray(shapes, dtype=object)
    tree = shapely.STRtree(all_shapes)
    first, second = tree.query(all_shapes, predicate="intersects")
    pairs = np.stack([first, second])[:, first < second]
    shared = shapely.intersection(all_shapes[pairs[0]], all_shapes[pairs[1]])
    for one, other, common in zip(pairs[0].tolist(), pairs[1].tolist(), shared.tolist(), strict=True):
        m2 = square_metres(common)
        if m2 > tolerance_m2:
            yield one, other, m2


def joined(shapes: Sequence[Any]) -> tuple[Any, list[list[int]]]:
    """The union of ``shapes``, and the groups of them that hang together along an edge (one group: all adjacent)."""
    all_shapes = np.asarray(shapes, dtype=object)
    group = list(range(len(shapes)))

    def root(number: int) -> int:
        while group[number] != number:
            group[number] = group[group[number]]
            number = group[number]
        return number

    # Surveyed borders never meet to the last digit: within half a metre they are one line. A corner alone is no edge.
    near = 0.5 / METRES_PER_DEGREE
    first, second = shapely.STRtree(all_shapes).query(shapely.buffer(all_shapes, near), predicate="intersects")
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        if one < other:
            shared = shapely.intersection(
                shapely.buffer(all_shapes[one], near), shapely.buffer(all_shapes[other], near)
            )
            if shapely.length(shared) > 12 * near:
                group[root(other)] = root(one)
    groups: dict[int, list[int]] = {}
    for number in range(len(shapes)):
        groups.setdefault(root(number), []).append(number)
    return shapely.union_all(all_shapes), list(groups.values())


def _polygons(geometry: dict[str, Any] | None) -> list[list[Any]]:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if kind not in ("Polygon", "MultiPolygon") or not isinstance(coordinates, list) or not coordinates:
        raise Unusable(Remark("no_geometry", {"found": str(kind or "nothing")[:30]}))
    polygons = [coordinates] if kind == "Polygon" else coordinates
    for rings in polygons:
        if not isinstance(rings, list) or not rings or not all(isinstance(ring, list) for ring in rings):
            raise Unusable(Remark("bad_coordinates", {"found": str(rings)[:40]}))
    return polygons


def _ring(ring: list[Any], crs: Crs, remarks: list[Remark]) -> list[Place]:
    places = [_place(position, crs) for position in ring]
    if len(set(places)) < 3:
        raise Unusable(Remark("ring_short", {"found": len(set(places))}))
    if places[0] != places[-1]:
        gap_m = distance_m(places[0], places[-1])
        remarks.append(Remark("ring_open", {"gap_m": f"{gap_m:.2f}"}))
        places.append(places[0])
    return places


def _place(position: Any, crs: Crs) -> Place:
    numbers = isinstance(position, list) and len(position) >= 2
    if not numbers or not all(isinstance(each, int | float) for each in position[:2]):
        raise Unusable(Remark("bad_coordinates", {"found": str(position)[:40]}))
    lon, lat = float(position[0]), float(position[1])
    found = f"[{lon:.10g}, {lat:.10g}]"
    if _within(lon, _LAT_OF_CHINA) and _within(lat, _LON_OF_CHINA):
        raise Unusable(Remark("swapped", {"found": found}))
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise Unusable(Remark("metres", {"found": found}))
    kept = to_wgs84(Place(lon, lat), crs)
    return Place(round(kept.lon, PLACE_DECIMALS), round(kept.lat, PLACE_DECIMALS))


def _within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


def _mended(shape: Any, mend: bool, remarks: list[Remark]) -> Any:
    reason = str(shapely.is_valid_reason(shape))
    where = reason.partition("[")[2].rstrip("]") or reason  # the place says enough, and in every language
    parts = [part for part in shapely.get_parts(shapely.make_valid(shape)) if part.geom_type.endswith("Polygon")]
    mended = shapely.set_precision(shapely.union_all(parts), 10.0**-PLACE_DECIMALS) if parts else shapely.Polygon()
    m2 = square_metres(mended)
    values: dict[str, str | int | float] = {"where": where, "parts": len(shapely.get_parts(mended)), "m2": f"{m2:.0f}"}
    if not mend or m2 <= 0:
        raise Unusable(Remark("self_crossing", values))
    remarks.append(Remark("mended", values))
    return mended
