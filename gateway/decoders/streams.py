"""Raw bytes from a serial line or a TCP connection in, whole undamaged frames out. Pure; one ``FrameStream`` a line.

A frame is looked for at every byte. Where its check fails only that one byte is given up, so the next frame is found
whatever came before it. What is decided depends on the bytes alone and never on how they were cut into pieces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.decoders.bwsensing import AROUND as _BWM_AROUND
from gateway.decoders.bwsensing import checksum
from gateway.decoders.vendor_tags import NBIOT_HEAD, NBIOT_START, is_nbiot_head

LONGEST_FRAME = 4096
"""No frame of any format is longer; a head that says so is noise."""

_DINGTEK_LENGTHS = frozenset({17, 18, 25, 26})
_CRC_ROWS = 8
_CRC_POLYNOMIAL = 0xA001


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFormat:
    """How frames of one kind are told from noise.

    ``starts``: what a first byte can be. ``size(head)``: how long the frame is that begins so; 0 when more bytes are
    needed to tell; why its head is damaged; an empty text when this is no head at all. ``fault(frame)``: why the whole
    frame is damaged; empty when it is not.
    """

    starts: frozenset[int]
    size: Callable[[bytes], int | str]
    fault: Callable[[bytes], str]


@dataclass(slots=True)
class FrameStream:
    """Cuts one line's bytes into frames. ``damaged`` counts frames given up by reason, ``noise_bytes`` all other bytes.

    A frame whose check fails is counted once, though other bytes of it may look like a beginning too.
    """

    format: FrameFormat
    damaged: Counter[str] = field(default_factory=Counter)
    noise_bytes: int = 0
    _bytes: bytearray = field(default_factory=bytearray)
    _damage_left: int = 0  # bytes still to come of a damaged frame that has been counted

    def feed(self, piece: bytes) -> list[bytes]:
        """Takes what came over the line; returns the frames that are complete by now, in their order."""
        self._bytes += piece
        return self._cut(last=False)

    def idle(self) -> list[bytes]:
        """The line has fallen silent: what has begun will not go on. Returns the frames hidden behind it."""
        return self._cut(last=True)

    def waiting(self) -> int:
        """How many bytes may yet become a frame."""
        return len(self._bytes)

    def _cut(self, *, last: bool) -> list[bytes]:
        frames: list[bytes] = []
        at = 0
        while at < len(self._bytes):
            if self._bytes[at] not in self.format.starts:
                self._give_up("")
                at += 1
                continue
            size = self.format.size(bytes(self._bytes[at : at + NBIOT_HEAD]))
            if isinstance(size, str):
                self._give_up(size)
                at += 1
                continue
            if size == 0 or at + size > len(self._bytes):
                if not last:
                    break
                self._give_up("truncated", size=len(self._bytes) - at)
                at += 1
                continue
            frame = bytes(self._bytes[at : at + size])
            fault = self.format.fault(frame)
            if fault:
                self._give_up(fault, size=size)
                at += 1
                continue
            frames.append(frame)
            self._damage_left = 0
            at += size
        del self._bytes[:at]
        return frames

    def _give_up(self, reason: str, *, size: int = 1) -> None:
        """One byte does not begin an undamaged frame; ``reason`` is empty where it was never taken for one."""
        if self._damage_left > 0:
            self._damage_left -= 1
        elif reason:
            self.damaged[reason] += 1
            self._damage_left = size - 1
        else:
            self.noise_bytes += 1


# --- formats --------------------------------------------------------------------------------------------------------


def _bwsensing_size(head: bytes) -> int | str:
    if len(head) < 2:
        return 0
    return head[1] + 1 if head[1] + 1 >= _BWM_AROUND else "length"


def _bwsensing_fault(frame: bytes) -> str:
    return "" if checksum(frame[1:-1]) == frame[-1] else "checksum"


def _dingtek_size(head: bytes) -> int | str:
    if len(head) < 5:
        return 0
    return head[4] if head[4] in _DINGTEK_LENGTHS else "length"


def _dingtek_fault(frame: bytes) -> str:
    return "" if frame[-1] == 0x81 else "end"


def _nbiot_size(head: bytes) -> int | str:
    if not is_nbiot_head(head[:NBIOT_HEAD]):
        return ""
    if len(head) < NBIOT_HEAD:
        return 0
    size = NBIOT_HEAD + int.from_bytes(head[NBIOT_HEAD - 2 : NBIOT_HEAD], "big")
    return size if size <= LONGEST_FRAME else "length"


def _modbus_size(head: bytes) -> int | str:
    if len(head) < 3:
        return 0
    if head[1] in (0x83, 0x84):
        return 5
    if head[1] in (3, 4):
        return head[2] + 5 if head[2] and head[2] % 2 == 0 else ""
    return ""


def _modbus_fault(frame: bytes) -> str:
    return "" if modbus_crc(frame[:-2]) == int.from_bytes(frame[-2:], "little") else "crc"


def modbus_crc(data: bytes) -> int:
    """CRC-16/MODBUS; on the wire its low byte comes first."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(_CRC_ROWS):
            value = value >> 1 ^ (_CRC_POLYNOMIAL if value & 1 else 0)
    return value


FORMATS: Mapping[str, FrameFormat] = MappingProxyType(
    {
        "bwsensing": FrameFormat(starts=frozenset({0x77}), size=_bwsensing_size, fault=_bwsensing_fault),
        "dingtek": FrameFormat(starts=frozenset({0x80}), size=_dingtek_size, fault=_dingtek_fault),
        "milesight-nbiot": FrameFormat(starts=frozenset({NBIOT_START}), size=_nbiot_size, fault=lambda frame: ""),
        # answers to reading registers, for a line on which somebody else asks
        "modbus-answers": FrameFormat(starts=frozenset(range(1, 248)), size=_modbus_size, fault=_modbus_fault),
    }
)
"""By the word that a profile writes as ``stream``."""
