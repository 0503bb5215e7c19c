"""One connection to the MQTT broker: made once, used until it breaks, then thrown away.

A new client for each connection keeps paho from sending again, in its own order, what it remembers; the spool is the
only memory. Callbacks run in paho's thread and only note what happened; ``wake`` tells the sender to look.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.broker_tls import closed_early, explained, refused, secure
from gateway.settings import BrokerSettings

_CONNECT_WITHIN_S = 10.0
_GOODBYE_WITHIN_S = 2.0
_BROKE = "the connection broke"


class BrokerDown(Exception):
    """The broker is not reachable, refuses us, or has gone away; a new connection may succeed later."""


class BrokerConnection:
    """Open between ``open`` and ``close``; may be opened once. ``inbox`` holds ``(topic, payload)``."""

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        client_id: str,
        will: tuple[str, bytes] | None,
        subscribe: Sequence[str],
        wake: Callable[[], None],
        sender_wake: Callable[[], None] | None = None,
    ) -> None:
        self._settings = settings
        self._client_id = client_id
        self._will = will
        self._topics = tuple(subscribe)
        self._wake = wake
        self._sender_wake = wake if sender_wake is None else sender_wake
        self._ready = threading.Event()
        self._over = threading.Event()
        self._lost: str | None = None
        self._published = 0  # written by the sender
        self._taken_over = 0  # by the broker; written by paho's thread
        self.inbox: deque[tuple[str, bytes]] = deque()
        self.wake_at = -1  # set by the sender when it wants to be woken as soon as no more than so many are with us

    @property
    def lost(self) -> str | None:
        """Why the connection is over, or None while it stands."""
        return self._lost

    @property
    def unacknowledged(self) -> int:
        """Messages that the broker has not yet taken over (PUBACK)."""
        return self._published - self._taken_over

    def open(self) -> None:
        """Returns when the broker has accepted us and our subscriptions. Raises ``BrokerDown``."""
        self._client = client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = _CONNECT_WITHIN_S
        client.max_inflight_messages_set(65535)  # the windows bound it; paho's own bound would reorder lanes
        if self._will is not None:
            client.will_set(*self._will, qos=1, retain=True)
        client.on_socket_open = _send_at_once
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        try:
            secure(client, self._settings)
            client.connect(self._settings.host, self._settings.port, keepalive=self._settings.keepalive_s)
        except (OSError, ValueError) as error:  # ssl's errors are OSErrors
            raise BrokerDown(explained(error, self._settings)) from error
        client.loop_start()
        if not self._ready.wait(_CONNECT_WITHIN_S):
            self._lost = self._lost or "the broker does not answer"
        if self._lost is not None:
            self.close()
            broke = self._lost.startswith(_BROKE)
            raise BrokerDown(closed_early(self._lost, self._settings) if broke else self._lost)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Hands one message over for sending, QoS 1. Raises ``BrokerDown`` when the connection is over."""
        if self._lost is not None:
            raise BrokerDown(self._lost)
        result = self._client.publish(topic, payload, qos=1, retain=retain)
        if result.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerDown(mqtt.error_string(result.rc))
        self._published += 1

    def say_goodbye(self, topic: str, payload: bytes) -> None:
        """Publishes a last retained message and waits a moment for the broker to take it."""
        if self._lost is None:
            info = self._client.publish(topic, payload, qos=1, retain=True)
            try:
                info.wait_for_publish(_GOODBYE_WITHIN_S)
            except (RuntimeError, ValueError):  # the connection broke, or the queue is full: the will speaks for us
                return

    def close(self) -> None:
        """Ends the connection, in good order if the link lets us, and paho's thread with it."""
        self._client.disconnect()
        sock = self._client.socket()
        if isinstance(sock, socket.socket) and not self._over.wait(_GOODBYE_WITHIN_S):
            # The link is stuck, and paho would wait for its last packet to leave.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()

    # --- paho's thread ----------------------------------------------------------------------------------------------

    def _on_connect(
        self, client: mqtt.Client, _data: Any, _flags: mqtt.ConnectFlags, code: ReasonCode, _more: Properties | None
    ) -> None:
        if code.is_failure:
            self._end(refused(code, self._settings))
        else:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _on_subscribe(
        self, _client: mqtt.Client, _data: Any, _mid: int, codes: list[ReasonCode], _more: Properties | None
    ) -> None:
        refused = [str(code) for code in codes if code.is_failure]
        if refused:
            self._end(f"the broker refuses the subscription to {self._topics}: {refused[0]}")
        self._ready.set()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self.inbox.append((message.topic, bytes(message.payload)))
        self._wake()

    def _on_publish(self, _client: mqtt.Client, _data: Any, _mid: int, _code: ReasonCode, _more: Properties) -> None:
        self._taken_over += 1
        if self.unacknowledged <= self.wake_at:
            self.wake_at = -1
            self._sender_wake()

    def _on_disconnect(
        self, _client: mqtt.Client, _data: Any, _flags: mqtt.DisconnectFlags, code: ReasonCode, _more: Properties | None
    ) -> None:
        self._end(f"{_BROKE}: {code}")
        self._over.set()

    def _end(self, reason: str) -> None:
        self._lost = self._lost or reason
        self._ready.set()
        self._wake()


def _send_at_once(_client: mqtt.Client, _data: Any, sock: object) -> None:
    # Without it a small packet waits for the answer to the one before, which the other side delays by 40 ms.
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
