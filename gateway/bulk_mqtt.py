"""MQTT 3.1.1 as the city's intake needs it: take as many messages as the socket holds at once.

A client library reads each message by four calls to the system, tells of it by callbacks and confirms it by a fifth:
with small packs that is most of what an ingest process does. Here one read brings hundreds, one write confirms them.
Written after the OASIS standard (MQTT Version 3.1.1, §2.2 fixed header, §3 control packets); QoS 0 and 1 only.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import time
from collections.abc import Sequence

from gateway.broker import BrokerDown
from gateway.broker_tls import explained, tls_context
from gateway.settings import BrokerSettings

_OPEN_WITHIN_S = 10.0
_READ_AT_ONCE = 262_144
_LARGEST_PACKET = 16 * 1024 * 1024
_TOPICS_KEPT = 100_000
_NOT_MQTT = "the broker does not speak MQTT"

_CONNECT, _CONNACK, _PUBLISH, _SUBSCRIBE, _SUBACK = 0x10, 0x20, 0x30, 0x82, 0x90
_PINGREQ, _DISCONNECT = b"\xc0\x00", b"\xe0\x00"
_QOS = 0x06
_REFUSED = 0x80
_NO_ENTRY = {
    1: "it does not speak MQTT 3.1.1",
    2: "it refuses our client id",
    3: "it is not available",
    4: "it refuses our user name or password: look at [broker] username and password",
    5: "it does not let us in: look at [broker] username and its access rules",
}

Message = tuple[str, bytes]


class Packets:
    """Cuts what arrives into packets, in whatever pieces it comes. Pure: bytes in, messages out.

    ``answers`` holds the last CONNACK and SUBACK by their kind, without their fixed header.
    """

    def __init__(self) -> None:
        self.answers: dict[int, bytes] = {}
        self._rest = b""
        self._taken: list[bytes] = []
        self._topics: dict[bytes, str] = {}

    def take(self, got: bytes, messages: list[Message]) -> int:
        """Append the messages that are whole now; answers how many bytes of payload. Raises ``BrokerDown``."""
        data = self._rest + got if self._rest else got
        at, end, payload = 0, len(data), 0
        while at + 2 <= end:
            first, length, start = data[at], data[at + 1], at + 2
            if length & 0x80:
                found = _length(data, at + 1)
                if found is None:
                    break
                length, start = found
            stop = start + length
            if stop > end:
                break
            kind = first & 0xF0
            if kind == _PUBLISH:
                payload += self._publish(first, data, start, stop, messages)
            elif kind in (_CONNACK, _SUBACK):
                if length < 2:
                    raise BrokerDown(_NOT_MQTT)
                self.answers[kind] = data[start:stop]
            at = stop
        self._rest = data[at:]
        return payload

    def confirmations(self) -> bytes:
        """What is to be sent for the messages taken since the last call."""
        taken, self._taken = self._taken, []
        return b"".join([b"\x40\x02" + packet_id for packet_id in taken])

    def _publish(self, first: int, data: bytes, start: int, stop: int, messages: list[Message]) -> int:
        if stop < start + 2:
            raise BrokerDown(_NOT_MQTT)
        split = start + 2 + (data[start] << 8 | data[start + 1])
        name = data[start + 2 : split]
        if first & _QOS:
            self._taken.append(data[split : split + 2])
            split += 2
        if split > stop:
            raise BrokerDown(_NOT_MQTT)
        messages.append((self._topics.get(name) or self._topic(name), data[split:stop]))
        return stop - split

    def _topic(self, name: bytes) -> str:
        if len(self._topics) >= _TOPICS_KEPT:
            self._topics.clear()
        topic = self._topics[name] = name.decode("utf-8", "replace")
        return topic


class BulkConnection:
    """Open between ``open`` and ``close``; may be opened once. For one thread.

    ``client_id`` names the session; unless ``clean``, the broker keeps it. ``select`` takes the connection itself.
    Every method raises ``BrokerDown`` when the connection is over.
    """

    def __init__(self, settings: BrokerSettings, *, client_id: str, clean: bool) -> None:
        self._settings = settings
        self._client_id = client_id
        self._clean = clean
        self._socket: socket.socket | None = None
        self._packets = Packets()
        self._unsent = bytearray()
        self._packet_id = 0
        self._heard_s = self._said_s = self._asked_s = 0.0

    @property
    def unsent(self) -> bool:
        """Whether something waits for room in the socket: then ``flush`` when it can be written to."""
        return bool(self._unsent)

    def fileno(self) -> int:
        """For ``select``."""
        return self._opened().fileno()

    def open(self, filters: Sequence[str], messages: list[Message]) -> None:
        """Connect and subscribe (QoS 1), and wait until the broker has agreed, or has begun to send what it has kept.

        ``messages`` takes what came first.
        """
        settings = self._settings
        try:
            plain = socket.create_connection((settings.host, settings.port), timeout=_OPEN_WITHIN_S)
            self._socket = plain
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            context = tls_context(settings)
            if context is not None:
                self._socket = context.wrap_socket(plain, server_hostname=settings.host)
            self._socket.setblocking(False)
        except OSError as error:
            raise BrokerDown(explained(error, settings)) from error
        self._heard_s = self._said_s = time.monotonic()
        self._send(_CONNECT, self._greeting())
        self._wait_for(_CONNACK, messages)
        code = self._packets.answers[_CONNACK][1]
        if code:
            raise BrokerDown(f"the broker did not accept us: {_NO_ENTRY.get(code, f'code {code}')}")
        asked = b"".join(_text(topic) + b"\x01" for topic in filters)
        self._send(_SUBSCRIBE, self._next_id() + asked)
        self._wait_for(_SUBACK, messages)

    def take(self, messages: list[Message]) -> int:
        """Append what has arrived and confirm it; answers how many bytes of payload. Doesn't wait."""
        try:
            got = self._opened().recv(_READ_AT_ONCE)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except OSError as error:
            raise BrokerDown(str(error)) from error
        if not got:
            raise BrokerDown("the broker closed the connection")
        self._heard_s = time.monotonic()
        taken = self._packets.take(got, messages)
        if _REFUSED in self._packets.answers.get(_SUBACK, b"")[2:]:
            raise BrokerDown("the broker refuses our subscriptions: look at its access rules")
        self._unsent += self._packets.confirmations()
        self.flush()
        return taken

    def publish(self, topic: str, payload: bytes) -> None:
        """Send with QoS 1. What is lost with the connection is not sent again."""
        self._send(_PUBLISH | 0x02, _text(topic) + self._next_id() + payload)

    def flush(self) -> None:
        """Send as much of what waits as the socket takes."""
        if not self._unsent:
            return
        try:
            sent = self._opened().send(self._unsent)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            raise BrokerDown(str(error)) from error
        del self._unsent[:sent]
        self._said_s = time.monotonic()

    def keep_alive(self) -> None:
        """Ask a silent broker whether it is there, give up on a dead one. To be called every few seconds at least."""
        now_s, every_s = time.monotonic(), self._settings.keepalive_s
        if self._asked_s > self._heard_s:
            if select.select([self], [], [], 0)[0]:  # it has answered, and nobody has read it yet
                self._heard_s = now_s
            elif now_s - self._asked_s > every_s:
                raise BrokerDown(f"the broker has been silent for {now_s - self._heard_s:.0f} s")
        elif now_s - min(self._said_s, self._heard_s) > every_s / 2:
            self._asked_s = now_s
            self._unsent += _PINGREQ
            self.flush()

    def close(self) -> None:
        """Say goodbye, if the line lets us."""
        connection, self._socket = self._socket, None
        if connection is None:
            return
        with contextlib.suppress(OSError):
            connection.settimeout(1.0)
            connection.sendall(bytes(self._unsent) + _DISCONNECT)
        connection.close()

    # --- packets ----------------------------------------------------------------------------------------------------

    def _greeting(self) -> bytes:
        settings, flags = self._settings, 0x02 if self._clean else 0x00
        said = _text(self._client_id)
        if settings.username:
            flags |= 0x80
            said += _text(settings.username)
            if settings.password:
                flags |= 0x40
                said += _text(settings.password)
        return _text("MQTT") + bytes((4, flags)) + struct.pack("!H", settings.keepalive_s) + said

    def _wait_for(self, kind: int, messages: list[Message]) -> None:
        deadline = time.monotonic() + _OPEN_WITHIN_S
        # only a session that was kept sends before it is asked again, and it need not be waited for
        while kind not in self._packets.answers and not (kind == _SUBACK and messages):
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise BrokerDown("the broker does not answer")
            select.select([self], [self] if self._unsent else [], [], left_s)
            self.flush()
            self.take(messages)

    def _send(self, first: int, body: bytes) -> None:
        length, size = bytearray(), len(body)
        while size > 0x7F:
            length.append(size & 0x7F | 0x80)
            size >>= 7
        length.append(size)
        self._unsent += bytes((first,)) + length + body
        self.flush()

    def _next_id(self) -> bytes:
        self._packet_id = self._packet_id % 0xFFFF + 1
        return struct.pack("!H", self._packet_id)

    def _opened(self) -> socket.socket:
        if self._socket is None:
            raise BrokerDown("the connection is closed")
        return self._socket


def _length(data: bytes, at: int) -> tuple[int, int] | None:
    """A remaining length of several bytes and where it ends; None while it is not whole."""
    length = shift = 0
    for place in range(at, min(at + 4, len(data))):
        length |= (data[place] & 0x7F) << shift
        if not data[place] & 0x80:
            if length > _LARGEST_PACKET:
                raise BrokerDown(
                    f"the broker sends a packet of {length} bytes; more than {_LARGEST_PACKET} can't be meant"
                )
            return length, place + 1
        shift += 7
    if len(data) >= at + 4:
        raise BrokerDown(_NOT_MQTT)
    return None


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("!H", len(encoded)) + encoded
