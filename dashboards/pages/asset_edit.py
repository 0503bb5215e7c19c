"""Changing the book of record by hand: a new asset, its facts, its state, two files of one thing made one."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from flask import Flask, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboards import asset_forms, forms
from dashboards.errors import answer_for, problem_of
from dashboards.login import actor
from dashboards.pages.assets import asset_page
from dashboards.refusals import problem_at
from dashboards.site import lang, now, site, t
from registry.domain.asset_facts import FactKind, facts_of
from registry.domain.errors import Conflict, DomainError, InvalidInput, InvalidMove
from registry.domain.geo import Crs
from registry.domain.kinds import AssetState
from registry.domain.scopes import check_area
from registry.queries import assets as asset_queries
from registry.queries.asset_choices import class_choices
from registry.queries.asset_filters import AssetFilter
from registry.queries.asset_views import AssetFile
from registry.queries.people import list_units
from registry.services import asset_merging, assets

log = structlog.get_logger(__name__)

_REFUSED = (InvalidInput, InvalidMove, Conflict)
Answer = str | Response | tuple[str, int]


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/assets/new", "new_asset", new_asset)
    app.add_url_rule("/assets/new", "add_asset", add_asset, methods=["POST"])
    app.add_url_rule("/assets/<int:asset_id>/edit", "edit_asset", edit_asset)
    app.add_url_rule("/assets/<int:asset_id>/edit", "save_asset", save_asset, methods=["POST"])
    app.add_url_rule("/assets/<int:asset_id>/state", "move_asset_state", move_asset_state, methods=["POST"])
    app.add_url_rule("/assets/<int:asset_id>/merge", "merge_asset", merge_asset)
    app.add_url_rule("/assets/<int:asset_id>/merge", "do_merge_asset", do_merge_asset, methods=["POST"])
    app.add_url_rule("/assets/<int:asset_id>/unmerge", "unmerge_asset", unmerge_asset, methods=["POST"])


def new_asset() -> str:
    """The form of a new asset; ``token`` of the blank plate that was scanned, ``lon`` and ``lat`` of the phone."""
    return _new_page(forms.FormState(values=dict(request.args)))


def add_asset() -> Answer:
    """Register it, with the blank plate if there is one."""
    form = request.form
    try:
        new = asset_forms.read_new_asset(form, site().city.division)
        token = forms.text(form, "token", most=64)
        asset_id = assets.register(site().engine, new, by=actor(), now=now(), token=token)
    except _REFUSED as error:
        return _new_page(_refused(error)), answer_for(error).status
    log.info("asset_registered", asset_id=asset_id)
    flash(t("message.asset_registered"), "ok")
    return redirect(url_for("asset", asset_id=asset_id), 303)


def edit_asset(asset_id: int) -> str:
    """The form of all facts people may change."""
    return _edit_page(asset_id, forms.FormState())


def save_asset(asset_id: int) -> Answer:
    """Keep what was changed. What somebody else changed meanwhile is shown, and nothing that was typed is lost."""
    file = _file(asset_id)
    version = forms.optional_int(request.form, "version")
    try:
        change = asset_forms.read_change(request.form, file)
        after = assets.change_asset(
            site().engine, asset_id, change, expected_version=version or 0, by=actor(), now=now()
        )
    except _REFUSED as error:
        return _edit_page(asset_id, _refused(error)), answer_for(error).status
    flash(t("message.asset_saved" if after != version else "message.asset_unchanged"), "ok")
    return redirect(url_for("asset", asset_id=asset_id), 303)


def move_asset_state(asset_id: int) -> Answer:
    """完好, 破损, 丢失, 废弃, with the reason."""

    def move() -> str:
        word = forms.choice(request.form, "state", AssetState)
        if word is None:
            raise InvalidInput("state", "choose a state")
        reason = forms.text(request.form, "reason", most=500)
        version = forms.optional_int(request.form, "version")
        assets.move_state(
            site().engine,
            asset_id,
            AssetState(word),
            reason=reason,
            expected_version=version,
            by=actor(),
            now=now(),
        )
        return t("message.asset_state", state=t(f"state.{word}"))

    return _on_file(asset_id, move)


def merge_asset(asset_id: int) -> str:
    """Choose the other file of the same thing, then see both side by side."""
    words = forms.optional_text(request.args, "with")
    return _merge_page(asset_id, words, forms.FormState())


def do_merge_asset(asset_id: int) -> Answer:
    """Merge the other file into this one, or this one into the other."""
    other_id = forms.optional_int(request.form, "other_id") or 0
    kept, merged = (other_id, asset_id) if request.form.get("keep") == "other" else (asset_id, other_id)
    note = forms.text(request.form, "note", most=500)
    check_area(actor(), _file(other_id).area_code)
    try:
        asset_merging.merge_assets(site().engine, kept, merged, by=actor(), now=now(), note=note)
    except _REFUSED as error:
        return _merge_page(asset_id, str(other_id), _refused(error), other_id=other_id), answer_for(error).status
    log.info("assets_merged", kept_id=kept, merged_id=merged)
    flash(t("message.assets_merged"), "ok")
    return redirect(url_for("asset", asset_id=kept), 303)


def unmerge_asset(asset_id: int) -> Answer:
    """Take a merge apart again."""

    def apart() -> str:
        asset_merging.unmerge_asset(site().engine, asset_id, by=actor(), now=now())
        return t("message.asset_unmerged")

    return _on_file(asset_id, apart)


def _on_file(asset_id: int, act: Callable[[], str]) -> Answer:
    """Do something on the page of the file; a refusal is shown there with what was typed."""
    try:
        said = act()
    except _REFUSED as error:
        return asset_page(asset_id, _refused(error)), answer_for(error).status
    flash(said, "ok")
    return redirect(url_for("asset", asset_id=asset_id), 303)


def _refused(error: DomainError) -> forms.FormState:
    errors = {error.field: problem_at(error)} if isinstance(error, InvalidInput) else {}
    problem = "" if errors else problem_of(answer_for(error), error)
    return forms.state_of(request.form, errors=errors, problem=problem)


def _file(asset_id: int) -> AssetFile:
    return asset_queries.asset_file(site().engine, asset_id, now=now(), zone=site().zone)


def _new_page(form: forms.FormState) -> str:
    where = site()
    groups: dict[str, list[tuple[str, str]]] = {}
    for each in class_choices(where.engine):
        name = each.name_zh if lang() == "zh" or not each.name_en else each.name_en
        groups.setdefault(each.scheme, []).append((f"{each.scheme}:{each.code}", f"{each.code} {name}"))
    return render_template(
        "asset_new.html",
        form=form,
        classes=list(groups.items()),
        units=list_units(where.engine),
        systems=list(Crs),
        division=where.city.division,
    )


def _edit_page(asset_id: int, form: forms.FormState) -> str:
    file = _file(asset_id)
    known = facts_of(file.family)
    words = {spec.key: [(key, zh if lang() == "zh" else en) for key, zh, en in spec.words] for spec in known}
    return render_template(
        "asset_edit.html",
        asset=file,
        form=form,
        facts=known,
        fact_words=words,
        fact_values={spec.key: _shown(file.details.get(spec.key)) for spec in known},
        kinds=FactKind,
        units=list_units(site().engine),
        systems=list(Crs),
    )


def _merge_page(asset_id: int, words: str | None, form: forms.FormState, *, other_id: int | None = None) -> str:
    where = site()
    file = _file(asset_id)
    found = []
    if words and other_id is None:
        wanted = AssetFilter(q=words, family=file.family, scopes=(actor().area_code,) if actor().area_code else ())
        found = [row for row in asset_queries.list_assets(where.engine, wanted, limit=20).items if row.id != asset_id]
    chosen = other_id or forms.optional_int(request.args, "other_id") or (found[0].id if len(found) == 1 else None)
    other = None if chosen is None else _file(chosen)
    if other is not None:
        check_area(actor(), other.area_code)
    return render_template("asset_merge.html", asset=file, other=other, found=found, words=words or "", form=form)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
