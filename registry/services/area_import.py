"""Importing areas from GeoJSON: an upsert by level and code, in one transaction, with a report of every flaw.

Afterwards the assets' areas are found anew by a job of ``registry.services.place_jobs``, which this only asks for.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.errors import InvalidInput
from registry.domain.kinds import AreaLevel, PlaceJobKind
from registry.domain.people import Actor
from registry.services import audit, revisions
from registry.services.area_checks import AreaImport, AreaProblem, Candidate, Judged, judge, row_of
from registry.services.area_files import AreaFile, read_area_file
from registry.services.areas import AREAS, keep_cells
from registry.services.place_jobs import ask_for_job
from registry.storage.database import reading, writing
from registry.storage.tables import area

__all__ = ["AreaImport", "AreaProblem", "AreaReport", "check_areas", "import_areas"]

# What is compared to see whether a second import changes anything; a file that lacks a field leaves it as it is.
_ALWAYS = ("name", "shape")
_IF_GIVEN = ("name_en", "grade", "unit_id", "first_on", "ended_on")


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaReport:
    """What an import did, or (``dry_run``) would do. ``rejected`` features were left out; the problems say why.

    ``fields``: which property was taken for which field. ``job_id``: the job that finds the assets' areas anew.
    """

    features: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    levels: dict[str, int]
    fields: dict[str, str]
    properties: list[str]
    problems: list[AreaProblem]
    dry_run: bool
    job_id: int | None = None

    @property
    def remarks(self) -> int:
        """How many remarks do not keep their area out."""
        return sum(not problem.remark.grave for problem in self.problems)


def check_areas(engine: Engine, content: bytes, wanted: AreaImport) -> AreaReport:
    """What ``import_areas`` would do; writes nothing. Raises ``InvalidInput`` (field ``file`` or ``crs``)."""
    file = _read(content, wanted)
    with reading(engine) as tx:
        judged = judge(tx, file, wanted)
        new, changed, same = _sorted_out(tx, judged.candidates)
    return _report(file, judged, new, changed, same, dry_run=True, job_id=None)


def import_areas(engine: Engine, content: bytes, wanted: AreaImport, *, by: Actor, now: datetime) -> AreaReport:
    """Take every usable area of a GeoJSON file; the others are in the report. Raises ``InvalidInput``.

    Areas are found again by level and code, so that importing a corrected file mends what was imported before.
    """
    file = _read(content, wanted)
    with writing(engine) as tx:
        judged = judge(tx, file, wanted)
        new, changed, same = _sorted_out(tx, judged.candidates)
        job_id = None
        if new or changed:
            _write(tx, new, changed, now=now)
            revisions.bump(tx, AREAS)
            job_id = ask_for_job(tx, PlaceJobKind.RELOCATE, by=by, now=now)
        report = _report(file, judged, new, changed, same, dry_run=False, job_id=job_id)
        counts = {"created": report.created, "updated": report.updated, "rejected": report.rejected}
        audit.record(tx, by=by, action="area.import", subject="areas", detail=counts | report.levels, now=now)
    return report


def _read(content: bytes, wanted: AreaImport) -> AreaFile:
    file = read_area_file(content)
    if file.foreign_crs:
        raise InvalidInput(
            "crs",
            "the file says its coordinates are {system!r}; export it in longitude and latitude "
            "(EPSG:4490 or EPSG:4326)",
            system=file.foreign_crs,
        )
    return file


def _sorted_out(
    tx: Connection, candidates: list[Candidate]
) -> tuple[list[Candidate], list[tuple[int, Candidate]], list[Candidate]]:
    """New ones, those that change an area on file (with its id), and those that change nothing."""
    new: list[Candidate] = []
    changed: list[tuple[int, Candidate]] = []
    same: list[Candidate] = []
    on_file = _rows_on_file(tx, candidates)
    for candidate in candidates:
        kept = on_file.get((candidate.code.level.value, candidate.code.code))
        if kept is None:
            new.append(candidate)
        elif _differs(candidate, kept):
            changed.append((kept.id, candidate))
        else:
            same.append(candidate)
    return new, changed, same


def _rows_on_file(tx: Connection, candidates: list[Candidate]) -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    codes = [candidate.code.code for candidate in candidates]
    for start in range(0, len(codes), 500):
        rows = tx.execute(select(area).where(area.c.code.in_(codes[start : start + 500])))
        found |= {(row.level, row.code): row for row in rows}
    return found


def _differs(candidate: Candidate, kept: Any) -> bool:
    row = row_of(candidate)
    if any(row[name] != getattr(kept, name) for name in _ALWAYS):
        return True
    return any(row[name] and row[name] != getattr(kept, name) for name in _IF_GIVEN)


def _write(tx: Connection, new: list[Candidate], changed: list[tuple[int, Candidate]], *, now: datetime) -> None:
    if new:
        tx.execute(insert(area), [row_of(each) | {"updated_at": now} for each in new])
    for area_id, candidate in changed:
        row = row_of(candidate)
        values = {name: value for name, value in row.items() if name not in _IF_GIVEN or value}
        tx.execute(update(area).where(area.c.id == area_id).values(**values, updated_at=now))
    grids = [each for each in (*new, *(each for _, each in changed)) if each.code.level is AreaLevel.DUTY]
    for grid in grids:
        same = (area.c.level == AreaLevel.DUTY.value, area.c.code == grid.code.code)
        keep_cells(tx, tx.execute(select(area.c.id).where(*same)).scalar_one(), grid.cells)


def _report(
    file: AreaFile,
    judged: Judged,
    new: list[Candidate],
    changed: list[tuple[int, Candidate]],
    same: list[Candidate],
    *,
    dry_run: bool,
    job_id: int | None,
) -> AreaReport:
    taken = Counter(candidate.code.level.value for candidate in judged.candidates)
    return AreaReport(
        features=len(file.features),
        created=len(new),
        updated=len(changed),
        unchanged=len(same),
        rejected=len(file.features) - len(judged.candidates),
        levels={level.value: taken[level.value] for level in AreaLevel if taken[level.value]},
        fields=judged.fields,
        properties=file.properties,
        problems=judged.problems,
        dry_run=dry_run,
        job_id=job_id,
    )
