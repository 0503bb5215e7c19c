"""The quantities a device can measure: one row per point name, with its unit and the range a value must be in.

A value outside ``sane`` is physically impossible for the sensors in use and goes to the dead letters. Unit symbols are
those of SenML (RFC 8428, secondary units of RFC 8798).
"""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.kinds import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class PointSpec:
    """One measured quantity: SenML unit symbol, possible range, decimals to show, families that have it.

    ``usual``: a device fitted without a list of its points has it. The others are those of bought sensors.
    """

    name: str
    unit: str
    sane: tuple[float, float]
    decimals: int
    families: frozenset[Family]
    usual: bool = True


_BOTH = frozenset({Family.COVER, Family.LIGHT})


def _bought(name: str, unit: str, low: float, high: float, decimals: int = 0) -> PointSpec:
    return PointSpec(name=name, unit=unit, sane=(low, high), decimals=decimals, families=_BOTH, usual=False)


_COUNT = 4294967295.0

POINTS: dict[str, PointSpec] = {
    spec.name: spec
    for spec in (
        PointSpec(name="tilt_x", unit="deg", sane=(-180.0, 180.0), decimals=2, families=_BOTH),
        PointSpec(name="tilt_y", unit="deg", sane=(-180.0, 180.0), decimals=2, families=_BOTH),
        PointSpec(name="tilt_z", unit="deg", sane=(-180.0, 180.0), decimals=2, families=_BOTH),
        PointSpec(name="displacement", unit="mm", sane=(-500.0, 2000.0), decimals=1, families=_BOTH),
        PointSpec(name="vibration", unit="mm/s", sane=(0.0, 500.0), decimals=1, families=_BOTH),
        PointSpec(
            name="water_level", unit="mm", sane=(-500.0, 20000.0), decimals=0, families=frozenset({Family.COVER})
        ),
        PointSpec(name="temperature", unit="Cel", sane=(-50.0, 90.0), decimals=1, families=_BOTH),
        PointSpec(name="battery", unit="%EL", sane=(0.0, 100.0), decimals=0, families=_BOTH),
        PointSpec(name="uptime", unit="s", sane=(0.0, _COUNT), decimals=0, families=_BOTH),
        PointSpec(name="sample_count", unit="1", sane=(0.0, _COUNT), decimals=0, families=_BOTH),
        # what other platforms tell, as its severity (registry.domain.external_events); any asset can have that
        PointSpec(name="event", unit="1", sane=(0.0, 3.0), decimals=0, families=frozenset(Family), usual=False),
        # what bought sensors measure beside these; flags and switches are 0 or 1
        _bought("battery_voltage", "V", 0.0, 30.0, 2),
        _bought("battery_low", "1", 0.0, 1.0),
        _bought("distance", "mm", 0.0, 50000.0),
        _bought("distance_min", "mm", 0.0, 65535.0),
        _bought("distance_max", "mm", 0.0, 65535.0),
        _bought("distance_median", "mm", 0.0, 65535.0),
        _bought("distance_change", "mm", -50000.0, 50000.0),
        _bought("valid_samples", "1", 0.0, 65535.0),
        _bought("reliability", "dB", -400.0, 400.0, 1),
        _bought("echo", "1", -400.0, 400.0, 1),
        _bought("fill_level", "%", 0.0, 100.0),
        _bought("pressure", "hPa", -2000.0, 30000.0, 1),
        _bought("conductivity", "S/m", 0.0, 10.0, 4),
        _bought("freezing", "1", 0.0, 1.0),
        _bought("extension", "%", -5.0, 105.0, 2),
        _bought("humidity", "%RH", 0.0, 100.0, 1),
        _bought("open", "1", 0.0, 1.0),
        _bought("contact", "1", 0.0, 1.0),
        _bought("open_count", "1", 0.0, _COUNT),
        _bought("open_duration", "s", 0.0, _COUNT),
        _bought("leak", "1", 0.0, 1.0),
        _bought("leak_count", "1", 0.0, _COUNT),
        _bought("leak_duration", "s", 0.0, _COUNT),
        _bought("tilted", "1", 0.0, 1.0),
        _bought("tilt_alarm", "1", 0.0, 1.0),
        _bought("tilt_alarm_x", "1", 0.0, 1.0),
        _bought("tilt_alarm_y", "1", 0.0, 1.0),
        _bought("tilt_alarm_z", "1", 0.0, 1.0),
        _bought("level_alarm", "1", 0.0, 1.0),
        _bought("fire_alarm", "1", 0.0, 1.0),
        _bought("device_alarm", "1", 0.0, 1.0),
        _bought("blind_zone", "1", 0.0, 1.0),
        _bought("acceleration_x", "m/s2", -200.0, 200.0, 2),
        _bought("acceleration_y", "m/s2", -200.0, 200.0, 2),
        _bought("acceleration_z", "m/s2", -200.0, 200.0, 2),
        _bought("velocity_x", "mm/s", -2000.0, 2000.0, 1),
        _bought("velocity_y", "mm/s", -2000.0, 2000.0, 1),
        _bought("velocity_z", "mm/s", -2000.0, 2000.0, 1),
        _bought("rate_x", "deg/s", -2000.0, 2000.0, 2),
        _bought("rate_y", "deg/s", -2000.0, 2000.0, 2),
        _bought("rate_z", "deg/s", -2000.0, 2000.0, 2),
        _bought("moving", "1", 0.0, 1.0),
        _bought("motion_count", "1", 0.0, _COUNT),
        _bought("outside", "1", 0.0, 1.0),
        _bought("latitude", "lat", -90.0, 90.0, 6),
        _bought("longitude", "lon", -180.0, 180.0, 6),
        _bought("rssi", "dBm", -150.0, 0.0),
        _bought("light", "lx", 0.0, 200000.0),
        _bought("co2", "ppm", 0.0, 65535.0),
        _bought("external_temperature", "Cel", -100.0, 200.0, 1),
        _bought("surface_temperature", "Cel", -100.0, 400.0, 1),
        _bought("sound_peak", "dB", 0.0, 255.0),
        _bought("sound_average", "dB", 0.0, 255.0),
        _bought("occupied", "1", 0.0, 2.0),
        _bought("wetness", "1", 0.0, 255.0),
        _bought("analog", "V", -40.0, 70.0, 3),
        _bought("pulses", "1", 0.0, 65535.0),
        _bought("pulse_count", "1", 0.0, _COUNT),
        # the second input of a sensor that has two
        _bought("contact_2", "1", 0.0, 1.0),
        _bought("analog_2", "V", -40.0, 70.0, 3),
        _bought("external_temperature_2", "Cel", -100.0, 200.0, 1),
        _bought("pulses_2", "1", 0.0, 65535.0),
        _bought("pulse_count_2", "1", 0.0, _COUNT),
    )
}
