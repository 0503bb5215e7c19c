"""The payout ledger: what the rules propose, who approved it, what was paid."""

from __future__ import annotations

import re
from collections.abc import Callable

import structlog
from flask import Flask, Response, flash, redirect, render_template, request, url_for

from dashboards import forms
from dashboards.errors import answer_for, problem_of
from dashboards.login import actor
from dashboards.pages.areas import Answer
from dashboards.pages.lists import next_url
from dashboards.site import now, site, t
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed
from registry.domain.kinds import RewardState
from registry.domain.public_rules import month_of
from registry.queries.public_settings import current_rules
from registry.queries.rewards import list_rewards, month_of_rewards, rewards_csv
from registry.services import rewards as services

log = structlog.get_logger(__name__)

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_REFUSED = (InvalidInput, InvalidMove, NotAllowed, Conflict)


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/rewards", "rewards", rewards)
    app.add_url_rule("/rewards.csv", "rewards_file", rewards_file)
    app.add_url_rule("/rewards/<int:reward_id>/decide", "decide_reward", decide_reward, methods=["POST"])
    app.add_url_rule("/rewards/<int:reward_id>/pay", "pay_reward", pay_reward, methods=["POST"])


def rewards() -> str:
    """The ledger of a month."""
    month = _month()
    state = forms.choice(request.args, "state", RewardState)
    page = list_rewards(
        site().engine,
        state=None if state is None else RewardState(state),
        month=month,
        after=forms.optional_text(request.args, "after"),
    )
    _, rules = current_rules(site().engine)
    return render_template(
        "rewards.html",
        page=page,
        month=month,
        state=state,
        states=list(RewardState),
        sums=month_of_rewards(site().engine, month),
        rules=rules,
        me=actor().user_id,
        next_url=next_url(page.next),
    )


def rewards_file() -> Response:
    """The ledger of a month as CSV, for whoever pays."""
    month = _month()
    log.info("rewards_exported", month=month, by_user_id=actor().user_id)
    response = Response(rewards_csv(site().engine, month), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="rewards-{month}.csv"'
    return response


def decide_reward(reward_id: int) -> Answer:
    """Approve or refuse one."""
    approved = request.form.get("approved") == "1"

    def act(note: str, version: int) -> None:
        services.decide_reward(
            site().engine, reward_id, approved=approved, note=note, expected_version=version, by=actor(), now=now()
        )

    return _act(act_on=act, said="message.reward_approved" if approved else "message.reward_refused")


def pay_reward(reward_id: int) -> Answer:
    """Record that one was paid."""

    def act(note: str, version: int) -> None:
        services.pay_reward(site().engine, reward_id, note=note, expected_version=version, by=actor(), now=now())

    return _act(act_on=act, said="message.reward_paid")


def _act(*, act_on: Callable[[str, int], None], said: str) -> Answer:
    try:
        version = forms.optional_int(request.form, "version")
        if version is None:
            raise InvalidInput("version", "is missing; load the page again and send the form once more")
        act_on(forms.text(request.form, "note", most=500), version)
    except _REFUSED as error:
        flash(problem_of(answer_for(error), error), "error")
    else:
        flash(t(said), "ok")
    return redirect(url_for("rewards", month=_month()), 303)


def _month() -> str:
    """The month asked for, or this one."""
    asked = request.values.get("month", "").strip()
    return asked if _MONTH.fullmatch(asked) else month_of(now(), site().zone)
