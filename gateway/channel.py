"""A wire as bytes: a serial device, or a TCP connection in its place. Opening, reading, writing; no frames."""

from __future__ import annotations

import select
import socket
import termios
from typing import Protocol

import serial

from gateway.ports import Port

_CONNECT_WITHIN_S = 5.0
_DEAD_AFTER_MS = 10_000  # what we sent went unacknowledged for so long: the cable is out, not the unit silent
_MOST_READ = 4096


class LineDown(Exception):
    """The device or connection is not there (any more); opening it again may succeed later."""


class Channel(Protocol):
    """An open wire; every method raises ``LineDown`` when it breaks."""

    def read(self, wait_s: float) -> bytes:
        """What has come within ``wait_s``, as soon as something has; empty when nothing did."""

    def write(self, data: bytes) -> None:
        """Sends all of ``data``."""

    def close(self) -> None:
        """Lets go of the wire."""


def open_channel(port: Port, *, baud: int, timeout_s: float) -> Channel:
    """Opens the wire for us alone, serial devices as 8N1; raises ``LineDown``."""
    if port.host:
        return _open_socket(port)
    try:
        # Without timeouts: we wait with select, so that each wait has its own deadline. pyserial's for writing also
        # strikes when all has been written but this thread was held up, and would cost us the answer to it.
        device = serial.Serial(port.path, baud, timeout=0, write_timeout=0, exclusive=True)
        return _SerialChannel(device, port.path, timeout_s)
    except (OSError, ValueError, termios.error) as error:
        raise LineDown(str(error)) from error


def _open_socket(port: Port) -> Channel:
    try:
        link = socket.create_connection((port.host, port.number), timeout=_CONNECT_WITHIN_S)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_AFTER_MS)
    except OSError as error:
        raise LineDown(str(error)) from error
    return _SocketChannel(link)


class _SerialChannel:
    def __init__(self, device: serial.Serial, path: str, write_within_s: float) -> None:
        self._device = device
        self._path = path
        self._write_within_s = write_within_s

    def read(self, wait_s: float) -> bytes:
        try:
            ready, _, _ = select.select([self._device], [], [], wait_s)
            return bytes(self._device.read(_MOST_READ)) if ready else b""
        except (OSError, ValueError, TypeError) as error:  # TypeError: pyserial's, when closed meanwhile
            raise LineDown(str(error)) from error

    def write(self, data: bytes) -> None:
        left = data
        try:
            while left:
                _, ready, _ = select.select([], [self._device], [], self._write_within_s)
                if not ready:
                    raise LineDown(f"{self._path} takes nothing for {self._write_within_s} s")
                left = left[self._device.write(left) :]
        except (OSError, ValueError, TypeError) as error:  # TypeError: pyserial's, when closed meanwhile
            raise LineDown(str(error)) from error

    def close(self) -> None:
        self._device.close()


class _SocketChannel:
    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def read(self, wait_s: float) -> bytes:
        try:
            ready, _, _ = select.select([self._link], [], [], wait_s)
            if not ready:
                return b""
            piece = self._link.recv(_MOST_READ)
        except (OSError, ValueError) as error:
            raise LineDown(str(error)) from error
        if not piece:
            raise LineDown("the other side has closed the connection")
        return piece

    def write(self, data: bytes) -> None:
        try:
            self._link.sendall(data)
        except OSError as error:
            raise LineDown(str(error)) from error

    def close(self) -> None:
        self._link.close()
