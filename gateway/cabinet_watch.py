"""The cabinet's figures and health, read from its parts at the moment somebody asks; nothing is counted twice.

Labels are bounded: a cabinet has its own buses, units (at most 247 a line) and sources, and tells of no other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from gateway.modbus import Bus
from gateway.sources.reception import SourceHealth
from gateway.spool import Spool, SpoolDown
from gateway.uplink import Uplink
from gateway.watching import PartHealth

_UPLINK_PATIENCE_S = 60.0  # a SIM card that changes its cell is no fault
_NEARLY_FULL = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """The parts of a running cabinet. ``off_s``: how far its clock was found off; ``now``: Unix s, below 0 unset."""

    spool: Spool
    bound: int  # bytes
    buses: Sequence[Bus]
    sources: Callable[[], Sequence[SourceHealth]]
    uplink: Uplink
    now: Callable[[], float]
    off_s: Callable[[], float]
    suppressed: Callable[[], int]


class CabinetWatch:
    """What ``WatchDoor`` shows of a cabinet. One for the process; ``opened`` and ``closed`` tell of each life."""

    process = "edge"

    def __init__(self, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._inside: Inside | None = None
        self._up_s = 0.0

    def opened(self, inside: Inside) -> None:
        """The cabinet runs, with these parts."""
        self._up_s = self._ticks()
        self._inside = inside

    def closed(self) -> None:
        """Its parts are no more."""
        self._inside = None

    def parts(self) -> list[PartHealth]:
        """Spool, uplink, clock, every line, every source."""
        inside = self._inside
        if inside is None:
            return [PartHealth(part="cabinet", ok=False, reason="it is starting or stopping", fix="ask again")]
        return [
            self._spool_part(inside),
            self._uplink_part(inside),
            _clock_part(inside),
            *(_bus_part(bus) for bus in inside.buses),
            *(_source_part(source) for source in inside.sources()),
        ]

    def collect(self) -> Iterator[Metric]:
        """The cabinet's figures; none while it starts or stops."""
        inside = self._inside
        if inside is None:
            return
        yield from _spool_figures(inside)
        yield _gauge("uplink_up", "Whether the broker is connected (0 or 1)", float(inside.uplink.is_up))
        yield _gauge("clock_offset_seconds", "How far the clock was found off when it was last set", inside.off_s())
        yield _gauge("clock_set", "Whether the clock is believed (0 or 1)", float(inside.now() > 0))
        yield _counter("suppressed", "Readings not sent, being too like the ones before", inside.suppressed())
        yield from _bus_figures(inside.buses)
        yield from _source_figures(inside.sources())

    def _spool_part(self, inside: Inside) -> PartHealth:
        if inside.spool.refuses:
            return PartHealth(part="spool", ok=False, reason="the disk takes nothing", fix="free space on its disk")
        try:
            filled = inside.spool.status().bytes / inside.bound
        except SpoolDown as error:
            return PartHealth(part="spool", ok=False, reason=str(error), fix="look at its disk")
        if filled < _NEARLY_FULL:
            return PartHealth(part="spool", ok=True)
        return PartHealth(
            part="spool",
            ok=False,
            reason=f"{filled:.0%} of spool.max_bytes is in use",
            fix="bring the uplink back; raise spool.max_bytes where the disk has room",
        )

    def _uplink_part(self, inside: Inside) -> PartHealth:
        now_s = self._ticks()
        if inside.uplink.is_up:
            self._up_s = now_s
        if now_s - self._up_s < _UPLINK_PATIENCE_S:
            return PartHealth(part="uplink", ok=True)
        return PartHealth(
            part="uplink",
            ok=False,
            reason=f"the broker has not been reached for {now_s - self._up_s:.0f} s",
            fix="look at the SIM card, the network, [broker] and the broker's log; readings wait in the spool",
        )


def _clock_part(inside: Inside) -> PartHealth:
    if inside.now() > 0:
        return PartHealth(part="clock", ok=True)
    return PartHealth(
        part="clock",
        ok=False,
        reason="the time is not known yet; readings wait without a date",
        fix="let the box reach an NTP server, or give its clock a battery",
    )


def _bus_part(bus: Bus) -> PartHealth:
    health, name = bus.health(), f"bus {bus.settings.name}"
    if not health.units_silent or len(health.units_silent) < len(bus.settings.unit):
        return PartHealth(part=name, ok=True)
    return PartHealth(
        part=name,
        ok=False,
        reason="no unit answers",
        fix=f"look at {bus.settings.port}: adapter, power of the line, A and B swapped, baud {bus.settings.baud}",
    )


