"""Plain JSON that a city's own devices or another platform send, over MQTT or HTTP. Pure.

The envelope only tells which device it is: by ``{device}`` in the topic, or by a path into the document. What the
values mean, and when they were measured, is written in the device's profile (``kind = "json"``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.decoders.json_paths import steps
from gateway.sources.frames import Damaged, Found, Frame, Unreadable, read_json

_DEVICE = "{device}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonEnvelope:
    """``topics`` may hold ``{device}`` as one level; ``id_path`` is the path to the identity in the document,
    written as in a profile."""

    topics: tuple[str, ...] = ()
    id_path: str = ""

    def filters(self) -> tuple[str, ...]:
        """The topics as a broker wants them subscribed."""
        return tuple(topic.replace(_DEVICE, "+") for topic in self.topics)

    def read(self, topic: str, body: bytes) -> list[Found]:
        """The frames in one message, a document or a list of them."""
        try:
            document = read_json(body)
        except Damaged as damage:
            return [Unreadable(reason=str(damage), body=body, device=self._in_topic(topic))]
        return list(self._frames(topic, document if isinstance(document, list) else [document]))

    def _frames(self, topic: str, documents: list[Any]) -> Iterable[Found]:
        device_of_topic = self._in_topic(topic)
        for document in documents:
            raw = msgspec.json.encode(document)
            found = _at(document, self.id_path) if self.id_path else device_of_topic
            device = str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
            if device:
                yield Frame(device=device, document=raw, payload=raw)
            else:
                where = f"at {self.id_path!r}" if self.id_path else f"in the topic {topic!r}"
                yield Unreadable(reason=f"bad_envelope: no device is named {where}", body=raw)

    def _in_topic(self, topic: str) -> str:
        for pattern in self.topics:
            if _DEVICE in pattern and (found := _regex(pattern).fullmatch(topic)):
                return found["device"]
        return ""


def _regex(pattern: str) -> re.Pattern[str]:
    levels = {"+": "[^/]*", "#": ".*", _DEVICE: "(?P<device>[^/]+)"}
    return re.compile("/".join(levels.get(level, re.escape(level)) for level in pattern.split("/")))


def _at(document: Any, path: str) -> Any:
    for step in steps(path) or ():
        if isinstance(step, str):
            document = document.get(step) if isinstance(document, dict) else None
        else:
            document = document[step] if isinstance(document, list) and step < len(document) else None
    return document
