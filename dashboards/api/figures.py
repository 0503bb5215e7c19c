"""Figures as JSON: counters, what is wrong, the map, an asset's values, a point's series."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

import msgspec
from flask import Flask, Response, request

from dashboards import forms
from dashboards.site import now, site
from registry.domain.errors import InvalidInput
from registry.queries import assets as asset_queries
from registry.queries import overview as overview_queries
from registry.queries import series as series_queries

DEFAULT_SPAN = timedelta(hours=1)
LONGEST_SPAN = timedelta(days=732)
DEFAULT_POINTS = 1000
MOST_POINTS = 5000
_encoder = msgspec.json.Encoder()


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/api/v1/overview", "api_overview", api_overview)
    app.add_url_rule("/api/v1/wrong-now", "api_wrong_now", api_wrong_now)
    app.add_url_rule("/api/v1/map", "api_map", api_map)
    app.add_url_rule("/api/v1/assets/<int:asset_id>/values", "api_values", api_values)
    app.add_url_rule("/api/v1/points/<int:point_id>/series", "api_series", api_series)


def answer(**parts: Any) -> Response:
    """``{"ok": true, …}`` of values that msgspec knows how to write."""
    return Response(_encoder.encode({"ok": True} | parts), mimetype="application/json")


def api_overview() -> Response:
    """The city's counters."""
    where = site()
    feed_id = where.hub.newest_id()
    return answer(overview=overview_queries.overview(where.engine, now=now()), feed_id=feed_id)


def api_wrong_now() -> Response:
    """What is wrong now, worst first."""
    where = site()
    feed_id = where.hub.newest_id()
    limit = forms.whole_number(request.args, "limit", 50, least=1, most=500)
    return answer(wrong=overview_queries.wrong_now(where.engine, now=now(), limit=limit), feed_id=feed_id)


def api_map() -> Response:
    """Assets as a GeoJSON FeatureCollection; unchanged since the visitor's last look answers 304 without a body."""
    features = asset_queries.map_features(site().engine, now=now(), bbox=forms.bounding_box(request.args))
    response = Response(features, mimetype="application/geo+json")
    # The collection begins with the moment it was made; only what it shows decides whether it is new.
    shown = features[features.find(b'"features"') :]
    response.set_etag(hashlib.blake2b(shown, digest_size=16).hexdigest())
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response


def api_values(asset_id: int) -> Response:
    """The latest values of an asset's points."""
    return answer(values=asset_queries.asset_file(site().engine, asset_id, now=now()).values, at=now())


def api_series(point_id: int) -> Response:
    """One point over a span as arrays for uPlot: ``[times_ms, mean, min, max]``, and the alerts as bands."""
    until = forms.moment(request.args, "until") or now()
    since = forms.moment(request.args, "since") or until - DEFAULT_SPAN
    check_span(since, until)
    where = site()
    found = series_queries.series(
        where.store,
        where.engine,
        point_id=point_id,
        since=since,
        until=until,
        max_points=forms.whole_number(request.args, "points", DEFAULT_POINTS, least=10, most=MOST_POINTS),
    )
    return answer(
        point={name: getattr(found, name) for name in ("name", "unit", "decimals", "baseline", "full_scale")},
        data=[found.times_ms, found.mean, found.min, found.max],
        bands=found.bands,
        since_ms=found.since_ms,
        until_ms=found.until_ms,
    )


def check_span(since: datetime, until: datetime) -> None:
    """Raises ``InvalidInput`` for a span that ends before it begins or is longer than two years."""
    if since >= until:
        raise InvalidInput("since", "must be earlier than until; swap them or leave both out for the last hour")
    if until - since > LONGEST_SPAN:
        raise InvalidInput("since", f"is more than {LONGEST_SPAN.days} days before until; ask for a shorter span")
