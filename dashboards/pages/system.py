"""The state of the machinery: cabinets, silent devices, what could not be used, and the rules."""

from __future__ import annotations

from flask import Flask, render_template

from dashboards.login import area
from dashboards.site import now, site
from registry.queries import health
from registry.queries.repairs import repairs

SHOWN_LETTERS = 5


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/system", "system", system)


def system() -> str:
    """Cabinets, silent devices and dead letters."""
    where = site()
    letters = health.dead_letters(where.engine, limit=SHOWN_LETTERS)
    return render_template(
        "system.html",
        cabinets=health.cabinets(where.engine, now=now()),
        silent=health.silent_devices(where.engine, now=now(), scope=area()),
        letters=letters,
        sick=repairs(where.engine, now=now(), scope=area()).counts,
        feed_id=where.hub.newest_id(),
    )
