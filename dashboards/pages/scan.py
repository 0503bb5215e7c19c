"""What a scanned plate opens: to a citizen what this is and how to report, to staff what is wrong and what to do."""

from __future__ import annotations

import structlog
from flask import Flask, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboards import forms
from dashboards.errors import answer_for
from dashboards.login import may, visitor
from dashboards.pages.photos import keep_one
from dashboards.pages.proof import remember
from dashboards.pages.tags import is_blank, keep_scan
from dashboards.refusals import problem_at
from dashboards.site import now, site, t
from registry.domain.case_moves import open_to
from registry.domain.errors import InvalidInput, NotFound
from registry.domain.kinds import TagState
from registry.domain.people import Actor
from registry.domain.scopes import covers
from registry.domain.tokens import ALPHABET, TOKEN_LENGTH, Finding
from registry.queries import assets as asset_queries
from registry.queries import cases as case_queries
from registry.queries import permits as permit_queries
from registry.queries import whereabouts
from registry.queries.campaigns import campaigns_of
from registry.queries.patrols import my_round
from registry.services import reports as report_services
from registry.services.tags import Scan, record_scan

log = structlog.get_logger(__name__)

# What to tell about a plate that still leads somewhere.
_NOTES = {TagState.LOST: "message.tag_lost", TagState.REPLACED: "message.tag_replaced"}


def register(app: Flask) -> None:
    """Routes of this module. Plates carry the address in capitals, so that its QR code needs fewer modules."""
    for prefix, alias in (("/Q", False), ("/q", True)):
        app.add_url_rule(f"{prefix}/<token>", "scan", scan, alias=alias)
        app.add_url_rule(f"{prefix}/<token>/report", "report_here", report_here, methods=["POST"], alias=alias)
        # Somebody loads the page again after a refused report, or changes the language on it.
        app.add_url_rule(f"{prefix}/<token>/report", "scan", scan, alias=True)


def scan(token: str) -> str | Response | tuple[str, int]:
    """The page behind a plate. Every scan is kept, also of what nobody issued."""
    somebody = visitor()
    user_id = None if somebody is None else somebody.user_id
    found = record_scan(site().engine, token, now=now(), user_id=user_id)
    keep_scan(found)
    if found.token is not None and is_blank(found) and may("bind_tag"):
        return redirect(url_for("bind_tag", token=found.token), 303)
    view = None if found.token is None else asset_queries.asset_by_token(site().engine, found.token)
    if view is None or view.tag_state is TagState.DESTROYED:
        return _unknown(token, found), 404
    if somebody is None or not _is_theirs(view.asset_id, somebody):
        return _for_public(view, forms.FormState())
    remember(found)
    return _for_staff(view, somebody)


def report_here(token: str) -> str | Response | tuple[str, int]:
    """What a citizen tells about the thing in front of them; refused input leaves their words in the form."""
    where = site()
    try:
        view = asset_queries.asset_by_token(where.engine, token)
    except InvalidInput:
        view = None
    if view is None or view.tag_state is TagState.DESTROYED:
        raise NotFound("plate", token[:64])
    try:
        told = forms.read_report(request.form)
        photo_id = keep_one(view.asset_id, forms.chosen_files(request.files))
        kept = report_services.report_by_citizen(
            where.engine,
            asset_id=view.asset_id,
            text=told.text,
            contact=told.contact,
            photo=photo_id,
            now=now(),
            zone=where.zone,
            sender=request.remote_addr or "",
            secret=current_app.config["SECRET_KEY"],
        )
    except InvalidInput as error:
        wrong = problem_at(error)
        state = forms.state_of(
            request.form, errors={error.field: wrong}, problem=t("message.form_problem", problem=wrong)
        )
        return _for_public(view, state), answer_for(error).status
    log.info("citizen_reported", asset_id=view.asset_id, case_number=kept.case_number)
    return redirect(url_for("report", key=kept.key, sent=1), 303)


def _is_theirs(asset_id: int, somebody: Actor) -> bool:
    """Whether it lies in their part of the city; in front of others' things, staff are citizens."""
    if not somebody.area_code:
        return True
    found = whereabouts.of_asset(site().engine, asset_id)
    return found is not None and covers(somebody, found.area_code)


def _for_public(view: asset_queries.ScanView, state: forms.FormState) -> str:
    return render_template("scan_public.html", view=view, form=state, tag_note=_NOTES.get(view.tag_state, ""))


def _for_staff(view: asset_queries.ScanView, somebody: Actor) -> str:
    where = site()
    file = asset_queries.asset_file(where.engine, view.asset_id, now=now(), zone=where.zone)
    cases = case_queries.list_cases(where.engine, asset_id=view.asset_id, open_only=True).items
    states = case_queries.case_states(where.engine, [case.id for case in cases])
    return render_template(
        "scan_crew.html",
        view=view,
        cases=cases,
        files={case.id: case_queries.case_file(where.engine, case.id) for case in cases},
        moves={case_id: open_to(state, somebody) for case_id, state in states.items()},
        values=file.values,
        asset=file,
        form=forms.FormState(),
        permit=permit_queries.permit_of_asset(where.engine, view.asset_id, now=now()),
        on_round=None if somebody.user_id is None else my_round(where.engine, somebody.user_id, now=now()),
        campaigns=campaigns_of(where.engine, view.asset_id, today=now().astimezone(where.zone).date()),
        here=url_for("scan", token=view.token),
        tag_note=_NOTES.get(view.tag_state, ""),
    )


def _unknown(text: str, found: Scan) -> str:
    kind, problem = _misread(text) if found.finding is Finding.MISREAD else _useless(found.finding)
    return render_template("scan_unknown.html", problem=problem, token=text[:64], kind=kind)


def _misread(text: str) -> tuple[str, str]:
    """Which mistake it is, as ``registry.domain.tokens`` tells them apart, in the visitor's language."""
    token = "".join(text.split()).replace("-", "").upper()
    if len(token) != TOKEN_LENGTH:
        return "length", t("message.scan_length", wanted=TOKEN_LENGTH, found=len(token))
    foreign = next((symbol for symbol in token if symbol not in ALPHABET), None)
    if foreign is not None:
        return "character", t("message.scan_character", found=foreign)
    return "check", t("message.scan_check")


def _useless(finding: Finding) -> tuple[str, str]:
    kind = finding if finding in (Finding.BLANK, Finding.DESTROYED) else Finding.UNKNOWN
    return kind.value, t(f"message.scan_{kind.value}")
