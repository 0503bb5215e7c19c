"""Long work over all assets: asked for here, done by the worker a batch at a time, watched, stopped and resumed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from flask import url_for

from dashboards.api.operation import Answer, NoQuery, Operation
from dashboards.api.request import Call
from registry.domain.kinds import PlaceJobKind, PlaceJobState
from registry.services import place_jobs, place_work
from registry.services.place_jobs import JobView


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it stands. ``seen`` of ``total`` assets were looked at, ``changed`` of them changed.

    ``relocate`` finds every asset's area anew, ``census`` counts what files lack, ``duties`` names the parties that
    assets lack from the duty list. ``report``: how often each thing happened. ``live``: it waits or runs.
    """

    id: int
    kind: PlaceJobKind
    state: PlaceJobState
    live: bool
    total: int
    seen: int
    changed: int
    report: dict[str, Any]
    problem: str
    created_at: datetime
    created_by: int | None
    started_at: datetime | None
    finished_at: datetime | None


class Jobs(msgspec.Struct, frozen=True, kw_only=True):
    """The newest job of each kind."""

    items: list[Job]


def api_jobs(call: Call[NoQuery, None]) -> Answer:
    """The newest job of each kind."""
    found = [place_jobs.latest_job(call.engine, kind) for kind in PlaceJobKind]
    return Answer(value=Jobs(items=[_told(job) for job in found if job is not None]))


def api_job(call: Call[NoQuery, None], job_id: int) -> Answer:
    """One job as it stands."""
    return _job(call, job_id)


def api_relocate(call: Call[NoQuery, None]) -> Answer:
    """Ask for every asset's area to be found anew."""
    return _ask(call, place_work.ask_for_relocation)


def api_count_gaps(call: Call[NoQuery, None]) -> Answer:
    """Ask for what the files lack to be counted anew."""
    return _ask(call, place_work.ask_for_count)


def api_apply_duties(call: Call[NoQuery, None]) -> Answer:
    """Ask for the parties that assets lack to be named from the duty list."""
    return _ask(call, place_work.ask_for_duties)


def api_stop_job(call: Call[NoQuery, None], job_id: int) -> Answer:
    """Stop it after the present batch."""
    place_jobs.find_job(call.engine, job_id)
    place_jobs.stop_job(call.engine, job_id, by=call.by, now=call.now)
    return _job(call, job_id)


def api_resume_job(call: Call[NoQuery, None], job_id: int) -> Answer:
    """Let it go on where it was."""
    place_jobs.find_job(call.engine, job_id)
    place_jobs.resume_job(call.engine, job_id, by=call.by, now=call.now)
    return _job(call, job_id)


def _ask(call: Call[Any, Any], ask: Callable[..., int]) -> Answer:
    return _job(call, ask(call.engine, by=call.by, now=call.now), status=202)


def _job(call: Call[Any, Any], job_id: int, status: int = 200) -> Answer:
    location = url_for("api_job", job_id=job_id) if status != 200 else ""
    return Answer(value=_told(place_jobs.find_job(call.engine, job_id)), status=status, location=location)


def _told(job: JobView) -> Job:
    return Job(**{name: getattr(job, name) for name in Job.__struct_fields__})


_row = partial(Operation, group="places")
_start = partial(_row, method="POST", replies={202: Job})
_NOTE = "The worker does it; one that waits already is enough. Watch it under the address in `Location`."
OPERATIONS = (
    _start(
        path="/areas/relocate",
        endpoint="api_relocate",
        run=api_relocate,
        zh="重新定位全部部件",
        en="Ask for every asset's area and grid cell to be found anew",
        note=_NOTE,
    ),
    _start(
        path="/gaps/count",
        endpoint="api_count_gaps",
        run=api_count_gaps,
        zh="重新统计普查缺口",
        en="Ask for what the files lack to be counted anew",
        note=_NOTE,
    ),
    _start(
        path="/duties/apply",
        endpoint="api_apply_duties",
        run=api_apply_duties,
        zh="按权责清单补填责任单位",
        en="Ask for the parties that assets lack to be named from the duty list",
        note=_NOTE,
    ),
    _row(
        method="GET",
        path="/jobs",
        endpoint="api_jobs",
        run=api_jobs,
        zh="后台任务",
        en="The newest job of each kind",
        replies={200: Jobs},
    ),
    _row(
        method="GET",
        path="/jobs/{job_id}",
        endpoint="api_job",
        run=api_job,
        zh="后台任务进度",
        en="One job as it stands",
        replies={200: Job},
    ),
    _row(
        method="POST",
        path="/jobs/{job_id}/stop",
        endpoint="api_stop_job",
        run=api_stop_job,
        zh="停止后台任务",
        en="Stop a job after its present batch",
        replies={200: Job},
    ),
    _row(
        method="POST",
        path="/jobs/{job_id}/resume",
        endpoint="api_resume_job",
        run=api_resume_job,
        zh="继续后台任务",
        en="Let a stopped or failed job go on where it was",
        replies={200: Job},
    ),
)
