"""Seasons: which are in force, what each changes, and the switch."""

from __future__ import annotations

import structlog
from flask import Flask, flash, redirect, render_template, request, url_for

from dashboards import forms
from dashboards.errors import answer_for
from dashboards.login import actor
from dashboards.pages.areas import Answer, refused
from dashboards.rule_words import number_said, rule_field_name
from dashboards.site import now, site, t
from registry.domain.errors import Conflict, InvalidInput, InvalidMove
from registry.domain.kinds import Severity
from registry.domain.rules import Rule
from registry.domain.rules.numbers import numbers_of
from registry.queries.rules import rules_for_file
from registry.queries.seasons import RuleNumber, list_seasons
from registry.services import seasons as services

log = structlog.get_logger(__name__)

_REFUSED = (InvalidInput, InvalidMove, Conflict)


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/seasons", "seasons", seasons)
    app.add_url_rule("/seasons/<season>/switch", "switch_season", switch_season, methods=["POST"])
    app.add_url_rule("/seasons/<season>/dates", "set_season_dates", set_season_dates, methods=["POST"])
    app.add_url_rule("/seasons/<season>/undo", "undo_season", undo_season, methods=["POST"])
    for act in ("switch", "dates", "undo"):
        app.add_url_rule(f"/seasons/<season>/{act}", "seasons", seasons, alias=True)


def seasons(season: str = "") -> str:
    """All of them, those that count most first."""
    return _page(forms.FormState(), season)


def switch_season(season: str) -> Answer:
    """Put it in force, out of force, or leave it to its dates."""
    try:
        word = forms.text(request.form, "switch", most=10)
        services.switch_season(site().engine, season, word, by=actor(), now=now())
    except _REFUSED as error:
        return _page(refused(error), season), answer_for(error).status
    return _done(season, "message.season_switched")


def set_season_dates(season: str) -> Answer:
    """Keep its first and last day."""
    try:
        starts, ends = (forms.text(request.form, name, most=5) for name in ("starts", "ends"))
        services.set_dates(site().engine, season, starts, ends, by=actor(), now=now())
    except _REFUSED as error:
        return _page(refused(error), season), answer_for(error).status
    return _done(season, "message.season_dates")


def undo_season(season: str) -> Answer:
    """Take the last change back."""
    try:
        services.undo_season(site().engine, season, by=actor(), now=now())
    except _REFUSED as error:
        return _page(refused(error), season), answer_for(error).status
    return _done(season, "message.season_undone")


def _done(season: str, words: str) -> Answer:
    log.info("season_changed", season=season)
    flash(t(words), "ok")
    return redirect(url_for("seasons") + f"#season-{season}", 303)


def _page(form: forms.FormState, wrong: str) -> str:
    where = site()
    found = list_seasons(where.engine, now=now(), zone=where.zone)
    keys = tuple({number.rule_key for one in found for number in one.numbers})
    rules = {rule.key: rule for rule, _ in rules_for_file(where.engine, keys)} if keys else {}
    return render_template(
        "seasons.html",
        seasons=found,
        form=form,
        wrong=wrong,
        number_name=_number_name,
        said=lambda changed, number: _said(rules.get(changed.rule_key), changed, number),
    )


def _said(rule: Rule | None, changed: RuleNumber, number: float) -> str:
    """A number of the rule with its unit; bare where the rule, or a number of that name, is gone."""
    spec = None if rule is None else numbers_of(rule.kind).get(changed.name.rpartition(".")[2])
    return f"{number:g}" if rule is None or spec is None else number_said(spec, number, rule)


def _number_name(path: str) -> str:
    """A number of a rule as its form calls it; of a step of the ladder (``critical.fire``) with its severity."""
    step, _, name = path.rpartition(".")
    said = rule_field_name(name)
    return f"{t(f'severity.{int(Severity[step.upper()])}')} · {said}" if step.upper() in Severity.__members__ else said
