"""Modbus TCP frames, without a connection: the request for a block of registers, and the answers in what came back.

Pure. Source: "MODBUS Messaging on TCP/IP Implementation Guide V1.0b" §3.1. TCP damages nothing, so there is no checksum
to search by: bytes that can't be a frame mean that the stream is out of step, and only a new connection mends that.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Mapping

from gateway.rtu import Answer, Block

_HEAD = struct.Struct(">HHHB")  # transaction, protocol (0), bytes that follow, unit
_REQUEST = struct.Struct(">BHH")  # function, start, count
_LONGEST_BODY = 254  # unit and PDU: 1 + 253
_EXCEPTION = 0x80
_REMEMBERED = 64  # requests whose late answers still count


class OutOfStep(Exception):
    """What came is no Modbus TCP; the connection must be made again."""


class TcpStream:
    """Requests out, bytes in, answers to our own requests out; ``expected`` says which units give which block."""

    def __init__(self, expected: Mapping[int, Block]) -> None:
        self._expected = expected
        self._bytes = bytearray()
        self.noise_bytes = 0  # there is none on TCP
        self._transaction = 0
        self._asked: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)

    def __len__(self) -> int:
        """Bytes that are no answer (yet)."""
        return len(self._bytes)

    def request(self, address: int) -> bytes:
        """The frame that asks the unit at ``address`` for its block."""
        self._transaction = (self._transaction + 1) % 0x10000
        self._asked.append((self._transaction, address))
        block = self._expected[address]
        pdu = _REQUEST.pack(block.function, block.start, block.count)
        return _HEAD.pack(self._transaction, 0, len(pdu) + 1, address) + pdu

    def has_begun(self, address: int) -> bool:
        """Never: TCP delivers what was sent, so what has begun is on its way."""
        return False

    def feed(self, piece: bytes) -> None:
        """Appends what came over the connection."""
        self._bytes += piece

    def forget(self) -> None:
        """Keeps what is there, since the rest of a frame may still come."""

    def next_answer(self) -> Answer | None:
        """The next answer to one of our requests; None when there is none yet. Raises ``OutOfStep``."""
        while len(self._bytes) >= _HEAD.size:
            transaction, protocol, follows, address = _HEAD.unpack_from(self._bytes)
            if protocol or not 3 <= follows <= _LONGEST_BODY:
                raise OutOfStep(f"no Modbus TCP frame begins with {bytes(self._bytes[: _HEAD.size]).hex()}")
            end = _HEAD.size - 1 + follows
            if len(self._bytes) < end:
                return None
            pdu = bytes(self._bytes[_HEAD.size : end])
            del self._bytes[:end]
            answer = self._answer(transaction, address, pdu)
            if answer is not None:
                return answer
        return None

    def _answer(self, transaction: int, address: int, pdu: bytes) -> Answer | None:
        if (transaction, address) not in self._asked:
            return None
        block = self._expected[address]
        if pdu[0] == block.function | _EXCEPTION:
            answer = Answer(address=address, refusal=pdu[1])
        elif pdu[:2] == bytes((block.function, 2 * block.count)) and len(pdu) == 2 + 2 * block.count:
            answer = Answer(address=address, registers=pdu[2:])
        else:
            return None
        self._asked.remove((transaction, address))
        return answer
