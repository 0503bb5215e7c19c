"""Making the labels of a print run: a hundred at a time, each decoded again before it counts, until all are made.

The process that makes a run holds it for a minute and says so again with each batch; when it dies, another takes over
where it ended. Batches are cut by position, so a batch that is made twice gives the same part file again.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, bindparam, func, literal, or_, select, update

from registry.domain.errors import DomainError, InvalidMove, NotFound, StoreDown
from registry.domain.kinds import PrintItemState, PrintRunKind, PrintRunState
from registry.labels import LabelFacts, LabelTemplate, MadeLabel, make_labels, read_template
from registry.services.print_files import PartFiles, folder_of, join_labels, write_list, write_pdf, zip_labels
from registry.services.print_selection import PlateFacts, plate_facts
from registry.storage.database import reading, writing
from registry.storage.tables import label_template, print_item, print_run

log = structlog.get_logger(__name__)

BATCH = 100
HOLD = timedelta(seconds=60)

Progress = Callable[[int, int, int], None]
"""Told (made, failed, total) after each batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CityOnPlates:
    """What every plate of a city says: the address people scan, and the city's name."""

    public_url: str
    name_zh: str = ""
    name_en: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How far a run got. ``state`` is *waiting* when this process was told to stop: whoever comes next goes on."""

    state: PrintRunState
    made: int
    failed: int
    total: int


def make_run(
    engine: Engine,
    run_id: int,
    *,
    data_dir: Path,
    city: CityOnPlates,
    stop: Callable[[], bool],
    clock: Callable[[], datetime],
    progress: Progress | None = None,
) -> RunResult:
    """Make what is waiting of a run, and its files when all is made.

    Raises ``NotFound``, and ``InvalidMove`` for a run that another process makes or that is not waiting; ``OSError``
    when the files can't be written.
    """
    holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"[:120]
    run = _take(engine, run_id, holder, now=clock())
    making = _Making(engine, run, holder, data_dir, city, clock)
    log.info("print_run_begun", run_id=run_id, total=run.total, made=run.made)
    result = making.work(stop, progress)
    log.info("print_run_left", run_id=run_id, state=result.state.value, made=result.made, failed=result.failed)
    return result


def waiting_run(engine: Engine, *, now: datetime) -> int | None:
    """The run that has waited longest, or whose maker has died; None when there is nothing to do."""
    with reading(engine) as tx:
        found = select(print_run.c.id).where(_free(now)).order_by(print_run.c.id).limit(1)
        return tx.execute(found).scalar()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    id: int
    kind: PrintRunKind
    template: LabelTemplate
    format: str
    dpi: int | None
    start_position: int
    total: int
    made: int
    failed: int


def _free(now: datetime) -> Any:
    running = print_run.c.state == PrintRunState.RUNNING.value
    abandoned = running & or_(print_run.c.held_until.is_(None), print_run.c.held_until <= now)
    return or_(print_run.c.state == PrintRunState.WAITING.value, abandoned)


def _take(engine: Engine, run_id: int, holder: str, *, now: datetime) -> _Run:
    values = {"state": PrintRunState.RUNNING.value, "holder": holder, "held_until": now + HOLD, "problem": ""}
    with writing(engine) as tx:
        former = tx.execute(select(print_run.c.holder).where(print_run.c.id == run_id)).scalar() or ""
        free = _free(now) | (print_run.c.holder == former) if _died_here(former) else _free(now)
        taken = tx.execute(
            update(print_run)
            .where(print_run.c.id == run_id, free)
            .values(
                **values,
                started_at=func.coalesce(print_run.c.started_at, literal(now, print_run.c.started_at.type)),
                finished_at=None,
            )
        )
        row = tx.execute(select(print_run).where(print_run.c.id == run_id)).first()
        if row is None:
            raise NotFound("print run", run_id)
        if taken.rowcount == 0:
            why = f"is being made by {row.holder}" if row.state == PrintRunState.RUNNING else f"is {row.state}"
            raise InvalidMove(f"print run {run_id} {why}; only a waiting one can be made")
        body = select(label_template.c.body).where(
            label_template.c.key == row.template_key, label_template.c.version == row.template_version
        )
        return _Run(
            id=row.id,
            kind=PrintRunKind(row.kind),
            template=read_template(tx.execute(body).scalar_one()),
            format=row.format,
            dpi=row.dpi,
            start_position=row.start_position,
            total=row.total,
            made=row.made,
            failed=row.failed,
        )


def _died_here(holder: str) -> bool:
    """Whether ``holder`` was a process of this machine that is gone: nobody need wait until its time runs out."""
    host, _, rest = holder.partition(":")
    number = rest.partition(":")[0]
    if host != socket.gethostname() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


class _Making:
    """One process at work on one run."""

    def __init__(
        self,
        engine: Engine,
        run: _Run,
        holder: str,
        data_dir: Path,
        city: CityOnPlates,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._run = run
        self._holder = holder
        self._city = city
        self._clock = clock
        self._folder = folder_of(data_dir, run.id)
        self._parts = PartFiles(self._folder, run.format)

    def work(self, stop: Callable[[], bool], progress: Progress | None) -> RunResult:
        """Batches until nothing waits, then the files."""
        self._count_again()
        after = 1
        while (first := self._next_batch(after)) is not None:
            if stop():
                self._let_go()
                return self._result(PrintRunState.WAITING)
            if not self._make_batch(first):
                return self._found_elsewhere()
            if progress is not None:
                progress(self._run.made, self._run.failed, self._run.total)
            after = first + BATCH
        self._finish_files()
        return self._finish()

    def _count_again(self) -> None:
        """Labels whose part file is gone wait again: the folder was emptied, or lies on another machine now."""
        if self._has_parts and self._run.made:
            lost = [first for first in self._firsts() if not self._parts.has(first)]
            with writing(self._engine) as tx:
                for first in lost:
                    tx.execute(
                        update(print_item)
                        .where(*self._items(first), print_item.c.state == PrintItemState.MADE.value)
                        .values(state=PrintItemState.WAITING.value, made_at=None)
                    )
        with writing(self._engine) as tx:
            counted = select(print_item.c.state, func.count()).where(print_item.c.run_id == self._run.id)
            states = {row[0]: row[1] for row in tx.execute(counted.group_by(print_item.c.state))}
            made, failed = states.get(PrintItemState.MADE.value, 0), states.get(PrintItemState.FAILED.value, 0)
            self._run = replace(self._run, made=made, failed=failed)
            tx.execute(update(print_run).where(print_run.c.id == self._run.id).values(made=made, failed=failed))

    def _next_batch(self, after: int) -> int | None:
        """The first position of the next batch in which a label waits."""
        waits = (print_item.c.run_id == self._run.id, print_item.c.state == PrintItemState.WAITING.value)
        with reading(self._engine) as tx:
            found = select(print_item.c.position).where(*waits, print_item.c.position >= after)
            position = tx.execute(found.order_by(print_item.c.position).limit(1)).scalar()
        return None if position is None else (position - 1) // BATCH * BATCH + 1

    def _make_batch(self, first: int) -> bool:
        """Make the whole batch and commit it; False when the run is no longer ours."""
        with reading(self._engine) as tx:
            plates = plate_facts(tx, self._run.id, first, first + BATCH - 1)
        labels = self._labels_of(plates)
        good = [(plate, label) for plate, label in zip(plates, labels, strict=True) if not label.problem]
        if self._has_parts:
            self._parts.keep(first, [(plate, label.content) for plate, label in good])
        was = [PrintItemState(plate.item_state) for plate in plates]
        made = self._run.made + len(good) - was.count(PrintItemState.MADE)
        failed = self._run.failed + len(plates) - len(good) - was.count(PrintItemState.FAILED)
        now = self._clock()
        with writing(self._engine) as tx:
            if not self._beat(tx, now, made=made, failed=failed):
                return False
            _mark(tx, self._run.id, plates, labels, now)
        self._run = replace(self._run, made=made, failed=failed)
        return True

    def _labels_of(self, plates: Sequence[PlateFacts]) -> list[MadeLabel]:
        """A PDF is drawn as a whole in the end; until then its labels are made, and decoded, as single drawings."""
        facts = [self.facts(plate) for plate in plates]
        if self._run.format == "pdf":
            return list(make_labels(self._run.template, facts, "svg"))
        return list(make_labels(self._run.template, facts, self._run.format, self._run.dpi))  # type: ignore[arg-type]

    def facts(self, plate: PlateFacts) -> LabelFacts:
        """What stands on one label."""
        return label_facts(plate, self._city)

    def _finish_files(self) -> None:
        made_firsts, ending = list(self._firsts()), self._run.format
        if ending == "pdf":
            start, labels = self._run.start_position, self._made_facts()
            write_pdf(self._folder, self._run.template, labels, start_position=start, beat=self._renew)
        elif ending == "zpl":
            join_labels(self._folder, self._parts.labels(made_firsts), extension=ending, beat=self._renew)
        else:
            zip_labels(self._folder, self._parts.labels(made_firsts), extension=ending, beat=self._renew)
        write_list(self._folder, self._listed())

    def _finish(self) -> RunResult:
        values = {"state": PrintRunState.DONE.value, "finished_at": self._clock(), "holder": "", "held_until": None}
        with writing(self._engine) as tx:
            ours = print_run.c.id == self._run.id, print_run.c.holder == self._holder
            finished = tx.execute(update(print_run).where(*ours).values(values)).rowcount
        if not finished:
            return self._found_elsewhere()
        if not self._run.failed:
            self._parts.forget()  # a run with failed labels may be resumed, and needs the others again
        return self._result(PrintRunState.DONE)

    @property
    def _has_parts(self) -> bool:
        return self._run.format != "pdf"

    def _firsts(self) -> range:
        return range(1, self._run.total + 1, BATCH)

    def _items(self, first: int) -> tuple[Any, ...]:
        return (print_item.c.run_id == self._run.id, print_item.c.position.between(first, first + BATCH - 1))

    def _plates(self) -> Iterator[PlateFacts]:
        for first in self._firsts():
            with reading(self._engine) as tx:
                yield from plate_facts(tx, self._run.id, first, first + BATCH - 1)

    def _made_facts(self) -> Iterator[LabelFacts]:
        return (self.facts(plate) for plate in self._plates() if plate.item_state == PrintItemState.MADE)

    def _listed(self) -> Iterator[tuple[PlateFacts, str]]:
        with reading(self._engine) as tx:
            failed = print_item.c.state == PrintItemState.FAILED.value
            found = select(print_item.c.position, print_item.c.problem).where(
                print_item.c.run_id == self._run.id, failed
            )
            problems = {row.position: row.problem for row in tx.execute(found)}
        return ((plate, problems.get(plate.position, "")) for plate in self._plates())

    def _renew(self) -> None:
        with writing(self._engine) as tx:
            self._beat(tx, self._clock(), made=self._run.made, failed=self._run.failed)

    def _beat(self, tx: Connection, now: datetime, *, made: int, failed: int) -> bool:
        """Hold the run for another minute, if it is still ours and nobody stopped it."""
        ours = (print_run.c.holder == self._holder, print_run.c.state == PrintRunState.RUNNING.value)
        values = {"held_until": now + HOLD, "made": made, "failed": failed}
        return bool(tx.execute(update(print_run).where(print_run.c.id == self._run.id, *ours).values(values)).rowcount)

    def _let_go(self) -> None:
        ours = print_run.c.id == self._run.id, print_run.c.holder == self._holder
        values = {"state": PrintRunState.WAITING.value, "holder": "", "held_until": None}
        with writing(self._engine) as tx:
            tx.execute(update(print_run).where(*ours).values(values))

    def _found_elsewhere(self) -> RunResult:
        with reading(self._engine) as tx:
            row = tx.execute(select(print_run).where(print_run.c.id == self._run.id)).one()
        return RunResult(state=PrintRunState(row.state), made=row.made, failed=row.failed, total=row.total)

    def _result(self, state: PrintRunState) -> RunResult:
        return RunResult(state=state, made=self._run.made, failed=self._run.failed, total=self._run.total)


def label_facts(plate: PlateFacts, city: CityOnPlates) -> LabelFacts:
    """What the labels' room wants to know of a plate."""
    return LabelFacts(
        token=plate.token,
        code=plate.code,
        name_zh=plate.class_name_zh or plate.name,
        name_en=plate.class_name_en,
        public_url=city.public_url,
        family=plate.family,
        maintainer=plate.maintainer,
        phone=plate.phone,
        owner=plate.owner,
        road=plate.road,
        city_zh=city.name_zh,
        city_en=city.name_en,
    )


