"""What a bus and its units have done since the start, as others may see it. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class BusHealth:
    """What a bus has done since the start, as it stands in the cabinet's state.

    ``busy`` is the share of the time the line is in use (0..1), ``units_fit`` how many units like these it has time
    for; ``units_poor`` answer, but leave more than one request in ten unanswered or damaged.
    """

    name: str
    polls: int
    timeouts: int
    crc_errors: int
    noise_bytes: int = 0
    busy: float = 0.0
    units_fit: int = 0
    units_silent: list[int]
    units_poor: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitHealth:
    """What one unit has done since the start; ``quality`` is the share of its last 64 requests it answered (0..1)."""

    address: int
    serial: str
    requests: int
    answers: int
    timeouts: int
    damaged: int
    refused: int
    quality: float
    silent: bool


@dataclass(slots=True)
class UnitCounts:
    """One unit's counts while they grow."""

    requests: int = 0
    answers: int = 0
    timeouts: int = 0
    damaged: int = 0
    refused: int = 0


@dataclass(slots=True)
class BusCounts:
    """A bus's counts while they grow."""

    polls: int = 0
    timeouts: int = 0
    crc_errors: int = 0
    noise_bytes: int = 0
