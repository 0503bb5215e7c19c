"""Asking for imports: a check, a run, its end; who may go from which state to which. The work is ``import_work``'s.

``uploaded → checking → checked → running → done``; ``stopped`` and ``failed`` runs go on where they were.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, select, update

from registry.domain.errors import InvalidMove, NotFound
from registry.domain.kinds import DuplicateDecision, ImportState
from registry.domain.people import Actor
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import (
    import_duplicate,
    import_problem,
    import_run,
)
from registry.tabular.settings import ImportSettings, check_settings, read_settings

_MAY_CHECK = (ImportState.UPLOADED, ImportState.CHECKED, ImportState.FAILED, ImportState.STOPPED)
_MAY_RUN = (ImportState.UPLOADED, ImportState.CHECKED, ImportState.STOPPED, ImportState.FAILED)
_MAY_STOP = (ImportState.CHECKING, ImportState.RUNNING)


def start_check(
    engine: Engine, run_id: int, settings: ImportSettings, *, by: Actor, now: datetime, rows_expected: int = 0
) -> None:
    """Ask for a dry run with ``settings``; the worker does it. Raises ``InvalidInput``, ``InvalidMove``, ``NotFound``.

    ``rows_expected``: about how many rows there are, for who watches the progress; 0 when nobody knows.

    A run that has written rows already can't be checked anew: its settings are fixed.
    """
    check_settings(settings)
    with writing(engine) as tx:
        row = run_row(tx, run_id)
        _require(row, _MAY_CHECK, "checked")
        if row.next_row:
            raise InvalidMove("rows of it are in the registry already; resume it, or undo it and upload the file again")
        forget_report(tx, run_id)
        _set(
            tx,
            run_id,
            state=ImportState.CHECKING.value,
            settings=msgspec.to_builtins(settings),
            by_user_id=by.user_id if by.user_id is not None else row.by_user_id,
            started_at=now,
            finished_at=None,
            problem="",
            holder="",
            held_until=None,
            **_no_counts() | {"rows": rows_expected},
        )


def start_run(
    engine: Engine,
    run_id: int,
    *,
    by: Actor,
    now: datetime,
    settings: ImportSettings | None = None,
    expected: int = 0,
) -> None:
    """Ask for the import itself, or for the rest of one that was stopped or failed; the worker does it.

    ``settings`` and ``expected`` rows are for a run that was never checked; a check has left its own.
    """
    with writing(engine) as tx:
        row = run_row(tx, run_id)
        _require(row, _MAY_RUN, "run")
        chosen = settings if settings is not None and not row.next_row else read_settings(row.settings)
        check_settings(chosen)
        fresh: dict[str, Any] = {"settings": msgspec.to_builtins(chosen)}
        if not row.next_row:
            # the report of the dry run makes room for that of the run; decisions about duplicates stay
            tx.execute(delete(import_problem).where(import_problem.c.run_id == run_id))
            still_open = import_duplicate.c.decision == DuplicateDecision.OPEN.value
            tx.execute(delete(import_duplicate).where(import_duplicate.c.run_id == run_id, still_open))
            fresh |= _no_counts() | {"rows": row.rows or expected, "started_at": now}
        _set(
            tx,
            run_id,
            state=ImportState.RUNNING.value,
            by_user_id=by.user_id if by.user_id is not None else row.by_user_id,
            finished_at=None,
            problem="",
            holder="",
            held_until=None,
            **fresh,
        )
        audit.record(
            tx,
            by=by,
            action="import.run",
            subject=f"import:{run_id}",
            detail={"file": row.file_name, "sha256": row.sha256, "from_row": row.next_row or 1},
            now=now,
        )


def stop_import(engine: Engine, run_id: int, *, by: Actor, now: datetime) -> None:
    """End a check or a run after its batch; what is in the registry stays, and it can be resumed."""
    with writing(engine) as tx:
        row = run_row(tx, run_id)
        _require(row, _MAY_STOP, "stopped")
        back = ImportState.UPLOADED if row.state == ImportState.CHECKING else ImportState.STOPPED
        _set(tx, run_id, state=back.value, holder="", held_until=None, finished_at=now)
        if back is ImportState.STOPPED:
            detail = {"next_row": row.next_row}
            audit.record(tx, by=by, action="import.stop", subject=f"import:{run_id}", detail=detail, now=now)


def run_row(tx: Connection, run_id: int) -> Any:
    """The row of a run. Raises ``NotFound``."""
    row = tx.execute(select(import_run).where(import_run.c.id == run_id)).first()
    if row is None:
        raise NotFound("import", run_id)
    return row


def _require(row: Any, states: tuple[ImportState, ...], what: str) -> None:
    if row.state not in {state.value for state in states}:
        raise InvalidMove(f"import {row.id} is {row.state} and can't be {what} now")


def _set(tx: Connection, run_id: int, **columns: Any) -> None:
    tx.execute(update(import_run).where(import_run.c.id == run_id).values(**columns))


def _no_counts() -> dict[str, int]:
    names = ("rows", "created", "updated", "unchanged", "rejected", "held", "remarks", "next_row")
    return dict.fromkeys(names, 0)


def forget_report(tx: Connection, run_id: int) -> None:
    """Remove the report and the likely duplicates of a run."""
    tx.execute(delete(import_problem).where(import_problem.c.run_id == run_id))
    tx.execute(delete(import_duplicate).where(import_duplicate.c.run_id == run_id))
