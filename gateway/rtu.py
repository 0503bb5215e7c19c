"""Modbus RTU frames, without a line: the request for a block of registers, and the answers in what came back.

Pure. Checksums and request layout are pymodbus's. Finding the answer is ours: we know exactly which frames can come, so
an undamaged answer is found behind noise, behind an echo of the request, and when it comes late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pymodbus.framer.rtu import FramerRTU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

_REQUESTS = {3: ReadHoldingRegistersRequest, 4: ReadInputRegistersRequest}
_EXCEPTION = 0x80
_EXCEPTION_BYTES = 5  # address, function, code, CRC
_AROUND_REGISTERS = 5  # address, function, byte count, CRC
_MOST_BYTES_KEPT = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The registers to read from a unit: ``function`` 3 (holding) or 4 (input)."""

    function: int
    start: int
    count: int

    @property
    def answer_bytes(self) -> int:
        """How long the whole answer is."""
        return _AROUND_REGISTERS + 2 * self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One undamaged frame: the registers' bytes, or the exception code with which the unit refuses."""

    address: int
    registers: bytes = b""
    refusal: int | None = None


def request(address: int, block: Block) -> bytes:
    """The frame that asks the unit at ``address`` for ``block``."""
    pdu = _REQUESTS[block.function](address=block.start, count=block.count)
    frame = bytes((address, block.function)) + pdu.encode()
    return frame + _crc(frame)


class AnswerStream:
    """Bytes from the line in, undamaged answers out; ``expected`` says which units may answer with which block."""

    def __init__(self, expected: Mapping[int, Block]) -> None:
        self._expected = expected
        self._bytes = bytearray()
        self.noise_bytes = 0  # thrown away since the start

    def __len__(self) -> int:
        """Bytes that are no answer (yet)."""
        return len(self._bytes)

    def request(self, address: int) -> bytes:
        """The frame that asks the unit at ``address`` for its block."""
        return request(address, self._expected[address])

    def has_begun(self, address: int) -> bool:
        """Whether the first bytes of an answer from the unit at ``address`` are among what is left."""
        block = self._expected[address]
        return bytes((address, block.function, 2 * block.count)) in self._bytes

    def feed(self, piece: bytes) -> None:
        """Appends what came over the line."""
        self._bytes += piece
        self.noise_bytes += max(0, len(self._bytes) - _MOST_BYTES_KEPT)
        del self._bytes[:-_MOST_BYTES_KEPT]

    def forget(self) -> None:
        """Throws away what is left."""
        self.noise_bytes += len(self._bytes)
        self._bytes.clear()

    def next_answer(self) -> Answer | None:
        """The first undamaged answer; bytes before it are noise and go with it. None when there is none yet."""
        for at, address in enumerate(self._bytes):
            block = self._expected.get(address)
            if block is None:
                continue
            found = self._answer_at(at, address, block)
            if found is not None:
                answer, end = found
                self.noise_bytes += at
                del self._bytes[:end]
                return answer
        return None

    def _answer_at(self, at: int, address: int, block: Block) -> tuple[Answer, int] | None:
        head = bytes(self._bytes[at + 1 : at + 3])
        if head == bytes((block.function, 2 * block.count)):
            frame = bytes(self._bytes[at : at + block.answer_bytes])
            answer = Answer(address=address, registers=frame[3:-2])
            size = block.answer_bytes
        elif len(head) == 2 and head[0] == block.function | _EXCEPTION:
            frame = bytes(self._bytes[at : at + _EXCEPTION_BYTES])
            answer = Answer(address=address, refusal=head[1])
            size = _EXCEPTION_BYTES
        else:
            return None
        return (answer, at + size) if len(frame) == size and _crc(frame[:-2]) == frame[-2:] else None


def _crc(data: bytes) -> bytes:
    return FramerRTU.compute_CRC(data).to_bytes(2, "big")
