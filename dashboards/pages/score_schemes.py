"""Schemes on their pages: what each row is worth, changing it as a new version, the ledger of rewards and penalties."""

from __future__ import annotations

import json

import msgspec
import structlog
from flask import Flask, flash, redirect, render_template, request, url_for

from dashboards import forms, place_options
from dashboards.errors import answer_for
from dashboards.login import actor
from dashboards.pages.areas import Answer, refused
from dashboards.site import now, site, t
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed
from registry.domain.indicators import INDICATORS
from registry.domain.kinds import AwardState
from registry.domain.schemes import AwardKind
from registry.queries.months import awards as list_awards
from registry.queries.months import list_months
from registry.queries.score_schemes import find_scheme, list_schemes, scheme_versions
from registry.services import unit_awards
from registry.services.score_schemes import MOST_NOTE, read_scheme
from registry.services.score_schemes import retire_scheme as retire
from registry.services.score_schemes import save_scheme as save

log = structlog.get_logger(__name__)

_REFUSED = (InvalidInput, InvalidMove, Conflict, NotAllowed)
_LONGEST = 60_000
_MOST = 2**53


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/score-schemes", "score_schemes", score_schemes)
    app.add_url_rule("/score-schemes/<scheme_key>", "score_scheme", score_scheme)
    app.add_url_rule("/score-schemes/<scheme_key>", "save_score_scheme", save_score_scheme, methods=["POST"])
    app.add_url_rule("/score-schemes/<scheme_key>/retire", "retire_score_scheme", retire_score_scheme, methods=["POST"])
    app.add_url_rule("/awards", "awards", awards)
    app.add_url_rule("/awards", "propose_award", propose_award, methods=["POST"])
    app.add_url_rule("/awards/<int:award_id>/decide", "decide_award", decide_award, methods=["POST"])
    app.add_url_rule("/awards/<int:award_id>/decide", "awards", awards, alias=True)


def score_schemes() -> str:
    """All of them."""
    return render_template("score_schemes.html", schemes=list_schemes(site().engine, with_retired=True))


def score_scheme(scheme_key: str) -> str:
    """One: its rows with what they are worth, its groups, its versions, and the form that makes the next."""
    return _page(scheme_key, forms.FormState())


def save_score_scheme(scheme_key: str) -> Answer:
    """Keep it as a new version; a key that is not there yet makes a new scheme."""
    try:
        text = forms.text(request.form, "scheme", most=_LONGEST)
        try:
            plain = json.loads(text)
        except ValueError as error:
            line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
            raise InvalidInput(
                "scheme",
                "is no JSON from line {line}, character {column} on; mend it there, or open the page again",
                line=line,
                column=column,
            ) from None
        made = read_scheme(plain)
        version = save(
            site().engine,
            made,
            expected_version=forms.whole_number(request.form, "version", 0, least=0, most=_MOST),
            note=forms.text(request.form, "note", most=MOST_NOTE),
            by=actor(),
            now=now(),
        )
    except _REFUSED as error:
        return _page(scheme_key, refused(error)), answer_for(error).status
    flash(t("message.scheme_saved", version=version), "ok")
    return redirect(url_for("score_scheme", scheme_key=made.key), 303)


def retire_score_scheme(scheme_key: str) -> Answer:
    """Take it out of use, or back."""
    retire(site().engine, scheme_key, retired=request.form.get("retired") == "1", by=actor(), now=now())
    flash(t("message.scheme_changed"), "ok")
    return redirect(url_for("score_schemes"), 303)


def awards(award_id: int = 0) -> str:
    """The ledger."""
    return _ledger(forms.FormState())


def propose_award() -> Answer:
    """Put a line into the ledger."""
    try:
        unit_awards.propose_award(
            site().engine,
            unit_id=forms.whole_number(request.form, "unit_id", 0, least=0, most=_MOST),
            kind=forms.text(request.form, "kind", most=10),
            amount_fen=forms.whole_number(request.form, "amount", 0, least=0, most=_MOST) * 100,
            reason=forms.text(request.form, "reason", most=unit_awards.MOST_REASON),
            month_key=forms.text(request.form, "month", most=7) or None,
            case_number=forms.text(request.form, "case_number", most=20),
            by=actor(),
            now=now(),
        )
    except _REFUSED as error:
        return _ledger(refused(error)), answer_for(error).status
    flash(t("message.award_proposed"), "ok")
    return redirect(url_for("awards"), 303)


def decide_award(award_id: int) -> Answer:
    """Approve or refuse a line."""
    try:
        unit_awards.decide_award(
            site().engine,
            award_id,
            approve=request.form.get("decision") == "approve",
            note=forms.text(request.form, "note", most=unit_awards.MOST_REASON),
            expected_version=forms.whole_number(request.form, "version", 0, least=0, most=_MOST),
            by=actor(),
            now=now(),
        )
    except _REFUSED as error:
        return _ledger(refused(error)), answer_for(error).status
    flash(t("message.award_decided"), "ok")
    return redirect(url_for("awards"), 303)


def _page(key: str, form: forms.FormState) -> str:
    row = find_scheme(site().engine, key)
    plain = msgspec.json.format(msgspec.json.encode(row.scheme), indent=2).decode()
    return render_template(
        "score_scheme.html",
        row=row,
        plain=plain,
        versions=scheme_versions(site().engine, key),
        indicators=INDICATORS,
        form=form,
    )


def _ledger(form: forms.FormState) -> str:
    engine = site().engine
    state = forms.choice(request.args, "state", AwardState)
    page = list_awards(
        engine, state=None if state is None else AwardState(state), limit=50, after=request.args.get("after", "")
    )
    return render_template(
        "awards.html",
        page=page,
        state=state or "",
        unit_options=place_options.of_units(),
        months=[(row.key, row.key) for row in list_months(engine)],
        kinds=[(kind.value, t(f"award_kind.{kind.value}")) for kind in AwardKind],
        states=[(one.value, t(f"award_state.{one.value}")) for one in AwardState],
        form=form,
        next_url=url_for("awards", after=page.next, state=state) if page.next else None,
    )
