"""Where a map on a page asks, as the page's template hands it to the script: one place for all pages with a map."""

from __future__ import annotations

from flask import url_for

from dashboards.login import may


def map_addresses() -> dict[str, str]:
    """Address by what is asked there; ids in them are 0 and tiles ``{z}/{x}/{y}``, which the script fills in."""
    found = {
        "facts": url_for("map_facts"),
        "tiles": _tiles("map_tile"),
        "areas": _tiles("map_area_tile"),
        "cases": _tiles("map_case_tile"),
        "card": url_for("map_card", asset_id=0),
        "asset": url_for("asset", asset_id=0),
        "case": url_for("case", case_id=0),
    }
    return found | ({"whole": url_for("city_map")} if may("city_map") else {})


def _tiles(endpoint: str) -> str:
    return url_for(endpoint, z=0, x=0, y=0).replace("/0/0/0", "/{z}/{x}/{y}")
