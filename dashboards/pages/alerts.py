"""Alerts: the list with its filters, and one alert with the rule that raised it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, render_template, request

from dashboards import forms
from dashboards.login import area
from dashboards.pages.lists import next_url
from dashboards.site import site
from registry.domain.errors import NotFound
from registry.domain.kinds import CASE_KINDS, AlertState, Severity
from registry.queries import alerts as alert_queries


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilters:
    """What the list is narrowed to; ``None``: not narrowed."""

    state: str | None
    severity: int | None
    case_kind: str | None
    asset_id: int | None


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/alerts", "alerts", alerts)
    app.add_url_rule("/alerts/<int:alert_id>", "alert", alert)


def alerts() -> str:
    """The list, newest and worst first as the query orders it."""
    args, where = request.args, site()
    severity = forms.choice(args, "severity", [str(int(level)) for level in Severity])
    filters = AlertFilters(
        state=forms.choice(args, "state", AlertState),
        severity=None if severity is None else int(severity),
        case_kind=forms.choice(args, "case_kind", CASE_KINDS),
        asset_id=forms.optional_int(args, "asset_id"),
    )
    feed_id = where.hub.newest_id()
    page = alert_queries.list_alerts(
        where.engine,
        state=None if filters.state is None else AlertState(filters.state),
        severity=None if filters.severity is None else Severity(filters.severity),
        case_kind=filters.case_kind,
        asset_id=filters.asset_id,
        scope=area(),
        after=forms.optional_text(args, "after"),
    )
    choices = {"states": list(AlertState), "severities": [3, 2, 1], "kinds": list(CASE_KINDS)}
    return render_template(
        "alerts.html", page=page, filters=filters, choices=choices, next_url=next_url(page.next), feed_id=feed_id
    )


def alert(alert_id: int) -> str:
    """One alert: what was measured, which rule in which version, which case it belongs to."""
    found = alert_queries.alert_detail(site().engine, alert_id)
    if found is None:
        raise NotFound("alert", alert_id)
    return render_template("alert.html", alert=found)
