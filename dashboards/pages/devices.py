"""Sensors from a phone: fit one, test its link, zero it, exchange it, take it off."""

from __future__ import annotations

import structlog
from flask import Flask, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboards import asset_forms, forms
from dashboards.errors import answer_for, problem_of
from dashboards.login import actor
from dashboards.refusals import problem_at
from dashboards.site import now, site, t
from registry.domain.device_kinds import DEVICE_KINDS
from registry.domain.errors import Conflict, DomainError, InvalidInput, InvalidMove
from registry.domain.external_events import EXTERNAL_PROFILE
from registry.domain.link_test import ZEROED
from registry.queries import assets as asset_queries
from registry.queries import devices as device_queries
from registry.queries.asset_choices import cabinet_ids
from registry.queries.calibration import newest_calibration
from registry.queries.external_events import occurrences
from registry.services import calibration, devices

log = structlog.get_logger(__name__)

_REFUSED = (InvalidInput, InvalidMove, Conflict)
Answer = str | Response | tuple[str, int]


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/assets/<int:asset_id>/devices/new", "new_device", new_device)
    app.add_url_rule("/assets/<int:asset_id>/devices/new", "fit_device", fit_device, methods=["POST"])
    app.add_url_rule("/devices/<int:device_id>", "device", device)
    app.add_url_rule("/devices/<int:device_id>/swap", "device", device, alias=True)
    app.add_url_rule("/devices/<int:device_id>/remove", "device", device, alias=True)
    app.add_url_rule("/devices/<int:device_id>/swap", "swap_device", swap_device, methods=["POST"])
    app.add_url_rule("/devices/<int:device_id>/remove", "remove_device", remove_device, methods=["POST"])
    app.add_url_rule("/devices/<int:device_id>/rezero", "rezero", rezero)
    for path, endpoint, act in (
        ("calibrate", "calibrate_device", calibrate_device),
        ("refuse-calibration", "refuse_calibration", refuse_calibration),
    ):
        app.add_url_rule(f"/devices/<int:device_id>/{path}", endpoint, act, methods=["POST"])
        app.add_url_rule(f"/devices/<int:device_id>/{path}", "device", device, alias=True)
    app.add_url_rule("/devices/<int:device_id>/rezero", "rezero_device", rezero_device, methods=["POST"])


def new_device(asset_id: int) -> str:
    """The form of a sensor to be fitted."""
    return _fit_page(asset_id, forms.FormState())


def fit_device(asset_id: int) -> Answer:
    """Fit it, then watch whether it is heard."""
    file = asset_queries.asset_file(site().engine, asset_id, now=now(), zone=site().zone)
    try:
        new = asset_forms.read_device(request.form, asset_id, file.family)
        device_id = devices.fit_device(site().engine, new, by=actor(), now=now())
    except _REFUSED as error:
        return _fit_page(asset_id, _refused(error)), answer_for(error).status
    log.info("device_fitted", device_id=device_id, asset_id=asset_id)
    flash(t("message.device_fitted"), "ok")
    return redirect(url_for("device", device_id=device_id), 303)


def device(device_id: int) -> str:
    """The link test: green, or what is wrong and what to do."""
    return _device_page(device_id, forms.FormState())


def swap_device(device_id: int) -> Answer:
    """Another sensor in its place."""
    try:
        serial = forms.text(request.form, "serial", most=60)
        reason = forms.text(request.form, "reason", most=500)
        new_id = devices.swap_device(site().engine, device_id, serial, reason=reason, by=actor(), now=now())
    except _REFUSED as error:
        return _device_page(device_id, _refused(error)), answer_for(error).status
    log.info("device_swapped", device_id=device_id, new_device_id=new_id)
    flash(t("message.device_swapped"), "ok")
    return redirect(url_for("device", device_id=new_id), 303)


def remove_device(device_id: int) -> Answer:
    """Take it off; its readings stay on file."""
    found = device_queries.fitted_device(site().engine, device_id)
    try:
        reason = forms.text(request.form, "reason", most=500)
        devices.remove_device(site().engine, device_id, reason=reason, by=actor(), now=now())
    except _REFUSED as error:
        return _device_page(device_id, _refused(error)), answer_for(error).status
    flash(t("message.device_removed"), "ok")
    return redirect(url_for("asset", asset_id=found.asset_id), 303)


def rezero(device_id: int) -> str:
    """What the points could be zeroed at, beside what they are zeroed at now."""
    return _rezero_page(device_id, forms.FormState())


def rezero_device(device_id: int) -> Answer:
    """Keep the ticked ones."""
    try:
        chosen = asset_forms.read_baselines(request.form, list(ZEROED))
        reason = forms.text(request.form, "reason", most=500)
        if not chosen:
            raise InvalidInput("reason", t("message.rezero_nothing"))
        changed = devices.rezero_device(site().engine, device_id, chosen, reason=reason, by=actor(), now=now())
    except _REFUSED as error:
        return _rezero_page(device_id, _refused(error)), answer_for(error).status
    flash(t("message.device_rezeroed", n=changed), "ok")
    return redirect(url_for("device", device_id=device_id), 303)


def calibrate_device(device_id: int) -> Response:
    """Let it find its baselines anew, from quiet readings."""
    calibration.restart_calibration(site().engine, device_id, by=actor(), now=now())
    flash(t("message.calibration_started"), "ok")
    return redirect(url_for("device", device_id=device_id, _anchor="calibration"), 303)


def refuse_calibration(device_id: int) -> Response:
    """Put back what held before."""
    calibration.refuse_calibration(site().engine, device_id, by=actor(), now=now())
    flash(t("message.calibration_refused"), "ok")
    return redirect(url_for("device", device_id=device_id, _anchor="calibration"), 303)


def _fit_page(asset_id: int, form: forms.FormState) -> str:
    where = site()
    file = asset_queries.asset_file(where.engine, asset_id, now=now(), zone=where.zone)
    return render_template(
        "device_new.html",
        asset=file,
        form=form,
        cabinets=cabinet_ids(where.engine),
        heartbeats=asset_forms.HEARTBEATS_S,
        kinds=list(DEVICE_KINDS.values()),
    )


def _device_page(device_id: int, form: forms.FormState) -> str:
    engine = site().engine
    test = device_queries.link_test(engine, device_id, now=now())
    if test.device.profile == EXTERNAL_PROFILE:
        return render_template("device_external.html", device=test.device, told=occurrences(engine, device_id))
    found = newest_calibration(engine, device_id)
    return render_template("device.html", test=test, device=test.device, calibration=found, form=form)


def _rezero_page(device_id: int, form: forms.FormState) -> str:
    where = site()
    found = device_queries.fitted_device(where.engine, device_id)
    proposals = device_queries.rezero_proposals(where.engine, where.store, device_id, now=now())
    return render_template("device_rezero.html", device=found, proposals=proposals, form=form)


def _refused(error: DomainError) -> forms.FormState:
    errors = {error.field: problem_at(error)} if isinstance(error, InvalidInput) else {}
    problem = "" if errors else problem_of(answer_for(error), error)
    return forms.state_of(request.form, errors=errors, problem=problem)
