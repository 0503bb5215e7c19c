"""Imports: a file is kept, looked at, checked, run, and can be undone as a whole. The door for pages and the shell.

``keep_upload`` → ``look_at`` → ``start_check`` (the worker checks) → ``decide_duplicates`` → ``start_run`` (the worker
runs) → ``undo_import``. A shell that does not want to wait for the worker calls ``check_import`` and ``run_import``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Engine

from registry.domain.kinds import ImportState
from registry.domain.people import Actor
from registry.services.import_duplicates import decide_duplicates
from registry.services.import_files import MOST_BYTES, FileLook, discard_import, keep_upload, look_at
from registry.services.import_profiles import (
    Profile,
    apply_profile,
    delete_profile,
    find_profile,
    fitting_profile,
    list_profiles,
    save_profile,
)
from registry.services.import_runs import start_check, start_run, stop_import
from registry.services.import_undo import Obstacle, undo_import, undo_obstacles
from registry.services.import_work import Progress, Stopped, Work, new_holder, work_on, work_on_imports
from registry.services.street_light_inventory import ImportReport, RowProblem, import_street_lights
from registry.tabular.settings import ImportSettings

__all__ = [
    "MOST_BYTES",
    "FileLook",
    "ImportReport",
    "ImportSettings",
    "Obstacle",
    "Profile",
    "RowProblem",
    "Stopped",
    "Work",
    "apply_profile",
    "check_import",
    "decide_duplicates",
    "delete_profile",
    "discard_import",
    "find_profile",
    "fitting_profile",
    "import_street_lights",
    "keep_upload",
    "list_profiles",
    "look_at",
    "new_holder",
    "run_import",
    "save_profile",
    "start_check",
    "start_run",
    "stop_import",
    "undo_import",
    "undo_obstacles",
    "work_on_imports",
]


def with_choices(settings: ImportSettings, **choices: Any) -> ImportSettings:
    """``settings`` with some of them chosen otherwise."""
    return replace(settings, **choices)


def check_import(
    engine: Engine,
    data_dir: Path,
    run_id: int,
    settings: ImportSettings,
    *,
    by: Actor,
    clock: Callable[[], datetime],
    progress: Progress | None = None,
    stop: Callable[[], bool] = bool,
) -> ImportState:
    """Dry run, here and now: what would become of each row, with a report; nothing of it is registered.

    Raises ``InvalidInput`` for settings or a file that can't be used.
    """
    start_check(engine, run_id, settings, by=by, now=clock())
    return work_on(engine, data_dir, run_id, Work(holder=new_holder(), clock=clock, progress=progress, stop=stop))


def run_import(
    engine: Engine,
    data_dir: Path,
    run_id: int,
    *,
    by: Actor,
    clock: Callable[[], datetime],
    settings: ImportSettings | None = None,
    expected: int = 0,
    progress: Progress | None = None,
    stop: Callable[[], bool] = bool,
) -> ImportState:
    """Import, here and now, from the first row that is not committed yet.

    ``settings``, and the rows to expect, are for a file that was never checked.
    """
    start_run(engine, run_id, by=by, now=clock(), settings=settings, expected=expected)
    return work_on(engine, data_dir, run_id, Work(holder=new_holder(), clock=clock, progress=progress, stop=stop))


def work_waiting_imports(
    engine: Engine, data_dir: Path, *, clock: Callable[[], datetime], stop: Callable[[], bool] = bool
) -> None:
    """Do what pages have asked for, and what a dead process left: the worker's job."""
    work_on_imports(engine, data_dir, Work(holder=new_holder(), clock=clock, stop=stop))
