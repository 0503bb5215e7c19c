"""Routes of notices: which alerts go to whom, who is next when nobody acknowledges, and who would be told."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, flash, redirect, render_template, request, url_for

from dashboards import forms, notice_forms, place_options
from dashboards.errors import answer_for
from dashboards.login import actor
from dashboards.pages.areas import REFUSED, Answer, refused
from dashboards.site import lang, now, site, t
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Severity
from registry.domain.notices import MOST_STEPS, Matter, RouteStep
from registry.domain.scopes import check_area
from registry.queries import duties as duty_queries
from registry.queries import notice_ways as queries
from registry.queries.find_asset import Found, find_asset
from registry.queries.rules import list_rules
from registry.services import routes as route_services


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/notices/routes", "routes", routes)
    app.add_url_rule("/notices/routes/new", "new_route", new_route)
    app.add_url_rule("/notices/routes/new", "add_route", add_route, methods=["POST"])
    app.add_url_rule("/notices/routes/<int:route_id>", "route", route)
    app.add_url_rule("/notices/routes/<int:route_id>", "save_route", save_route, methods=["POST"])
    app.add_url_rule("/notices/routes/<int:route_id>/move", "move_route", move_route, methods=["POST"])
    app.add_url_rule("/notices/routes/<int:route_id>/remove", "remove_route", remove_route, methods=["POST"])
    app.add_url_rule("/notices/would-tell", "who_is_told", who_is_told)


def routes() -> str:
    """Every route in its order."""
    where = site()
    found = queries.list_routes(where.engine, now=now(), zone=where.zone)
    return render_template("routes.html", routes=found, clock=notice_forms.clock, rules=dict(_matters() + _rules()))


def new_route() -> str:
    """The form of a new route."""
    return _form_page(None, forms.FormState())


def add_route() -> Answer:
    """Add a route at the end."""
    return _save(None)


def route(route_id: int) -> str:
    """The form of one route."""
    return _form_page(route_id, forms.FormState())


def save_route(route_id: int) -> Answer:
    """Keep what was changed about a route."""
    return _save(route_id)


def move_route(route_id: int) -> Answer:
    """Change places with the route above or below."""
    up = forms.choice(request.form, "to", ("up", "down")) != "down"
    route_services.move_route(site().engine, route_id, up=up, by=actor(), now=now())
    return redirect(url_for("routes", _anchor=f"route-{route_id}"), 303)


def remove_route(route_id: int) -> Answer:
    """Take a route out."""
    route_services.remove_route(site().engine, route_id, by=actor(), now=now())
    flash(t("message.route_removed"), "ok")
    return redirect(url_for("routes"), 303)


def who_is_told() -> Answer:
    """Whom an alert would tell if it fired now."""
    where, args = site(), request.args
    form, steps, found, status = forms.FormState(values=dict(args)), None, None, 200
    if args.get("asset"):
        try:
            found = _asset(forms.text(args, "asset", most=60))
            severity = forms.choice(args, "severity", [str(int(level)) for level in Severity])
            steps = queries.who_is_told(
                where.engine,
                asset_id=found.asset_id,
                rule_key=forms.optional_text(args, "rule_key", most=60) or "",
                severity=int(severity or 2),
                now=now(),
                zone=where.zone,
            )
        except REFUSED as error:
            form, status = forms.state_of(args, errors=refused(error).errors), answer_for(error).status
    return render_template("who_is_told.html", form=form, steps=steps, asset=found, rules=_rules()), status


def _asset(text: str) -> Found:
    found = find_asset(site().engine, text)
    if not found:
        raise InvalidInput("asset", "{given!r} is no code, plate or number of an asset", given=text[:40])
    check_area(actor(), found[0].area_code)
    return found[0]


def _save(route_id: int | None) -> Answer:
    try:
        new = notice_forms.read_route(request.form)
        saved = route_services.save_route(site().engine, route_id, new, by=actor(), now=now())
    except REFUSED as error:
        return _form_page(route_id, refused(error)), answer_for(error).status
    flash(t("message.route_saved"), "ok")
    if request.form.get("more"):
        return redirect(url_for("route", route_id=saved, _anchor="steps"), 303)
    return redirect(url_for("routes"), 303)


def _form_page(route_id: int | None, form: forms.FormState) -> str:
    where = site()
    shown = None if route_id is None else queries.one_route(where.engine, route_id, now=now(), zone=where.zone)
    posts = duty_queries.list_posts(where.engine, today=now().astimezone(where.zone).date())
    return render_template(
        "route.html",
        route=shown,
        form=form,
        steps=_steps([] if shown is None else [each.step for each in shown.steps]),
        days=request.form.getlist("days") if request.method == "POST" else _days(shown),
        clock=notice_forms.clock,
        options={
            "units": place_options.of_units(),
            "areas": _with(place_options.of_areas(actor().area_code), shown.area_code if shown else ""),
            "rules": _with(_matters() + _rules(), shown.rule_key if shown else ""),
            "severities": [(str(level), t(f"severity.{level}")) for level in (1, 2, 3)],
            "contacts": queries.list_contacts(where.engine),
            "posts": posts,
        },
    )


def _steps(kept: Sequence[RouteStep]) -> list[RouteStep]:
    """The steps that the form shows: those that were typed or kept, and an empty one to fill in."""
    if request.method == "POST":
        try:
            kept = notice_forms.read_steps(request.form)
        except InvalidInput:
            kept = [RouteStep()]
    empty = RouteStep(after_s=(kept[-1].after_s + 900) if kept else 0)
    full = [step for step in kept if step.contacts or step.posts or step.unit_on_duty]
    return [*full, empty][:MOST_STEPS]


def _with(options: place_options.Options, kept: str) -> place_options.Options:
    """The choices, and what is kept even where it is none of them any more: saving must not change it unseen."""
    return options if not kept or any(value == kept for value, _ in options) else [*options, (kept, kept)]


def _days(shown: queries.RouteView | None) -> list[str]:
    if shown is None or not shown.hours:
        return [str(day) for day in range(1, 8)]
    return [str(day) for day in shown.hours[0].days]


def _matters() -> place_options.Options:
    """What routes may name beside rules."""
    return [(each.value, t(f"matter.{each}")) for each in Matter]


def _rules() -> place_options.Options:
    where = site()
    lines = list_rules(where.engine, now=now(), zone=where.zone)
    rules = [line.rule for line in lines]
    return [(each.key, (each.name_en if lang() == "en" else "") or each.name_zh or each.key) for each in rules]
