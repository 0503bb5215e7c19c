"""Patrols (巡查): plans and what their week lacks, routes, rounds walked with a phone, and early warnings to units."""

from __future__ import annotations

from datetime import date

import structlog
from flask import Flask, flash, redirect, render_template, request, url_for

from dashboards import campaign_forms, forms, place_options
from dashboards.errors import answer_for
from dashboards.login import actor, area
from dashboards.pages.areas import Answer, refused
from dashboards.pages.lists import next_url
from dashboards.pages.photos import keep_chosen
from dashboards.route_sketch import sketch
from dashboards.site import lang, now, site, standard, t
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.queries import campaigns as campaign_queries
from registry.queries import patrols as queries
from registry.queries.asset_views import AssetFile
from registry.queries.assets import asset_file
from registry.queries.find_asset import find_asset
from registry.queries.seasons import list_seasons, seasons_in_force
from registry.services import patrol_rounds, patrol_warnings
from registry.services import patrols as services

log = structlog.get_logger(__name__)

_REFUSED = (InvalidInput, Conflict, InvalidMove, NotAllowed)


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/patrols", "patrols", patrols)
    app.add_url_rule("/patrols/log", "patrol_log", patrol_log)
    app.add_url_rule("/patrols/new", "new_plan", new_plan)
    app.add_url_rule("/patrols/new", "add_plan", add_plan, methods=["POST"])
    app.add_url_rule("/patrols/<int:plan_id>", "plan", plan)
    app.add_url_rule("/patrols/<int:plan_id>/edit", "edit_plan", edit_plan)
    app.add_url_rule("/patrols/<int:plan_id>/edit", "save_plan", save_plan, methods=["POST"])
    app.add_url_rule("/patrols/<int:plan_id>/route", "set_stops", set_stops, methods=["POST"])
    app.add_url_rule("/patrols/<int:plan_id>/route", "edit_plan", edit_plan, alias=True)
    app.add_url_rule("/patrols/<int:plan_id>/retire", "retire_plan", retire_plan, methods=["POST"])
    app.add_url_rule("/patrols/<int:plan_id>/rounds", "start_round", start_round, methods=["POST"])
    app.add_url_rule("/rounds/<int:round_id>", "patrol_round", patrol_round)
    for act, view in (("there", be_there), ("findings", add_finding), ("end", end_round)):
        endpoint = view.__name__
        app.add_url_rule(f"/rounds/<int:round_id>/{act}", endpoint, view, methods=["POST"])
        app.add_url_rule(f"/rounds/<int:round_id>/{act}", "patrol_round", patrol_round, alias=True)
    app.add_url_rule("/warnings", "warnings", warnings)
    app.add_url_rule("/warnings", "send_warning", send_warning, methods=["POST"])
    app.add_url_rule("/warnings/<int:warning_id>/answer", "answer_warning", answer_warning, methods=["POST"])
    app.add_url_rule("/warnings/<int:warning_id>/case", "warning_case", warning_case, methods=["POST"])
    for act in ("answer", "case"):
        app.add_url_rule(f"/warnings/<int:warning_id>/{act}", "warnings", warnings, alias=True)


def patrols() -> str:
    """The plans, and what this week still lacks."""
    where = site()
    mine = actor().user_id
    return render_template(
        "patrols.html",
        plans=queries.list_plans(where.engine, today=_today(), seasons=_seasons(), scope=area()),
        on_round=None if mine is None else queries.my_round(where.engine, mine, now=now()),
    )


def patrol_log() -> str:
    """Rounds, the newest first."""
    page = queries.list_rounds(site().engine, scope=area(), after=forms.optional_text(request.args, "after"))
    return render_template("patrol_log.html", rounds=page.items, next_url=next_url(page.next))


def new_plan() -> str:
    """The form of a new plan."""
    return _form_page(None, forms.FormState(values=dict(request.args)))


def add_plan() -> Answer:
    """Add a plan; its route comes next."""
    try:
        plan_id = services.save_plan(site().engine, None, campaign_forms.read_plan(request.form), by=actor(), now=now())
    except _REFUSED as error:
        return _form_page(None, refused(error)), answer_for(error).status
    flash(t("message.plan_saved"), "ok")
    return redirect(url_for("edit_plan", plan_id=plan_id) + "#route", 303)


def plan(plan_id: int) -> str:
    """One plan: its route, its weeks, its rounds."""
    found = queries.plan_view(site().engine, plan_id, today=_today(), seasons=_seasons())
    if found is None:
        raise NotFound("patrol plan", plan_id)
    mine = actor().user_id
    on_round = None if mine is None else queries.my_round(site().engine, mine, now=now())
    return render_template("patrol.html", view=found, plan=found.plan, sketch=sketch(found.stops), on_round=on_round)


