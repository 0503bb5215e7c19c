"""Where vehicles, recorders and handsets are, for the map and for the wall."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import msgspec
from flask import Flask, Response

from dashboards.login import area
from dashboards.site import now, site, unit_called
from registry.domain.mobile import ONLINE_WITHIN
from registry.queries.mobile_resources import MobileResource, mobile_resources

SHOWN_WITHIN = timedelta(days=1)
"""On the map is who told a place within a day: what told one last week says nothing of where it is."""


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/map/mobile.json", "map_mobile", mobile)


def mobile() -> Response:
    """Who told a place within a day, and how long ago."""
    found = mobile_resources(site().engine, now=now(), scope=area(), since=now() - SHOWN_WITHIN)
    return places_of(found, public=False)


def places_of(found: Iterable[MobileResource], *, public: bool) -> Response:
    """GeoJSON (WGS-84) of places, each with its age in seconds; ``public``: nothing but the kinds."""
    moment = now()
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [each.lon, each.lat]},
            "properties": {"kind": each.kind.value} | ({} if public else _which(each, moment - each.placed_at)),
        }
        for each in found
        if each.placed_at is not None and each.lon is not None and each.lat is not None
    ]
    body = {"type": "FeatureCollection", "within_s": ONLINE_WITHIN.total_seconds(), "features": features}
    response = Response(msgspec.json.encode(body), mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _which(each: MobileResource, age: timedelta) -> dict[str, object]:
    return {
        "id": each.id,
        "age_s": max(0, int(age.total_seconds())),
        "name": each.name or each.number,
        "number": each.number,
        "unit": unit_called(each.unit_name),
        "speed_kmh": each.speed_kmh,
    }
