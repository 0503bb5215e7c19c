"""Links for screens (大屏链接): made and revoked by administrators; the link itself is shown once."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboards import forms, place_options
from dashboards.errors import answer_for
from dashboards.login import actor, area
from dashboards.pages.areas import REFUSED, Answer, refused
from dashboards.site import now, site, t
from registry.domain.errors import InvalidInput
from registry.domain.scopes import read_area_code
from registry.queries import kiosk_links as link_queries
from registry.services import kiosk_links as link_services
from registry.services.transactions import in_transaction

DAYS = (30, 90, 365, 730)


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/kiosk-links", "kiosk_links", kiosk_links)
    app.add_url_rule("/kiosk-links", "add_kiosk_link", add_kiosk_link, methods=["POST"])
    app.add_url_rule(
        "/kiosk-links/<int:kiosk_link_id>/revoke", "revoke_kiosk_link", revoke_kiosk_link, methods=["POST"]
    )


def kiosk_links() -> str:
    """Which there are, with a form for another one."""
    return _page(forms.FormState())


def add_kiosk_link() -> Answer:
    """Make a link, and show it once."""
    try:
        new = _read_new()
        issued = in_transaction(site().engine, lambda tx: link_services.issue_link(tx, new, by=actor(), now=now()))
    except REFUSED as error:
        return _page(refused(error)), answer_for(error).status
    return _page(forms.FormState(), address=url_for("kiosk", word=issued.word, _external=True)), 201


def revoke_kiosk_link(kiosk_link_id: int) -> Response:
    """End a link at once: screens that show it say so within seconds."""
    in_transaction(site().engine, lambda tx: link_services.revoke_link(tx, kiosk_link_id, by=actor(), now=now()))
    flash(t("message.kiosk_revoked"), "ok")
    return redirect(url_for("kiosk_links"), 303)


def _read_new() -> link_services.NewKioskLink:
    days = forms.choice(request.form, "days", [str(days) for days in (0, *DAYS)])
    if days is None:
        raise InvalidInput("days", "choose for how long")
    return link_services.NewKioskLink(
        name=forms.text(request.form, "name", most=80),
        area_code=read_area_code(forms.text(request.form, "area_code", most=20)),
        expires_at=now() + timedelta(days=int(days)) if int(days) else None,
    )


def _page(form: forms.FormState, *, address: str = "") -> str:
    ended = forms.flag(request.args, "ended") or False
    choices = place_options.of_areas(area())
    return render_template(
        "kiosk_links.html",
        links=link_queries.kiosk_links(site().engine, scope=area(), with_ended=ended),
        ended=ended,
        form=form,
        address=address,
        areas=choices,
        area_names={code: label.strip() for code, label in choices},
        whole_city=not area(),
        days=[(str(days), t("kiosk.days", n=days)) for days in DAYS] + [("0", t("kiosk.no_end"))],
    )
