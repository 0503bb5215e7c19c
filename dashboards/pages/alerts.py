"""Alerts: the list with its groups, one alert with its evidence, one group with its map; taking notice of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask, Response, flash, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from dashboards import forms
from dashboards.login import actor, area
from dashboards.pages.lists import next_url
from dashboards.rule_words import amount
from dashboards.site import now, site, standard, t
from dashboards.spark import Curve, draw
from dashboards.texts import local_time
from registry.domain.errors import NotFound
from registry.domain.external_events import EVENT_POINT
from registry.domain.kinds import AlertState, GroupState, Severity
from registry.queries import alert_curve
from registry.queries import alert_groups as group_queries
from registry.queries import alerts as alert_queries
from registry.queries.alerts import AlertDetail, AlertOrder
from registry.queries.external_events import ExternalOccurrence, occurrences
from registry.queries.notices import notices_of_alert, notices_of_group
from registry.queries.silences import muted_alerts
from registry.services import acknowledging, group_people

SPARK, CHART = (120, 32), (720, 200)
_SPARK_SLICES, _CHART_SLICES = 40, 240


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilters:
    """What the list is narrowed to; ``None``: not narrowed. ``state`` None: the live and the past ones."""

    state: str | None
    severity: int | None
    case_kind: str | None
    asset_id: int | None
    rule_key: str | None

    @property
    def narrowed(self) -> bool:
        """Whether anything but the state narrows the list."""
        return any((self.severity, self.case_kind, self.asset_id, self.rule_key))


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/alerts", "alerts", alerts)
    app.add_url_rule("/alerts/<int:alert_id>", "alert", alert)
    app.add_url_rule("/alerts/<int:alert_id>/spark.svg", "alert_spark", alert_spark)
    app.add_url_rule("/alerts/<int:alert_id>/chart.svg", "alert_chart", alert_chart)
    app.add_url_rule("/alerts/<int:alert_id>/acknowledge", "acknowledge", acknowledge, methods=["POST"])
    app.add_url_rule("/alerts/<int:alert_id>/take-out", "take_out_of_group", take_out, methods=["POST"])
    app.add_url_rule("/alert-groups", "alert_groups", groups)
    app.add_url_rule("/alert-groups/<int:group_id>", "alert_group", group)
    app.add_url_rule("/alert-groups/<int:group_id>/places", "alert_group_places", group_places)
    app.add_url_rule("/alert-groups/<int:group_id>/cause", "name_cause", name_cause, methods=["POST"])
    app.add_url_rule("/alert-groups/<int:group_id>/acknowledge", "acknowledge_group", acknowledge_all, methods=["POST"])


def alerts() -> str:
    """What is live, the worst first, unless the past is asked for; open groups speak for their members."""
    args, where = request.args, site()
    filters = _filters()
    live = filters.state == AlertState.FIRING
    feed_id = where.hub.newest_id()
    page = alert_queries.list_alerts(
        where.engine,
        state=filters.state,
        severity=filters.severity,
        case_kind=filters.case_kind,
        asset_id=filters.asset_id,
        rule_key=filters.rule_key,
        # no group is shown on a list that is narrowed: its members speak for themselves
        members=not live or filters.narrowed,
        scope=area(),
        order=AlertOrder.WORST if live else AlertOrder.NEWEST,
        after=forms.optional_text(args, "after"),
    )
    open_groups = []
    if live and not filters.narrowed and not args.get("after"):
        open_groups = group_queries.list_groups(where.engine, state=GroupState.OPEN, scope=area()).items
    firing = [each.id for each in page.items if each.state is AlertState.FIRING]
    return render_template(
        "alerts.html",
        page=page,
        muted=muted_alerts(where.engine, firing, now=now()),
        groups=open_groups,
        filters=filters,
        choices={"severities": [3, 2, 1], "kinds": list(standard().lines)},
        next_url=next_url(page.next),
        feed_id=feed_id,
    )


def alert(alert_id: int) -> str:
    """One alert: what was measured, which rule in which version, who was told, which case it belongs to."""
    where = site()
    found = _alert(alert_id)
    return render_template(
        "alert.html",
        alert=found,
        muted=muted_alerts(where.engine, [alert_id], now=now()).get(alert_id),
        events=alert_queries.alert_timeline(where.engine, alert_id),
        readings=alert_curve.evidence_readings(where.store, found),
        told=_told(found),
        notices=notices_of_alert(where.engine, alert_id),
        form=forms.FormState(),
        chart=CHART,
    )


def _told(found: AlertDetail) -> list[ExternalOccurrence]:
    """What other platforms said while the alert lasted, where they raised it."""
    if found.device_id is None or found.point != EVENT_POINT:
        return []
    until = found.cleared_at or site().clock()
    return occurrences(site().engine, found.device_id, since=found.began_at, until=until)


def alert_spark(alert_id: int) -> Response:
    """The readings around an alert, small enough for a line of the list."""
    return _picture(_alert(alert_id), SPARK, _SPARK_SLICES)


def alert_chart(alert_id: int) -> Response:
    """The readings around an alert, for its own page."""
    return _picture(_alert(alert_id), CHART, _CHART_SLICES, words=True)


def _picture(about: AlertDetail, size: tuple[int, int], slices: int, *, words: bool = False) -> Response:
    where = site()
    found = alert_curve.alert_curve(where.store, about, slices=slices, now=where.clock())
    if found is None:
        raise NotFound("alert", about.id)
    curve = Curve(
        since_ms=found.since_ms,
        until_ms=found.until_ms,
        slices=found.slices,
        lines=found.limits,
        marks=found.marks,
        levels=[amount(round(level, 2), about.unit) for level in found.limits] if words else (),
        ends=(_moment(found.since_ms), _moment(found.until_ms)) if words else None,
    )
    answer = Response(draw(curve, width=size[0], height=size[1], title=""), mimetype="image/svg+xml")
    answer.cache_control.private = True
    answer.cache_control.max_age = 30
    return answer


def _moment(at_ms: int) -> str:
    """Day and minute in the city's zone: "11-23 21:16"."""
    return local_time(datetime.fromtimestamp(at_ms / 1000, UTC), site().zone, "minute").partition("-")[2]


