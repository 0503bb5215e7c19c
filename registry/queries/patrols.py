"""Reading patrols: plans with their weeks, rounds with what was visited and found, warnings and their answers."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Select, func, select

from registry.domain.patrols import (
    Coverage,
    Proof,
    Week,
    coverage,
    monday_of,
    route_length_m,
    visits_of,
    weeks,
)
from registry.queries.asset_filters import digits_begin
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import all_views, as_view
from registry.services.patrol_rounds import LONGEST, scans_of, stops_of, visited
from registry.storage.database import reading
from registry.storage.tables import (
    asset,
    case,
    patrol_finding,
    patrol_plan,
    patrol_round,
    patrol_stop,
    patrol_warning,
    unit,
    user,
)

_WEEKS_SHOWN = 8
_LOG = timedelta(days=7 * _WEEKS_SHOWN)


class PlanRow(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as of one day. ``wanted``: days a week, as the season has it; ``walked``: days of this week so far."""

    id: int
    name: str
    theme: str
    unit_id: int
    unit_name: str
    area_code: str
    campaign_id: int | None
    weekly: int
    season_key: str
    season_weekly: int
    starts_on: date
    ends_on: date | None
    note: str
    retired: bool
    version: int
    stops: int
    wanted: int
    walked: int
    lacking: int
    last_day: date | None


class StopView(msgspec.Struct, frozen=True, kw_only=True):
    """A point of a route; of a round, when and how it was visited."""

    id: int
    position: int
    name: str
    place_type: str
    asset_id: int | None
    lon: float
    lat: float
    radius_m: float
    key_point: bool
    at: datetime | None = None
    how: Proof | None = None
    distance_m: float | None = None


class RoundRow(msgspec.Struct, frozen=True, kw_only=True):
    """A round. The four figures are None while it goes on."""

    id: int
    plan_id: int
    plan_name: str
    theme: str
    area_code: str
    day: date
    user_id: int
    user_name: str
    started_at: datetime
    ended_at: datetime | None
    unannounced: bool
    note: str
    stops: int | None
    visited: int | None
    key_stops: int | None
    key_visited: int | None
    findings: int


