"""The fleet of a year: covers and poles along the streets of a town, in the reach of cabinets and their buses."""

from __future__ import annotations

import math
from dataclasses import dataclass

from firmware_sim.chance import key_of, uniform
from firmware_sim.physics import Body, Kind, fit

METRES_PER_DEGREE = 111_320.0
CENTRE = (110.36, 21.20)
COVERS = 0.7
ASSETS_PER_CABINET = 100
BLOCK_M = 150.0
_SHORT_BEAT_S, _LONG_BEAT_S = 6 * 3600.0, 12 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A sensor on its cover or pole. ``x_m`` and ``y_m`` are east and north of the town's centre.

    ``busy`` is its share of the heavy traffic, ``loss`` the part of its uplinks that the air swallows, ``beat_at_s``
    when within its period it speaks.
    """

    serial: str
    kind: Kind
    x_m: float
    y_m: float
    cabinet: str
    bus: str
    depth_mm: float
    height_m: float
    beat_s: float
    beat_at_s: float
    busy: float
    loss: float
    low_lying: float
    body: Body

    @property
    def lon(self) -> float:
        """Degrees east (WGS-84)."""
        return CENTRE[0] + self.x_m / (METRES_PER_DEGREE * math.cos(math.radians(CENTRE[1])))

    @property
    def lat(self) -> float:
        """Degrees north (WGS-84)."""
        return CENTRE[1] + self.y_m / METRES_PER_DEGREE

    @property
    def key(self) -> int:
        """What all its chance is drawn from."""
        return self.body.key


def side_m(assets: int) -> float:
    """How wide the square town is: 2,000 assets stand on six kilometres by six."""
    return 6000.0 * math.sqrt(assets / 2000.0)


def found_town(seed: int, assets: int) -> tuple[Unit, ...]:
    """``assets`` units along a grid of streets. The town is cut into squares, each the reach of one cabinet."""
    cells = max(2, round(math.sqrt(assets / ASSETS_PER_CABINET)))
    return tuple(_unit(seed, number, assets, cells) for number in range(assets))


def _unit(seed: int, number: int, assets: int, cells: int) -> Unit:
    kind: Kind = "cover" if uniform(key_of(seed, "kind"), 1, number) < COVERS else "pole"
    serial = f"{'CV' if kind == 'cover' else 'PL'}-{number:05d}"
    key = key_of(seed, "place", serial)
    wide = side_m(assets)
    along, street = uniform(key, 1) * wide, math.floor(uniform(key, 2) * wide / BLOCK_M) * BLOCK_M
    beside = (3.0 if kind == "cover" else 9.0) * (2.0 * uniform(key, 3) - 1.0)
    x, y = (along, street + beside) if uniform(key, 4) < 0.5 else (street + beside, along)
    x, y = min(max(x, 0.0), wide - 1.0), min(max(y, 0.0), wide - 1.0)
    cell = wide / cells
    column, row = int(x / cell), int(y / cell)
    half = int(x % cell >= cell / 2) + 2 * int(y % cell >= cell / 2)
    cabinet = f"cab-{row * cells + column + 1:02d}"
    beat_s = _SHORT_BEAT_S if uniform(key, 5) < 0.15 else _LONG_BEAT_S
    depth_mm, height_m = 1500.0 + 2500.0 * uniform(key, 6), 6.0 + 6.0 * uniform(key, 7)
    return Unit(
        serial=serial,
        kind=kind,
        x_m=x - wide / 2,
        y_m=y - wide / 2,
        cabinet=cabinet,
        bus=f"{cabinet}-b{half + 1}",
        depth_mm=depth_mm,
        height_m=height_m,
        beat_s=beat_s,
        beat_at_s=uniform(key, 8) * beat_s,
        busy=uniform(key, 9) ** 2,
        # most are heard well; a few stand in a cellar of concrete
        loss=0.12 if uniform(key, 10) < 0.02 else 0.01 + 0.03 * uniform(key, 11),
        low_lying=uniform(key, 12),
        body=fit(seed, serial, kind, depth_mm=depth_mm, height_m=height_m),
    )