def _source_part(source: SourceHealth) -> PartHealth:
    if source.up:
        return PartHealth(part=f"source {source.name}", ok=True)
    return PartHealth(
        part=f"source {source.name}",
        ok=False,
        reason=f"the {source.kind} source is not connected",
        fix="look at its address and password in [[source]], and whether the other side runs",
    )


def _spool_figures(inside: Inside) -> Iterator[Metric]:
    spool = inside.spool
    try:
        status, dropped = spool.status(), spool.dropped_by_reason()
    except SpoolDown:
        yield _counter("store_errors", "How often a store could not be read or written", 1, {"store": "spool"})
        return
    yield _gauge(
        "queue_oldest_age_seconds",
        "How long the oldest unsent reading has waited",
        status.oldest_s if status.packs else 0.0,
    )
    yield _gauge("queue_records", "Readings that wait for the city", status.queued)
    yield _gauge("queue_undated_records", "Readings among them that wait for the clock", status.undated)
    yield _gauge("queue_backlog_packs", "Packs behind what is live", status.backlog)
    yield _gauge("queue_bytes", "What they take on the disk", status.bytes)
    yield _gauge("queue_limit_bytes", "Most they may take (spool.max_bytes)", inside.bound)
    yield _gauge("spool_refuses", "Whether the disk takes nothing (0 or 1)", float(spool.refuses))
    family = CounterMetricFamily("covercode_dropped", "Readings lost, by lane and reason", labels=("lane", "reason"))
    for (lane, reason), readings in sorted(dropped.items()):
        family.add_metric((lane, reason), readings)
    yield family
    yield _counter("spool_flushes", "Flushes of the disk", status.flushes)


def _bus_figures(buses: Sequence[Bus]) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "covercode_modbus_requests", "Requests by unit and what became of them", labels=("bus", "unit", "result")
    )
    quality = GaugeMetricFamily(
        "covercode_modbus_quality_ratio", "Share of its last 64 requests a unit answered", labels=("bus", "unit")
    )
    crc = CounterMetricFamily("covercode_bus_crc_errors", "Answers that came damaged", labels=("bus",))
    noise = CounterMetricFamily("covercode_bus_noise_bytes", "Bytes that belonged to no answer", labels=("bus",))
    busy = GaugeMetricFamily("covercode_bus_busy_ratio", "Share of the time the line is in use", labels=("bus",))
    silent = GaugeMetricFamily("covercode_bus_units_silent", "Units that do not answer", labels=("bus",))
    for bus in buses:
        health, name = bus.health(), bus.settings.name
        crc.add_metric((name,), health.crc_errors)
        noise.add_metric((name,), health.noise_bytes)
        busy.add_metric((name,), health.busy)
        silent.add_metric((name,), len(health.units_silent))
        for unit in bus.units():
            label = (name, str(unit.address))
            quality.add_metric(label, unit.quality)
            for result in ("answers", "timeouts", "damaged", "refused"):
                requests.add_metric((*label, result), getattr(unit, result))
    yield from (requests, quality, crc, noise, busy, silent)


def _source_figures(sources: Sequence[SourceHealth]) -> Iterator[Metric]:
    up = GaugeMetricFamily("covercode_source_up", "Whether a source is connected (0 or 1)", labels=("source", "kind"))
    messages = CounterMetricFamily("covercode_source_messages", "Messages that came", labels=("source",))
    readings = CounterMetricFamily("covercode_source_readings", "Readings in them", labels=("source",))
    undecoded = CounterMetricFamily(
        "covercode_source_undecoded", "Frames that could not be read", labels=("source", "reason")
    )
    for source in sources:
        up.add_metric((source.name, source.kind), float(source.up))
        messages.add_metric((source.name,), source.messages)
        readings.add_metric((source.name,), source.readings)
        for reason, frames in sorted(source.undecoded.items()):
            undecoded.add_metric((source.name, reason), frames)
    yield from (up, messages, readings, undecoded)


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"covercode_{name}", about, value=value)


def _counter(name: str, about: str, value: float, labels: dict[str, str] | None = None) -> CounterMetricFamily:
    family = CounterMetricFamily(f"covercode_{name}", about, labels=tuple(labels or ()))
    family.add_metric(tuple((labels or {}).values()), value)
    return family
