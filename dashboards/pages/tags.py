"""Plates: the list, one plate's life, binding a blank one where it is screwed on, and the log of scans."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import structlog
from flask import Flask, Response, flash, jsonify, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from dashboards import forms
from dashboards.errors import answer_for, problem_of
from dashboards.login import actor
from dashboards.pages.lists import next_url
from dashboards.refusals import problem_at
from dashboards.site import now, site, t
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import ScanFlag, TagState
from registry.domain.scopes import check_area
from registry.domain.tokens import Finding, read_token
from registry.queries import tags as tag_queries
from registry.queries.find_asset import Found, FoundBy, find_asset
from registry.queries.nearest import NearAsset, nearest_assets
from registry.services import tags as tag_services
from registry.services.scans import Scan, ScanPlace, mark_looked_at, place_scan

log = structlog.get_logger(__name__)

Answer = str | AnyResponse | tuple[str, int]
NEAR_M = 150.0
MOST_NEAR = 8
_SHOWN = ("waiting", "flagged", "all")
_LAST_SCAN = "last_scan"
_REFUSED = (InvalidInput, InvalidMove, Conflict, NotAllowed, NotFound)


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/tags", "tags", tags)
    app.add_url_rule("/tags/<token>", "tag", tag)
    app.add_url_rule("/tags/<token>", "move_tag", move_tag, methods=["POST"])
    app.add_url_rule("/tags/<token>/bind", "bind_tag", bind_page)
    app.add_url_rule("/tags/<token>/bind", "do_bind_tag", do_bind_tag, methods=["POST"])
    app.add_url_rule("/scans", "scans", scans)
    app.add_url_rule("/scans", "look_at_scans", look_at_scans, methods=["POST"])
    app.add_url_rule("/q/<token>/place", "place_scan", place_here, methods=["POST"])


def tags() -> Answer:
    """The list; ``q`` is a token (then its page opens), a code or an alias (then the asset's)."""
    q = forms.optional_text(request.args, "q", most=300)
    missing = ""
    if q is not None:
        found = _page_of(q)
        if found:
            return redirect(found, 303)
        missing = q
    state = forms.choice(request.args, "state", TagState)
    page = tag_queries.list_tags(
        site().engine,
        state=None if state is None else TagState(state),
        by=actor(),
        after=forms.optional_text(request.args, "after"),
    )
    return render_template(
        "tags.html", page=page, state=state, states=list(TagState), missing=missing, next_url=next_url(page.next)
    )


def _page_of(q: str) -> str:
    """The address of the plate or the asset that ``q`` names; empty when there is none, or more than one asset."""
    with suppress(InvalidInput, NotFound):
        return url_for("tag", token=tag_queries.tag_view(site().engine, q.rsplit("/", 1)[-1]).token)
    found = find_asset(site().engine, q)
    return url_for("asset", asset_id=found[0].asset_id) if len(found) == 1 else ""


def tag(token: str) -> str:
    """One plate and all that happened to it."""
    return _tag_page(token, forms.FormState())


def move_tag(token: str) -> Answer:
    """Lost, found again or destroyed, with a note."""
    form, engine = request.form, site().engine
    try:
        what = forms.choice(form, "what", ("lost", "found", "destroyed"))
        if what is None:
            raise InvalidInput("what", t("tags.choose_move"))
        note = forms.text(form, "note", most=2_000)
        tag_services.move_tag(engine, token, what, by=actor(), now=now(), note=note)
    except _REFUSED as error:
        return _tag_page(token, _refused(error)), answer_for(error).status
    log.info("tag_moved", what=what)
    flash(t(f"message.tag_{what}_now"), "ok")
    return redirect(url_for("tag", token=token), 303)


def bind_page(token: str) -> str:
    """What a blank plate can be bound to: what is near the phone, or what ``q`` finds."""
    return _bind_page(token, forms.FormState(values=dict(request.args)))


def do_bind_tag(token: str) -> Answer:
    """Bind it, and open the asset's file."""
    form = request.form
    try:
        asset_id = forms.optional_int(form, "asset_id")
        if asset_id is None:
            raise InvalidInput("asset_id", t("tags.choose_asset"))
        tag_services.bind(site().engine, token, asset_id, by=actor(), now=now())
    except _REFUSED as error:
        return _bind_page(token, _refused(error)), answer_for(error).status
    log.info("tag_bound", asset_id=asset_id)
    flash(t("message.tag_bound"), "ok")
    return redirect(url_for("asset", asset_id=asset_id), 303)


def scans() -> str:
    """The log; as it opens: what is flagged and nobody has looked at."""
    args = request.args
    show = forms.choice(args, "show", _SHOWN) or "waiting"
    flag = forms.choice(args, "flag", ScanFlag)
    page = tag_queries.list_scans(
        site().engine,
        by=actor(),
        flagged=show != "all",
        flag=None if flag is None else ScanFlag(flag),
        looked=False if show == "waiting" else None,
        token=forms.optional_text(args, "token", most=64),
        asset_id=forms.optional_int(args, "asset"),
        after=forms.optional_text(args, "after"),
    )
    return render_template(
        "scans.html",
        page=page,
        show=show,
        flag=flag,
        flags=list(ScanFlag),
        token=args.get("token", "")[:64],
        asset_id=forms.optional_int(args, "asset"),
        next_url=next_url(page.next),
    )


def look_at_scans() -> AnyResponse:
    """Mark scans as looked at."""
    chosen = [forms.optional_int({"scan": word}, "scan") for word in request.form.getlist("scan")]
    count = mark_looked_at(site().engine, [each for each in chosen if each is not None], by=actor(), now=now())
    flash(t("message.scans_looked", count=count), "ok")
    return redirect(url_for("scans"), 303)


def keep_scan(found: Scan) -> None:
    """Remember a visitor's last scan, so that their phone may add its place to it."""
    if found.token is not None:
        session[_LAST_SCAN] = [found.id, found.token]


def place_here(token: str) -> Response:
    """Add to the scan just made where the phone was; it must be this visitor's own."""
    sent: Any = request.get_json(silent=True)
    kept = session.get(_LAST_SCAN)
    if not isinstance(sent, dict) or not kept or kept[1] != read_token(token):
        raise NotFound("scan", token[:64])
    numbers = {name: sent.get(name) for name in ("lon", "lat", "accuracy_m")}
    wrong = [name for name, value in numbers.items() if not isinstance(value, int | float) and name != "accuracy_m"]
    if wrong:
        raise InvalidInput(wrong[0], "must be a number")
    accuracy = numbers["accuracy_m"] if isinstance(numbers["accuracy_m"], int | float) else None
    place = ScanPlace(lon=float(sent["lon"]), lat=float(sent["lat"]), accuracy_m=accuracy)
    away, flag = place_scan(site().engine, kept[0], place, now=now(), far_m=site().settings.scan_far_m)
    return jsonify(distance_m=None if away is None else round(away, 1), flag=flag)


def _tag_page(token: str, form: forms.FormState) -> str:
    view = tag_queries.tag_view(site().engine, token)
    if view.area_code is not None:
        check_area(actor(), view.area_code)
    return render_template("tag.html", tag=view, form=form, moves=_MOVES.get(view.state, ()))


_MOVES = {
    TagState.BLANK: ("destroyed",),
    TagState.ACTIVE: ("lost", "destroyed"),
    TagState.LOST: ("found", "destroyed"),
    TagState.REPLACED: ("destroyed",),
}


def _bind_page(token: str, form: forms.FormState) -> str:
    view = tag_queries.tag_view(site().engine, token)
    found = [each for each in _found(form.value("q")) if each.by is not FoundBy.TOKEN or each.tag_state is not None]
    lon, lat = form.value("lon"), form.value("lat")
    return render_template(
        "tag_bind.html", tag=view, form=form, found=found, near=_near(lon, lat), located=bool(lon and lat)
    )


def _found(q: str) -> list[Found]:
    somebody = actor()
    return [each for each in find_asset(site().engine, q) if each.area_code.startswith(somebody.area_code)] if q else []


def _near(lon: str, lat: str) -> list[NearAsset]:
    if not (lon and lat):
        return []
    try:
        place = float(lon), float(lat)
    except ValueError:
        raise InvalidInput("lon", "{given!r}, {lat!r} must be degrees", given=lon[:20], lat=lat[:20]) from None
    return nearest_assets(
        site().engine, lon=place[0], lat=place[1], within_m=NEAR_M, limit=MOST_NEAR, scope=actor().area_code
    )


def _refused(error: Exception) -> forms.FormState:
    if isinstance(error, InvalidInput):
        return forms.state_of(request.form, errors={error.field: problem_at(error)})
    return forms.state_of(request.form, problem=problem_of(answer_for(error), error))


def is_blank(found: Scan) -> bool:
    """Whether a scan found a plate that waits to be bound."""
    return found.finding is Finding.BLANK
