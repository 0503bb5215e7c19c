"""The page of the map: the city's assets, what is wrong with them, and what lies around them."""

from __future__ import annotations

from flask import Flask, Response, render_template, url_for

from dashboards.login import area
from dashboards.map_addresses import map_addresses
from dashboards.pages.overview import own_words
from dashboards.site import now, site, standard
from registry.domain.kinds import AreaLevel
from registry.domain.mobile import ONLINE_WITHIN, MobileKind
from registry.queries import overview as overview_queries
from registry.queries.assets import asset_file

# outlined on the map, the largest first
LEVELS = (AreaLevel.DISTRICT, AreaLevel.STREET, AreaLevel.COMMUNITY, AreaLevel.CELL, AreaLevel.DUTY)
HEAT_DAYS = (7, 30, 90, 365)
LISTED_WITHOUT_SCRIPT = 20


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/map", "city_map", city_map)
    app.add_url_rule("/map/cards/<int:asset_id>", "map_card", map_card)


def city_map() -> str:
    """The page. The feed's place is noted first: the stream then brings everything that came later."""
    where = site()
    feed_id = where.hub.newest_id()
    return render_template(
        "map.html",
        feed_id=feed_id,
        addresses=map_addresses() | _of_the_page(),
        levels=LEVELS,
        heat_days=HEAT_DAYS,
        heat_kinds=list(standard().lines),
        mobile_kinds=list(MobileKind),
        mobile_minutes=int(ONLINE_WITHIN.total_seconds() // 60),
        wrong=overview_queries.wrong_now(where.engine, now=now(), limit=LISTED_WITHOUT_SCRIPT, scope=area()),
        own_words=own_words(),
    )


def _of_the_page() -> dict[str, str]:
    """Where the page asks beside its map; ids in them are 0, which the script fills in."""
    return {
        "search": url_for("map_search"),
        "selections": url_for("add_selection"),
        "mobile": url_for("map_mobile"),
        "resource": url_for("mobile", mobile_id=0),
    }


def map_card(asset_id: int) -> Response:
    """What the card of an asset on the map says, for the script that opens it."""
    where = site()
    found = asset_file(where.engine, asset_id, now=now(), zone=where.zone)
    # a piece of a page is no page: whoever opens it by itself sees that
    return Response(render_template("map_card.html", asset=found), mimetype="text/plain")
