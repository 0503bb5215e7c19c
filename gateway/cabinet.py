"""The cabinet: buses and sources → spool → uplink, wired together and stopped in the right order.

May import libraries and the cabinet's other modules only: it must run on a box without Flask, SQLAlchemy or the
registry.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path

import structlog

from gateway.cabinet_watch import CabinetWatch, Inside
from gateway.clock_guard import ClockGuard
from gateway.device_profiles import BadProfile, DeviceProfile, load_profiles
from gateway.modbus import Bus, Sink
from gateway.remote import Ending, Remote
from gateway.reporting import Reporter, report_problems, report_rules
from gateway.senml import Item
from gateway.settings import CabinetSettings, problems
from gateway.sources.building import Part, build_sources, profile_problems
from gateway.spool import Lane, Spool, SpoolDown
from gateway.spool_aside import keep_tidy
from gateway.uplink import Uplink

_FLUSH_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.2
_LOOK_AT_CLOCK_EVERY_S = 0.5

log = structlog.get_logger(__name__)


class BadSettings(Exception):
    """The cabinet's settings can't work; the message names every field and its fix."""


class CabinetFailed(Exception):
    """A part of the cabinet ended that may not end; a new start is needed (and is what the service manager does)."""


def live(settings: CabinetSettings, *, stop: threading.Event, watch: CabinetWatch | None = None) -> Ending:
    """The cabinet under the city's hand: one life after the other (``run``), each with the configuration then in use.

    ``settings`` is ``cabinet.toml``. Returns when ``stop`` is set or the city wants the process started again. Raises
    what ``run`` raises, but not for a configuration on trial: that one is taken back.
    """
    faults = problems(settings)
    if faults:
        raise BadSettings("\n".join(faults))
    profiles = load_profiles(Path(settings.cabinet.profiles) if settings.cabinet.profiles else None)
    guard = clock_guard(settings)
    remote = Remote(settings, lambda wanted: _profile_faults(wanted, profiles), clock=guard.now)
    remote.start()
    while True:
        try:
            ending = run(remote.begin_life(), stop=stop, remote=remote, guard=guard, watch=watch)
        except (BadSettings, BadProfile, SpoolDown, CabinetFailed) as error:
            if not remote.roll_back(str(error)):
                raise
        else:
            if ending is not Ending.RECONFIGURE:
                return ending


def clock_guard(settings: CabinetSettings) -> ClockGuard:
    """The guard of this cabinet's clock, with what the process before knew of it."""
    guard = ClockGuard(trust=settings.clock.trust, kept=Path(f"{settings.spool.path}.clock"))
    guard.recall()
    return guard


def run(
    settings: CabinetSettings,
    *,
    stop: threading.Event,
    remote: Remote | None = None,
    guard: ClockGuard | None = None,
    watch: CabinetWatch | None = None,
) -> Ending:
    """Polls and sends until ``stop`` is set, then sends what is left for a few seconds and closes everything.

    Ends earlier, without waiting for the city, when ``remote`` says so. What the city has not confirmed by then stays
    in the spool. Raises ``BadSettings`` or ``BadProfile`` before
    anything is opened, ``SpoolInUse`` or ``SpoolDown`` when the spool can't be opened, ``CabinetFailed`` afterwards.
    """
    profiles = load_profiles(Path(settings.cabinet.profiles) if settings.cabinet.profiles else None)
    faults = [*problems(settings), *_profile_faults(settings, profiles)]
    if faults:
        raise BadSettings("\n".join(faults))
    guard = guard or clock_guard(settings)
    with Spool(settings.spool, wire=settings.uplink.format, clock=guard.now) as spool:
        reporter = Reporter(report_rules(settings, profiles), spool.put)
        # A polled unit has nobody to whom we say that we have its answer; whatever pushes or acknowledges has.
        polled = _sink(partial(reporter.put, soon=True), remote)
        pushed = _sink(partial(reporter.put, soon=False), remote)
        buses = [
            Bus(
                settings=bus,
                profiles=profiles,
                sink=polled,
                first_delay_s=_delay(place, settings),
                clock=guard.now,
            )
            for place, bus in enumerate(settings.bus)
        ]
        sources = build_sources(settings, profiles, pushed, clock=guard.now)
        uplink = Uplink(
            settings=settings,
            spool=spool,
            version=_version(),
            buses=lambda: [bus.health() for bus in buses],
            sources=sources.health,
            remote=remote,
            clock=guard.now,
            clock_off_s=lambda: guard.off_s,
            suppressed=lambda: reporter.suppressed,
        )
        if remote is not None:
            remote.built(buses)
        spool.on_pack = uplink.wake
        log.info(
            "cabinet_started",
            cabinet=settings.cabinet.id,
            buses=len(buses),
            sources=len(settings.source),
            epoch=spool.epoch,
        )
        parts = [Part(name=f"bus {bus.settings.name}", run=bus.run) for bus in buses]
        parts += [
            *sources.parts,
            Part(name="clock", run=lambda ended: keep_time(guard, spool, ended)),
            Part(name="tidying", run=lambda ended: keep_tidy(settings.spool, clock=guard.now, stop=ended)),
        ]
        if watch is not None:
            watch.opened(
                Inside(
                    spool=spool,
                    bound=settings.spool.max_bytes,
                    buses=buses,
                    sources=sources.health,
                    uplink=uplink,
                    now=guard.now,
                    off_s=lambda: guard.off_s,
                    suppressed=lambda: reporter.suppressed,
                )
            )
        try:
            ending = _run_parts(parts, uplink, stop, remote)
        finally:
            if watch is not None:
                watch.closed()
        log.info("cabinet_stopped", cabinet=settings.cabinet.id, left=spool.status().queued)
    return ending


