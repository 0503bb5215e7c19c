"""Labels: templates, one asset's label as a picture, and print runs with their files."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from flask import url_for
from msgspec import Meta

from dashboards.api.answering import etag_of, page
from dashboards.api.operation import LARGEST, Answer, Body, Listing, Media, Name, NoQuery, Operation, Paged, Query
from dashboards.api.request import Call
from registry import labels
from registry.domain.errors import InvalidInput, NotAllowed, NotFound
from registry.domain.kinds import PrintRunKind
from registry.labels import LabelTemplate
from registry.queries import assets as asset_queries
from registry.queries.label_templates import TemplateRow, list_templates, template_in_use
from registry.queries.print_runs import RunRow, list_runs, print_run_view
from registry.services import label_templates as template_services
from registry.services import print_runs as run_services
from registry.services.print_files import finished_file, finished_files
from registry.services.print_selection import RunSelection

Dpi = Annotated[int, Meta(ge=100, le=1200)]
Key = Annotated[str, Meta(min_length=1, max_length=60)]
_MEDIA = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf"}


class TemplateQuery(Query, frozen=True, kw_only=True):
    """Which templates."""

    with_retired: bool = False


class Templates(msgspec.Struct, frozen=True, kw_only=True):
    """The newest version of each template."""

    items: list[TemplateRow]


class SavedTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """The version that is in use now."""

    key: str
    version: int


class LabelQuery(Query, frozen=True, kw_only=True):
    """What sort of picture."""

    format: Literal["svg", "png", "pdf"] = "svg"
    dpi: Annotated[int, Meta(ge=100, le=600)] = 300
    template: Annotated[str, Meta(max_length=60, description="A template's key; empty: the standard plate")] = ""


class NewRun(Body, frozen=True, kw_only=True):
    """A run: labels for the assets of ``selection``, or ``count`` blank plates."""

    name: Name
    kind: PrintRunKind
    template_key: Key
    format: Literal["pdf", "svg", "png", "zpl", "dxf"]
    dpi: Dpi | None = None
    start_position: Annotated[int, Meta(ge=1, le=1000)] = 1
    asset_ids: Annotated[list[Annotated[int, Meta(ge=1, le=LARGEST)]], Meta(max_length=100_000)] = msgspec.field(
        default_factory=list
    )
    without_plate: bool = True
    area_code: Annotated[str, Meta(pattern="^[0-9]{0,15}$")] = ""
    class_code: Annotated[str, Meta(pattern="^([0-9]{4})?$")] = ""
    count: Annotated[int, Meta(ge=0, le=100_000)] = 0


class RunFiles(msgspec.Struct, frozen=True, kw_only=True):
    """What can be downloaded of a run."""

    items: list[RunFileLine]


class RunFileLine(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a run."""

    name: str
    size_bytes: int
    address: str


def api_templates(call: Call[TemplateQuery, None]) -> Answer:
    """The newest version of each template."""
    return Answer(value=Templates(items=list_templates(call.engine, with_retired=call.query.with_retired)))


def api_template(call: Call[NoQuery, None], key: str) -> Answer:
    """One template."""
    return Answer(value=template_in_use(call.engine, key))


def api_save_template(call: Call[NoQuery, LabelTemplate], key: str) -> Answer:
    """Keep a new version of a template; a key that is not there yet is a new template (``If-Match: *``)."""
    template = call.body
    if template.key != key:
        raise InvalidInput("key", f"is {template.key!r} in the body and {key!r} in the address; send the same twice")
    if call.matches != "*":
        call.same(etag_of(template_in_use(call.engine, key)))
    version = template_services.save_template(call.engine, template, by=call.by, now=call.now)
    return Answer(value=SavedTemplate(key=key, version=version))


def api_retire_template(call: Call[NoQuery, None], key: str) -> Answer:
    """Take a template out of the lists."""
    template_services.retire_template(call.engine, key, by=call.by, now=call.now)
    return Answer(status=204)


