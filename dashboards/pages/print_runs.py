"""Print runs: the list, a new one with its preview, one run with its progress and files."""

from __future__ import annotations

import structlog
from flask import Flask, Response, flash, jsonify, redirect, render_template, request, send_file, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from dashboards import forms
from dashboards.errors import answer_for, problem_of
from dashboards.login import actor
from dashboards.pages.lists import next_url
from dashboards.refusals import problem_at
from dashboards.site import now, site, t
from registry import labels
from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import Family, PrintRunKind, PrintRunState
from registry.queries import print_runs as run_queries
from registry.queries.areas import area_choices
from registry.queries.asset_choices import class_choices
from registry.queries.label_templates import list_templates, template_in_use
from registry.queries.print_runs import RunRow
from registry.services import print_runs as run_services
from registry.services.print_files import finished_file, finished_files
from registry.services.print_making import CityOnPlates, label_facts
from registry.services.print_runs import NewRun, Preview
from registry.services.print_selection import RunSelection

log = structlog.get_logger(__name__)

Answer = str | AnyResponse | tuple[str, int]
WORKING = (PrintRunState.WAITING, PrintRunState.RUNNING)


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/print-runs", "print_runs", print_runs)
    app.add_url_rule("/print-runs/new", "new_print_run", new_print_run)
    app.add_url_rule("/print-runs/new", "add_print_run", add_print_run, methods=["POST"])
    app.add_url_rule("/print-runs/preview.svg", "print_run_preview", print_run_preview)
    app.add_url_rule("/print-runs/<int:run_id>", "print_run", print_run)
    app.add_url_rule("/print-runs/<int:run_id>/progress", "print_run_progress", print_run_progress)
    app.add_url_rule("/print-runs/<int:run_id>/stop", "stop_print_run", stop_print_run, methods=["POST"])
    app.add_url_rule("/print-runs/<int:run_id>/resume", "resume_print_run", resume_print_run, methods=["POST"])
    app.add_url_rule("/print-runs/<int:run_id>/files/<path:filename>", "print_run_file", print_run_file)
    for refused in ("stop", "resume"):
        app.add_url_rule(f"/print-runs/<int:run_id>/{refused}", "print_run", print_run, alias=True)


def print_runs() -> str:
    """Runs, newest first; somebody bound to an area sees their own."""
    somebody = actor()
    page = run_queries.list_runs(
        site().engine,
        after=forms.optional_text(request.args, "after"),
        by_user_id=somebody.user_id if somebody.area_code else None,
    )
    return render_template("print_runs.html", page=page, next_url=next_url(page.next))


def new_print_run() -> str:
    """The form; ``asset`` (several) are the assets it is for, ``import`` an import whose assets need plates."""
    return _new_page(forms.FormState(values=dict(request.args)))


def add_print_run() -> Answer:
    """Look at it first, or plan it: the worker makes it."""
    form = request.form
    try:
        new = _read(form)
        if form.get("do") == "preview":
            preview = run_services.preview_run(site().engine, new, by=actor())
            return _new_page(forms.state_of(form), preview)
        run_id = run_services.plan_run(site().engine, new, by=actor(), now=now())
    except InvalidInput as error:
        state = forms.state_of(form, errors={error.field: problem_at(error)})
        return _new_page(state), answer_for(error).status
    log.info("print_run_planned", run_id=run_id)
    return redirect(url_for("print_run", run_id=run_id), 303)


def print_run_preview() -> Response:
    """The first label of a run as its form stands, with a token that no plate carries."""
    new = _read(request.args)
    sample = run_services.sample_of_run(site().engine, new, by=actor())
    template = template_in_use(site().engine, new.template_key)
    facts = label_facts(sample, CityOnPlates(public_url=site().city.public_url, name_zh=site().city.name))
    response = Response(labels.make_label(template, facts, "svg"), mimetype="image/svg+xml")
    response.headers["Cache-Control"] = "no-store"
    return response


def print_run(run_id: int) -> str:
    """One run as it stands."""
    return _run_page(run_id, forms.FormState())


