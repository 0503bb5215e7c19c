"""The files of imports: kept whole in the data folder before anything is read, found again after a restart.

A file is written under another name first, so that one whose upload broke off is never taken for a whole one.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from msgspec.structs import replace
from sqlalchemy import Connection, Engine, delete, insert, select

from registry.domain.errors import InvalidInput, InvalidMove, NotFound, StoreDown
from registry.domain.kinds import ImportState
from registry.domain.people import Actor
from registry.services import audit
from registry.storage.database import reading, writing
from registry.storage.tables import asset_class, import_duplicate, import_problem, import_run
from registry.tabular.cells import Table, plain
from registry.tabular.guesses import SAMPLE_ROWS, ColumnLook, guess, sample_of
from registry.tabular.settings import ImportSettings
from registry.tabular.sources import called, open_table, settled
from registry.tabular.xlsx_files import XlsxTable

FOLDER = "imports"
"""Where uploads lie in the data folder."""

MOST_BYTES = 512 * 1024 * 1024
"""The largest file that is taken; a million rows of fifteen columns are about 200 MB."""

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLook:
    """What a file holds, and how it would be read.

    ``columns``: name, first values, guessed target and confidence. ``head``: the first rows as text, as many cells as
    columns. ``notes``: (code, arguments) of ``guesses.NOTES``. ``rows_estimate``: exact for workbooks and small files.
    """

    file_name: str
    size_bytes: int
    format: str
    encoding: str
    delimiter: str
    sheets: tuple[str, ...]
    sheet: str
    header_row: int
    header_rows: int
    columns: tuple[ColumnLook, ...]
    head: tuple[tuple[str, ...], ...]
    rows_estimate: int
    guessed: ImportSettings
    notes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


def keep_upload(engine: Engine, data_dir: Path, stream: IO[bytes], file_name: str, *, by: Actor, now: datetime) -> int:
    """Keep a file for an import; the run's id. Nothing of its content is looked at yet.

    Raises ``InvalidInput`` for an empty file and for one over ``MOST_BYTES``; then nothing is left behind.
    """
    name = _clean_name(file_name)
    folder = data_dir / FOLDER
    partial = folder / f".{os.getpid()}-{id(stream)}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        size, sha256 = _write(partial, stream)
        path = folder / f"{sha256}{Path(name).suffix[:12].lower()}"
        partial.replace(path)
    except OSError as error:
        raise StoreDown(f"{folder}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return _note(engine, name, f"{FOLDER}/{path.name}", size, sha256, by=by, now=now)


def refer_to(engine: Engine, path: Path, *, by: Actor, now: datetime) -> int:
    """A run for a file that stays where it is and is never removed by us. Raises ``InvalidInput`` if unreadable."""
    digest = hashlib.sha256()
    size = 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise InvalidInput("file", "{given} can't be read: {why}", given=path, why=error.strerror) from error
    return _note(engine, path.name, str(path.resolve()), size, digest.hexdigest(), by=by, now=now)


def _note(engine: Engine, name: str, path: str, size: int, sha256: str, *, by: Actor, now: datetime) -> int:
    new = {
        "at": now,
        "file_name": name[:200],
        "state": ImportState.UPLOADED.value,
        "by_user_id": by.user_id,
        "path": path,
        "sha256": sha256,
        "size_bytes": size,
        "settings": {},
        "rows": 0,
        "created": 0,
        "unchanged": 0,
        "rejected": 0,
        "problems": [],
    }
    with writing(engine) as tx:
        return int(tx.execute(insert(import_run).values(new).returning(import_run.c.id)).scalar_one())


def _clean_name(file_name: str) -> str:
    """The last part of a name, whatever system it comes from, without marks that files may not have."""
    last = unicodedata.normalize("NFC", file_name).replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(mark for mark in last if mark.isprintable()).strip().strip(".")
    return name[-200:] or "upload"


def _write(path: Path, stream: IO[bytes]) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    with path.open("wb") as file:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > MOST_BYTES:
                raise InvalidInput("file", "is larger than {most} MB; split it", most=MOST_BYTES >> 20)
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if not size:
        raise InvalidInput("file", "is empty; export the table again")
    return size, digest.hexdigest()


def file_of(engine: Engine, data_dir: Path, run_id: int) -> tuple[Path, str]:
    """Where the file of a run lies, and what its owner called it. Raises ``NotFound``, and ``InvalidInput`` if lost."""
    with reading(engine) as tx:
        row = tx.execute(select(import_run.c.path, import_run.c.file_name).where(import_run.c.id == run_id)).first()
    if row is None:
        raise NotFound("import", run_id)
    path = data_dir / row.path
    if not row.path or not path.is_file():
        raise InvalidInput(
            "file",
            "the file of import {run_id} is not in {data_dir} any more; import it again",
            run_id=run_id,
            data_dir=data_dir,
        )
    return path, row.file_name


def classes_of(tx: Connection, scheme: str) -> dict[str, str]:
    """Class codes and folded class names of ``scheme``, each to its class code; shared names are none."""
    query = select(asset_class.c.code, asset_class.c.name_zh, asset_class.c.name_en).where(
        asset_class.c.scheme == scheme
    )
    found: dict[str, str] = {}
    twice: set[str] = set()
    for code, name_zh, name_en in tx.execute(query):
        for name in {name for name in (plain(name_zh), plain(name_en), plain(name_en).casefold()) if name}:
            if found.setdefault(name, code) != code:
                twice.add(name)
    names = {name: code for name, code in found.items() if name not in twice}
    with_codes = tx.execute(select(asset_class.c.code).where(asset_class.c.scheme == scheme)).scalars()
    return names | {code: code for code in with_codes}


def look_at(
    engine: Engine, data_dir: Path, run_id: int, choices: ImportSettings | None = None, *, division: str = ""
) -> FileLook:
    """What the file of a run holds, with a guess of every setting.

    ``choices`` says what a person chose already (format, encoding, sheet, header rows, scheme); the guess keeps it.
    ``division`` is the city's own, proposed for the whole file when no column has it. Raises ``InvalidInput``.
    """
    path, file_name = file_of(engine, data_dir, run_id)
    with called(path, file_name):
        return _look_at(engine, path, file_name, choices or ImportSettings(), division)


def _look_at(engine: Engine, path: Path, file_name: str, base: ImportSettings, division: str) -> FileLook:
    table = open_table(path, base)
    base = settled(table, base, path)
    with reading(engine) as tx:
        classes = classes_of(tx, base.scheme)
    sample = sample_of(table)
    found = guess(table, sample, classes, _with_division(base, division))
    settings = found.settings
    if settings.has("division") and "division" in settings.columns.values():
        settings = _without_constant(settings, "division")
    size = path.stat().st_size
    return FileLook(
        file_name=file_name,
        size_bytes=size,
        format=settings.format,
        encoding=settings.encoding,
        delimiter=settings.delimiter,
        sheets=table.sheets if isinstance(table, XlsxTable) else (),
        sheet=settings.sheet,
        header_row=settings.header_row,
        header_rows=settings.header_rows,
        columns=tuple(found.columns),
        head=tuple(tuple(plain(cell)[:60] for cell in row.cells) for row in sample[:8]),
        rows_estimate=len(sample) if len(sample) < SAMPLE_ROWS else estimate_rows(path, table),
        guessed=settings,
        notes=found.notes,
    )


def _with_division(settings: ImportSettings, division: str) -> ImportSettings:
    if not division or settings.has("division"):
        return settings
    return replace(settings, constants={**settings.constants, "division": division})


def _without_constant(settings: ImportSettings, target: str) -> ImportSettings:
    return replace(settings, constants={key: value for key, value in settings.constants.items() if key != target})


def estimate_rows(path: Path, table: Table) -> int:
    """How many rows there are: counted where that is quick, else by the bytes of the first ones."""
    size = path.stat().st_size
    if isinstance(table, XlsxTable) or size <= 4 * _CHUNK:
        return sum(1 for _ in table.rows())
    with path.open("rb") as file:
        head = file.read(_CHUNK)
    mark = b'"Feature"' if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{" else b"\n"
    return round(head.count(mark) * size / len(head))


def discard_import(engine: Engine, data_dir: Path, run_id: int, *, by: Actor, now: datetime) -> None:
    """Forget a file of which nothing was registered: its run, its report, and the file unless another run needs it.

    Raises ``InvalidMove`` while it is being worked on, and for one that has rows in the registry or had them.
    """
    with writing(engine) as tx:
        row = tx.execute(select(import_run).where(import_run.c.id == run_id)).first()
        if row is None:
            raise NotFound("import", run_id)
        if row.next_row or row.state not in (ImportState.UPLOADED, ImportState.CHECKED, ImportState.FAILED):
            raise InvalidMove(f"import {run_id} is {row.state}: it stays on file")
        for table in (import_problem, import_duplicate):
            tx.execute(delete(table).where(table.c.run_id == run_id))
        tx.execute(delete(import_run).where(import_run.c.id == run_id))
        shared = tx.execute(select(import_run.c.id).where(import_run.c.path == row.path).limit(1)).scalar()
        audit.record(
            tx, by=by, action="import.discard", subject=f"import:{run_id}", detail={"file": row.file_name}, now=now
        )
    if shared is None and row.path and not Path(row.path).is_absolute():
        (data_dir / row.path).unlink(missing_ok=True)
