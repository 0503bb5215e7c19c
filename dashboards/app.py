"""Puts the web part together. Nothing happens on import; ``create_app`` gets everything it needs as arguments."""

from __future__ import annotations

import ipaddress
import mimetypes
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from flask import Flask, Response, g, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf.csrf import CSRFProtect
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import escape
from sqlalchemy import Engine
from werkzeug.middleware.proxy_fix import ProxyFix

from dashboards import api, pages, texts
from dashboards.agents import agent_name
from dashboards.alert_words import clears_when, fired_because
from dashboards.assets_manifest import load_manifest
from dashboards.base_map import map_hosts, tiles_without_shift
from dashboards.bearer import bearer
from dashboards.cabinet_door import CabinetDoor
from dashboards.cabinet_words import from_cabinet, from_letter, load_cabinet_words
from dashboards.compress import compress, packed_name
from dashboards.errors import register_errors
from dashboards.first_style import first_style, style_source
from dashboards.kept_sentences import KeptSentences
from dashboards.login import COOKIE_LIFETIME, may, read_secret, register_login, visitor
from dashboards.navigation import navigation, navigation_bar
from dashboards.open311 import routes as open311_routes
from dashboards.permissions import LARGE_UPLOADS, LIMITS, WITHOUT_FORM
from dashboards.rate_counts import counts_file, counts_uri
from dashboards.refusals import field_name, kept_problem, load_refusals
from dashboards.settings import City, WebSettings
from dashboards.site import EXTENSION, Site, lang, now, site, site_of, t, unit_called
from dashboards.stream import FeedHub, RecordsFeed
from dashboards.stream_sender import Sender
from dashboards.texts import Texts, load_catalogues
from registry.domain.errors import StoreDown

HERE = Path(__file__).parent
MEGABYTE = 1_000_000
SLOW_S = 2.0

log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """The clock of a running site."""
    return datetime.now(UTC)


def create_app(
    settings: WebSettings,
    city: City,
    engine: Engine,
    store: Any,
    *,
    cabinets: CabinetDoor | None = None,
    clock: Callable[[], datetime] = utc_now,
    testing: bool = False,
) -> Flask:
    """The web part of ``city`` over its records (``engine``) and series (``store``, a series store).

    Makes the secret file when there is none. With ``testing``, a word that no catalogue has is an error. Raises
    ``OSError`` or ``ValueError`` when the secret, the catalogues or the front end's manifest can't be used, and
    ``zoneinfo.ZoneInfoNotFoundError`` for an unknown time zone.
    """
    app = _CityApp(__name__, static_folder="static", static_url_path="/static", template_folder="templates")
    _configure(app, settings, city, testing=testing)
    refusals = load_refusals(HERE / "words")
    hub = FeedHub(RecordsFeed(engine))
    app.extensions[EXTENSION] = Site(
        settings=settings,
        city=city,
        engine=engine,
        store=store,
        clock=clock,
        zone=ZoneInfo(city.timezone),
        texts=Texts(load_catalogues(HERE / "words"), strict=testing),
        refusals=refusals,
        kept_refusals=KeptSentences(refusals),
        cabinet_words=load_cabinet_words(HERE / "words", refusals),
        manifest=load_manifest(HERE),
        hub=hub,
        sender=Sender(hub),
        cabinets=cabinets or CabinetDoor(),
    )
    app.before_request(_begin)
    register_login(app, counts_file(city))
    app.before_request(_take_large_files)
    limiter = Limiter(_counted_as, app=app, storage_uri=counts_uri(counts_file(city)))
    guard_forms(app)
    pages.register(app)
    api.register(app)
    open311_routes.register(app)
    for endpoint, limits in LIMITS.items():
        view: Any = app.view_functions[endpoint]
        app.view_functions[endpoint] = limiter.limit(limits)(view)
    register_errors(app)
    _register_templates(app)
    app.after_request(_secure)
    app.after_request(compress)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )
    return app


