"""Work on covers: starting a permit in front of the plate, one decision a screen, and what the desk sees of them."""

from __future__ import annotations

import structlog
from flask import Flask, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboards import forms, quiet_forms
from dashboards.errors import answer_for
from dashboards.login import actor, area, may
from dashboards.pages.areas import Answer, refused
from dashboards.pages.lists import next_url
from dashboards.pages.proof import recent_scan
from dashboards.site import now, site, t
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import Family, Role
from registry.domain.permits import PRESETS_MIN, Seat, may_open
from registry.queries import assets as asset_queries
from registry.queries import cases as case_queries
from registry.queries import permits as queries
from registry.queries.permits import PermitRow
from registry.services import permits as services

log = structlog.get_logger(__name__)

_REFUSED = (InvalidInput, Conflict, InvalidMove, NotAllowed)
_PEOPLE = (1, 2, 3, 4, 5, 6)
_LONGER_MIN = (15, 30, 60, 120)
WORKS: dict[Family, tuple[str, ...]] = {
    Family.COVER: ("cleaning", "inspection", "repair", "replacing", "sensor"),
    Family.LIGHT: ("inspection", "repair", "wiring", "sensor"),
    Family.OTHER: ("inspection", "repair", "sensor"),
}
"""What is usually done, by family; ``permit_work.<word>`` are the words."""


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/permits", "permits", permits)
    app.add_url_rule("/permits/<int:permit_id>", "permit", permit)
    app.add_url_rule("/permits/<int:permit_id>/progress.json", "permit_progress", permit_progress)
    app.add_url_rule("/permits/<int:permit_id>/prolong", "prolong_permit", prolong_permit, methods=["POST"])
    app.add_url_rule("/permits/<int:permit_id>/end", "end_permit", end_permit, methods=["POST"])
    app.add_url_rule("/assets/<int:asset_id>/permits/new", "new_permit", new_permit)
    app.add_url_rule("/assets/<int:asset_id>/permits", "start_permit", start_permit, methods=["POST"])
    # somebody loads the page again after a refusal, or changes the language on it
    app.add_url_rule("/assets/<int:asset_id>/permits", "new_permit", new_permit, alias=True)
    for act in ("prolong", "end"):
        app.add_url_rule(f"/permits/<int:permit_id>/{act}", "permit", permit, alias=True)


def permits() -> str:
    """What runs now, overdue first; or what is over, newest first."""
    over = request.args.get("over") == "1"
    engine, moment = site().engine, now()
    running = queries.running_permits(engine, now=moment, scope=area())
    after = forms.optional_text(request.args, "after")
    past = queries.list_permits(engine, now=moment, over=True, scope=area(), after=after) if over else None
    return render_template(
        "permits.html",
        over=over,
        running=running,
        past=past.items if past else [],
        next_url=next_url(past.next) if past else None,
        overdue=sum(each.overdue for each in running),
    )


def permit(permit_id: int) -> str:
    """One permit: how long it still runs and its two buttons, or one question; afterwards, how the cover sits."""
    ask = request.args.get("ask", "") if request.method == "GET" else ""
    return _page(_found(permit_id), forms.FormState(), ask=ask if ask in ("end", "prolong") else "")


def permit_progress(permit_id: int) -> dict[str, object]:
    """Whether it is known how the cover sits."""
    found = _found(permit_id)
    return {"done": 0, "total": None, "finished": found.seat is not Seat.WAITING}


def prolong_permit(permit_id: int) -> Answer:
    """Let it run longer."""
    try:
        minutes = quiet_forms.read_minutes(request.form)
        services.prolong(site().engine, permit_id, minutes, by=actor(), now=now())
    except _REFUSED as error:
        return _page(_found(permit_id), refused(error), ask="prolong"), answer_for(error).status
    flash(t("message.permit_prolonged"), "ok")
    return redirect(_back(permit_id), 303)


def end_permit(permit_id: int) -> Answer:
    """Whoever stands there says that the cover is closed."""
    try:
        note = forms.text(request.form, "note", most=500)
        services.end(site().engine, permit_id, by=actor(), now=now(), note=note)
    except _REFUSED as error:
        return _page(_found(permit_id), refused(error)), answer_for(error).status
    log.info("permit_ended", permit_id=permit_id)
    return redirect(_back(permit_id), 303)


def new_permit(asset_id: int) -> str | Response:
    """What is done, how many people, how long: a screen each on a phone, one form for the desk."""
    there = queries.permit_of_asset(site().engine, asset_id, now=now())
    if there is not None and there.seat is None:
        return redirect(url_for("permit", permit_id=there.id), 303)
    return _form_page(asset_id, forms.FormState(values=dict(request.args)))


def start_permit(asset_id: int) -> Answer:
    """Begin."""
    try:
        new = quiet_forms.read_permit(request.form, asset_id, scanned=recent_scan(asset_id) is not None)
        permit_id = services.start(site().engine, new, by=actor(), now=now())
    except _REFUSED as error:
        return _form_page(asset_id, refused(error)), answer_for(error).status
    log.info("permit_started", permit_id=permit_id, asset_id=asset_id)
    return redirect(url_for("permit", permit_id=permit_id), 303)


def _found(permit_id: int) -> PermitRow:
    found = queries.permit_row(site().engine, permit_id, now=now())
    if found is None:
        raise NotFound("permit", permit_id)
    return found


def _page(found: PermitRow, form: forms.FormState, *, ask: str = "") -> str:
    file = asset_queries.asset_file(site().engine, found.asset_id, now=now(), zone=site().zone)
    parties = [None if each is None else each.id for each in (file.supervisor, file.owner, file.maintainer)]
    return render_template(
        "permit.html",
        permit=found,
        ask=ask,
        form=form,
        longer=_LONGER_MIN,
        may_act=may("end_permit") and may_open(actor(), parties),
    )


def _form_page(asset_id: int, form: forms.FormState) -> str:
    where = site()
    file = asset_queries.asset_file(where.engine, asset_id, now=now(), zone=where.zone)
    cases = case_queries.list_cases(where.engine, asset_id=asset_id, open_only=True).items
    scanned = recent_scan(asset_id) is not None
    step = "desk"
    if scanned or actor().role is Role.CREW:
        step = next((name for name in ("work", "people", "minutes") if not form.value(name)), "check")
        wrong = next((name for name in ("work", "people", "minutes") if form.error(name)), "")
        step = wrong or step
    return render_template(
        "permit_new.html",
        asset=file,
        cases=cases,
        scanned=scanned,
        step=step,
        form=form,
        works=WORKS[file.family],
        people=_PEOPLE,
        minutes=PRESETS_MIN,
    )


def _back(permit_id: int) -> str:
    """The desk goes on in its list, whoever stands there stays with the permit."""
    return url_for("permits") if request.form.get("next") == "list" else url_for("permit", permit_id=permit_id)
