"""A small RS-485 bus for tests: a pseudo-terminal on which units answer Modbus RTU, with faults on request.

Its checksum and frames are its own, so that a mistake in the gateway's can't cancel itself out.
"""

from __future__ import annotations

import os
import select
import termios
import threading
import tty
from dataclasses import dataclass, field
from types import TracebackType


def crc16(data: bytes) -> bytes:
    """The Modbus checksum, low byte first (Modbus over serial line V1.02, appendix B)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


@dataclass(slots=True)
class TestUnit:
    """Sixteen registers and the unit's faults; ``asked`` counts requests, ``answered`` undamaged answers."""

    __test__ = False

    kind: int = 1
    tilt_z: int = 123  # 0.01 deg
    water_level: int = 500
    dead: bool = False
    damage_next: int = 0
    refuse: int | None = None
    prefix: bytes = b""  # noise before each answer
    delay_s: float = 0.0
    asked: int = 0
    answered: int = 0
    requested_at_s: list[float] = field(default_factory=list)

    def registers(self) -> bytes:
        """The next answer's registers; the sample count goes up by one."""
        self.answered += 1
        values = (self.kind, 120, *divmod(self.answered, 65536), 0, 60, 10, 65526, self.tilt_z, 5, 20)
        return b"".join(value.to_bytes(2, "big") for value in (*values, self.water_level, 215, 3600, 87, 0))


class SerialBus:
    """Between ``__enter__`` and ``__exit__`` the units answer at ``port``."""

    def __init__(self, units: dict[int, TestUnit], *, port: str = "") -> None:
        self.units = units
        self.port = port
        self.requests: list[int] = []  # addresses in the order in which they were asked
        self._stop = threading.Event()

    def __enter__(self) -> SerialBus:
        self._server, self._client = os.openpty()
        tty.setraw(self._client, termios.TCSANOW)
        if self.port:
            os.symlink(os.ttyname(self._client), self.port)  # noqa: PTH211
        else:
            self.port = os.ttyname(self._client)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self._client)
        os.close(self._server)
        if os.path.islink(self.port):  # noqa: PTH114
            os.unlink(self.port)  # noqa: PTH108

    def say(self, noise: bytes) -> None:
        """Bytes that nobody asked for."""
        os.write(self._server, noise)

    def _serve(self) -> None:
        buffer = b""
        while not self._stop.is_set():
            if not select.select([self._server], [], [], 0.02)[0]:
                continue
            buffer += os.read(self._server, 256)
            while len(buffer) >= 8:
                frame, buffer = buffer[:8], buffer[8:]
                assert crc16(frame[:-2]) == frame[-2:], f"the client sent a damaged request: {frame.hex()}"
                self._answer(frame)

    def _answer(self, frame: bytes) -> None:
        address, function = frame[0], frame[1]
        unit = self.units.get(address)
        self.requests.append(address)
        if unit is None:
            return
        unit.asked += 1
        if unit.dead:
            return
        if unit.refuse is not None:
            answer = bytes((address, function | 0x80, unit.refuse))
        else:
            start, count = int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big")
            block = unit.registers()[2 * start : 2 * (start + count)]
            answer = bytes((address, function, len(block))) + block
        answer += crc16(answer)
        if unit.damage_next:
            unit.damage_next -= 1
            unit.answered -= 1
            answer = answer[:10] + bytes((answer[10] ^ 0x10,)) + answer[11:]
        if unit.delay_s:
            self._stop.wait(unit.delay_s)
        os.write(self._server, unit.prefix + answer)
