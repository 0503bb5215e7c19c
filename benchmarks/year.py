"""A year of alerts, held against what really happened: precision and recall of cases.

The simulator plans a year of a town from a seed: 2,000 covers and poles, seasons, twelve storms, traffic, road works
with and without permit, drifting, noisy, stuck and dead sensors, cabinets that go down, and sixty real faults. All that
its sensors send goes through the real intake into a real database and series store, and the worker's own functions and
people's moves happen when event time passes their moment.

The shipped rules are judged as they are. Their numbers may be chosen on ``TUNING_SEEDS``; the tests and the published
figures use others.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._year_city import found_city
from benchmarks._year_judge import Judge
from benchmarks._year_play import Play
from firmware_sim.year.plan import plan_year
from firmware_sim.year.readings import uplinks
from firmware_sim.year.sizes import Size, part_of
from firmware_sim.year.truth import Truth
from operate.logs import configure_logs

DEFAULT_SEED = 1
TUNING_SEEDS = tuple(range(101, 111))


def run(
    seconds: float | None = None, seed: int = DEFAULT_SEED, days: int | None = None, sensors: int | None = None
) -> dict[str, Any]:
    """The year of ``seed``, or ``days`` of its summer with so many ``sensors``; ``seconds`` means nothing here."""
    # every alert of a year would be told
    configure_logs("bench", level="warning")
    size = Size()
    if sensors is not None or days is not None:
        size = part_of(size, assets=sensors or size.assets, days=days or size.days)
    with tempfile.TemporaryDirectory(prefix="year-") as folder:
        return play_year(Path(folder), size, seed, tell=True)


def play_year(folder: Path, size: Size, seed: int, *, tell: bool = False) -> dict[str, Any]:
    """One year in ``folder``: figures, and under ``details`` every miss and every false case with its reason."""
    began_s = time.monotonic()
    year = plan_year(seed, size)
    city = found_city(folder, year)
    truth = Truth(year)
    judge = Judge(city, truth)
    play = Play(year, city, truth, judge, tell=tell)
    try:
        play.run(uplinks(year))
        figures, details = judge.report()
    finally:
        city.close()
    took_s = time.monotonic() - began_s
    played = play.played
    return {
        "figures": {
            **figures,
            "seeds": [seed],
            "readings": played.readings,
            "took_s": round(took_s),
        },
        "baseline": {},
        "ratios": {},
        "config": {
            "assets": size.assets,
            "days": size.days,
            "first_day": size.first_day,
            "storms": size.storms,
            "faults": dict(size.faults),
            "works": dict(size.works),
            "sensor_troubles": dict(size.upkeep),
            "outages": dict(size.outages),
            "sites": size.sites,
            "tuning_seeds": list(TUNING_SEEDS),
            "uplinks": played.uplinks,
            "batches": played.batches,
            "ticks": played.ticks,
            "rejected": dict(played.rejected),
            "permits_refused": played.permits_refused,
        },
        "details": details,
    }
