"""What the map asks for: its facts, tiles of assets, areas and cases, the base map's tiles, and the search box."""

from __future__ import annotations

import hashlib
from weakref import WeakKeyDictionary

from flask import Flask, Response, current_app, jsonify, request, url_for
from isal import igzip
from sqlalchemy import Engine

from dashboards import forms
from dashboards.base_map import base_facts, base_file, crs_of_map
from dashboards.login import area, role
from dashboards.map_catalogue import catalogue_facts
from dashboards.site import now, site, standard, t
from dashboards.tile_files import archived_tile
from registry.domain.errors import InvalidInput, NotFound
from registry.domain.geo import Box, Crs, Place, from_wgs84
from registry.domain.kinds import AreaLevel, Family
from registry.domain.vector_tile import MEDIA_TYPE, Spot
from registry.queries.map_areas import area_tile
from registry.queries.map_heat import MOST_DAYS, CaseHeat
from registry.queries.map_search import MOST_OF_ROAD, FoundPlace, search_map
from registry.queries.map_tiles import Tile, draw_tile, map_facts
from registry.queries.map_wrong import WrongOnMap

_KEPT = "covercode.kept_for_map"
_ASKED_AGAIN = "private, no-cache"
_SMALLEST_PACKED = 400
_USUAL_DAYS = 30
DEEPEST = 20
"""The deepest zoom that is drawn; a map shows those tiles larger beyond it."""


def register(app: Flask) -> None:
    """Routes of this module, and what its process keeps in memory."""
    app.extensions[_KEPT] = WeakKeyDictionary()
    place = "<int:z>/<int:x>/<int:y>"
    app.add_url_rule("/map/facts.json", "map_facts", facts)
    app.add_url_rule(f"/map/tiles/{place}.mvt", "map_tile", asset_tile)
    app.add_url_rule(f"/map/areas/{place}.mvt", "map_area_tile", areas)
    app.add_url_rule(f"/map/cases/{place}.mvt", "map_case_tile", cases)
    app.add_url_rule(f"/map/base/{place}", "map_base_tile", base_tile)
    app.add_url_rule("/map/search.json", "map_search", search)


def facts() -> Response:
    """Where the city lies, how much there is, what the map is drawn on, which layers the visitor may add."""
    return jsonify(facts_of(shown_area()))


def facts_of(scope: str) -> dict[str, object]:
    """The facts of the part of the city that is ``scope``, for whoever asks."""
    found = map_facts(site().engine, scope=scope)
    base, layers = base_facts(), catalogue_facts(role())
    return {
        "at": now().isoformat(),
        # another one says that the ground or a layer has changed, and not only what stands on it
        "version": hashlib.blake2b(repr((base, layers)).encode(), digest_size=6).hexdigest(),
        "assets": found.assets,
        "bbox": None if found.box is None else [round(edge, 6) for edge in found.box],
        "families": [{"key": family.value, "name": t(f"family.{family}")} for family in Family],
        "base": base,
        "crs": crs_of_map(),
        "layers": layers,
        "deepest_zoom": DEEPEST,
    }


def asset_tile(z: int, x: int, y: int) -> Response:
    """Assets: counted, one by one, and those with something wrong."""
    return tile_of_assets(Spot(z, x, y), shown_area())


def tile_of_assets(spot: Spot, scope: str, *, public: bool = False) -> Response:
    """The tile for somebody who sees ``scope``; ``public``: without anything that was written by a person."""
    crs, known = map_crs(), known_etag()
    tile = draw_tile(site().engine, _kept()[0], _checked(spot), scope=scope, crs=crs, known=known, public=public)
    return answer(tile)


def areas(z: int, x: int, y: int) -> Response:
    """Outlines of areas of one level."""
    level = forms.choice(request.args, "level", AreaLevel)
    chosen = None if level is None else AreaLevel(level)
    spot = _checked(Spot(z, x, y))
    return answer(area_tile(site().engine, spot, chosen, scope=shown_area(), crs=map_crs(), known=known_etag()))


