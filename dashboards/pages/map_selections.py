"""What somebody drew a line around on the map: made there, then a page with its list, exports and a campaign."""

from __future__ import annotations

from typing import Annotated

import msgspec
import structlog
from flask import Flask, Response, flash, jsonify, redirect, render_template, request, url_for

from dashboards import forms
from dashboards.downloads import as_download
from dashboards.login import actor, area
from dashboards.pages.areas import Answer
from dashboards.pages.lists import next_url
from dashboards.site import now, site, t
from dashboards.texts import local_time
from registry.domain.errors import InvalidInput
from registry.domain.geo import Crs, Place, from_wgs84, to_wgs84
from registry.domain.kinds import Family, Severity
from registry.queries import map_selections as queries
from registry.services import map_selections as services
from registry.services.exports import FORMATS, MEDIA_TYPES, ExportWish, export_assets
from registry.shapes import shaped_json

log = structlog.get_logger(__name__)

_LONGEST_BODY = 200_000


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the map sends: the outline's corners, in the system of its base map, and what of the assets it shows."""

    polygon: Annotated[list[tuple[float, float]], msgspec.Meta(min_length=3, max_length=services.MOST_CORNERS + 1)]
    families: list[Family] | None = None
    severity: Annotated[int, msgspec.Meta(ge=0, le=Severity.CRITICAL.value)] = 0
    crs: Crs = Crs.WGS84


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/map/selections", "map_selections", selections)
    app.add_url_rule("/map/selections", "add_selection", add_selection, methods=["POST"])
    app.add_url_rule("/map/selections/<int:selection_id>", "map_selection", selection)
    app.add_url_rule("/map/selections/<int:selection_id>/file", "selection_file", selection_file)
    app.add_url_rule(
        "/map/selections/<int:selection_id>/remove", "remove_selection", remove_selection, methods=["POST"]
    )


def selections() -> str:
    """One's own selections."""
    return render_template("map_selections.html", selections=queries.list_selections(site().engine, actor(), now=now()))


def add_selection() -> Response:
    """Count and keep what stands inside an outline."""
    wish = _read()
    outline = [to_wgs84(Place(*corner), wish.crs) for corner in wish.polygon]
    made = services.add_selection(
        site().engine, outline, families=wish.families, severity=wish.severity, by=actor(), now=now()
    )
    log.info("map_selection_made", selection_id=made.id, count=made.count)
    drawn = [from_wgs84(Place(*corner), wish.crs) for corner in made.outline]
    told = msgspec.to_builtins(made) | {"outline": drawn, "href": url_for("map_selection", selection_id=made.id)}
    response = jsonify(told)
    response.status_code = 201
    return response


def selection(selection_id: int) -> str:
    """One selection: how many of what, the list, and what can be done with it."""
    found = queries.selection(site().engine, selection_id, actor(), now=now())
    after = forms.optional_text(request.args, "after")
    page = queries.selected_assets(site().engine, selection_id, after=after, scope=area())
    return render_template(
        "map_selection.html",
        selection=found,
        assets=page.items,
        next_url=next_url(page.next),
        families=list(Family),
        most_kept=services.MOST_KEPT,
    )


def selection_file(selection_id: int) -> Response:
    """Its assets as a file, as exports write them."""
    found = queries.selection(site().engine, selection_id, actor(), now=now())
    wished = forms.choice(request.args, "format", FORMATS) or "csv"
    pieces = export_assets(site().engine, ExportWish(format=wished, selection_id=found.id), by=actor())
    day = local_time(found.made_at, site().zone, "date")
    response = Response(pieces, content_type=MEDIA_TYPES[wished])
    return as_download(response, f"{t('selection.file_name')}-{day}-{found.id}.{wished}")


def remove_selection(selection_id: int) -> Answer:
    """Let go of it."""
    services.remove_selection(site().engine, selection_id, by=actor(), now=now())
    flash(t("message.selection_removed"), "ok")
    return redirect(url_for("map_selections"), 303)


def _read() -> _Wish:
    body = request.get_data(cache=False)
    if len(body) > _LONGEST_BODY:
        raise InvalidInput("polygon", "must have 3 to {most} corners", most=services.MOST_CORNERS)
    try:
        return shaped_json(body, _Wish)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InvalidInput("polygon", "can't be read: {reason}", reason=error) from error
