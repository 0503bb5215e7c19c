"""Silences: who mutes which notices, until when and why; before one is saved, the page says what it will mute."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask, flash, redirect, render_template, request, url_for

from dashboards import forms, place_options, quiet_forms
from dashboards.errors import answer_for
from dashboards.login import actor, area
from dashboards.pages.areas import Answer, refused
from dashboards.pages.lists import next_url
from dashboards.site import now, site, t
from registry.domain.errors import Conflict, InvalidInput, NotAllowed, NotFound
from registry.domain.kinds import Severity
from registry.domain.muting import Phase
from registry.domain.scopes import check_area
from registry.queries import alerts as alert_queries
from registry.queries import assets as asset_queries
from registry.queries import silences as queries
from registry.services import silences as services
from registry.services.silences import NewSilence
from registry.services.transactions import in_one_view

log = structlog.get_logger(__name__)

_REFUSED = (InvalidInput, Conflict, NotAllowed)
_SHOWN = (Phase.CURRENT, Phase.COMING, Phase.PAST)


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/silences", "silences", silences)
    app.add_url_rule("/silences", "add_silence", add_silence, methods=["POST"])
    app.add_url_rule("/silences/new", "new_silence", new_silence)
    app.add_url_rule("/silences/<int:silence_id>/end", "end_silence", end_silence, methods=["POST"])


def silences() -> str:
    """Current, coming and past ones."""
    phase = Phase(forms.choice(request.args, "phase", _SHOWN) or Phase.CURRENT)
    engine, moment = site().engine, now()
    after = forms.optional_text(request.args, "after")
    found = queries.list_silences(engine, now=moment, phase=phase, scope=area(), after=after)
    counts = queries.count_phases(engine, now=moment, scope=area())
    return render_template(
        "silences.html",
        silences=found.items,
        phase=phase,
        tabs=[(each, counts[each]) for each in _SHOWN],
        next_url=next_url(found.next),
    )


def new_silence() -> str:
    """The form, filled in from the alert or the asset that somebody comes from."""
    values = {name: text for name, text in request.args.items() if name in ("asset_id", "area_code", "rule_key")}
    alert_id = forms.optional_int(request.args, "alert_id")
    if alert_id is not None:
        found = alert_queries.alert_detail(site().engine, alert_id)
        if found is not None:
            values |= {"rule_key": found.rule_key, "severity": str(max(int(found.severity), int(Severity.ALARM)))}
            values |= {"asset_id": str(found.asset_id)} if found.asset_id is not None else {}
    return _form_page(forms.FormState(values={"severity": "2", "lasts": "240", **values}))


def add_silence() -> Answer:
    """Say what it will mute; save it once that was seen."""
    try:
        new = quiet_forms.read_silence(request.form, site().zone, now=now())
        if request.form.get("seen") != _seen(new):
            in_one_view(site().engine, lambda tx: services.checked(tx, new, by=actor(), now=now()))
            return _form_page(forms.state_of(request.form), new=new)
        silence_id = services.add_silence(site().engine, new, by=actor(), now=now())
    except _REFUSED as error:
        return _form_page(refused(error)), answer_for(error).status
    log.info("silence_added", silence_id=silence_id)
    flash(t("message.silence_added"), "ok")
    phase = Phase.COMING if new.starts_at is not None and new.starts_at > now() else Phase.CURRENT
    return redirect(url_for("silences", phase=None if phase is Phase.CURRENT else phase.value), 303)


def end_silence(silence_id: int) -> Answer:
    """End it now."""
    services.end_silence(site().engine, silence_id, by=actor(), now=now())
    log.info("silence_ended", silence_id=silence_id)
    flash(t("message.silence_ended"), "ok")
    return redirect(url_for("silences"), 303)


def _form_page(form: forms.FormState, *, new: NewSilence | None = None) -> str:
    engine = site().engine
    would = None
    if new is not None:
        would = queries.would_mute(
            engine,
            asset_id=new.asset_id,
            area_code=new.area_code,
            rule_key=new.rule_key,
            severity=new.severity,
            scope=area(),
        )
    return render_template(
        "silence_new.html",
        form=form,
        new=new,
        would=would,
        seen="" if new is None else _seen(new),
        asset=_asset(form.value("asset_id")),
        rules=queries.rule_choices(engine),
        areas=place_options.of_areas(actor().area_code),
        lasts=quiet_forms.LASTS_MIN,
        severities=[int(level) for level in Severity],
    )


def _seen(new: NewSilence) -> str:
    """What the preview was about: another choice must be seen again."""
    return f"{new.asset_id or ''}/{new.area_code}/{new.rule_key}/{new.severity}"


def _asset(written: str) -> Any:
    """The asset that the form names, if it is one of the visitor's area."""
    if not written.isascii() or not written.isdigit():
        return None
    try:
        found = asset_queries.asset_file(site().engine, int(written), now=now(), zone=site().zone)
    except NotFound:
        return None
    check_area(actor(), found.area_code)
    return found
