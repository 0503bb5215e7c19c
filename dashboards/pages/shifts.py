"""Shifts (班次): who is on duty now, the week's roster with its gaps, and filling weeks by rotation (三班倒)."""

from __future__ import annotations

from datetime import date, timedelta

import structlog
from flask import Flask, flash, redirect, render_template, request, url_for

from dashboards import campaign_forms, forms, place_forms, place_options
from dashboards.errors import answer_for
from dashboards.login import actor, area
from dashboards.pages.areas import REFUSED, Answer, refused
from dashboards.site import lang, now, site, t
from registry.domain.errors import NotFound
from registry.domain.patrols import monday_of
from registry.domain.shifts import ShiftDays
from registry.queries import shifts as queries
from registry.queries.people import list_people
from registry.services import shifts as services
from registry.services.work_calendar import holiday_name, holiday_name_en

log = structlog.get_logger(__name__)


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/shifts", "shifts", shifts)
    app.add_url_rule("/shifts/new", "new_shift", new_shift)
    app.add_url_rule("/shifts/new", "add_shift", add_shift, methods=["POST"])
    app.add_url_rule("/shifts/<int:shift_id>", "shift", shift)
    app.add_url_rule("/shifts/<int:shift_id>", "save_shift", save_shift, methods=["POST"])
    app.add_url_rule("/shifts/<int:shift_id>/retire", "retire_shift", retire_shift, methods=["POST"])
    app.add_url_rule("/shifts/fill", "new_roster", new_roster)
    app.add_url_rule("/shifts/fill", "fill_roster", fill_roster, methods=["POST"])
    app.add_url_rule("/shifts/turns", "put_turn", put_turn, methods=["POST"])
    app.add_url_rule("/shifts/turns", "shifts", shifts, alias=True)
    app.add_url_rule("/shifts/turns/<int:turn_id>/remove", "remove_turn", remove_turn, methods=["POST"])


def shifts() -> str:
    """Who is on duty now, and the roster of a week."""
    return _week_page(forms.FormState())


def put_turn() -> Answer:
    """Put somebody on the roster for one day."""
    try:
        new = campaign_forms.read_turn(request.form)
        services.put_turn(site().engine, new, by=actor(), now=now(), zone=site().zone)
    except REFUSED as error:
        return _week_page(refused(error)), answer_for(error).status
    flash(t("message.turn_kept"), "ok")
    return redirect(url_for("shifts", first=monday_of(new.day).isoformat()), 303)


def remove_turn(turn_id: int) -> Answer:
    """Take somebody off the roster."""
    try:
        services.remove_turn(site().engine, turn_id, by=actor(), now=now())
    except REFUSED as error:
        return _week_page(refused(error)), answer_for(error).status
    flash(t("message.turn_removed"), "ok")
    return redirect(url_for("shifts", first=forms.optional_text(request.form, "first", most=10)), 303)


def new_shift() -> str:
    """The form of a new shift."""
    return _form_page(None, forms.FormState(values=dict(request.args)))


def add_shift() -> Answer:
    """Add a shift."""
    return _save(None)


def shift(shift_id: int) -> str:
    """The form of one shift."""
    return _form_page(shift_id, forms.FormState())


def save_shift(shift_id: int) -> Answer:
    """Keep what was changed about a shift."""
    return _save(shift_id)


def retire_shift(shift_id: int) -> Answer:
    """Take a shift out of use."""
    services.retire_shift(site().engine, shift_id, by=actor(), now=now())
    flash(t("message.shift_retired"), "ok")
    return redirect(url_for("shifts"), 303)


def new_roster() -> str:
    """The form that fills weeks by rotation."""
    return _fill_page(forms.FormState(values=dict(request.args)))


def fill_roster() -> Answer:
    """Fill weeks."""
    where = site()
    try:
        people = list_people(where.engine, active=True, limit=500).items
        order = campaign_forms.read_rotation(request.form, people)
        off = queries.days_off(where.engine, where.zone)
        count = services.fill_roster(where.engine, order, by=actor(), now=now(), is_off=off, zone=where.zone)
    except REFUSED as error:
        return _fill_page(refused(error)), answer_for(error).status
    log.info("roster_filled", turns=count, by_user_id=actor().user_id)
    flash(t("message.roster_filled", count=count), "ok")
    return redirect(url_for("shifts", first=monday_of(order.first).isoformat()), 303)


def _save(shift_id: int | None) -> Answer:
    try:
        new = campaign_forms.read_shift(request.form)
        version = forms.optional_int(request.form, "version")
        services.save_shift(site().engine, shift_id, new, by=actor(), now=now(), version=version, zone=site().zone)
    except REFUSED as error:
        return _form_page(shift_id, refused(error)), answer_for(error).status
    flash(t("message.shift_saved"), "ok")
    return redirect(url_for("shifts"), 303)


def _week_page(form: forms.FormState) -> str:
    where = site()
    today = _today()
    first = monday_of(place_forms.read_day(request.args, "first") or today)
    unit_id = forms.optional_int(request.args, "unit_id")
    off = queries.days_off(where.engine, where.zone)
    week = queries.roster(where.engine, first, first + timedelta(days=6), is_off=off, unit_id=unit_id)
    named = holiday_name if lang() == "zh" else holiday_name_en
    on_duty = queries.who_is_on_duty(where.engine, at=now(), scope=area())
    return render_template(
        "shifts.html",
        week=week,
        today=today,
        on_duty=on_duty,
        areas=place_options.names_of_areas() if any(one.area_code for one in on_duty) else {},
        off={day: named(day) or t("shifts.off") for day in week.days if off(day)},
        back=(first - timedelta(days=7)).isoformat(),
        next=(first + timedelta(days=7)).isoformat(),
        unit_id=unit_id,
        form=form,
        options={"units": place_options.of_units(), "people": place_options.of_people()},
    )


def _form_page(shift_id: int | None, form: forms.FormState) -> str:
    shown = None if shift_id is None else queries.shift_view(site().engine, shift_id)
    if shift_id is not None and shown is None:
        raise NotFound("shift", shift_id)
    return render_template(
        "shift.html",
        shift=shown,
        form=form,
        options={
            "units": place_options.of_units(),
            "areas": place_options.of_areas(actor().area_code),
            "days": place_options.of_words(ShiftDays, "shift_days."),
        },
    )


def _fill_page(form: forms.FormState) -> str:
    today = _today()
    chosen = request.form.getlist("shift_ids") if request.method == "POST" else []
    return render_template(
        "shift_fill.html",
        shifts=queries.list_shifts(site().engine),
        chosen=chosen,
        form=form,
        first=today.isoformat(),
        last=(today + timedelta(days=27)).isoformat(),
    )


def _today() -> date:
    return now().astimezone(site().zone).date()
