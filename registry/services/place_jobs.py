"""Long work over all assets, a batch at a time: asked for by a page or a command, done by the worker or that command.

A batch and the place where the next one begins are written in one transaction, so that a process that is killed loses
nothing and another goes on where it stopped. Only one process at a time has a job; it says so again with every batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from sqlalchemy import ColumnElement, Connection, Engine, and_, func, insert, or_, select, update

from registry.domain.errors import Conflict, NotFound, StoreDown
from registry.domain.kinds import PlaceJobKind, PlaceJobState
from registry.domain.people import Actor
from registry.services import audit
from registry.storage.database import reading, writing
from registry.storage.tables import asset, place_job

log = structlog.get_logger(__name__)

HELD_FOR = timedelta(seconds=60)
"""A process that says nothing for so long has lost its job to the next one."""

_GOES_ON = (PlaceJobState.WAITING, PlaceJobState.STOPPED, PlaceJobState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job as it stands. ``seen`` of ``total`` assets were looked at, ``changed`` of them changed."""

    id: int
    kind: PlaceJobKind
    state: PlaceJobState
    settings: Mapping[str, Any]
    total: int
    seen: int
    changed: int
    report: Mapping[str, Any]
    problem: str
    created_at: datetime
    created_by: int | None
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def live(self) -> bool:
        """Whether it waits or runs."""
        return self.state in (PlaceJobState.WAITING, PlaceJobState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one batch did. ``next_id``: where the following one begins, None when this was the last."""

    next_id: int | None
    seen: int
    changed: int
    counts: Mapping[str, int] = field(default_factory=dict)


class Work(Protocol):
    """One kind of work: the batch after ``after_id`` of ``job``, in the caller's transaction."""

    def __call__(self, tx: Connection, job: JobView, after_id: int, *, now: datetime) -> Step:
        """Do that batch."""


def ask_for_job(
    tx: Connection,
    kind: PlaceJobKind,
    *,
    by: Actor,
    now: datetime,
    settings: Mapping[str, Any] | None = None,
) -> int:
    """The id of a job of ``kind`` that waits to be done; one that waits already with the same settings is enough."""
    wanted = dict(settings or {})
    waiting = tx.execute(
        select(place_job.c.id, place_job.c.settings)
        .where(place_job.c.kind == kind.value, place_job.c.state == PlaceJobState.WAITING.value)
        .order_by(place_job.c.id)
    )
    for row in waiting:
        if row.settings == wanted:
            return int(row.id)
    values = {
        "kind": kind.value,
        "state": PlaceJobState.WAITING.value,
        "settings": wanted,
        "report": {},
        "created_at": now,
        "created_by": by.user_id,
    }
    return int(tx.execute(insert(place_job).values(values).returning(place_job.c.id)).scalar_one())


def find_job(engine: Engine, job_id: int) -> JobView:
    """Raises ``NotFound``."""
    with reading(engine) as tx:
        row = tx.execute(select(place_job).where(place_job.c.id == job_id)).first()
    if row is None:
        raise NotFound("job", job_id)
    return _view(row)


def latest_job(engine: Engine, kind: PlaceJobKind) -> JobView | None:
    """The newest job of ``kind``."""
    with reading(engine) as tx:
        query = select(place_job).where(place_job.c.kind == kind.value).order_by(place_job.c.id.desc()).limit(1)
        row = tx.execute(query).first()
    return None if row is None else _view(row)


def stop_job(engine: Engine, job_id: int, *, by: Actor, now: datetime) -> None:
    """Stop a job after its present batch; what was done stays done. One that has ended stays as it is."""
    live = place_job.c.state.in_([PlaceJobState.WAITING.value, PlaceJobState.RUNNING.value])
    with writing(engine) as tx:
        stopped = tx.execute(
            update(place_job).where(place_job.c.id == job_id, live).values(state=PlaceJobState.STOPPED.value, holder="")
        )
        if stopped.rowcount:
            audit.record(tx, by=by, action="job.stop", subject=f"job:{job_id}", now=now)


def resume_job(engine: Engine, job_id: int, *, by: Actor, now: datetime) -> None:
    """Let a stopped or failed job go on where it was. Raises ``Conflict`` for one in another state."""
    with writing(engine) as tx:
        resumed = tx.execute(
            update(place_job)
            .where(
                place_job.c.id == job_id,
                place_job.c.state.in_([PlaceJobState.STOPPED.value, PlaceJobState.FAILED.value]),
            )
            .values(state=PlaceJobState.WAITING.value, problem="", holder="")
        )
        if resumed.rowcount == 0:
            raise Conflict("this job is neither stopped nor failed; load the page again")
        audit.record(tx, by=by, action="job.resume", subject=f"job:{job_id}", now=now)


def next_job(engine: Engine, *, now: datetime) -> int | None:
    """The id of the oldest job that waits, or whose process has gone silent."""
    silent = and_(place_job.c.state == PlaceJobState.RUNNING.value, place_job.c.held_until < now)
    with reading(engine) as tx:
        query = select(func.min(place_job.c.id)).where(or_(place_job.c.state == PlaceJobState.WAITING.value, silent))
        found = tx.execute(query).scalar()
    return None if found is None else int(found)


def run_job(
    engine: Engine,
    job_id: int,
    work: Mapping[PlaceJobKind, Work],
    *,
    holder: str,
    clock: Callable[[], datetime],
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[JobView], None] = lambda job: None,
) -> JobView:
    """Do a job until it is done, stopped, or ``stop`` says so (it then waits for the next process).

    Raises ``Conflict`` when another process has it. A mistake in the work marks it failed and is raised.
    """
    with doing(engine, job_id, holder, clock):
        while _step(engine, job_id, work, holder, now=clock()):
            progress(find_job(engine, job_id))
            if stop():
                let_go(engine, job_id, holder)
                break
    return find_job(engine, job_id)


