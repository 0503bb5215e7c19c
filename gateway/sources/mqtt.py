"""A source that listens to a broker: each message is acknowledged when the spool has what was in it, not before.

The session is kept (``clean_session`` false): what comes while this program is away waits at the broker, and what was
not acknowledged comes again. One thread reads, decodes and waits for the disk in turn, so a full spool holds the broker
back instead of filling the memory.
"""

from __future__ import annotations

import select
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.broker_tls import closed_early, explained, refused, secure
from gateway.bus_pace import open_pause
from gateway.settings import BrokerSettings
from gateway.sources.frames import Found, Say, Unreadable
from gateway.sources.reception import Reception

_AT = "source.broker"  # where the settings stand, in what is said about them
_READY_WITHIN_S = 10.0
_LOOK_EVERY_S = 0.25
_LINGER_S = 0.02
_MOST_MESSAGES = 500  # in one batch for the spool
_STEADY_AFTER_S = 10.0
_BELIEVED_AFTER_S = 2.0  # a connection after one that broke soon; two clients of one name throw each other out faster

log = structlog.get_logger(__name__)


class SourceDown(Exception):
    """The broker is not reachable, refuses us, or has gone away; a new connection may succeed later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a network speaks: what to subscribe to, what a message holds, and what to say on a new connection."""

    topics: tuple[str, ...]
    read: Callable[[str, bytes], Sequence[Found]]
    greet: Callable[[], Sequence[Found]] = tuple