def edit_plan(plan_id: int) -> str:
    """The forms of a plan and its route."""
    return _form_page(plan_id, forms.FormState())


def save_plan(plan_id: int) -> Answer:
    """Keep what was changed about a plan."""
    try:
        new, version = campaign_forms.read_plan(request.form), forms.optional_int(request.form, "version")
        services.save_plan(site().engine, plan_id, new, by=actor(), now=now(), version=version)
    except _REFUSED as error:
        return _form_page(plan_id, refused(error)), answer_for(error).status
    flash(t("message.plan_saved"), "ok")
    return redirect(url_for("plan", plan_id=plan_id), 303)


def set_stops(plan_id: int) -> Answer:
    """Make the lines the route."""
    engine = site().engine
    try:
        codes = queries.assets_by_code(engine, campaign_forms.codes_in(request.form))
        stops = campaign_forms.read_route(request.form, codes, _there(plan_id))
        version = forms.optional_int(request.form, "version")
        services.set_stops(engine, plan_id, stops, by=actor(), now=now(), version=version)
    except _REFUSED as error:
        return _form_page(plan_id, refused(error)), answer_for(error).status
    flash(t("message.route_saved", count=len(stops)), "ok")
    return redirect(url_for("plan", plan_id=plan_id), 303)


def retire_plan(plan_id: int) -> Answer:
    """Take a plan out of use."""
    services.retire_plan(site().engine, plan_id, by=actor(), now=now())
    flash(t("message.plan_retired"), "ok")
    return redirect(url_for("patrols"), 303)


def start_round(plan_id: int) -> Answer:
    """Set out."""
    unannounced = forms.flag(request.form, "unannounced") or False
    round_id = patrol_rounds.start_round(
        site().engine, plan_id, by=actor(), now=now(), unannounced=unannounced, zone=site().zone
    )
    log.info("round_started", round_id=round_id, plan_id=plan_id)
    return redirect(url_for("patrol_round", round_id=round_id), 303)


def patrol_round(round_id: int) -> str:
    """A round: which points were visited, and what was found."""
    return _round_page(round_id, forms.FormState(values=dict(request.args)))


def be_there(round_id: int) -> Answer:
    """The phone tells where it is."""
    try:
        lon, lat = (forms.optional_float(request.form, name) for name in ("lon", "lat"))
        if lon is None or lat is None:
            raise InvalidInput("lon", "the phone told no place; allow it to, or scan the plate")
        accuracy = forms.optional_float(request.form, "accuracy_m")
        new = patrol_rounds.be_there(
            site().engine, round_id, lon=lon, lat=lat, accuracy_m=accuracy, by=actor(), now=now()
        )
    except _REFUSED as error:
        return _round_page(round_id, refused(error)), answer_for(error).status
    flash(t("message.stops_visited", count=len(new)) if new else t("message.no_stop_here"), "ok" if new else "warn")
    return redirect(url_for("patrol_round", round_id=round_id), 303)


def add_finding(round_id: int) -> Answer:
    """Something is wrong here."""
    try:
        chosen = forms.chosen_files(request.files)
        new = campaign_forms.read_finding(request.form)
        opened = patrol_rounds.add_finding(site().engine, round_id, new, by=actor(), now=now(), zone=site().zone)
        if opened is not None:
            keep_chosen(opened.case_id, chosen)
    except _REFUSED as error:
        return _round_page(round_id, refused(error)), answer_for(error).status
    flash(t("message.finding_kept") if opened is None else t("message.finding_case"), "ok")
    return redirect(url_for("patrol_round", round_id=round_id), 303)


def end_round(round_id: int) -> Answer:
    """Come home."""
    try:
        note = forms.text(request.form, "note", most=2000)
        covered = patrol_rounds.end_round(site().engine, round_id, by=actor(), now=now(), note=note)
    except _REFUSED as error:
        return _round_page(round_id, refused(error)), answer_for(error).status
    log.info("round_ended", round_id=round_id, visited=covered.visited, stops=covered.stops)
    flash(t("message.round_ended", visited=covered.visited, stops=covered.stops), "ok")
    return redirect(url_for("patrol_round", round_id=round_id), 303)


def warnings(warning_id: int | None = None) -> str:
    """Early warnings, the newest first."""
    return _warnings_page(forms.FormState(values=dict(request.args)))


def send_warning() -> Answer:
    """Tell a unit before it becomes a case."""
    try:
        new = campaign_forms.read_warning(_with_asset(request.form.to_dict()))
        patrol_warnings.send_warning(site().engine, new, by=actor(), now=now(), zone=site().zone)
    except _REFUSED as error:
        return _warnings_page(refused(error)), answer_for(error).status
    flash(t("message.warning_sent"), "ok")
    return redirect(url_for("warnings"), 303)


