"""A serial bus: the units on it answer one master over a pseudo-terminal, and what they answered is written down.

**When an answer is true.** Modbus knows no acknowledgement. An answer that was sent whole is *settled* when the line
shows that the master went on: another valid request came, or the simulator ended while the line was still open. It is
*in doubt* when the line was hung up first (the master may have died holding it), when the same request comes again at
once (a master that repeats itself did not take the first answer), when noise stood close beside it, or when this
computer was so late that the master may have stopped waiting. Damaged answers are never written down.

**No late answers.** A real unit answers within milliseconds. When this computer stalls, requests that may be older than
``LATE_S`` are left unanswered, and of several waiting requests only the last is answered: silence makes a master ask
again, whereas a late answer could be taken for the answer to another question.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from firmware_sim import rtu
from firmware_sim.faults import DEFAULT_SHARE, Fault
from firmware_sim.registers import REGISTER_COUNT, values_of
from firmware_sim.terminal import Terminal
from firmware_sim.truth import Answer, Truth
from firmware_sim.units import SensorUnit

# RTU ends a frame after 3.5 characters of silence. A computer's scheduler adds tens of milliseconds to that.
FRAME_GAP_S = 0.05
LATE_S = 0.2
REPEAT_S = 0.75
NOISE_NEAR_S = 0.05


@dataclass(slots=True, kw_only=True)
class Pending:
    """An answer that was sent and is not settled yet."""

    answer: Answer
    request: bytes
    sent_s: float
    doubtful: bool


@dataclass(slots=True, kw_only=True)
class BusCounts:
    """What happened on the line since the start."""

    requests: int = 0
    answers: int = 0
    exceptions: int = 0
    damaged: int = 0
    dropped_late: int = 0
    hang_ups: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Bus:
    """One line with its units. All times are seconds after the simulator's start, from one monotonic clock.

    ``connected`` and ``idle_s`` belong to the loop that owns the bus: whether somebody has the other end open, and when
    the line was last seen with nothing on it.
    """

    name: str
    terminal: Terminal
    units: Mapping[int, SensorUnit]
    truth: Truth
    clock: Callable[[], float]
    chance: random.Random
    byte_s: float = 0.0
    faults: tuple[Fault, ...] = ()
    counts: BusCounts = field(default_factory=BusCounts)
    connected: bool = False
    idle_s: float = 0.0
    _heard: bytes = b""
    _heard_s: float = 0.0
    _due: tuple[float, rtu.Request] | None = None
    _pending: Pending | None = None
    _noise_due_s: float | None = None
    _noise_s: float = float("-inf")

    def serve(self) -> None:
        """Read what has arrived and answer it."""
        now_s = self.clock()
        received, still_open = self.terminal.read()
        self._hear(received, now_s, answering=still_open)
        self.idle_s = now_s
        if not still_open:
            self._hang_up()

    def listen(self) -> None:
        """At the end: take what arrives as proof that the last answer was received, and answer nothing."""
        received, still_open = self.terminal.read()
        self._hear(received, self.clock(), answering=False)
        if not still_open:
            self._hang_up()

    def next_due_s(self) -> float | None:
        """When ``act`` has something to do without anything arriving."""
        dues = [due for due in (self._due and self._due[0], self._noise_due_s) if due is not None]
        return min(dues, default=None)

    def act(self, now_s: float) -> None:
        """Send what is due: a paced answer, or noise."""
        if self._due is not None and self._due[0] <= now_s:
            due_s, request = self._due
            self._due = None
            self._answer(request, since_s=due_s)
        if self._noise_due_s is not None and self._noise_due_s <= now_s:
            self._noise_due_s = None
            self._make_noise(now_s)

    def waits_to_settle(self) -> float | None:
        """When the answer that is still unsettled was sent; None when there is none."""
        return None if self._pending is None else self._pending.sent_s

    def finish(self) -> None:
        """The simulator ends with the line still open: the last answer counts as taken."""
        self._settle(doubtful=False)

    def _hear(self, received: bytes, now_s: float, *, answering: bool) -> None:
        if not received:
            return
        if now_s - self._heard_s > FRAME_GAP_S:
            self._heard = b""
        self._heard_s = now_s
        requests, self._heard = rtu.cut(self._heard + received)
        if not requests:
            return
        self.counts.requests += len(requests)
        self._settle(doubtful=self._is_repeat(requests[0], now_s))
        self._due = None
        if not answering:
            return
        asked_since_s, request = self.idle_s, requests[-1]
        if now_s - asked_since_s > LATE_S:
            self.counts.dropped_late += 1
        elif self.byte_s:
            # The request's own time on the wire, and the silence that ends it.
            self._due = (now_s + (len(request.raw) + 3.5) * self.byte_s + self._length_of_answer(request), request)
        else:
            self._answer(request, since_s=asked_since_s)

    def _length_of_answer(self, request: rtu.Request) -> float:
        span = rtu.requested_span(request, REGISTER_COUNT)
        return (5 if isinstance(span, int) else 5 + 2 * span[1]) * self.byte_s

    def _answer(self, request: rtu.Request, *, since_s: float) -> None:
        unit = self.units.get(request.address)
        now_s = self.clock()
        if unit is None or unit.is_dead(now_s):
            return
        span = rtu.requested_span(request, REGISTER_COUNT)
        if isinstance(span, int):
            self.counts.exceptions += 1
            self.terminal.write(rtu.exception_answer(request, span))
            return
        start, count = span
        registers = unit.form_answer(now_s)[start : start + count]
        frame = rtu.read_answer(request, registers)
        if self._happens("bus_crc_errors", now_s):
            self.counts.damaged += 1
            self.terminal.write(self._damaged(frame))
            return
        noisy = self._noise_before_or_after(now_s)
        sent = self.terminal.write(frame)
        self.counts.answers += 1
        self._pending = Pending(
            answer=Answer(
                at=time.time(),
                bus=self.name,
                address=unit.address,
                serial=unit.serial,
                n=unit.sample_count,
                values=values_of(registers, start=start),
            ),
            request=request.raw,
            sent_s=now_s,
            doubtful=noisy or not sent or self.clock() - since_s > LATE_S,
        )

    def _settle(self, *, doubtful: bool) -> None:
        if self._pending is not None:
            self.truth.settle(self._pending.answer, doubtful=doubtful or self._pending.doubtful)
            self._pending = None

    def _is_repeat(self, request: rtu.Request, now_s: float) -> bool:
        """Whether a master asks the same again so soon that it can't have taken the answer.

        With a single unit on the line every poll repeats the last one, so there it says nothing.
        """
        pending = self._pending
        if pending is None or len(self.units) < 2:
            return False
        return request.raw == pending.request and now_s - pending.sent_s < REPEAT_S

    def _hang_up(self) -> None:
        self.counts.hang_ups += self.connected
        self.connected = False
        self._settle(doubtful=True)
        self._due = None
        self._heard = b""
        self.terminal.forget_unread()

    def _share_of(self, kind: str, now_s: float) -> float:
        """The probability that a bus fault strikes now; 0 when there is none."""
        lasting = [f for f in self.faults if f.kind == kind and f.start_s <= now_s < f.end_s]
        return max((DEFAULT_SHARE if f.strength is None else f.strength for f in lasting), default=0.0)

    def _happens(self, kind: str, now_s: float) -> bool:
        share = self._share_of(kind, now_s)
        return share > 0.0 and self.chance.random() < share

    def _damaged(self, frame: bytes) -> bytes:
        """One to three bits turned over: CRC-16 finds every such damage in a frame this short."""
        spoilt = bytearray(frame)
        for place in self.chance.sample(range(len(frame) * 8), self.chance.randint(1, 3)):
            spoilt[place // 8] ^= 1 << place % 8
        return bytes(spoilt)

    def _noise_before_or_after(self, now_s: float) -> bool:
        """Perhaps put noise right before the answer, or plan some for later; whether noise stands close by."""
        if self._happens("bus_noise", now_s):
            if self.chance.random() < 0.3:
                self._make_noise(now_s)
            else:
                self._noise_due_s = now_s + self.chance.uniform(0.005, 0.2)
        return now_s - self._noise_s < NOISE_NEAR_S

    def _make_noise(self, now_s: float) -> None:
        self._noise_s = now_s
        self.terminal.write(self.chance.randbytes(self.chance.randint(1, 6)))
        if self._pending is not None and now_s - self._pending.sent_s < NOISE_NEAR_S:
            self._pending.doubtful = True
