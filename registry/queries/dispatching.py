"""Reading for dispatchers: the lines of the dispatch table, a proposal with its reasons, who is away."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime, tzinfo
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, and_, func, literal, or_, select

from registry.domain.deadlines import CHINA_TIME
from registry.domain.dispatch_people import Candidate
from registry.domain.dispatch_reasons import Reason, Why
from registry.domain.dispatch_table import Applies, Whom
from registry.domain.errors import NotFound
from registry.domain.kinds import AreaLevel, Stage
from registry.queries.rows import all_views, as_view
from registry.services.dispatching import Found, proposals_for, read_told
from registry.storage.database import reading
from registry.storage.tables import absence, area, asset_class, dispatch_line, unit, user


class DispatchLineView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the dispatch table; empty fields mean any. ``unit_id`` None: the unit that the records name."""

    id: int
    applies: Applies
    kind: str
    family: str
    scheme: str
    class_code: str
    class_name_zh: str
    class_name_en: str
    area_code: str
    area_name: str
    grade: str
    unit_id: int | None
    unit_name: str | None
    whom: Whom
    automatic: bool
    version: int


class ReasonView(msgspec.Struct, frozen=True, kw_only=True):
    """A reason: its word, and its values with names beside ids (``unit``, ``area``). Distances are in metres."""

    why: Why
    values: dict[str, str | int | float]