class _CityApp(Flask):
    """Flask, told two things: nothing here is asynchronous, and built files lie there compressed as well."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        # it would look at every function again in every request
        return func

    def send_static_file(self, filename: str) -> Response:
        if not filename.startswith("built/"):
            return super().send_static_file(filename)
        name, encoding = packed_name(self.static_folder or "", filename)
        response = super().send_static_file(name)
        response.vary.add("Accept-Encoding")
        if encoding:
            response.mimetype = mimetypes.guess_type(filename)[0] or "application/octet-stream"
            response.headers["Content-Encoding"] = encoding
        return response


def _configure(app: Flask, settings: WebSettings, city: City, *, testing: bool) -> None:
    app.config.update(
        TESTING=testing,
        PROPAGATE_EXCEPTIONS=False,  # one table answers every exception, in tests too
        SECRET_KEY=read_secret(settings.secret_file),
        MAX_CONTENT_LENGTH=int(settings.upload_limit_mb * MEGABYTE),
        MAX_FORM_PARTS=100,
        SESSION_COOKIE_NAME="covercode",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=urlsplit(city.public_url).scheme.lower() == "https",
        PERMANENT_SESSION_LIFETIME=COOKIE_LIFETIME,
        SESSION_REFRESH_EACH_REQUEST=False,  # scripts and pictures would carry a cookie each
        WTF_CSRF_TIME_LIMIT=None,  # a form lives as long as its session
        WTF_CSRF_CHECK_DEFAULT=False,  # guard_forms decides
        WTF_CSRF_SSL_STRICT=False,  # SameSite and the token guard; some phones' browsers send no Referer
    )
    app.url_map.strict_slashes = False
    app.url_map.redirect_defaults = False  # an alias answers itself: a scan costs one request
    app.json.ensure_ascii = False  # type: ignore[attr-defined]


def guard_forms(app: Flask) -> None:
    """Refuse what another site made a browser send; a program's token can't be sent so, and needs no form's."""
    protection = CSRFProtect(app)

    def check() -> None:
        if request.endpoint is not None and request.endpoint not in WITHOUT_FORM and bearer() is None:
            protection.protect()

    app.before_request(check)


def _begin() -> None:
    """Every line logged while answering carries the request's id; the id of a trusted proxy is kept."""
    given = request.headers.get("X-Request-ID", "") if site().settings.trusted_proxies else ""
    g.began_s = time.monotonic()
    g.request_id = given[:64] if given.isascii() and given.replace("-", "").isalnum() else secrets.token_hex(6)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _counted_as() -> str:
    """Whose requests count together: a person's own, wherever they are, and of strangers those of one line.

    A crew behind one depot's or one carrier's address would otherwise be refused for what the others asked.
    """
    try:
        somebody = visitor()
    except StoreDown:
        somebody = None
    if somebody is None or somebody.user_id is None:
        return _line_of(get_remote_address())
    return f"user {somebody.user_id}"


def _line_of(address: str) -> str:
    """The address; of IPv6 its network, since whoever has one line has all of that network's addresses to ask from."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address) or found.ipv4_mapped is not None:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False))


def _take_large_files() -> None:
    """Raise the limit for a large upload: after the visitor was let in, before anything (CSRF) reads the body."""
    if request.endpoint in LARGE_UPLOADS:
        request.max_content_length = int(site().settings.import_limit_mb * MEGABYTE)


def _secure(response: Response) -> Response:
    """The headers of every answer. Scripts, styles and connections are this site's own, and the map's tile server's."""
    tiles = "".join(f" {host}" for host in map_hosts(request.endpoint))
    response.headers.setdefault(
        "Content-Security-Policy",
        f"default-src 'self'; script-src 'self'; style-src 'self'{style_source()}; object-src 'none'; base-uri 'none'; "
        f"form-action 'self'; frame-ancestors 'none'; worker-src 'self' blob:; font-src 'self'; "
        f"img-src 'self' data: blob:{tiles}; connect-src 'self'{tiles}",
    )
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", "DENY")
    # the address of a kiosk is its key, also where its page only says that something went wrong
    kiosk = request.path.startswith("/kiosk/")
    response.headers.setdefault("Referrer-Policy", "no-referrer" if kiosk else "same-origin")
    response.headers.setdefault("Permissions-Policy", "geolocation=(self), camera=(self), microphone=()")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers["X-Request-ID"] = g.get("request_id", "")
    took_s = time.monotonic() - g.began_s
    if took_s > SLOW_S:
        log.warning("request_slow", endpoint=request.endpoint, status=response.status_code, took_s=round(took_s, 3))
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint == "static":
        _cache_static(response)
    elif "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store" if visitor() else "no-cache"
    return response