def _mark(
    tx: Connection, run_id: int, plates: Sequence[PlateFacts], labels: Sequence[MadeLabel], now: datetime
) -> None:
    rows = [
        {
            "b_position": plate.position,
            "b_state": (PrintItemState.FAILED if label.problem else PrintItemState.MADE).value,
            "b_problem": label.problem[:500],
            "b_made_at": None if label.problem else now,
        }
        for plate, label in zip(plates, labels, strict=True)
    ]
    tx.execute(
        update(print_item)
        .where(print_item.c.run_id == run_id, print_item.c.position == bindparam("b_position"))
        .values(state=bindparam("b_state"), problem=bindparam("b_problem"), made_at=bindparam("b_made_at")),
        rows,
    )


def make_waiting_runs(
    engine: Engine,
    *,
    data_dir: Path,
    city: CityOnPlates,
    stop: Callable[[], bool],
    clock: Callable[[], datetime],
) -> None:
    """Make every run that waits, one after the other, until ``stop``: the worker's job.

    A run that can't be made is marked *failed* with the reason, and does not hold up the others.
    """
    while not stop():
        run_id = waiting_run(engine, now=clock())
        if run_id is None:
            return
        try:
            make_run(engine, run_id, data_dir=data_dir, city=city, stop=stop, clock=clock)
        except InvalidMove:
            return  # another process was faster; the next round looks again
        except (OSError, DomainError) as error:
            log.error("print_run_failed", run_id=run_id, problem=str(error))
            fail_run(engine, run_id, str(error), now=clock())
        except StoreDown:
            raise
        except Exception as error:  # the job runner logs it; without the mark the run would be tried for ever
            fail_run(engine, run_id, f"a fault of the program: {error!r}", now=clock())
            raise


def fail_run(engine: Engine, run_id: int, problem: str, *, now: datetime) -> None:
    """Note that a run could not be made, for a person to read; it can be resumed once the cause is mended."""
    values = {"state": PrintRunState.FAILED.value, "problem": problem[:2_000], "finished_at": now}
    running = (print_run.c.id == run_id, print_run.c.state == PrintRunState.RUNNING.value)
    with writing(engine) as tx:
        tx.execute(update(print_run).where(*running).values(**values, holder="", held_until=None))
