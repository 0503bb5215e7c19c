"""The uplink: packs from the spool to the city, over and over, until the city has confirmed them.

The broker's PUBACK is no confirmation: a broker may lose what it acknowledged. A pack leaves the spool on the city's
own ``ack`` only. Urgent packs go first; routine ones are handed to the broker in small portions, so that an urgent one
never waits behind a backlog. Memory stays flat, since the backlog is read in slices.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import msgspec
import structlog

from gateway.broker import BrokerConnection, BrokerDown
from gateway.modbus import BusHealth
from gateway.senml import compose_pack
from gateway.settings import CabinetSettings
from gateway.spool import LANES, Lane, Spool, SpoolDown
from gateway.window import SendWindow

_SLICE = 16  # packs read from the spool at once, and routine packs the broker may hold unacknowledged
_STATE_EVERY_S = 10.0
_STATE_AT_MOST_EVERY_S = 1.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_STEADY_AFTER_S = 10.0  # a connection that stood this long lets the next pause begin small again

log = structlog.get_logger(__name__)


class _Ack(msgspec.Struct, frozen=True):
    epoch: str
    seq: int


def reconnect_pause(failures: int, chance: float) -> float:
    """Seconds to wait before the next attempt: doubling from half a second to half a minute, spread by ``chance``.

    ``chance`` is in 0..1; without it all cabinets of a city would come back in the same moment.
    """
    longest_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures, 30))
    return max(_FIRST_PAUSE_S, longest_s * (0.5 + 0.5 * chance))


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
    clock: Callable[[], float] = time.time
    _woken: threading.Event = field(default_factory=threading.Event)
    _windows: dict[Lane, SendWindow] = field(default_factory=dict)
    _owed: dict[Lane, int] = field(default_factory=dict)  # confirmed by the city, not yet deleted here
    _settling: dict[Lane, Future[int]] = field(default_factory=dict)  # being deleted
    _was_up: bool | None = None
    _started_s: float = 0.0

    def wake(self) -> None:
        """There are new packs, or a message has come: look."""
        self._woken.set()

    def run(self, stop: threading.Event) -> None:
        """Connects and sends until ``stop``; then says goodbye. ``wake`` after setting ``stop`` ends a wait at once."""
        chance = secrets.SystemRandom()
        uplink = self.settings.uplink
        self._started_s = self.clock()
        for lane in LANES:
            self._windows[lane] = SendWindow(
                uplink.window,
                confirmed=self.spool.confirmed(lane),
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
        """Whether the city has everything."""
        return all(self.spool.last_seq(lane) == self.spool.confirmed(lane) for lane in LANES)

    # --- one connection ---------------------------------------------------------------------------------------------

    def _one_connection(self, stop: threading.Event) -> None:
        offline = self._state(online=False)
        broker = BrokerConnection(
            self.settings.broker,
            client_id=f"covercode-{self.settings.cabinet.id}",
            will=(self._topic("state"), offline),
            subscribe=[self._topic(f"ack/{lane}") for lane in LANES],
            wake=self.wake,
        )
        broker.open()
        try:
            self._note_up()
            for window in self._windows.values():
                window.reconnected(now_s=time.monotonic())
            self._serve(broker, stop)
            broker.say_goodbye(self._topic("state"), self._state(online=False))
        finally:
            broker.close()

    def _serve(self, broker: BrokerConnection, stop: threading.Event) -> None:
        report = _Report()
        while not stop.is_set():
            if broker.lost is not None:
                raise BrokerDown(broker.lost)
            self._hear(broker)
            self._send(broker)
            self._report(broker, report)
            self._woken.wait(self._next_look_s())
            self._woken.clear()

    def _next_look_s(self) -> float:
        now_s = time.monotonic()
        return max(0.0, min(_STATE_AT_MOST_EVERY_S, *(window.due_s() - now_s for window in self._windows.values())))

    def _hear(self, broker: BrokerConnection) -> None:
        """Takes in all confirmations that have come, and has the spool delete what they cover."""
        while broker.inbox:
            topic, payload = broker.inbox.popleft()
            lane = next((lane for lane in LANES if topic == self._topic(f"ack/{lane}")), None)
            if lane is not None:
                self._hear_ack(lane, payload)
        for lane in LANES:
            self._settle(lane)

    def _settle(self, lane: Lane) -> None:
        """Has the spool delete what the city confirmed; one deletion at a time, so that they gather meanwhile."""
        settling = self._settling.get(lane)
        if settling is not None:
            if not settling.done():
                return
            del self._settling[lane]
            error = settling.exception()
            if isinstance(error, SpoolDown):  # the spool has logged it; the packs stay owed and are tried again
                self._owed.setdefault(lane, self._windows[lane].confirmed)
                return
            if error is not None:
                raise error
        seq = self._owed.pop(lane, None)
        if seq is not None:
            self._settling[lane] = settling = self.spool.confirm_soon(lane, seq)
            settling.add_done_callback(lambda _: self.wake())

    def _hear_ack(self, lane: Lane, payload: bytes) -> None:
        try:
            ack = msgspec.json.decode(payload, type=_Ack)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning("ack_unreadable", lane=lane, reason=str(error))
            return
        if ack.epoch != self.spool.epoch:
            log.info("ack_of_other_epoch", lane=lane, epoch=ack.epoch)
            return
        if ack.seq > self.spool.last_seq(lane):
            # This file is older than what the city knows (a copy was put back): the city takes its packs for repeats.
            log.error(
                "ack_ahead_of_spool", lane=lane, seq=ack.seq, last=self.spool.last_seq(lane), fix="set the spool aside"
            )
            return
        window = self._windows[lane]
        if ack.seq < window.confirmed and ack.seq < window.city_at:
            log.warning("city_behind", lane=lane, seq=ack.seq, confirmed=window.confirmed)
        if window.heard(ack.seq, now_s=time.monotonic()):
            self._owed[lane] = ack.seq

    def _send(self, broker: BrokerConnection) -> None:
        """Urgent packs as far as their window goes, then a portion of routine ones."""
        now_s = time.monotonic()
        for lane, window in self._windows.items():
            rewind = window.rewind_if_due(now_s=now_s)
            if rewind is not None:
                log.info("sending_again", lane=lane, after=window.confirmed, reason=rewind.value)
        while self._send_slice(broker, "urgent", _SLICE):
            pass
        broker.sender_waits = True  # before looking: what is taken over after the look wakes us
        free = _SLICE - broker.unacknowledged
        if free > 0:
            broker.sender_waits = False
            if self._send_slice(broker, "routine", free):
                self.wake()

    def _send_slice(self, broker: BrokerConnection, lane: Lane, most: int) -> int:
        window = self._windows[lane]
        count = min(most, window.room)
        if count <= 0 or self.spool.last_seq(lane) <= window.cursor:
            return 0
        packs = self.spool.take(lane, window.cursor, count)
        for pack in packs:
            body = compose_pack(
                pack.records,
                count=pack.readings,
                cabinet=self.settings.cabinet.id,
                epoch=self.spool.epoch,
                seq=pack.seq,
                after=window.after_of(pack.after, confirmed_in_spool=self.spool.confirmed(lane)),
                wire=pack.wire,
            )
            broker.publish(self._topic(f"up/{lane}"), body)
            window.sent(pack.seq, now_s=time.monotonic())
        return len(packs)

    # --- state ------------------------------------------------------------------------------------------------------

    def _topic(self, tail: str) -> str:
        return f"covercode/v1/{self.settings.cabinet.id}/{tail}"

    def _report(self, broker: BrokerConnection, report: _Report) -> None:
        """Every ten seconds, and within a second when a unit falls silent or readings had to be dropped."""
        now_s = time.monotonic()
        if now_s - report.looked_s < _STATE_AT_MOST_EVERY_S:
            return
        report.looked_s = now_s
        news = (self.spool.status().dropped, [bus.units_silent for bus in self.buses()])
        if news != report.news or now_s - report.said_s >= _STATE_EVERY_S:
            broker.publish(self._topic("state"), self._state(online=True), retain=True)
            report.said_s, report.news = now_s, news

    def _state(self, *, online: bool) -> bytes:
        status = self.spool.status()
        now_s = self.clock()
        oldest_s = 0.0 if status.oldest_ms is None else max(0.0, now_s - status.oldest_ms / 1000)
        return msgspec.json.encode(
            {
                "online": online,
                "at": round(now_s, 3),
                "started_at": round(self._started_s, 3),
                "epoch": self.spool.epoch,
                "version": self.version,
                "oldest_unsent_s": round(oldest_s, 3),
                "queued": status.queued,
                "dropped": status.dropped,
                "buses": self.buses(),
            }
        )

    def _note_up(self) -> None:
        if self._was_up is not True:
            self._was_up = True
            log.info("uplink_up", host=self.settings.broker.host, port=self.settings.broker.port)

    def _note_down(self, reason: str) -> None:
        if self._was_up is not False:
            self._was_up = False
            log.error("uplink_down", host=self.settings.broker.host, port=self.settings.broker.port, reason=reason)
