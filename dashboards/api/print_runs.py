"""Print runs: planned here, made by the worker, watched, stopped and resumed; their files."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from flask import url_for
from msgspec import Meta

from dashboards.api.answering import page, page_out_of
from dashboards.api.operation import LARGEST, Answer, Body, Listing, Media, Name, NoQuery, Operation, Paged
from dashboards.api.request import Call
from registry.domain.errors import NotAllowed, NotFound
from registry.domain.kinds import Family, PrintRunKind
from registry.queries.print_runs import RunRow, list_runs, print_run_view
from registry.services import print_runs as run_services
from registry.services.print_files import finished_file, finished_files
from registry.services.print_runs import MOST_LABELS
from registry.services.print_selection import MOST_IDS, RunSelection


class NewRun(Body, frozen=True, kw_only=True):
    """A run: labels for the assets of ``selection``, or ``count`` blank plates."""

    name: Name
    kind: PrintRunKind
    template_key: Annotated[str, Meta(min_length=1, max_length=60)]
    format: Literal["pdf", "svg", "png", "zpl", "dxf"]
    dpi: Annotated[int, Meta(ge=100, le=1200)] | None = None
    start_position: Annotated[int, Meta(ge=1, le=1000)] = 1
    asset_ids: Annotated[list[Annotated[int, Meta(ge=1, le=LARGEST)]], Meta(max_length=MOST_IDS)] = msgspec.field(
        default_factory=list
    )
    without_plate: bool = True
    area_code: Annotated[str, Meta(pattern="^[0-9]{0,15}$")] = ""
    family: Family | None = None
    scheme: Annotated[str, Meta(max_length=30, description="The class table of `class_code`")] = ""
    class_code: Annotated[str, Meta(pattern="^([0-9]{4})?$")] = ""
    count: Annotated[int, Meta(ge=0, le=MOST_LABELS)] = 0


class RunPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would make: how many labels, and how many of them for plates that exist already."""

    labels: int
    with_plate: int


class RunFileLine(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a run."""

    name: str
    size_bytes: int
    address: str


def api_print_runs(call: Call[Paged, None]) -> Answer:
    """Runs, the newest first."""
    own = call.by.user_id if call.by.area_code else None
    return page(list_runs(call.engine, after=call.query.after, limit=call.query.limit, by_user_id=own))


def api_plan_run(call: Call[NoQuery, NewRun]) -> Answer:
    """Plan a run; the worker makes it."""
    run_id = run_services.plan_run(call.engine, _plan(call.body), by=call.by, now=call.now)
    return _run(call, run_id, status=201)


def api_preview_run(call: Call[NoQuery, NewRun]) -> Answer:
    """Look at a run before it is planned."""
    found = run_services.preview_run(call.engine, _plan(call.body), by=call.by)
    return Answer(value=RunPreview(labels=found.labels, with_plate=found.with_plate))


def api_print_run(call: Call[NoQuery, None], print_run_id: int) -> Answer:
    """One run as it stands."""
    return _run(call, print_run_id)


def api_stop_run(call: Call[NoQuery, None], print_run_id: int) -> Answer:
    """Stop it after the present batch."""
    _own(call, print_run_id)
    run_services.stop_run(call.engine, print_run_id, by=call.by, now=call.now)
    return _run(call, print_run_id)


def api_resume_run(call: Call[NoQuery, None], print_run_id: int) -> Answer:
    """Let it go on."""
    _own(call, print_run_id)
    run_services.resume_run(call.engine, print_run_id, by=call.by, now=call.now)
    return _run(call, print_run_id)


def api_run_files(call: Call[Paged, None], print_run_id: int) -> Answer:
    """What can be downloaded."""
    _own(call, print_run_id)
    lines = [
        RunFileLine(
            name=one.name,
            size_bytes=one.size_bytes,
            address=url_for("api_run_file", print_run_id=print_run_id, file=one.name),
        )
        for one in finished_files(call.where.city.data_dir, print_run_id)
    ]
    return page_out_of(lines, call.query, lambda line: (line.name,))


def api_run_file(call: Call[NoQuery, None], print_run_id: int, file: str) -> Answer:
    """One file of a run."""
    _own(call, print_run_id)
    path = finished_file(call.where.city.data_dir, print_run_id, file)
    if path is None:
        raise NotFound("file of the print run", file[:60])
    return Answer(content=path, media_type="application/octet-stream", file_name=path.name)


def _plan(new: NewRun) -> run_services.NewRun:
    chosen = RunSelection(
        asset_ids=tuple(new.asset_ids),
        without_plate=new.without_plate,
        area_code=new.area_code,
        family=new.family,
        scheme=new.scheme,
        class_code=new.class_code,
    )
    return run_services.NewRun(
        name=new.name,
        kind=new.kind,
        template_key=new.template_key,
        format=new.format,
        dpi=new.dpi,
        start_position=new.start_position,
        selection=chosen,
        count=new.count,
    )


def _run(call: Call[Any, Any], run_id: int, status: int = 200) -> Answer:
    location = url_for("api_print_run", print_run_id=run_id) if status == 201 else ""
    return Answer(value=_own(call, run_id), status=status, location=location)


def _own(call: Call[Any, Any], run_id: int) -> RunRow:
    found = print_run_view(call.engine, run_id)
    if call.by.area_code and found.created_by != call.by.user_id:
        raise NotAllowed("the print run is somebody else's; your account is bound to an area and sees its own runs")
    return found


_row = partial(Operation, group="printing")
OPERATIONS = (
    _row(
        method="GET",
        path="/print-runs",
        endpoint="api_print_runs",
        run=api_print_runs,
        zh="打印批次列表",
        en="Print runs, the newest first",
        query=Paged,
        replies={200: Listing[RunRow]},
    ),
    _row(
        method="POST",
        path="/print-runs",
        endpoint="api_plan_run",
        run=api_plan_run,
        zh="新建打印批次",
        en="Plan a print run; the worker makes it",
        body=NewRun,
        replies={201: RunRow},
        errors=(404,),
    ),
    _row(
        method="POST",
        path="/print-runs/preview",
        endpoint="api_preview_run",
        run=api_preview_run,
        zh="预览打印批次",
        en="How many labels a print run would make; nothing is planned",
        body=NewRun,
        replies={200: RunPreview},
        errors=(404,),
    ),
    _row(
        method="GET",
        path="/print-runs/{print_run_id}",
        endpoint="api_print_run",
        run=api_print_run,
        zh="打印批次进度",
        en="One print run as it stands",
        replies={200: RunRow},
    ),
    _row(
        method="POST",
        path="/print-runs/{print_run_id}/stop",
        endpoint="api_stop_run",
        run=api_stop_run,
        zh="停止打印批次",
        en="Stop a print run",
        replies={200: RunRow},
    ),
    _row(
        method="POST",
        path="/print-runs/{print_run_id}/resume",
        endpoint="api_resume_run",
        run=api_resume_run,
        zh="继续打印批次",
        en="Let a print run go on",
        replies={200: RunRow},
    ),
    _row(
        method="GET",
        path="/print-runs/{print_run_id}/files",
        endpoint="api_run_files",
        run=api_run_files,
        zh="打印批次文件",
        en="The files of a print run",
        query=Paged,
        replies={200: Listing[RunFileLine]},
    ),
    _row(
        method="GET",
        path="/print-runs/{print_run_id}/files/{file}",
        endpoint="api_run_file",
        run=api_run_file,
        zh="下载打印文件",
        en="One file of a print run",
        replies={200: Media(("application/octet-stream",))},
    ),
)
