"""Areas: the tree with its map, one area, the import with its report, responsibility grids, the work that follows."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from flask import Flask, Response, flash, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from dashboards import forms, place_forms, place_options
from dashboards.errors import answer_for, problem_of
from dashboards.login import actor
from dashboards.pages.lists import next_url
from dashboards.paths import safe_path
from dashboards.refusals import problem_at
from dashboards.site import now, site, t
from registry.domain.errors import Conflict, InvalidInput, NotAllowed
from registry.domain.geo import Crs
from registry.domain.kinds import AreaLevel, PlaceJobKind
from registry.queries import areas as area_queries
from registry.services import area_import, areas, place_jobs
from registry.services.area_files import FIELD_NAMES, MAX_BYTES
from registry.services.place_work import ask_for_relocation

log = structlog.get_logger(__name__)

REFUSED = (InvalidInput, Conflict, NotAllowed)
_MOST_PROBLEMS = 300
_HASH = re.compile(r"[0-9a-f]{64}")

Answer = str | BaseResponse | tuple[str, int]


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/areas", "areas", area_list)
    app.add_url_rule("/areas/shapes.json", "area_shapes", area_shapes)
    app.add_url_rule("/areas/<int:area_id>", "area", area)
    app.add_url_rule("/areas/<int:area_id>/outline.json", "area_outline", area_outline)
    app.add_url_rule("/areas/<int:area_id>", "save_area", save_area, methods=["POST"])
    app.add_url_rule("/areas/<int:area_id>/end", "end_area", end_area, methods=["POST"])
    app.add_url_rule("/areas/import", "new_area_import", new_area_import)
    app.add_url_rule("/areas/import", "check_areas", check_areas, methods=["POST"])
    app.add_url_rule("/areas/import/run", "import_areas", import_areas, methods=["POST"])
    app.add_url_rule("/areas/grid", "new_grid", new_grid)
    app.add_url_rule("/areas/grid", "make_grid", make_grid, methods=["POST"])
    app.add_url_rule("/areas/relocate", "relocate", relocate, methods=["POST"])
    app.add_url_rule("/areas/jobs/<int:job_id>/progress", "place_job_progress", place_job_progress)
    app.add_url_rule("/areas/jobs/<int:job_id>/stop", "stop_place_job", stop_place_job, methods=["POST"])
    app.add_url_rule("/areas/jobs/<int:job_id>/resume", "resume_place_job", resume_place_job, methods=["POST"])


def area_list() -> str:
    """One level of the tree, as a map and as a list; ``under`` is the area it lies in."""
    args, scope = request.args, actor().area_code
    level = forms.choice(args, "level", AreaLevel)
    under, q = digits(forms.optional_text(args, "under")), forms.optional_text(args, "q")
    chosen = None if level is None else AreaLevel(level)
    page = area_queries.list_areas(
        site().engine,
        level=chosen,
        under=under,
        q=q or "",
        scope=scope,
        after=forms.optional_text(args, "after"),
    )
    shown = page.items[0].level if page.items else chosen
    return render_template(
        "areas.html",
        page=page,
        next_url=next_url(page.next),
        level=shown,
        chosen=level,
        under=under,
        q=q,
        path=area_queries.area_path(site().engine, under),
        counts=area_queries.level_counts(site().engine, scope=scope),
        job=place_jobs.latest_job(site().engine, PlaceJobKind.RELOCATE),
    )


def area_shapes() -> Response:
    """The outlines of one level as GeoJSON, for the map; only those of the visitor's own area."""
    level = forms.choice(request.args, "level", AreaLevel)
    content = area_queries.area_shapes(
        site().engine,
        level=None if level is None else AreaLevel(level),
        under=digits(forms.optional_text(request.args, "under")),
        scope=actor().area_code,
    )
    return Response(content, mimetype="application/geo+json")


def area_outline(area_id: int) -> Response:
    """The outline of one area and of those right inside it, for its map."""
    return Response(area_queries.outline_of(site().engine, area_id), mimetype="application/geo+json")


def area(area_id: int) -> str:
    """One area."""
    return _area_page(area_id, forms.FormState())


def _area_page(area_id: int, form: forms.FormState) -> str:
    return render_template(
        "area.html",
        area=area_queries.area_view(site().engine, area_id),
        form=form,
        options={"units": place_options.of_units(), "people": place_options.of_people()},
    )


def save_area(area_id: int) -> Answer:
    """Keep what was changed about an area."""
    try:
        areas.change_area(site().engine, area_id, place_forms.read_area_change(request.form), by=actor(), now=now())
    except REFUSED as error:
        return _area_page(area_id, refused(error)), answer_for(error).status
    flash(t("message.area_saved"), "ok")
    return redirect(url_for("area", area_id=area_id), 303)


def end_area(area_id: int) -> Answer:
    """End an area today, or take that back."""
    try:
        if request.form.get("reopen") == "1":
            areas.reopen_area(site().engine, area_id, by=actor(), now=now())
        else:
            today = now().astimezone(site().zone).date()
            areas.end_area(site().engine, area_id, on=today, by=actor(), now=now())
    except REFUSED as error:
        return _area_page(area_id, refused(error)), answer_for(error).status
    flash(t("message.area_ended"), "ok")
    return redirect(url_for("area", area_id=area_id), 303)


