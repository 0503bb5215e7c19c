"""The phone's own page: an installable shell that works without a signal, and what it carries into the street.

The shell holds nothing of the city and nothing of anybody, so that a phone may keep it. Who is signed in, and what they
carry, are two small answers of JSON; what they do goes through the operations of ``/api/v1``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
from flask import Flask, Response, abort, current_app, jsonify, render_template, request, session, url_for
from flask_wtf.csrf import generate_csrf

from dashboards import forms
from dashboards.login import LEFT, actor, visit, visitor
from dashboards.pages.permits import WORKS
from dashboards.site import lang, now, site, t
from dashboards.texts import LANGUAGES
from registry.domain.device_kinds import DEVICE_KINDS
from registry.domain.geo import Place, check_place
from registry.domain.link_test import ZEROED
from registry.domain.permits import PRESETS_MIN
from registry.queries.field_bundle import field_bundle
from registry.queries.rules import RuleName, rule_names
from registry.queries.standard import standard_of

ENTRY = "src/app/main.ts"
READER = "src/app/reader.ts"
"""What reads QR codes where the browser can't: large, so that a phone only keeps it when it needs it."""

WORKER = "app-worker.js"
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; worker-src 'self'; font-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'"
)
"""The reader of QR codes is WebAssembly; nothing else differs from the policy of other pages."""

_A_DAY_S = 86_400


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/app", "phone_app", phone_app)
    app.add_url_rule("/app/sw.js", "phone_worker", phone_worker)
    app.add_url_rule("/app/manifest.webmanifest", "phone_manifest", phone_manifest)
    app.add_url_rule("/app/session.json", "phone_session", phone_session)
    app.add_url_rule("/app/bundle.json", "phone_bundle", phone_bundle)


def phone_app() -> Response:
    """The shell. The same for everybody; without scripts it leads to the pages that need none."""
    response = Response(render_template("app.html"))
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response


def phone_worker() -> Response:
    """The service worker, told which files make up the shell; another list is another version to the browser."""
    manifest = site().manifest
    if not manifest.built:
        abort(404)
    script = _read(f"static/built/{WORKER}")
    # what a phone keeps of the page: its markup, the pictures in it, the city's zone and the policy that comes with it
    page = _read("templates/app.html") + _read("templates/parts/icons.html")
    page += f"{site().city.timezone} {POLICY}".encode()
    shell = manifest.files(ENTRY, without=READER)
    later = [each for each in manifest.files(READER) if each not in shell]
    icons = [url_for("static", filename=f"icons/{name}") for name in ("covercode.svg", "app-192.png")]
    told: dict[str, Any] = {"shell": [*shell, *icons, url_for("phone_manifest")], "later": later}
    told["version"] = hashlib.blake2b(json.dumps(told).encode() + script + page, digest_size=6).hexdigest()
    body = b"self.COVERCODE = " + json.dumps(told).encode() + b";\n" + script
    response = Response(body, mimetype="text/javascript")
    response.headers["Service-Worker-Allowed"] = "/app"
    response.headers["Cache-Control"] = "no-cache"
    response.set_etag(told["version"])
    response.make_conditional(request)
    return response


def phone_manifest() -> Response:
    """How the app is called and looks when it is installed."""
    icons = [
        {"src": url_for("static", filename="icons/app-192.png"), "sizes": "192x192", "type": "image/png"},
        {"src": url_for("static", filename="icons/app-512.png"), "sizes": "512x512", "type": "image/png"},
        {
            "src": url_for("static", filename="icons/app-maskable.png"),
            "sizes": "512x512",
            "type": "image/png",
            "purpose": "maskable",
        },
    ]
    told = {
        "id": "/app",
        "name": t("app.long_name", city=site().city.name),
        "short_name": t("app.name"),
        "lang": "zh-CN" if lang() == "zh" else "en",
        "start_url": "/app",
        "scope": "/app",
        "display": "standalone",
        "orientation": "portrait",
        "background_color": "#0b1117",
        "theme_color": "#0a5a9c",
        "icons": icons,
        "shortcuts": [
            {"name": t("app.scan"), "url": "/app#/scan"},
            {"name": t("app.tasks"), "url": "/app#/tasks"},
        ],
    }
    response = Response(json.dumps(told, ensure_ascii=False), mimetype="application/manifest+json")
    # its words go by a cookie: another language is another answer
    response.headers["Cache-Control"] = f"private, max-age={_A_DAY_S}"
    response.vary.add("Cookie")
    return response


def phone_session() -> Response:
    """Who is signed in on this phone, with the word that what they send has to carry; and what time it is.

    ``left``: who signed out last; somebody whose sign-in merely ended did not. ``must_change_password``: the API takes
    nothing from them before they chose one of their own.
    """
    somebody = visitor()
    user = None
    if somebody is not None and somebody.user_id is not None:
        user = {
            "id": somebody.user_id,
            "name": somebody.name,
            "role": somebody.role,
            "unit_id": somebody.unit_id,
            "area_code": somebody.area_code,
        }
    opened = visit()
    response = jsonify(
        user=user,
        left=None if user else session.get(LEFT),
        csrf=generate_csrf() if user else "",
        now=now().isoformat(),
        must_change_password=opened is not None and opened.must_change_password,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def phone_bundle() -> Response:
    """What the visitor carries: their tasks, the things around, who may do what, and the words of this city."""
    where, somebody = site(), actor()
    near = _near()
    bundle = field_bundle(where.engine, somebody, now=now(), near=near)
    standard = standard_of(where.engine)
    told = msgspec.to_builtins(bundle) | {
        "kinds": {
            line.key: {
                "zh": line.name_zh,
                "en": line.name_en or line.name_zh,
                "family": line.family,
                "severity": int(line.severity),
                "unit": line.quantity_unit,
                "retired": line.retired,
            }
            for line in standard.lines.values()
        },
        "rules": {rule.key: _called(rule) for rule in rule_names(where.engine)},
        "works": {family: [f"permit_work.{word}" for word in words] for family, words in WORKS.items()},
        "minutes": PRESETS_MIN,
        "zeroed": sorted(ZEROED),
        "profiles": [
            {"name": kind.name, "zh": kind.title_zh, "en": kind.title, "heartbeat_s": kind.heartbeat_s}
            for kind in DEVICE_KINDS.values()
        ],
        "city": where.city.name,
        "user_id": somebody.user_id,
    }
    response = Response(json.dumps(told, ensure_ascii=False, separators=(",", ":")), mimetype="application/json")
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _called(rule: RuleName) -> dict[str, str]:
    """A rule by the name that its city gave it, by that of a shipped one, or by its key; in both languages."""
    texts, word = site().texts, f"rule.{rule.key}"
    shipped = {each: texts.t(each, word) if texts.has(each, word) else rule.key for each in LANGUAGES}
    return {"zh": rule.zh or shipped["zh"], "en": rule.en or rule.zh or shipped["en"]}


def _near() -> Place | None:
    lon, lat = forms.optional_float(request.args, "lon"), forms.optional_float(request.args, "lat")
    return None if lon is None or lat is None else check_place(lon, lat)


def _read(name: str) -> bytes:
    return Path(current_app.root_path, name).read_bytes()