def keep_time(guard: ClockGuard, spool: Spool, stop: threading.Event) -> None:
    """Looks at the clock until ``stop``; as soon as it is set, dates what waited for it in ``spool``."""
    while not stop.wait(_LOOK_AT_CLOCK_EVERY_S):
        guard.now()
        guard.keep()
        if guard.start_s is None or not spool.undated:
            continue
        try:
            entries = spool.date_undated(guard.start_s)
        except SpoolDown:  # the spool has logged it
            continue
        log.info("readings_dated", entries=entries)


def _sink(put: Callable[[Mapping[Lane, Sequence[Item]]], object], remote: Remote | None) -> Sink:
    """``put``; what it has taken is shown to ``remote`` too."""
    if remote is None:
        return put

    def put_and_show(readings_by_lane: Mapping[Lane, Sequence[Item]]) -> object:
        taken = put(readings_by_lane)
        remote.tap(readings_by_lane)
        return taken

    return put_and_show


def _run_parts(parts: Sequence[Part], uplink: Uplink, stop: threading.Event, remote: Remote | None) -> Ending:
    stop_buses, stop_uplink, failed = threading.Event(), threading.Event(), threading.Event()
    polling = [
        _start(part.name, lambda part=part: part.run(stop_buses), failed)  # type: ignore[misc]
        for part in parts
    ]
    sending = _start("uplink", lambda: uplink.run(stop_uplink), failed)
    ending = None
    while not stop.wait(_LOOK_EVERY_S) and not failed.is_set() and ending is None:
        ending = remote.ending() if remote is not None else None
    stop_buses.set()
    for thread in polling:
        thread.join()
    deadline_s = time.monotonic() + (_FLUSH_WITHIN_S if ending is None else 0.0)
    while not uplink.is_drained() and time.monotonic() < deadline_s and not failed.wait(_LOOK_EVERY_S):
        pass
    stop_uplink.set()
    uplink.wake()
    sending.join()
    if failed.is_set():
        raise CabinetFailed("a part of the cabinet failed; the log above says which, and why")
    return ending or Ending.STOPPED


def _start(name: str, work: Callable[[], None], failed: threading.Event) -> threading.Thread:
    """``work`` in a thread of its own; whatever ends it with an error stops the cabinet, never silently."""

    def watched() -> None:
        try:
            work()
        except Exception:
            log.exception("part_failed", part=name)
            failed.set()

    thread = threading.Thread(target=watched, name=name, daemon=True)
    thread.start()
    return thread


def _profile_faults(settings: CabinetSettings, profiles: dict[str, DeviceProfile]) -> list[str]:
    return [
        *_unknown_profiles(settings, profiles),
        *profile_problems(settings, profiles),
        *report_problems(settings, profiles),
    ]


def _unknown_profiles(settings: CabinetSettings, profiles: dict[str, DeviceProfile]) -> list[str]:
    return [
        f"bus[{place}].unit[{number}].profile: {unit.profile!r} is unknown; use one of {', '.join(sorted(profiles))}"
        for place, bus in enumerate(settings.bus)
        for number, unit in enumerate(bus.unit)
        if unit.profile not in profiles
    ]


def _delay(place: int, settings: CabinetSettings) -> float:
    """Staggers the buses, so that their answers don't all come in the same instant of a period."""
    bus = settings.bus[place]
    return bus.poll_every_s * place / (len(settings.bus) * max(1, len(bus.unit)))


def _version() -> str:
    try:
        return metadata.version("covercode")
    except metadata.PackageNotFoundError:
        return ""
