"""What the pages are told about cabinets, since they may not ask the gateway: handed in when the app is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from registry.services.configurations import Check


def nothing_wrong(_cabinet_id: str, _text: str, _own: dict[str, Any] | None) -> Sequence[str]:
    """Leaves the judgement of a configuration to the cabinet."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CabinetDoor:
    """Where cabinets reach the broker (told to them on enrolment), and who judges a configuration.

    ``broker_ca`` is the CA's certificate (PEM); empty: no TLS.
    """

    broker_host: str = "127.0.0.1"
    broker_port: int = 1883
    broker_ca: str = ""
    check: Check = nothing_wrong
