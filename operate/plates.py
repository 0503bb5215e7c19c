"""Classes, codes, tags and print runs from the shell."""

from __future__ import annotations

import getpass
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from operate.processes import city, city_on_plates, open_records, stop_on_signals

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from operate.city_file import Place
    from registry.domain.people import Actor
    from registry.services.print_making import RunResult

Progress = Callable[[int, int, int], None]


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def at_the_shell() -> Actor:
    """Who acts: whoever may read the settings file may do everything; the audit trail keeps their name."""
    from registry.domain.people import Actor

    return Actor(user_id=None, name=f"shell: {getpass.getuser()}", role=None, unit_id=None)


def records(config: Path | None) -> tuple[Engine, Place]:
    """The records database, at this program's version, and the city's settings."""
    from registry.storage.schema import check_schema

    place = city(config)
    engine, store = open_records(place)
    store.close()
    check_schema(engine)
    return engine, place


def plan_and_make(config: Path | None, wishes: dict[str, Any], progress: Progress) -> str:
    """Plan a print run and make it here; Ctrl-C stops it, to be resumed later."""
    from registry.domain.kinds import PrintRunKind
    from registry.services.print_runs import NewRun, plan_run
    from registry.services.print_selection import RunSelection

    engine, place = records(config)
    blank = wishes["blank"] or 0
    new = NewRun(
        name=wishes["name"] or f"{now():%Y-%m-%d %H:%M}",
        kind=PrintRunKind.BLANK if blank else PrintRunKind.ASSETS,
        template_key=wishes["template"],
        format=wishes["fmt"],
        dpi=wishes["dpi"],
        start_position=wishes["start_position"],
        selection=RunSelection(
            without_plate=not wishes["again"],
            area_code=wishes["area"],
            scheme=wishes["scheme"] if wishes["class_code"] else "",
            class_code=wishes["class_code"],
        ),
        count=blank,
    )
    run_id = plan_run(engine, new, by=at_the_shell(), now=now())
    return make_here(engine, place, run_id, progress)


def resume_and_make(config: Path | None, run_id: int, progress: Progress) -> str:
    """Go on with a run that was stopped, failed, or whose process was killed."""
    from registry.domain.errors import InvalidMove
    from registry.services.print_runs import resume_run

    engine, place = records(config)
    try:
        resume_run(engine, run_id, by=at_the_shell(), now=now())
    except InvalidMove:
        if _state(engine, run_id) not in ("waiting", "running"):
            raise
    return make_here(engine, place, run_id, progress)


def make_here(engine: Engine, place: Place, run_id: int, progress: Progress) -> str:
    """Make the run in this process; what came of it and where the files lie."""
    from registry.services.print_files import finished_files, folder_of
    from registry.services.print_runs import make_run, stop_run

    stop: threading.Event = stop_on_signals()
    result: RunResult = make_run(
        engine,
        run_id,
        data_dir=place.data_dir,
        city=city_on_plates(place),
        stop=stop.is_set,
        clock=now,
        progress=progress,
    )
    if stop.is_set() and result.state == "waiting":
        stop_run(engine, run_id, by=at_the_shell(), now=now())  # or the worker would go on with it
        return f"run {run_id} stopped: {result.made} of {result.total} made; covercode labels resume {run_id}"
    files = ", ".join(file.name for file in finished_files(place.data_dir, run_id))
    failed = f", {result.failed} failed (see list.csv)" if result.failed else ""
    folder = folder_of(place.data_dir, run_id)
    return f"run {run_id} {result.state.value}: {result.made} of {result.total} made{failed}; {folder}: {files or '-'}"


def stop_print_run(config: Path | None, run_id: int) -> str:
    """Stop a run, whoever makes it."""
    from registry.services.print_runs import stop_run

    engine, _ = records(config)
    stop_run(engine, run_id, by=at_the_shell(), now=now())
    return f"run {run_id} stopped; covercode labels resume {run_id}"


def print_runs(config: Path | None) -> Iterator[str]:
    """Every run, newest first."""
    from registry.queries.print_runs import list_runs

    engine, _ = records(config)
    page = list_runs(engine, limit=100)
    if not page.items:
        yield "no print runs yet: covercode labels run --help"
    for run in page.items:
        yield f"{run.id:>5}  {run.state:<8} {run.made:>6}/{run.total:<6} {run.format:<4} {run.template_key}  {run.name}"


