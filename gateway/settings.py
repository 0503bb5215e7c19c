"""What a cabinet is told in ``cabinet.toml``: frozen values; reading and checking the file is the entry point's work.

Each field carries its help and unit, from which the documentation's table is made. ``problems`` says what the types
alone can't: what is wrong and how to mend it, all at once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.ports import read_port
from gateway.source_checks import source_problems

_CABINET_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_LONGEST_PERIOD_S = 86_400
HIGHEST_ADDRESS = 247  # Modbus over serial line V1.02 §2.2: 248..255 are reserved, 0 is broadcast


def _about(text: str, *, unit: str = "", secret: bool = False) -> dict[str, Any]:
    return {"help": text, "unit": unit, "secret": secret}


@dataclass(frozen=True, slots=True, kw_only=True)
class CabinetIdentity:
    """``[cabinet]``: who this cabinet is."""

    id: str = field(metadata=_about("The cabinet's id in topics and in the registry: letters, digits, . _ -"))
    name: str = field(default="", metadata=_about("A name for people, such as the crossing it stands at"))
    profiles: str = field(default="", metadata=_about("Folder with further device profiles (*.toml); empty: only ours"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """``[broker]``: the MQTT broker the packs go to."""

    host: str = field(metadata=_about("Name or address of the MQTT broker"))
    port: int = field(default=1883, metadata=_about("Its port; usually 1883, with TLS 8883"))
    username: str = field(default="", metadata=_about("User name; empty: none"))
    password: str = field(default="", metadata=_about("Password", secret=True))
    tls_ca: str = field(default="", metadata=_about("File with the CA certificate the broker must show; empty: no TLS"))
    tls_cert: str = field(default="", metadata=_about("File with this cabinet's client certificate; empty: none"))
    tls_key: str = field(default="", metadata=_about("File with the key of that certificate"))
    keepalive_s: int = field(default=30, metadata=_about("How soon a dead connection is noticed", unit="s"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSettings:
    """``[spool]``: where readings wait until the city has them."""

    path: str = field(default="spool.db", metadata=_about("The spool file (SQLite); best on a disk of its own"))
    max_bytes: int = field(
        default=512 * 1024 * 1024,
        metadata=_about("Most bytes of readings kept; a reading takes about 45 (as CBOR 30)", unit="bytes"),
    )
    max_age_s: int = field(
        default=0,
        metadata=_about(
            "Packs that waited longer are dropped and counted; only time in which the cabinet runs counts;"
            " 0: kept at any age",
            unit="s",
        ),
    )
    full: Literal["drop_oldest_routine", "thin_routine"] = field(
        default="drop_oldest_routine",
        metadata=_about(
            "What goes when the spool is full: drop_oldest_routine: the oldest routine packs; thin_routine: from four"
            " fifths on, all but one routine reading per point and thin_to_s, then as before; urgent ones go last"
        ),
    )
    thin_to_s: float = field(
        default=600.0, metadata=_about("With thin_routine: one reading per point is kept in this time", unit="s")
    )
    flush_within_s: float = field(
        default=5.0,
        metadata=_about(
            "Routine answers of polled units are flushed to the disk together, this late at most, so that a flash card"
            " lives; a power cut (not a crash) may cost what came since; 0: each at once. Urgent ones are flushed at"
            " once in any case",
            unit="s",
        ),
    )
    letters_every_s: float = field(
        default=900.0,
        metadata=_about(
            "A polled unit whose answers can't be read says so at once, then once in this time for each reason, with"
            " how many answers that stands for; 0: every single answer",
            unit="s",
        ),
    )
    keep_damaged_days: int = field(
        default=90,
        metadata=_about(
            "How long a damaged spool file stays where it was set aside; what it still told was sent; 0: for ever",
            unit="days",
        ),
    )
    live_first_s: float = field(
        default=60.0,
        metadata=_about(
            "Once a lane's packs have waited this long, new ones queue up as a backlog, which is sent behind what is"
            " measured after the city is back; 0: strictly in order",
            unit="s",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkSettings:
    """``[uplink]``: how packs are sent."""

    format: Literal["json", "cbor"] = field(default="json", metadata=_about("SenML as json or cbor (a third smaller)"))
    window: int = field(
        default=256, metadata=_about("Most packs on the way, per lane, before the city must confirm one")
    )
    resend_after_s: float = field(
        default=10.0, metadata=_about("Silence after which packs are sent again; grows to 60 s", unit="s")
    )
    backlog_per_s: int = field(
        default=20_000,
        metadata=_about(
            "Most readings of the backlog sent in a second, so that a returning district does not flood the city;"
            " 0: as fast as the city confirms",
            unit="1/s",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSettings:
    """``[clock]``: when the time may be believed."""

    trust: Literal["plausible", "synchronised"] = field(
        default="plausible",
        metadata=_about(
            "plausible: a clock that says 2025 or later; synchronised: only once the kernel says that NTP or PTP holds"
            " it (for boxes without a battery for their clock). Until then readings wait in the spool without a date"
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSettings:
    """``[bus.unit.report.POINT]``: when a routine value of this point is worth sending; urgent ones always are."""

    on_change: bool = field(default=False, metadata=_about("When it differs from the value sent last"))
    deadband: float = field(default=0.0, metadata=_about("When it differs by more than this, in the point's unit"))
    every_s: float = field(
        default=0.0, metadata=_about("At least this often, whatever the value; 0 alone: always", unit="s")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSettings:
    """``[[bus.unit]]``: one sensor unit on a bus."""

    address: int = field(metadata=_about("Modbus address (unit_id), 1 to 247"))
    serial: str = field(metadata=_about("The device's serial number, as the registry knows it"))
    profile: str = field(metadata=_about("Device profile, such as cc-cover-1"))
    urgent_above: dict[str, float] = field(
        default_factory=dict,
        metadata=_about("Urgent limits of this unit by point, such as water_level = 2000.0; before the profile's"),
    )
    poll_every_s: float = field(default=0.0, metadata=_about("How often this unit is asked; 0: as its bus", unit="s"))
    report: dict[str, ReportSettings] = field(
        default_factory=dict,
        metadata=_about("When this unit's points are reported, such as tilt_x = { deadband = 0.2, every_s = 600.0 }"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BusSettings:
    """``[[bus]]``: one RS-485 line, or a Modbus TCP server in its place."""

    name: str = field(metadata=_about("The line's name in logs and in the cabinet's state"))
    port: str = field(metadata=_about("Serial device (/dev/ttyS0), tcp://host:502 or rtu+tcp://host:port"))
    baud: int = field(
        default=9600, metadata=_about("Speed of the line (8 data bits, no parity, 1 stop bit)", unit="Bd")
    )
    timeout_s: float = field(default=0.3, metadata=_about("How long a unit may take to answer", unit="s"))
    retries: int = field(default=2, metadata=_about("How often a damaged answer is asked for again within one cycle"))
    poll_every_s: float = field(default=2.0, metadata=_about("Every unit is asked this often", unit="s"))
    unit: tuple[UnitSettings, ...] = field(default=(), metadata=_about("The units on this line"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSettings:
    """``[remote]``: what the city may do from afar."""

    enabled: bool = field(default=True, metadata=_about("Whether commands and configurations from the city are obeyed"))
    folder: str = field(
        default="", metadata=_about("Folder of its files (configuration, commands, password); empty: beside the spool")
    )
    rollback_after_s: float = field(
        default=120.0,
        metadata=_about("A new configuration through which the city is not heard within this is taken back", unit="s"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """``[metrics]``: where the cabinet is watched (Prometheus ``/metrics``, and ``/healthz``)."""

    host: str = field(
        default="127.0.0.1", metadata=_about("Address to listen on; another one only where the monitoring alone gets")
    )
    port: int = field(default=9464, metadata=_about("Port to listen on; 0: none"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings:
    """``[push]``: where platforms push to us over HTTP; only listened on when a source needs it."""

    host: str = field(default="127.0.0.1", metadata=_about("Address to listen on; put a TLS proxy in front"))
    port: int = field(default=8070, metadata=_about("Port to listen on"))
    max_bytes: int = field(default=262_144, metadata=_about("Largest body taken; larger ones get 413", unit="bytes"))
    per_second: float = field(
        default=50.0, metadata=_about("Requests a second and source; more get 429 and are to come again", unit="1/s")
    )
    answer_within_s: float = field(
        default=4.0,
        metadata=_about("How long an answer waits for a spool that refuses, before it says 503: come again", unit="s"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDevice:
    """``[[source.device]]``: one device that speaks through this source."""

    id: str = field(metadata=_about("Its identity there: DevEUI, IMEI, group/node/device, or a name"))
    serial: str = field(metadata=_about("The device's serial number, as the registry knows it"))
    profile: str = field(metadata=_about("Device profile, such as milesight-em310-tilt"))
    urgent_above: dict[str, float] = field(
        default_factory=dict,
        metadata=_about("Urgent limits of this device by point; before the profile's"),
    )
    report: dict[str, ReportSettings] = field(
        default_factory=dict, metadata=_about("When this device's points are reported; before the profile's")
    )
    settings: dict[str, Any] = field(
        default_factory=dict, metadata=_about("What the profile leaves open for each device, such as kp or open_is")
    )


SourceKind = Literal[
    "chirpstack", "things_stack", "json_mqtt", "sparkplug", "ctwing", "onenet", "json_http", "serial_frames"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """``[[source]]``: a network, platform or line through which further devices speak."""

    name: str = field(metadata=_about("The source's name in logs, in the state and in its MQTT client id"))
    kind: SourceKind = field(metadata=_about("What speaks there: chirpstack, things_stack, json_mqtt, sparkplug, …"))
    broker: BrokerSettings | None = field(default=None, metadata=_about("Its MQTT broker, as [source.broker]"))
    topics: tuple[str, ...] = field(
        default=(), metadata=_about("Topics instead of the usual ones; json_mqtt: {device} stands for the identity")
    )
    path: str = field(default="", metadata=_about("Pushes: the path in our URL; for ctwing it is the secret"))
    token: str = field(
        default="", metadata=_about("Pushes: the token set in the platform; json_http: as Bearer token", secret=True)
    )
    id_path: str = field(default="", metadata=_about("JSON: dotted path to the device's identity, such as meta.sn"))
    port: str = field(default="", metadata=_about("serial_frames: serial device, or rtu+tcp://host:port"))
    baud: int = field(default=9600, metadata=_about("serial_frames: speed of the line", unit="Bd"))
    ask: str = field(default="", metadata=_about("serial_frames: request in hex, sent every ask_every_s"))
    ask_every_s: float = field(default=2.0, metadata=_about("serial_frames: how often ask is sent", unit="s"))
    profile: str = field(
        default="", metadata=_about("Profile of devices that stand in no table; empty: they go to the dead letters")
    )
    device: tuple[SourceDevice, ...] = field(default=(), metadata=_about("The devices that speak here"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CabinetSettings:
    """All of ``cabinet.toml``; field names are the file's table names."""

    cabinet: CabinetIdentity
    broker: BrokerSettings
    spool: SpoolSettings = field(default_factory=SpoolSettings)
    uplink: UplinkSettings = field(default_factory=UplinkSettings)
    clock: ClockSettings = field(default_factory=ClockSettings)
    remote: RemoteSettings = field(default_factory=RemoteSettings)
    push: PushSettings = field(default_factory=PushSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    bus: tuple[BusSettings, ...] = ()
    source: tuple[SourceSettings, ...] = ()


def problems(settings: CabinetSettings) -> list[str]:
    """Everything in ``settings`` that can't work, as ``field: what is wrong and how to mend it``; empty when usable."""
    return [
        *_identity_problems(settings),
        *_number_problems(settings),
        *_bus_problems(settings),
        *source_problems(settings),
    ]


def _identity_problems(settings: CabinetSettings) -> Iterator[str]:
    if not _CABINET_ID.fullmatch(settings.cabinet.id):
        yield (
            f"cabinet.id: {settings.cabinet.id!r} can't stand in an MQTT topic; "
            "use 1 to 64 letters, digits, dots, underscores or hyphens"
        )
    if not settings.broker.host:
        yield "broker.host: is empty; write the name or address of the MQTT broker"
    if bool(settings.broker.tls_cert) != bool(settings.broker.tls_key):
        yield "broker.tls_key: a client certificate needs both tls_cert and tls_key"
    if settings.broker.tls_cert and not settings.broker.tls_ca:
        yield "broker.tls_ca: is empty; a client certificate is only shown over TLS, so name the CA file"


def _number_problems(settings: CabinetSettings) -> Iterator[str]:
    for name, value, low, high in (
        ("broker.port", settings.broker.port, 1, 65535),
        ("broker.keepalive_s", settings.broker.keepalive_s, 1, 3600),
        ("spool.max_bytes", settings.spool.max_bytes, 65536, 1 << 50),
        ("spool.max_age_s", settings.spool.max_age_s, 0, 10 * 365 * 86400),
        ("spool.thin_to_s", settings.spool.thin_to_s, 1, 86400),
        ("spool.flush_within_s", settings.spool.flush_within_s, 0, 3600),
        ("spool.letters_every_s", settings.spool.letters_every_s, 0, 86400),
        ("spool.keep_damaged_days", settings.spool.keep_damaged_days, 0, 36_500),
        ("spool.live_first_s", settings.spool.live_first_s, 0, 30 * 86400),
        ("uplink.backlog_per_s", settings.uplink.backlog_per_s, 0, 10_000_000),
        ("uplink.window", settings.uplink.window, 1, 1024),
        ("metrics.port", settings.metrics.port, 0, 65535),
        ("remote.rollback_after_s", settings.remote.rollback_after_s, 1, 3600),
        ("uplink.resend_after_s", settings.uplink.resend_after_s, 0.1, 3600),
    ):
        if not low <= value <= high:
            yield f"{name}: is {value}; it must be between {low} and {high}"


def _bus_problems(settings: CabinetSettings) -> Iterator[str]:
    names = Counter(bus.name for bus in settings.bus)
    ports = Counter(bus.port for bus in settings.bus)
    serials = Counter(unit.serial for bus in settings.bus for unit in bus.unit)
    for place, bus in enumerate(settings.bus):
        at = f"bus[{place}]"
        if not bus.name or names[bus.name] > 1:
            yield f"{at}.name: {bus.name!r} is empty or used twice; every bus needs a name of its own"
        if not bus.port or ports[bus.port] > 1:
            yield f"{at}.port: {bus.port!r} is empty or used twice; every bus is one serial device or server"
        try:
            port = read_port(bus.port)
        except ValueError as error:
            yield f"{at}.port: {error}"
            continue
        for name, value, low, high in (
            ("baud", bus.baud, 300, 4_000_000),
            ("timeout_s", bus.timeout_s, 0.01, 60),
            ("retries", bus.retries, 0, 10),
            ("poll_every_s", bus.poll_every_s, 0.05, _LONGEST_PERIOD_S),
        ):
            if not low <= value <= high:
                yield f"{at}.{name}: is {value}; it must be between {low} and {high}"
        addresses = Counter(unit.address for unit in bus.unit)
        for number, unit in enumerate(bus.unit):
            here = f"{at}.unit[{number}]"
            # On TCP a server that is the device itself is addressed as 0 or 255.
            low, high = (0, 255) if port.framing == "tcp" else (1, HIGHEST_ADDRESS)
            if not low <= unit.address <= high:
                yield f"{here}.address: is {unit.address}; Modbus units here have addresses from {low} to {high}"
            yield from _unit_problems(here, unit, addresses, serials)


def _unit_problems(at: str, unit: UnitSettings, addresses: Counter[int], serials: Counter[str]) -> Iterator[str]:
    if unit.poll_every_s and not 0.05 <= unit.poll_every_s <= _LONGEST_PERIOD_S:
        yield f"{at}.poll_every_s: is {unit.poll_every_s}; it must be 0 (as its bus) or 0.05 to {_LONGEST_PERIOD_S}"
    if addresses[unit.address] > 1:
        yield f"{at}.address: {unit.address} is used twice on this bus; two units would answer at once"
    if not _SERIAL.fullmatch(unit.serial):
        yield f"{at}.serial: {unit.serial!r} can't be a name in SenML; use letters, digits, . _ : -"
    elif serials[unit.serial] > 1:
        yield f"{at}.serial: {unit.serial!r} is used twice in this cabinet; each device has its own"
