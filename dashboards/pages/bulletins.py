"""What the public sees of a month: the published bulletins, without signing in. Names no person and no case."""

from __future__ import annotations

from flask import Flask, Response, render_template

from dashboards.pages.months import bulletin_file
from dashboards.site import site
from registry.queries.bulletin import bulletin
from registry.queries.months import list_months


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/bulletins", "bulletins", bulletins)
    app.add_url_rule("/bulletins/<month>", "public_bulletin", public_bulletin)
    app.add_url_rule("/bulletins/<month>/file.<ending>", "public_bulletin_file", public_bulletin_file)


def bulletins() -> str:
    """The months that were published."""
    return render_template("bulletins.html", months=list_months(site().engine, published=True))


def public_bulletin(month: str) -> str:
    """One of them: of the revision that was approved and published, whatever has been corrected since."""
    return render_template("bulletin.html", told=bulletin(site().engine, month, published=True))


def public_bulletin_file(month: str, ending: str) -> Response:
    """The same as PDF or XLSX."""
    return bulletin_file(bulletin(site().engine, month, published=True), ending)
