"""A census file for tests, and what of the registry an import may not change."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, select

from registry.domain.people import SYSTEM, Actor
from registry.queries.imports import ImportView, import_file
from registry.services import imports
from registry.services.map_counts import fold_marks
from registry.storage.database import reading
from registry.storage.tables import metadata

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
HEADER = ("井盖编号", "部件名称", "经度", "纬度", "道路")
NOT_THE_REGISTRY = {"map_counted", "code_counter", "retired_code", "audit", "audit_head", "revision"}


def clock_from(start: datetime = NOW) -> Callable[[], datetime]:
    """A clock that goes on by a millisecond each time it is asked."""
    told = [start]

    def tell() -> datetime:
        told[0] += timedelta(milliseconds=1)
        return told[0]

    return tell


def census(rows: Sequence[Sequence[Any]], header: Sequence[str] = HEADER) -> bytes:
    """A CSV as a survey team sends it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def covers(count: int, *, first: int = 1) -> list[tuple[Any, ...]]:
    """Rain covers along a street, eleven metres apart."""
    return [
        (f"A-{n}", "雨水井盖", f"{120.6:.6f}", f"{31.3 + n / 10_000:.6f}", "人民路")
        for n in range(first, first + count)
    ]


class Importer:
    """Imports files into one registry with the settings a test wants."""

    def __init__(self, engine: Engine, data_dir: Path, by: Actor = SYSTEM) -> None:
        self.engine = engine
        self.data_dir = data_dir
        self.by = by
        self.clock = clock_from()

    def keep(self, content: bytes, name: str = "窨井盖普查.csv") -> int:
        return imports.keep_upload(self.engine, self.data_dir, io.BytesIO(content), name, by=self.by, now=self.clock())

    def settings(self, run_id: int, **choices: Any) -> imports.ImportSettings:
        look = imports.look_at(self.engine, self.data_dir, run_id, division="320508")
        return imports.with_choices(look.guessed, **({"crs": "wgs84"} | choices))

    def check(self, content: bytes, name: str = "窨井盖普查.csv", **choices: Any) -> ImportView:
        run_id = self.keep(content, name)
        settings = self.settings(run_id, **choices)
        imports.check_import(self.engine, self.data_dir, run_id, settings, by=self.by, clock=self.clock)
        return self.view(run_id)

    def run(self, content: bytes, name: str = "窨井盖普查.csv", **choices: Any) -> ImportView:
        return self.go_on(self.check(content, name, **choices).id)

    def go_on(self, run_id: int) -> ImportView:
        imports.run_import(self.engine, self.data_dir, run_id, by=self.by, clock=self.clock)
        return self.view(run_id)

    def undo(self, run_id: int) -> None:
        imports.undo_import(self.engine, run_id, by=self.by, now=self.clock())

    def view(self, run_id: int) -> ImportView:
        return import_file(self.engine, run_id)


def whole_registry(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but those of imports, counters and the audit; the counts of the map are up to date."""
    fold_marks(engine)
    tables: list[Table] = [
        table
        for name, table in metadata.tables.items()
        if name not in NOT_THE_REGISTRY and not name.startswith("import_")
    ]
    with reading(engine) as tx:
        return {
            table.name: [tuple(row) for row in tx.execute(select(table).order_by(*table.primary_key.columns))]
            for table in tables
        }
