"""Vector tiles as maps read them (Mapbox Vector Tile 2.1), written by hand: a few fields of protobuf. Pure.

PostGIS would draw them in the database, SQLite has nothing of the kind, and both are to answer the same. A tile is a
list of layers; a layer keeps each word and each number once, and its features point at them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from registry.domain.geo import Box, Crs, Place, gcj02_to_wgs84, wgs84_to_gcj02

EXTENT = 4096
"""A tile is as many units wide and high."""
BUFFER = 64
"""As far beyond its edges features are still in it, so that a symbol is not cut in two."""
MEDIA_TYPE = "application/vnd.mapbox-vector-tile"
MOST_ZOOM = 22
_HIGHEST_LAT = 85.051128779806604
_SHIFT_DEG = 0.012  # more than GCJ-02 lies off anywhere in China
_BEND_DEG = 0.0005  # more than the shift bends within a tile of a town's size
_TOWN_ZOOM = 12

Value = str | int


class Spot(NamedTuple):
    """Which tile: zoom, column from the west, row from the north."""

    z: int
    x: int
    y: int

    @property
    def exists(self) -> bool:
        """Whether the world has it."""
        return 0 <= self.z <= MOST_ZOOM and 0 <= self.x < 1 << self.z and 0 <= self.y < 1 << self.z


class TileFrame:
    """One tile's piece of the world: which box of WGS-84 it shows, and where a place lies in it.

    ``crs`` is the base map's: tiles of a GCJ-02 map show every place where that map has it.
    """

    def __init__(self, spot: Spot, crs: Crs = Crs.WGS84) -> None:
        self.spot = spot
        self.crs = crs
        self._across = float(EXTENT << spot.z)
        self._left = float(spot.x * EXTENT)
        self._top = float(spot.y * EXTENT)

    def box(self, buffer: int = BUFFER) -> Box:
        """The WGS-84 box that holds all that lies in the tile and its buffer."""
        west, north = self._degrees(-buffer, -buffer)
        east, south = self._degrees(EXTENT + buffer, EXTENT + buffer)
        if self.crs is not Crs.GCJ02:
            return Box(west, south, east, north)
        if self.spot.z < _TOWN_ZOOM:
            return Box(west - _SHIFT_DEG, south - _SHIFT_DEG, east + _SHIFT_DEG, north + _SHIFT_DEG)
        corners = [gcj02_to_wgs84(Place(lon, lat)) for lon in (west, east) for lat in (south, north)]
        lons, lats = [corner.lon for corner in corners], [corner.lat for corner in corners]
        return Box(min(lons) - _BEND_DEG, min(lats) - _BEND_DEG, max(lons) + _BEND_DEG, max(lats) + _BEND_DEG)

    def point(self, lon: float, lat: float) -> tuple[int, int]:
        """Where a WGS-84 place lies, in whole units from the tile's north-western corner."""
        x, y = self.exactly(lon, lat)
        return math.floor(x), math.floor(y)

    def exactly(self, lon: float, lat: float) -> tuple[float, float]:
        """``point`` before it is made whole."""
        if self.crs is Crs.GCJ02:
            lon, lat = wgs84_to_gcj02(Place(lon, lat))
        lat = min(max(lat, -_HIGHEST_LAT), _HIGHEST_LAT)
        down = 0.5 - math.asinh(math.tan(math.radians(lat))) / math.tau
        return (lon + 180.0) / 360.0 * self._across - self._left, down * self._across - self._top

    def place(self, x: float, y: float) -> Place:
        """The place at a point of the tile, in the map's own system."""
        return Place(*self._degrees(x, y))

    def _degrees(self, x: float, y: float) -> tuple[float, float]:
        down = min(max((self._top + y) / self._across, 0.0), 1.0)
        lat = math.degrees(math.atan(math.sinh(math.pi * (1.0 - 2.0 * down))))
        return (self._left + x) / self._across * 360.0 - 180.0, lat


def within(x: int, y: int, buffer: int = BUFFER) -> bool:
    """Whether a point lies in a tile or its buffer."""
    return -buffer <= x <= EXTENT + buffer and -buffer <= y <= EXTENT + buffer


