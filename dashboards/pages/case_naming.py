"""Naming what a case of a place is about: the assets near by on its page, each with one click."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, flash, redirect, request, url_for

from dashboards import forms
from dashboards.errors import answer_for
from dashboards.login import actor, area, may
from dashboards.pages.areas import REFUSED, Answer, refused
from dashboards.pages.cases import case_page
from dashboards.site import now, site, t
from registry.domain.errors import InvalidInput
from registry.queries.case_naming import Nameable, nameable
from registry.services import case_naming


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/cases/<int:case_id>/asset", "name_asset", name_asset, methods=["POST"])
    app.jinja_env.globals["nameable_assets"] = nameable_assets


def nameable_assets(case_id: int) -> Sequence[Nameable]:
    """The assets near by, for whoever may say which it is."""
    if not (may("name_asset") and actor().case_roles & case_naming.NAMING):
        return ()
    return nameable(site().engine, case_id, scope=area())


def name_asset(case_id: int) -> Answer:
    """Tie the case to one of them."""
    form = request.form
    try:
        asset_id = forms.optional_int(form, "asset_id")
        if asset_id is None:
            raise InvalidInput("asset_id", "is missing; choose one")
        version = forms.optional_int(form, "version") or 0
        named = case_naming.name_asset(
            site().engine, case_id, asset_id, by=actor(), expected_version=version, now=now()
        )
    except REFUSED as error:
        return case_page(case_id, refused(error)), answer_for(error).status
    flash(t("message.asset_named", number=named.number, name=named.asset_name), "ok")
    return redirect(url_for("case", case_id=case_id), 303)
