"""The quantities a device can measure: one row per point name, with its unit and the range a value must be in.

A value outside ``sane`` is physically impossible for the sensors in use and goes to the dead letters. Unit symbols are
those of SenML (RFC 8428, secondary units of RFC 8798).
"""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.kinds import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class PointSpec:
    """One measured quantity: SenML unit symbol, possible range, decimals to show, families that have it."""

    name: str
    unit: str
    sane: tuple[float, float]
    decimals: int
    families: frozenset[Family]


_BOTH = frozenset({Family.COVER, Family.LIGHT})

POINTS: dict[str, PointSpec] = {
    spec.name: spec
    for spec in (
        PointSpec(name="tilt_x", unit="deg", sane=(-180.0, 180.0), decimals=2, families=_BOTH),
        PointSpec(name="tilt_y", unit="deg", sane=(-180.0, 180.0), decimals=2, families=_BOTH),
        PointSpec(name="tilt_z", unit="deg", sane=(0.0, 180.0), decimals=2, families=_BOTH),
        PointSpec(name="displacement", unit="mm", sane=(-500.0, 2000.0), decimals=1, families=_BOTH),
        PointSpec(name="vibration", unit="mm/s", sane=(0.0, 500.0), decimals=1, families=_BOTH),
        PointSpec(name="water_level", unit="mm", sane=(0.0, 20000.0), decimals=0, families=frozenset({Family.COVER})),
        PointSpec(name="temperature", unit="Cel", sane=(-50.0, 90.0), decimals=1, families=_BOTH),
        PointSpec(name="battery", unit="%EL", sane=(0.0, 100.0), decimals=0, families=_BOTH),
        PointSpec(name="uptime", unit="s", sane=(0.0, 4294967295.0), decimals=0, families=_BOTH),
        PointSpec(name="sample_count", unit="1", sane=(0.0, 4294967295.0), decimals=0, families=_BOTH),
    )
}
