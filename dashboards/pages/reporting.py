"""What a citizen can do without an account and without a plate: report at a place on the map, and say how it went."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from flask import Flask, Response, current_app, flash, jsonify, redirect, render_template, request, url_for
from itsdangerous import BadSignature, URLSafeSerializer

from dashboards import forms
from dashboards.errors import answer_for
from dashboards.pages.areas import Answer
from dashboards.pages.photos import keep_one
from dashboards.refusals import problem_at
from dashboards.site import lang, now, site, t
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotFound
from registry.domain.geo import Place, check_place
from registry.domain.public_rules import PUBLIC_KINDS, REPORTED
from registry.queries import city_frame
from registry.queries import reports as report_queries
from registry.queries.nearest import nearest_assets
from registry.services import reports as report_services
from registry.services.reports import NewReport

log = structlog.get_logger(__name__)

NEAR_M = 60.0
MOST_NEAR = 6
_ROUGH_M = 5
_SALT = "thing near a place"


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/report", "report_on_map", report_on_map)
    app.add_url_rule("/report", "report_there", report_there, methods=["POST"])
    app.add_url_rule("/report/near.json", "report_near", report_near)
    app.add_url_rule("/report/frame.json", "report_frame", report_frame)
    app.add_url_rule("/reports/<key>", "report", report)
    app.add_url_rule("/reports/<key>/score", "score_report", score_report, methods=["POST"])
    app.add_url_rule("/reports/<key>/score", "report", report, alias=True)


def report_on_map() -> str:
    """One page, from top to bottom: where, what, a photo, how to be reached."""
    given = {name: request.args[name] for name in ("kind", "lon", "lat") if request.args.get(name)}
    return _page(forms.FormState(values=given))


def report_there() -> Answer:
    """Keep what a citizen tells; refused input leaves their words in the form."""
    where = site()
    try:
        place = _place(request.form)
        told = forms.read_report(request.form)
        kind = forms.choice(request.form, "kind", PUBLIC_KINDS) or REPORTED
        asset_id = _thing(request.form.get("thing", ""))
        photo_id = keep_one(asset_id, forms.chosen_files(request.files))
        new = NewReport(
            text=told.text,
            kind=kind,
            asset_id=asset_id,
            place=place,
            address=forms.text(request.form, "address", most=200),
            contact=told.contact,
            photo_ids=() if photo_id is None else (photo_id,),
            sender=request.remote_addr or "",
            secret=current_app.config["SECRET_KEY"],
        )
        kept = report_services.take_report(where.engine, new, now=now(), zone=where.zone)
    except InvalidInput as error:
        field = "place" if error.field in ("lon", "lat") else error.field
        wrong = problem_at(error)
        state = forms.state_of(request.form, errors={field: wrong}, problem=t("message.form_problem", problem=wrong))
        return _page(state), answer_for(error).status
    log.info("citizen_reported", report=kept.number, case_number=kept.case_number)
    return redirect(url_for("report", key=kept.key, sent=1), 303)


def report_near() -> Response:
    """What of the city stands near a place: what it is, on which road, about how far. Where exactly stays in the house.

    ``thing`` names it in the form and says nothing.
    """
    place = _place(request.args)
    found = nearest_assets(site().engine, lon=place.lon, lat=place.lat, within_m=NEAR_M, limit=MOST_NEAR)
    sign = _signer()
    return jsonify(
        [
            {
                "thing": sign.dumps(each.id),
                "name": t(f"family.{each.family}") if lang() == "en" else each.name,
                "road": each.road,
                "distance_m": max(_ROUGH_M, round(each.distance_m / _ROUGH_M) * _ROUGH_M),
            }
            for each in found
        ]
    )


def report_frame() -> Response:
    """Roughly where the city is, for the map to open there; it answers no question about what stands where."""
    corners = [] if request.args.get("bbox") else city_frame.city_frame(site().engine)
    features = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": at}} for at in corners
    ]
    return jsonify({"type": "FeatureCollection", "features": features})


def report(key: str) -> str:
    """What became of a citizen's report; the key is known to them alone."""
    return _status(key, forms.FormState())


def score_report(key: str) -> Answer:
    """How it went, said once after the end."""
    try:
        score = forms.whole_number(request.form, "score", 0, least=1, most=5)
        if not score:
            raise InvalidInput("score", "choose 1 to 5 stars")
        words = forms.text(request.form, "words", most=1000)
        report_services.rate_report(site().engine, key, score, words, now=now())
    except InvalidInput as error:
        wrong = problem_at(error)
        return _status(key, forms.state_of(request.form, errors={error.field: wrong}, problem=wrong)), 422
    except (Conflict, InvalidMove) as error:
        flash(t("report.score.refused"), "error")
        log.info("score_refused", why=str(error))
        return redirect(url_for("report", key=key), 303)
    flash(t("report.score.thanks"), "ok")
    return redirect(url_for("report", key=key), 303)


def _status(key: str, form: forms.FormState) -> str:
    found = report_queries.my_report(site().engine, key)
    if found is None:
        raise NotFound("report", key)
    return render_template("report.html", report=found, form=form, fresh=request.args.get("sent") == "1")


def _page(form: forms.FormState) -> str:
    return render_template("report_map.html", form=form, kinds=PUBLIC_KINDS)


def _place(args: Mapping[str, str]) -> Place:
    lon, lat = forms.optional_float(args, "lon"), forms.optional_float(args, "lat")
    if lon is None or lat is None:
        raise InvalidInput("place", "say where it is: scan the plate, tap on the map, or let the phone find the place")
    return check_place(lon, lat)


def _thing(sealed: str) -> int | None:
    """The asset that was chosen from the list; None for none of them."""
    if not sealed:
        return None
    try:
        found = _signer().loads(sealed)
    except BadSignature:
        raise InvalidInput("thing", "choose the place again; the list of things near it is out of date") from None
    return found if isinstance(found, int) else None


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt=_SALT)
