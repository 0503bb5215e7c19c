"""The duty list (权责清单): its matrix, its lines, its import, and applying it to assets that nobody answers for."""

from __future__ import annotations

import csv
import io

import structlog
from flask import Flask, Response, flash, redirect, render_template, request, url_for

from dashboards import forms, place_forms, place_options
from dashboards.errors import answer_for
from dashboards.login import actor
from dashboards.pages.areas import REFUSED, Answer, digits, refused
from dashboards.site import now, site, t
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Party, PlaceJobKind
from registry.queries import duties as duty_queries
from registry.queries.people import list_units
from registry.services import duties as duty_services
from registry.services.classes import CJT214_2007
from registry.services.place_jobs import latest_job
from registry.services.place_work import ask_for_duties

log = structlog.get_logger(__name__)

_BOM = "\ufeff"


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/duties", "duties", duties)
    app.add_url_rule("/duties", "set_duty", set_duty, methods=["POST"])
    app.add_url_rule("/duties.csv", "duties_csv", duties_csv)
    app.add_url_rule("/duties/<int:duty_id>/remove", "remove_duty", remove_duty, methods=["POST"])
    app.add_url_rule("/duties/import", "import_duties", import_duties, methods=["POST"])
    app.add_url_rule("/duties/apply", "apply_duties", apply_duties, methods=["POST"])


def duties() -> str:
    """The matrix: who supervises, owns and maintains which class in which area."""
    return _page(forms.FormState())


def _page(form: forms.FormState) -> str:
    scope = actor().area_code
    area_code = digits(forms.optional_text(request.args, "area_code"))
    engine = site().engine
    return render_template(
        "duties.html",
        rows=duty_queries.duty_matrix(engine, area_code=area_code or scope),
        area_code=area_code,
        form=form,
        parties=list(Party),
        options={
            "units": place_options.of_units(),
            "areas": place_options.of_areas(scope),
            "subjects": place_options.of_subjects(),
            "parties": place_options.of_parties(),
        },
        counts=duty_queries.applicable_counts(engine, duty_services.book_of(engine), scope=scope),
        job=latest_job(engine, PlaceJobKind.DUTIES),
    )


def set_duty() -> Answer:
    """Write a line; one for the same party, class and area is replaced."""
    try:
        duty_services.set_duty(site().engine, place_forms.read_duty(request.form), by=actor(), now=now())
    except REFUSED as error:
        return _page(refused(error)), answer_for(error).status
    flash(t("message.duty_saved"), "ok")
    return redirect(url_for("duties"), 303)


def remove_duty(duty_id: int) -> Answer:
    """Take a line out."""
    duty_services.remove_duty(site().engine, duty_id, by=actor(), now=now())
    flash(t("message.duty_removed"), "ok")
    return redirect(url_for("duties"), 303)


def import_duties() -> Answer:
    """Take the lines of a CSV: all of them, or none and the first that is wrong."""
    try:
        file = request.files.get("file")
        if file is None or not file.filename:
            raise InvalidInput("file", t("areas.choose_file"))
        units = {unit.name: unit.id for unit in list_units(site().engine)}
        lines = place_forms.read_duty_file(file.stream.read(), units, CJT214_2007)
        count = duty_services.set_duties(site().engine, lines, by=actor(), now=now())
    except REFUSED as error:
        return _page(refused(error)), answer_for(error).status
    flash(t("message.duties_imported", count=count), "ok")
    return redirect(url_for("duties"), 303)


def apply_duties() -> Answer:
    """Ask the worker to name the parties that assets lack."""
    job_id = ask_for_duties(site().engine, by=actor(), now=now())
    log.info("duties_asked", job_id=job_id)
    flash(t("message.job_asked"), "ok")
    return redirect(url_for("duties"), 303)


def duties_csv() -> Response:
    """The list as its own import understands it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["责任", "区域编码", "区域", "family", "分类标准", "部件编码", "部件名称", "单位"])
    words = {Party.SUPERVISOR: "主管", Party.OWNER: "权属", Party.MAINTAINER: "养护"}
    for row in duty_queries.duty_matrix(site().engine, area_code=actor().area_code):
        for party, line in row.lines.items():
            cells = [words[party], row.area_code, row.area_name, row.family, row.scheme, row.class_code]
            writer.writerow([_plain(cell) for cell in (*cells, row.class_name_zh, line.unit_name)])
    response = Response(_BOM + text.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="duties.csv"'
    return response


def _plain(cell: str) -> str:
    """A sheet takes a cell that begins so for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
