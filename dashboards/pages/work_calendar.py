"""The calendar of work: a year at a glance, days of the city's own, hours from a day on, and what a limit comes to."""

from __future__ import annotations

from datetime import date, datetime

import structlog
from flask import Flask, flash, redirect, render_template, request, url_for

from dashboards import forms
from dashboards.errors import answer_for
from dashboards.login import actor
from dashboards.pages.areas import Answer, refused
from dashboards.site import now, site, t
from registry.domain.errors import Conflict, InvalidInput, InvalidMove
from registry.domain.working_time import Limit, TimeUnit
from registry.queries.work_calendar import due_at, year_view
from registry.services import work_calendar as services

log = structlog.get_logger(__name__)

_REFUSED = (InvalidInput, InvalidMove, Conflict)


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/work-calendar", "work_calendar", work_calendar)
    app.add_url_rule("/work-calendar/days", "set_work_day", set_work_day, methods=["POST"])
    app.add_url_rule("/work-calendar/days/<day>/forget", "forget_work_day", forget_work_day, methods=["POST"])
    app.add_url_rule("/work-calendar/hours", "set_work_hours", set_work_hours, methods=["POST"])
    app.add_url_rule("/work-calendar/hours/<day>/forget", "forget_work_hours", forget_work_hours, methods=["POST"])


def work_calendar() -> str:
    """A year; ``start``, ``amount`` and ``unit`` ask when a limit would end."""
    return _page(_tried(), _year(), due=_due())


def set_work_day() -> Answer:
    """Say that people work, or do not, on a day."""
    form = request.form
    try:
        day = read_date(form.get("day", ""), "day")
        works = forms.choice(form, "works", ("1", "0")) == "1"
        services.set_day(site().engine, day, works=works, name=forms.text(form, "name", most=60), by=actor(), now=now())
    except _REFUSED as error:
        return _page(refused(error), _year()), answer_for(error).status
    return _done(day.year, "message.work_day_set")


def forget_work_day(day: str) -> Answer:
    """Let it be again what the table and the weekday make of it."""
    chosen = read_date(day, "day")
    services.forget_day(site().engine, chosen, by=actor(), now=now())
    return _done(chosen.year, "message.work_day_back")


def set_work_hours() -> Answer:
    """Keep hours of work from a day on."""
    form = request.form
    try:
        day = read_date(form.get("valid_from", ""), "valid_from")
        windows = services.read_windows(forms.text(form, "windows", most=200))
        services.set_hours(site().engine, day, windows, by=actor(), now=now())
    except _REFUSED as error:
        return _page(refused(error), _year()), answer_for(error).status
    return _done(day.year, "message.work_hours_set")


def forget_work_hours(day: str) -> Answer:
    """Take an entry of hours out."""
    chosen = read_date(day, "valid_from")
    services.forget_hours(site().engine, chosen, by=actor(), now=now())
    return _done(chosen.year, "message.work_hours_back")


def read_date(text: str, field: str) -> date:
    """A day as YYYY-MM-DD. Raises ``InvalidInput``."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(field, "{given!r} is no day; write it as 2026-10-01", given=text[:20]) from None


def _year() -> int:
    here = now().astimezone(site().zone).year
    return forms.whole_number(request.values, "year", here, least=2000, most=2100)


def _tried() -> forms.FormState:
    return forms.FormState(values={name: request.args.get(name, "") for name in ("start", "amount", "unit")})


def _due() -> datetime | None:
    amount = forms.optional_float(request.args, "amount")
    unit = forms.choice(request.args, "unit", TimeUnit)
    start = request.args.get("start", "").strip()
    if amount is None or unit is None or not start or not 0 < amount <= 10_000:
        return None
    try:
        begun = datetime.fromisoformat(start).replace(tzinfo=site().zone)
    except ValueError:
        raise InvalidInput("start", "{given!r} is no time; write it as 2026-09-30T16:00", given=start[:20]) from None
    return due_at(site().engine, begun, Limit(amount=amount, unit=TimeUnit(unit)), zone=site().zone)


def _done(year: int, words: str) -> Answer:
    log.info("work_calendar_changed", year=year)
    flash(t(words), "ok")
    return redirect(url_for("work_calendar", year=year), 303)


def _page(form: forms.FormState, year: int, *, due: datetime | None = None) -> str:
    view = year_view(site().engine, year)
    today = now().astimezone(site().zone).date()
    return render_template(
        "work_calendar.html", view=view, form=form, due=due, units=list(TimeUnit), today=today, clock=_clock
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
