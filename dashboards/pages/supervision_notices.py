"""督查通知单: the list by year, issuing one, the paper itself as a page and as a PDF."""

from __future__ import annotations

import io

import structlog
from flask import Flask, Response, flash, redirect, render_template, request, send_file, url_for

from dashboards import forms, supervision_forms
from dashboards.errors import answer_for
from dashboards.login import actor, area
from dashboards.pages.areas import Answer, refused
from dashboards.pages.lists import next_url
from dashboards.pages.supervision import REFUSED
from dashboards.site import now, site, t
from registry.domain.kinds import SupervisionState
from registry.queries import supervision as queries
from registry.queries.notice_paper import USUAL_DEMAND, USUAL_TITLE, notice_as_pdf, usual_issuer
from registry.queries.units import unit_rows
from registry.services import supervision_notices as services
from registry.services.supervision import usual_deadline

log = structlog.get_logger(__name__)


def register(app: Flask) -> None:
    """Routes of this module."""
    at = "/supervision/notices"
    one = f"{at}/<int:supervision_notice_id>"
    app.add_url_rule(at, "supervision_notices", supervision_notices)
    app.add_url_rule(f"{at}/new", "new_supervision_notice", new_supervision_notice)
    app.add_url_rule(at, "issue_supervision_notice", issue_supervision_notice, methods=["POST"])
    app.add_url_rule(one, "supervision_notice", supervision_notice)
    app.add_url_rule(f"{one}.pdf", "supervision_notice_pdf", supervision_notice_pdf)
    app.add_url_rule(f"{one}/withdraw", "withdraw_supervision_notice", withdraw_supervision_notice, methods=["POST"])
    app.add_url_rule(f"{one}/withdraw", "supervision_notice", supervision_notice, alias=True)


def supervision_notices() -> str:
    """Every notice, the newest first."""
    where = site()
    year = forms.whole_number(request.args, "year", 0, least=0, most=9999) or None
    unit_id = forms.optional_int(request.args, "unit_id")
    after = forms.optional_text(request.args, "after")
    page = queries.list_notices(where.engine, year=year, unit_id=unit_id, after=after)
    this_year = now().astimezone(where.zone).year
    return render_template(
        "supervision_notices.html",
        page=page,
        year=year,
        years=range(this_year, this_year - 6, -1),
        unit_id=unit_id,
        units=unit_rows(where.engine),
        next_url=next_url(page.next),
    )


def new_supervision_notice() -> str:
    """Choose a unit, tick its items that are on no notice yet, and say what is demanded."""
    return _new_page(forms.FormState(values=dict(request.args)))


def issue_supervision_notice() -> Answer:
    """Number it and send it out."""
    try:
        new = supervision_forms.read_notice(request.form, site().zone)
        issued = services.issue_notice(site().engine, new, by=actor(), now=now(), zone=site().zone)
    except REFUSED as error:
        return _new_page(refused(error)), answer_for(error).status
    log.info("supervision_notice_issued", notice_id=issued.id, by_user_id=actor().user_id)
    flash(t("supervision.issued", number=issued.number), "ok")
    return redirect(url_for("supervision_notice", supervision_notice_id=issued.id), 303)


def supervision_notice(supervision_notice_id: int) -> str:
    """One notice with its items, and how far each is."""
    return _page(supervision_notice_id, forms.FormState())


def supervision_notice_pdf(supervision_notice_id: int) -> Response:
    """The paper, to print and sign."""
    number, content = notice_as_pdf(site().engine, supervision_notice_id, now=now(), zone=site().zone)
    return send_file(io.BytesIO(content), mimetype="application/pdf", download_name=f"{number}.pdf")


def withdraw_supervision_notice(supervision_notice_id: int) -> Answer:
    """Withdraw it; its number stays used."""
    try:
        why = forms.text(request.form, "why", most=2000)
        services.withdraw_notice(site().engine, supervision_notice_id, why, by=actor(), now=now())
    except REFUSED as error:
        return _page(supervision_notice_id, refused(error)), answer_for(error).status
    flash(t("supervision.notice_withdrawn"), "ok")
    return redirect(url_for("supervision_notice", supervision_notice_id=supervision_notice_id), 303)


def _page(notice_id: int, form: forms.FormState) -> str:
    found = queries.notice_story(site().engine, notice_id, now=now())
    return render_template("supervision_notice.html", notice=found, form=form)


def _new_page(form: forms.FormState) -> str:
    where, moment = site(), now()
    unit_id = forms.optional_int(dict(form.values), "unit_id") if form.value("unit_id").isdigit() else None
    items = []
    if unit_id is not None:
        named = {"now": moment, "state": SupervisionState.OPEN, "unnoticed": True, "scope": area(), "limit": 200}
        items = queries.list_items(where.engine, unit_id=unit_id, **named).items  # type: ignore[arg-type]
    waiting = [each for each in queries.unit_tallies(where.engine, now=moment, scope=area()) if each.open]
    return render_template(
        "supervision_notice_new.html",
        form=form,
        unit_id=unit_id,
        items=items,
        waiting=waiting,
        ticked=set(request.form.getlist("item_ids")) if request.method == "POST" else {str(each.id) for each in items},
        units=unit_rows(where.engine),
        until=usual_deadline(moment).astimezone(where.zone),
        usual={"issuer": usual_issuer(where.city.name), "title": USUAL_TITLE, "demand": USUAL_DEMAND},
    )
