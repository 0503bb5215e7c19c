"""How long closing a month takes: Zhanjiang's February 2023 (20,580 found), generated with a seed, on SQLite.

Beside it the least that any closing has to do: reading the same entries, once, in the same run. And the published
ranking worked out again by one statement of plain SQL, compared to the last digit.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import select

from benchmarks._month_city import CHINA, ENDS, FEBRUARY, NOW, STARTS, MonthCity
from registry.domain.month_counts import Count
from registry.domain.people import SYSTEM
from registry.queries.bulletin import bulletin
from registry.services.classes import load_classes
from registry.services.month_closing import ask_to_close, close_month
from registry.storage.database import open_database, reading, writing
from registry.storage.schema import upgrade
from registry.storage.tables import entry
from tests.month_in_sql import published_ranking

KEY = str(FEBRUARY)


def run(seconds: float | None = None, seed: int = 20230228) -> dict[str, Any]:
    """Close one month. ``seed`` draws its cases; ``seconds`` says nothing here: a month is a month."""
    with tempfile.TemporaryDirectory(prefix="covercode-month-") as folder:
        engine = open_database(f"sqlite:///{Path(folder) / 'records.db'}")
        upgrade(engine)
        with writing(engine) as tx:
            load_classes(tx)
        began = time.monotonic()
        written = MonthCity(seed).write(engine)
        generated_s = time.monotonic() - began
        began = time.monotonic()
        with reading(engine) as tx:
            rows = sum(1 for _ in tx.execute(select(entry).order_by(entry.c.case_id, entry.c.id)))
        read_s = time.monotonic() - began
        ask_to_close(engine, KEY, by=SYSTEM, now=NOW, zone=CHINA)
        began, cpu = time.monotonic(), time.process_time()
        close_month(engine, KEY, clock=lambda: NOW, zone=CHINA)
        close_s, cpu_s = time.monotonic() - began, time.process_time() - cpu
        began = time.monotonic()
        told = bulletin(engine, KEY)
        bulletin_ms = (time.monotonic() - began) * 1000
        agrees = all(_same(told, engine, group) for group in ("units", "districts"))
        engine.dispose()
    numbers = {line.count: line.cases for line in told.numbers}
    rates = {line.key: line.shown for line in told.indicators}
    return {
        "figures": {
            "month_close_s": round(close_s, 2),
            "month_close_cpu_s": round(cpu_s, 2),
            "bulletin_ms": round(bulletin_ms, 1),
            "cases": written["cases"],
            "entries": rows,
            "found": numbers[Count.FOUND],
            "self_handled": numbers[Count.SELF_HANDLED],
            "dispatched": numbers[Count.DISPATCHED],
            "handled_percent": rates["handling"],
            "open_overdue": numbers[Count.OPEN_OVERDUE],
            "late": numbers[Count.HANDLED_LATE],
            "rework": numbers[Count.REWORKED],
            "redispatched": numbers[Count.REDISPATCHED],
            "components_percent": told.component_share,
            "sql_agrees": agrees,
            "generated_s": round(generated_s, 2),
        },
        "baseline": {"read_entries_s": round(read_s, 2)},
        "ratios": {"vs_reading_the_entries": round(close_s / read_s, 2)},
        "config": {"seed": seed, "store": "sqlite", "month": KEY},
    }


def _same(told: Any, engine: Any, key: str) -> bool:
    group = next(one for one in told.groups if one.key == key)
    published = [
        (line.standing.subject, line.standing.points, line.standing.place)
        for line in group.lines
        if line.standing.place is not None
    ]
    return sorted(published) == sorted(published_ranking(engine, key, STARTS, ENDS))
