"""What a line's ``port`` names: a serial device, or an address in its place. Pure.

``/dev/ttyS0`` is a serial device, ``tcp://host:502`` speaks Modbus TCP, and ``rtu+tcp://host:port`` (a serial server in
transparent mode) carries over TCP what would be on the wire.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_NETWORK = re.compile(r"(?P<kind>tcp|rtu\+tcp)://(?P<host>\[[0-9A-Fa-f:]+\]|[^:/\s]+):(?P<port>\d{1,5})")

Framing = Literal["rtu", "tcp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """Where a line is and how Modbus frames stand on it; ``host`` is empty for a serial device at ``path``."""

    framing: Framing
    path: str = ""
    host: str = ""
    number: int = 0


def read_port(text: str) -> Port:
    """What ``text`` names. Raises ``ValueError`` with the fix when it looks like an address and is none."""
    if "://" not in text:
        return Port(framing="rtu", path=text)
    found = _NETWORK.fullmatch(text)
    if found is None or not 0 < int(found["port"]) < 65536:
        raise ValueError(f"{text!r} is no address; write tcp://HOST:502, rtu+tcp://HOST:PORT or a serial device")
    framing: Framing = "tcp" if found["kind"] == "tcp" else "rtu"
    return Port(framing=framing, host=found["host"].strip("[]"), number=int(found["port"]))