def _with_asset(form: dict[str, str]) -> dict[str, str]:
    """The form with the asset's number where people wrote its code or what stands on its plate."""
    found = find_asset(site().engine, form.get("asset_id", ""))
    return form | {"asset_id": str(found[0].asset_id)} if found else form


def answer_warning(warning_id: int) -> Answer:
    """The unit says what it did."""
    try:
        said = forms.text(request.form, "answer", most=1000)
        patrol_warnings.answer_warning(site().engine, warning_id, said, by=actor(), now=now())
    except _REFUSED as error:
        return _warnings_page(refused(error)), answer_for(error).status
    flash(t("message.warning_answered"), "ok")
    return redirect(url_for("warnings"), 303)


def warning_case(warning_id: int) -> Answer:
    """What was warned of has become a case."""
    try:
        kind = forms.text(request.form, "kind", most=40)
        opened = patrol_warnings.make_case(site().engine, warning_id, kind, by=actor(), now=now(), zone=site().zone)
    except _REFUSED as error:
        return _warnings_page(refused(error)), answer_for(error).status
    return redirect(url_for("case", case_id=opened.case_id), 303)


def _round_page(round_id: int, form: forms.FormState) -> str:
    found = queries.round_view(site().engine, round_id, now=now())
    if found is None:
        raise NotFound("round", round_id)
    return render_template(
        "patrol_round.html",
        view=found,
        row=found.row,
        sketch=sketch(found.stops),
        mine=found.row.user_id == actor().user_id,
        form=form,
        about=_about(form),
        options={"kinds": _kinds(), "stops": [(str(stop.id), stop.name) for stop in found.stops]},
    )


def _about(form: forms.FormState) -> AssetFile | None:
    """The asset whose plate was scanned before somebody tells what is wrong with it."""
    asset_id = forms.optional_int(form.values, "asset_id")
    return None if asset_id is None else asset_file(site().engine, asset_id, now=now(), zone=site().zone)


def _form_page(plan_id: int | None, form: forms.FormState) -> str:
    engine = site().engine
    found = None if plan_id is None else queries.plan_view(engine, plan_id, today=_today(), seasons=_seasons())
    if plan_id is not None and found is None:
        raise NotFound("patrol plan", plan_id)
    known = list_seasons(engine, now=now(), zone=site().zone)
    seasons = [(each.key, each.name_zh if lang() == "zh" else each.name_en) for each in known]
    campaigns = [(str(each.id), each.name) for each in campaign_queries.list_campaigns(engine, today=_today())]
    return render_template(
        "patrol_edit.html",
        plan=None if found is None else found.plan,
        stops="" if found is None else _lines(found),
        form=form,
        today=_today().isoformat(),
        options={
            "units": place_options.of_units(),
            "areas": place_options.of_areas(actor().area_code),
            "seasons": seasons,
            "campaigns": campaigns,
        },
    )


def _warnings_page(form: forms.FormState) -> str:
    engine = site().engine
    open_only = request.args.get("all") != "1"
    after = forms.optional_text(request.args, "after")
    page = queries.list_warnings(engine, today=_today(), open_only=open_only, scope=area(), after=after)
    return render_template(
        "warnings.html",
        warnings=page.items,
        next_url=next_url(page.next),
        open_only=open_only,
        form=form,
        options={
            "units": place_options.of_units(),
            "areas": place_options.of_areas(actor().area_code),
            "plans": [(str(each.id), each.name) for each in queries.list_plans(engine, today=_today(), scope=area())],
            "kinds": _kinds(),
        },
    )


def _lines(found: queries.PlanView) -> str:
    """The route as the form understands it."""
    codes = queries.codes_of(site().engine, [stop.asset_id for stop in found.stops if stop.asset_id is not None])
    lines = []
    for stop in found.stops:
        cells = [stop.name, f"{stop.lon:.7f}", f"{stop.lat:.7f}", f"{stop.radius_m:g}"]
        if stop.asset_id is not None:
            cells = [codes[stop.asset_id], stop.name, f"{stop.radius_m:g}"]
        lines.append(", ".join([*cells, *(["重点"] if stop.key_point else []), *filter(None, [stop.place_type])]))
    return "\n".join(lines)


def _there(plan_id: int) -> dict[str, int]:
    """The points of a route by what their lines begin with."""
    found = queries.plan_view(site().engine, plan_id, today=_today())
    if found is None:
        raise NotFound("patrol plan", plan_id)
    codes = queries.codes_of(site().engine, [stop.asset_id for stop in found.stops if stop.asset_id is not None])
    return {stop.name if stop.asset_id is None else codes[stop.asset_id]: stop.id for stop in found.stops}


def _kinds() -> place_options.Options:
    return place_options.of_words(standard().open_kinds(), "kind.")


def _seasons() -> set[str]:
    return {each.key for each in seasons_in_force(site().engine, now(), zone=site().zone)}


def _today() -> date:
    return now().astimezone(site().zone).date()
