"""Campaigns (专项整治): the list, the daily board, measures, and what is done asset by asset with a phone."""

from __future__ import annotations

from datetime import date

import structlog
from flask import Flask, flash, redirect, render_template, request, url_for

from dashboards import campaign_forms, forms, place_options
from dashboards.errors import answer_for
from dashboards.login import actor, area
from dashboards.pages.areas import Answer, refused
from dashboards.pages.lists import next_url
from dashboards.pages.photos import keep_for_asset
from dashboards.site import now, site, standard, t
from registry.domain.campaigns import CampaignResult
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.queries import assets as asset_queries
from registry.queries import campaigns as queries
from registry.queries import patrols as patrol_queries
from registry.services import campaigns as services

log = structlog.get_logger(__name__)

_REFUSED = (InvalidInput, Conflict, InvalidMove, NotAllowed)
_EMPTY_ROWS = 3
_FEWEST_BARS = 14
"""A campaign's first days are bars too, and not a wall."""
MEASURED = ("°", "mm", "m²", "个")
"""What a campaign usually measures before and after."""


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/campaigns", "campaigns", campaigns)
    app.add_url_rule("/campaigns/new", "new_campaign", new_campaign)
    app.add_url_rule("/campaigns/new", "add_campaign", add_campaign, methods=["POST"])
    app.add_url_rule("/campaigns/<int:campaign_id>", "campaign", campaign)
    app.add_url_rule("/campaigns/<int:campaign_id>/edit", "edit_campaign", edit_campaign)
    app.add_url_rule("/campaigns/<int:campaign_id>/edit", "save_campaign", save_campaign, methods=["POST"])
    for act, view in (("measures", set_measures), ("end", end_campaign), ("resume", resume_campaign)):
        app.add_url_rule(f"/campaigns/<int:campaign_id>/{act}", view.__name__, view, methods=["POST"])
        app.add_url_rule(f"/campaigns/<int:campaign_id>/{act}", "campaign", campaign, alias=True)
    app.add_url_rule(
        "/campaigns/measures/<int:measure_id>", "finish_campaign_measure", finish_campaign_measure, methods=["POST"]
    )
    app.add_url_rule("/campaigns/<int:campaign_id>/items", "campaign_items", campaign_items)
    address = "/campaigns/<int:campaign_id>/assets/<int:asset_id>"
    app.add_url_rule(address, "campaign_asset", campaign_asset)
    app.add_url_rule(address, "record_item", record_item, methods=["POST"])


def campaigns() -> str:
    """Every campaign, what goes on first."""
    return render_template("campaigns.html", campaigns=queries.list_campaigns(site().engine, today=_today()))


def campaign(campaign_id: int) -> str:
    """One campaign: its board, its measures, its pictures, and what is next."""
    return _board_page(campaign_id, forms.FormState())


def new_campaign() -> str:
    """The form of a new campaign."""
    return _form_page(None, forms.FormState(values=dict(request.args)))


def add_campaign() -> Answer:
    """Add a campaign; its measures come next."""
    try:
        new = campaign_forms.read_campaign(request.form)
        campaign_id = services.save_campaign(site().engine, None, new, by=actor(), now=now())
    except _REFUSED as error:
        return _form_page(None, refused(error)), answer_for(error).status
    flash(t("message.campaign_saved"), "ok")
    return redirect(url_for("edit_campaign", campaign_id=campaign_id) + "#measures", 303)


def edit_campaign(campaign_id: int) -> str:
    """The forms of a campaign and its measures."""
    return _form_page(campaign_id, forms.FormState())


def save_campaign(campaign_id: int) -> Answer:
    """Keep what was changed about a campaign."""
    try:
        new, version = campaign_forms.read_campaign(request.form), forms.optional_int(request.form, "version")
        services.save_campaign(site().engine, campaign_id, new, by=actor(), now=now(), version=version)
    except _REFUSED as error:
        return _form_page(campaign_id, refused(error)), answer_for(error).status
    flash(t("message.campaign_saved"), "ok")
    return redirect(url_for("campaign", campaign_id=campaign_id), 303)


def set_measures(campaign_id: int) -> Answer:
    """Make the rows the campaign's measures."""
    try:
        measures = campaign_forms.read_measures(request.form)
        services.set_measures(site().engine, campaign_id, measures, by=actor(), now=now())
    except _REFUSED as error:
        return _form_page(campaign_id, refused(error)), answer_for(error).status
    flash(t("message.measures_saved", count=len(measures)), "ok")
    return redirect(url_for("campaign", campaign_id=campaign_id) + "#measures", 303)


def finish_campaign_measure(measure_id: int) -> Answer:
    """A measure is done, or is not after all."""
    done = forms.flag(request.form, "done") or False
    note = forms.text(request.form, "note", most=2000)
    campaign_id = services.finish_measure(site().engine, measure_id, done=done, note=note, by=actor(), now=now())
    return redirect(url_for("campaign", campaign_id=campaign_id) + "#measures", 303)


def end_campaign(campaign_id: int) -> Answer:
    """End it, with a word on what came of it."""
    try:
        result = forms.text(request.form, "result", most=2000)
        services.end_campaign(site().engine, campaign_id, result, by=actor(), now=now())
    except _REFUSED as error:
        return _board_page(campaign_id, refused(error)), answer_for(error).status
    log.info("campaign_ended", campaign_id=campaign_id)
    flash(t("message.campaign_ended"), "ok")
    return redirect(url_for("campaign", campaign_id=campaign_id), 303)


