"""Imports: the list, the upload, one import from its check to its undoing. Its columns and duplicates have own modules.

Long work is the worker's: a page asks for it, shows how far it is, and may stop it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import structlog
from flask import Flask, Response, current_app, flash, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from dashboards import forms
from dashboards.downloads import as_download
from dashboards.errors import answer_for, problem_of, wants_json
from dashboards.login import actor
from dashboards.pages.lists import next_url
from dashboards.refusals import problem_at
from dashboards.site import lang, now, site, t
from registry.domain.errors import Conflict, DomainError, InvalidInput, InvalidMove, NotAllowed
from registry.domain.kinds import ImportState
from registry.queries import imports as import_queries
from registry.queries.imports import ImportView
from registry.services import imports as import_services

log = structlog.get_logger(__name__)

WORKING = (ImportState.CHECKING, ImportState.RUNNING, ImportState.UNDOING)
PROBLEMS_PER_PAGE = 50
_CSV_SLICE = 1_000
# A sheet takes these at the beginning of a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BOM = "\ufeff"
_SAMPLE = """\
原编号,部件分类,经度,纬度,道路,地址,权属单位,养护单位,井深(mm),材质,规格,安装日期
W-0001,上水井盖,120.625212,31.312015,十梓街,十梓街 12 号门前,市政设施养护处,市政设施养护处,2400,球墨铸铁,φ700,2019-05-17
W-0002,污水井盖,120°37′31.2″,31°18′44.5″,十梓街,,市政设施养护处,市政设施养护处,3100,球墨铸铁,φ700,2019-05-17
L-0107,路灯,120.626104,31.311870,十梓街,,,,,,,2021-11-02
"""


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/imports", "imports", imports)
    app.add_url_rule("/imports", "upload_import", upload_import, methods=["POST"])
    app.add_url_rule("/imports/new", "new_import", new_import)
    app.add_url_rule("/imports/sample.csv", "import_sample", import_sample)
    app.add_url_rule("/imports/<int:run_id>", "import_run", import_run)
    app.add_url_rule("/imports/<int:run_id>/progress", "import_progress", import_progress)
    app.add_url_rule("/imports/<int:run_id>/problems.csv", "import_problems_csv", import_problems_csv)
    for what, endpoint, view in (
        ("run", "start_import", start_import),
        ("stop", "stop_import", stop_import),
        ("undo", "undo_import", undo_import),
    ):
        app.add_url_rule(f"/imports/<int:run_id>/{what}", endpoint, view, methods=["POST"])
        # Somebody loads the page again after a refusal, or changes the language on it.
        app.add_url_rule(f"/imports/<int:run_id>/{what}", "import_run", import_run, alias=True)


def the_run(run_id: int) -> ImportView:
    """The import. Raises ``NotFound``, and ``NotAllowed`` for one that is not of somebody bound to an area."""
    run = import_queries.import_file(site().engine, run_id)
    somebody = actor()
    if somebody.area_code and run.by_user_id != somebody.user_id:
        raise NotAllowed("the import is somebody else's; your account is bound to an area and sees its own imports")
    return run


def imports() -> str:
    """The list, the newest first; somebody bound to an area sees their own."""
    somebody = actor()
    page = import_queries.list_imports(
        site().engine,
        after=forms.optional_text(request.args, "after"),
        by_user_id=somebody.user_id if somebody.area_code else None,
    )
    return render_template("imports.html", page=page, next_url=next_url(page.next))


def new_import() -> str:
    """The form for a file."""
    return upload_page(forms.FormState())


def upload_page(form: forms.FormState) -> str:
    """The form for a file, with what was wrong with the last one."""
    return render_template("import_new.html", form=form, limit_mb=site().settings.import_limit_mb)


def upload_import() -> BaseResponse | tuple[str, int]:
    """Keep the file; its columns come next. A script is told where to go, a browser is sent there."""
    file = request.files.get("file")
    try:
        if file is None or not file.filename:
            raise InvalidInput("file", t("imports.choose_file"))
        run_id = import_services.keep_upload(
            site().engine, site().city.data_dir, file.stream, file.filename, by=actor(), now=now()
        )
    except InvalidInput as error:
        if wants_json():
            raise
        return upload_page(forms.FormState(errors={error.field: problem_at(error)})), 422
    log.info("import_uploaded", run_id=run_id, by_user_id=actor().user_id)
    address = url_for("import_columns", run_id=run_id)
    return jsonify(next=address) if wants_json() else redirect(address, 303)


def import_run(run_id: int) -> str:
    """One import as it stands."""
    return run_page(run_id, forms.FormState())


def run_page(run_id: int, form: forms.FormState, obstacles: Any = ()) -> str:
    """One import as it stands, with what could not be done; ``obstacles``: assets that an undoing would break."""
    run = the_run(run_id)
    kinds = import_queries.problem_kinds(site().engine, run_id, lang=lang()) if run.problems_kept else []
    only = forms.choice(request.args, "only", ("grave", "remarks", "all"))
    if only is None:  # what was left out matters more than what was remarked on
        only = "grave" if any(grave for _, _, grave, _ in kinds) else "remarks"
    code = forms.choice(request.args, "code", [code for code, *_ in kinds])
    after = forms.whole_number(request.args, "after", 0, least=0, most=2**53)
    lines = import_queries.problems(
        site().engine,
        run_id,
        after=after,
        limit=PROBLEMS_PER_PAGE + 1,
        grave=None if only == "all" else only == "grave",
        code=code or "",
        lang=lang(),
    )
    more = len(lines) > PROBLEMS_PER_PAGE
    shown = lines[:PROBLEMS_PER_PAGE]
    return render_template(
        "import_run.html",
        run=run,
        form=form,
        lines=shown,
        only=only,
        first_page=not after,
        next_url=_more_problems(run_id, only, code, shown[-1].id) if more else None,
        kinds=kinds,
        chosen=code,
        told=settings_told(run),
        obstacles=obstacles,
        made_url=_list_of_made(run_id) if run.created else "",
        print_url=_plates_of_made(run_id) if run.created else "",
    )


def _more_problems(run_id: int, only: str, code: str | None, after: int) -> str:
    return url_for("import_run", run_id=run_id, only=only, code=code, after=after, _anchor="problems")


def _list_of_made(run_id: int) -> str:
    return url_for("assets", import_id=run_id)


def _plates_of_made(run_id: int) -> str:
    """Where plates for the assets of an import are ordered; empty where nobody may, or plates are not made here."""
    if "new_print_run" not in current_app.view_functions:
        return ""
    return url_for("new_print_run", import_id=run_id)


def settings_told(run: ImportView) -> list[tuple[str, str]]:
    """The settings of an import in words; empty before somebody chose them."""
    settings = run.settings
    if settings is None:
        return []
    encoding = settings.encoding.upper().removesuffix("-SIG")
    read_as = " · ".join(word for word in (settings.format.upper(), encoding, settings.sheet) if word)
    key = settings.key.removeprefix("alias:")
    words = [
        (t("imports.format"), read_as),
        (t("imports.crs"), settings.crs.upper()),
        (t("imports.key"), t("imports.key_code") if key == "code" else key or t("imports.key_none")),
        (t("imports.duplicates_m"), f"{settings.duplicates_m:g} m"),
        (t("imports.duplicates"), t(f"imports.duplicates_{settings.duplicates}")),
    ]
    given = [name for name in ("division", "class", "owner", "maintainer") if name in settings.constants]
    return words + [(t(f"imports.{name}"), settings.constants[name]) for name in given]


def import_progress(run_id: int) -> Response:
    """How far the work is, for the progress bar."""
    run = the_run(run_id)
    return jsonify(
        done=run.done_rows,
        total=run.rows or None,
        finished=run.state not in WORKING,
        words=t(f"imports.progress_{run.state}") if run.state in WORKING else None,
        next=url_for("import_run", run_id=run_id),
    )


def start_import(run_id: int) -> BaseResponse | tuple[str, int]:
    """Ask for the import itself, or for the rest of it."""
    the_run(run_id)
    try:
        import_services.start_run(site().engine, run_id, by=actor(), now=now())
    except (InvalidMove, InvalidInput) as error:
        return refused(run_id, error)
    log.info("import_started", run_id=run_id, by_user_id=actor().user_id)
    return redirect(url_for("import_run", run_id=run_id), 303)


def stop_import(run_id: int) -> BaseResponse | tuple[str, int]:
    """End a check or a run after the batch it is at."""
    the_run(run_id)
    try:
        import_services.stop_import(site().engine, run_id, by=actor(), now=now())
    except InvalidMove as error:
        return refused(run_id, error)
    flash(t("imports.stopped"), "info")
    return redirect(url_for("import_run", run_id=run_id), 303)


def undo_import(run_id: int) -> BaseResponse | tuple[str, int]:
    """Take everything back that an import did; where something stands in the way, say what."""
    the_run(run_id)
    try:
        import_services.undo_import(site().engine, run_id, by=actor(), now=now())
    except Conflict as error:
        if wants_json():
            raise
        obstacles = import_services.undo_obstacles(site().engine, run_id)
        return run_page(run_id, forms.FormState(), obstacles), answer_for(error).status
    except InvalidMove as error:
        return refused(run_id, error)
    flash(t("imports.undone"), "ok")
    return redirect(url_for("import_run", run_id=run_id), 303)


def refused(run_id: int, error: DomainError) -> tuple[str, int]:
    """The import's page with what could not be done; a program gets the problem itself."""
    if wants_json():
        raise error
    answer = answer_for(error)
    return run_page(run_id, forms.FormState(problem=problem_of(answer, error))), answer.status