def _cache_static(response: Response) -> None:
    # Vite names a built file by its content, so it never changes under its name.
    built = request.path.startswith("/static/built/assets/")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if built else "public, max-age=3600"


def _register_templates(app: Flask) -> None:
    manifest = site_of(app).manifest
    app.jinja_env.globals.update(
        t=_on_a_page,
        can=may,
        rule_word=_rule_word,
        fired_because=fired_because,
        clears_when=clears_when,
        field_name=field_name,
        navigation=navigation,
        navigation_bar=navigation_bar,
        asset_url=manifest.url,
        first_style=first_style,
        asset_css=manifest.stylesheets,
        asset_modules=manifest.modules,
        front_end_built=manifest.built,
        stream_url=lambda feed_id: f"/api/v1/stream?since={feed_id}",
    )
    asked_each_time: dict[str, Callable[..., object]] = {
        "local_time": lambda moment, form="second": texts.local_time(moment, site().zone, form),
        "ago": lambda moment: texts.ago(moment, lang(), now=now()),
        "duration": lambda seconds: texts.duration(seconds, lang()),
        "number": _number,
        "agent_name": agent_name,
        "from_cabinet": from_cabinet,
        "from_letter": from_letter,
        "unit_called": unit_called,
        "kept_problem": kept_problem,
    }
    app.jinja_env.filters["moment"] = datetime.fromisoformat
    app.jinja_env.filters.update({name: _at_each_showing(write) for name, write in asked_each_time.items()})
    app.context_processor(_context)


def _at_each_showing(write: Callable[..., object]) -> Callable[..., object]:
    """As a filter that Jinja doesn't work out while it compiles a page, for all visitors in the language of the first.

    It does so where a filter stands behind a constant and takes no context.
    """

    @pass_context
    def filled(_of_the_page: Context, *args: object, **named: object) -> object:
        return write(*args, **named)

    return filled


def _on_a_page(key: str, **args: object) -> str:
    """Words as ``t`` says them; what is markup already, a moment for one, stands in them as it is."""
    marked = {name: value for name, value in args.items() if hasattr(value, "__html__")}
    if not marked:
        return t(key, **args)
    said = escape(t(key, **args | {name: f"\ue000{name}\ue001" for name in marked}))
    for name, value in marked.items():
        said = said.replace(f"\ue000{name}\ue001", escape(value))
    return said


def _rule_word(key: str, zh: str = "", en: str = "") -> str:
    """A rule by the name that its city gave it, by that of a shipped one, or by its key."""
    own = zh if lang() == "zh" else en or zh
    word = f"rule.{key}"
    return own or (t(word) if site().texts.has(lang(), word) else key)


def _number(value: float | None, unit: str = "", decimals: int | None = None) -> str:
    written = texts.number(value, decimals)
    if value is None or not unit or unit == "1":
        return written
    symbol = t(f"unit.{unit}")
    # as the scripts write it, so that no figure moves when a page comes alive
    return f"{written}{symbol}" if symbol in {"°", "%"} else f"{written}\u202f{symbol}"


def _context() -> dict[str, Any]:
    where = site()
    return {
        "lang": lang(),
        "city": where.city,
        "user": visitor(),
        "now": now(),
        "tile_url": tiles_without_shift(),
        "request_id": g.get("request_id", ""),
    }
