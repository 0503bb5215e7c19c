"""What has to be done before a case may be closed: one list of gates, each of which may name what is missing.

A gate is asked inside the transaction of the move. It answers sentences that say what is missing and where to do it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from registry.services.aftercare import inspection_gate

Gate = Callable[[Connection, int, datetime], list[str]]
"""Given the case's id and now: what is still missing; nothing when it may be closed."""

GATES: tuple[Gate, ...] = (inspection_gate,)


def closing_needs(tx: Connection, case_id: int, *, now: datetime) -> list[str]:
    """Everything that keeps this case from being closed."""
    return [need for gate in GATES for need in gate(tx, case_id, now)]
