"""Seasons: which are in force, what each changes, and the switch."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from dashboards.api.operation import Answer, Body, NoQuery, Operation
from dashboards.api.request import Call
from registry.domain.errors import NotFound
from registry.domain.kinds import SeasonSwitch
from registry.queries.seasons import SeasonRow, list_seasons, season_row
from registry.services import seasons

Day = Annotated[str, Meta(pattern="^([0-9]{2}-[0-9]{2})?$", description="MM-DD, both days included; empty for none")]


class Seasons(msgspec.Struct, frozen=True, kw_only=True):
    """Every season, those that count most first."""

    items: list[SeasonRow]


class SwitchBody(Body, frozen=True, kw_only=True):
    """By its dates, or by hand whatever the date."""

    switch: SeasonSwitch


class DatesBody(Body, frozen=True, kw_only=True):
    """From when to when it is in force each year."""

    starts: Day
    ends: Day


def api_seasons(call: Call[NoQuery, None]) -> Answer:
    """Every season."""
    return Answer(value=Seasons(items=list_seasons(call.engine, now=call.now, zone=call.where.zone)))


def api_switch_season(call: Call[NoQuery, SwitchBody], season: str) -> Answer:
    """Switch a season."""
    seasons.switch_season(call.engine, season, call.body.switch, by=call.by, now=call.now)
    return _answer(call, season)


def api_season_dates(call: Call[NoQuery, DatesBody], season: str) -> Answer:
    """Change a season's dates."""
    seasons.set_dates(call.engine, season, call.body.starts, call.body.ends, by=call.by, now=call.now)
    return _answer(call, season)


def api_undo_season(call: Call[NoQuery, None], season: str) -> Answer:
    """Take the last change of a season back."""
    seasons.undo_season(call.engine, season, by=call.by, now=call.now)
    return _answer(call, season)


def _answer(call: Call[Any, Any], season: str) -> Answer:
    found = season_row(call.engine, season, now=call.now, zone=call.where.zone)
    if found is None:
        raise NotFound("season", season)
    return Answer(value=found)


_row = partial(Operation, group="rules")
OPERATIONS = (
    _row(
        method="GET",
        path="/seasons",
        endpoint="api_seasons",
        run=api_seasons,
        zh="时令",
        en="Seasons: which are in force, and what each changes",
        replies={200: Seasons},
    ),
    _row(
        method="POST",
        path="/seasons/{season}/switch",
        endpoint="api_switch_season",
        run=api_switch_season,
        zh="切换时令",
        en="Put a season in force, out of force, or leave it to its dates",
        body=SwitchBody,
        replies={200: SeasonRow},
    ),
    _row(
        method="POST",
        path="/seasons/{season}/dates",
        endpoint="api_season_dates",
        run=api_season_dates,
        zh="时令日期",
        en="Say from when to when a season is in force each year",
        body=DatesBody,
        replies={200: SeasonRow},
    ),
    _row(
        method="POST",
        path="/seasons/{season}/undo",
        endpoint="api_undo_season",
        run=api_undo_season,
        zh="撤销时令更改",
        en="Take the last change of a season back; again, and it is as it was",
        replies={200: SeasonRow},
    ),
)