@dataclass(slots=True)
class MqttSource:
    """Runs in a thread of its own. ``client_id`` must stay the same across restarts: the broker keeps our session."""

    name: str
    broker: BrokerSettings
    dialect: Dialect
    reception: Reception
    client_id: str
    _messages: list[mqtt.MQTTMessage] = field(default_factory=list)
    _ready: bool = False
    _problem: str | None = None
    _was_up: bool | None = None
    _ready_s: float = 0.0
    _broke_soon: bool = False

    def run(self, stop: threading.Event) -> None:
        """Listens until ``stop``. Raises what the spool raises when it is broken for good."""
        failures = 0
        while not stop.is_set():
            began_s = time.monotonic()
            try:
                self._one_connection(stop)
            except SourceDown as error:
                self._note_down(str(error))
                self._broke_soon = self._ready and self._stood_s() < _STEADY_AFTER_S
                failures = 0 if time.monotonic() - began_s > _STEADY_AFTER_S else failures + 1
                stop.wait(open_pause(failures))

    # --- one connection ---------------------------------------------------------------------------------------------

    def _one_connection(self, stop: threading.Event) -> None:
        self._messages.clear()  # of the last connection, never acknowledged: the broker sends them again
        self._ready, self._problem = False, None
        client = self._client()
        try:
            secure(client, self.broker, at=_AT)
            client.connect(self.broker.host, self.broker.port, keepalive=self.broker.keepalive_s)
            self._wait_until_ready(client, stop)
            self._say(client, self.dialect.greet())
            while not stop.is_set():
                if not self._broke_soon or self._stood_s() > _BELIEVED_AFTER_S:
                    self._note_up()
                self._read(client)
                self._take(client, stop)
        except (OSError, ValueError) as error:  # ssl's errors are OSErrors
            raise SourceDown(explained(error, self.broker, at=_AT)) from error
        finally:
            client.disconnect()

    def _wait_until_ready(self, client: mqtt.Client, stop: threading.Event) -> None:
        deadline_s = time.monotonic() + _READY_WITHIN_S
        while not self._ready and not stop.is_set():
            if time.monotonic() > deadline_s:
                raise SourceDown("the broker does not answer")
            self._exchange(client, _LOOK_EVERY_S)
        self._ready_s = time.monotonic()

    def _stood_s(self) -> float:
        return time.monotonic() - self._ready_s

    def _read(self, client: mqtt.Client) -> None:
        """What has come: waits for a first message, and then a moment for more, so that they share a flush."""
        self._exchange(client, _LOOK_EVERY_S)
        deadline_s = time.monotonic() + _LINGER_S
        while 0 < len(self._messages) < _MOST_MESSAGES and (left_s := deadline_s - time.monotonic()) > 0:
            self._exchange(client, left_s)

    def _exchange(self, client: mqtt.Client, wait_s: float) -> None:
        """Lets paho read, write and keep the connection alive once. Raises ``SourceDown``."""
        sock = client.socket()
        if sock is None:
            raise self._down("the connection broke")
        ready = ([sock], [], []) if _has_pending(sock) else select.select([sock], _writes(client, sock), [], wait_s)
        results = [client.loop_read() if ready[0] else 0, client.loop_write() if client.want_write() else 0]
        failed = next((code for code in (*results, client.loop_misc()) if code != mqtt.MQTT_ERR_SUCCESS), None)
        if self._problem is not None or failed is not None:
            raise self._down(mqtt.error_string(failed or mqtt.MQTT_ERR_CONN_LOST).rstrip("."))

    def _down(self, said: str) -> SourceDown:
        return SourceDown(self._problem or (said if self._ready else closed_early(said, self.broker, at=_AT)))

    def _take(self, client: mqtt.Client, stop: threading.Event) -> None:
        """Into the spool, then the acknowledgements; what can't be read stops neither the next nor itself."""
        if not self._messages:
            return
        messages, self._messages = self._messages, []
        found = [one for message in messages for one in self._found(message)]
        taken = self.reception.take(found, stop, messages=len(messages), meanwhile=lambda: self._stay_connected(client))
        if not taken:
            return
        for message in messages:
            client.ack(message.mid, message.qos)
        self._say(client, found)

    def _stay_connected(self, client: mqtt.Client) -> None:
        """While the spool refuses: answers the broker, which sends little more before we acknowledge what we hold."""
        if len(self._messages) < _MOST_MESSAGES:
            with suppress(SourceDown):  # the next exchange finds it too; what we hold goes to the spool all the same
                self._exchange(client, 0.0)

    def _found(self, message: mqtt.MQTTMessage) -> Sequence[Found]:
        if message.retain:  # left there for whoever comes: how old it is nobody knows, and we have heard it live
            return ()
        body = bytes(message.payload)
        try:
            return self.dialect.read(message.topic, body)
        except Exception as error:  # the source loop: whatever one message does to us, the others go on
            log.exception("message_failed", source=self.name)
            return [Unreadable(reason=f"source_failed: {type(error).__name__}; report this and replay it", body=body)]

    def _say(self, client: mqtt.Client, found: Sequence[Found]) -> None:
        for one in found:
            if isinstance(one, Say):
                client.publish(one.topic, one.body, qos=0)

    def _client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.client_id,
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = _READY_WITHIN_S
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, code: Any, _more: Any) -> None:
        if code.is_failure:
            self._problem = refused(code, self.broker, at=_AT)
        else:
            client.subscribe([(topic, 1) for topic in self.dialect.topics])

    def _on_subscribe(self, _client: mqtt.Client, _data: Any, _mid: int, codes: Any, _more: Any) -> None:
        refused = [str(code) for code in codes if code.is_failure]
        if refused:
            self._problem = f"the broker refuses the subscription to {', '.join(self.dialect.topics)}: {refused[0]}"
        self._ready = True

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self._messages.append(message)

    def _note_up(self) -> None:
        self.reception.up = True
        if self._was_up is not True:
            self._was_up = True
            log.info("source_up", source=self.name, host=self.broker.host, port=self.broker.port)

    def _note_down(self, reason: str) -> None:
        self.reception.up = False
        if self._was_up is not False:
            self._was_up = False
            log.error("source_down", source=self.name, host=self.broker.host, port=self.broker.port, reason=reason)


def _has_pending(sock: Any) -> bool:
    """TLS may hold bytes that select does not see."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def _writes(client: mqtt.Client, sock: Any) -> list[Any]:
    return [sock] if client.want_write() else []
