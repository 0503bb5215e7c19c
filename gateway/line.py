"""One serial line: opening it, asking one unit, and waiting until it has answered, is damaged or stays silent.

Everything undamaged that arrives is handed on, also when it comes after its time: the unit has counted it as given.
"""

from __future__ import annotations

import select
import termios
import time
from collections.abc import Iterator, Mapping
from enum import Enum

import serial

from gateway.rtu import Answer, AnswerStream, Block, request

_BITS_A_BYTE = 10  # start, eight data bits, stop
_LEAST_GAP_S = 0.00175  # Modbus over serial line V1.02 §2.5.1.1: 3.5 characters, above 19,200 Bd this
_QUIET_S = 0.05  # no more bytes for this long after a whole answer's length: what came is damaged
_MOST_READ = 512


class LineDown(Exception):
    """The serial device is not there (any more); opening it again may succeed later."""


class Heard(Enum):
    """How the wait for an answer ended."""

    ANSWER = "answer"
    DAMAGED = "damaged"
    SILENCE = "silence"


class Line:
    """An RS-485 line with this side as its only client. Used by one thread."""

    def __init__(self, port: str, *, baud: int, timeout_s: float, blocks: Mapping[int, Block]) -> None:
        self._port = port
        self._baud = baud
        self._timeout_s = timeout_s
        self._blocks = blocks
        self._gap_s = max(_LEAST_GAP_S, 3.5 * _BITS_A_BYTE / baud)
        self._serial: serial.Serial | None = None
        self._stream = AnswerStream(blocks)
        self._last_traffic_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the device is open, as far as we know."""
        return self._serial is not None

    def open(self) -> None:
        """Opens the device for us alone, 8N1; raises ``LineDown``."""
        try:
            # timeout=0: we wait with select, so that each wait has its own deadline.
            self._serial = serial.Serial(
                self._port, self._baud, timeout=0, write_timeout=self._timeout_s, exclusive=True
            )
        except (OSError, ValueError, termios.error) as error:
            raise LineDown(str(error)) from error
        self._stream.forget()

    def close(self) -> None:
        """Closes the device; closing twice does nothing."""
        if self._serial is not None:
            self._serial.close()
            self._serial = None

    def late_answers(self) -> Iterator[Answer]:
        """Answers that have arrived since the last wait ended. Raises ``LineDown``."""
        self._read(0.0)
        yield from self._answers()

    def ask(self, address: int) -> None:
        """Sends the request for the block of the unit at ``address``. Raises ``LineDown``."""
        rest_s = self._last_traffic_s + self._gap_s - time.monotonic()
        if rest_s > 0:
            time.sleep(rest_s)
        frame = request(address, self._blocks[address])
        try:
            self._device().write(frame)
        except OSError as error:
            raise LineDown(str(error)) from error
        self._last_traffic_s = time.monotonic()

    def listen(self, address: int, heard: list[Answer]) -> Heard:
        """Waits for the answer of the unit at ``address`` and appends every answer that arrives to ``heard``.

        ``DAMAGED``, before the time is up, when as much as an answer came and is none; a few bytes of noise are
        ``SILENCE``, so that a dead unit on a noisy line costs one timeout as well. Raises ``LineDown``.
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
        self._stream.forget()
        return Heard.SILENCE

    def _answers(self) -> Iterator[Answer]:
        while (answer := self._stream.next_answer()) is not None:
            yield answer

    def _read(self, wait_s: float) -> bool:
        device = self._device()
        try:
            ready, _, _ = select.select([device], [], [], wait_s)
            piece = device.read(_MOST_READ) if ready else b""
        except (OSError, ValueError) as error:
            raise LineDown(str(error)) from error
        if not piece:
            return False
        self._last_traffic_s = time.monotonic()
        self._stream.feed(piece)
        return True

    def _device(self) -> serial.Serial:
        if self._serial is None:
            raise LineDown(f"{self._port} is not open")
        return self._serial