def api_label(call: Call[LabelQuery, None], asset_id: int) -> Answer:
    """The label of an asset's active plate; decoded again before it is handed out."""
    query = call.query
    facts = _facts(call, asset_id)
    template = template_in_use(call.engine, query.template) if query.template else labels.standard_plate()
    content = labels.make_label(template, facts, query.format, query.dpi)
    return Answer(content=content, media_type=_MEDIA[query.format])


def api_print_runs(call: Call[Paged, None]) -> Answer:
    """Runs, the newest first."""
    own = call.by.user_id if call.by.area_code else None
    return page(list_runs(call.engine, after=call.query.after, limit=call.query.limit, by_user_id=own))


def api_plan_run(call: Call[NoQuery, NewRun]) -> Answer:
    """Plan a run; the worker makes it."""
    new = call.body
    chosen = RunSelection(
        asset_ids=tuple(new.asset_ids),
        without_plate=new.without_plate,
        area_code=new.area_code,
        class_code=new.class_code,
    )
    plan = run_services.NewRun(
        name=new.name,
        kind=new.kind,
        template_key=new.template_key,
        format=new.format,
        dpi=new.dpi,
        start_position=new.start_position,
        selection=chosen,
        count=new.count,
    )
    return _run(call, run_services.plan_run(call.engine, plan, by=call.by, now=call.now), status=201)


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


def api_run_files(call: Call[NoQuery, None], print_run_id: int) -> Answer:
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
    return Answer(value=RunFiles(items=lines))


def api_run_file(call: Call[NoQuery, None], print_run_id: int, file: str) -> Answer:
    """One file of a run."""
    _own(call, print_run_id)
    path = finished_file(call.where.city.data_dir, print_run_id, file)
    if path is None:
        raise NotFound("file of the print run", file[:60])
    return Answer(content=path, media_type="application/octet-stream", file_name=path.name)


def _run(call: Call[Any, Any], run_id: int, status: int = 200) -> Answer:
    location = url_for("api_print_run", print_run_id=run_id) if status == 201 else ""
    return Answer(value=_own(call, run_id), status=status, location=location)


def _own(call: Call[Any, Any], run_id: int) -> RunRow:
    found = print_run_view(call.engine, run_id)
    if call.by.area_code and found.created_by != call.by.user_id:
        raise NotAllowed("the print run is somebody else's; your account is bound to an area and sees its own runs")
    return found


def _facts(call: Call[Any, Any], asset_id: int) -> labels.LabelFacts:
    file = asset_queries.asset_file(call.engine, asset_id, now=call.now)
    if file.tag is None:
        raise NotFound("active plate of asset", asset_id)
    keeper = file.maintainer
    return labels.LabelFacts(
        token=file.tag.token,
        code=file.code,
        name_zh=file.class_name_zh,
        name_en=file.class_name_en,
        public_url=call.where.city.public_url,
        family=file.family,
        maintainer="" if keeper is None else keeper.name,
        phone="" if keeper is None else keeper.phone,
    )


_row = partial(Operation, group="printing")
OPERATIONS = (
    _row(
        method="GET",
        path="/label-templates",
        endpoint="api_templates",
        run=api_templates,
        zh="标签模板列表",
        en="Label templates",
        query=TemplateQuery,
        replies={200: Templates},
    ),
    _row(
        method="GET",
        path="/label-templates/{key}",
        endpoint="api_template",
        run=api_template,
        zh="标签模板",
        en="One label template",
        replies={200: LabelTemplate},
    ),
    _row(
        method="PUT",
        path="/label-templates/{key}",
        endpoint="api_save_template",
        run=api_save_template,
        zh="保存标签模板",
        en="Keep a new version of a label template",
        body=LabelTemplate,
        replies={200: SavedTemplate},
        if_match=True,
    ),
    _row(
        method="DELETE",
        path="/label-templates/{key}",
        endpoint="api_retire_template",
        run=api_retire_template,
        zh="停用标签模板",
        en="Take a label template out of the lists",
        replies={204: None},
    ),
    _row(
        method="GET",
        path="/assets/{asset_id}/label",
        endpoint="api_label",
        run=api_label,
        zh="部件标签图",
        en="The label of an asset's plate",
        query=LabelQuery,
        replies={200: Media(tuple(_MEDIA.values()))},
    ),
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
        replies={200: RunFiles},
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
