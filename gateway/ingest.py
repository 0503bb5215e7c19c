"""The city's end of the line: packs from MQTT in batches → the registry's intake → acks.

Where the stores are files, one thread reads the socket and works on what it read, turn and turn about: two would hand
the interpreter lock to and fro for every row that SQLite writes. Where they are servers (``beside``), a second thread
hands over a batch while the next is read and decoded, and waits for the servers most of that time. Either way one batch
at a time is handed over, in order, and while the next is full the broker waits, which is the back-pressure wanted.
The session is not kept: what was on the way when ingest stopped is sent again by the cabinets, who are told at once
where to go on.

Of the registry it may import the intake door only.
"""

from __future__ import annotations

import random
import re
import select
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

import msgspec
import structlog

from gateway.broker import BrokerDown
from gateway.bulk_mqtt import BulkConnection
from gateway.ingest_watch import IngestWatch
from gateway.senml import BadPack, decode
from gateway.settings import BrokerSettings
from registry.intake import Ack, CabinetState, Intake, Lane, Pack, Receipt, StoreDown

log = structlog.get_logger(__name__)

_TOPICS = ("covercode/v1/+/up/+", "covercode/v1/+/state")
_UP = re.compile(r"covercode/v1/([^/]{1,60})/up/(urgent|routine)\Z")
_STATE = re.compile(r"covercode/v1/([^/]{1,60})/state\Z")
_HEADER = re.compile(
    rb'"n":"pack_epoch","vs":"([^"]{1,64})"\},\{"n":"pack_seq","v":(\d{1,16})\},\{"n":"pack_after","v":(\d{1,16})\}'
)

BATCH_MESSAGES = 4000
BATCH_BYTES = 4_000_000
LINGER_S = 0.05
_IDLE_S = 0.5
_FIRST_PAUSE_S = 0.5
_WORST_PAUSE_S = 10.0
_TICK_S = 1.0


class NoteCabinet(Protocol):
    """Where the states that cabinets tell of themselves go."""

    def __call__(self, state: CabinetState, *, now: datetime) -> None:
        """Keep it. Raises ``StoreDown``."""