def print_run_progress(run_id: int) -> Response:
    """How far it is, for the progress bar."""
    run = _the_run(run_id)
    return jsonify(
        done=run.made + run.failed,
        total=run.total,
        finished=run.state not in WORKING,
        words=t(f"print.progress_{run.state}") if run.state in WORKING else None,
        next=url_for("print_run", run_id=run_id),
    )


def stop_print_run(run_id: int) -> Answer:
    """Stop it; what is made stays made."""
    _the_run(run_id)
    try:
        run_services.stop_run(site().engine, run_id, by=actor(), now=now())
    except InvalidMove as error:
        return _run_page(run_id, _refused(error)), answer_for(error).status
    flash(t("message.print_stopped"), "ok")
    return redirect(url_for("print_run", run_id=run_id), 303)


def resume_print_run(run_id: int) -> Answer:
    """Let it go on, with its failed labels once more."""
    _the_run(run_id)
    try:
        run_services.resume_run(site().engine, run_id, by=actor(), now=now())
    except InvalidMove as error:
        return _run_page(run_id, _refused(error)), answer_for(error).status
    return redirect(url_for("print_run", run_id=run_id), 303)


def print_run_file(run_id: int, filename: str) -> AnyResponse:
    """One finished file."""
    run = _the_run(run_id)
    path = finished_file(site().city.data_dir, run_id, filename)
    if path is None or run.state in WORKING:
        raise NotFound("file of this print run", filename[:80])
    name = f"print-run-{run_id}-{filename}"
    return send_file(path.resolve(), as_attachment=True, download_name=name, max_age=0)


def _the_run(run_id: int) -> RunRow:
    run = run_queries.print_run_view(site().engine, run_id)
    somebody = actor()
    if somebody.area_code and run.created_by != somebody.user_id:
        raise NotAllowed("the print run is somebody else's; your account is bound to an area and sees its own runs")
    return run


def _run_page(run_id: int, form: forms.FormState) -> str:
    run = _the_run(run_id)
    working = run.state in WORKING
    return render_template(
        "print_run.html",
        run=run,
        form=form,
        working=working,
        files=[] if working else finished_files(site().city.data_dir, run_id),
        failed=run_queries.failed_labels(site().engine, run_id) if run.failed else [],
        most_failed=run_queries.MOST_FAILED,
    )


def _new_page(form: forms.FormState, preview: Preview | None = None) -> str:
    engine = site().engine
    ids = request.values.getlist("asset")
    return render_template(
        "print_run_new.html",
        form=form,
        preview=preview,
        templates=list_templates(engine),
        formats=run_services.FORMATS,
        areas=area_choices(engine, scope=actor().area_code),
        classes=class_choices(engine),
        families=list(Family),
        ids=[word for word in ids if word.isdigit()],
        most=run_services.MOST_LABELS,
    )


def _read(values: MultiDict[str, str]) -> NewRun:
    """The form as it was sent or as an address holds it."""
    kind = forms.choice(values, "kind", PrintRunKind) or PrintRunKind.ASSETS
    scheme, _, class_code = (forms.optional_text(values, "class") or "").partition(":")
    family = forms.choice(values, "family", Family)
    ids = tuple(int(word) for word in values.getlist("asset") if word.isdigit())
    fmt = forms.choice(values, "format", run_services.FORMATS) or "pdf"
    return NewRun(
        name=forms.text(values, "name", most=120) or f"{now().astimezone(site().zone):%Y-%m-%d %H:%M}",
        kind=PrintRunKind(kind),
        template_key=forms.text(values, "template_key", most=60),
        format=fmt,
        dpi=forms.optional_int(values, "dpi") if fmt in run_services.RASTER_FORMATS else None,
        start_position=forms.optional_int(values, "start_position") or 1 if fmt == "pdf" else 1,
        selection=RunSelection(
            asset_ids=ids,
            without_plate=forms.flag(values, "again") is not True,
            area_code=forms.optional_text(values, "area") or "",
            family=None if family is None else Family(family),
            scheme=scheme if class_code else "",
            class_code=class_code,
        ),
        count=forms.optional_int(values, "count") or 0,
    )


def _refused(error: InvalidMove) -> forms.FormState:
    return forms.state_of(request.form, problem=problem_of(answer_for(error), error))
