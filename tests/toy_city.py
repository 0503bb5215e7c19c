"""The smallest city that keeps the rules of the wire: it takes packs in order, drops repeats, and confirms."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from types import TracebackType
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from gateway.senml import WireReading, decode


class ToyCity:
    """Between ``__enter__`` and ``__exit__`` it answers cabinet ``cabinet`` through the broker at ``host:port``.

    ``silent``: takes nothing and confirms nothing. ``lose``: packs ``(lane, seq)`` that get lost once on the way.
    ``unheard``: packs of these lanes are taken, but their confirmation is lost. ``values``: what was taken, by lane (of
    one point, or of all).
    """

    def __init__(self, host: str, port: int, *, cabinet: str = "c1", point: str | None = None) -> None:
        self._point = point
        self._address = (host, port)
        self._cabinet = cabinet
        self.silent = False
        self.lose: set[tuple[str, int]] = set()
        self.unheard: set[str] = set()
        self.done: dict[tuple[str, str], int] = defaultdict(int)
        self.taken: list[tuple[str, int, int]] = []  # lane, seq, after
        self.values: dict[str, list[float]] = defaultdict(list)
        self.readings: list[WireReading] = []
        self.repeats = 0
        self.holes = 0
        self.states: list[dict[str, Any]] = []
        self._subscribed = threading.Event()

    def __enter__(self) -> ToyCity:
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="toy-city", clean_session=True, reconnect_on_failure=True
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(f"covercode/v1/{self._cabinet}/up/+", 1), (f"covercode/v1/{self._cabinet}/state", 1)]
        )
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect(*self._address)
        self._client.loop_start()
        assert self._subscribed.wait(60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def confirm(self, lane: str, epoch: str, seq: int) -> None:
        """Sends a confirmation, true or not."""
        self._client.publish(
            f"covercode/v1/{self._cabinet}/ack/{lane}", json.dumps({"epoch": epoch, "seq": seq}), qos=1
        )

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        kind = message.topic.rpartition("/")[2]
        if kind == "state":
            self.states.append(json.loads(message.payload))
            return
        if self.silent:
            return
        pack = decode(message.payload)
        if (kind, pack.seq) in self.lose:
            self.lose.discard((kind, pack.seq))
            return
        lane = (kind, pack.epoch)
        if pack.seq <= self.done[lane]:
            self.repeats += 1
        elif pack.after <= self.done[lane]:
            self.done[lane] = pack.seq
            self.taken.append((kind, pack.seq, pack.after))
            self.readings.extend(pack.readings)
            self.values[kind].extend(value for _, name, _, _, value, _ in pack.readings if self._point in (None, name))
        else:
            self.holes += 1
        if kind not in self.unheard:
            self.confirm(kind, pack.epoch, self.done[lane])
