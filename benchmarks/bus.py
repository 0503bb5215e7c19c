"""Thirty simulated units on a line at 9,600 baud, in real time: with one dead, and in noise, beside a sound line.

Ten minutes unless told otherwise. ``wrong_values`` and ``damaged_uncounted`` must be 0, ``polls_kept`` at least 0.95.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from tests.street_bus import DEAD_AND_NOISY, Street, polled, truth_of

UNITS = 30
PERIOD_S = 2.5
TIMEOUTS_S = {"sound": 0.3, "dead": 0.3, "noisy": 1.0}
DEFAULT_S = 600.0


def run(seconds: float | None = None) -> dict[str, Any]:
    """What each line kept; ``seconds`` is how long they are played."""
    lasts_s = DEFAULT_S if seconds is None else seconds
    with tempfile.TemporaryDirectory() as folder:
        with Street(Path(folder), buses=tuple(TIMEOUTS_S), units=UNITS, events=DEAD_AND_NOISY) as street:
            with polled(street, poll_every_s=PERIOD_S, timeouts_s=TIMEOUTS_S) as buses:
                time.sleep(lasts_s)
                units = {name: bus.units() for name, bus in buses.items()}
            health = {name: bus.health() for name, bus in buses.items()}
            damaged = street.end()["damaged"]
        answered, kept = truth_of(street), street.kept.answers()
    others = {name: sum(unit.answers for unit in units[name] if unit.address != 7) for name in ("sound", "dead")}
    return {
        "figures": {
            "polls_of_others": others["dead"],
            "worst_quality_of_others": min(unit.quality for unit in units["dead"] if unit.address != 7),
            "timeouts_of_the_dead": health["dead"].timeouts,
            "answers_in_noise": sum(unit.answers for unit in units["noisy"]),
            "damaged_frames": damaged,
            "damaged_uncounted": damaged - health["noisy"].crc_errors,
            "noise_bytes": health["noisy"].noise_bytes,
            "wrong_values": sum(values != answered.get(name) for name, values in kept.items()),
            "busy_sound": health["sound"].busy,
            "units_fit": health["sound"].units_fit,
        },
        "baseline": {"polls_on_the_sound_line": others["sound"]},
        "ratios": {"polls_kept": round(others["dead"] / max(1, others["sound"]), 4)},
        "config": {"units": UNITS, "baud": 9600, "poll_every_s": PERIOD_S, "seconds": lasts_s},
    }