def _state(engine: Engine, run_id: int) -> str:
    from registry.queries.print_runs import print_run_view

    return print_run_view(engine, run_id).state.value


def class_schemes(config: Path | None) -> Iterator[str]:
    """Every class table with its number of classes."""
    from registry.queries.classes import list_schemes

    engine, _ = records(config)
    for scheme in list_schemes(engine):
        counted = f"{scheme.classes} classes, {scheme.extensions} of the city's own"
        yield f"{scheme.key}: {counted}{'' if scheme.complete else ' (incomplete)'}; {scheme.name_zh}"


def import_classes(config: Path | None, file: Path, key: str, name: str, *, check_only: bool) -> Iterator[str]:
    """Load a city's own class table; every bad row by name."""
    from registry.services.class_import import import_class_table
    from registry.services.classes import Scheme
    from registry.tabular.class_table import say_class_fault

    engine, _ = records(config)
    scheme = Scheme(key=key, name_zh=name or key)
    report = import_class_table(engine, scheme, file, by=at_the_shell(), now=now(), check_only=check_only)
    for row, fault in report.faults:
        problem, fix = say_class_fault(fault.code, fault.args, "en")
        yield f"row {row}: {fault.column} = {fault.value!r} {problem}; {fix}"
    did = "written" if report.written else "nothing written"
    yield (
        f"{did}: {report.rows} rows, {len(report.added)} added, {len(report.changed)} changed, "
        f"{report.unchanged} unchanged, {len(report.removed)} removed, {len(report.kept)} kept, "
        f"{len(report.faults)} bad"
    )


def add_class(config: Path | None, scheme: str, name_zh: str, name_en: str, family: str, major: str) -> str:
    """Add a class of the city's own."""
    from registry.domain.kinds import Family
    from registry.services.classes import add_extension_class

    engine, _ = records(config)
    made = add_extension_class(
        engine,
        scheme,
        name_zh=name_zh,
        name_en=name_en,
        family=Family(family),
        major=major,
        by=at_the_shell(),
        now=now(),
    )
    return f"{made.scheme} {made.code} {made.name_zh}"


def explain(config: Path | None, code: str) -> Iterator[str]:
    """What each part of a component code means, and what is wrong with it."""
    from registry.services.codes import explain_code
    from registry.storage.database import reading

    engine, _ = records(config)
    with reading(engine) as tx:
        found = explain_code(tx, code)
    if found.usable:
        division = found.division.full_name if found.division else "?"
        names = ", ".join(f"{each.scheme} {each.name_zh}" for each in found.classes) or "?"
        yield f"{found.grouped}: {found.division_code} {division}; {found.class_code} {names}; serial {found.serial}"
        yield f"asset {found.asset_id}" if found.asset_id else "no asset on file"
    for finding in found.findings:
        yield f"{'wrong' if finding.grave else 'note'}, digits {finding.first}-{finding.last}: {finding.problem}"


def find(config: Path | None, text: str, *, as_json: bool) -> Iterator[str]:
    """Every asset that a token, a code or an alias names."""
    from registry.queries.find_asset import find_asset

    engine, _ = records(config)
    found = find_asset(engine, text)
    if as_json:
        yield msgspec.json.encode({"found": found}).decode()
        return
    if not found:
        yield f"nothing is called {text!r}"
    for each in found:
        how = f"{each.by.value} {each.alias_kind} {each.matched}".replace("  ", " ")
        yield f"asset {each.asset_id}  {each.code}  {each.name}  {each.road}  ({how})"


def tag_history(config: Path | None, token: str) -> Iterator[str]:
    """One plate's life, line by line."""
    from registry.queries.tags import tag_view

    engine, place = records(config)
    found = tag_view(engine, token)
    yield f"{found.shown}  {found.state}  {f'asset {found.asset_id} {found.asset_name}' if found.asset_id else ''}"
    for event in found.events:
        moment = f"{event.at.astimezone(place.zone):%Y-%m-%d %H:%M}"
        yield f"  {moment}  {event.event:<10} {event.by_name or '-':<12} {event.note}"
