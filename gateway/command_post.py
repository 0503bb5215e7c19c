"""The city's post: commands out of the registry's outbox to the cabinets, their replies back.

Knows neither the registry nor what commands mean: an ``Outbox`` is handed in. What the broker or a cabinet loses is
sent again, since the outbox says when; a cabinet does a command once however often it comes.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

import msgspec
import structlog

from gateway.broker import BrokerConnection, BrokerDown
from gateway.settings import BrokerSettings

_REPLY = re.compile(r"covercode/v1/([^/]{1,60})/cmd/reply\Z")
_LOOK_EVERY_S = 0.5
_PAUSE_S = 2.0

log = structlog.get_logger(__name__)


class Outbox(Protocol):
    """The registry, as the post needs it."""

    def due(self, *, now: datetime) -> Sequence[tuple[str, bytes]]:
        """What is to be sent now, noted as sent: cabinet and message."""

    def replied(self, cabinet_id: str, body: bytes, *, now: datetime) -> str | None:
        """Keep a reply; the key of a command whose cabinet waits for a word of the city, if it does."""


class CommandPost:
    """``run`` until told to stop; survives broker outages, raises what the outbox raises."""

    def __init__(
        self,
        broker: BrokerSettings,
        outbox: Outbox,
        *,
        client_id: str = "covercode-commands",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._broker = broker
        self._outbox = outbox
        self._client_id = client_id
        self._clock = clock
        self._was_up: bool | None = None

    def run(self, ends: Callable[[], bool]) -> None:
        """Serve one connection after the other until ``ends`` says so."""
        while not ends():
            woken = threading.Event()
            connection = BrokerConnection(
                self._broker,
                client_id=self._client_id,
                will=None,
                subscribe=["covercode/v1/+/cmd/reply"],
                wake=woken.set,
            )
            try:
                connection.open()
            except BrokerDown as error:
                self._note(up=False, reason=str(error))
                woken.wait(_PAUSE_S)
                continue
            try:
                self._note(up=True)
                self._serve(connection, woken, ends)
            except BrokerDown as error:
                self._note(up=False, reason=str(error))
            finally:
                connection.close()

    def _serve(self, connection: BrokerConnection, woken: threading.Event, ends: Callable[[], bool]) -> None:
        while not ends():
            if connection.lost is not None:
                raise BrokerDown(connection.lost)
            while connection.inbox:
                topic, body = connection.inbox.popleft()
                self._take(connection, topic, body)
            for cabinet_id, body in self._outbox.due(now=self._clock()):
                connection.publish(f"covercode/v1/{cabinet_id}/cmd", body)
            woken.wait(_LOOK_EVERY_S)
            woken.clear()

    def _take(self, connection: BrokerConnection, topic: str, body: bytes) -> None:
        found = _REPLY.match(topic)
        if found is None:
            return
        waits = self._outbox.replied(found[1], body, now=self._clock())
        if waits is not None:
            # Any word of ours tells it that the city is heard through its new configuration; this one asks for nothing.
            word = msgspec.json.encode({"id": waits, "kind": "heard"})
            connection.publish(f"covercode/v1/{found[1]}/cmd", word)

    def _note(self, *, up: bool, reason: str = "") -> None:
        if self._was_up is not up:
            self._was_up = up
            if up:
                log.info("command_post_up", host=self._broker.host, port=self._broker.port)
            else:
                log.warning("command_post_down", host=self._broker.host, port=self._broker.port, reason=reason)
