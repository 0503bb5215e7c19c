"""Doing the work over all assets that somebody has asked for, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog
from sqlalchemy import Engine

from registry.domain.errors import Conflict
from registry.domain.kinds import PlaceJobKind, PlaceJobState
from registry.domain.people import Actor
from registry.services import audit
from registry.services.census import ask_for_census, run_census
from registry.services.duties import apply_batch
from registry.services.place_jobs import JobView, Work, ask_for_job, find_job, next_job, run_job
from registry.services.relocation import relocate_batch
from registry.storage.database import writing

log = structlog.get_logger(__name__)

WORK: Mapping[PlaceJobKind, Work] = {
    PlaceJobKind.RELOCATE: relocate_batch,
    PlaceJobKind.DUTIES: apply_batch,
}


def run_place_job(
    engine: Engine,
    job_id: int,
    *,
    holder: str,
    clock: Callable[[], datetime],
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[JobView], None] = lambda job: None,
) -> JobView:
    """Do a job, of whichever kind, until it is done or stopped. Raises ``Conflict`` when another process has it."""
    if find_job(engine, job_id).kind is PlaceJobKind.CENSUS:
        return run_census(engine, job_id, holder=holder, clock=clock, stop=stop, progress=progress)
    done = run_job(engine, job_id, WORK, holder=holder, clock=clock, stop=stop, progress=progress)
    if done.state is PlaceJobState.DONE and done.changed:
        with writing(engine) as tx:  # its figures are no longer true
            ask_for_job(tx, PlaceJobKind.CENSUS, by=_asked_by(done), now=clock())
    return done


def relocate_assets(
    engine: Engine,
    *,
    by: Actor,
    holder: str,
    clock: Callable[[], datetime],
    progress: Callable[[JobView], None] = lambda job: None,
) -> JobView:
    """Find the area and the cell of every asset anew, now and in this process."""
    with writing(engine) as tx:
        job_id = ask_for_job(tx, PlaceJobKind.RELOCATE, by=by, now=clock())
    return run_place_job(engine, job_id, holder=holder, clock=clock, progress=progress)


def ask_for_relocation(engine: Engine, *, by: Actor, now: datetime) -> int:
    """Ask the worker to find every asset's area anew; the job's id."""
    with writing(engine) as tx:
        return ask_for_job(tx, PlaceJobKind.RELOCATE, by=by, now=now)


def ask_for_duties(engine: Engine, *, by: Actor, now: datetime) -> int:
    """Ask the worker to name the parties that the assets of the actor's area lack, from the duty list; the job's id."""
    with writing(engine) as tx:
        settings = {"scope": by.area_code} if by.area_code else {}
        job_id = ask_for_job(tx, PlaceJobKind.DUTIES, by=by, now=now, settings=settings)
        audit.record(tx, by=by, action="duty.apply", subject=f"job:{job_id}", detail=settings, now=now)
    return job_id


def ask_for_count(engine: Engine, *, by: Actor, now: datetime) -> int:
    """Ask the worker to count anew what the census lacks; the job's id."""
    with writing(engine) as tx:
        return ask_for_job(tx, PlaceJobKind.CENSUS, by=by, now=now)


def do_place_work(
    engine: Engine, *, holder: str, clock: Callable[[], datetime], stop: Callable[[], bool] = lambda: False
) -> None:
    """What the worker does each round: the jobs that wait, and the census when its figures have grown old."""
    ask_for_census(engine, now=clock())
    while not stop() and (job_id := next_job(engine, now=clock())) is not None:
        try:
            job = run_place_job(engine, job_id, holder=holder, clock=clock, stop=stop)
        except Conflict:
            return  # a command at the shell was quicker
        log.info("place_job_left", job_id=job.id, kind=job.kind, state=job.state, seen=job.seen, changed=job.changed)


def _asked_by(job: JobView) -> Actor:
    return Actor(user_id=job.created_by, name="", role=None, unit_id=None)
