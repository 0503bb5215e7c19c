"""How fast readings are judged by 30 rules, beside the same loop without a rule; and how long a back-test takes.

Judging: intake's own path from a decoded reading to verdicts, for ten minutes' readings of all devices at a time,
without series and records. Times are those of the processor (one core, one thread), since a benchmark's neighbours may
not be in the figure; the back-test, which also waits for the disk, is told by the clock on the wall as well.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import _backtest_history as history
from benchmarks import _rules_city as city
from registry.domain.kinds import Lane
from registry.domain.rules.rule import Rule
from registry.intake import Intake, Pack
from registry.services.intake_directory import Directory
from registry.storage.database import open_database
from registry.storage.series import SqliteSeries

DEVICES = 100_000
WEIGHED = 2_000
WARM_TURNS, TURNS = 2, 3
BATCH = 10_000
TRIED_TURNS = 4_000
KEPT = Path("var/bench")


def run(seconds: float | None = None, rows: int | None = None) -> dict[str, Any]:
    """Figures over ``rows`` devices (100,000); ``seconds``: about as many turns are judged, 3 when not given."""
    devices = rows or DEVICES
    turns = TURNS if seconds is None else max(1, round(seconds / 10))
    rules = city.rules_of_a_city()
    judged, verdicts = _judge(devices, rules, turns)
    bare, _ = _judge(devices, [], turns)
    weighed, empty = _weigh(rules), _weigh([])
    by_kind = _cost_by_kind(rules)
    tried = history.measure(KEPT)
    return {
        "figures": {
            "rules": len(rules),
            "devices": devices,
            "readings_per_s": round(judged),
            "verdicts": verdicts,
            "bytes_per_device": weighed,
            "us_per_reading_by_kind": by_kind,
            **tried.figures,
        },
        "baseline": {"empty_rule_readings_per_s": round(bare), "empty_bytes_per_device": empty, **tried.baseline},
        "ratios": {"vs_empty_rule": round(judged / bare, 3), **tried.ratios},
        "config": {
            "kinds": dict(Counter(rule.kind.value for rule in rules)),
            "rule_keys": [rule.key for rule in rules],
            "turns": turns,
            "readings": turns * _readings_a_turn(devices),
            "batch": BATCH,
            "clock": "processor seconds of this process",
            "bytes_per_device": f"tracemalloc over {WEIGHED} devices: cells, guards and memories after"
            f" {WARM_TURNS + TURNS} turns, with the rules themselves",
            **tried.config,
        },
    }


def _judge(devices: int, rules: Sequence[Rule], turns: int) -> tuple[float, int]:
    """Readings a second of processor time, and how many verdicts that made."""
    directory = city.directory_of(devices, rules)
    door = _Door()
    for turn in range(WARM_TURNS):
        door.take(directory, _packs(devices, turn))
    gc.collect()
    gc.freeze()  # what a running city holds is not looked through each time
    spent, door.verdicts = 0.0, 0
    for turn in range(WARM_TURNS, WARM_TURNS + turns):
        packs = _packs(devices, turn)
        began = time.process_time()
        door.take(directory, packs)
        spent += time.process_time() - began
    gc.unfreeze()
    return turns * _readings_a_turn(devices) / spent, door.verdicts


def _cost_by_kind(rules: Sequence[Rule]) -> dict[str, float]:
    """Microseconds a quiet reading costs each kind of guard, of the first rule of the kind."""
    cells = city.directory_of(2, rules).devices["BN-000001"]
    found: dict[str, float] = {}
    for post in {id(post): post for cell in cells.values() for post in cell.posts}.values():
        guard = post.guard
        if guard.rule.kind.value in found:
            continue
        quiet = {cell.point_id: city.usual(name) for name, cell in cells.items()}
        steps = [(point_id, quiet[point_id]) for point_id in guard.point_ids]
        memory, began = None, time.process_time()
        for turn in range(TRIED_TURNS):
            at_ms = city.BEGAN_MS + turn * city.EVERY_MS
            for point_id, value in steps:
                memory, _ = guard.evaluate(memory, point_id, at_ms, value + turn % 7 * 0.01)
        spent_s = time.process_time() - began
        found[guard.rule.kind.value] = round(spent_s / TRIED_TURNS / len(steps) * 1e6, 2)
    return found


def _weigh(rules: Sequence[Rule]) -> int:
    """Bytes a device costs in memory once its guards have seen some readings."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    directory = city.directory_of(WEIGHED, rules)
    door = _Door()
    for turn in range(WARM_TURNS + TURNS):
        door.take(directory, _packs(WEIGHED, turn))
    door.forget()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del directory
    return round((after - before) / WEIGHED)


class _Door:
    """Intake's judging without what comes before and after it: nothing is kept."""

    def __init__(self) -> None:
        self._intake = Intake(open_database("sqlite://"), SqliteSeries(Path("unused")), clock=lambda: datetime.now(UTC))
        self.verdicts = 0

    def take(self, directory: Directory, packs: Sequence[Pack]) -> None:
        """Sort out and judge what ``packs`` hold."""
        for pack in packs:
            self.verdicts += self._intake.judge_only([pack], directory, now_ms=pack.readings[-1][3])

    def forget(self) -> None:
        """Let go of what only the benchmark holds."""
        self._intake = None  # type: ignore[assignment]


def _packs(devices: int, turn: int) -> list[Pack]:
    readings = city.readings_of(devices, turn)
    packs = []
    while some := list(islice(readings, BATCH)):
        packs.append(Pack("c1", Lane.ROUTINE, "", 0, 0, some))
    return packs


def _readings_a_turn(devices: int) -> int:
    lights = -(-devices // 3)
    return lights * len(city.LIGHT_POINTS) + (devices - lights) * len(city.COVER_POINTS)
