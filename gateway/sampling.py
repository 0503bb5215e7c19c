"""Fresh readings of one unit for setting it to zero: the cabinet measures, the registry keeps the zero.

A unit's registers can't be written to; what counts as "all is well" stands in the registry. So the cabinet asks the
unit several times, tells the mean of each point and how far the readings lay apart, and changes nothing itself. The
readings go to the city as all others do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from gateway.commands import Command, Refused
from gateway.senml import Item, Reading
from gateway.spool import Lane

SAMPLES = 5
_WITHIN_S = 120.0
_GOOD = 0
_MOST_AT_ONCE = 16
_MOST_SAMPLES = 20  # the other units of the line wait meanwhile


@dataclass(slots=True)
class _Job:
    command_id: str
    wanted: int
    until_s: float
    ask: Callable[[str], None]
    times: set[int] = field(default_factory=set)
    values: dict[str, list[float]] = field(default_factory=dict)


class Sampling:
    """Gathers readings by serial; ``finish`` is told what came of it. ``see`` is called from the sources' threads."""

    def __init__(self, finish: Callable[..., None]) -> None:
        self._finish = finish
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()

    def begin(self, command: Command, serial: str, ask: Callable[[str], None]) -> None:
        """Gather for ``command``; ``ask`` makes the unit answer soon. Raises ``commands.Refused``."""
        wanted = command.arguments.get("samples", SAMPLES)
        if not isinstance(wanted, int) or not 1 <= wanted <= _MOST_SAMPLES:
            raise Refused(f"samples: must be a whole number from 1 to {_MOST_SAMPLES}")
        with self._lock:
            if serial in self._jobs:
                raise Refused(f"serial: {serial} is being measured for another command just now")
            if len(self._jobs) >= _MOST_AT_ONCE:
                raise Refused(f"{_MOST_AT_ONCE} units are being measured already; order it again in a minute")
            self._jobs[serial] = _Job(command.id, wanted, time.monotonic() + _WITHIN_S, ask)
        ask(serial)

    def see(self, readings_by_lane: Mapping[Lane, Sequence[Item]]) -> None:
        """Readings that the spool has taken."""
        if not self._jobs:
            return
        readings = [item for items in readings_by_lane.values() for item in items if isinstance(item, Reading)]
        for reading in readings:
            self._take(reading)
        for serial in {reading.serial for reading in readings}:
            self._look(serial)

    def give_up(self) -> None:
        """End what has had its time."""
        if not self._jobs:
            return
        with self._lock:
            late = {serial: job for serial, job in self._jobs.items() if time.monotonic() > job.until_s}
            for serial in late:
                del self._jobs[serial]
        for serial, job in late.items():
            reason = f"{serial} gave {len(job.times)} of {job.wanted} good readings within {_WITHIN_S:.0f} s"
            self._finish(job.command_id, "failed", reason=reason)

    def _take(self, reading: Reading) -> None:
        with self._lock:
            job = self._jobs.get(reading.serial)
            if job is not None and reading.quality == _GOOD:
                job.times.add(reading.measured_ms)
                job.values.setdefault(reading.point, []).append(float(reading.value))

    def _look(self, serial: str) -> None:
        with self._lock:
            job = self._jobs.get(serial)
            if job is None:
                return
            done = len(job.times) >= job.wanted
            if done:
                del self._jobs[serial]
        if done:
            self._finish(job.command_id, "done", result=_result(serial, job))
        else:
            job.ask(serial)


def _result(serial: str, job: _Job) -> dict[str, Any]:
    return {
        "serial": serial,
        "samples": len(job.times),
        "values": {point: round(fmean(values), 6) for point, values in job.values.items()},
        "spread": {point: round(max(values) - min(values), 6) for point, values in job.values.items()},
    }