def new_area_import() -> str:
    """The form for a file of areas."""
    return _import_page(forms.FormState())


def check_areas() -> Answer:
    """Keep the file, tell what an import of it would do, and offer to do it."""
    try:
        content, kept_as = _uploaded()
        wanted = place_forms.read_area_import(request.form)
        report = area_import.check_areas(site().engine, content, wanted)
    except REFUSED as error:
        return _import_page(refused(error)), answer_for(error).status
    return _import_page(forms.state_of(request.form), report=report, kept_as=kept_as)


def import_areas() -> Answer:
    """Do what was checked."""
    try:
        path = _kept(request.form.get("kept_as", ""))
        if not path.exists():
            raise InvalidInput("file", t("areas.choose_again"))
        wanted = place_forms.read_area_import(request.form)
        report = area_import.import_areas(site().engine, path.read_bytes(), wanted, by=actor(), now=now())
    except REFUSED as error:
        return _import_page(refused(error)), answer_for(error).status
    path.unlink(missing_ok=True)
    log.info("areas_imported", created=report.created, updated=report.updated, rejected=report.rejected)
    return _import_page(forms.FormState(), report=report)


def _import_page(form: forms.FormState, *, report: Any = None, kept_as: str = "") -> str:
    return render_template(
        "area_import.html",
        form=form,
        report=report,
        kept_as=kept_as,
        most=_MOST_PROBLEMS,
        fields=list(FIELD_NAMES),
        settings_names=["level", "crs", "mend", *(f"field_{name}" for name in FIELD_NAMES)],
        options={
            "levels": place_options.of_words(AreaLevel, "area_level."),
            "crs": place_options.of_words(Crs, "crs."),
        },
        limit_mb=min(site().settings.import_limit_mb, MAX_BYTES / 1_000_000),
    )


def new_grid() -> str:
    """The form of a responsibility grid."""
    return _grid_page(forms.FormState(values=dict(request.args)))


def make_grid() -> Answer:
    """Join cells to a responsibility grid."""
    try:
        grid_id = areas.make_grid(site().engine, place_forms.read_grid(request.form), by=actor(), now=now())
    except REFUSED as error:
        return _grid_page(refused(error)), answer_for(error).status
    flash(t("message.area_saved"), "ok")
    return redirect(url_for("area", area_id=grid_id), 303)


def _grid_page(form: forms.FormState) -> str:
    return render_template("area_grid.html", form=form, options={"people": place_options.of_people()})


def relocate() -> BaseResponse:
    """Ask the worker to find every asset's area anew."""
    ask_for_relocation(site().engine, by=actor(), now=now())
    flash(t("message.job_asked"), "ok")
    return redirect(url_for("areas"), 303)


def place_job_progress(job_id: int) -> Response:
    """How far a job is, for the bar on the page."""
    job = place_jobs.find_job(site().engine, job_id)
    return jsonify(
        done=job.seen,
        total=job.total or None,
        finished=not job.live,
        words=t(f"place_job.{job.kind}"),
    )


def stop_place_job(job_id: int) -> BaseResponse:
    """Stop a job after its present batch."""
    place_jobs.stop_job(site().engine, job_id, by=actor(), now=now())
    return redirect(_back(), 303)


def resume_place_job(job_id: int) -> BaseResponse:
    """Let a stopped or failed job go on."""
    place_jobs.resume_job(site().engine, job_id, by=actor(), now=now())
    return redirect(_back(), 303)


def refused(error: Exception) -> forms.FormState:
    """The form as it was sent, with what was wrong at its field or in general."""
    if isinstance(error, InvalidInput):
        return forms.state_of(request.form, errors={error.field: problem_at(error)})
    return forms.state_of(request.form, problem=problem_of(answer_for(error), error))


def _back() -> str:
    return safe_path(request.form.get("next"), otherwise=url_for("areas"))


def digits(text: str | None) -> str:
    """The code of an area in an address; "" for none. Raises ``InvalidInput``."""
    if text and not (text.isascii() and text.isdigit()):
        raise InvalidInput("area_code", "{given!r} must be the digits of an area's code", given=text[:20])
    return text or ""


def _uploaded() -> tuple[bytes, str]:
    """The file that was sent or, when only the settings changed, the one kept before; and what it is kept as."""
    file = request.files.get("file")
    if file is None or not file.filename:
        path = _kept(request.form.get("kept_as", ""))
        if not path.exists():
            raise InvalidInput("file", t("areas.choose_file"))
        return path.read_bytes(), path.stem
    content = file.stream.read()
    kept_as = hashlib.sha256(content).hexdigest()
    path = _kept(kept_as)
    path.parent.mkdir(parents=True, exist_ok=True)
    _forget_old(path.parent, now())
    path.write_bytes(content)
    return content, kept_as


def _kept(name: str) -> Path:
    folder = Path(site().city.data_dir) / "areas"
    return folder / f"{name}.geojson" if _HASH.fullmatch(name) else folder / "none"


def _forget_old(folder: Path, moment: datetime) -> None:
    """Files that were checked a day ago and never imported."""
    for path in folder.glob("*.geojson"):
        if moment.timestamp() - path.stat().st_mtime > 86_400:
            path.unlink(missing_ok=True)
