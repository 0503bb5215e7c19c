"""Units (责任单位): the list, one unit, and making two names of one organisation one."""

from __future__ import annotations

from flask import Flask, flash, redirect, render_template, request, url_for

from dashboards import forms, place_forms
from dashboards.errors import answer_for
from dashboards.login import actor
from dashboards.pages.areas import REFUSED, Answer, refused
from dashboards.site import now, site, t
from registry.domain.errors import InvalidInput, NotFound
from registry.queries.units import unit_rows
from registry.services import units as unit_services


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/units", "units", units)
    app.add_url_rule("/units", "add_unit", add_unit, methods=["POST"])
    app.add_url_rule("/units/<int:unit_id>", "unit", unit)
    app.add_url_rule("/units/<int:unit_id>", "save_unit", save_unit, methods=["POST"])
    app.add_url_rule("/units/<int:unit_id>/merge", "merge_unit", merge_unit, methods=["POST"])


def units() -> str:
    """Every unit, with a form for another one."""
    return _list_page(forms.FormState())


def _list_page(form: forms.FormState) -> str:
    return render_template("units.html", units=unit_rows(site().engine), form=form)


def add_unit() -> Answer:
    """Put a unit on file."""
    try:
        unit_services.save_unit(site().engine, None, place_forms.read_unit(request.form), by=actor(), now=now())
    except REFUSED as error:
        return _list_page(refused(error)), answer_for(error).status
    flash(t("message.unit_saved"), "ok")
    return redirect(url_for("units"), 303)


def unit(unit_id: int) -> str:
    """One unit."""
    return _unit_page(unit_id, forms.FormState())


def _unit_page(unit_id: int, form: forms.FormState) -> str:
    rows = unit_rows(site().engine)
    found = next((each for each in rows if each.id == unit_id), None)
    if found is None:
        raise NotFound("unit", unit_id)
    others = [(str(each.id), each.name) for each in rows if each.id != unit_id]
    return render_template("unit.html", unit=found, options={"others": others}, form=form)


def save_unit(unit_id: int) -> Answer:
    """Keep what was changed about a unit."""
    try:
        new = place_forms.read_unit(request.form)
        unit_services.save_unit(site().engine, unit_id, new, by=actor(), now=now())
    except REFUSED as error:
        return _unit_page(unit_id, refused(error)), answer_for(error).status
    flash(t("message.unit_saved"), "ok")
    return redirect(url_for("units"), 303)


def merge_unit(unit_id: int) -> Answer:
    """Let another unit take over everything this one has."""
    try:
        kept_id = forms.optional_int(request.form, "kept_id")
        if kept_id is None:
            raise InvalidInput("kept_id", t("units.choose_kept"))
        changed = unit_services.merge_units(site().engine, kept_id, unit_id, by=actor(), now=now())
    except REFUSED as error:
        return _unit_page(unit_id, refused(error)), answer_for(error).status
    flash(t("message.units_merged", assets=changed), "ok")
    return redirect(url_for("units"), 303)
