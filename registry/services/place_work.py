"""Doing the work over all assets that somebody has asked for, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Engine

from registry.domain.errors import Conflict
from registry.domain.kinds import PlaceJobKind, PlaceJobState
from registry.domain.people import Actor
from registry.services.census import ask_for_census, run_census
from registry.services.duties import apply_batch
from registry.services.place_jobs import JobView, Work, ask_for_job, find_job, next_job, run_job
from registry.services.relocation import relocate_batch
from registry.storage.database import writing

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


def do_place_work(
    engine: Engine, *, holder: str, clock: Callable[[], datetime], stop: Callable[[], bool] = lambda: False
) -> list[JobView]:
    """What the worker does each round: the jobs that wait, and the census when its figures have grown old."""
    ask_for_census(engine, now=clock())
    done: list[JobView] = []
    while not stop() and (job_id := next_job(engine, now=clock())) is not None:
        try:
            done.append(run_place_job(engine, job_id, holder=holder, clock=clock, stop=stop))
        except Conflict:
            break  # a command at the shell was quicker
    return done


def _asked_by(job: JobView) -> Actor:
    return Actor(user_id=job.created_by, name="", role=None, unit_id=None)
