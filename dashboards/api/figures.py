"""Figures: counters, what is wrong, the map, an asset's values, a point's series. The pages' own scripts use these."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from flask import Response, request
from msgspec import Meta

from dashboards import forms
from dashboards.api.operation import Answer, Media, NoQuery, Operation, Query
from dashboards.api.request import Call
from dashboards.metrics import CONTENT_TYPE, metrics_text
from registry.domain.errors import InvalidInput
from registry.queries import assets as asset_queries
from registry.queries import overview as overview_queries
from registry.queries import series as series_queries
from registry.queries.asset_views import PointValue
from registry.queries.overview import Overview, WrongNow
from registry.queries.series import AlertBand

DEFAULT_SPAN = timedelta(hours=1)
LONGEST_SPAN = timedelta(days=732)
MOST_POINTS = 5000

FeedId = Annotated[int, Meta(description="Where the live stream stood: open it with `since` and miss nothing")]
Moment = Annotated[
    str,
    Meta(
        max_length=40,
        description="ISO 8601 with its zone, or milliseconds since 1970",
        examples=["2026-03-02T12:00:00Z"],
    ),
]


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """The city's counters."""

    overview: Overview
    feed_id: FeedId


class WrongQuery(Query, frozen=True, kw_only=True):
    """How many."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, worst first."""

    wrong: list[WrongNow]
    feed_id: FeedId


class MapQuery(Query, frozen=True, kw_only=True):
    """Which part."""

    bbox: Annotated[str, Meta(max_length=100, description="west,south,east,north in degrees")] | None = None


class Values(msgspec.Struct, frozen=True, kw_only=True):
    """The latest value of each point of an asset."""

    values: list[PointValue]
    at: datetime


class SeriesQuery(Query, frozen=True, kw_only=True):
    """Which span; the last hour when nothing is said."""

    since: Moment | None = None
    until: Moment | None = None
    points: Annotated[int, Meta(ge=10, le=MOST_POINTS, description="How many columns at most")] = 1000


class PointFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the curve is of."""

    name: str
    unit: str
    decimals: int
    baseline: float
    full_scale: float | None


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """A curve as columns: times in ms, mean, least, greatest; and the alerts over it."""

    point: PointFacts
    data: tuple[list[int], list[float], list[float], list[float]]
    bands: list[AlertBand]
    since_ms: int
    until_ms: int


def api_overview(call: Call[NoQuery, None]) -> Answer:
    """The city's counters."""
    feed_id = call.where.hub.newest_id()
    counters = overview_queries.overview(call.engine, now=call.now, scope=call.by.area_code)
    return Answer(value=Counters(overview=counters, feed_id=feed_id))


def api_wrong_now(call: Call[WrongQuery, None]) -> Answer:
    """What is wrong now, worst first."""
    feed_id = call.where.hub.newest_id()
    wrong = overview_queries.wrong_now(call.engine, now=call.now, limit=call.query.limit, scope=call.by.area_code)
    return Answer(value=Wrong(wrong=wrong, feed_id=feed_id))


def api_map(call: Call[MapQuery, None]) -> Response:
    """Assets as a GeoJSON FeatureCollection; unchanged since the visitor's last look answers 304 without a body."""
    bbox = forms.bounding_box(request.args)
    features = asset_queries.map_features(call.engine, now=call.now, bbox=bbox, scope=call.by.area_code)
    response = Response(features, mimetype="application/geo+json")
    # The collection begins with the moment it was made; only what it shows decides whether it is new.
    shown = features[features.find(b'"features"') :]
    response.set_etag(hashlib.blake2b(shown, digest_size=16).hexdigest())
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response


def api_values(call: Call[NoQuery, None], asset_id: int) -> Answer:
    """The latest values of an asset's points."""
    return Answer(
        value=Values(
            values=asset_queries.asset_file(call.engine, asset_id, now=call.now, zone=call.where.zone).values,
            at=call.now,
        )
    )


def api_series(call: Call[SeriesQuery, None], point_id: int) -> Answer:
    """One point over a span as arrays for uPlot: ``[times_ms, mean, min, max]``, and the alerts as bands."""
    until = forms.moment(request.args, "until") or call.now
    since = forms.moment(request.args, "since") or until - DEFAULT_SPAN
    check_span(since, until)
    found = series_queries.series(
        call.where.store,
        call.engine,
        point_id=point_id,
        since=since,
        until=until,
        max_points=call.query.points,
    )
    return Answer(
        value=Series(
            point=PointFacts(**{name: getattr(found, name) for name in PointFacts.__struct_fields__}),
            data=(found.times_ms, found.mean, found.min, found.max),
            bands=found.bands,
            since_ms=found.since_ms,
            until_ms=found.until_ms,
        )
    )


def check_span(since: datetime, until: datetime) -> None:
    """Raises ``InvalidInput`` for a span that ends before it begins or is longer than two years."""
    if since >= until:
        raise InvalidInput("since", "must be earlier than until; swap them or leave both out for the last hour")
    if until - since > LONGEST_SPAN:
        raise InvalidInput(
            "since", "is more than {days} days before until; ask for a shorter span", days=LONGEST_SPAN.days
        )


_GROUP = "figures"


def api_metrics(call: Call[NoQuery, None]) -> Answer:
    """The figures for Prometheus."""
    return Answer(content=metrics_text(call.engine, now=call.now), media_type=CONTENT_TYPE)


OPERATIONS = (
    Operation(
        method="GET",
        path="/metrics",
        endpoint="api_metrics",
        run=api_metrics,
        group="figures",
        zh="监控指标（Prometheus 文本格式）",
        en="Figures for the monitoring, in Prometheus's text format",
        replies={200: Media(("text/plain",), "Prometheus text exposition")},
        note="For a Prometheus that is not on one of the networks of `web.metrics_from`.",
    ),
    Operation(
        method="GET",
        path="/overview",
        endpoint="api_overview",
        run=api_overview,
        group=_GROUP,
        zh="全市计数",
        en="The city's counters",
        replies={200: Counters},
    ),
    Operation(
        method="GET",
        path="/wrong-now",
        endpoint="api_wrong_now",
        run=api_wrong_now,
        group=_GROUP,
        zh="当前问题，最严重的在前",
        en="What is wrong now, worst first",
        query=WrongQuery,
        replies={200: Wrong},
    ),
    Operation(
        method="GET",
        path="/map",
        endpoint="api_map",
        run=api_map,
        group=_GROUP,
        zh="地图上的部件",
        en="Assets as GeoJSON",
        query=MapQuery,
        replies={200: Media(("application/geo+json",), "A FeatureCollection; `s` is the worst severity")},
    ),
    Operation(
        method="GET",
        path="/assets/{asset_id}/values",
        endpoint="api_values",
        run=api_values,
        group=_GROUP,
        zh="部件各测点的最新值",
        en="The latest values of an asset's points",
        replies={200: Values},
    ),
    Operation(
        method="GET",
        path="/points/{point_id}/series",
        endpoint="api_series",
        run=api_series,
        group=_GROUP,
        zh="测点曲线",
        en="The curve of one point",
        query=SeriesQuery,
        replies={200: Series},
    ),
)
