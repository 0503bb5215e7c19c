"""Assets: the list, one asset's file, and its label."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from flask import Flask, Response, render_template, request, url_for

from dashboards import forms
from dashboards.pages.lists import next_url
from dashboards.site import now, site
from registry import labels
from registry.domain.errors import NotFound
from registry.domain.kinds import AssetState, Family
from registry.queries import assets as asset_queries
from registry.queries.asset_filters import AssetFilter

LABEL_DPI = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFilters:
    """What the list is narrowed to; ``None``: not narrowed."""

    q: str | None
    family: str | None
    state: str | None
    with_alert: bool | None


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/assets", "assets", assets)
    app.add_url_rule("/assets/<int:asset_id>", "asset", asset)
    app.add_url_rule("/assets/<int:asset_id>/label.svg", "label_svg", label_svg)
    app.add_url_rule("/assets/<int:asset_id>/label.png", "label_png", label_png)


def assets() -> str:
    """The list; ``q`` finds by code, name, road, alias or token."""
    args = request.args
    filters = AssetFilters(
        q=forms.optional_text(args, "q"),
        family=forms.choice(args, "family", Family),
        state=forms.choice(args, "state", AssetState),
        with_alert=forms.flag(args, "with_alert"),
    )
    wanted = AssetFilter(
        q=filters.q or "",
        family=None if filters.family is None else Family(filters.family),
        state=None if filters.state is None else AssetState(filters.state),
        with_alert=filters.with_alert,
    )
    page = asset_queries.list_assets(site().engine, wanted, after=forms.optional_text(args, "after"))
    choices = {"families": list(Family), "states": list(AssetState)}
    return render_template("assets.html", page=page, filters=filters, choices=choices, next_url=next_url(page.next))


def asset(asset_id: int) -> str:
    """One asset's whole file."""
    where = site()
    feed_id = where.hub.newest_id()
    found = asset_queries.asset_file(where.engine, asset_id, now=now())
    return render_template(
        "asset.html",
        asset=found,
        values=found.values,
        label_url=url_for("label_svg", asset_id=asset_id),
        label_png_url=url_for("label_png", asset_id=asset_id),
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
    file = asset_queries.asset_file(where.engine, asset_id, now=now())
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