@contextmanager
def doing(engine: Engine, job_id: int, holder: str, clock: Callable[[], datetime]) -> Iterator[None]:
    """Have the job while the body does it; a mistake in the body marks it failed, and is raised.

    Raises ``Conflict`` when another process has it, or it has ended.
    """
    _take(engine, job_id, holder, now=clock())
    try:
        yield
    except StoreDown:
        raise  # the database was away: the next process goes on when our time has run out
    except Exception as error:  # the job runner: whoever asked must see that it did not work
        log.exception("place_job_failed", job_id=job_id)
        _fail(engine, job_id, holder, error, now=clock())
        raise


def _take(engine: Engine, job_id: int, holder: str, *, now: datetime) -> None:
    silent = and_(place_job.c.state == PlaceJobState.RUNNING.value, place_job.c.held_until < now)
    free = place_job.c.state.in_([state.value for state in _GOES_ON])
    with writing(engine) as tx:
        taken = tx.execute(
            update(place_job)
            .where(place_job.c.id == job_id, or_(free, silent))
            .values(
                state=PlaceJobState.RUNNING.value,
                holder=holder,
                held_until=now + HELD_FOR,
                problem="",
                total=select(func.count()).select_from(asset).scalar_subquery(),
            )
        )
        tx.execute(
            update(place_job)
            .where(place_job.c.id == job_id, place_job.c.started_at.is_(None), place_job.c.holder == holder)
            .values(started_at=now)
        )
    if taken.rowcount == 0:
        raise Conflict(f"job {job_id} is being done by another process, or has ended")


def _step(engine: Engine, job_id: int, work: Mapping[PlaceJobKind, Work], holder: str, *, now: datetime) -> bool:
    """One batch; whether there are more."""
    with writing(engine) as tx:
        row = tx.execute(select(place_job).where(place_job.c.id == job_id)).one()
        if row.holder != holder or row.state != PlaceJobState.RUNNING.value:
            return False
        job = _view(row)
        step = work[job.kind](tx, job, row.next_id, now=now)
        report = dict(row.report)
        for name, count in step.counts.items():
            report[name] = report.get(name, 0) + count
        values: dict[str, Any] = {
            "seen": row.seen + step.seen,
            "changed": row.changed + step.changed,
            "report": report,
            "held_until": now + HELD_FOR,
        }
        if step.next_id is None:
            values |= {"state": PlaceJobState.DONE.value, "finished_at": now, "holder": ""}
        else:
            values |= {"next_id": step.next_id}
        tx.execute(update(place_job).where(place_job.c.id == job_id).values(values))
    return step.next_id is not None


def keep_job(engine: Engine, job_id: int, holder: str, seen: int, *, now: datetime) -> bool:
    """Say that ``holder`` still does the job and has looked at ``seen`` assets; False when it was stopped meanwhile."""
    with writing(engine) as tx:
        kept = tx.execute(
            update(place_job)
            .where(_of(job_id, holder), place_job.c.state == PlaceJobState.RUNNING.value)
            .values(seen=seen, held_until=now + HELD_FOR)
        )
    return kept.rowcount > 0


def end_job(
    tx: Connection, job_id: int, holder: str, *, changed: int, report: Mapping[str, Any], now: datetime
) -> None:
    """Write that a job is done, in the transaction that writes its result."""
    done = {"state": PlaceJobState.DONE.value, "finished_at": now, "holder": ""}
    tx.execute(update(place_job).where(_of(job_id, holder)).values(**done, changed=changed, report=dict(report)))


def _of(job_id: int, holder: str) -> ColumnElement[bool]:
    return and_(place_job.c.id == job_id, place_job.c.holder == holder)


def let_go(engine: Engine, job_id: int, holder: str) -> None:
    """Leave a running job to the next process."""
    with writing(engine) as tx:
        tx.execute(
            update(place_job)
            .where(_of(job_id, holder), place_job.c.state == PlaceJobState.RUNNING.value)
            .values(state=PlaceJobState.WAITING.value, holder="")
        )


def _fail(engine: Engine, job_id: int, holder: str, error: Exception, *, now: datetime) -> None:
    problem = f"{type(error).__name__}: {error}"
    with writing(engine) as tx:
        tx.execute(
            update(place_job)
            .where(_of(job_id, holder))
            .values(state=PlaceJobState.FAILED.value, problem=problem[:1000], finished_at=now, holder="")
        )


def _view(row: Any) -> JobView:
    return JobView(
        id=row.id,
        kind=PlaceJobKind(row.kind),
        state=PlaceJobState(row.state),
        settings=row.settings,
        total=row.total,
        seen=row.seen,
        changed=row.changed,
        report=row.report,
        problem=row.problem,
        created_at=row.created_at,
        created_by=row.created_by,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
