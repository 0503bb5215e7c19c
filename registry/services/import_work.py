"""Doing what was asked of an import: a check or a run, batch after batch, by one process at a time.

A process holds a run for a minute and says so with each batch; when it dies, another takes over at ``next_row``, which
is committed together with the rows before it.
"""

from __future__ import annotations

import gc
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, or_, select, update

from registry.domain.codes import read_code
from registry.domain.errors import Conflict, DomainError, InvalidInput, StoreDown
from registry.domain.kinds import Family, ImportState, Role
from registry.domain.people import SYSTEM, Actor
from registry.services.import_batch import ClassOnFile, Context, Plan, read_batch
from registry.services.import_files import classes_of, file_of
from registry.services.import_plan import plan_rows
from registry.services.import_runs import forget_report, run_row
from registry.services.import_seen import Seen
from registry.services.import_undo import finish_undoings
from registry.services.import_writes import Tally, note_outcomes, write_plan, write_report
from registry.storage.bulk import USUAL_CACHE_MB, widen_cache
from registry.storage.database import reading, writing
from registry.storage.tables import (
    asset_class,
    code_counter,
    import_problem,
    import_run,
    unit,
    user,
)
from registry.tabular import values
from registry.tabular.cells import Row, Table
from registry.tabular.faults import BadValue
from registry.tabular.guesses import middle_of
from registry.tabular.rows import RowReader
from registry.tabular.settings import ImportSettings, check_settings, read_settings
from registry.tabular.sources import called, open_table, settled

BATCH = 2_500
_COLLECT_AFTER = 20
"""Batches after which what the libraries left in cycles is collected; without it memory would creep up."""

HOLD_FOR = timedelta(seconds=60)

Progress = Callable[[int, int], None]
"""Told (rows looked at, rows expected; 0 when nobody knows) after each batch."""


class Stopped(Exception):
    """Somebody stopped the run, or another process took it over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How a run is worked on: who holds it, the clock, whom to tell, and whether to end after this batch."""

    holder: str
    clock: Callable[[], datetime]
    progress: Progress | None = None
    stop: Callable[[], bool] = bool
    batch: int = BATCH


