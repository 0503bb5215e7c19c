"""The files of imports that nobody needs any more: uploads go after months, records and reports stay for ever.

What an import did, its report, and all that its undoing needs are in the records. The file is read again only to go on
with a run, or to decide about rows that are held.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, exists, select, update

from registry.domain.errors import StoreDown
from registry.domain.kinds import DuplicateDecision, ImportState
from registry.services.import_files import FOLDER
from registry.storage.database import writing
from registry.storage.tables import import_duplicate, import_run

log = structlog.get_logger(__name__)

_OVER = frozenset({ImportState.UPLOADED, ImportState.CHECKED, ImportState.DONE, ImportState.FAILED, ImportState.UNDONE})


def forget_uploads(engine: Engine, data_dir: Path, *, now: datetime, keep: timedelta) -> int:
    """Remove uploads whose run ended, or was left before it began, longer than ``keep`` ago; how many files went.

    A file stays while any of its runs is at work, may be resumed, or has duplicates to decide about; so does one that
    was sent again lately. Files outside the data folder are not ours. Raises ``StoreDown`` if a file can't be removed.
    """
    before = now - keep
    try:
        with writing(engine) as tx:
            gone = [path for path, runs in _runs_by_path(tx).items() if _forget(tx, data_dir / path, runs, before)]
        for left in (data_dir / FOLDER).glob(".*.part"):  # of uploads that broke off
            if _written_at(left) < before:
                left.unlink(missing_ok=True)
    except OSError as error:
        raise StoreDown(f"{data_dir / FOLDER}: {error.strerror}") from error
    if gone:
        log.info("uploads_forgotten", files=len(gone))
    return len(gone)


def _runs_by_path(tx: Connection) -> dict[str, list[Any]]:
    undecided = exists().where(
        import_duplicate.c.run_id == import_run.c.id, import_duplicate.c.decision == DuplicateDecision.OPEN.value
    )
    query = select(
        import_run.c.id,
        import_run.c.path,
        import_run.c.state,
        import_run.c.next_row,
        import_run.c.at,
        import_run.c.finished_at,
        import_run.c.undone_at,
        undecided.label("undecided"),
    ).where(import_run.c.path.startswith(f"{FOLDER}/", autoescape=True))
    found: dict[str, list[Any]] = defaultdict(list)
    for row in tx.execute(query.order_by(import_run.c.id)):
        found[row.path].append(row)
    return found


def _forget(tx: Connection, path: Path, runs: list[Any], before: datetime) -> bool:
    if any(_is_needed(run, before) for run in runs):
        return False
    if path.exists():
        if _written_at(path) >= before:
            return False
        path.unlink()
    tx.execute(update(import_run).where(import_run.c.id.in_([run.id for run in runs])).values(path=""))
    return True


def _is_needed(run: Any, before: datetime) -> bool:
    if run.state not in _OVER or (run.undecided and run.state == ImportState.DONE):
        return True
    if run.state == ImportState.FAILED and run.next_row:
        return True  # half of it is registered: it may be resumed
    last: datetime = max(moment for moment in (run.at, run.finished_at, run.undone_at) if moment is not None)
    return last >= before


def _written_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
