"""Mobile resources (移动资源): vehicles, recorders and handsets; who of them is on line, and where."""

from __future__ import annotations

from flask import Flask, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboards import forms, place_options
from dashboards.errors import answer_for
from dashboards.login import actor, area
from dashboards.pages.areas import REFUSED, Answer, refused
from dashboards.site import now, site, t
from registry.domain.errors import InvalidInput, NotFound
from registry.domain.mobile import ONLINE_WITHIN, MobileKind
from registry.domain.scopes import read_area_code
from registry.queries.mobile_resources import (
    MOST_LISTED,
    MobileResource,
    mobile_resource_of,
    mobile_resources,
    mobile_tallies,
)
from registry.services import mobile_resources as services
from registry.services.transactions import in_transaction


def register(app: Flask) -> None:
    """Routes of this module."""
    one = "/mobile-resources/<int:mobile_id>"
    app.add_url_rule("/mobile-resources", "mobile_resources", listed)
    app.add_url_rule("/mobile-resources", "add_mobile", add_mobile, methods=["POST"])
    app.add_url_rule(one, "mobile", mobile)
    app.add_url_rule(one, "save_mobile", save_mobile, methods=["POST"])
    app.add_url_rule(f"{one}/retire", "retire_mobile", retire_mobile, methods=["POST"])


def listed() -> str:
    """All of them, what was heard last at the top."""
    return _list_page(forms.FormState())


def add_mobile() -> Answer:
    """Put one on the list."""
    try:
        new = _read()
        in_transaction(site().engine, lambda tx: services.add_resource(tx, new, by=actor(), now=now()))
    except REFUSED as error:
        return _list_page(refused(error)), answer_for(error).status
    flash(t("message.mobile_saved"), "ok")
    return redirect(url_for("mobile_resources"), 303)


def mobile(mobile_id: int) -> str:
    """One of them."""
    return _one_page(mobile_id, forms.FormState())


def save_mobile(mobile_id: int) -> Answer:
    """Keep what was changed about it."""
    try:
        new = _read()
        in_transaction(site().engine, lambda tx: services.change_resource(tx, mobile_id, new, by=actor(), now=now()))
    except REFUSED as error:
        return _one_page(mobile_id, refused(error)), answer_for(error).status
    flash(t("message.mobile_saved"), "ok")
    return redirect(url_for("mobile_resources"), 303)


def retire_mobile(mobile_id: int) -> Response:
    """Take it off the list."""
    in_transaction(site().engine, lambda tx: services.retire_resource(tx, mobile_id, by=actor(), now=now()))
    flash(t("message.mobile_retired"), "ok")
    return redirect(url_for("mobile_resources"), 303)


def _read() -> services.NewResource:
    kind = forms.choice(request.form, "kind", MobileKind)
    if kind is None:
        raise InvalidInput("kind", "choose what it is")
    return services.NewResource(
        kind=MobileKind(kind),
        number=forms.text(request.form, "number", most=60),
        name=forms.text(request.form, "name", most=80),
        unit_id=forms.optional_int(request.form, "unit_id"),
        area_code=read_area_code(forms.text(request.form, "area_code", most=20)),
    )


def _list_page(form: forms.FormState) -> str:
    kind, online = forms.choice(request.args, "kind", MobileKind), forms.flag(request.args, "online")
    kinds = () if kind is None else (MobileKind(kind),)
    found = mobile_resources(site().engine, now=now(), scope=area(), kinds=kinds, online=online)
    tallies = mobile_tallies(site().engine, now=now(), scope=area())
    return render_template(
        "mobile_resources.html",
        rows=found,
        most=MOST_LISTED,
        tallies=tallies,
        filters={"kind": kind, "online": online},
        minutes=int(ONLINE_WITHIN.total_seconds() // 60),
        form=form,
        options=_options(),
    )


def _one_page(mobile_id: int, form: forms.FormState) -> str:
    found: MobileResource | None = mobile_resource_of(site().engine, mobile_id, now=now(), scope=area())
    if found is None:
        raise NotFound("mobile resource", mobile_id)
    return render_template("mobile_resource.html", one=found, form=form, options=_options())


def _options() -> dict[str, place_options.Options]:
    return {
        "kinds": place_options.of_words(MobileKind, "mobile_one."),
        "units": place_options.of_units(),
        "areas": place_options.of_areas(area()),
    }
