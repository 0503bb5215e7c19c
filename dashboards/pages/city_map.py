"""The page of the map: the city's assets, what is wrong with them, and what lies around them."""

from __future__ import annotations

from flask import Flask, Response, render_template, url_for

from dashboards.login import area
from dashboards.site import now, site, standard, t
from registry.domain.kinds import AreaLevel
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
        addresses=_addresses(),
        levels=LEVELS,
        heat_days=HEAT_DAYS,
        wrong=overview_queries.wrong_now(where.engine, now=now(), limit=LISTED_WITHOUT_SCRIPT, scope=area()),
        own_words={f"kind.{key}": t(f"kind.{key}") for key in standard().lines},
    )


def _addresses() -> dict[str, str]:
    """Where the script asks; the places of numbers in them stay open for it."""
    tiles = url_for("map_tile", z=0, x=0, y=0)
    return {
        "facts": url_for("map_facts"),
        "tiles": _open(tiles),
        "areas": _open(url_for("map_area_tile", z=0, x=0, y=0)),
        "cases": _open(url_for("map_case_tile", z=0, x=0, y=0)),
        "search": url_for("map_search"),
        "selections": url_for("add_selection"),
        "card": url_for("map_card", asset_id=0),
        "asset": url_for("asset", asset_id=0),
        "case": url_for("case", case_id=0),
    }


def _open(address: str) -> str:
    """``…/0/0/0.mvt`` with the names of its three numbers instead of them."""
    return address.replace("/0/0/0", "/{z}/{x}/{y}")


def map_card(asset_id: int) -> Response:
    """What the card of an asset on the map says, for the script that opens it."""
    where = site()
    found = asset_file(where.engine, asset_id, now=now(), zone=where.zone)
    # a piece of a page is no page: whoever opens it by itself sees that
    return Response(render_template("map_card.html", asset=found), mimetype="text/plain")
