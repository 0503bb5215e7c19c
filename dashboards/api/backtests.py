"""What a rule would have done, piece by piece; what it would have raised yesterday; a number from an asset's past."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from dashboards import forms
from dashboards.api.figures import Moment
from dashboards.api.operation import LARGEST, Answer, Body, NoQuery, Operation
from dashboards.api.request import Call
from dashboards.errors import Refusals
from registry.domain.rules import Rule
from registry.domain.thresholds import Suggestion
from registry.queries.backtest_cases import would_raise
from registry.queries.backtest_rules import usable_rule
from registry.queries.backtest_views import Backtest
from registry.queries.backtests import BacktestWish, backtest
from registry.queries.thresholds import suggest_threshold
from registry.services.rule_edits import Problems

_DAYS, _SUGGESTED_DAYS = 30, 90
# about two seconds' work at most, so that whoever left does not keep a process busy
_READINGS, _MOST_READINGS, _ASSETS = 200_000, 1_000_000, 5_000

Tags = Annotated[
    list[Annotated[str, Meta(max_length=40)]],
    Meta(max_length=2000, description="Plates' tokens or component codes: their assets are watched beside `assets`"),
]


class TriedRule(Body, frozen=True, kw_only=True):
    """A rule as it stands in the editor, saved or not."""

    rule: Rule
    tags: Tags = []  # noqa: RUF012 - msgspec copies it


class TriedOver(TriedRule, frozen=True, kw_only=True):
    """A rule and a span; the last 30 days when nothing is said."""

    since: Moment | None = None
    until: Moment | None = None
    after: Annotated[int, Meta(ge=0, le=LARGEST, description="Where to go on: `next` of the piece before")] = 0
    readings: Annotated[
        int, Meta(ge=1, le=_MOST_READINGS, description="Answer when about so many readings were looked at")
    ] = _READINGS
    beside_present: bool = True


class TriedOn(TriedRule, frozen=True, kw_only=True):
    """A rule and the past of one asset; its last 90 days when nothing is said."""

    since: Moment | None = None
    until: Moment | None = None


class Yesterday(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule would have raised on the day before, and whether that is a reason to think twice before saving it.

    ``complete`` false: only ``assets`` of ``assets_of`` were gone through. ``most``: the setting ``rules.warn_cases``.
    """

    day: str
    cases: int
    alerts: int
    assets: int
    assets_of: int
    complete: bool
    most: int
    warns: bool


def api_backtest(call: Call[NoQuery, TriedOver]) -> Answer:
    """One piece of a back-test; while ``next`` is not null, ask again with it as ``after`` and add the pieces up."""
    body = call.body
    since, until = _span(call, body.since, body.until, days=_DAYS)
    wish = BacktestWish(
        rule=_usable(call, body.rule, body.tags),
        since=since,
        until=until,
        after=body.after,
        most_readings=body.readings,
        most_assets=_ASSETS,
        beside_present=body.beside_present,
        scope=call.by.area_code,
    )
    return Answer(value=backtest(call.engine, call.where.store, wish, zone=call.where.zone))


def api_rule_yesterday(call: Call[NoQuery, TriedRule]) -> Answer:
    """The cases that a rule would have raised yesterday."""
    rule = _usable(call, call.body.rule, call.body.tags)
    zone, most = call.where.zone, call.where.city.warn_cases
    day = call.now.astimezone(zone).date() - timedelta(days=1)
    found = would_raise(call.engine, call.where.store, rule, day, zone=zone)
    return Answer(
        value=Yesterday(
            day=day.isoformat(),
            cases=found.cases,
            alerts=found.alerts,
            assets=found.assets,
            assets_of=found.assets_of,
            complete=found.complete,
            most=most,
            warns=found.is_many(most),
        )
    )


def api_threshold(call: Call[NoQuery, TriedOn], asset_id: int) -> Answer:
    """Numbers for a limit rule out of one asset's own quiet past."""
    body = call.body
    since, until = _span(call, body.since, body.until, days=_SUGGESTED_DAYS)
    rule = _usable(call, body.rule, body.tags)
    found = suggest_threshold(
        call.engine, call.where.store, rule, asset_id, since=since, until=until, zone=call.where.zone
    )
    return Answer(value=found)


def _span(
    call: Call[NoQuery, TriedOver] | Call[NoQuery, TriedOn], since: str | None, until: str | None, *, days: int
) -> tuple[datetime, datetime]:
    given = {"since": since or "", "until": until or ""}
    end = forms.moment(given, "until") or call.now
    return forms.moment(given, "since") or end - timedelta(days=days), end


def _usable(
    call: Call[NoQuery, TriedOver] | Call[NoQuery, TriedOn] | Call[NoQuery, TriedRule], rule: Rule, tags: Sequence[str]
) -> Rule:
    """The rule, if it could be saved. Raises ``Refusals``."""
    try:
        return usable_rule(call.engine, rule, tags=tags)
    except Problems as error:
        raise Refusals(error.found) from None


_row = partial(Operation, group="rules", method="POST", keyed=False)
OPERATIONS = (
    _row(
        path="/rules/backtest",
        endpoint="api_backtest",
        run=api_backtest,
        zh="回测规则",
        en="What a rule would have done",
        body=TriedOver,
        replies={200: Backtest},
        note="Changes nothing. Each answer covers some of the assets, so that no request lasts long.",
    ),
    _row(
        path="/rules/yesterday",
        endpoint="api_rule_yesterday",
        run=api_rule_yesterday,
        zh="规则昨天会产生的案件数",
        en="How many cases a rule would have raised yesterday",
        body=TriedRule,
        replies={200: Yesterday},
        note="Changes nothing. The editor asks before it saves.",
    ),
    _row(
        path="/assets/{asset_id}/threshold",
        endpoint="api_threshold",
        run=api_threshold,
        zh="由部件自身历史建议阈值",
        en="A threshold from an asset's own past",
        body=TriedOn,
        replies={200: Suggestion},
        note="Changes nothing.",
    ),
)