def varint(number: int) -> bytes:
    """A number that is not negative, seven bits a byte."""
    if number < _LARGE:
        return _SMALL[number]
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def zigzag(number: int) -> bytes:
    """A number with a sign."""
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


_LARGE = 16_384
_SMALL = [bytes((n,)) if n < 128 else bytes((n & 127 | 128, n >> 7)) for n in range(_LARGE)]


class Layer:
    """One layer while it is written: keys and values are kept once, and ``tag`` says where."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._keys: dict[str, bytes] = {}
        self._values: dict[Value, bytes] = {}
        self._said: dict[tuple[str, Value], bytes] = {}
        self._written: list[bytes] = []
        self._features: list[bytes] = []

    def __len__(self) -> int:
        return len(self._features)

    def tag(self, key: str, value: Value) -> bytes:
        """The pair (key, value) for ``add``; pairs are joined one behind the other."""
        said = self._said.get((key, value))
        if said is None:
            said = self._said[key, value] = self._key(key) + self._value(value)
        return said

    def tag_once(self, key: str, value: Value) -> bytes:
        """``tag`` of a value that hardly any other feature has: an id, a name."""
        written = self._written
        number = len(written)
        written.append(_value(value))
        kept = self._keys.get(key) or self._key(key)
        return kept + (_SMALL[number] if number < _LARGE else varint(number))

    def add_point(self, x: int, y: int, tags: bytes, *, feature_id: int | None = None) -> None:
        """A point with its pairs."""
        self._add(b"\x18\x01", b"\x09" + zigzag(x) + zigzag(y), tags, feature_id)

    def add_polygon(
        self, rings: Iterable[Sequence[tuple[int, int]]], tags: bytes, *, feature_id: int | None = None
    ) -> None:
        """Rings without their closing point: outer ones clockwise on the screen, holes the other way, each after its
        outer ring."""
        commands = bytearray()
        x = y = 0
        for ring in rings:
            commands += b"\x09" + zigzag(ring[0][0] - x) + zigzag(ring[0][1] - y)
            commands += varint((len(ring) - 1) << 3 | 2)
            x, y = ring[0]
            for to_x, to_y in ring[1:]:
                commands += zigzag(to_x - x) + zigzag(to_y - y)
                x, y = to_x, to_y
            commands += b"\x0f"
        self._add(b"\x18\x03", bytes(commands), tags, feature_id)

    def _add(self, kind: bytes, geometry: bytes, tags: bytes, feature_id: int | None) -> None:
        own_id = b"" if feature_id is None else b"\x08" + varint(feature_id)
        feature = b"%b\x12%b%b%b\x22%b%b" % (own_id, varint(len(tags)), tags, kind, varint(len(geometry)), geometry)
        self._features.append(b"\x12" + varint(len(feature)) + feature)

    def _key(self, key: str) -> bytes:
        kept = self._keys.get(key)
        if kept is None:
            kept = self._keys[key] = varint(len(self._keys))
        return kept

    def _value(self, value: Value) -> bytes:
        kept = self._values.get(value)
        if kept is None:
            kept = self._values[value] = varint(len(self._written))
            self._written.append(_value(value))
        return kept

    def encoded(self) -> bytes:
        """The layer as a field of a tile; nothing where it has no feature."""
        if not self._features:
            return b""
        parts = [b"\x78\x02", _text(0x0A, self._name), *self._features]
        parts += [_text(0x1A, key) for key in self._keys]
        parts += self._written
        parts.append(b"\x28" + varint(EXTENT))
        body = b"".join(parts)
        return b"\x1a" + varint(len(body)) + body


def tile_of(*layers: Layer) -> bytes:
    """The tile; empty when nothing is in it."""
    return b"".join(layer.encoded() for layer in layers)


def _text(field: int, text: str) -> bytes:
    encoded = text.encode()
    return bytes((field,)) + varint(len(encoded)) + encoded


def _value(value: Value) -> bytes:
    """A value as a field of its layer."""
    if isinstance(value, str):
        encoded = value.encode()
        text = b"\x0a" + varint(len(encoded)) + encoded
        return b"\x22" + varint(len(text)) + text
    number = b"\x20" + varint(value) if value >= 0 else b"\x30" + zigzag(value)
    return b"\x22" + _SMALL[len(number)] + number