def import_problems_csv(run_id: int) -> Response:
    """The whole report as CSV, in the reader's language, streamed."""
    run = the_run(run_id)
    head = [t(f"imports.{name}") for name in ("row", "grave", "column", "value", "what", "fix")]
    grave, remark = t("imports.grave"), t("imports.remark")
    engine, language = site().engine, lang()

    def lines() -> Iterator[str]:
        yield _BOM + csv_line(head)
        after = 0
        while found := import_queries.problems(engine, run_id, after=after, limit=_CSV_SLICE, lang=language):
            after = found[-1].id
            yield "".join(
                csv_line([p.row, grave if p.grave else remark, p.column, p.value, p.problem, p.fix]) for p in found
            )

    return attachment(lines(), f"{run.file_name.rsplit('.', 1)[0]}-{t('imports.problems')}.csv")


def import_sample() -> Response:
    """A small file that shows what a table can hold."""
    rows = [line.split(",") for line in _SAMPLE.splitlines()]
    return attachment(iter([_BOM + "".join(csv_line(row) for row in rows)]), t("imports.sample_name"))


def csv_line(cells: list[Any]) -> str:
    """One line of CSV; what a sheet would run as a formula is marked as text."""
    out = io.StringIO()
    texts = [cell if isinstance(cell, int) else str(cell) for cell in cells]
    safe = [f"'{text}" if isinstance(text, str) and text.startswith(_FORMULA) else text for text in texts]
    csv.writer(out, lineterminator="\r\n").writerow(safe)
    return out.getvalue()


def attachment(chunks: Iterator[str], file_name: str) -> Response:
    """A CSV file to keep, sent while it is made."""
    return as_download(Response(chunks, mimetype="text/csv"), file_name)
