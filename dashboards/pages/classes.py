"""Class tables: the list with the explainer of codes, one table, loading a city's own, adding a class."""

from __future__ import annotations

import structlog
from flask import Flask, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboards import forms
from dashboards.class_files import load_class_file
from dashboards.errors import answer_for
from dashboards.login import actor
from dashboards.refusals import problem_at
from dashboards.site import lang, now, site, t
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family
from registry.queries import classes as class_queries
from registry.services.class_import import ClassReport
from registry.services.classes import CJT214_2007, GBT30428_2013, Scheme, add_extension_class
from registry.services.codes import CodeReading, read_through
from registry.tabular.class_table import say_class_fault

log = structlog.get_logger(__name__)

Answer = str | Response | tuple[str, int]
MAJORS = {CJT214_2007: ("21",), GBT30428_2013: ("01", "02", "03", "04", "05")}
"""Which major classes may get a city's own classes; a city's own table may have them in any."""


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/classes", "classes", classes)
    app.add_url_rule("/classes/load", "new_class_table", new_class_table)
    app.add_url_rule("/classes/load", "load_class_table", load_class_table, methods=["POST"])
    app.add_url_rule("/classes/<key>", "class_table", class_table)
    app.add_url_rule("/classes/<key>", "add_class", add_class, methods=["POST"])


def classes() -> str:
    """Every class table; ``code`` is a component code to be explained."""
    code = forms.optional_text(request.args, "code", most=64)
    reading: CodeReading | None = None if code is None else read_through(site().engine, code)
    return render_template(
        "classes.html", schemes=class_queries.list_schemes(site().engine), code=code or "", reading=reading
    )


def class_table(key: str) -> str:
    """One table."""
    return _table_page(key, forms.FormState())


def add_class(key: str) -> Answer:
    """A class of the city's own, under the next free number."""
    form = request.form
    try:
        family = forms.choice(form, "family", Family)
        if family is None:
            raise InvalidInput("family", t("classes.choose_family"))
        made = add_extension_class(
            site().engine,
            key,
            name_zh=forms.text(form, "name_zh", most=60),
            name_en=forms.text(form, "name_en", most=80),
            family=Family(family),
            major=forms.text(form, "major", most=2),
            by=actor(),
            now=now(),
        )
    except InvalidInput as error:
        return _table_page(key, _refused(error)), answer_for(error).status
    flash(t("message.class_added", code=made.code, name=made.name_zh), "ok")
    return redirect(url_for("class_table", key=key, _anchor=f"class-{made.code}"), 303)


def new_class_table() -> str:
    """The form for a file."""
    return _load_page(forms.FormState(values={"scheme": request.args.get("scheme", "")}))


def load_class_table() -> Answer:
    """Check the file and, unless only that was asked for, load it; the report says what happened to which class."""
    form, chosen = request.form, forms.chosen_files(request.files, "file")
    try:
        if not chosen:
            raise InvalidInput("file", t("classes.choose_file"))
        scheme = Scheme(
            key=forms.text(form, "scheme", most=60),
            name_zh=forms.text(form, "name_zh", most=200),
            name_en=forms.text(form, "name_en", most=200),
            note=forms.text(form, "note", most=2_000),
        )
        check_only = form.get("check") == "1"
        report = load_class_file(site().engine, chosen[0], scheme, by=actor(), now=now(), check_only=check_only)
    except InvalidInput as error:
        return _load_page(_refused(error)), answer_for(error).status
    log.info("class_table_loaded", scheme=report.scheme, written=report.written, faults=len(report.faults))
    return _load_page(forms.state_of(form), report), 422 if report.faults else 200


def _table_page(key: str, form: forms.FormState) -> str:
    view = class_queries.scheme_view(site().engine, key)
    return render_template(
        "class_table.html", view=view, form=form, families=list(Family), majors=MAJORS.get(key, ("", *_ANY_MAJOR))
    )


_ANY_MAJOR = tuple(f"{number:02d}" for number in range(1, 22))


def _load_page(form: forms.FormState, report: ClassReport | None = None) -> str:
    faults = (
        []
        if report is None
        else [(row, fault, *say_class_fault(fault.code, fault.args, lang())) for row, fault in report.faults]
    )
    return render_template("class_load.html", form=form, report=report, faults=faults)


def _refused(error: InvalidInput) -> forms.FormState:
    wrong = problem_at(error)
    return forms.state_of(request.form, errors={error.field: wrong})
