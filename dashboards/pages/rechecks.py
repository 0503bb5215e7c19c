"""Looks at closed cases (回头看), and inspections of what is alike (举一反三): lists, and one thing at a time."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, flash, redirect, render_template, request, url_for

from dashboards import forms
from dashboards.errors import answer_for
from dashboards.login import actor, area
from dashboards.pages.areas import Answer, refused
from dashboards.pages.lists import next_url
from dashboards.pages.photos import keep_chosen
from dashboards.pages.supervision import REFUSED
from dashboards.site import now, site, t
from registry.domain.errors import InvalidInput
from registry.domain.kinds import CaseRole, InspectionState, RecheckState, Role
from registry.domain.supervision import MAX_TEXT
from registry.queries import aftercare as queries
from registry.services import inspections, rechecks

_AHEAD = timedelta(days=7)
_LOOKING = frozenset({CaseRole.VERIFIER, CaseRole.COLLECTOR})
_WAIVING = frozenset({CaseRole.SHIFT_SUPERVISOR, CaseRole.DISPATCHER})


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/rechecks", "rechecks", recheck_list)
    app.add_url_rule("/rechecks/<int:recheck_id>", "recheck", recheck)
    app.add_url_rule("/rechecks/<int:recheck_id>", "do_recheck", do_recheck, methods=["POST"])
    app.add_url_rule("/inspections", "inspections", inspection_list)
    app.add_url_rule("/inspections/<int:inspection_id>", "inspection", inspection)
    app.add_url_rule("/inspections/<int:inspection_id>/results", "look_at_asset", look_at_asset, methods=["POST"])
    app.add_url_rule("/inspections/<int:inspection_id>/waive", "waive_inspection", waive_inspection, methods=["POST"])
    for act in ("results", "waive"):
        app.add_url_rule(f"/inspections/<int:inspection_id>/{act}", "inspection", inspection, alias=True)


def recheck_list() -> str:
    """What is due, what comes in the next week, or what was found."""
    over = request.args.get("over") == "1"
    engine, moment = site().engine, now()
    soon = queries.due_rechecks(engine, now=moment, ahead=moment + _AHEAD, scope=area())
    page = None
    if over:
        after = forms.optional_text(request.args, "after")
        state = forms.choice(request.args, "state", RecheckState)
        page = queries.list_rechecks(engine, state=RecheckState(state) if state else None, scope=area(), after=after)
    return render_template(
        "rechecks.html",
        over=over,
        due=[row for row in soon if row.due_at <= moment],
        soon=[row for row in soon if row.due_at > moment],
        past=page.items if page else [],
        next_url=next_url(page.next) if page else None,
    )


def recheck(recheck_id: int) -> str:
    """One look: what was mended, where it is, and two buttons."""
    return _recheck_page(recheck_id, forms.FormState())


def do_recheck(recheck_id: int) -> Answer:
    """Say how it looks."""
    try:
        found = forms.choice(request.form, "found", ("stable", "broken"))
        if found is None:
            raise InvalidInput("found", "is missing; choose one")
        row = queries.one_recheck(site().engine, recheck_id)
        photo_ids = keep_chosen(row.case_id, forms.chosen_files(request.files))
        done = rechecks.do_recheck(
            site().engine,
            recheck_id,
            stable=found == "stable",
            by=actor(),
            now=now(),
            note=forms.text(request.form, "note", most=MAX_TEXT),
            photo_ids=photo_ids,
            zone=site().zone,
        )
    except REFUSED as error:
        return _recheck_page(recheck_id, refused(error)), answer_for(error).status
    if done.reopened:
        flash(t("recheck.reopened"), "ok")
        return redirect(url_for("case", case_id=row.case_id), 303)
    flash(t("recheck.done_next" if done.next_due_at else "recheck.done"), "ok")
    return redirect(url_for("rechecks"), 303)


def inspection_list() -> str:
    """Inspections, those that are open first."""
    over = request.args.get("over") == "1"
    somebody = actor()
    page = queries.list_inspections(
        site().engine,
        state=None if over else InspectionState.OPEN,
        unit_id=somebody.unit_id if somebody.role is Role.CREW else None,
        scope=area(),
        after=forms.optional_text(request.args, "after"),
    )
    return render_template("inspections.html", over=over, page=page, next_url=next_url(page.next))


def inspection(inspection_id: int) -> str:
    """The list of one inspection, those that wait first."""
    return _inspection_page(inspection_id, forms.FormState())


def look_at_asset(inspection_id: int) -> Answer:
    """A result for one asset."""
    try:
        looked = inspections.look_at(
            site().engine,
            inspection_id,
            forms.optional_int(request.form, "asset_id") or 0,
            forms.text(request.form, "result", most=10),
            by=actor(),
            now=now(),
            note=forms.text(request.form, "note", most=MAX_TEXT),
            zone=site().zone,
        )
    except REFUSED as error:
        return _inspection_page(inspection_id, refused(error)), answer_for(error).status
    if looked.waiting:
        flash(t("inspection.kept", waiting=looked.waiting), "ok")
    else:
        flash(t("inspection.all_looked"), "ok")
    return redirect(url_for("inspection", inspection_id=inspection_id), 303)


def waive_inspection(inspection_id: int) -> Answer:
    """Let the case be closed without it."""
    try:
        why = forms.text(request.form, "why", most=MAX_TEXT)
        inspections.waive_inspection(site().engine, inspection_id, why, by=actor(), now=now())
    except REFUSED as error:
        return _inspection_page(inspection_id, refused(error)), answer_for(error).status
    flash(t("inspection.waived"), "ok")
    return redirect(url_for("inspection", inspection_id=inspection_id), 303)


def _recheck_page(recheck_id: int, form: forms.FormState) -> str:
    row = queries.one_recheck(site().engine, recheck_id)
    somebody = actor()
    mended_it = somebody.user_id is not None and somebody.user_id == row.handed_back_by
    may_look = bool(somebody.case_roles & _LOOKING) and not mended_it and row.state is RecheckState.DUE
    return render_template("recheck.html", look=row, form=form, may_look=may_look, mended_it=mended_it)


def _inspection_page(inspection_id: int, form: forms.FormState) -> str:
    file = queries.inspection_file(site().engine, inspection_id)
    is_open = file.state is InspectionState.OPEN
    return render_template(
        "inspection.html",
        file=file,
        form=form,
        is_open=is_open,
        may_waive=is_open and bool(actor().case_roles & _WAIVING),
    )
