"""The state of the machinery: cabinets, silent devices, what could not be used, the rules, and a sign of life."""

from __future__ import annotations

from flask import Flask, Response, jsonify, render_template, request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from dashboards import forms
from dashboards.errors import problem_json
from dashboards.login import area
from dashboards.pages.lists import next_url
from dashboards.site import now, site
from registry.queries import health


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/system", "system", system)
    app.add_url_rule("/rules", "rules", rules)
    app.add_url_rule("/healthz", "healthz", healthz)


def system() -> str:
    """Cabinets, silent devices and dead letters."""
    where = site()
    letters = health.dead_letters(where.engine, after=forms.optional_text(request.args, "after"))
    return render_template(
        "system.html",
        cabinets=health.cabinets(where.engine, now=now()),
        silent=health.silent_devices(where.engine, now=now(), scope=area()),
        letters=letters,
        next_url=next_url(letters.next),
        feed_id=where.hub.newest_id(),
    )


def rules() -> str:
    """The rules in force."""
    return render_template("rules.html", rules=health.rules_in_force(site().engine))


def healthz() -> Response:
    """Whether this process answers and its records do; for load balancers, so nothing else is looked at."""
    try:
        with site().engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return problem_json("store_down", "the records database does not answer", 503)
    return jsonify(ok=True)
