"""The catalogue of map layers: the list, the form of one, its file, and the tiles of those that are archives."""

from __future__ import annotations

import gzip
from functools import partial
from pathlib import Path

import structlog
from flask import Flask, Response, flash, redirect, render_template, request, send_file, url_for

from dashboards import forms, place_options
from dashboards.campaign_forms import needed_day
from dashboards.errors import answer_for
from dashboards.login import actor, role
from dashboards.map_catalogue import layer_folder, layer_tiles
from dashboards.pages.areas import REFUSED, Answer, refused
from dashboards.pages.map_tiles import map_crs
from dashboards.site import lang, now, site, t
from dashboards.tile_files import KEPT_A_DAY, MapFileAway, archived_tile
from registry.domain.errors import InvalidInput, NotFound
from registry.domain.geo import Crs
from registry.domain.map_layers import LayerAccess, LayerKind
from registry.domain.vector_tile import Spot
from registry.queries import map_layers as queries
from registry.services import map_layers as services

log = structlog.get_logger(__name__)

_SHAPES = "application/geo+json"
_PIECE = 64 * 1024
_SYSTEMS = (Crs.WGS84, Crs.CGCS2000, Crs.GCJ02, Crs.BD09)


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/layers", "map_layers", layers)
    app.add_url_rule("/layers/new", "new_map_layer", new_layer)
    app.add_url_rule("/layers/new", "add_map_layer", add_layer, methods=["POST"])
    app.add_url_rule("/layers/<key>", "edit_map_layer", edit_layer)
    app.add_url_rule("/layers/<key>", "save_map_layer", save_layer, methods=["POST"])
    app.add_url_rule("/layers/<key>/move", "move_map_layer", move_layer, methods=["POST"])
    app.add_url_rule("/layers/<key>/remove", "remove_map_layer", remove_layer, methods=["POST"])
    app.add_url_rule("/map/layers/<key>.geojson", "map_layer_file", layer_file)
    app.add_url_rule("/map/layers/<key>/<int:z>/<int:x>/<int:y>", "map_layer_tile", layer_tile)


def layers() -> str:
    """Every layer that the visitor may see, in its order."""
    return render_template("map_layers.html", layers=queries.list_layers(site().engine, actor().role), lang_of=lang())


def new_layer() -> str:
    """The form of a new layer."""
    return _form_page(None, forms.FormState())


def add_layer() -> Answer:
    """Add a layer at the end of the catalogue."""
    return _save(None)


def edit_layer(key: str) -> str:
    """The form of one layer."""
    return _form_page(queries.layer_by_key(site().engine, key, actor().role), forms.FormState())


def save_layer(key: str) -> Answer:
    """Keep what was changed about a layer."""
    return _save(key)


def move_layer(key: str) -> Answer:
    """One place up, or down."""
    services.move_layer(site().engine, key, request.form.get("to") == "up", by=actor(), now=now())
    return redirect(url_for("map_layers") + f"#layer-{key}", 303)


def remove_layer(key: str) -> Answer:
    """Take a layer out of the catalogue."""
    services.remove_layer(site().engine, layer_folder(), key, by=actor(), now=now())
    log.info("map_layer_removed", layer=key)
    flash(t("message.map_layer_removed"), "ok")
    return redirect(url_for("map_layers"), 303)


def layer_file(key: str) -> Response:
    """The shapes of an uploaded layer, in the system of the base map below."""
    layer = queries.layer_by_key(site().engine, key, role())
    if layer.kind is not LayerKind.GEOJSON or not layer.file:
        raise NotFound("file of the map layer", key)
    path = layer_folder() / services.packed_shapes(layer.file, map_crs())
    try:
        response = _unpacked(path) if request.accept_encodings["gzip"] == 0 else _packed(path)
    except OSError as error:
        raise MapFileAway(f"the file of the map layer {key} can't be read: {error.strerror}") from error
    response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = KEPT_A_DAY if "v" in request.args else "private, no-cache"
    return response


def _packed(path: Path) -> Response:
    response = send_file(path.resolve(), mimetype=_SHAPES, conditional=True)
    response.headers["Content-Encoding"] = "gzip"
    response.headers.pop("Accept-Ranges", None)
    return response


def _unpacked(path: Path) -> Response:
    file = gzip.open(path)  # noqa: SIM115  # closed with the response
    response = Response(iter(partial(file.read, _PIECE), b""), mimetype=_SHAPES)
    response.call_on_close(file.close)
    return response


def layer_tile(key: str, z: int, x: int, y: int) -> Response:
    """One tile of a layer that is an archive; 204 where it has none."""
    layer = queries.layer_by_key(site().engine, key, role())
    if layer.kind is not LayerKind.PMTILES or not layer.file:
        raise NotFound("file of the map layer", key)
    return archived_tile(*layer_tiles(layer), Spot(z, x, y))


def _save(key: str | None) -> Answer:
    try:
        new = _read(key)
        version = forms.optional_int(request.form, "version")
        said = services.save_layer(site().engine, layer_folder(), key, new, version=version, by=actor(), now=now())
    except REFUSED as error:
        layer = None if key is None else queries.layer_by_key(site().engine, key, actor().role)
        return _form_page(layer, refused(error)), answer_for(error).status
    log.info("map_layer_saved", layer=said)
    flash(t("message.map_layer_saved"), "ok")
    return redirect(url_for("map_layers") + f"#layer-{said}", 303)


def _read(key: str | None) -> services.NewLayer:
    form = request.form
    kind = forms.choice(form, "kind", LayerKind)
    if kind is None:
        raise InvalidInput("kind", "choose what the layer is")
    file = request.files.get("file")
    return services.NewLayer(
        key=key or forms.text(form, "key", most=40),
        kind=LayerKind(kind),
        name_zh=forms.text(form, "name_zh", most=80),
        name_en=forms.text(form, "name_en", most=80),
        address=forms.text(form, "address", most=1_000),
        inner_layer=forms.text(form, "inner_layer", most=80),
        source=forms.text(form, "source", most=200),
        dated_on=needed_day(form, "dated_on"),
        unit_id=forms.optional_int(form, "unit_id"),
        access=LayerAccess(forms.choice(form, "access", LayerAccess) or LayerAccess.STAFF),
        colour=forms.text(form, "colour", most=20),
        content=file.stream if file is not None and file.filename else None,
        crs=Crs(forms.choice(form, "crs", _SYSTEMS) or Crs.WGS84),
    )


def _form_page(layer: queries.MapLayer | None, form: forms.FormState) -> str:
    return render_template(
        "map_layer_edit.html",
        layer=layer,
        form=form,
        kinds=[(kind.value, t(f"layer_kind.{kind}"), t(f"layer_kind_help.{kind}")) for kind in LayerKind],
        access=[(each.value, t(f"layer_access.{each}"), "") for each in LayerAccess],
        units=place_options.of_units(),
        systems=place_options.of_words(_SYSTEMS, "crs."),
        today=now().astimezone(site().zone).date().isoformat(),
        limit_mb=min(site().settings.import_limit_mb, services.MOST_BYTES / 1_000_000),
    )
