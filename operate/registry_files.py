"""Files into and out of the registry from the shell: imports with a progress bar, their list, undoing, exports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from operate.processes import city, open_records

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from registry.queries.imports import ImportView
    from registry.tabular.settings import ImportSettings

Progress = Callable[[int, int], None]
_COUNTS = ("rows", "created", "updated", "unchanged", "rejected", "held", "remarks")
_MOST_LINES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportWish:
    """What the command line asked for; what is None or empty is guessed from the file, or comes from the profile."""

    dry_run: bool = False
    division: str = ""
    class_code: str = ""
    scheme: str = ""
    columns: Sequence[str] = ()
    profile: str = ""
    save_profile: str = ""
    crs: str = ""
    key: str | None = None
    swap: bool = False
    sheet: str = ""
    encoding: str = ""
    duplicates: str = ""
    duplicates_m: float | None = None
    add_units: bool = False
    lang: str = "en"


def now_utc() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def import_file(
    config: Path | None, file: Path, wish: ImportWish, *, as_json: bool, progress: Progress | None = None
) -> Iterator[str]:
    """Import ``file`` and report line by line; the last line holds the counts."""
    from registry.domain.errors import InvalidInput
    from registry.domain.people import SYSTEM
    from registry.queries import imports as queries
    from registry.services import imports

    place = city(config)
    engine, _ = open_records(place)
    division = wish.division or place.settings.city.division
    try:
        with file.open("rb") as stream:
            run_id = imports.keep_upload(engine, place.data_dir, stream, file.name, by=SYSTEM, now=now_utc())
    except OSError as error:
        raise InvalidInput("file", f"{file} can't be read: {error.strerror}") from error
    settings, notes, expected = settings_for(engine, place.data_dir, run_id, wish, division)
    for note in () if as_json else notes:
        yield f"note: {note}"
    if wish.save_profile:
        imports.save_profile(engine, wish.save_profile, settings, by=SYSTEM, now=now_utc())
    common: dict[str, Any] = {"by": SYSTEM, "clock": now_utc, "progress": progress}
    if wish.dry_run:
        imports.check_import(engine, place.data_dir, run_id, settings, **common)
    else:
        imports.run_import(engine, place.data_dir, run_id, settings=settings, expected=expected, **common)
    yield from _report(engine, queries.import_file(engine, run_id), wish, as_json=as_json)
    if wish.dry_run:
        imports.discard_import(engine, place.data_dir, run_id, by=SYSTEM, now=now_utc())
    engine.dispose()


def settings_for(
    engine: Engine, data_dir: Path, run_id: int, wish: ImportWish, division: str
) -> tuple[ImportSettings, list[str], int]:
    """The settings of the file (the guess, the profile over it, what the command line says over both), notes, rows."""
    from registry.services import imports
    from registry.tabular.guesses import NOTES

    chosen = imports.ImportSettings(sheet=wish.sheet, encoding=wish.encoding)
    if wish.scheme:
        chosen = replace(chosen, scheme=wish.scheme)
    look = imports.look_at(engine, data_dir, run_id, chosen, division=division)
    settings = look.guessed
    # a guess that exchanges every place is a proposal: somebody has to say so
    settings = replace(settings, swapped=wish.swap)
    names = tuple(column.name for column in look.columns)
    profile = wish.profile or imports.fitting_profile(names)
    notes = [NOTES[code][1].format(**args) for code, args in look.notes]
    if profile:
        settings = imports.apply_profile(imports.find_profile(engine, profile).settings, settings, names)
        notes = [] if wish.profile else [f"read with the shipped profile {profile!r}"]
    return _with_wishes(settings, wish, division), notes, look.rows_estimate


def _with_wishes(settings: ImportSettings, wish: ImportWish, division: str) -> ImportSettings:
    constants = dict(settings.constants)
    if wish.division or "division" not in settings.columns.values():
        constants["division"] = division
    if wish.class_code:
        constants["class"] = wish.class_code
    changes: dict[str, Any] = {"constants": constants, "columns": settings.columns | _mapping(wish.columns)}
    said = {
        "crs": wish.crs or None,
        "duplicates": wish.duplicates or None,
        "key": wish.key,
        "duplicates_m": wish.duplicates_m,
        "add_units": wish.add_units or None,
    }
    return replace(settings, **changes, **{name: value for name, value in said.items() if value is not None})


def _mapping(pairs: Sequence[str]) -> dict[str, str]:
    """``COLUMN=TARGET`` pairs; the column's own name may hold "="."""
    from registry.domain.errors import InvalidInput

    for pair in pairs:
        if "=" not in pair:
            raise InvalidInput("map", f"{pair!r} must be COLUMN=TARGET, e.g. 经度=lon")
    return {column: target for column, _, target in (pair.rpartition("=") for pair in pairs)}


