"""Assets: the list, one asset's file, and its label."""

from __future__ import annotations

import hashlib

from flask import Flask, Response, render_template, request, url_for

from dashboards import asset_forms, forms
from dashboards.asset_history import action_name, readable
from dashboards.login import actor
from dashboards.pages.lists import next_url
from dashboards.site import lang, now, site
from registry import labels
from registry.domain.asset_facts import FACTS, facts_of, show_fact
from registry.domain.asset_states import MOVES
from registry.domain.errors import NotFound
from registry.domain.kinds import AssetState, Family
from registry.queries import assets as asset_queries
from registry.queries.asset_filters import Gap
from registry.queries.people import list_units
from registry.services.devices import may_handle
from registry.services.photos import PHOTO_KINDS

LABEL_DPI = 300
PAGE_SIZE = 50


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/assets", "assets", assets)
    app.add_url_rule("/assets/<int:asset_id>", "asset", asset)
    app.add_url_rule("/assets/<int:asset_id>/label.svg", "label_svg", label_svg)
    app.add_url_rule("/assets/<int:asset_id>/label.png", "label_png", label_png)
    # Somebody loads the page again after a refused form, or changes the language on it.
    for refused in ("state", "photos", "unmerge"):
        app.add_url_rule(f"/assets/<int:asset_id>/{refused}", "asset", asset, alias=True)


def assets() -> str:
    """The list; ``q`` finds by code, token, alias, road, or the beginning of a name or an address."""
    wanted = asset_forms.read_filter(request.args, actor())
    after = forms.optional_text(request.args, "after")
    page = asset_queries.list_assets(site().engine, wanted, after=after, limit=PAGE_SIZE)
    return render_template(
        "assets.html",
        page=page,
        wanted=wanted,
        choices={"families": list(Family), "states": list(AssetState), "gaps": list(Gap)},
        units=list_units(site().engine),
        filter_args=asset_forms.filter_args(wanted),
        first_page=after is None,
        next_url=next_url(page.next),
    )


def asset(asset_id: int) -> str:
    """One asset's whole file."""
    return asset_page(asset_id, forms.FormState())


def asset_page(asset_id: int, form: forms.FormState) -> str:
    """The file, with a refused form of it."""
    where = site()
    feed_id = where.hub.newest_id()
    found = asset_queries.asset_file(where.engine, asset_id, now=now(), zone=where.zone)
    facts = facts_of(found.family)
    known = [(spec.zh if lang() == "zh" else spec.en, spec, found.details.get(spec.key)) for spec in facts]
    parties = [None if each is None else each.id for each in (found.supervisor, found.owner, found.maintainer)]
    return render_template(
        "asset.html",
        asset=found,
        values=found.values,
        facts=[(name, show_fact(spec, value, lang())) for name, spec, value in known if value not in (None, "", [])],
        other_details={key: value for key, value in found.details.items() if key not in FACTS},
        history=[(action_name(line.action), line, readable(line)) for line in found.changes],
        state_moves=MOVES[found.state] if found.merged_into is None else (),
        photo_kinds=PHOTO_KINDS,
        may_handle=may_handle(actor(), parties) and found.merged_into is None,
        label_url=url_for("label_svg", asset_id=asset_id),
        label_png_url=url_for("label_png", asset_id=asset_id),
        form=form,
        feed_id=feed_id,
    )


def label_svg(asset_id: int) -> Response:
    """The label for the printer's shop; every picture was decoded again before it is handed out."""
    facts = _label_of(asset_id)
    return _picture(labels.label_svg(facts).encode(), "image/svg+xml", f"{facts.code}.svg")


def label_png(asset_id: int) -> Response:
    """The label as pixels; ``dpi`` for the printer at hand."""
    facts = _label_of(asset_id)
    dpi = forms.whole_number(request.args, "dpi", LABEL_DPI, least=100, most=600)
    return _picture(labels.label_png(facts, dpi=dpi), "image/png", f"{facts.code}.png")


def _label_of(asset_id: int) -> labels.LabelFacts:
    """What stands on the plate of an asset. Raises ``NotFound`` also when it has no active plate."""
    where = site()
    file = asset_queries.asset_file(where.engine, asset_id, now=now(), zone=where.zone)
    if file.tag is None:
        raise NotFound("active plate of asset", asset_id)
    keeper = file.maintainer
    return labels.LabelFacts(
        token=file.tag.token,
        code=file.code,
        name_zh=file.class_name_zh,
        name_en=file.class_name_en,
        public_url=where.city.public_url,
        family=file.family,
        maintainer="" if keeper is None else keeper.name,
        phone="" if keeper is None else keeper.phone,
    )


def _picture(content: bytes, mimetype: str, name: str) -> Response:
    """Shown in the page, or with ``?download=1`` saved under the component code."""
    response = Response(content, mimetype=mimetype)
    if request.args.get("download") == "1":
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.set_etag(hashlib.blake2b(content, digest_size=16).hexdigest())
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response