def cases(z: int, x: int, y: int) -> Response:
    """Where the cases of some days came from."""
    days = forms.optional_int(request.args, "days") or _USUAL_DAYS
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput("days", "{given} must be 1 to {most}", given=days, most=MOST_DAYS)
    kind = forms.text(request.args, "kind", most=40)
    if kind and kind not in standard().lines:
        raise InvalidInput("kind", "{given!r} is no kind of the case standard", given=kind)
    return answer(
        _kept()[1].tile(
            site().engine,
            _checked(Spot(z, x, y)),
            now=now(),
            days=days,
            kind=kind,
            scope=shown_area(),
            crs=map_crs(),
            known=known_etag(),
        )
    )


def base_tile(z: int, x: int, y: int) -> Response:
    """A tile of the base map that lies here as a file; 204 where it has none."""
    web = site().settings
    if web.base_map != "pmtiles":
        raise NotFound("file of the base map", web.base_map)
    return archived_tile(*base_file(web), Spot(z, x, y))


def search() -> Response:
    """What the words in the search box may mean, best first."""
    crs = map_crs()
    found = search_map(site().engine, forms.text(request.args, "q", most=200), scope=area())
    return jsonify(found=[_found(each, crs) for each in found])


def _kept() -> tuple[WrongOnMap, CaseHeat]:
    """What this process remembers of the records it reads."""
    kept: WeakKeyDictionary[Engine, tuple[WrongOnMap, CaseHeat]] = current_app.extensions[_KEPT]
    return kept.setdefault(site().engine, (WrongOnMap(), CaseHeat()))


def _found(each: FoundPlace, crs: Crs) -> dict[str, object]:
    lon, lat = from_wgs84(Place(each.lon, each.lat), crs)
    told: dict[str, object] = {
        "kind": each.kind,
        "name": each.name,
        "detail": each.detail if each.count is None else t("map.on_road", count=_many(each.count)),
        "lon": round(lon, 7),
        "lat": round(lat, 7),
    }
    if each.box is not None:
        told["bbox"] = _box_in(each.box, crs)
    if each.asset_id is not None:
        told |= {"id": each.asset_id, "href": url_for("asset", asset_id=each.asset_id)}
    if each.area_id is not None:
        told |= {"id": each.area_id, "href": url_for("area", area_id=each.area_id)}
    return told


def _many(count: int) -> str:
    return f"{count}+" if count >= MOST_OF_ROAD else str(count)


def _box_in(box: Box, crs: Crs) -> list[float]:
    west, south = from_wgs84(Place(box.west, box.south), crs)
    east, north = from_wgs84(Place(box.east, box.north), crs)
    return [round(edge, 7) for edge in (west, south, east, north)]


def shown_area() -> str:
    """What the map is cut to: the visitor's own area, or the part of it that the request names.

    Raises ``NotFound`` for a part that lies elsewhere.
    """
    own, wanted = area(), forms.text(request.args, "area", most=20)
    if not wanted or own.startswith(wanted):
        return own
    if not wanted.startswith(own):
        raise NotFound("area", wanted)
    return wanted


def map_crs() -> Crs:
    """The system of the base map below, as the request names it. Raises ``InvalidInput`` for any but the two."""
    return Crs(forms.choice(request.args, "crs", (Crs.WGS84, Crs.GCJ02)) or Crs.WGS84)


def known_etag() -> str:
    """The one ETag that the asker has; "" for none."""
    return next(iter(request.if_none_match.as_set(include_weak=True)), "") if request.if_none_match else ""


def answer(tile: Tile) -> Response:
    """A tile, or that the asker has it; packed where that is understood. An empty tile has an empty body."""
    if tile.body is None:
        response = Response(status=304)
    else:
        response = Response(tile.body, mimetype=MEDIA_TYPE)
        if len(tile.body) >= _SMALLEST_PACKED and request.accept_encodings["gzip"]:
            response.set_data(igzip.compress(tile.body, 2, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
    response.set_etag(tile.etag)
    response.headers["Cache-Control"] = _ASKED_AGAIN
    response.vary.update(("Accept-Encoding", "Cookie"))
    return response


def _checked(spot: Spot) -> Spot:
    if not spot.exists or spot.z > DEEPEST:
        raise NotFound("tile", f"{spot.z}/{spot.x}/{spot.y}")
    return spot
