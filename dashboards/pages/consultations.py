"""Consultations (会商): the list, one with its decisions and cases, its minutes as a document to sign."""

from __future__ import annotations

from datetime import date

from flask import Flask, Response, flash, redirect, render_template, request, url_for

from dashboards import campaign_forms, forms, place_options
from dashboards.downloads import as_download
from dashboards.errors import answer_for
from dashboards.login import actor, area
from dashboards.pages.areas import REFUSED, Answer, refused
from dashboards.pages.lists import next_url
from dashboards.site import now, site, t
from registry.domain.errors import NotFound
from registry.papers.consultation_minutes import MinutesLine, MinutesPaper, minutes_pdf
from registry.queries import consultations as queries
from registry.services import consultations as services

_EMPTY_ROWS = 3


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/consultations", "consultations", consultations)
    app.add_url_rule("/consultations/new", "new_consultation", new_consultation)
    app.add_url_rule("/consultations/new", "add_consultation", add_consultation, methods=["POST"])
    app.add_url_rule("/consultations/<int:consultation_id>", "consultation", consultation)
    app.add_url_rule("/consultations/<int:consultation_id>.pdf", "consultation_pdf", consultation_pdf)
    address = "/consultations/<int:consultation_id>/edit"
    app.add_url_rule(address, "edit_consultation", edit_consultation)
    app.add_url_rule(address, "save_consultation", save_consultation, methods=["POST"])
    app.add_url_rule("/consultations/items/<int:item_id>", "finish_item", finish_item, methods=["POST"])


def consultations() -> str:
    """Consultations, the newest first, and the decisions that are due."""
    engine, today = site().engine, _today()
    page = queries.list_consultations(
        engine, today=today, scope=area(), after=forms.optional_text(request.args, "after")
    )
    return render_template(
        "consultations.html",
        rows=page.items,
        next_url=next_url(page.next),
        due=queries.open_items(engine, today=today, scope=area(), limit=20),
    )


def consultation(consultation_id: int) -> str:
    """One consultation."""
    return render_template("consultation.html", view=_found(consultation_id), form=forms.FormState())


def consultation_pdf(consultation_id: int) -> Response:
    """Its minutes as a PDF."""
    found = _found(consultation_id)
    content = minutes_pdf(_paper(found), zone=site().zone)
    return as_download(Response(content, mimetype="application/pdf"), f"{found.row.number}.pdf")


def new_consultation() -> str:
    """The form of a new consultation."""
    return _form_page(None, forms.FormState(values=dict(request.args)))


def add_consultation() -> Answer:
    """Add a consultation; it gets the year's next number."""
    return _save(None)


def edit_consultation(consultation_id: int) -> str:
    """The form of one consultation."""
    return _form_page(consultation_id, forms.FormState())


def save_consultation(consultation_id: int) -> Answer:
    """Keep what was changed about a consultation."""
    return _save(consultation_id)


def finish_item(item_id: int) -> Answer:
    """A decision was carried out, or was not after all."""
    done = forms.flag(request.form, "done") or False
    note = forms.text(request.form, "note", most=2000)
    consultation_id = services.finish_item(site().engine, item_id, done=done, note=note, by=actor(), now=now())
    flash(t("message.decision_kept"), "ok")
    return redirect(url_for("consultation", consultation_id=consultation_id), 303)


def _save(consultation_id: int | None) -> Answer:
    where = site()
    try:
        kept = services.save_consultation(
            where.engine,
            consultation_id,
            campaign_forms.read_consultation(request.form, where.zone),
            campaign_forms.read_items(request.form),
            by=actor(),
            now=now(),
            version=forms.optional_int(request.form, "version"),
            zone=where.zone,
        )
    except REFUSED as error:
        return _form_page(consultation_id, refused(error)), answer_for(error).status
    flash(t("message.consultation_saved"), "ok")
    return redirect(url_for("consultation", consultation_id=kept), 303)


def _form_page(consultation_id: int | None, form: forms.FormState) -> str:
    found = None if consultation_id is None else _found(consultation_id)
    return render_template(
        "consultation_edit.html",
        row=None if found is None else found.row,
        items=_typed() if request.method == "POST" else [] if found is None else _rows(found),
        empty_rows=_EMPTY_ROWS,
        form=form,
        held_at=now().astimezone(site().zone).strftime("%Y-%m-%dT%H:%M"),
        zone=site().zone,
        options={"units": place_options.of_units(), "areas": place_options.of_areas(actor().area_code)},
    )


def _paper(found: queries.ConsultationView) -> MinutesPaper:
    lines = [
        MinutesLine(
            subject=item.subject,
            decision=item.decision,
            who="、".join(each for each in (item.unit_name, item.owner) if each),
            due_on=item.due_on,
            cases=[case.number for case in item.cases],
            done_at=item.done_at,
            done_note=item.done_note,
        )
        for item in found.items
    ]
    row = found.row
    return MinutesPaper(
        number=row.number,
        issuer=f"{site().city.name}会商纪要",
        subject=row.subject,
        held_at=row.held_at,
        place=row.place,
        chair=row.chair,
        members=row.members,
        minutes=row.minutes,
        lines=lines,
    )


def _rows(found: queries.ConsultationView) -> list[dict[str, str]]:
    return [
        {
            "id": str(item.id),
            "subject": item.subject,
            "decision": item.decision,
            "unit": str(item.unit_id or ""),
            "owner": item.owner,
            "due": item.due_on.isoformat() if item.due_on else "",
            "cases": "、".join(case.number for case in item.cases),
        }
        for item in found.items
    ]


def _typed() -> list[dict[str, str]]:
    """The rows as they were sent: nothing that was typed is lost."""
    names = ("id", "subject", "decision", "unit", "owner", "due", "cases")
    columns = [request.form.getlist(f"item_{name}") for name in names]
    rows = [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=False)]
    return [row for row in rows if any(row.values())]


def _found(consultation_id: int) -> queries.ConsultationView:
    found = queries.consultation_view(site().engine, consultation_id, today=_today())
    if found is None:
        raise NotFound("consultation", consultation_id)
    return found


def _today() -> date:
    return now().astimezone(site().zone).date()
