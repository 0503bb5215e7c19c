"""Shifts and patrols: who is on duty, the roster, plans and rounds, and early warnings."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from typing import Annotated, Any

from flask import url_for
from msgspec import Meta

from dashboards.api.answering import page, page_out_of
from dashboards.api.operation import Answer, Body, Id, Lat, Listing, Lon, NoQuery, Note, Operation, Paged
from dashboards.api.request import Call
from registry.domain.errors import NotFound
from registry.queries.patrols import (
    PlanRow,
    PlanView,
    RoundRow,
    RoundView,
    WarningRow,
    list_plans,
    list_rounds,
    list_warnings,
    plan_view,
    round_view,
)
from registry.queries.seasons import seasons_in_force
from registry.queries.shifts import ShiftView, TurnView, list_shifts, who_is_on_duty
from registry.services import patrol_rounds, patrol_warnings, shifts

Phone = Annotated[str, Meta(max_length=40)]
Said = Annotated[str, Meta(min_length=1, max_length=1000)]


class DutyQuery(Paged, frozen=True, kw_only=True):
    """Who is on duty: now, or at a moment."""

    at: datetime | None = None
    unit_id: Id | None = None


class TurnBody(Body, frozen=True, kw_only=True):
    """One person's shift of one day: an account, or a name with a phone."""

    shift_id: Id
    day: date
    user_id: Id | None = None
    name: Annotated[str, Meta(max_length=80)] = ""
    phone: Phone = ""


class RoundQuery(Paged, frozen=True, kw_only=True):
    """Which rounds, the newest first."""

    plan_id: Id | None = None
    user_id: Id | None = None


class SetOut(Body, frozen=True, kw_only=True):
    """A round begins. ``unannounced``: nobody on the route was told."""

    unannounced: bool = False


class Here(Body, frozen=True, kw_only=True):
    """Where the phone is (WGS-84)."""

    lon: Lon
    lat: Lat
    accuracy_m: Annotated[float, Meta(ge=0, le=100_000)] | None = None


class RoundEnd(Body, frozen=True, kw_only=True):
    """A round is over."""

    note: Note = ""


class WarningQuery(Paged, frozen=True, kw_only=True):
    """Which warnings, the newest first."""

    open_only: bool = False
    unit_id: Id | None = None


class WarningAnswer(Body, frozen=True, kw_only=True):
    """What the unit did."""

    answer: Said


def api_on_duty(call: Call[DutyQuery, None]) -> Answer:
    """Who is on duty."""
    query = call.query
    found = who_is_on_duty(call.engine, at=_moment(call), scope=call.by.area_code)
    rows = [each for each in found if query.unit_id in (None, each.unit_id)]
    return page_out_of(rows, query, lambda row: (row.id,))


def api_shifts(call: Call[Paged, None]) -> Answer:
    """The shifts in use."""
    return page_out_of(list_shifts(call.engine), call.query, lambda row: (row.id,))


def api_put_turn(call: Call[NoQuery, TurnBody]) -> Answer:
    """Put somebody on the roster."""
    sent = call.body
    new = shifts.NewTurn(shift_id=sent.shift_id, day=sent.day, user_id=sent.user_id, name=sent.name, phone=sent.phone)
    shifts.put_turn(call.engine, new, by=call.by, now=call.now, zone=call.where.zone)
    return Answer(status=204)


def api_remove_turn(call: Call[NoQuery, None], turn_id: int) -> Answer:
    """Take somebody off the roster."""
    shifts.remove_turn(call.engine, turn_id, by=call.by, now=call.now)
    return Answer(status=204)


def api_patrols(call: Call[Paged, None]) -> Answer:
    """The plans in use."""
    rows = list_plans(call.engine, today=_today(call), seasons=_seasons(call), scope=call.by.area_code)
    return page_out_of(rows, call.query, lambda row: (row.id,))


def api_patrol(call: Call[NoQuery, None], plan_id: int) -> Answer:
    """One plan."""
    found = plan_view(call.engine, plan_id, today=_today(call), seasons=_seasons(call))
    if found is None:
        raise NotFound("patrol plan", plan_id)
    return Answer(value=found)


def api_rounds(call: Call[RoundQuery, None]) -> Answer:
    """The patrol log."""
    query = call.query
    return page(
        list_rounds(
            call.engine,
            plan_id=query.plan_id,
            user_id=query.user_id,
            scope=call.by.area_code,
            after=query.after,
            limit=query.limit,
        )
    )


def api_round(call: Call[NoQuery, None], round_id: int) -> Answer:
    """One round."""
    return Answer(value=_round(call, round_id))


def api_start_round(call: Call[NoQuery, SetOut], plan_id: int) -> Answer:
    """Set out."""
    round_id = patrol_rounds.start_round(
        call.engine, plan_id, by=call.by, now=call.now, unannounced=call.body.unannounced, zone=call.where.zone
    )
    address = url_for("api_round", round_id=round_id)
    return Answer(value=_round(call, round_id), status=201, location=address)


