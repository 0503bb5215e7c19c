"""Importing lamp posts from a file on this machine in one call: the shipped profile ``street-lights``.

The file stays where it is; the run refers to it. For the demo city and for programs; people use the import's pages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace
from sqlalchemy import Engine

from registry.domain.codes import read_division
from registry.domain.people import SYSTEM
from registry.queries.imports import import_file, problems
from registry.services.classes import CJT214_2007, find_class
from registry.services.import_files import discard_import, estimate_rows, refer_to
from registry.services.import_profiles import SHIPPED, STREET_LIGHTS, apply_profile
from registry.services.import_runs import start_check, start_run
from registry.services.import_work import Progress, Work, new_holder, work_on
from registry.storage.database import reading
from registry.tabular.settings import ImportSettings
from registry.tabular.sources import open_table

STREETLIGHT_CLASS = "0118"
_BATCH = 1_000
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """What is wrong with one row: which column, what stands there, and how to mend it."""

    row: int
    column: str
    value: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did (or, ``dry_run``, would do). rows = created + updated + unchanged + len(rejected)."""

    rows: int
    created: int
    updated: int
    unchanged: int
    dry_run: bool = False
    rejected: list[RowProblem] = field(default_factory=list)
    warnings: list[RowProblem] = field(default_factory=list)


def import_street_lights(
    engine: Engine,
    path: Path,
    *,
    division: str,
    now: datetime,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Register every post of a GeoJSON inventory that is not registered yet; posts are known again by their PoleID.

    Raises ``InvalidInput`` before anything is written: file unreadable or not GeoJSON, ``division`` not six digits.
    """
    read_division(division)
    settings = ImportSettings(format="geojson", constants={"division": division})
    run_id = refer_to(engine, path, by=SYSTEM, now=now)
    try:
        table = open_table(path, settings)
        settings = _for_columns(settings, table.columns)
        with reading(engine) as tx:
            find_class(tx, CJT214_2007, STREETLIGHT_CLASS)
        if dry_run:
            start_check(engine, run_id, settings, by=SYSTEM, now=now)
        else:
            expected = estimate_rows(path, table)
            start_run(engine, run_id, settings=settings, expected=expected, by=SYSTEM, now=now)
    except BaseException:
        discard_import(engine, path.parent, run_id, by=SYSTEM, now=now)  # nothing of the file was used
        raise
    work = Work(holder=new_holder(), clock=lambda: now, progress=progress, batch=_BATCH)
    work_on(engine, path.parent, run_id, work)
    report = _report(engine, run_id, dry_run)
    if dry_run:
        discard_import(engine, path.parent, run_id, by=SYSTEM, now=now)
    return report


def _for_columns(settings: ImportSettings, columns: tuple[str, ...]) -> ImportSettings:
    """The profile for what the file has. Posts without a single id are refused row by row, so the column is kept."""
    fitted = apply_profile(SHIPPED[STREET_LIGHTS], settings, columns)
    return fitted if "PoleID" in fitted.columns else replace(fitted, columns={**fitted.columns, "PoleID": fitted.key})


def _report(engine: Engine, run_id: int, dry_run: bool) -> ImportReport:
    view = import_file(engine, run_id)
    rejected: list[RowProblem] = []
    warnings: list[RowProblem] = []
    after = 0
    while lines := problems(engine, run_id, after=after, limit=_AT_ONCE, lang="en"):
        for line in lines:
            problem = f"{line.problem}; {line.fix}"
            found = RowProblem(row=line.row, column=line.column, value=line.value, problem=problem)
            (rejected if line.grave else warnings).append(found)
        after = lines[-1].id
    return ImportReport(
        rows=view.rows,
        created=view.created,
        updated=view.updated,
        unchanged=view.unchanged,
        dry_run=dry_run,
        rejected=rejected,
        warnings=warnings,
    )
