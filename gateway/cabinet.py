"""The cabinet: buses and sources → spool → uplink, wired together and stopped in the right order.

May import libraries and the cabinet's other modules only: it must run on a box without Flask, SQLAlchemy or the
registry.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

import structlog

from gateway.device_profiles import BadProfile, DeviceProfile, load_profiles
from gateway.modbus import Bus, Sink
from gateway.remote import Ending, Remote
from gateway.senml import Item
from gateway.settings import CabinetSettings, problems
from gateway.sources.building import Sources, build_sources, profile_problems
from gateway.spool import Lane, Spool, SpoolDown
from gateway.uplink import Uplink

_FLUSH_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.05

log = structlog.get_logger(__name__)


class BadSettings(Exception):
    """The cabinet's settings can't work; the message names every field and its fix."""


class CabinetFailed(Exception):
    """A part of the cabinet ended that may not end; a new start is needed (and is what the service manager does)."""


def live(settings: CabinetSettings, *, stop: threading.Event) -> Ending:
    """The cabinet under the city's hand: one life after the other (``run``), each with the configuration then in use.

    ``settings`` is ``cabinet.toml``. Returns when ``stop`` is set or the city wants the process started again. Raises
    what ``run`` raises, but not for a configuration on trial: that one is taken back.
    """
    if not settings.remote.enabled:
        return run(settings, stop=stop)
    faults = problems(settings)
    if faults:
        raise BadSettings("\n".join(faults))
    profiles = load_profiles(Path(settings.cabinet.profiles) if settings.cabinet.profiles else None)
    remote = Remote(settings, lambda wanted: _profile_faults(wanted, profiles))
    remote.start()
    while True:
        try:
            ending = run(remote.begin_life(), stop=stop, remote=remote)
        except (BadSettings, BadProfile, SpoolDown, CabinetFailed) as error:
            if not remote.roll_back(str(error)):
                raise
        else:
            if ending is not Ending.RECONFIGURE:
                return ending


def run(settings: CabinetSettings, *, stop: threading.Event, remote: Remote | None = None) -> Ending:
    """Polls and sends until ``stop`` is set, then sends what is left for a few seconds and closes everything.

    Ends earlier, without waiting for the city, when ``remote`` says so. What the city has not confirmed by then stays
    in the spool. Raises ``BadSettings`` or ``BadProfile`` before
    anything is opened, ``SpoolInUse`` or ``SpoolDown`` when the spool can't be opened, ``CabinetFailed`` afterwards.
    """
    profiles = load_profiles(Path(settings.cabinet.profiles) if settings.cabinet.profiles else None)
    faults = [*problems(settings), *_profile_faults(settings, profiles)]
    if faults:
        raise BadSettings("\n".join(faults))
    with Spool(settings.spool, wire=settings.uplink.format) as spool:
        buses = [
            Bus(settings=bus, profiles=profiles, sink=_sink(spool, remote), first_delay_s=_delay(place, settings))
            for place, bus in enumerate(settings.bus)
        ]
        sources = build_sources(settings, profiles, _sink(spool, remote))
        uplink = Uplink(
            settings=settings,
            spool=spool,
            version=_version(),
            buses=lambda: [bus.health() for bus in buses],
            sources=sources.health,
            remote=remote,
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
        ending = _run_parts(buses, sources, uplink, stop, remote)
        log.info("cabinet_stopped", cabinet=settings.cabinet.id, left=spool.status().queued)
    return ending


def _sink(spool: Spool, remote: Remote | None) -> Sink:
    """The spool; what it has taken is shown to ``remote`` too."""
    if remote is None:
        return spool.put

    def put(readings_by_lane: Mapping[Lane, Sequence[Item]]) -> object:
        taken = spool.put(readings_by_lane)
        remote.tap(readings_by_lane)
        return taken

    return put


def _run_parts(
    buses: list[Bus], sources: Sources, uplink: Uplink, stop: threading.Event, remote: Remote | None
) -> Ending:
    stop_buses, stop_uplink, failed = threading.Event(), threading.Event(), threading.Event()
    polling = [
        _start(f"bus {bus.settings.name}", lambda bus=bus: bus.run(stop_buses), failed)  # type: ignore[misc]
        for bus in buses
    ]
    polling += [
        _start(part.name, lambda part=part: part.run(stop_buses), failed)  # type: ignore[misc]
        for part in sources.parts
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
    return [*_unknown_profiles(settings, profiles), *profile_problems(settings, profiles)]


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