def new_holder() -> str:
    """A name for this process's hold on a run."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def work_on_imports(engine: Engine, data_dir: Path, work: Work) -> int:
    """Do every check and run that waits, and those and undoings whose process died; how many. For the worker."""
    done = finish_undoings(engine, now=work.clock())
    while not work.stop():
        with reading(engine) as tx:
            now = work.clock()
            waiting = select(import_run.c.id).where(
                import_run.c.state.in_([ImportState.CHECKING.value, ImportState.RUNNING.value]),
                or_(import_run.c.held_until.is_(None), import_run.c.held_until <= now),
            )
            run_id = tx.execute(waiting.order_by(import_run.c.id).limit(1)).scalar()
        if run_id is None:
            return done
        with suppress(DomainError, Stopped):  # kept with the run, where people look
            work_on(engine, data_dir, run_id, work)
        done += 1
    return done


def work_on(engine: Engine, data_dir: Path, run_id: int, work: Work) -> ImportState:
    """Do the check or the run that ``run_id`` asks for, to its end or until ``work.stop``; the state it is in then.

    Raises ``Conflict`` when another process holds it, ``Stopped`` when somebody stopped it, and ``InvalidInput`` for
    what is wrong with the file, which is also kept with the run (state ``failed``).
    """
    row = _take(engine, run_id, work)
    try:
        with _collected_rarely():
            return _Runner(engine, data_dir, row, work).work()
    except DomainError as error:
        _fail(engine, run_id, str(error), work)
        raise
    except (Stopped, StoreDown):
        raise  # somebody else decides, or the hold runs out and the next one goes on
    except Exception as error:
        # a fault of ours must not be tried again every two seconds for ever
        _fail(engine, run_id, f"unexpected {type(error).__name__}: {error}; the log says more", work)
        raise
    except BaseException:
        _release(engine, run_id, work)  # interrupted: the next one need not wait for the hold to run out
        raise


@contextmanager
def _collected_rarely() -> Iterator[None]:
    """The cycle collector looks every 50,000 objects instead of every 700.

    A batch's rows are tens of thousands of objects that live for a second and form no cycles; looking through them
    again and again took a third of an import's time.
    """
    usual = gc.get_threshold()
    gc.set_threshold(50_000, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _fail(engine: Engine, run_id: int, problem: str, work: Work) -> None:
    now = work.clock()
    with writing(engine) as tx:
        mine = (import_run.c.id == run_id) & (import_run.c.holder == work.holder)
        ended = {"state": ImportState.FAILED.value, "problem": problem, "holder": "", "held_until": None}
        tx.execute(update(import_run).where(mine).values(**ended, finished_at=now))


def _release(engine: Engine, run_id: int, work: Work) -> None:
    with writing(engine) as tx:
        mine = (import_run.c.id == run_id) & (import_run.c.holder == work.holder)
        tx.execute(update(import_run).where(mine).values(held_until=None, holder=""))


def _take(engine: Engine, run_id: int, work: Work) -> Any:
    now = work.clock()
    with writing(engine) as tx:
        taken = tx.execute(
            update(import_run)
            .where(
                import_run.c.id == run_id,
                import_run.c.state.in_([ImportState.CHECKING.value, ImportState.RUNNING.value]),
                or_(import_run.c.held_until.is_(None), import_run.c.held_until <= now),
            )
            .values(holder=work.holder, held_until=now + HOLD_FOR)
        )
        row = run_row(tx, run_id)
    if taken.rowcount == 0:
        raise Conflict(f"import {run_id} is {row.state}; another process may be working on it")
    return row


def context_for(engine: Engine, row: Any, path: Path, *, by: Actor) -> Context:
    """What is needed to carry on with rows of a run that has ended; ``by`` acts."""
    settings = read_settings(row.settings)
    with called(path, row.file_name):
        table = open_table(path, settings)
    context = context_of(engine, row, settings, table, dry_run=False)
    context.by = by
    return context


def context_of(engine: Engine, row: Any, settings: ImportSettings, table: Table, *, dry_run: bool) -> Context:
    """What stays the same for every batch of a run."""
    middle = middle_of(table, settings) if settings.far_km else None
    with reading(engine) as tx:
        reader = RowReader(settings, table.columns, classes_of(tx, settings.scheme), middle)
        rows = tx.execute(select(asset_class).where(asset_class.c.scheme == settings.scheme))
        classes = {each.code: ClassOnFile(name_zh=each.name_zh, family=Family(each.family)) for each in rows}
        units = {each.name: each.id for each in tx.execute(select(unit.c.name, unit.c.id))}
        by = _actor(tx, row.by_user_id)
    if not classes:
        raise InvalidInput("scheme", "there is no class table {scheme!r}; load it first", scheme=settings.scheme)
    return Context(
        run_id=row.id,
        file_name=row.file_name,
        settings=settings,
        reader=reader,
        classes=classes,
        units=units,
        by=by,
        dry_run=dry_run,
    )


class _Runner:
    """One check or run, batch after batch."""

    def __init__(self, engine: Engine, data_dir: Path, row: Any, work: Work) -> None:
        self._engine = engine
        self._data_dir = data_dir
        self._row = row
        self._work = work
        self._dry = row.state == ImportState.CHECKING.value
        self._expected = row.rows

    def work(self) -> ImportState:
        path, file_name = file_of(self._engine, self._data_dir, self._row.id)
        with called(path, file_name):
            return self._read(path)

    def _read(self, path: Path) -> ImportState:
        settings = read_settings(self._row.settings)
        check_settings(settings)
        table = open_table(path, settings)
        settings = settled(table, settings, path)
        context = context_of(self._engine, self._row, settings, table, dry_run=self._dry)
        tally = self._tally_so_far()
        if self._dry:
            self._begin_anew()
        else:
            self._raise_counters(table, settings)
        start = max(self._row.next_row, 1) if not self._dry else 1
        with Seen() as seen:
            self._recall(context, table, seen, start)
            for number, records in enumerate(_batches(table.rows(start), self._work.batch), start=1):
                if number % _COLLECT_AFTER == 0:
                    gc.collect()
                if self._work.stop():
                    _release(self._engine, self._row.id, self._work)
                    return ImportState(self._row.state)
                self._one(context, records, seen, tally)
                if self._work.progress is not None:
                    self._work.progress(tally.rows, max(self._expected, tally.rows))
        return self._finish(tally)

    def _begin_anew(self) -> None:
        """A check that was broken off left half a report."""
        with writing(self._engine) as tx:
            forget_report(tx, self._row.id)

    def _tally_so_far(self) -> Tally:
        if self._dry:
            return Tally()
        row = self._row
        return Tally(
            created=row.created,
            updated=row.updated,
            unchanged=row.unchanged,
            rejected=row.rejected,
            held=row.held,
            remarks=row.remarks,
        )

    def _raise_counters(self, table: Table, settings: ImportSettings) -> None:
        """Lift the counters over every code in the file before the first is issued: a row further down may have it."""
        columns = settings.target_columns("code")
        if not columns or self._row.next_row:
            return
        index = table.columns.index(columns[0])
        highest: dict[tuple[str, str], int] = {}
        for row in table.rows():
            try:
                code = read_code(values.digits(row.cells[index])) if row.cells[index] else None
            except (BadValue, InvalidInput):
                continue
            if code is not None:
                kind = (code.division, code.class_code)
                highest[kind] = max(highest.get(kind, 0), code.serial)
        with writing(self._engine) as tx:
            _lift(tx, highest)

    def _recall(self, context: Context, table: Table, seen: Seen, start: int) -> None:
        """Note again what the rows before ``start`` used, so that a resumed run still finds repeats."""
        if start <= 1:
            return
        for records in _batches(_until(table.rows(), start), self._work.batch):
            rows = read_batch(context.reader, records, Plan())
            seen.add_words((name, row.number) for row in rows for name in row.names())

    def _one(self, context: Context, records: list[Row], seen: Seen, tally: Tally) -> None:
        plan = Plan()
        rows = read_batch(context.reader, records, plan)
        now = self._work.clock()
        with writing(self._engine) as tx:
            widen_cache(tx)
            plan_rows(tx, context, rows, plan, seen)
            became = {} if self._dry else write_plan(tx, context, plan, now=now)
            plans = [plan]
            while plans[-1].deferred:
                # rows to be merged into rows of this very batch, which are on file now
                later = Plan()
                plan_rows(tx, context, plans[-1].deferred, later, unseen())
                became |= write_plan(tx, context, later, now=now)
                plans.append(later)
            counted = Tally(**{name: getattr(tally, name) for name in Tally.__slots__})
            kept = tx.execute(
                select(func.count()).select_from(import_problem).where(import_problem.c.run_id == context.run_id)
            ).scalar_one()
            for each in plans:
                counted.add(each)
                kept += write_report(tx, context, each, became, kept=kept)
            if not self._dry:
                note_outcomes(tx, context.run_id, became)
            self._note_progress(tx, counted, records[-1].number + 1, now)
        for name in Tally.__slots__:
            setattr(tally, name, getattr(counted, name))

    def _note_progress(self, tx: Connection, tally: Tally, next_row: int, now: datetime) -> None:
        changed = tx.execute(
            update(import_run)
            .where(
                import_run.c.id == self._row.id,
                import_run.c.state == self._row.state,
                import_run.c.holder == self._work.holder,
            )
            .values(
                created=tally.created,
                updated=tally.updated,
                unchanged=tally.unchanged,
                rejected=tally.rejected,
                held=tally.held,
                remarks=tally.remarks,
                rows=max(self._expected, tally.rows),
                next_row=0 if self._dry else next_row,
                held_until=now + HOLD_FOR,
            )
        )
        if changed.rowcount == 0:
            raise Stopped(f"import {self._row.id} was stopped, or another process works on it")

    def _finish(self, tally: Tally) -> ImportState:
        state = ImportState.CHECKED if self._dry else ImportState.DONE
        now = self._work.clock()
        with writing(self._engine) as tx:
            widen_cache(tx, USUAL_CACHE_MB)
            ended = tx.execute(
                update(import_run)
                .where(
                    import_run.c.id == self._row.id,
                    import_run.c.state == self._row.state,
                    import_run.c.holder == self._work.holder,
                )
                .values(state=state.value, rows=tally.rows, finished_at=now, holder="", held_until=None)
            )
            if ended.rowcount == 0:
                raise Stopped(f"import {self._row.id} was stopped, or another process works on it")
        return state


def unseen() -> Seen:
    """For rows that are looked at a second time: none of them is a repeat of itself."""
    return _Unseen()


class _Unseen(Seen):
    """For rows that were noted already."""

    def words(self, texts: Any) -> dict[str, int]:
        """None of them counts as a repeat of itself."""
        return {}

    def add_words(self, words: Any) -> None:
        """Nothing."""

    def places(self, cells: Any) -> list[Any]:
        """Nothing."""
        return []

    def add_places(self, places: Any) -> None:
        """Nothing."""


def _batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while batch := list(islice(rows, size)):
        yield batch


def _until(rows: Iterator[Row], number: int) -> Iterator[Row]:
    for row in rows:
        if row.number >= number:
            return
        yield row


def _lift(tx: Connection, highest: dict[tuple[str, str], int]) -> None:
    query = select(code_counter)
    now = {(row.division, row.class_code): row.last_serial for row in tx.execute(query)}
    for (division, class_code), serial in highest.items():
        last = now.get((division, class_code))
        if last is None:
            tx.execute(code_counter.insert().values(division=division, class_code=class_code, last_serial=serial))
        elif last < serial:
            of_kind = (code_counter.c.division == division) & (code_counter.c.class_code == class_code)
            tx.execute(
                update(code_counter).where(of_kind, code_counter.c.last_serial < serial).values(last_serial=serial)
            )


def _actor(tx: Connection, user_id: int | None) -> Actor:
    row = None if user_id is None else tx.execute(select(user).where(user.c.id == user_id)).first()
    if row is None:
        return SYSTEM
    return Actor(user_id=row.id, name=row.name, role=Role(row.role), unit_id=row.unit_id, area_code=row.area_code)
