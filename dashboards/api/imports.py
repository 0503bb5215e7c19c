"""Census tables in: imports from the upload to the undoing. Long work is the worker's."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from flask import url_for
from msgspec import Meta

from dashboards.api.answering import page
from dashboards.api.operation import (
    LARGEST,
    MOST_BULK,
    Answer,
    Body,
    Listing,
    NoQuery,
    Operation,
    Paged,
    Query,
    Upload,
)
from dashboards.api.request import Call, Sent
from dashboards.site import lang
from registry.domain.errors import NotAllowed
from registry.domain.kinds import DuplicateDecision
from registry.queries import imports as import_queries
from registry.queries.imports import DuplicateRow, ImportView, ProblemRow
from registry.queries.paging import Page, decode_id, page_of
from registry.services import imports as import_services
from registry.services.imports import FileLook, ImportSettings, Obstacle


class ProblemQuery(Paged, frozen=True, kw_only=True):
    """Which lines of the report. ``grave``: the row was refused, not only remarked on; ``code``: what was wrong."""

    grave: bool | None = None
    code: Annotated[str, Meta(max_length=40)] = ""


class DuplicateQuery(Paged, frozen=True, kw_only=True):
    """Which likely duplicates."""

    decision: DuplicateDecision | None = None


class Decision(Body, frozen=True, kw_only=True):
    """What a person decided about one likely duplicate."""

    duplicate_id: Annotated[int, Meta(ge=1, le=LARGEST)]
    decision: Literal["merge", "keep"]


class Decisions(Body, frozen=True, kw_only=True):
    """Decisions about likely duplicates."""

    items: Annotated[list[Decision], Meta(min_length=1, max_length=MOST_BULK)]


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """How many were open and are decided now."""

    decided: int


class LookQuery(Query, frozen=True, kw_only=True):
    """How to read the file where the guess is wrong, and a profile to begin with; 0 and empty: found out."""

    encoding: Literal["", "utf-8-sig", "gb18030", "utf-16"] = ""
    sheet: Annotated[str, Meta(max_length=120)] = ""
    header_row: Annotated[int, Meta(ge=0, le=1000, description="Counted from 1")] = 0
    header_rows: Annotated[int, Meta(ge=0, le=5)] = 0
    profile: Annotated[str, Meta(max_length=80, description="The name of an import profile")] = ""


class Obstacles(msgspec.Struct, frozen=True, kw_only=True):
    """The first assets that stand in the way of undoing an import; none: it can be undone."""

    items: list[Obstacle]


def api_imports(call: Call[Paged, None]) -> Answer:
    """Imports, the newest first; somebody bound to an area sees their own."""
    own = call.by.user_id if call.by.area_code else None
    return page(
        import_queries.list_imports(call.engine, after=call.query.after, limit=call.query.limit, by_user_id=own)
    )


def api_upload(call: Call[NoQuery, Sent]) -> Answer:
    """Keep a file."""
    file = call.body.files[0]
    run_id = import_services.keep_upload(
        call.engine, call.where.city.data_dir, file.stream, file.filename or "", by=call.by, now=call.now
    )
    return _import(call, run_id, status=201)


def api_import(call: Call[NoQuery, None], run_id: int) -> Answer:
    """One import as it stands."""
    return _import(call, run_id)


def api_import_look(call: Call[LookQuery, None], run_id: int) -> Answer:
    """What the file holds, with a guess of every setting; or a profile's settings for it."""
    _own(call, run_id)
    query, city = call.query, call.where.city
    choices = ImportSettings(
        encoding=query.encoding, sheet=query.sheet, header_row=query.header_row, header_rows=query.header_rows
    )
    division = call.by.area_code[:6] or city.division
    look = import_services.look_at(call.engine, city.data_dir, run_id, choices, division=division)
    if query.profile:
        saved = import_services.find_profile(call.engine, query.profile)
        names = tuple(column.name for column in look.columns)
        look = replace(look, guessed=import_services.apply_profile(saved.settings, look.guessed, names))
    return Answer(value=look)


def api_import_check(call: Call[NoQuery, ImportSettings], run_id: int) -> Answer:
    """Ask for a dry run."""
    _own(call, run_id)
    import_services.start_check(call.engine, run_id, call.body, by=call.by, now=call.now)
    return _import(call, run_id, status=202)


def api_import_run(call: Call[NoQuery, None], run_id: int) -> Answer:
    """Ask for the import, or for the rest of one."""
    _own(call, run_id)
    import_services.start_run(call.engine, run_id, by=call.by, now=call.now)
    return _import(call, run_id, status=202)


def api_import_stop(call: Call[NoQuery, None], run_id: int) -> Answer:
    """Stop after the present batch."""
    _own(call, run_id)
    import_services.stop_import(call.engine, run_id, by=call.by, now=call.now)
    return _import(call, run_id)


def api_import_undo(call: Call[NoQuery, None], run_id: int) -> Answer:
    """Take back everything it did."""
    _own(call, run_id)
    import_services.undo_import(call.engine, run_id, by=call.by, now=call.now)
    return _import(call, run_id)


def api_import_obstacles(call: Call[NoQuery, None], run_id: int) -> Answer:
    """What would be broken by undoing it."""
    _own(call, run_id)
    return Answer(value=Obstacles(items=import_services.undo_obstacles(call.engine, run_id)))


