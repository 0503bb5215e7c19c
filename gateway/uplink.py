"""The uplink: packs from the spool to the city, over and over, until the city has confirmed them.

The broker's PUBACK is no confirmation: a broker may lose what it acknowledged. A pack leaves the spool on the city's
own ``ack`` only. Urgent packs go first; all others are handed to the broker in small portions, live ones before a
backlog's, so that neither an urgent reading nor one measured just now waits behind an outage. Memory stays flat, since
the backlog is read in slices.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from gateway.broker import BrokerConnection, BrokerDown
from gateway.bus_health import BusHealth
from gateway.senml import compose_pack
from gateway.settings import BrokerSettings, CabinetSettings
from gateway.sources.reception import SourceHealth
from gateway.spool import LANES, STREAMS, Lane, Spool, SpoolDown, Stream
from gateway.spool_aside import aside_files
from gateway.spool_tables import LANE_OF
from gateway.window import Pace, SendWindow

_SLICE = 32  # packs read from the spool at once
_IN_HAND_BYTES = 48 * 1024  # what the broker may hold unacknowledged besides urgent packs: half a second of a poor line
_LEAST_IN_HAND = 16  # packs
_MOST_IN_HAND = 512
_NEWEST_SHARE = 0.05  # how much the newest pack counts in the mean of their sizes
_PORTIONED: tuple[Stream, ...] = ("urgent_backlog", "routine", "routine_backlog")
_PACED: tuple[Stream, ...] = ("urgent_backlog", "routine_backlog")
_LOOK_EVERY_S = 0.2  # for routine packs, which wake nobody
_STATE_EVERY_S = 10.0
_MOST_ASIDE = 5
_STATE_AT_MOST_EVERY_S = 1.0
_SHORTEST_PAUSE_S = 0.5
_FIRST_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 30.0
_STEADY_AFTER_S = 10.0  # a connection that stood this long lets the next pause begin small again

log = structlog.get_logger(__name__)


class _Ack(msgspec.Struct, frozen=True):
    epoch: str
    seq: int


_json_ack = msgspec.json.Decoder(_Ack)


def reconnect_pause(failures: int, chance: float) -> float:
    """Seconds to wait before the next attempt: anything up to a bound that doubles from two seconds to half a minute.

    ``chance`` in 0..1 picks; without it all cabinets of a city would come back in the same moment.
    """
    longest_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures, 30))
    return _SHORTEST_PAUSE_S + chance * (longest_s - _SHORTEST_PAUSE_S)


class FromAfar(Protocol):
    """The city's hand in the cabinet, as the uplink serves it (``gateway.remote``)."""

    def broker(self, broker: BrokerSettings) -> BrokerSettings:
        """The broker with the name and password for the next attempt."""

    def refused(self) -> None:
        """The attempt failed."""

    def connected(self) -> None:
        """The broker has accepted us."""

    def hear(self, body: bytes) -> None:
        """A message on the command topic."""

    def heard_city(self) -> None:
        """The city has confirmed a pack on this connection."""

    def replies(self) -> list[bytes]:
        """What is to be published as replies now."""

    def state(self) -> dict[str, object]:
        """What the state says besides."""


@dataclass(slots=True)
class _Report:
    """When the state was last looked at and last published, and what of it would be news (monotonic seconds)."""

    looked_s: float = float("-inf")
    said_s: float = float("-inf")
    news: object = None


