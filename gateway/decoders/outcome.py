"""What comes of a payload: ``Decoded`` or ``Rejected``, and the sheet on which decoders note what they find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.decoders.profile import PointProfile

EARLIEST_S = 1_577_836_800
"""2020: a device that gives an earlier time has none of its own."""

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "bad_check": "its own check bytes don't fit it",
        "bad_frame": "a start, end or version mark is not what this device sends",
        "bad_length": "the frame's own length and what came differ",
        "bad_value": "a field holds what it can't hold",
        "bad_setting": "a setting of the profile or of the device can't be used",
        "nothing_in_it": "none of the profile's points is in it",
        "not_json": "it is no JSON document that can be read",
        "other_kind": "another kind of device sent it",
        "too_long": "bytes are left over",
        "too_short": "bytes are missing",
        "unknown_port": "this device does not send on that port",
        "unknown_tag": "a tag that the profile does not have",
        "unknown_type": "a type of frame that is not known",
    }
)
"""Every reason for which a payload is rejected, and what it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One value, in the unit of its point.

    ``at_s``: the device's own time of measuring (Unix seconds); None: just now. ``ago_s``: where the device tells the
    age instead. ``sane``: whether the value is possible; one that is not goes on as suspect and is judged in the city.
    """

    point: PointProfile
    value: float
    sane: bool
    at_s: float | None = None
    ago_s: float = 0.0

    @property
    def name(self) -> str:
        """The point's name."""
        return self.point.name

    @property
    def unit(self) -> str:
        """The point's unit, as SenML writes it."""
        return self.point.unit

    @property
    def suspect(self) -> bool:
        """Whether the value can't be true."""
        return not self.sane

    @property
    def urgent(self) -> bool:
        """Whether the value breaks the urgent limit of its profile."""
        return self.point.urgent.broken_by(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What a payload says. ``points`` holds each point once per time, in the order in which they first came.

    ``facts``: about the device, no measurements (firmware, serial number). ``faults``: what the device itself says it
    could not measure, as ``point: reason``. All three may be empty: a join frame carries facts only.
    """

    points: tuple[Measured, ...]
    facts: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A payload that can't be used whole: ``reason`` is one of ``REASONS``, ``detail`` names the place for people.

    ``points`` and ``facts`` are what was read before it went wrong. They are to look at, not to store.
    """

    reason: str
    detail: str
    points: tuple[Measured, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """A decoder can't go on; ``decode`` turns it into ``Rejected``."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(slots=True)
class Found:
    """What a decoder has found so far: ``values`` are (point, value, time or None)."""

    values: list[tuple[str, float, float | None]] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def add(self, name: str, value: float, at_s: float | None = None) -> None:
        """Note the value of the point ``name``, measured at ``at_s`` (Unix seconds; None: now)."""
        self.values.append((name, value, at_s))

    def fault(self, name: str, reason: str) -> None:
        """Note that the device could not measure the point ``name``."""
        self.faults.append(f"{name}: {reason}")

    def newest(self, name: str) -> float | None:
        """The last value of the point ``name`` that was measured just now."""
        return next((value for found, value, at_s in reversed(self.values) if found == name and at_s is None), None)