def api_import_problems(call: Call[ProblemQuery, None], run_id: int) -> Answer:
    """The report, in the file's order."""
    _own(call, run_id)
    query = call.query
    after = 0 if query.after is None else decode_id(query.after)
    rows = import_queries.problems(
        call.engine, run_id, after=after, limit=query.limit + 1, grave=query.grave, code=query.code, lang=lang()
    )
    return page(_by_id(rows, query.limit))


def api_import_duplicates(call: Call[DuplicateQuery, None], run_id: int) -> Answer:
    """Likely duplicates with both sides."""
    _own(call, run_id)
    query = call.query
    after = 0 if query.after is None else decode_id(query.after)
    rows = import_queries.duplicates(call.engine, run_id, after=after, limit=query.limit + 1, decision=query.decision)
    return page(_by_id(rows, query.limit))


def api_import_decide(call: Call[NoQuery, Decisions], run_id: int) -> Answer:
    """Decide about likely duplicates."""
    _own(call, run_id)
    decisions = {one.duplicate_id: DuplicateDecision(one.decision) for one in call.body.items}
    folder = call.where.city.data_dir
    decided = import_services.decide_duplicates(call.engine, folder, run_id, decisions, by=call.by, now=call.now)
    return Answer(value=Decided(decided=decided))


def _own(call: Call[Any, Any], run_id: int) -> ImportView:
    found = import_queries.import_file(call.engine, run_id)
    if call.by.area_code and found.by_user_id != call.by.user_id:
        raise NotAllowed("the import is somebody else's; your account is bound to an area and sees its own imports")
    return found


def _import(call: Call[Any, Any], run_id: int, status: int = 200) -> Answer:
    location = url_for("api_import", run_id=run_id) if status != 200 else ""
    return Answer(value=_own(call, run_id), status=status, location=location)


def _by_id(rows: list[Any], limit: int) -> Page[Any]:
    return page_of(rows, limit, lambda row: (row.id,))


_row = partial(Operation, group="imports")
_step = partial(_row, method="POST", replies={200: ImportView})
OPERATIONS = (
    _row(
        method="GET",
        path="/imports",
        endpoint="api_imports",
        run=api_imports,
        zh="导入列表",
        en="Imports, the newest first",
        query=Paged,
        replies={200: Listing[ImportView]},
    ),
    _row(
        method="POST",
        path="/imports",
        endpoint="api_upload",
        run=api_upload,
        zh="上传普查表",
        en="Keep a file for an import; nothing is registered yet",
        body=Upload("file", "CSV (UTF-8 or GBK), XLSX or GeoJSON"),
        replies={201: ImportView},
    ),
    _row(
        method="GET",
        path="/imports/{run_id}",
        endpoint="api_import",
        run=api_import,
        zh="导入进度",
        en="One import as it stands: state, counts, progress",
        replies={200: ImportView},
    ),
    _row(
        method="GET",
        path="/imports/{run_id}/look",
        endpoint="api_import_look",
        run=api_import_look,
        zh="查看文件并猜测设置",
        en="What the file holds, with a guess of every setting",
        query=LookQuery,
        replies={200: FileLook},
        errors=(409,),
    ),
    _row(
        method="POST",
        path="/imports/{run_id}/check",
        endpoint="api_import_check",
        run=api_import_check,
        zh="试运行",
        en="Ask for a dry run with these settings",
        body=ImportSettings,
        replies={202: ImportView},
    ),
    _row(
        method="POST",
        path="/imports/{run_id}/run",
        endpoint="api_import_run",
        run=api_import_run,
        zh="开始或继续导入",
        en="Ask for the import, or for the rest of one",
        replies={202: ImportView},
    ),
    _step(
        path="/imports/{run_id}/stop",
        endpoint="api_import_stop",
        run=api_import_stop,
        zh="停止导入",
        en="Stop after the present batch",
    ),
    _step(
        path="/imports/{run_id}/undo",
        endpoint="api_import_undo",
        run=api_import_undo,
        zh="撤销导入",
        en="Take back everything an import did",
    ),
    _row(
        method="GET",
        path="/imports/{run_id}/obstacles",
        endpoint="api_import_obstacles",
        run=api_import_obstacles,
        zh="撤销导入的障碍",
        en="What stands in the way of undoing an import",
        replies={200: Obstacles},
    ),
    _row(
        method="GET",
        path="/imports/{run_id}/problems",
        endpoint="api_import_problems",
        run=api_import_problems,
        zh="逐行问题报告",
        en="The report, row by row",
        query=ProblemQuery,
        replies={200: Listing[ProblemRow]},
    ),
    _row(
        method="GET",
        path="/imports/{run_id}/duplicates",
        endpoint="api_import_duplicates",
        run=api_import_duplicates,
        zh="疑似重复",
        en="Likely duplicates with both sides",
        query=DuplicateQuery,
        replies={200: Listing[DuplicateRow]},
    ),
    _row(
        method="POST",
        path="/imports/{run_id}/duplicates",
        endpoint="api_import_decide",
        run=api_import_decide,
        zh="处理疑似重复",
        en="Decide about likely duplicates",
        body=Decisions,
        replies={200: Decided},
    ),
)
