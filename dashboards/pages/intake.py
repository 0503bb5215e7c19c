"""The desk's side of what the public tells: the list of reports, the hotline, limits and blocks, and merging."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import structlog
from flask import Flask, current_app, flash, redirect, render_template, request, url_for

from dashboards import forms
from dashboards.errors import answer_for
from dashboards.login import actor, area
from dashboards.pages.areas import REFUSED, Answer, refused
from dashboards.pages.lists import next_url
from dashboards.refusals import problem_at
from dashboards.site import now, site, standard, t
from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.geo import check_place
from registry.domain.kinds import BlockKind, Source
from registry.domain.moves import MoveName
from registry.domain.public_rules import PUBLIC_KINDS, REPORTED
from registry.domain.scopes import check_area
from registry.queries import reports as report_queries
from registry.queries.find_asset import find_asset
from registry.queries.notice_ways import list_channels
from registry.queries.public_settings import current_rules, rules_history
from registry.queries.report_blocks import blockable, list_blocks
from registry.services import report_limits
from registry.services.cases import move_case
from registry.services.hotline import ListedRow, read_list, take_list
from registry.services.public_rules import change_rules
from registry.services.reports import NewReport, take_report

log = structlog.get_logger(__name__)

_SOURCES = (Source.CITIZEN, Source.HOTLINE, Source.PLATFORM)
_DAYS = (1, 7, 30, 365)
_FIELDS = frozenset({"text", "asset", "place", "lon", "kind", "contact", "row"})
_NUMBERS = ("similar_m", "similar_h", "per_address_day", "per_contact_day", "same_photo_days")


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/intake", "intake", intake)
    app.add_url_rule("/intake/hotline", "new_hotline", new_hotline)
    app.add_url_rule("/intake/hotline", "take_hotline", take_hotline, methods=["POST"])
    app.add_url_rule("/intake/list", "new_hotline_list", new_hotline_list)
    app.add_url_rule("/intake/list", "take_hotline_list", take_hotline_list, methods=["POST"])
    app.add_url_rule("/intake/blocks", "report_blocks", report_blocks)
    app.add_url_rule("/intake/blocks/<int:block_id>/lift", "lift_block", lift_block, methods=["POST"])
    app.add_url_rule("/intake/reports/<int:report_id>/block", "block_reporter", block_reporter, methods=["POST"])
    app.add_url_rule("/intake/rules", "intake_rules", intake_rules)
    app.add_url_rule("/intake/rules", "change_intake_rules", change_intake_rules, methods=["POST"])
    app.add_url_rule("/cases/<int:case_id>/merge", "merge_similar", merge_similar, methods=["POST"])


def intake() -> str:
    """What was reported, the newest first."""
    args = request.args
    source = forms.choice(args, "source", _SOURCES)
    rated = forms.flag(args, "rated") or False
    q = forms.optional_text(args, "q") or ""
    page = report_queries.list_reports(
        site().engine,
        source=None if source is None else Source(source),
        rated=rated,
        q=q,
        scope=area(),
        after=forms.optional_text(args, "after"),
    )
    filters = {"source": source, "rated": rated, "q": q}
    return render_template(
        "intake.html", page=page, filters=filters, sources=_SOURCES, days=_DAYS, next_url=next_url(page.next)
    )


def new_hotline() -> str:
    """The form for what somebody says on the telephone."""
    return _hotline(forms.FormState(values=dict(request.args)))


def take_hotline() -> Answer:
    """Keep what was said; the clerk's own limits do not count."""
    where = site()
    try:
        asset_id = _thing(forms.text(request.form, "asset", most=120))
        lon, lat = forms.optional_float(request.form, "lon"), forms.optional_float(request.form, "lat")
        number = forms.text(request.form, "number", most=60)
        new = NewReport(
            text=forms.text(request.form, "text", most=1000),
            source=Source.HOTLINE,
            kind=forms.choice(request.form, "kind", PUBLIC_KINDS) or REPORTED,
            asset_id=asset_id,
            place=None if lon is None or lat is None else check_place(lon, lat),
            address=forms.text(request.form, "address", most=200),
            contact=forms.text(request.form, "contact", most=120),
            reporter=forms.text(request.form, "reporter", most=60),
            secret=current_app.config["SECRET_KEY"],
            brought_by=actor().user_id,
            foreign_id=f"hotline:{number}" if number else None,
            trusted=True,
        )
        kept = take_report(where.engine, new, now=now(), zone=where.zone)
    except REFUSED as error:
        return _hotline(refused(error)), answer_for(error).status
    log.info("hotline_report", report=kept.number, case_number=kept.case_number, repeated=kept.repeated)
    word = "message.report_repeated" if kept.repeated else "message.report_kept"
    flash(t(word, report=kept.number, number=kept.case_number), "ok")
    return redirect(url_for("case", case_id=kept.case_id), 303)


def new_hotline_list() -> str:
    """The form for a list."""
    return _list(forms.FormState(), [])


def take_hotline_list() -> Answer:
    """Check a list row by row, and take it when it was not only to be checked."""
    where = site()
    try:
        chosen = forms.chosen_files(request.files, "file")
        if not chosen:
            raise InvalidInput("file", "is missing; choose the list")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "list"
            chosen[0].save(path)
            kinds = {t(f"kind.{kind}"): kind for kind in PUBLIC_KINDS}
            rows = read_list(where.engine, path, kinds=kinds, secret=current_app.config["SECRET_KEY"], by=actor())
        if request.form.get("check") != "1":
            rows = take_list(where.engine, rows, now=now(), zone=where.zone)
            log.info("hotline_list", rows=len(rows), taken=sum(row.taken is not None for row in rows))
    except REFUSED as error:
        return _list(refused(error), []), answer_for(error).status
    return _list(forms.FormState(), rows)