@dataclass(slots=True)
class Uplink:
    """Sends in a thread of its own (``run``); ``wake`` tells it that there is something new."""

    settings: CabinetSettings
    spool: Spool
    version: str = ""
    buses: Callable[[], Sequence[BusHealth]] = tuple
    sources: Callable[[], Sequence[SourceHealth]] = tuple
    remote: FromAfar | None = None
    clock: Callable[[], float] = time.time
    clock_off_s: Callable[[], float] = lambda: 0.0
    suppressed: Callable[[], int] = lambda: 0
    _woken: threading.Event = field(default_factory=threading.Event)
    _windows: dict[Stream, SendWindow] = field(default_factory=dict)
    _owed: dict[Stream, int] = field(default_factory=dict)  # confirmed by the city, not yet deleted here
    _settling: dict[Stream, Future[int]] = field(default_factory=dict)  # being deleted
    _pace: Pace = field(default_factory=lambda: Pace(0))
    _pack_bytes: float = 1024.0  # a running mean
    _was_up: bool | None = None
    _started_s: float = 0.0  # monotonic

    @property
    def is_up(self) -> bool:
        """Whether the broker is connected."""
        return self._was_up is True

    def wake(self) -> None:
        """There are urgent packs, or a message has come: look."""
        self._woken.set()

    def _heard_something(self) -> None:
        """Looks at once while confirmations make room; otherwise the next look is soon enough."""
        for stream, window in self._windows.items():
            if window.in_flight and (LANE_OF[stream] == "urgent" or 2 * window.in_flight > self.settings.uplink.window):
                self._woken.set()
                return

    def run(self, stop: threading.Event) -> None:
        """Connects and sends until ``stop``; then says goodbye. ``wake`` after setting ``stop`` ends a wait at once."""
        chance = secrets.SystemRandom()
        uplink = self.settings.uplink
        self._started_s = time.monotonic()
        self._pace = Pace(uplink.backlog_per_s)
        for stream in STREAMS:
            self._windows[stream] = SendWindow(
                uplink.window,
                confirmed=self.spool.confirmed(stream),
                resend_after_s=uplink.resend_after_s,
                jitter=lambda: chance.uniform(0.8, 1.2),
            )
        failures = 0
        while not stop.is_set():
            began_s = time.monotonic()
            try:
                self._one_connection(stop)
            except (BrokerDown, SpoolDown) as error:
                self._note_down(str(error))
                failures = 0 if time.monotonic() - began_s > _STEADY_AFTER_S else failures + 1
                stop.wait(reconnect_pause(failures, chance.random()))

    def is_drained(self) -> bool:
        """Whether the city has everything that has a date."""
        return not any(self.spool.waiting(stream) for stream in STREAMS)

    # --- one connection ---------------------------------------------------------------------------------------------

    def _one_connection(self, stop: threading.Event) -> None:
        offline = self._state(online=False)
        broker = BrokerConnection(
            self.settings.broker if self.remote is None else self.remote.broker(self.settings.broker),
            client_id=f"covercode-{self.settings.cabinet.id}",
            will=(self._topic("state"), offline),
            subscribe=[*(self._topic(f"ack/{lane}") for lane in LANES), *self._command_topics()],
            wake=self._heard_something,
            sender_wake=self.wake,
        )
        try:
            broker.open()
        except BrokerDown:
            if self.remote is not None:
                self.remote.refused()
            raise
        try:
            if self.remote is not None:
                self.remote.connected()
            self._note_up()
            for window in self._windows.values():
                window.reconnected(now_s=time.monotonic())
            self._serve(broker, stop)
            self._tell(broker)
            broker.say_goodbye(self._topic("state"), self._state(online=False))
        finally:
            broker.close()

    def _serve(self, broker: BrokerConnection, stop: threading.Event) -> None:
        report = _Report()
        while not stop.is_set():
            if broker.lost is not None:
                raise BrokerDown(broker.lost)
            self._hear(broker)
            self._tell(broker)
            self._send(broker)
            self._report(broker, report)
            self._woken.wait(self._next_look_s())
            self._woken.clear()

    def _next_look_s(self) -> float:
        now_s = time.monotonic()
        due_s = [window.due_s() for window in self._windows.values()]
        if any(self.spool.waiting(stream) for stream in _PACED):
            due_s.append(self._pace.due_s(now_s=now_s))
        return max(0.0, min(_LOOK_EVERY_S, min(due_s) - now_s))

    def _hear(self, broker: BrokerConnection) -> None:
        """Takes in all confirmations that have come, and has the spool delete what they cover."""
        while broker.inbox:
            topic, payload = broker.inbox.popleft()
            lane = next((lane for lane in LANES if topic == self._topic(f"ack/{lane}")), None)
            if lane is not None:
                self._hear_ack(lane, payload)
            elif self.remote is not None and topic in self._command_topics():
                self.remote.hear(payload)
        for stream in STREAMS:
            self._settle(stream)

    def _tell(self, broker: BrokerConnection) -> None:
        """What became of commands."""
        if self.remote is not None:
            for reply in self.remote.replies():
                broker.publish(self._topic("cmd/reply"), reply)

    def _settle(self, stream: Stream) -> None:
        """Has the spool delete what the city confirmed; one deletion at a time, so that they gather meanwhile."""
        settling = self._settling.get(stream)
        if settling is not None:
            if not settling.done():
                return
            del self._settling[stream]
            error = settling.exception()
            if isinstance(error, SpoolDown):  # the spool has logged it; the packs stay owed and are tried again
                self._owed.setdefault(stream, self._windows[stream].confirmed)
                return
            if error is not None:
                raise error
        seq = self._owed.pop(stream, None)
        if seq is not None:
            self._settling[stream] = self.spool.confirm_soon(stream, seq)

    def _hear_ack(self, lane: Lane, payload: bytes) -> None:
        try:
            ack = _json_ack.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning("ack_unreadable", lane=lane, reason=str(error))
            return
        stream = next(
            (each for each in STREAMS if (LANE_OF[each], self.spool.epoch_of(each)) == (lane, ack.epoch)), None
        )
        if stream is None:
            log.info("ack_of_other_epoch", lane=lane, epoch=ack.epoch)
            return
        last = self.spool.last_seq(stream)
        if ack.seq > last:
            # This file is older than what the city knows (a copy was put back): the city takes its packs for repeats.
            log.error("ack_ahead_of_spool", stream=stream, seq=ack.seq, last=last, fix="set the spool aside")
            return
        if self.remote is not None:
            self.remote.heard_city()
        window = self._windows[stream]
        if ack.seq < window.confirmed and ack.seq < window.city_at:
            log.warning("city_behind", stream=stream, seq=ack.seq, confirmed=window.confirmed)
        if window.heard(ack.seq, now_s=time.monotonic()):
            self._owed[stream] = ack.seq

    def _send(self, broker: BrokerConnection) -> None:
        """Urgent packs as far as their window goes, then a portion of the first stream that has some."""
        now_s = time.monotonic()
        for stream, window in self._windows.items():
            rewind = window.rewind_if_due(now_s=now_s)
            if rewind is not None:
                log.info("sending_again", stream=stream, after=window.confirmed, reason=rewind.value)
        while self._send_slice(broker, "urgent", _SLICE):
            pass
        most = self._most_in_hand()
        broker.wake_at = most // 2  # before looking: what is taken over after the look wakes us
        if broker.unacknowledged > most // 2:
            return
        broker.wake_at = -1
        free = most - broker.unacknowledged
        for stream in _PORTIONED:
            if stream in _PACED and not self._pace.is_open(now_s=now_s):
                continue
            if self._send_slice(broker, stream, min(free, _SLICE)):
                self.wake()  # and look for urgent ones before the next portion
                return

    def _most_in_hand(self) -> int:
        return max(_LEAST_IN_HAND, min(_MOST_IN_HAND, int(_IN_HAND_BYTES / self._pack_bytes)))

    def _send_slice(self, broker: BrokerConnection, stream: Stream, most: int) -> int:
        window = self._windows[stream]
        count = min(most, window.room)
        if count <= 0 or not self.spool.waiting(stream) or self.spool.last_seq(stream) <= window.cursor:
            return 0
        packs = self.spool.take(stream, window.cursor, count)
        for pack in packs:
            body = compose_pack(
                pack.records,
                count=pack.readings,
                cabinet=self.settings.cabinet.id,
                epoch=self.spool.epoch_of(stream),
                seq=pack.seq,
                after=window.after_of(pack.after, confirmed_in_spool=self.spool.confirmed(stream)),
                wire=pack.wire,
            )
            broker.publish(self._topic(f"up/{LANE_OF[stream]}"), body)
            window.sent(pack.seq, now_s=time.monotonic())
            self._pack_bytes += _NEWEST_SHARE * (len(body) - self._pack_bytes)
            if stream in _PACED:
                self._pace.spent(pack.readings, now_s=time.monotonic())
        return len(packs)

    # --- state ------------------------------------------------------------------------------------------------------

    def _topic(self, tail: str) -> str:
        return f"covercode/v1/{self.settings.cabinet.id}/{tail}"

    def _command_topics(self) -> list[str]:
        return [] if self.remote is None else [self._topic("cmd")]

    def _report(self, broker: BrokerConnection, report: _Report) -> None:
        """Every ten seconds, and within a second when a unit falls silent or readings had to be dropped."""
        now_s = time.monotonic()
        if now_s - report.looked_s < _STATE_AT_MOST_EVERY_S:
            return
        report.looked_s = now_s
        silent = [bus.units_silent for bus in self.buses()]
        runs = self.remote.state() if self.remote is not None else {}
        news = (self.spool.status().dropped, self.clock() > 0, silent, [source.up for source in self.sources()], runs)
        if news != report.news or now_s - report.said_s >= _STATE_EVERY_S:
            broker.publish(self._topic("state"), self._state(online=True), retain=True)
            report.said_s, report.news = now_s, news

    def _state(self, *, online: bool) -> bytes:
        status = self.spool.status()
        now_s = max(0.0, self.clock())  # 0: the clock is not set
        running_s = time.monotonic() - self._started_s
        # By the calendar it counts what the cabinet was without power; without a calendar by the time it ran.
        dated = now_s and status.oldest_ms is not None
        oldest_s = max(0.0, now_s - (status.oldest_ms or 0) / 1000) if dated else status.oldest_s
        return msgspec.json.encode(
            {
                "online": online,
                "at": round(now_s, 3),
                "started_at": round(now_s - running_s, 3) if now_s else 0.0,
                "epoch": self.spool.epoch,
                "version": self.version,
                "oldest_unsent_s": round(oldest_s, 3),
                "queued": status.queued,
                "filled": round(status.bytes / self.settings.spool.max_bytes, 3),
                "dropped": status.dropped,
                "dropped_by": self._dropped_by(),
                "backlog": status.backlog,
                "undated": status.undated,
                "suppressed": self.suppressed(),
                "clock_set": bool(now_s),
                "clock_off_s": round(self.clock_off_s(), 3),
                "buses": self.buses(),
                "sources": self.sources(),
                "set_aside": aside_files(Path(self.settings.spool.path))[:_MOST_ASIDE],
                **(self.remote.state() if self.remote is not None else {}),
            }
        )

    def _dropped_by(self) -> dict[str, dict[str, int]]:
        """Readings lost, by lane and reason."""
        found: dict[str, dict[str, int]] = {}
        for (lane, reason), readings in sorted(self.spool.dropped_by_reason().items()):
            found.setdefault(lane, {})[reason] = readings
        return found

    def _note_up(self) -> None:
        if self._was_up is not True:
            self._was_up = True
            log.info("uplink_up", host=self.settings.broker.host, port=self.settings.broker.port)

    def _note_down(self, reason: str) -> None:
        if self._was_up is not False:
            self._was_up = False
            log.error("uplink_down", host=self.settings.broker.host, port=self.settings.broker.port, reason=reason)
