"""Dead letters (死信): what could not be used, the worst cause first; replayed once it is mended, or let go of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from flask import Flask, flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from dashboards import forms
from dashboards.login import actor
from dashboards.pages.lists import next_url
from dashboards.site import now, site, t
from registry.domain.kinds import Reject
from registry.queries import letters as letter_queries
from registry.queries.letters import LetterFilter
from registry.services import letters as letter_services

log = structlog.get_logger(__name__)

# a card each on a phone; the causes stand above them
LETTERS_A_PAGE = 20


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/letters", "letters", letters)
    app.add_url_rule("/letters/<int:letter_id>", "letter", letter)
    app.add_url_rule("/letters/replay", "replay_letters", replay_letters, methods=["POST"])
    app.add_url_rule("/letters/drop", "drop_letters", drop_letters, methods=["POST"])
    for refused in ("replay", "drop"):
        app.add_url_rule(f"/letters/{refused}", "letters", letters, alias=True)


def letters() -> str:
    """Causes with their counts, and the letters that the filters leave."""
    wanted, engine = _filter(request.args), site().engine
    page = letter_queries.list_letters(
        engine, wanted, after=forms.optional_text(request.args, "after"), limit=LETTERS_A_PAGE
    )
    causes = letter_queries.letter_causes(engine, wanted)
    return render_template(
        "letters.html",
        page=page,
        causes=causes,
        count=sum(each.letters for each in causes)
        if len(causes) < 50
        else letter_queries.count_letters(engine, wanted),
        waiting=sum(each.waiting for each in causes),
        filters=wanted.said(),
        reasons=list(Reject),
        next_url=next_url(page.next),
    )


def letter(letter_id: int) -> str:
    """One letter whole, with what to do about it."""
    found = letter_queries.one_letter(site().engine, letter_id)
    like_it = LetterFilter(reason=found.reason, cabinet=found.cabinet_id, device=found.device)
    alike = letter_queries.count_letters(site().engine, like_it)
    return render_template("letter.html", letter=found, alike=alike, alike_filter=like_it.said())


def replay_letters() -> Response:
    """Ask for one letter, or for all that a filter leaves, to be taken in again."""
    wanted = _chosen(request.form)
    asked = letter_services.ask_replay(site().engine, wanted, by=actor(), now=now())
    log.info("letters_asked_for", letters=asked)
    flash(t("message.letters_asked", count=asked), "ok")
    return _back(wanted)


def drop_letters() -> Response:
    """Let go of one letter, or of all that a filter leaves."""
    wanted = _chosen(request.form)
    dropped = letter_services.drop_letters(site().engine, wanted, by=actor(), now=now())
    log.info("letters_dropped", letters=dropped)
    flash(t("message.letters_dropped", count=dropped), "ok")
    return _back(wanted)


def _back(wanted: LetterFilter | list[int]) -> Response:
    kept: dict[str, Any] = dict(wanted.said()) if isinstance(wanted, LetterFilter) else {}
    return redirect(url_for("letters", **kept), 303)


def _chosen(form: MultiDict[str, str]) -> LetterFilter | list[int]:
    letter_id = forms.optional_int(form, "letter_id")
    return _filter(form) if letter_id is None else [letter_id]


def _filter(args: Mapping[str, str]) -> LetterFilter:
    reason = forms.choice(args, "reason", Reject)
    return LetterFilter(
        reason=None if reason is None else Reject(reason),
        cabinet=forms.optional_text(args, "cabinet") or "",
        device=forms.optional_text(args, "device") or "",
        q=forms.optional_text(args, "q") or "",
    )