def report_blocks() -> str:
    """Who and what is not listened to."""
    return render_template("report_blocks.html", blocks=list_blocks(site().engine))


def block_reporter(report_id: int) -> Answer:
    """Listen no more to the contact, the address or the picture of a report, for a while."""
    found = blockable(site().engine, report_id)
    if found is None:
        raise NotFound("report", report_id)
    kind = BlockKind(forms.choice(request.form, "kind", BlockKind) or BlockKind.CONTACT)
    days = forms.whole_number(request.form, "days", 30, least=1, most=365)
    values = {
        BlockKind.CONTACT: (found.person, _masked(found.contact)),
        BlockKind.ADDRESS: (found.sender, t("intake.an_address")),
        BlockKind.PHOTO: (found.photo_sha256, found.photo_sha256[:12]),
    }
    value, shown = values[kind]
    try:
        report_limits.block(
            site().engine,
            kind,
            value,
            shown=shown,
            reason=forms.text(request.form, "reason", most=500),
            ends_at=now() + timedelta(days=days),
            by=actor(),
            now=now(),
        )
    except InvalidInput as error:
        flash(problem_at(error), "error")
        return redirect(url_for("intake"), 303)
    flash(t("message.blocked"), "ok")
    return redirect(url_for("report_blocks"), 303)


def lift_block(block_id: int) -> Answer:
    """Listen again."""
    report_limits.lift(site().engine, block_id, by=actor(), now=now())
    flash(t("message.block_lifted"), "ok")
    return redirect(url_for("report_blocks"), 303)


def intake_rules() -> str:
    """Limits, what is similar, rewards."""
    return _rules(forms.FormState())


def change_intake_rules() -> Answer:
    """Make the next version of the rules."""
    form = request.form
    try:
        changes: dict[str, object] = {name: forms.optional_float(form, name) for name in _NUMBERS}
        for name in ("per_address_day", "per_contact_day", "same_photo_days"):
            changes[name] = int(forms.optional_float(form, name) or 0)
        changes["rewards"] = form.get("rewards") == "1"
        changes["tariff_fen"] = {
            kind: _fen(form, f"tariff.{kind}")
            for kind in ("*", *PUBLIC_KINDS)
            if form.get(f"tariff.{kind}", "").strip()
        }
        changes["per_person_month_fen"] = _fen(form, "per_person_month")
        changes["per_month_fen"] = _fen(form, "per_month")
        changes["outcome_channel_id"] = forms.optional_int(form, "outcome_channel_id")
        changes["jurisdictions"] = forms.text(form, "jurisdictions", most=500).split()
        version = forms.optional_int(form, "version")
        missing = [name for name, value in changes.items() if value is None and name != "outcome_channel_id"]
        if missing or version is None:
            raise InvalidInput(missing[0] if missing else "version", "is missing")
        note = forms.text(form, "note", most=500)
        change_rules(site().engine, changes, note=note, expected_version=version, by=actor(), now=now())
    except (InvalidInput, Conflict) as error:
        return _rules(refused(error)), answer_for(error).status
    flash(t("message.intake_rules_saved"), "ok")
    return redirect(url_for("intake_rules"), 303)


def merge_similar(case_id: int) -> Answer:
    """Merge a case into another one that is the same; reports, photos and alerts go along."""
    into_id = forms.optional_int(request.form, "into_id")
    version = forms.optional_int(request.form, "version")
    if into_id is None or version is None:
        raise InvalidInput("into_id", "is missing")
    note = forms.text(request.form, "note", most=2000) or t("similar.same")
    moved = move_case(
        site().engine,
        case_id=case_id,
        move=MoveName.MERGE,
        by=actor(),
        expected_version=version,
        now=now(),
        note=note,
        into_id=into_id,
        zone=site().zone,
    )
    flash(t("message.merged", number=moved.number), "ok")
    return redirect(url_for("case", case_id=into_id), 303)


def _hotline(form: forms.FormState) -> str:
    return render_template("hotline.html", form=form, kinds=PUBLIC_KINDS)


def _list(form: forms.FormState, rows: Sequence[ListedRow]) -> str:
    shown = [(row, _problem(row)) for row in rows]
    return render_template("hotline_list.html", form=form, rows=shown, checked=request.form.get("check") == "1")


def _problem(row: ListedRow) -> str:
    if row.problem is None:
        return ""
    field = row.problem.field
    named = t(f"hotline.{field}") if field in _FIELDS else field
    return t("message.at_field", field=named, problem=problem_at(row.problem))


def _rules(form: forms.FormState) -> str:
    version, rules = current_rules(site().engine)
    lines = standard().lines
    kinds = [(kind, t(f"kind.{kind}")) for kind in PUBLIC_KINDS if kind in lines]
    return render_template(
        "intake_rules.html",
        form=form,
        version=version,
        rules=rules,
        kinds=kinds,
        numbers=_NUMBERS,
        channels=list_channels(site().engine),
        history=rules_history(site().engine),
    )


def _fen(form: Mapping[str, str], name: str) -> int | None:
    yuan = forms.optional_float(form, name)
    return None if yuan is None else round(yuan * 100)


def _thing(text: str) -> int | None:
    if not text:
        return None
    found = find_asset(site().engine, text)
    if len(found) != 1:
        raise InvalidInput("asset", "{given!r} names no asset on file", given=text[:60])
    check_area(actor(), found[0].area_code)
    return found[0].asset_id


def _masked(contact: str) -> str:
    """Enough to recognise it on the telephone: 139****5678."""
    return f"{contact[:3]}****{contact[-4:]}" if len(contact) >= 9 else "****"