class Ingest:
    """Subscribes, batches, hands over, acks. ``run`` until ``stop`` is set; survives broker and database outages.

    ``beside``: batches are handed over in a thread of their own. MQTT stays with the thread that called ``run``.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        intake: Intake,
        *,
        note_cabinet: NoteCabinet,
        client_id: str = "covercode-ingest",
        keep_session: bool = False,
        beside: bool = False,
        on_receipt: Callable[[Receipt], None] | None = None,
        watch: IngestWatch | None = None,
    ) -> None:
        self._broker = broker
        self._intake = intake
        self._note_cabinet = note_cabinet
        self._client_id = client_id
        self._keep_session = keep_session
        self._beside = beside
        self._hands: ThreadPoolExecutor | None = None
        self._going: Future[list[Ack]] | None = None
        self._done: tuple[socket.socket, socket.socket] | None = None
        self._on_receipt = on_receipt
        self._watch = watch or IngestWatch()
        self._messages: list[tuple[str, bytes]] = []
        self._bytes = 0
        self._down = False
        self._next_tick = 0.0

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; then finish the batch in hand and leave."""
        with ExitStack() as stack:
            if self._beside:
                self._hands = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="intake"))
                self._done = socket.socketpair()
                for end in self._done:
                    end.setblocking(False)
                    stack.callback(end.close)
            self._run(stop)

    def _run(self, stop: threading.Event) -> None:
        pause_s = _FIRST_PAUSE_S
        while not stop.is_set():
            line = BulkConnection(self._broker, client_id=self._client_id, clean=not self._keep_session)
            try:
                self._forget_messages()  # never acked: the cabinets will send them again
                line.open(_TOPICS, self._messages)
                self._bytes = sum(len(body) for _, body in self._messages)
                pause_s = _FIRST_PAUSE_S
                self._say_up()
                self._settle(line)
                self._tell_progress(line)
                while not stop.is_set():
                    self._read(line)
                    self._hand_over(line, stop)
                self._settle(line)
            except BrokerDown as problem:
                self._say_down(str(problem))
                stop.wait(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
                pause_s = min(pause_s * 2, _WORST_PAUSE_S)
            finally:
                line.close()

    def _read(self, line: BulkConnection) -> None:
        """Fill a batch: at most so much, and no longer than the linger time after the first message.

        While the batch before is being handed over there is no hurry: then it is filled for as long as that takes.
        """
        deadline = time.monotonic() + (LINGER_S if self._messages else _IDLE_S)
        watched: list[BulkConnection | socket.socket] = [line]
        if self._done is not None:
            watched.append(self._done[0])
        while len(self._messages) < BATCH_MESSAGES and self._bytes < BATCH_BYTES:
            had = len(self._messages)
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                if self._going is None:
                    break
                left_s = _IDLE_S
            readable, writable, _ = select.select(watched, [line] if line.unsent else [], [], left_s)
            if writable:
                line.flush()
            if line in readable:
                self._bytes += line.take(self._messages)
            if len(readable) > (line in readable):
                self._look_at_done(line)
            line.keep_alive()
            if not had and self._messages:
                deadline = time.monotonic() + LINGER_S
        line.keep_alive()

    def _forget_messages(self) -> None:
        self._messages.clear()
        self._bytes = 0

    def _hand_over(self, line: BulkConnection, stop: threading.Event) -> None:
        messages, self._messages, self._bytes = self._messages, [], 0
        packs = [pack for pack in (self._unpack(topic, body) for topic, body in messages) if pack is not None]
        if self._hands is None:
            self._ack(line, self._work(packs, stop, line.keep_alive))
        elif packs or (self._going is None and time.monotonic() >= self._next_tick):
            self._settle(line)
            self._going = self._hands.submit(self._work, packs, stop, lambda: None)
            self._going.add_done_callback(self._tell_done)

    def _settle(self, line: BulkConnection) -> None:
        """Wait for the batch that is being handed over, if any, and ack it."""
        if self._going is None:
            return
        while not self._going.done():
            with suppress(TimeoutError):
                self._going.exception(timeout=1.0)
            line.keep_alive()
        going, self._going = self._going, None
        self._ack(line, going.result())

    def _look_at_done(self, line: BulkConnection) -> None:
        if self._done is not None:
            self._done[0].recv(64)
        # the word may be of a batch before, whose end was waited for
        if self._going is not None and self._going.done():
            self._settle(line)

    def _tell_done(self, _going: Future[list[Ack]]) -> None:
        if self._done is not None:
            with suppress(OSError):  # full: told already
                self._done[1].send(b"!")

    def _work(self, packs: list[Pack], stop: threading.Event, breathe: Callable[[], object]) -> list[Ack]:
        """Hand a batch over and do what time asks for; answers the acks. ``breathe`` is called in pauses."""
        acks: list[Ack] = []
        try:
            acks += self._accept(packs, stop, breathe)
        except BrokerDown:
            raise
        except Exception:  # one bad pack may not stop the rest: find it and set it aside
            log.exception("batch_failed", packs=len(packs))
            for pack in packs:
                acks += self._accept_alone(pack, stop, breathe)
        now_s = time.monotonic()
        if now_s >= self._next_tick:
            self._next_tick = now_s + _TICK_S
            self._tick()
        return acks

    def _accept_alone(self, pack: Pack, stop: threading.Event, breathe: Callable[[], object]) -> list[Ack]:
        try:
            return self._accept([pack], stop, breathe)
        except BrokerDown:
            raise
        except Exception as problem:
            log.exception("pack_refused", cabinet=pack.cabinet, lane=pack.lane, seq=pack.seq)
            reason = f"the registry could not take it ({type(problem).__name__}): report this and replay it later"
            letter = (msgspec.json.encode(pack.readings).decode(), reason)
            return self._accept([pack._replace(readings=(), bad=[letter])], stop, breathe)

    def _accept(self, packs: list[Pack], stop: threading.Event, breathe: Callable[[], object]) -> list[Ack]:
        """Hand over, however long the stores are away; nothing is acked when told to stop before."""
        pause_s = 0.2
        while packs and not stop.is_set():
            try:
                receipt = self._intake.accept(packs, now=datetime.now(UTC))
            except StoreDown as error:
                self._watch.store_failed("intake", str(error))
                log.warning("store_down", problem=str(error), retry_in_s=round(pause_s, 1))
                stop.wait(pause_s)
                pause_s = min(pause_s * 2, _WORST_PAUSE_S)
                breathe()
                continue
            self._watch.accepted(packs, receipt, now_s=time.time())
            if self._on_receipt is not None:
                self._on_receipt(receipt)
            return receipt.acks
        return []

    def _ack(self, line: BulkConnection, acks: list[Ack]) -> None:
        for ack in acks:
            body = msgspec.json.encode({"epoch": ack.epoch, "seq": ack.seq})
            line.publish(f"covercode/v1/{ack.cabinet}/ack/{ack.lane}", body)

    def _tick(self) -> None:
        try:
            self._intake.tick(now=datetime.now(UTC))
        except StoreDown as error:
            self._watch.store_failed("tick", str(error))
            log.warning("store_down", problem=str(error))

    def _unpack(self, topic: str, body: bytes) -> Pack | None:
        whence = _whence(topic)
        if whence is None:
            self._take_state(topic, body)
            return None
        cabinet, lane = whence
        try:
            pack = decode(body)
        except BadPack as problem:
            return _broken(cabinet, lane, body, problem.reason)
        return Pack(cabinet, lane, pack.epoch, pack.seq, pack.after, pack.readings, pack.bad)

    def _take_state(self, topic: str, body: bytes) -> None:
        where = _STATE.match(topic)
        if where is None:
            return
        try:
            state = CabinetState.read(where[1], body)
        except ValueError as problem:
            log.warning("bad_cabinet_state", cabinet=where[1], problem=str(problem))
            return
        try:
            self._note_cabinet(state, now=datetime.now(UTC))
        except StoreDown as error:
            self._watch.store_failed("state", str(error))
            log.warning("store_down", problem=str(error))

    def _tell_progress(self, line: BulkConnection) -> None:
        # tells every cabinet at once where to go on, instead of waiting for it to lose patience
        try:
            self._ack(line, self._intake.progress())
        except StoreDown as error:
            self._watch.store_failed("progress", str(error))
            log.warning("store_down", problem=str(error))

    def _say_up(self) -> None:
        if self._down:
            log.info("broker_back", host=self._broker.host, port=self._broker.port)
        self._down = False
        self._watch.broker_up()

    def _say_down(self, problem: str) -> None:
        self._watch.broker_down(problem)
        if not self._down:
            self._down = True
            log.warning("broker_down", host=self._broker.host, port=self._broker.port, problem=problem)


@lru_cache(maxsize=20_000)
def _whence(topic: str) -> tuple[str, Lane] | None:
    """The cabinet and lane of a pack's topic; None for any other topic."""
    up = _UP.match(topic)
    return (up[1], Lane(up[2])) if up is not None else None


def _broken(cabinet: str, lane: Lane, body: bytes, reason: str) -> Pack:
    """A pack that can't be read: kept whole as one dead letter, and acked if its header still tells its number.

    Without a number it can't be acked; then the cabinet's operator sees the lane stand still and the letter says why.
    """
    header = _HEADER.search(body[:300])
    epoch, seq, after = (header[1].decode(), int(header[2]), int(header[3])) if header else ("", 0, 0)
    text = body.decode("utf-8", "backslashreplace")[:20_000]
    return Pack(cabinet, lane, epoch, seq, after, (), [(text, reason)])