def _report(engine: Engine, view: ImportView, wish: ImportWish, *, as_json: bool) -> Iterator[str]:
    from registry.queries import imports as queries

    after, told = 0, 0
    while told < _MOST_LINES:
        lines = queries.problems(engine, view.id, after=after, limit=200, lang=wish.lang)
        for line in lines:
            kept = "" if line.grave else " (kept)"
            yield f"row {line.row}{kept}: {line.column} = {line.value!r}: {line.problem}; {line.fix}"
        told += len(lines)
        if len(lines) < 200:
            break
        after = lines[-1].id
    if view.problems_kept > told:
        yield f"… and {view.problems_kept - told} lines more; the import's page has them all"
    counts: Mapping[str, Any] = {name: getattr(view, name) for name in _COUNTS}
    counts = {"import": view.id, **counts, "warnings": view.remarks, "dry_run": wish.dry_run}
    if as_json:
        yield msgspec.json.encode(counts).decode()
    else:
        yield ", ".join(f"{name}: {count}" for name, count in counts.items() if name != "warnings")


def list_runs(config: Path | None, *, as_json: bool) -> Iterator[str]:
    """The latest imports, one a line."""
    from registry.queries import imports as queries

    engine, _ = open_records(city(config))
    views = queries.list_imports(engine).items
    engine.dispose()
    if as_json:
        rows = [
            {"import": view.id, "at": view.at.isoformat(), "file": view.file_name, "state": view.state.value}
            | {name: getattr(view, name) for name in _COUNTS}
            for view in views
        ]
        yield msgspec.json.encode({"imports": rows}).decode()
        return
    if not views:
        yield "no imports yet; begin with: covercode assets import FILE --dry-run"
    for view in views:
        counts = ", ".join(f"{name} {getattr(view, name)}" for name in _COUNTS)
        yield f"{view.id}  {view.at:%Y-%m-%d %H:%M}  {view.state.value:<9} {view.file_name}: {counts} {view.problem}"


def undo_run(config: Path | None, run_id: int) -> str:
    """Undo an import as a whole."""
    from registry.domain.people import SYSTEM
    from registry.services.imports import undo_import

    engine, _ = open_records(city(config))
    undo_import(engine, run_id, by=SYSTEM, now=now_utc())
    engine.dispose()
    return f"import {run_id} is undone; its codes are never given again"


def resume_run(config: Path | None, run_id: int, *, as_json: bool, progress: Progress | None = None) -> Iterator[str]:
    """Go on with an import that was stopped, failed or killed."""
    from registry.domain.people import SYSTEM
    from registry.queries import imports as queries
    from registry.services import imports

    place = city(config)
    engine, _ = open_records(place)
    imports.run_import(engine, place.data_dir, run_id, by=SYSTEM, clock=now_utc, progress=progress)
    yield from _report(engine, queries.import_file(engine, run_id), ImportWish(), as_json=as_json)
    engine.dispose()


def export_file(config: Path | None, file: Path, wishes: Mapping[str, Any], *, as_json: bool) -> str:
    """Write the assets to ``file``; answers what was written."""
    from registry.domain.geo import Crs
    from registry.domain.kinds import AssetState
    from registry.domain.people import SYSTEM
    from registry.services.exports import FORMATS, ExportWish, export_assets, export_to

    engine, _ = open_records(city(config))
    suffix = file.suffix.lower().lstrip(".")
    wish = ExportWish(
        format=wishes["format"] or (suffix if suffix in FORMATS else "csv"),
        crs=Crs(wishes["crs"]),
        encoding="gb18030" if wishes["gbk"] else "utf-8-sig",
        class_code=wishes["class_code"] or "",
        area_code=wishes["area"] or "",
        state=AssetState(wishes["state"]) if wishes["state"] else None,
    )
    size = export_to(file, export_assets(engine, wish, by=SYSTEM))
    engine.dispose()
    if as_json:
        return msgspec.json.encode({"file": str(file), "format": wish.format, "bytes": size}).decode()
    return f"{file}: {wish.format}, {size} bytes"
