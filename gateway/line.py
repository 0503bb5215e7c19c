"""One line: opening it, asking one unit, and waiting until it has answered, is damaged or stays silent.

Everything undamaged that arrives is handed on, also when it comes after its time: the unit has counted it as given.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Protocol

from gateway.channel import Channel, LineDown, open_channel
from gateway.mbap import OutOfStep, TcpStream
from gateway.ports import read_port
from gateway.rtu import Answer, AnswerStream, Block

__all__ = ["Heard", "Line", "LineDown"]

_BITS_A_BYTE = 10  # start, eight data bits, stop
_LEAST_GAP_S = 0.00175  # Modbus over serial line V1.02 §2.5.1.1: 3.5 characters, above 19,200 Bd this
_QUIET_S = 0.05  # no more bytes for this long after a whole answer's length: what came is damaged


class Stream(Protocol):
    """Requests out, bytes in, undamaged answers out; its length is what has come and is no answer (yet)."""

    noise_bytes: int

    def __len__(self) -> int: ...

    def request(self, address: int) -> bytes: ...

    def has_begun(self, address: int) -> bool: ...

    def feed(self, piece: bytes) -> None: ...

    def forget(self) -> None: ...

    def next_answer(self) -> Answer | None: ...


class Heard(Enum):
    """How the wait for an answer ended."""

    ANSWER = "answer"
    DAMAGED = "damaged"
    CUT_SHORT = "cut short"  # an answer began and never came whole: costs as much as silence
    SILENCE = "silence"


class Line:
    """An RS-485 line, or a TCP connection in its place, with this side as its only client. Used by one thread."""

    def __init__(self, port: str, *, baud: int, timeout_s: float, blocks: Mapping[int, Block]) -> None:
        self._port = read_port(port)
        self._baud = baud
        self._timeout_s = timeout_s
        self._blocks = blocks
        self._gap_s = 0.0 if self._port.host else max(_LEAST_GAP_S, 3.5 * _BITS_A_BYTE / baud)
        self._channel: Channel | None = None
        self._stream: Stream = TcpStream(blocks) if self._port.framing == "tcp" else AnswerStream(blocks)
        self._last_traffic_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the device is open, as far as we know."""
        return self._channel is not None

    def open(self) -> None:
        """Opens the device for us alone; raises ``LineDown``."""
        self._channel = open_channel(self._port, baud=self._baud, timeout_s=self._timeout_s)
        self._stream = TcpStream(self._blocks) if self._port.framing == "tcp" else AnswerStream(self._blocks)

    def close(self) -> None:
        """Closes the device; closing twice does nothing."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def take_noise(self) -> int:
        """How many bytes were no part of an answer since the last call."""
        count, self._stream.noise_bytes = self._stream.noise_bytes, 0
        return count

    def late_answers(self) -> Iterator[Answer]:
        """Answers that have arrived since the last wait ended. Raises ``LineDown``."""
        self._read(0.0)
        yield from self._answers()

    def ask(self, address: int) -> None:
        """Sends the request for the block of the unit at ``address``. Raises ``LineDown``."""
        rest_s = self._last_traffic_s + self._gap_s - time.monotonic()
        if rest_s > 0:
            time.sleep(rest_s)
        self._open_channel().write(self._stream.request(address))
        self._last_traffic_s = time.monotonic()

    def listen(self, address: int, heard: list[Answer]) -> Heard:
        """Waits for the answer of the unit at ``address`` and appends every answer that arrives to ``heard``.

        ``DAMAGED``, before the time is up, when as much as an answer came and is none; ``CUT_SHORT`` when an answer
        began and did not end; a few bytes of noise are ``SILENCE``, so that a dead unit on a noisy line costs one
        timeout as well. Raises ``LineDown``.
        """
        deadline_s = time.monotonic() + self._timeout_s
        whole = self._blocks[address].answer_bytes
        while (left_s := deadline_s - time.monotonic()) > 0:
            complete = len(self._stream) >= whole
            if not self._read(min(left_s, _QUIET_S) if complete else left_s):
                if complete:
                    self._stream.forget()
                    return Heard.DAMAGED
                continue
            for answer in self._answers():
                heard.append(answer)
                if answer.address == address:
                    return Heard.ANSWER
        began = self._stream.has_begun(address)
        self._stream.forget()
        return Heard.CUT_SHORT if began else Heard.SILENCE

    def _answers(self) -> Iterator[Answer]:
        try:
            while (answer := self._stream.next_answer()) is not None:
                yield answer
        except OutOfStep as error:
            raise LineDown(str(error)) from error

    def _read(self, wait_s: float) -> bool:
        piece = self._open_channel().read(wait_s)
        if not piece:
            return False
        self._last_traffic_s = time.monotonic()
        self._stream.feed(piece)
        return True

    def _open_channel(self) -> Channel:
        if self._channel is None:
            raise LineDown("the line is not open")
        return self._channel
