"""From frames to the spool: who the device is, what its profile makes of the bytes, and which lane that takes.

One per source, used by that source's thread (by several for pushes, which is why the counts are guarded). What can't be
used goes to the spool as ``Undecoded`` with its reason, so that the city keeps it and can read it again once the device
is fitted or its profile mended.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from gateway.decoders import Decoded, Measured, decode
from gateway.device_profiles import DeviceProfile, with_settings
from gateway.senml import Item, Reading, Undecoded
from gateway.settings import SourceDevice, SourceSettings
from gateway.sources.frames import Found, Frame, Unreadable, plain
from gateway.spool import Lane, SpoolDown

_SUSPECT, _SIMULATED = 1, 3
_NOTHING = "nothing_in_it"
_DEV_EUI = re.compile(r"[0-9a-f]{16}")
_KEYS_REMEMBERED = 8192
_MOST_PAYLOAD = 8192  # bytes of a frame that go to the dead letters
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0

Sink = Callable[[Mapping[Lane, Sequence[Item]]], object]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """What a source has done since the start, as it stands in the cabinet's state.

    ``undecoded`` counts dead letters by reason, ``repeats`` what came twice, ``empty`` frames in which nothing was
    measured, ``damaged`` and ``noise_bytes`` what a line spoilt; ``last_ms`` is when the last message came (Unix ms).
    """

    name: str
    kind: str
    up: bool
    messages: int
    readings: int
    repeats: int
    empty: int
    undecoded: dict[str, int]
    damaged: int
    noise_bytes: int
    last_ms: int | None


@dataclass(slots=True)
class _Counts:
    messages: int = 0
    readings: int = 0
    repeats: int = 0
    empty: int = 0
    undecoded: Counter[str] = field(default_factory=Counter)
    last_ms: int | None = None


@dataclass(slots=True)
class _Sorted:
    """What a batch of frames comes to, before the spool has it."""

    items: dict[Lane, list[Item]] = field(default_factory=dict)
    counts: _Counts = field(default_factory=_Counts)
    keys: list[str] = field(default_factory=list)
    urgent: dict[str, bool] = field(default_factory=dict)

    def reject(self, reason: str, body: bytes, *, device: str, port: int, at_ms: int) -> None:
        self.counts.undecoded[reason.partition(":")[0]] += 1
        if len(body) > _MOST_PAYLOAD:
            reason = f"{reason} (the first {_MOST_PAYLOAD} of {len(body)} bytes)"
        letter = Undecoded(
            device=plain(device), port=port, payload=body[:_MOST_PAYLOAD].hex(), reason=plain(reason, 500),
            received_ms=at_ms,
        )  # fmt: skip
        self.items.setdefault("routine", []).append(letter)


def normal_id(identity: str) -> str:
    """An identity as it is compared: DevEUIs come in either case, and with separators."""
    bare = identity.strip().lower()
    squeezed = bare.replace("-", "").replace(":", "")
    return squeezed if _DEV_EUI.fullmatch(squeezed) else bare


class Reception:
    """Takes frames in for one source."""

    def __init__(
        self,
        settings: SourceSettings,
        profiles: Mapping[str, DeviceProfile],
        sink: Sink,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._profiles = profiles
        self._sink = sink
        self._clock = clock
        self._devices = {normal_id(device.id): device for device in settings.device}
        self._known: dict[str, DeviceProfile] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._urgent: dict[str, bool] = {}
        self._counts = _Counts()
        self._turn = threading.Lock()
        self.up = False  # these three are set by the source
        self.damaged = self.noise_bytes = 0

    def now_ms(self) -> int:
        """Unix ms by the cabinet's clock."""
        return int(self._clock() * 1000)

    def health(self) -> SourceHealth:
        """Counts since the start, of what the spool has."""
        with self._turn:
            counts = self._counts
            return SourceHealth(
                name=self._settings.name,
                kind=self._settings.kind,
                up=self.up,
                messages=counts.messages,
                readings=counts.readings,
                repeats=counts.repeats,
                empty=counts.empty,
                undecoded=dict(counts.undecoded),
                damaged=self.damaged,
                noise_bytes=self.noise_bytes,
                last_ms=counts.last_ms,
            )

    def take(
        self,
        found: Iterable[Found],
        stop: threading.Event,
        *,
        messages: int = 1,
        within_s: float = float("inf"),
        meanwhile: Callable[[], object] = lambda: None,
    ) -> bool:
        """Whether the spool has everything that ``found`` comes to; then, and only then, may the source say so.

        ``messages`` is how many messages ``found`` was in. Tries again while the spool refuses, until ``stop`` or for
        ``within_s``; ``meanwhile`` is called in between.
        """
        with self._turn:
            sorted_out = self._sort(found)
            sorted_out.counts.messages = messages
        if sorted_out.items and not self._keep(sorted_out.items, stop, within_s, meanwhile):
            return False
        with self._turn:
            self._note(sorted_out)
        return True

    def _keep(
        self,
        items: Mapping[Lane, Sequence[Item]],
        stop: threading.Event,
        within_s: float,
        meanwhile: Callable[[], object],
    ) -> bool:
        pause_s, deadline_s = _FIRST_PAUSE_S, time.monotonic() + within_s
        while True:
            try:
                self._sink(items)
            except SpoolDown:  # the spool has logged it
                if time.monotonic() + pause_s > deadline_s or stop.wait(pause_s):
                    return False
                pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
                meanwhile()
            else:
                return True

    def _note(self, done: _Sorted) -> None:
        ours, new = self._counts, done.counts
        ours.messages += new.messages
        ours.readings += new.readings
        ours.repeats += new.repeats
        ours.empty += new.empty
        ours.undecoded.update(new.undecoded)
        ours.last_ms = self.now_ms()
        self._urgent.update(done.urgent)
        for key in done.keys:
            self._seen[key] = None
        while len(self._seen) > _KEYS_REMEMBERED:
            self._seen.popitem(last=False)

    def _sort(self, found: Iterable[Found]) -> _Sorted:
        sorted_out, now_ms = _Sorted(), self.now_ms()
        for one in found:
            if isinstance(one, Unreadable):
                device = one.device or self._settings.name
                sorted_out.reject(one.reason, one.body, device=device, port=0, at_ms=now_ms)
            elif isinstance(one, Frame):
                if one.key and (one.key in self._seen or one.key in sorted_out.keys):
                    sorted_out.counts.repeats += 1
                    continue
                if one.key:
                    sorted_out.keys.append(one.key)
                try:
                    self._sort_frame(one, sorted_out, now_ms)
                except Exception as error:  # the source loop: whatever one frame does to us, the others go on
                    log.exception("frame_failed", source=self._settings.name, device=one.device)
                    reason = f"source_failed: {type(error).__name__}; report this, and read it again later"
                    body = one.payload or one.document
                    sorted_out.reject(reason, body, device=one.device, port=one.port, at_ms=now_ms)
        return sorted_out

    def _sort_frame(self, frame: Frame, sorted_out: _Sorted, now_ms: int) -> None:
        at_ms = now_ms if frame.measured_ms is None else frame.measured_ms
        body = frame.payload or frame.document
        if not body:  # a device that only answers its network: nothing was measured, nothing is lost
            sorted_out.counts.empty += 1
            return
        device = self._device(frame.device)
        if device is None:
            reason = f"unknown_device: {frame.device} has no [[source.device]] in source {self._settings.name}"
            sorted_out.reject(reason, body, device=frame.device, port=frame.port, at_ms=at_ms)
            return
        profile = self._profile(device)
        body = frame.document or frame.payload if profile.kind == "json" else frame.payload
        if not body:
            reason = f"no_payload: it came decoded only, and {profile.name} reads bytes; switch the network's codec off"
            sorted_out.reject(reason, frame.document, device=device.serial, port=frame.port, at_ms=at_ms)
            return
        outcome = decode(profile, body, port=frame.port)
        if isinstance(outcome, Decoded):
            self._add_readings(device, frame, outcome, sorted_out, at_ms=at_ms, now_ms=now_ms)
        elif outcome.reason == _NOTHING and self._settings.kind == "sparkplug":
            sorted_out.counts.empty += 1  # a node names what changed; that none of it is ours is the usual case
        else:
            reason = f"{outcome.reason}: {outcome.detail} (profile {profile.name})"
            sorted_out.reject(reason, body, device=device.serial, port=frame.port, at_ms=at_ms)

    def _add_readings(
        self, device: SourceDevice, frame: Frame, outcome: Decoded, sorted_out: _Sorted, *, at_ms: int, now_ms: int
    ) -> None:
        if not outcome.points:
            sorted_out.counts.empty += 1
            return
        urgent = any(_breaks_limit(device, measured) for measured in outcome.points)
        was_urgent = self._urgent.get(device.serial, False)
        sorted_out.urgent[device.serial] = urgent
        # The first frame back within its limits goes the fast way too: the city sees the end as soon as the trouble.
        lane: Lane = "urgent" if urgent or was_urgent else "routine"
        sorted_out.items.setdefault(lane, []).extend(
            _reading(device.serial, measured, simulated=frame.simulated, at_ms=at_ms, now_ms=now_ms)
            for measured in outcome.points
        )
        sorted_out.counts.readings += len(outcome.points)

    def _device(self, identity: str) -> SourceDevice | None:
        listed = self._devices.get(normal_id(identity))
        if listed is not None or not self._settings.profile:
            return listed
        return SourceDevice(id=identity, serial=serial_of(identity), profile=self._settings.profile)

    def _profile(self, device: SourceDevice) -> DeviceProfile:
        """The device's profile with its own settings in place of the profile's."""
        if not device.settings:
            return self._profiles[device.profile]
        profile = self._known.get(device.id)
        if profile is None:
            profile = with_settings(self._profiles[device.profile], device.settings)
            self._known[device.id] = profile
        return profile


def serial_of(identity: str) -> str:
    """The serial of a device that stands in no table: its identity, as far as SenML lets it be a name.

    A serial stays what it is; a DevEUI is always in lower case and without separators.
    """
    squeezed = normal_id(identity)
    told = squeezed if _DEV_EUI.fullmatch(squeezed) else identity.strip()
    name = "".join(one if one.isascii() and (one.isalnum() or one in "._:-") else "-" for one in told)
    return name[:64] if name[:1].isalnum() else f"x{name}"[:64]


def _breaks_limit(device: SourceDevice, measured: Measured) -> bool:
    own = device.urgent_above.get(measured.name)
    return abs(measured.value) > own if own is not None else measured.urgent


def _reading(serial: str, measured: Measured, *, simulated: bool, at_ms: int, now_ms: int) -> Reading:
    told_ms = at_ms - round(measured.ago_s * 1000) if measured.at_s is None else round(measured.at_s * 1000)
    return Reading(
        serial=serial,
        point=measured.name,
        unit=measured.unit,
        measured_ms=told_ms,
        value=measured.value,
        quality=_SIMULATED if simulated else _SUSPECT if measured.suspect else 0,
        received_ms=now_ms,
    )
