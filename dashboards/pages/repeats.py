"""Cases that happened again, typical cases, and what is set for what comes after cases of each kind."""

from __future__ import annotations

from flask import Flask, flash, redirect, render_template, request, url_for

from dashboards import forms, supervision_forms
from dashboards.errors import answer_for
from dashboards.login import actor, area
from dashboards.pages.areas import Answer, refused
from dashboards.pages.lists import next_url
from dashboards.pages.supervision import REFUSED
from dashboards.quiet_forms import local_moment
from dashboards.site import now, site, standard, t
from registry.domain.aftercare import Likeness, next_quarter, quarter_of, read_quarter
from registry.domain.errors import NotFound
from registry.domain.supervision import MAX_TEXT
from registry.queries import aftercare as queries
from registry.queries import cases as case_queries
from registry.queries.units import unit_rows
from registry.services import aftercare, repeats, typical_cases

TABS = ("open", "answered", "done", "all")


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/repeats", "repeats", repeat_list)
    app.add_url_rule("/repeats/<int:case_id>", "repeat", repeat)
    app.add_url_rule("/repeats/<int:case_id>", "answer_repeat", answer_repeat, methods=["POST"])
    app.add_url_rule("/repeats/<int:case_id>/done", "finish_measure", finish_measure, methods=["POST"])
    app.add_url_rule("/typical-cases", "typical_cases", typical_list)
    app.add_url_rule("/cases/<int:case_id>/typical", "typical_case", typical_case)
    app.add_url_rule("/cases/<int:case_id>/typical", "mark_typical", mark_typical, methods=["POST"])
    app.add_url_rule("/cases/<int:case_id>/typical/remove", "unmark_typical", unmark_typical, methods=["POST"])
    app.add_url_rule("/aftercare", "aftercare", settings)
    app.add_url_rule("/aftercare", "save_aftercare", save_aftercare, methods=["POST"])
    app.add_url_rule("/aftercare/reset", "reset_aftercare", reset_aftercare, methods=["POST"])
    app.add_url_rule("/aftercare/reset", "aftercare", settings, alias=True)
    app.add_url_rule("/repeats/<int:case_id>/done", "repeat", repeat, alias=True)


def repeat_list() -> str:
    """Repeats: without a cause, with a measure under way, done."""
    tab = forms.choice(request.args, "tab", TABS) or "open"
    after = forms.optional_text(request.args, "after")
    state = "" if tab == "all" else tab
    page = queries.list_repeats(site().engine, now=now(), state=state, scope=area(), after=after)
    return render_template("repeats.html", page=page, tab=tab, tabs=TABS, next_url=next_url(page.next))


def repeat(case_id: int) -> str:
    """One repeat, with the form for cause and measure."""
    return _repeat_page(case_id, forms.FormState())


def answer_repeat(case_id: int) -> Answer:
    """Keep cause and measure."""
    form = request.form
    try:
        repeats.answer_repeat(
            site().engine,
            case_id,
            cause=forms.text(form, "cause", most=MAX_TEXT),
            measure=forms.text(form, "measure", most=MAX_TEXT),
            unit_id=forms.optional_int(form, "unit_id"),
            measure_by=local_moment(form, "measure_by", site().zone),
            by=actor(),
            expected_version=supervision_forms.needed_int(form, "version"),
            now=now(),
        )
    except REFUSED as error:
        return _repeat_page(case_id, refused(error)), answer_for(error).status
    flash(t("repeat.answered"), "ok")
    return redirect(url_for("repeat", case_id=case_id), 303)


def finish_measure(case_id: int) -> Answer:
    """The measure was carried out."""
    try:
        version = supervision_forms.needed_int(request.form, "version")
        repeats.finish_measure(site().engine, case_id, by=actor(), expected_version=version, now=now())
    except REFUSED as error:
        return _repeat_page(case_id, refused(error)), answer_for(error).status
    flash(t("repeat.finished"), "ok")
    return redirect(url_for("repeat", case_id=case_id), 303)


def typical_list() -> str:
    """The digest of one quarter."""
    this = quarter_of(now().astimezone(site().zone).date())
    quarter = read_quarter(request.args.get("quarter") or this)
    return render_template(
        "typical_cases.html",
        quarter=quarter,
        rows=queries.digest(site().engine, quarter, scope=area()),
        before=next_quarter(quarter, -1),
        after=next_quarter(quarter) if quarter < this else None,
    )


def typical_case(case_id: int) -> str:
    """The words with which a case stands in the digest."""
    return _typical_page(case_id, forms.FormState())


def mark_typical(case_id: int) -> Answer:
    """Put a case into the digest of its quarter."""
    try:
        title, lesson = forms.text(request.form, "title", most=120), forms.text(request.form, "lesson", most=MAX_TEXT)
        quarter = typical_cases.mark_typical(
            site().engine, case_id, title=title, lesson=lesson, by=actor(), now=now(), zone=site().zone
        )
    except REFUSED as error:
        return _typical_page(case_id, refused(error)), answer_for(error).status
    flash(t("typical.marked"), "ok")
    return redirect(url_for("typical_cases", quarter=quarter) + f"#case-{case_id}", 303)


def unmark_typical(case_id: int) -> Answer:
    """Take it out again."""
    typical_cases.unmark_typical(site().engine, case_id, by=actor(), now=now())
    flash(t("typical.removed"), "ok")
    return redirect(url_for("case", case_id=case_id), 303)


def settings() -> str:
    """What is done after cases of each kind."""
    return _settings_page(forms.FormState())


def save_aftercare() -> Answer:
    """Keep a line."""
    try:
        line = supervision_forms.read_aftercare(request.form)
        aftercare.save_aftercare(site().engine, line, by=actor(), now=now())
    except REFUSED as error:
        return _settings_page(refused(error)), answer_for(error).status
    flash(t("aftercare.saved"), "ok")
    return redirect(url_for("aftercare") + f"#line-{line.kind or 'all'}", 303)


def reset_aftercare() -> Answer:
    """Go back to what was shipped."""
    kind = forms.text(request.form, "kind", most=40)
    aftercare.reset_aftercare(site().engine, kind, by=actor(), now=now())
    flash(t("aftercare.was_reset"), "ok")
    return redirect(url_for("aftercare"), 303)


def _repeat_page(case_id: int, form: forms.FormState) -> str:
    row = queries.one_repeat(site().engine, case_id, now=now())
    until = row.measure_by.astimezone(site().zone) if row.measure_by else None
    measure_by = f"{until:%Y-%m-%dT%H:%M}" if until else ""
    units = unit_rows(site().engine)
    return render_template("repeat.html", row=row, form=form, units=units, measure_by=measure_by)


def _typical_page(case_id: int, form: forms.FormState) -> str:
    file = case_queries.case_file(site().engine, case_id)
    if file is None:
        raise NotFound("case", case_id)
    beyond = queries.beyond_case(site().engine, case_id, now=now())
    return render_template("typical_case.html", file=file, typical=beyond.typical, form=form)


def _settings_page(form: forms.FormState) -> str:
    lines = queries.aftercare_lines(site().engine)
    missing = [kind for kind in standard().open_kinds() if kind not in {each.line.kind for each in lines}]
    wrong = form.value("kind") if form.values else None
    return render_template("aftercare.html", lines=lines, missing=missing, form=form, wrong=wrong, likes=list(Likeness))
