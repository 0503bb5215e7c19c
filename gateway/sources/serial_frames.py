"""A line on which a device sends frames of its own, asked or unasked: whole frames are found again behind any noise.

Damaged frames are counted, not kept: on a line they are noise, and the device says the next one soon.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import structlog

from gateway.bus_pace import open_pause, stamp
from gateway.channel import Channel, LineDown, open_channel
from gateway.decoders.streams import FORMATS, FrameStream
from gateway.device_profiles import DeviceProfile
from gateway.ports import read_port
from gateway.settings import SourceSettings
from gateway.sources.frames import Frame
from gateway.sources.reception import Reception

_IDLE_S = 0.1  # silence after which what has begun will not go on; network bridges hold bytes back for less
_IDLE_BYTES = 20
_BITS_A_BYTE = 10
_LOOK_EVERY_S = 0.25
_WRITE_WITHIN_S = 1.0
_STEADY_AFTER_S = 10.0
_BELIEVED_AFTER_S = 1.0  # a line that came back and breaks again sooner was never back

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class FrameLine:
    """Runs in a thread of its own; ``profile`` names the format of the frames (``stream``)."""

    settings: SourceSettings
    profile: DeviceProfile
    reception: Reception
    _last_ms: int = 0
    _was_up: bool | None = None
    _opened_s: float = 0.0
    _ask_at_s: float = field(default_factory=time.monotonic)

    def run(self, stop: threading.Event) -> None:
        """Reads until ``stop``. Raises what the spool raises when it is broken for good."""
        failures = 0
        while not stop.is_set():
            self._opened_s = time.monotonic()
            try:
                channel = open_channel(
                    read_port(self.settings.port), baud=self.settings.baud, timeout_s=_WRITE_WITHIN_S
                )
                try:
                    self._listen(channel, stop)
                finally:
                    channel.close()
            except LineDown as error:
                self._note_down(str(error))
                stood = time.monotonic() - self._opened_s > _STEADY_AFTER_S
                failures = 0 if stood else failures + 1
                stop.wait(open_pause(failures))

    def _listen(self, channel: Channel, stop: threading.Event) -> None:
        stream = FrameStream(FORMATS[self.profile.stream])
        damaged, noise_bytes = self.reception.damaged, self.reception.noise_bytes
        idle_s = max(_IDLE_S, _IDLE_BYTES * _BITS_A_BYTE / self.settings.baud)
        while not stop.is_set():
            if self._was_up is None or time.monotonic() - self._opened_s > _BELIEVED_AFTER_S:
                self._note_up()
            self._ask(channel)
            piece = channel.read(idle_s if stream.waiting() else self._wait_s())
            frames = stream.feed(piece) if piece else stream.idle()
            self.reception.damaged = damaged + stream.damaged.total()
            self.reception.noise_bytes = noise_bytes + stream.noise_bytes
            for frame in frames:
                self._take(frame, stop)

    def _take(self, payload: bytes, stop: threading.Event) -> None:
        """The line rests while the spool refuses; what the device says meanwhile waits in the system's buffer."""
        self._last_ms = stamp(self.reception.now_ms(), self._last_ms)
        device = self.settings.device[0].id
        self.reception.take([Frame(device=device, payload=payload, measured_ms=self._last_ms)], stop)

    def _ask(self, channel: Channel) -> None:
        now_s = time.monotonic()
        if self.settings.ask and now_s >= self._ask_at_s:
            channel.write(bytes.fromhex(self.settings.ask))
            self._ask_at_s = now_s + self.settings.ask_every_s

    def _wait_s(self) -> float:
        if not self.settings.ask:
            return _LOOK_EVERY_S
        return min(_LOOK_EVERY_S, max(0.0, self._ask_at_s - time.monotonic()))

    def _note_up(self) -> None:
        self.reception.up = True
        if self._was_up is not True:
            self._was_up = True
            log.info("source_up", source=self.settings.name, port=self.settings.port)

    def _note_down(self, reason: str) -> None:
        self.reception.up = False
        if self._was_up is not False:
            self._was_up = False
            log.error("source_down", source=self.settings.name, port=self.settings.port, reason=reason)
