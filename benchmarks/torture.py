"""The torture journey in its long form: everything dies, jumps, fills up and breaks, and nothing may be lost.

Two cabinets with 200 sensors each, every one asked every two seconds. First the city without torments, as the
baseline; then a city of the same seed, in which at random times every process and store is killed with -9 and started
again, links are cut in mid-packet, disks are filled, clocks jump an hour both ways, packs come again and in another
order, and the lines are noisy. ``lost``, ``duplicates``, ``cases_missing`` and ``cases_extra`` must be 0.

When readings are, logs, truth and stores stay in the folder ``evidence``. On the embedded size the stores are files:
"killed" means locked by somebody who does not let go.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from tests.torture.city import Play, Size
from tests.torture.plan import plan_torments
from tests.torture.playing import Account, differences, play

DEFAULT_MINUTES = 10.0
DEFAULT_SEED = 1
CABINETS = 2
SENSORS = 200
DISK_MEGABYTES = 64
STREET = (
    "cover_opened,pole_hit,cover_stolen,cover_knocking,water_rising,pole_leaning,battery_running_out,unit_dead,"
    "unit_stuck,storm"
)
_CALM_S = 60.0


def run(
    seconds: float | None = None,
    minutes: float | None = None,
    seed: int = DEFAULT_SEED,
    size: Size = "embedded",
    sensors: int = SENSORS,
) -> dict[str, Any]:
    """Both runs, each of so many ``minutes`` (or ``seconds``), with ``sensors`` in each cabinet."""
    lasts_s = 60.0 * (minutes or DEFAULT_MINUTES) if seconds is None else seconds
    faults = len(STREET.split(","))
    apart_s = max(1.0, (lasts_s - _CALM_S) / faults)
    wanted = Play(
        size=size,
        seed=seed,
        sensors=CABINETS * sensors,
        duration_s=lasts_s,
        faults=STREET,
        apart_s=apart_s,
        disk_megabytes=DISK_MEGABYTES,
    )
    torments = plan_torments(Random(seed), lasts_s)
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    calm = play(folder / "calm", replace(wanted, damage=False), [])
    tortured = play(folder / "tortured", wanted, torments)
    good = all(each.tally.lost == each.tally.duplicates == each.tally.unexplained == 0 for each in (calm, tortured))
    if good:
        shutil.rmtree(folder)
    return {
        "figures": {
            "seed": seed,
            **told(tortured),
            **compared(calm, tortured),
            "evidence": "" if good else str(folder),
        },
        "baseline": told(calm),
        "ratios": {},
        "config": {
            "size": size,
            "cabinets": CABINETS,
            "sensors_each": sensors,
            "seconds": lasts_s,
            "disks": tortured.disks,
            "torments": dict(sorted(Counter(one.kind for one in tortured.befell).items())),
        },
    }


def told(account: Account) -> dict[str, Any]:
    """What one run came to."""
    tally = account.tally
    return {
        "readings_answered": tally.taken,
        "readings_stored": tally.stored,
        "lost": tally.lost,
        "duplicates": tally.duplicates,
        "unexplained": tally.unexplained,
        "answers_in_doubt": tally.in_doubt,
        "examples": tally.examples,
        "dead_letters": account.letters,
        "delivered": account.delivered,
        "lasted_s": round(account.lasted_s),
        "faults": len(account.missing) + len(account.cases) - len(account.extra),
        "cases": len(account.cases),
        "alerts": len(account.alerts),
        "kills": dict(sorted(account.killed.items())),
        "ended_by_themselves": dict(sorted(account.by_itself.items())),
        "cuts": account.wires["cuts"],
        "torn_packets": account.wires["torn"],
        "packs_repeated": account.wires["repeated"],
        "packs_reordered": account.wires["reordered"],
        "full_disk_refusals": account.refusals,
        "clock_jumps": account.jumps_noticed,
        "damaged_frames": account.damaged,
    }


def compared(calm: Account, tortured: Account) -> dict[str, Any]:
    """Cases and alerts of the tortured run beside those of the calm one."""
    there, wanted = Counter(tortured.cases), Counter(calm.cases)
    differing = differences(calm, tortured)
    return {
        "cases_missing": [f"{name}: {kind}" for name, kind in sorted((wanted - there).elements())],
        "cases_extra": [f"{name}: {kind}" for name, kind in sorted((there - wanted).elements())],
        "alert_differences": differing,
        "alerts_unexplained": sum(one["reason"] == "unexplained" for one in differing),
    }
