"""Silences: what tells nobody for a while, who said so and why; and what one would mute."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any

from flask import url_for
from msgspec import Meta

from dashboards.api.answering import page
from dashboards.api.operation import Answer, AreaPrefix, Body, Id, Listing, NoQuery, Operation, Paged, Query
from dashboards.api.request import Call
from registry.domain.errors import NotFound
from registry.domain.muting import MAX_REASON, Phase
from registry.queries.silences import SilenceRow, WouldMute, list_silences, silence_row, would_mute
from registry.services import silences

Level = Annotated[int, Meta(ge=1, le=3, description="Alerts worse than this are not muted")]
RuleKey = Annotated[str, Meta(max_length=60)]
Moment = Annotated[datetime, Meta(tz=True)]


class SilenceQuery(Paged, frozen=True, kw_only=True):
    """Which silences, the newest first."""

    phase: Phase | None = None
    asset_id: Id | None = None


class WouldQuery(Query, frozen=True, kw_only=True):
    """What a silence would be about."""

    asset_id: Id | None = None
    area_code: AreaPrefix = ""
    rule_key: RuleKey = ""
    severity: Level = 2


class SilenceBody(Body, frozen=True, kw_only=True):
    """What shall be quiet; one of asset, area and rule must be given. Without a beginning it begins at once."""

    ends_at: Moment
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON)]
    starts_at: Moment | None = None
    asset_id: Id | None = None
    area_code: AreaPrefix = ""
    rule_key: RuleKey = ""
    severity: Level = 2


def api_silences(call: Call[SilenceQuery, None]) -> Answer:
    """Silences, the newest first."""
    query = call.query
    found = list_silences(
        call.engine,
        now=call.now,
        phase=query.phase,
        asset_id=query.asset_id,
        scope=call.by.area_code,
        after=query.after,
        limit=query.limit,
    )
    return page(found)


def api_would_mute(call: Call[WouldQuery, None]) -> Answer:
    """What a silence would mute now."""
    query = call.query
    found = would_mute(
        call.engine,
        asset_id=query.asset_id,
        area_code=query.area_code,
        rule_key=query.rule_key,
        severity=query.severity,
        scope=call.by.area_code,
    )
    return Answer(value=found)


def api_silence(call: Call[NoQuery, None], silence_id: int) -> Answer:
    """One silence."""
    return Answer(value=_found(call, silence_id))


def api_add_silence(call: Call[NoQuery, SilenceBody]) -> Answer:
    """Write a silence."""
    sent = call.body
    new = silences.NewSilence(
        ends_at=sent.ends_at,
        reason=sent.reason,
        starts_at=sent.starts_at,
        asset_id=sent.asset_id,
        area_code=sent.area_code,
        rule_key=sent.rule_key,
        severity=sent.severity,
    )
    silence_id = silences.add_silence(call.engine, new, by=call.by, now=call.now)
    address = url_for("api_silence", silence_id=silence_id)
    return Answer(value=_found(call, silence_id), status=201, location=address)


def api_end_silence(call: Call[NoQuery, None], silence_id: int) -> Answer:
    """End a silence."""
    silences.end_silence(call.engine, silence_id, by=call.by, now=call.now)
    return Answer(value=_found(call, silence_id))


def _found(call: Call[Any, Any], silence_id: int) -> SilenceRow:
    found = silence_row(call.engine, silence_id, now=call.now)
    if found is None:
        raise NotFound("silence", silence_id)
    return found


_row = partial(Operation, group="rules")
OPERATIONS = (
    _row(
        method="GET",
        path="/silences",
        endpoint="api_silences",
        run=api_silences,
        zh="静默列表",
        en="Silences, the newest first",
        query=SilenceQuery,
        replies={200: Listing[SilenceRow]},
    ),
    _row(
        method="GET",
        path="/silences/would-mute",
        endpoint="api_would_mute",
        run=api_would_mute,
        zh="试看静默",
        en="Which live alerts a silence would mute",
        query=WouldQuery,
        replies={200: WouldMute},
    ),
    _row(
        method="GET",
        path="/silences/{silence_id}",
        endpoint="api_silence",
        run=api_silence,
        zh="一项静默",
        en="One silence",
        replies={200: SilenceRow},
    ),
    _row(
        method="POST",
        path="/silences",
        endpoint="api_add_silence",
        run=api_add_silence,
        zh="新建静默",
        en="Mute the notices of some alerts for a while; never their state",
        body=SilenceBody,
        replies={201: SilenceRow},
    ),
    _row(
        method="POST",
        path="/silences/{silence_id}/end",
        endpoint="api_end_silence",
        run=api_end_silence,
        zh="结束静默",
        en="End a silence now, or withdraw one that has not begun",
        replies={200: SilenceRow},
    ),
)