def resume_campaign(campaign_id: int) -> Answer:
    """Take back that it has ended."""
    try:
        services.resume_campaign(site().engine, campaign_id, by=actor(), now=now())
    except _REFUSED as error:
        return _board_page(campaign_id, refused(error)), answer_for(error).status
    return redirect(url_for("campaign", campaign_id=campaign_id), 303)


def campaign_items(campaign_id: int) -> str:
    """What was done, asset by asset."""
    result = forms.choice(request.args, "result", CampaignResult)
    page = queries.list_items(
        site().engine,
        campaign_id,
        result=None if result is None else CampaignResult(result),
        after=forms.optional_text(request.args, "after"),
    )
    return render_template(
        "campaign_items.html",
        campaign=_row(campaign_id),
        items=page.items,
        next_url=next_url(page.next),
        result=result,
        results=list(CampaignResult),
    )


def campaign_asset(campaign_id: int, asset_id: int) -> str:
    """The form for one asset: pictures before and after, and what was done."""
    return _asset_page(campaign_id, asset_id, forms.FormState())


def record_item(campaign_id: int, asset_id: int) -> Answer:
    """Keep what was done at one asset."""
    try:
        before, after = (
            keep_for_asset(asset_id, forms.chosen_files(request.files, name), kind)
            for name, kind in (("before_photo", "before"), ("after_photo", "after"))
        )
        new = campaign_forms.read_item(request.form, asset_id, before_photo_id=before, after_photo_id=after)
        services.record_item(site().engine, campaign_id, new, by=actor(), now=now(), zone=site().zone)
    except _REFUSED as error:
        return _asset_page(campaign_id, asset_id, refused(error)), answer_for(error).status
    flash(t("message.item_kept"), "ok")
    return redirect(url_for("campaign", campaign_id=campaign_id), 303)


def _board_page(campaign_id: int, form: forms.FormState) -> str:
    engine = site().engine
    found = queries.campaign_view(engine, campaign_id, today=_today())
    if found is None:
        raise NotFound("campaign", campaign_id)
    return render_template(
        "campaign.html",
        view=found,
        campaign=found.campaign,
        chart=_chart(found),
        left=[] if found.campaign.ended_at else queries.left_to_do(engine, campaign_id, scope=area()),
        plans=patrol_queries.list_plans(engine, today=_today(), campaign_id=campaign_id),
        today=_today(),
        form=form,
    )


def _chart(found: queries.CampaignView) -> dict[str, object]:
    """The board as a drawing 600 × 160: a bar a day, the sum as a line, and the even pace beside it."""
    days = found.board.days[-92:]
    if not days:
        return {"bars": [], "total": "", "pace": ""}
    wide = 600 / max(len(days), _FEWEST_BARS)
    highest = max(max(day.done for day in days), 1)
    top = max(days[-1].total, days[-1].planned, 1)
    bars = [
        {"x": f"{index * wide:.2f}", "y": f"{150 - 140 * day.done / highest:.1f}", "day": day}
        for index, day in enumerate(days)
    ]
    lines = {
        name: " ".join(
            f"{(index + 0.5) * wide:.1f},{150 - 140 * getattr(day, name) / top:.1f}" for index, day in enumerate(days)
        )
        for name in ("total", "planned")
    }
    return {
        "bars": bars,
        "wide": f"{wide * 0.8:.2f}",
        "total": lines["total"],
        "pace": lines["planned"],
        "first": days[0].day,
        "last": days[-1].day,
        "most": highest,
    }


def _form_page(campaign_id: int | None, form: forms.FormState) -> str:
    engine = site().engine
    found = None if campaign_id is None else queries.campaign_view(engine, campaign_id, today=_today())
    if campaign_id is not None and found is None:
        raise NotFound("campaign", campaign_id)
    return render_template(
        "campaign_edit.html",
        campaign=None if found is None else found.campaign,
        measures=[] if found is None else found.measures,
        empty_rows=_EMPTY_ROWS,
        form=form,
        today=_today().isoformat(),
        measured=[(unit, unit) for unit in MEASURED],
        options={
            "units": place_options.of_units(),
            "areas": place_options.of_areas(actor().area_code),
            "subjects": place_options.of_subjects(),
            "kinds": place_options.of_words(standard().open_kinds(), "kind."),
        },
    )


def _asset_page(campaign_id: int, asset_id: int, form: forms.FormState) -> str:
    engine = site().engine
    return render_template(
        "campaign_asset.html",
        campaign=_row(campaign_id),
        asset=asset_queries.asset_file(engine, asset_id, now=now(), zone=site().zone),
        item=queries.item_of(engine, campaign_id, asset_id),
        about=queries.is_about(engine, campaign_id, asset_id),
        results=list(CampaignResult),
        form=form,
    )


def _row(campaign_id: int) -> queries.CampaignRow:
    found = queries.campaign_row(site().engine, campaign_id, today=_today())
    if found is None:
        raise NotFound("campaign", campaign_id)
    return found


def _today() -> date:
    return now().astimezone(site().zone).date()