class FindingView(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong that was seen on a round."""

    id: int
    at: datetime
    stop_id: int | None
    stop_name: str
    place_type: str
    asset_id: int | None
    asset_name: str
    case_id: int | None
    case_number: str
    kind: str
    note: str


class PlanView(msgspec.Struct, frozen=True, kw_only=True):
    """A plan with its route, its last weeks (newest first), its last rounds, and findings by place type and kind."""

    plan: PlanRow
    stops: list[StopView]
    length_m: float
    weeks: list[Week]
    rounds: list[RoundRow]
    matrix: dict[str, dict[str, int]]


class RoundView(msgspec.Struct, frozen=True, kw_only=True):
    """A round with its points and findings; ``covered`` as of now while it goes on."""

    row: RoundRow
    stops: list[StopView]
    covered: Coverage
    over: bool
    findings: list[FindingView]


class WarningRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a unit was told, and what it answered. ``late``: not answered by its day."""

    id: int
    unit_id: int
    unit_name: str
    plan_id: int | None
    plan_name: str
    round_id: int | None
    asset_id: int | None
    asset_name: str
    area_code: str
    text: str
    due_on: date
    sent_at: datetime
    sent_by_name: str
    answer: str
    answered_at: datetime | None
    answered_by_name: str
    case_id: int | None
    case_number: str
    late: bool


def list_plans(
    engine: Engine,
    *,
    today: date,
    seasons: Collection[str] = (),
    scope: str = "",
    retired: bool = False,
    campaign_id: int | None = None,
    unit_id: int | None = None,
) -> list[PlanRow]:
    """The plans in use, by unit and name, with what this week still lacks. ``seasons``: keys of those in force."""
    query = _plans(monday_of(today)).order_by(unit.c.name, patrol_plan.c.name)
    query = query.where(patrol_plan.c.retired.is_(retired))
    if scope:
        query = query.where(digits_begin(patrol_plan.c.area_code, scope))
    if campaign_id is not None:
        query = query.where(patrol_plan.c.campaign_id == campaign_id)
    if unit_id is not None:
        query = query.where(patrol_plan.c.unit_id == unit_id)
    with reading(engine) as tx:
        rows = tx.execute(query).mappings().all()
        walked = _days_since(tx, monday_of(today))
    return [_plan_row(row, walked.get(row["id"], set()), today, seasons) for row in rows]


def plan_row(engine: Engine, plan_id: int, *, today: date, seasons: Collection[str] = ()) -> PlanRow | None:
    """One plan."""
    with reading(engine) as tx:
        row = tx.execute(_plans(monday_of(today)).where(patrol_plan.c.id == plan_id)).mappings().one_or_none()
        walked = _days_since(tx, monday_of(today), plan_id)
    return None if row is None else _plan_row(row, walked.get(plan_id, set()), today, seasons)


def plan_view(engine: Engine, plan_id: int, *, today: date, seasons: Collection[str] = ()) -> PlanView | None:
    """One plan with its route, weeks and rounds."""
    plan = plan_row(engine, plan_id, today=today, seasons=seasons)
    if plan is None:
        return None
    since = max(plan.starts_on, monday_of(today) - _LOG)
    with reading(engine) as tx:
        stops = _stops(tx, plan_id)
        days = _days_since(tx, since, plan_id).get(plan_id, set())
        recent = _rounds().where(patrol_round.c.plan_id == plan_id).order_by(patrol_round.c.id.desc()).limit(30)
        rounds = all_views(tx, recent, RoundRow)
        matrix = _matrix(tx, plan_id)
    ends = plan.ends_on if plan.ends_on is not None and plan.ends_on < today else None
    return PlanView(
        plan=plan,
        stops=stops,
        length_m=route_length_m([(stop.lon, stop.lat) for stop in stops]),
        weeks=weeks(days, wanted=plan.wanted, first=since, today=today, last=ends) if since <= today else [],
        rounds=rounds,
        matrix=matrix,
    )


def list_rounds(
    engine: Engine,
    *,
    plan_id: int | None = None,
    user_id: int | None = None,
    scope: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Page[RoundRow]:
    """The patrol log: rounds, the newest first."""
    query = _rounds().order_by(patrol_round.c.id.desc()).limit(check_limit(limit) + 1)
    if plan_id is not None:
        query = query.where(patrol_round.c.plan_id == plan_id)
    if user_id is not None:
        query = query.where(patrol_round.c.user_id == user_id)
    if scope:
        query = query.where(digits_begin(patrol_plan.c.area_code, scope))
    if after is not None:
        query = query.where(patrol_round.c.id < decode_id(after))
    with reading(engine) as tx:
        return page_of(all_views(tx, query, RoundRow), limit, lambda row: (row.id,))


def round_view(engine: Engine, round_id: int, *, now: datetime) -> RoundView | None:
    """One round: each point with its visit; while it goes on, the scans made so far count already."""
    with reading(engine) as tx:
        row = tx.execute(_rounds().where(patrol_round.c.id == round_id)).mappings().one_or_none()
        if row is None:
            return None
        plain = tx.execute(select(patrol_round).where(patrol_round.c.id == round_id)).one()
        until = plain.ended_at or min(now, plain.started_at + LONGEST)
        seen = {visit.stop_id: visit for visit in visits_of(stops_of(tx, plain.plan_id), scans_of(tx, plain, until))}
        seen = (seen if plain.ended_at is None else {}) | visited(tx, plain)
        stops = [
            msgspec.structs.replace(
                stop, at=seen[stop.id].at, how=seen[stop.id].how, distance_m=seen[stop.id].distance_m
            )
            if stop.id in seen
            else stop
            for stop in _stops(tx, plain.plan_id, also=set(seen))
        ]
        covered = coverage(stops_of(tx, plain.plan_id), seen.values())
        findings = all_views(tx, _findings().where(patrol_finding.c.round_id == round_id), FindingView)
    if plain.ended_at is not None:
        covered = Coverage(
            stops=plain.stops, visited=plain.visited, key_stops=plain.key_stops, key_visited=plain.key_visited
        )
    over = plain.ended_at is not None or now - plain.started_at >= LONGEST
    return RoundView(row=as_view(row, RoundRow), stops=stops, covered=covered, over=over, findings=findings)


def my_round(engine: Engine, user_id: int, *, now: datetime) -> int | None:
    """The round that somebody is on."""
    mine = (patrol_round.c.user_id == user_id, patrol_round.c.ended_at.is_(None))
    with reading(engine) as tx:
        query = select(patrol_round.c.id).where(*mine, patrol_round.c.started_at > now - LONGEST)
        return tx.scalar(query)


def list_warnings(
    engine: Engine,
    *,
    today: date,
    open_only: bool = False,
    unit_id: int | None = None,
    plan_id: int | None = None,
    scope: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Page[WarningRow]:
    """Early warnings, the newest first."""
    query = _warnings().order_by(patrol_warning.c.id.desc()).limit(check_limit(limit) + 1)
    if open_only:
        query = query.where(patrol_warning.c.answered_at.is_(None))
    if unit_id is not None:
        query = query.where(patrol_warning.c.unit_id == unit_id)
    if plan_id is not None:
        query = query.where(patrol_warning.c.plan_id == plan_id)
    if scope:
        query = query.where(digits_begin(patrol_warning.c.area_code, scope))
    if after is not None:
        query = query.where(patrol_warning.c.id < decode_id(after))
    with reading(engine) as tx:
        rows = [
            as_view(row, WarningRow, late=row["answered_at"] is None and row["due_on"] < today.isoformat())
            for row in tx.execute(query).mappings()
        ]
    return page_of(rows, limit, lambda row: (row.id,))


def assets_by_code(engine: Engine, codes: Collection[str]) -> dict[str, int]:
    """The assets that have these codes."""
    with reading(engine) as tx:
        rows = tx.execute(
            select(asset.c.code, asset.c.id).where(asset.c.code.in_(codes), asset.c.merged_into_id.is_(None))
        )
        return {row.code: row.id for row in rows}


def codes_of(engine: Engine, asset_ids: Collection[int]) -> dict[int, str]:
    """The codes of these assets."""
    with reading(engine) as tx:
        rows = tx.execute(select(asset.c.code, asset.c.id).where(asset.c.id.in_(asset_ids)))
        return {row.id: row.code for row in rows}


def _plans(monday: date) -> Select[Any]:
    count = select(func.count()).where(patrol_stop.c.plan_id == patrol_plan.c.id, patrol_stop.c.retired.is_(False))
    last = select(func.max(patrol_round.c.day)).where(patrol_round.c.plan_id == patrol_plan.c.id)
    return select(
        patrol_plan,
        unit.c.name.label("unit_name"),
        count.scalar_subquery().label("stops"),
        last.scalar_subquery().label("last_day"),
    ).join_from(patrol_plan, unit, unit.c.id == patrol_plan.c.unit_id)


def _plan_row(row: Any, walked: set[date], today: date, seasons: Collection[str]) -> PlanRow:
    in_season = row["season_weekly"] > 0 and row["season_key"] in seasons
    wanted = row["season_weekly"] if in_season else row["weekly"]
    starts_on = date.fromisoformat(row["starts_on"])
    ends_on = None if row["ends_on"] is None else date.fromisoformat(row["ends_on"])
    lacking = 0
    if starts_on <= today and (ends_on is None or today <= ends_on):
        first = max(starts_on, monday_of(today))
        lacking = weeks(walked, wanted=wanted, first=first, today=today, last=None)[0].lacking
    return as_view(row, PlanRow, wanted=wanted, walked=len(walked), lacking=lacking)


def _days_since(tx: Connection, since: date, plan_id: int | None = None) -> dict[int, set[date]]:
    """The days on which each plan was walked to the end, with a point visited at least (or no points at all)."""
    query = select(patrol_round.c.plan_id, patrol_round.c.day).where(
        patrol_round.c.day >= since.isoformat(),
        patrol_round.c.ended_at.is_not(None),
        (patrol_round.c.visited > 0) | (patrol_round.c.stops == 0),
    )
    if plan_id is not None:
        query = query.where(patrol_round.c.plan_id == plan_id)
    found: dict[int, set[date]] = {}
    for plan, day in tx.execute(query.distinct()):
        found.setdefault(plan, set()).add(date.fromisoformat(day))
    return found


def _stops(tx: Connection, plan_id: int, also: Collection[int] = ()) -> list[StopView]:
    kept = patrol_stop.c.retired.is_(False) | patrol_stop.c.id.in_(also)
    query = select(patrol_stop).where(patrol_stop.c.plan_id == plan_id, kept)
    return all_views(tx, query.order_by(patrol_stop.c.position, patrol_stop.c.id), StopView)


def _matrix(tx: Connection, plan_id: int) -> dict[str, dict[str, int]]:
    place = func.coalesce(patrol_stop.c.place_type, "")
    query = (
        select(place.label("place"), patrol_finding.c.kind, func.count().label("n"))
        .join_from(patrol_finding, patrol_round, patrol_round.c.id == patrol_finding.c.round_id)
        .outerjoin(patrol_stop, patrol_stop.c.id == patrol_finding.c.stop_id)
        .where(patrol_round.c.plan_id == plan_id)
        .group_by(place, patrol_finding.c.kind)
    )
    found: dict[str, dict[str, int]] = {}
    for row in tx.execute(query):
        found.setdefault(row.place, {})[row.kind] = row.n
    return found


def _rounds() -> Select[Any]:
    count = select(func.count()).where(patrol_finding.c.round_id == patrol_round.c.id)
    return (
        select(
            patrol_round,
            patrol_plan.c.name.label("plan_name"),
            patrol_plan.c.theme,
            patrol_plan.c.area_code,
            user.c.name.label("user_name"),
            count.scalar_subquery().label("findings"),
        )
        .join_from(patrol_round, patrol_plan, patrol_plan.c.id == patrol_round.c.plan_id)
        .join(user, user.c.id == patrol_round.c.user_id)
    )


def _findings() -> Select[Any]:
    return (
        select(
            patrol_finding,
            func.coalesce(patrol_stop.c.name, "").label("stop_name"),
            func.coalesce(patrol_stop.c.place_type, "").label("place_type"),
            func.coalesce(asset.c.name, "").label("asset_name"),
            func.coalesce(case.c.number, "").label("case_number"),
        )
        .outerjoin_from(patrol_finding, patrol_stop, patrol_stop.c.id == patrol_finding.c.stop_id)
        .outerjoin(asset, asset.c.id == patrol_finding.c.asset_id)
        .outerjoin(case, case.c.id == patrol_finding.c.case_id)
        .order_by(patrol_finding.c.id)
    )


def _warnings() -> Select[Any]:
    sender, answerer = user.alias("sender"), user.alias("answerer")
    return (
        select(
            patrol_warning,
            unit.c.name.label("unit_name"),
            func.coalesce(patrol_plan.c.name, "").label("plan_name"),
            func.coalesce(asset.c.name, "").label("asset_name"),
            func.coalesce(sender.c.name, "").label("sent_by_name"),
            func.coalesce(answerer.c.name, "").label("answered_by_name"),
            func.coalesce(case.c.number, "").label("case_number"),
        )
        .join_from(patrol_warning, unit, unit.c.id == patrol_warning.c.unit_id)
        .outerjoin(patrol_plan, patrol_plan.c.id == patrol_warning.c.plan_id)
        .outerjoin(asset, asset.c.id == patrol_warning.c.asset_id)
        .outerjoin(sender, sender.c.id == patrol_warning.c.sent_by)
        .outerjoin(answerer, answerer.c.id == patrol_warning.c.answered_by)
        .outerjoin(case, case.c.id == patrol_warning.c.case_id)
    )
