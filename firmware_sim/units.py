"""A sensor unit on the bus: a body, what happens to it, and the two counters that outlive a frozen sensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from firmware_sim.faults import Fault, applied, frozen_at, is_on
from firmware_sim.physics import Body, Sensed, at_rest, sense
from firmware_sim.registers import encode


def sensed_at(body: Body, faults: Sequence[Fault], t_s: float) -> Sensed:
    """What the unit's sensors say ``t_s`` seconds after the start, with everything that happens to it."""
    seen_s = frozen_at(faults, t_s)
    return sense(body, applied(at_rest(body, seen_s), body, faults, seen_s), seen_s)


@dataclass(slots=True, kw_only=True)
class SensorUnit:
    """One addressable unit. ``sample_count`` is the number of answers formed, over all its lives."""

    address: int
    serial: str
    body: Body
    faults: tuple[Fault, ...] = field(default=())
    sample_count: int = 0

    def is_dead(self, t_s: float) -> bool:
        """Whether it answers nothing at all."""
        return is_on("unit_dead", self.faults, t_s)

    def form_answer(self, t_s: float) -> tuple[int, ...]:
        """Take a sample, count it, and give the sixteen registers."""
        self.sample_count = (self.sample_count + 1) & 0xFFFF_FFFF
        sensed = sensed_at(self.body, self.faults, t_s)
        return encode(self.body.kind, sensed, sample_count=self.sample_count, uptime_s=int(t_s))