def api_be_there(call: Call[NoQuery, Here], round_id: int) -> Answer:
    """Tell where one is."""
    sent = call.body
    patrol_rounds.be_there(
        call.engine, round_id, lon=sent.lon, lat=sent.lat, accuracy_m=sent.accuracy_m, by=call.by, now=call.now
    )
    return Answer(value=_round(call, round_id))


def api_end_round(call: Call[NoQuery, RoundEnd], round_id: int) -> Answer:
    """Come home."""
    patrol_rounds.end_round(call.engine, round_id, by=call.by, now=call.now, note=call.body.note)
    return Answer(value=_round(call, round_id))


def api_warnings(call: Call[WarningQuery, None]) -> Answer:
    """Early warnings."""
    query = call.query
    return page(
        list_warnings(
            call.engine,
            today=_today(call),
            open_only=query.open_only,
            unit_id=query.unit_id,
            scope=call.by.area_code,
            after=query.after,
            limit=query.limit,
        )
    )


def api_answer_warning(call: Call[NoQuery, WarningAnswer], warning_id: int) -> Answer:
    """The unit says what it did."""
    patrol_warnings.answer_warning(call.engine, warning_id, call.body.answer, by=call.by, now=call.now)
    return Answer(status=204)


def _round(call: Call[Any, Any], round_id: int) -> RoundView:
    found = round_view(call.engine, round_id, now=call.now)
    if found is None:
        raise NotFound("round", round_id)
    return found


def _moment(call: Call[DutyQuery, None]) -> datetime:
    at = call.query.at
    if at is None:
        return call.now
    return at if at.tzinfo is not None else at.replace(tzinfo=call.where.zone)


def _today(call: Call[Any, Any]) -> date:
    return call.now.astimezone(call.where.zone).date()


def _seasons(call: Call[Any, Any]) -> set[str]:
    return {each.key for each in seasons_in_force(call.engine, call.now, zone=call.where.zone)}


_get = partial(Operation, group="cases", method="GET")
_post = partial(Operation, group="cases", method="POST")
OPERATIONS = (
    _get(
        path="/on-duty",
        endpoint="api_on_duty",
        run=api_on_duty,
        zh="当前值班人员",
        en="Who is on duty, now or at a moment",
        query=DutyQuery,
        replies={200: Listing[TurnView]},
    ),
    _get(
        path="/shifts",
        endpoint="api_shifts",
        run=api_shifts,
        zh="班次",
        en="The shifts in use",
        query=Paged,
        replies={200: Listing[ShiftView]},
    ),
    _post(
        path="/shifts/turns",
        endpoint="api_put_turn",
        run=api_put_turn,
        zh="排一个班",
        en="Put somebody on the roster for one day",
        body=TurnBody,
        replies={204: None},
        errors=(404,),
    ),
    Operation(
        group="cases",
        method="DELETE",
        path="/shifts/turns/{turn_id}",
        endpoint="api_remove_turn",
        run=api_remove_turn,
        zh="取消一个班",
        en="Take somebody off the roster",
        replies={204: None},
    ),
    _get(
        path="/patrols",
        endpoint="api_patrols",
        run=api_patrols,
        zh="巡查计划",
        en="Patrol plans, with what this week still lacks",
        query=Paged,
        replies={200: Listing[PlanRow]},
    ),
    _get(
        path="/patrols/{plan_id}",
        endpoint="api_patrol",
        run=api_patrol,
        zh="一个巡查计划",
        en="One patrol plan: its route, its weeks, its rounds",
        replies={200: PlanView},
    ),
    _post(
        path="/patrols/{plan_id}/rounds",
        endpoint="api_start_round",
        run=api_start_round,
        zh="出发巡查",
        en="Set out on a round",
        body=SetOut,
        replies={201: RoundView},
    ),
    _get(
        path="/rounds",
        endpoint="api_rounds",
        run=api_rounds,
        zh="巡查日志",
        en="The patrol log: rounds, the newest first",
        query=RoundQuery,
        replies={200: Listing[RoundRow]},
    ),
    _get(
        path="/rounds/{round_id}",
        endpoint="api_round",
        run=api_round,
        zh="一次巡查",
        en="One round: which points were visited, and what was found",
        replies={200: RoundView},
    ),
    _post(
        path="/rounds/{round_id}/there",
        endpoint="api_be_there",
        run=api_be_there,
        zh="上报巡查位置",
        en="Tell where one is: points near enough count as visited",
        body=Here,
        replies={200: RoundView},
    ),
    _post(
        path="/rounds/{round_id}/end",
        endpoint="api_end_round",
        run=api_end_round,
        zh="结束巡查",
        en="End a round: what was covered is counted and kept",
        body=RoundEnd,
        replies={200: RoundView},
    ),
    _get(
        path="/warnings",
        endpoint="api_warnings",
        run=api_warnings,
        zh="巡查预警",
        en="Early warnings to units, the newest first",
        query=WarningQuery,
        replies={200: Listing[WarningRow]},
    ),
    _post(
        path="/warnings/{warning_id}/answer",
        endpoint="api_answer_warning",
        run=api_answer_warning,
        zh="答复预警",
        en="Answer a warning",
        body=WarningAnswer,
        replies={204: None},
    ),
)
