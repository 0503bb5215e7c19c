"""Modbus RTU as a server sees it: requests cut out of a byte stream, answers put together. Pure over bytes.

Source: "MODBUS over Serial Line V1.02" and "MODBUS Application Protocol V1.1b3" (modbus.org). A line is noisy, so the
cutter looks for a whole request with a right checksum at every place, and throws away only what can't begin one.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

READ_HOLDING = 0x03
READ_INPUT = 0x04
READS = frozenset({READ_HOLDING, READ_INPUT})
BROADCAST = 0

ILLEGAL_FUNCTION = 0x01
ILLEGAL_ADDRESS = 0x02
ILLEGAL_VALUE = 0x03

MAX_READ = 125
LONGEST_FRAME = 256
# Whole length of a request by function, checksum included; the three writers of many values carry a byte count.
_FIXED_LENGTH = {
    **dict.fromkeys((0x01, 0x02, 0x03, 0x04, 0x05, 0x06), 8),
    **dict.fromkeys((0x07, 0x0B, 0x0C, 0x11), 4),
    0x08: 8,
    0x16: 10,
    0x18: 6,
    0x2B: 7,
}
_COUNTED = {0x0F: 6, 0x10: 6, 0x17: 10, 0x14: 2, 0x15: 2}
_SHORTEST = 4


def _crc_row(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0xA001 if byte & 1 else 0)
    return byte


_CRC_TABLE = tuple(_crc_row(byte) for byte in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request with a right checksum; ``raw`` is the whole frame."""

    address: int
    function: int
    body: bytes
    raw: bytes


def crc(payload: bytes) -> int:
    """CRC-16/MODBUS of ``payload``; it goes on the wire low byte first."""
    value = 0xFFFF
    for byte in payload:
        value = value >> 8 ^ _CRC_TABLE[(value ^ byte) & 0xFF]
    return value


def sealed(payload: bytes) -> bytes:
    """``payload`` with its checksum."""
    return payload + crc(payload).to_bytes(2, "little")


def cut(stream: bytes) -> tuple[list[Request], bytes]:
    """The requests in ``stream`` and what is left over, which may be the beginning of one more.

    The caller drops the rest when the line falls silent (the frame's end in RTU) and passes it back otherwise.
    """
    requests: list[Request] = []
    begin = 0
    while (found := _first_request(stream, begin)) is not None:
        request, begin = found
        requests.append(request)
    return requests, stream[begin:][-LONGEST_FRAME:]


def _first_request(stream: bytes, begin: int) -> tuple[Request, int] | None:
    for at in range(begin, len(stream) - _SHORTEST + 1):
        length = _length_at(stream, at)
        if length is None and at == begin:
            # A function nobody knows has no known length: what arrived since the last silence is the frame.
            length = len(stream) - at
        if length is None or not _SHORTEST <= length <= LONGEST_FRAME or at + length > len(stream):
            continue
        raw = stream[at : at + length]
        if crc(raw[:-2]) == int.from_bytes(raw[-2:], "little"):
            return Request(address=raw[0], function=raw[1], body=raw[2:-2], raw=raw), at + length
    return None


def _length_at(stream: bytes, at: int) -> int | None:
    function = stream[at + 1]
    if (where := _COUNTED.get(function)) is not None:
        return where + 3 + stream[at + where] if at + where < len(stream) else LONGEST_FRAME + 1
    return _FIXED_LENGTH.get(function)


def requested_span(request: Request, register_count: int) -> tuple[int, int] | int:
    """``(start, count)`` of a read that the unit can answer, or the number of the exception it answers instead."""
    if request.function not in READS:
        return ILLEGAL_FUNCTION
    start, count = struct.unpack(">HH", request.body)
    if not 1 <= count <= MAX_READ:
        return ILLEGAL_VALUE
    if start + count > register_count:
        return ILLEGAL_ADDRESS
    return start, count


def read_answer(request: Request, registers: tuple[int, ...]) -> bytes:
    """The answer to a read: the registers asked for, in order."""
    head = struct.pack(">BBB", request.address, request.function, 2 * len(registers))
    return sealed(head + struct.pack(f">{len(registers)}H", *registers))


def exception_answer(request: Request, exception: int) -> bytes:
    """The refusal of a request."""
    return sealed(bytes((request.address, request.function | 0x80, exception)))
