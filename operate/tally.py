"""The demo's account: what the simulated units say they answered, held against what the city has stored.

Each answer carries the unit's sample count, so that a stored set of readings is recognised without trusting a clock.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from operate.demo_faults import PlannedFault
from registry.storage.database import reading
from registry.storage.series import SeriesStore
from registry.storage.tables import alert, asset, case, dead_letter, device, point

_COUNTER = "sample_count"
# between two nearest representable values at two decimals there is nothing; this only forgives binary fractions
_SAME = 1e-6
_BEYOND_ALL_MS = 4_102_444_800_000  # 2100
_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesTally:
    """Readings answered and stored; ``examples`` name the first few differences."""

    frames: int
    in_doubt: int
    taken: int
    stored: int
    lost: int
    duplicates: int
    unexplained: int
    examples: list[str]


def tally_series(truth: Path, store: SeriesStore, engine: Engine) -> SeriesTally:
    """Hold every settled answer of ``truth`` against the series store, value by value; whatever store it is."""
    answers, in_doubt = read_truth(truth)
    with reading(engine) as connection:
        points = _points(connection)
    known = {point_id for names in points.values() for point_id in names.values()}
    frames = taken = stored = lost = duplicates = 0
    unexplained = sum(len(_rows(store, point_id)) for point_id in store.points() if point_id not in known)
    examples: list[str] = []
    for serial, names in points.items():
        truths = answers.get(serial, {})
        frames += len(truths)
        kept, copies = _by_sample([(name, *row) for name, point_id in names.items() for row in _rows(store, point_id)])
        duplicates += copies
        stored += sum(len(values) for values in kept.values())
        for count, values in truths.items():
            wanted = {name: values[name] for name in names if name in values}
            taken += len(wanted)
            found = kept.get(count, {})
            missing = [name for name, value in wanted.items() if not _same(found.get(name), value)]
            lost += len(missing)
            if missing and len(examples) < 10:
                examples.append(f"{serial} sample {count}: {', '.join(missing)}")
        strangers = kept.keys() - truths.keys() - in_doubt.get(serial, set())
        unexplained += sum(len(kept[count]) for count in strangers)
    return SeriesTally(
        frames=frames,
        in_doubt=sum(len(counts) for counts in in_doubt.values()),
        taken=taken,
        stored=stored,
        lost=lost,
        duplicates=duplicates,
        unexplained=unexplained,
        examples=examples,
    )


def read_truth(path: Path) -> tuple[dict[str, dict[int, dict[str, float]]], dict[str, set[int]]]:
    """Settled answers by serial and sample count, and the sample counts that stayed in doubt."""
    answers: dict[str, dict[int, dict[str, float]]] = defaultdict(dict)
    in_doubt: dict[str, set[int]] = defaultdict(set)
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            body = json.loads(line) if line.strip() else {}
            if "answer" in body:
                answers[body["answer"]["serial"]][body["answer"]["n"]] = body["answer"]["values"]
            elif "in_doubt" in body:
                in_doubt[body["in_doubt"]["serial"]].add(body["in_doubt"]["n"])
    return answers, in_doubt


def check_cases(engine: Engine, faults: Sequence[PlannedFault]) -> dict[str, list[str]]:
    """Cases that should be there and are not, and cases nobody caused; both as ``asset: kind``."""
    wanted = {(fault.asset_id, fault.fault.case_kind) for fault in faults if fault.fault.case_kind is not None}
    with reading(engine) as connection:
        names: dict[int, str] = {
            row.id: row.name
            for row in connection.execute(
                select(asset.c.id, asset.c.name).where(asset.c.id.in_([one for one, _ in wanted if one is not None]))
            )
        }
        opened = connection.execute(
            select(case.c.asset_id, case.c.kind, asset.c.name).join(asset, asset.c.id == case.c.asset_id)
        ).all()
    found = [(row.asset_id, row.kind) for row in opened]
    extra = [f"{row.name}: {row.kind}" for row in opened if (row.asset_id, row.kind) not in wanted]
    twice = [f"{names.get(key[0] or 0)}: {key[1]} twice" for key in wanted if found.count(key) > 1]
    missing = [f"{names.get(one or 0)}: {kind}" for one, kind in wanted if (one, kind) not in found]
    return {"missing": sorted(missing), "extra": sorted(extra + twice)}


def latencies_ms(engine: Engine) -> dict[str, float | None]:
    """From the answer that completed a rule's condition to the committed alert and case; percentiles in milliseconds.

    Alerts that time alone completed (no answer, as with silence) have no such answer and are left out.
    """
    with reading(engine) as connection:
        rows = connection.execute(
            select(alert.c.trigger_received_at, alert.c.committed_at).where(
                alert.c.trigger_received_at.is_not(None), alert.c.committed_at.is_not(None)
            )
        ).all()
    waits = sorted((row.committed_at - row.trigger_received_at).total_seconds() * 1000 for row in rows)
    return {f"p{percent}": _percentile(waits, percent) for percent in (50, 95, 99)}


def waiting_alerts(engine: Engine) -> int:
    """How many alerts still wait for company before they open a case."""
    with reading(engine) as connection:
        return connection.scalar(select(func.count()).where(alert.c.case_due_at.is_not(None))) or 0


def record_counts(engine: Engine) -> dict[str, int]:
    """How many alerts, cases and dead letters there are."""
    with reading(engine) as connection:
        return {
            name: int(connection.scalar(select(func.count()).select_from(table)) or 0)
            for name, table in (("alerts", alert), ("cases", case), ("rejected", dead_letter))
        }


def _points(connection: Connection) -> dict[str, dict[str, int]]:
    points: dict[str, dict[str, int]] = defaultdict(dict)
    rows = connection.execute(
        select(device.c.serial, point.c.name, point.c.id).join(point, point.c.device_id == device.c.id)
    )
    for row in rows:
        points[row.serial][row.name] = row.id
    return points


# point name, measured_ms, value
_Row = tuple[str, int, float]


def _rows(store: SeriesStore, point_id: int) -> list[tuple[int, float]]:
    """When and what: all readings of a point, oldest first."""
    rows: list[tuple[int, float]] = []
    since_ms = 0
    while page := store.window(point_id, since_ms, _BEYOND_ALL_MS, _AT_ONCE):
        rows += [(row.measured_ms, row.value) for row in page]
        since_ms = page[-1].measured_ms + 1
    return rows


def _by_sample(rows: list[_Row]) -> tuple[dict[int, dict[str, float]], int]:
    """One unit's stored values by sample count, and how many rows are there more than once."""
    by_time: dict[int, dict[str, float]] = defaultdict(dict)
    copies = 0
    for name, measured_ms, value in rows:
        copies += name in by_time[measured_ms]
        by_time[measured_ms][name] = value
    kept: dict[int, dict[str, float]] = {}
    for values in by_time.values():
        count = round(values.get(_COUNTER, -1))
        copies += len(kept[count].keys() & values.keys()) if count in kept else 0
        kept.setdefault(count, {}).update(values)
    return kept, copies


def _same(stored: float | None, told: Any) -> bool:
    return stored is not None and told is not None and abs(stored - float(told)) <= _SAME


def _percentile(ordered: Sequence[float], percent: int) -> float | None:
    if not ordered:
        return None
    place = min(len(ordered) - 1, -(-len(ordered) * percent // 100) - 1)
    return round(ordered[place], 1)
