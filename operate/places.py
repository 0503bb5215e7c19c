"""Areas, duties and what a census lacks, from the shell."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from operate.processes import city, open_records

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from registry.services.area_import import AreaReport
    from registry.services.place_jobs import JobView

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaWish:
    """What the command line asked for. ``level`` None: by the length of each code."""

    level: str | None = None
    crs: str = "wgs84"
    columns: tuple[str, ...] = ()
    mend: bool = False
    dry_run: bool = False
    relocate: bool = True
    lang: str = "en"


def import_area_file(
    config: Path | None, file: Path, wish: AreaWish, *, as_json: bool, progress: Progress | None
) -> Iterator[str]:
    """Import areas, tell what was wrong with each feature, and find the assets' areas anew."""
    from registry.domain.people import SYSTEM
    from registry.services.area_import import check_areas, import_areas

    content = file.read_bytes()
    settings = _settings(wish)
    engine = _engine(config)
    if wish.dry_run:
        report = check_areas(engine, content, settings)
    else:
        report = import_areas(engine, content, settings, by=SYSTEM, now=_clock())
    for problem in report.problems:
        told = "left out" if problem.remark.grave else "taken"
        yield f"feature {problem.feature} ({problem.code or problem.name}), {told}: {problem.remark.text(wish.lang)}"
    job = None
    if report.job_id is not None and wish.relocate:
        job = _run(engine, report.job_id, progress)
    yield _import_line(report, job, as_json)
    engine.dispose()


def list_area_levels(config: Path | None, *, level: str | None, as_json: bool) -> Iterator[str]:
    """How many areas of each level are on file, or the areas of one level."""
    from registry.domain.kinds import AreaLevel
    from registry.queries.areas import level_counts, list_areas

    engine = _engine(config)
    if level is None:
        counts = {each.value: number for each, number in level_counts(engine).items()}
        if as_json:
            yield msgspec.json.encode(counts).decode()
            return
        yield from (f"{name:10} {number}" for name, number in counts.items())
        if not counts:
            yield "no areas on file yet; import a GeoJSON file: covercode areas import FILE"
        return
    after: str | None = None
    while True:
        page = list_areas(engine, level=AreaLevel(level), after=after, limit=500)
        for row in page.items:
            m2 = "" if row.area_m2 is None else f"{row.area_m2:,.0f} m²"
            yield msgspec.json.encode(row).decode() if as_json else f"{row.code:20} {m2:>16}  {row.name}"
        if page.next is None:
            return
        after = page.next


def relocate(config: Path | None, *, as_json: bool, progress: Progress | None) -> str:
    """Find the area and the cell of every asset anew."""
    from registry.domain.people import SYSTEM
    from registry.services.place_work import relocate_assets

    engine = _engine(config)
    job = relocate_assets(engine, by=SYSTEM, holder=_holder(), clock=_clock, progress=_bar(progress))
    engine.dispose()
    return _job_line(job, as_json)


def count_gaps(config: Path | None, *, as_json: bool, progress: Progress | None) -> Iterator[str]:
    """Count what the census lacks, now, and tell it."""
    from registry.domain.kinds import PlaceJobKind
    from registry.domain.people import SYSTEM
    from registry.queries.gaps import gap_summary
    from registry.services.place_jobs import ask_for_job
    from registry.storage.database import writing

    engine = _engine(config)
    with writing(engine) as tx:
        job_id = ask_for_job(tx, PlaceJobKind.CENSUS, by=SYSTEM, now=_clock())
    _run(engine, job_id, progress)
    found = gap_summary(engine)
    counts = {line.gap: line.count for line in found.gaps}
    doubts = {line.gap: line.count for line in found.doubts}
    engine.dispose()
    if as_json:
        told = {"assets": found.assets, "lacking": counts, "doubtful": doubts, "duplicates": found.duplicates}
        yield msgspec.json.encode(told).decode()
        return
    yield f"assets {found.assets}"
    yield from (f"without {name:15} {count}" for name, count in counts.items())
    yield from (f"doubtful: {name:13} {count}" for name, count in doubts.items())
    yield f"undecided duplicates   {found.duplicates}"


def apply_duties(config: Path | None, *, dry_run: bool, as_json: bool, progress: Progress | None) -> str:
    """Name the parties that assets lack, from the duty list; with ``dry_run`` only say how many."""
    from registry.domain.kinds import PlaceJobKind
    from registry.domain.people import SYSTEM
    from registry.services.duties import count_applicable
    from registry.services.place_jobs import ask_for_job
    from registry.storage.database import reading, writing

    engine = _engine(config)
    if dry_run:
        with reading(engine) as tx:
            counts = {party.value: count for party, count in count_applicable(tx).items()}
        return _told(counts | {"dry_run": True}, as_json)
    with writing(engine) as tx:
        job_id = ask_for_job(tx, PlaceJobKind.DUTIES, by=SYSTEM, now=_clock())
    return _job_line(_run(engine, job_id, progress), as_json)


def _settings(wish: AreaWish) -> Any:
    from registry.domain.errors import InvalidInput
    from registry.domain.geo import Crs
    from registry.domain.kinds import AreaLevel
    from registry.services.area_files import FIELD_NAMES
    from registry.services.area_import import AreaImport

    fields: dict[str, str] = {}
    for each in wish.columns:
        name, _, prop = each.partition("=")
        if name not in FIELD_NAMES or not prop:
            raise InvalidInput("map", f"{each!r} must be FIELD=PROPERTY, with a field of {', '.join(FIELD_NAMES)}")
        fields[name] = prop
    level = None if wish.level is None else AreaLevel(wish.level)
    return AreaImport(level=level, crs=Crs(wish.crs), fields=fields, mend=wish.mend)


def _engine(config: Path | None) -> Engine:
    from registry.storage.schema import check_schema

    engine: Engine = open_records(city(config))[0]
    check_schema(engine)
    return engine


def _run(engine: Engine, job_id: int, progress: Progress | None) -> JobView:
    from registry.services.place_work import run_place_job

    return run_place_job(engine, job_id, holder=_holder(), clock=_clock, progress=_bar(progress))


def _bar(progress: Progress | None) -> Callable[[JobView], None]:
    return lambda job: None if progress is None else progress(job.seen, job.total)


def _import_line(report: AreaReport, job: JobView | None, as_json: bool) -> str:
    counts: dict[str, Any] = {
        "features": report.features,
        "created": report.created,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "rejected": report.rejected,
        "remarks": report.remarks,
        "dry_run": report.dry_run,
    }
    if job is not None:
        counts |= {"assets_looked_at": job.seen, "assets_moved": job.changed}
    if as_json:
        counts |= {"levels": report.levels, "fields": report.fields}
    return _told(counts, as_json)


def _job_line(job: JobView, as_json: bool) -> str:
    return _told({"state": job.state.value, "seen": job.seen, "changed": job.changed, **job.report}, as_json)


def _told(counts: dict[str, Any], as_json: bool) -> str:
    return msgspec.json.encode(counts).decode() if as_json else ", ".join(f"{key}: {n}" for key, n in counts.items())


def _holder() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _clock() -> datetime:
    return datetime.now(UTC)
