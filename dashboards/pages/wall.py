"""The wall (大屏): one screen for the whole area, for staff who signed in, and by a link for a screen of its own."""

from __future__ import annotations

from functools import partial
from weakref import WeakKeyDictionary

import msgspec
from flask import Flask, Response, current_app, g, make_response, render_template, request, url_for
from sqlalchemy import Engine

from dashboards import forms
from dashboards.api.live import HEARTBEAT_S, known_id, only_in, streamed
from dashboards.login import area
from dashboards.pages.map_mobile import places_of
from dashboards.pages.map_tiles import facts_of, tile_of_assets
from dashboards.pages.overview import own_words
from dashboards.site import Site, now, site, t
from dashboards.stream import Item, StreamTerms, encode
from dashboards.texts import DEFAULT_LANGUAGE, LANGUAGES
from dashboards.wall_state import WallStates, bare_item, wall_json
from registry.domain.errors import NotFound
from registry.domain.mobile import FOR_ALL
from registry.domain.vector_tile import Spot
from registry.queries.mobile_resources import mobile_resources
from registry.services.kiosk_links import Screen, find_screen

_STATES = "covercode.wall_states"
_SCRIPT = "src/wall.ts"
LONGEST_WORD = 64


def register(app: Flask) -> None:
    """Routes of this module."""
    app.extensions[_STATES] = WeakKeyDictionary()
    app.add_url_rule("/wall", "wall", wall)
    app.add_url_rule("/wall/state.json", "wall_state", state)
    app.add_url_rule("/wall/places.json", "wall_places", places)
    link = "/kiosk/<string:word>"
    app.add_url_rule(link, "kiosk", kiosk)
    app.add_url_rule(f"{link}/state.json", "kiosk_state", kiosk_state)
    app.add_url_rule(f"{link}/places.json", "kiosk_places", kiosk_places)
    app.add_url_rule(f"{link}/facts.json", "kiosk_facts", kiosk_facts)
    app.add_url_rule(f"{link}/tiles/<int:z>/<int:x>/<int:y>.mvt", "kiosk_tile", kiosk_tile)
    app.add_url_rule(f"{link}/stream", "kiosk_stream", kiosk_stream)


def wall() -> str:
    """The screen, for who signed in: every number leads to its list."""
    tiles = url_for("map_tile", z=0, x=0, y=0).replace("/0/0/0", "/{z}/{x}/{y}")
    addresses = {
        "state": url_for("wall_state"),
        "places": url_for("wall_places"),
        "facts": url_for("map_facts"),
        "tiles": tiles,
        "stream": f"{url_for('stream')}?since=0",
    }
    return _screen(addresses, name="", kiosk=False, bound=bool(area()))


def state() -> Response:
    """The figures of the wall."""
    return _state(area(), public=False)


def places() -> Response:
    """Where the vehicles, recorders and handsets are that are on line."""
    return _places(area(), public=False)


def kiosk(word: str) -> Response:
    """The screen that a link opens; its numbers lead nowhere."""
    screen = _opened(word)
    # the screen has nothing to choose with: its link may say the language
    g.lang = forms.choice(request.args, "lang", LANGUAGES) or request.cookies.get("lang")
    if g.lang not in LANGUAGES:  # another program of the same host may have set that cookie
        g.lang = DEFAULT_LANGUAGE
    names = ("kiosk_state", "kiosk_places", "kiosk_facts")
    addresses = {name.removeprefix("kiosk_"): url_for(name, word=word) for name in names}
    tiles = url_for("kiosk_tile", word=word, z=0, x=0, y=0).replace("/0/0/0", "/{z}/{x}/{y}")
    addresses |= {"tiles": tiles, "stream": f"{url_for('kiosk_stream', word=word)}?since=0"}
    return _unseen(make_response(_screen(addresses, name=screen.name, kiosk=True, bound=bool(screen.area_code))))


def kiosk_state(word: str) -> Response:
    """The figures, without anything that names a person or was written by one."""
    return _unseen(_state(_opened(word).area_code, public=True))


def kiosk_places(word: str) -> Response:
    """Where vehicles are, without which ones they are; not where what people wear is."""
    return _unseen(_places(_opened(word).area_code, public=True))


def kiosk_facts(word: str) -> Response:
    """What the map is drawn on, and where the city lies."""
    return _unseen(_json(msgspec.json.encode(facts_of(_opened(word).area_code))))


def kiosk_tile(word: str, z: int, x: int, y: int) -> Response:
    """A tile of the map, without anything that was written by a person."""
    return _unseen(tile_of_assets(Spot(z, x, y), _opened(word).area_code, public=True))


def kiosk_stream(word: str) -> Response:
    """That something happened, and to which asset; for as long as the link holds."""
    where, screen = site(), _opened(word)
    known = known_id(forms.optional_int(request.args, "since"))
    within = only_in(screen.area_code)
    terms = StreamTerms(
        last_id=where.hub.newest_id() if known is None else known,
        heartbeat_s=HEARTBEAT_S,
        may_listen=partial(_still_open, where, word),
        audience=("kiosk", screen.area_code),
        tell=lambda item: encode(_bare(item)) if within(item) else None,
        holder=("kiosk", screen.link_id),
    )
    return _unseen(streamed(terms))


def _still_open(where: Site, word: str) -> bool:
    return find_screen(where.engine, word, now=where.clock()) is not None


def _bare(item: Item) -> Item:
    return msgspec.structs.replace(item, body=bare_item(item.body))  # type: ignore[type-var]


def _opened(word: str) -> Screen:
    """What the link opens. Raises ``NotFound`` for one that opens nothing, or nothing any more."""
    found = find_screen(site().engine, word, now=now()) if len(word) <= LONGEST_WORD else None
    if found is None:
        raise NotFound("screen", t("kiosk.this_link"))
    return found


def _screen(addresses: dict[str, str], *, name: str, kiosk: bool, bound: bool) -> str:
    """The page. ``bound``: to a part of the city, so that what can only be told of the whole is named as such."""
    where = site()
    theme = forms.choice(request.args, "theme", ("light", "dark"))
    if theme is None and not kiosk and request.cookies.get("theme") == "light":
        theme = "light"
    return render_template(
        "wall.html",
        addresses=addresses,
        screen_name=name,
        kiosk=kiosk,
        bound=bound,
        theme=theme or "dark",
        version=where.manifest.url(_SCRIPT) if where.manifest.built else "",
        own_words=own_words(),
        script=_SCRIPT,
    )


def _state(scope: str, *, public: bool) -> Response:
    where = site()
    kept: WeakKeyDictionary[Engine, WallStates] = current_app.extensions[_STATES]
    feed_id, found = kept.setdefault(where.engine, WallStates()).of(where, scope, now())
    version = where.manifest.url(_SCRIPT) if where.manifest.built else ""
    return _json(wall_json(feed_id, found, version=version, public=public))


def _places(scope: str, *, public: bool) -> Response:
    """GeoJSON of what is on line."""
    found = mobile_resources(site().engine, now=now(), scope=scope, kinds=FOR_ALL if public else (), online=True)
    return places_of(found, public=public)


def _json(body: bytes) -> Response:
    response = Response(body, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _unseen(response: Response) -> Response:
    """The address is the key: no other site, no search engine may learn it."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response
