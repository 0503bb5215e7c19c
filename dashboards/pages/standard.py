"""The case standard: its lines, one line with its past, a new line, a standard from a spreadsheet and as one."""

from __future__ import annotations

import structlog
from flask import Flask, Response, flash, redirect, render_template, request, url_for

from dashboards import forms
from dashboards.downloads import as_download
from dashboards.errors import answer_for
from dashboards.login import actor
from dashboards.pages.areas import Answer, refused
from dashboards.refusals import problem_at
from dashboards.site import lang, now, site, t
from dashboards.standard_forms import line_of, load_standard_file, values_of
from registry.domain.case_standard import DESK_LIMITS, CaseLine
from registry.domain.errors import Conflict, InvalidInput, InvalidMove
from registry.domain.kinds import Family
from registry.domain.working_time import TimeUnit
from registry.queries.rules import season_choices
from registry.queries.standard import line_in_force, line_versions, standard_of
from registry.services import standard as services
from registry.services.standard_files import StandardReport
from registry.tabular.standard_table import as_csv, as_xlsx

log = structlog.get_logger(__name__)

_REFUSED = (InvalidInput, InvalidMove, Conflict)
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/standard", "standard", standard)
    app.add_url_rule("/standard/new", "new_standard_line", new_standard_line)
    app.add_url_rule("/standard/new", "add_standard_line", add_standard_line, methods=["POST"])
    app.add_url_rule("/standard/load", "new_standard_file", new_standard_file)
    app.add_url_rule("/standard/load", "load_standard", load_standard, methods=["POST"])
    app.add_url_rule("/standard/file.<ending>", "standard_file", standard_file)
    app.add_url_rule("/standard/lines/<key>", "standard_line", standard_line)
    app.add_url_rule("/standard/lines/<key>", "change_standard_line", change_standard_line, methods=["POST"])
    app.add_url_rule("/standard/lines/<key>/undo", "undo_standard_line", undo_standard_line, methods=["POST"])
    app.add_url_rule("/standard/lines/<key>/retire", "retire_standard_line", retire_standard_line, methods=["POST"])


def standard() -> str:
    """Every line, by its class; ``q`` looks through the words, ``family`` cuts."""
    q = forms.optional_text(request.args, "q")
    family = forms.choice(request.args, "family", Family)
    lines = [line for line in standard_of(site().engine) if _fits(line, q, family)]
    groups: dict[tuple[str, str], list[CaseLine]] = {}
    for line in lines:
        groups.setdefault((line.said("big", lang()), line.said("small", lang())), []).append(line)
    wanted = {"q": q or "", "family": family or ""}
    return render_template(
        "standard.html",
        groups=groups,
        wanted=wanted,
        families=list(Family),
        desk=DESK_LIMITS,
        season_names=_season_names(),
    )


def standard_line(key: str) -> str:
    """One line, its form and its past."""
    return _line_page(line_in_force(site().engine, key))


def change_standard_line(key: str) -> Answer:
    """Keep a new version of it."""
    form = request.form
    try:
        line = line_of(form, key)
        services.put_line(
            site().engine,
            line,
            expected_version=_version(),
            note=forms.text(form, "note", most=500),
            by=actor(),
            now=now(),
        )
    except _REFUSED as error:
        return _line_page(line_in_force(site().engine, key), refused(error)), answer_for(error).status
    return _done(key, "message.standard_kept")


def undo_standard_line(key: str) -> Answer:
    """Make it what it was before its last change."""
    try:
        services.undo_line(site().engine, key, expected_version=_version(), by=actor(), now=now())
    except _REFUSED as error:
        return _line_page(line_in_force(site().engine, key), refused(error)), answer_for(error).status
    return _done(key, "message.standard_undone")


def retire_standard_line(key: str) -> Answer:
    """Take it out of use, or back into use."""
    retired = request.form.get("retired") == "1"
    try:
        services.retire_line(site().engine, key, retired=retired, expected_version=_version(), by=actor(), now=now())
    except _REFUSED as error:
        return _line_page(line_in_force(site().engine, key), refused(error)), answer_for(error).status
    return _done(key, "message.standard_retired" if retired else "message.standard_back")


def new_standard_line() -> str:
    """The form of a line that the standard does not have."""
    return _new_page(forms.FormState(values={"severity": "2", "repair_unit": TimeUnit.WORK_DAY}))


def add_standard_line() -> Answer:
    """Keep it."""
    form = request.form
    try:
        line = line_of(form, forms.text(form, "key", most=40))
        services.put_line(site().engine, line, expected_version=0, by=actor(), now=now())
    except _REFUSED as error:
        return _new_page(refused(error)), answer_for(error).status
    return _done(line.key, "message.standard_added")


def new_standard_file() -> str:
    """The form for a file."""
    return _load_page(forms.FormState())


def load_standard() -> Answer:
    """Check the file and, unless only that was asked for, load it; the report says what happened to which row."""
    try:
        chosen = forms.chosen_files(request.files, "file")
        if not chosen:
            raise InvalidInput("file", t("classes.choose_file"))
        check_only = request.form.get("check") == "1"
        report = load_standard_file(site().engine, chosen[0], by=actor(), now=now(), check_only=check_only)
    except InvalidInput as error:
        return _load_page(refused(error)), answer_for(error).status
    log.info("standard_loaded", written=report.written, problems=len(report.problems))
    return _load_page(forms.FormState(), report), 422 if report.problems else 200


def standard_file(ending: str) -> Response:
    """The standard as a spreadsheet that can be loaded again."""
    kind = forms.choice({"ending": ending}, "ending", _TYPES) or "xlsx"
    lines = list(standard_of(site().engine))
    content = as_csv(lines) if kind == "csv" else as_xlsx(lines)
    return as_download(Response(content, content_type=_TYPES[kind]), f"案件标准.{kind}")


def _fits(line: CaseLine, q: str | None, family: str | None) -> bool:
    if family and line.family != family:
        return False
    text = " ".join(
        (line.key, line.name_zh, line.name_en, line.big_zh, line.small_zh, line.filing_zh, line.filing_en)
    ).lower()
    return q is None or all(part in text for part in q.lower().split())


def _version() -> int:
    return forms.whole_number(request.form, "version", 0, least=0, most=1_000_000)


def _done(key: str, words: str) -> Answer:
    log.info("standard_changed", key=key)
    flash(t(words), "ok")
    return redirect(url_for("standard_line", key=key), 303)


def _line_page(line: CaseLine, form: forms.FormState | None = None) -> str:
    shown = form or forms.FormState(values=values_of(line))
    past = line_versions(site().engine, line.key)
    return render_template(
        "standard_line.html",
        line=line,
        form=shown,
        past=past,
        families=list(Family),
        units=list(TimeUnit),
        season_names=_season_names(),
    )


def _season_names() -> dict[str, str]:
    """Seasons as people call them, by the keys that limits name."""
    found = season_choices(site().engine, now=now(), zone=site().zone)
    return {each.key: each.name_zh if lang() == "zh" else each.name_en for each in found}


def _new_page(form: forms.FormState) -> str:
    return render_template("standard_new.html", form=form, families=list(Family), units=list(TimeUnit))


def _load_page(form: forms.FormState, report: StandardReport | None = None) -> str:
    problems = (
        [] if report is None else [(each.row, each.error.field, problem_at(each.error)) for each in report.problems]
    )
    return render_template("standard_load.html", form=form, report=report, problems=problems)
