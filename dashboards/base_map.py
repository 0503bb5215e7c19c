"""What lies under the map: chosen by the settings, from another host or out of a file here; and which hosts."""

from __future__ import annotations

import re
from contextlib import suppress
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

from flask import url_for

from dashboards.login import role
from dashboards.settings import WebSettings
from dashboards.site import site, t
from dashboards.tile_files import MapFileAway, tile_archive
from registry.domain.errors import StoreDown
from registry.domain.geo import Crs
from registry.domain.map_layers import hosts_of, sub_domains
from registry.queries.map_layers import list_layers

_WMTS = (
    "https://t0.tianditu.gov.cn/{layer}_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER={layer}&STYLE=default"
    "&TILEMATRIXSET=w&FORMAT=tiles&TILEMATRIX={{z}}&TILEROW={{y}}&TILECOL={{x}}&tk={key}"
)
_AMAP = "https://webrd01.is.autonavi.com/appmaptile?lang=zh_cn&size=1&scale=1&style=8&x={x}&y={y}&z={z}"
_OSM = "https://tile.openstreetmap.org/{z}/{x}/{y}.png"
_TAG = re.compile(r"<[^>]*>")
WITH_LAYERS = frozenset({"city_map", "overview", "wall", "kiosk", "map_selection", "board", "map_layers"})
"""Pages on which the layers of the catalogue may be shown; only there may a browser ask their hosts."""


class _Ground(NamedTuple):
    tiles: tuple[str, ...]
    crs: str
    max_zoom: int
    word: str


def _ground(web: WebSettings) -> _Ground | None:
    """A base map of pictures from another host; None: there is none."""
    if web.base_map == "tianditu":
        # the streets, and their names above them
        tiles = tuple(web.tile_url or _WMTS.format(layer=layer, key=web.base_map_key) for layer in ("vec", "cva"))
        return _Ground(tuple(dict.fromkeys(tiles)), "wgs84", 18, "map.ground_tianditu")
    if web.base_map == "amap":
        return _Ground((web.tile_url or _AMAP,), "gcj02", 18, "map.ground_amap")
    if web.base_map == "osm":
        return _Ground((web.tile_url or _OSM,), "wgs84", 19, "map.ground_osm")
    if web.base_map == "" and web.tile_url:
        return _Ground((web.tile_url,), "wgs84", 19, "")
    return None


def crs_of_map() -> str:
    """The system that the map is drawn in: that of its base map."""
    web = site().settings
    ground = _ground(web)
    return web.base_map_crs or (ground.crs if ground else "wgs84")


def tiles_without_shift() -> str:
    """The settings' tiles for small maps, which draw and take places in WGS-84 alone; "" where these lie elsewhere."""
    web = site().settings
    if not web.tile_url or _ground(web) is None or crs_of_map() != Crs.WGS84:
        return ""
    return web.tile_url.replace("{s}", next(iter(sub_domains(web.tile_url)), ""))


def base_facts() -> dict[str, Any]:
    """The base map as the map's script wants it; ``kind`` is none where there is none, or where its file is away."""
    web = site().settings
    if web.base_map == "pmtiles":
        try:
            facts = tile_archive(*base_file(web)).facts
            stamp = _stamp(Path(web.base_map_file))
        except (MapFileAway, OSError):
            return {"kind": "none", "problem": t("map.ground_away")}
        tiles = url_for("map_base_tile", z=0, x=0, y=0).replace("/0/0/0", "/{z}/{x}/{y}")
        return {
            "kind": "pmtiles",
            "tiles": [f"{tiles}?v={stamp}"],
            "crs": crs_of_map(),
            "attribution": without_tags(facts.attribution),
            "min_zoom": facts.min_zoom,
            "max_zoom": facts.max_zoom,
            "format": "vector" if facts.vector else "raster",
            "tile_layers": facts.layers,
        }
    ground = _ground(web)
    if ground is None:
        return {"kind": "none"}
    return {
        "kind": web.base_map or "tiles",
        "tiles": list(ground.tiles),
        "sub_domains": sub_domains(ground.tiles[0]),
        "crs": crs_of_map(),
        "attribution": t(ground.word) if ground.word else "",
        "min_zoom": 0,
        "max_zoom": ground.max_zoom,
        "format": "raster",
    }


def _stamp(path: Path) -> str:
    """Another one says that another file lies there: browsers keep its tiles for a day. Raises ``OSError``."""
    found = path.stat()
    return f"{found.st_mtime_ns:x}-{found.st_size:x}"


def without_tags(said: str) -> str:
    """What an archive says of its owners as they read it: most write it as HTML, with links."""
    return " ".join(unescape(_TAG.sub("", said)).split())


def base_file(web: WebSettings) -> tuple[str, Path]:
    """What the file of the base map is called, and where it lies."""
    path = Path(web.base_map_file)
    return f"the base map's file {path.name}", path


def map_hosts(endpoint: str | None) -> list[str]:
    """The hosts that a page may ask for tiles: of the base map, and of the layers that its visitor may see on it."""
    ground = _ground(site().settings)
    hosts = [] if ground is None else [host for address in ground.tiles for host in hosts_of(address)]
    if endpoint in WITH_LAYERS:
        with suppress(StoreDown):  # the page says so itself
            layers = list_layers(site().engine, role())
            hosts += [host for layer in layers for host in hosts_of(layer.address)]
    return sorted(set(hosts))