def acknowledge(alert_id: int) -> Answer:
    """Somebody sees to it, or, with ``undo``, does not after all."""
    where = site()
    if request.form.get("undo"):
        acknowledging.take_back_acknowledgement(where.engine, alert_id, by=actor(), now=where.clock())
    else:
        note = request.form.get("note", "")
        acknowledging.acknowledge(where.engine, alert_id, by=actor(), now=where.clock(), note=note)
    flash(t("message.acknowledgement_taken_back" if request.form.get("undo") else "message.acknowledged"), "ok")
    return redirect(url_for("alert", alert_id=alert_id), 303)


def take_out(alert_id: int) -> Answer:
    """The alert has another cause than its group."""
    where = site()
    note = request.form.get("note", "")
    group_people.take_out(where.engine, alert_id, by=actor(), now=where.clock(), note=note, zone=where.zone)
    flash(t("message.taken_out"), "ok")
    return redirect(url_for("alert", alert_id=alert_id), 303)


def groups() -> str:
    """Groups of alerts, the newest first."""
    state = forms.choice(request.args, "state", GroupState)
    page = group_queries.list_groups(
        site().engine,
        state=None if state is None else GroupState(state),
        scope=area(),
        after=forms.optional_text(request.args, "after"),
    )
    return render_template("alert_groups.html", page=page, state=state, next_url=next_url(page.next))


def group(group_id: int) -> str:
    """One group: where, since when, how many are live, its case and its members."""
    where = site()
    found = group_queries.alert_group_file(where.engine, group_id)
    if found is None:
        raise NotFound("group", group_id)
    page = alert_queries.list_alerts(
        where.engine,
        group_id=group_id,
        scope=area(),
        order=AlertOrder.WORST,
        after=forms.optional_text(request.args, "after"),
    )
    return render_template(
        "alert_group.html",
        group=found,
        page=page,
        notices=notices_of_group(where.engine, group_id),
        next_url=next_url(page.next),
        form=forms.FormState(),
        feed_id=where.hub.newest_id(),
    )


def group_places(group_id: int) -> Response:
    """The members as GeoJSON: live ones are filled dots, those that are over are rings."""
    places = group_queries.group_places(site().engine, group_id)
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [place.lon, place.lat]},
            "properties": {
                "g": "file" if place.state is AlertState.FIRING else "asset",
                "n": place.asset_name,
                "r": place.road,
            },
        }
        for place in places
    ]
    return jsonify(type="FeatureCollection", features=features)


def name_cause(group_id: int) -> Answer:
    """What the group was."""
    where = site()
    group_people.name_cause(where.engine, group_id, request.form.get("cause", ""), by=actor(), now=where.clock())
    return redirect(url_for("alert_group", group_id=group_id), 303)


def acknowledge_all(group_id: int) -> Answer:
    """Somebody sees to all of it."""
    where = site()
    note = request.form.get("note", "")
    count = group_people.acknowledge_group(where.engine, group_id, by=actor(), now=where.clock(), note=note)
    flash(t("message.group_acknowledged", count=count), "ok")
    return redirect(url_for("alert_group", group_id=group_id), 303)


def _filters() -> AlertFilters:
    args = request.args
    severity = forms.choice(args, "severity", [str(int(level)) for level in Severity])
    asked = forms.choice(args, "state", [*AlertState, "all"])
    return AlertFilters(
        state=None if asked == "all" else asked or AlertState.FIRING.value,
        severity=None if severity is None else int(severity),
        case_kind=forms.choice(args, "case_kind", standard().lines),
        asset_id=forms.optional_int(args, "asset_id"),
        rule_key=forms.optional_text(args, "rule_key"),
    )


def _alert(alert_id: int) -> AlertDetail:
    found = alert_queries.alert_detail(site().engine, alert_id)
    if found is None:
        raise NotFound("alert", alert_id)
    return found