class CandidateView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was thought of; ``why_not`` None: could go."""

    user_id: int
    name: str
    open_cases: int
    distance_m: float | None
    seen_at: datetime | None
    why_not: Why | None


class ProposalView(msgspec.Struct, frozen=True, kw_only=True):
    """Who should get a case, and why. ``held``: why a person has to say so; None: the worker dispatches it."""

    case_id: int
    version: int
    stage: Stage
    unit_id: int | None
    unit_name: str | None
    assignee_id: int | None
    assignee_name: str | None
    automatic: bool
    held: Why | None
    line_id: int | None
    reasons: list[ReasonView]
    candidates: list[CandidateView]


class AbsenceView(msgspec.Struct, frozen=True, kw_only=True):
    """Days on which somebody is away, both included; ``last_on`` None: until further notice."""

    id: int
    user_id: int
    name: str
    unit_id: int | None
    first_on: str
    last_on: str | None
    note: str


def dispatch_lines(engine: Engine, *, scope: str = "") -> list[DispatchLineView]:
    """Every line that holds in the area ``scope``: fallbacks last, then by kind, class and area."""
    same_class = and_(asset_class.c.scheme == dispatch_line.c.scheme, asset_class.c.code == dispatch_line.c.class_code)
    area_name = (
        select(func.min(area.c.name))
        .where(area.c.code == dispatch_line.c.area_code, area.c.level != AreaLevel.DUTY.value)
        .scalar_subquery()
    )
    line = dispatch_line.c
    query = (
        select(
            dispatch_line,
            unit.c.name.label("unit_name"),
            func.coalesce(area_name, "").label("area_name"),
            func.coalesce(asset_class.c.name_zh, "").label("class_name_zh"),
            func.coalesce(asset_class.c.name_en, "").label("class_name_en"),
        )
        .select_from(dispatch_line)
        .outerjoin(unit, unit.c.id == line.unit_id)
        .outerjoin(asset_class, same_class)
        .order_by(line.applies, line.kind.desc(), line.class_code.desc(), line.family.desc(), line.area_code, line.id)
    )
    if scope:
        inside = line.area_code.startswith(scope, autoescape=True)
        query = query.where(or_(inside, literal(scope).startswith(line.area_code)))
    with reading(engine) as tx:
        return all_views(tx, query, DispatchLineView)


def proposal(engine: Engine, case_id: int, *, now: datetime, zone: tzinfo = CHINA_TIME) -> ProposalView:
    """Who should get this case, with names. Raises ``NotFound``."""
    found = proposals(engine, [case_id], now=now, zone=zone)
    if not found:
        raise NotFound("case", case_id)
    return found[0]


def proposals(
    engine: Engine, case_ids: Collection[int], *, now: datetime, zone: tzinfo = CHINA_TIME
) -> list[ProposalView]:
    """``proposal`` for many cases at once, in the order of their ids."""
    with reading(engine) as tx:
        found = proposals_for(tx, case_ids, now=now, zone=zone)
        units, areas = _names(tx, [reason for one in found for reason in one.proposal.reasons])
    return [_view(one, units, areas) for one in found]


def kept_reasons(engine: Engine, detail: dict[str, Any]) -> list[ReasonView]:
    """The reasons that an entry of the timeline keeps of an automatic dispatch, with names as they are today."""
    reasons = read_told(detail)
    with reading(engine) as tx:
        units, areas = _names(tx, reasons)
    return [_reason(reason, units, areas) for reason in reasons]


def absences(engine: Engine, *, since: date, unit_id: int | None = None, scope: str = "") -> list[AbsenceView]:
    """Who is away on ``since`` or later, the earliest first; of one unit; of people bound within ``scope``."""
    query = (
        select(absence, user.c.name, user.c.unit_id)
        .join_from(absence, user, user.c.id == absence.c.user_id)
        .where(or_(absence.c.last_on.is_(None), absence.c.last_on >= since.isoformat()))
        .order_by(absence.c.first_on, user.c.name, absence.c.id)
    )
    if unit_id is not None:
        query = query.where(user.c.unit_id == unit_id)
    if scope:
        query = query.where(user.c.area_code.startswith(scope, autoescape=True))
    with reading(engine) as tx:
        return [as_view(row._mapping, AbsenceView) for row in tx.execute(query)]


def _names(tx: Connection, reasons: Iterable[Reason]) -> tuple[dict[int, str], dict[str, str]]:
    reasons = list(reasons)
    unit_ids = {reason.values["unit_id"] for reason in reasons if "unit_id" in reason.values}
    codes = {reason.values["area"] for reason in reasons if reason.values.get("area")}
    units: dict[int, str] = {}
    areas: dict[str, str] = {}
    if unit_ids:
        units = {row.id: row.name for row in tx.execute(select(unit.c.id, unit.c.name).where(unit.c.id.in_(unit_ids)))}
    if codes:
        rows = tx.execute(
            select(area.c.code, area.c.name).where(area.c.code.in_(codes), area.c.level != AreaLevel.DUTY.value)
        )
        areas = {row.code: row.name for row in rows}
    return units, areas


def _reason(reason: Reason, units: dict[int, str], areas: dict[str, str]) -> ReasonView:
    values = dict(reason.values)
    if "unit_id" in values:
        values["unit"] = units.get(int(values["unit_id"]), "")
    if "area" in values:
        values["area_name"] = areas.get(str(values["area"]), str(values["area"]))
    return ReasonView(why=reason.why, values=values)


def _view(found: Found, units: dict[int, str], areas: dict[str, str]) -> ProposalView:
    one = found.proposal
    names = {each.user_id: each.name for each in one.candidates}
    return ProposalView(
        case_id=found.case_id,
        version=found.version,
        stage=found.stage,
        unit_id=one.unit_id,
        unit_name=None if one.unit_id is None else units.get(one.unit_id, ""),
        assignee_id=one.assignee_id,
        assignee_name=None if one.assignee_id is None else names.get(one.assignee_id, ""),
        automatic=one.automatic,
        held=one.held,
        line_id=one.line_id,
        reasons=[_reason(reason, units, areas) for reason in one.reasons],
        candidates=[_candidate(each) for each in one.candidates],
    )


def _candidate(one: Candidate) -> CandidateView:
    return CandidateView(
        user_id=one.user_id,
        name=one.name,
        open_cases=one.open_cases,
        distance_m=None if one.distance_m is None else round(one.distance_m, 1),
        seen_at=one.seen_at,
        why_not=one.why_not,
    )
