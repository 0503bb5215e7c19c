"""What an envelope holds: a device's frame, or something that can't be read. Values, and reading what all share."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE)
_SECONDS_BELOW = 1e11  # a Unix time below this counts seconds (until the year 5138), above it milliseconds
_NEVER_SET_MS = 978_307_200_000  # 2001-01-01: no device of ours is that old


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a device sent, taken out of its envelope.

    ``device`` is its identity there (DevEUI in lower case, IMEI, a name); ``payload`` its bytes and ``port`` the
    LoRaWAN port (0: none). ``document`` is JSON that stands for the payload where the network decoded it already.
    ``measured_ms`` is Unix ms, None when the envelope tells no time. Repeats of one frame share ``key``.
    """

    device: str
    payload: bytes = b""
    port: int = 0
    document: bytes = b""
    measured_ms: int | None = None
    simulated: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A message of which no frame can be made; ``reason`` begins with a stable word (``not_json: …``)."""

    reason: str
    body: bytes
    device: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """A message that a source wants to send back over its broker (QoS 0)."""

    topic: str
    body: bytes


Found = Frame | Unreadable | Say


class Damaged(Exception):
    """An envelope can't be used; the message is the reason, beginning with a stable word."""


class Refused(Exception):
    """A push does not come from the platform, or is not of a kind we take; the message says what to do."""


def read_json(body: bytes) -> Any:
    """The JSON document in ``body``. Raises ``Damaged``."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Damaged(f"not_json: {error}") from None


def read_object(body: bytes) -> Mapping[str, Any]:
    """The JSON object in ``body``. Raises ``Damaged``."""
    document = read_json(body)
    if not isinstance(document, dict):
        raise Damaged(f"bad_envelope: a JSON object was expected, not {type(document).__name__}")
    return document


def part(document: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """The object under ``names``; empty when it is left out or something else."""
    found: Any = document
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def parts(document: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects in the list under ``name``; empty when it is left out or something else."""
    found = document.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def text(document: Mapping[str, Any], name: str) -> str:
    """The text, or the whole number as text, under ``name``; empty when it is left out or something else."""
    found = document.get(name)
    if isinstance(found, str):
        return found.strip()
    return str(found) if isinstance(found, int) and not isinstance(found, bool) else ""


def whole(document: Mapping[str, Any], name: str) -> int:
    """The whole number under ``name``, 0 when left out (as protobuf's JSON does). Raises ``Damaged``."""
    found = document.get(name)
    if found is None:
        return 0
    if isinstance(found, bool) or not isinstance(found, int | str) or not re.fullmatch(r"-?\d{1,19}", str(found)):
        raise Damaged(f"bad_envelope: {name} is {found!r} and not a whole number")
    return int(found)


def base64_bytes(document: Mapping[str, Any], name: str) -> bytes:
    """The bytes under ``name``, empty when left out. Raises ``Damaged``."""
    found = document.get(name)
    if found is None:
        return b""
    if not isinstance(found, str):
        raise Damaged(f"bad_envelope: {name} is not text")
    try:
        return base64.b64decode(found, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Damaged(f"bad_envelope: {name} is no base64 ({error})") from None


def time_ms(found: object) -> int | None:
    """Unix ms from an ISO time (any number of decimals; without a zone it is UTC) or a Unix time in s or ms.

    None when it is left out, is no time, or was never set (before 2001).
    """
    if isinstance(found, bool) or found is None:
        return None
    if isinstance(found, int | float) and -1e15 < found < 1e15:
        ms = round(found * 1000) if abs(found) < _SECONDS_BELOW else round(found)
        return ms if ms > _NEVER_SET_MS else None
    match = _ISO.fullmatch(found.strip()) if isinstance(found, str) else None
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(match[1] + (match[3] or "Z").upper().replace("Z", "+00:00"))
        whole_s = round(moment.astimezone(UTC).timestamp())
    except (ValueError, OverflowError):
        return None
    ms = whole_s * 1000 + int(f"{(match[2] or '.')[1:]:0<3}"[:3])  # cut, not rounded: a repeat must not differ
    return ms if ms > _NEVER_SET_MS else None


def plain(value: str, longest: int = 200) -> str:
    """``value`` fit for logs and letters: printable, and not longer than ``longest``."""
    return "".join(one if one.isprintable() else "?" for one in value[:longest])
