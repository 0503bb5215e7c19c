"""Reading reports: what a reporter hears back, what the desk sees of a case's reporters, what may be the same thing."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, and_, bindparam, func, literal, or_, select

from registry.domain.geo import Place, box_around, place_cells
from registry.domain.kinds import RewardState, Source, Stage
from registry.domain.moves import MoveName
from registry.domain.public_rules import REPORTED, PublicRules, Sighted, similar_m
from registry.domain.report_numbers import report_number
from registry.queries.asset_filters import digits_begin
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.public_requests import PublicUpdate, find_updates
from registry.queries.rows import as_view
from registry.services.public_rules import rules_in_force
from registry.storage.database import reading
from registry.storage.open_cases import IS_OPEN
from registry.storage.tables import asset, asset_class, case, entry, report, reward, user

MOST_SIMILAR = 20
_SIDES = ("from", "to")


class MyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a reporter hears back: what they said and how far it is. Never who works on it, nor who else reported.

    ``position``: the how many-th report of this case it was. ``reward_fen``, ``reward_state``: where one was proposed.
    """

    id: int
    number: str
    at: datetime
    text: str
    kind: str
    stage: Stage
    closed_how: str | None
    asset_class_zh: str
    asset_class_en: str
    road: str
    filed_at: datetime | None
    dispatched_at: datetime | None
    handed_back_at: datetime | None
    ended_at: datetime | None
    score: int | None
    score_words: str
    position: int
    reward_fen: int | None
    reward_state: RewardState | None
    has_contact: bool
    updates: list[PublicUpdate]

    @property
    def report_number(self) -> str:
        """What the report itself is called."""
        return report_number(self.id)


class ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the desk's list of reports. ``first``: nobody reported this case before."""

    id: int
    at: datetime
    source: Source
    kind: str
    text: str
    contact: str
    reporter: str
    address: str
    case_id: int
    case_number: str
    stage: Stage
    asset_name: str | None
    photo_id: int | None
    media_url: str
    score: int | None
    score_words: str
    brought_by_name: str | None
    first: bool

    @property
    def number(self) -> str:
        """What the report is called."""
        return report_number(self.id)


class SimilarCase(msgspec.Struct, frozen=True, kw_only=True):
    """An open case that may be the same thing: near in place and time, of the same kind."""

    id: int
    number: str
    kind: str
    stage: Stage
    opened_at: datetime
    distance_m: float
    name: str
    reports: int
    version: int


def my_report(engine: Engine, key: str) -> MyReport | None:
    """How far the case of a report is, or None for a key that nobody was given."""
    filed = select(func.max(entry.c.at)).where(entry.c.case_id == case.c.id, entry.c.move == MoveName.FILE)
    other = report.alias("other")
    position = select(func.count()).where(other.c.case_id == report.c.case_id, other.c.id <= report.c.id)
    of_class = and_(asset_class.c.scheme == asset.c.scheme, asset_class.c.code == asset.c.class_code)
    statement = (
        select(
            report.c.id,
            report.c.at,
            report.c.text,
            report.c.kind,
            report.c.score,
            report.c.score_words,
            (report.c.contact != "").label("has_contact"),
            case.c.number,
            case.c.stage,
            case.c.closed_how,
            case.c.dispatched_at,
            case.c.handed_back_at,
            case.c.ended_at,
            filed.scalar_subquery().label("filed_at"),
            func.coalesce(asset.c.road, case.c.place, "").label("road"),
            func.coalesce(asset_class.c.name_zh, "").label("asset_class_zh"),
            func.coalesce(asset_class.c.name_en, "").label("asset_class_en"),
            position.scalar_subquery().label("position"),
            reward.c.amount_fen.label("reward_fen"),
            reward.c.state.label("reward_state"),
        )
        .select_from(
            report.join(case, case.c.id == report.c.case_id)
            .outerjoin(asset, asset.c.id == case.c.asset_id)
            .outerjoin(asset_class, of_class)
            .outerjoin(reward, reward.c.report_id == report.c.id)
        )
        .where(report.c.key == key)
    )
    with reading(engine) as tx:
        row = tx.execute(statement).one_or_none()
    return None if row is None else as_view(row._mapping, MyReport, updates=find_updates(engine, ids=[row.id]))


def list_reports(
    engine: Engine,
    *,
    source: Source | None = None,
    rated: bool = False,
    q: str = "",
    scope: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Page[ReportRow]:
    """What was reported, the newest first. ``q``: the beginning of the case's number, or R and the report's.

    ``rated``: only those whose reporter said how it went. ``scope`` is an area's code.
    """
    wanted = [report.c.source == source.value] if source is not None else []
    if rated:
        wanted.append(report.c.scored_at.is_not(None))
    if scope:
        wanted.append(digits_begin(report.c.area_code, scope))
    asked = q.strip().upper()
    if asked.startswith("R") and asked[1:].isdigit():
        wanted.append(report.c.id == int(asked[1:16]))
    elif asked:
        wanted.append(case.c.number.startswith(asked, autoescape=True))
    if after is not None:
        wanted.append(report.c.id < decode_id(after))
    statement = _report_rows().where(*wanted).order_by(report.c.id.desc()).limit(check_limit(limit) + 1)
    with reading(engine) as tx:
        rows = [as_view(row._mapping, ReportRow) for row in tx.execute(statement)]
    return page_of(rows, limit, lambda row: (row.id,))


def reports_of_case(engine: Engine, case_id: int) -> list[ReportRow]:
    """Everybody who reported a case, the first one first."""
    with reading(engine) as tx:
        rows = tx.execute(_report_rows().where(report.c.case_id == case_id).order_by(report.c.id))
        return [as_view(row._mapping, ReportRow) for row in rows]


def similar_cases(records: Engine | Connection, case_id: int) -> list[SimilarCase]:
    """Open cases that may be the same thing as this one, the nearest first; [] when it has ended."""
    with reading(records) as tx:
        one = tx.execute(_one_sighting(), {"of_id": case_id}).first()
        if one is None or one.lon is None or one.lat is None:
            return []
        _, rules = rules_in_force(tx)
        return _similar(tx, one, rules)


def _similar(tx: Connection, one: Any, rules: PublicRules) -> list[SimilarCase]:
    here = Sighted(kind=one.kind, place=Place(one.lon, one.lat), at=one.opened_at)
    around = timedelta(hours=rules.similar_h)
    spans = place_cells(box_around(here.place, rules.similar_m))
    of_kind = one.kind != REPORTED
    asked = {"of_id": one.id, "since": one.opened_at - around, "until": one.opened_at + around}
    if of_kind:
        asked["kind"] = one.kind
    cells = {f"{side}{n}": cell for n, span in enumerate(spans) for side, cell in zip(_SIDES, span, strict=True)}
    # two questions, each by its own index: what stands in the cells around, and what is at no asset at all
    things = tx.execute(_alike_things(len(spans), of_kind=of_kind), asked | cells).all()
    places = tx.execute(_alike_places(of_kind=of_kind), asked).all()
    found = []
    for row in (*things, *places):
        away = similar_m(here, Sighted(kind=row.kind, place=Place(row.lon, row.lat), at=row.opened_at), rules)
        if away is not None:
            found.append(as_view(row._mapping, SimilarCase, distance_m=round(away, 1)))
    return sorted(found, key=lambda each: (each.distance_m, each.id))[:MOST_SIMILAR]


@cache
def _one_sighting() -> Any:
    return _sightings().where(case.c.id == bindparam("of_id"), IS_OPEN)


@cache
def _alike_things(spans: int, *, of_kind: bool) -> Any:
    """Open cases of assets in so many spans of cells; built once, since that takes longer than asking."""
    first, last = _SIDES
    cells = (asset.c.place_cell.between(bindparam(f"{first}{n}"), bindparam(f"{last}{n}")) for n in range(spans))
    return _sightings(at_assets=True).where(or_(*cells), *_alike(of_kind=of_kind))


@cache
def _alike_places(*, of_kind: bool) -> Any:
    return _sightings().where(case.c.asset_id.is_(None), *_alike(of_kind=of_kind))


def _alike(*, of_kind: bool) -> list[ColumnElement[bool]]:
    wanted = [
        IS_OPEN,
        case.c.id != bindparam("of_id"),
        case.c.opened_at.between(bindparam("since"), bindparam("until")),
    ]
    return [*wanted, case.c.kind.in_([bindparam("kind"), literal(REPORTED)])] if of_kind else wanted


def _sightings(*, at_assets: bool = False) -> Any:
    told = select(func.count()).where(report.c.case_id == case.c.id).scalar_subquery()
    return select(
        case.c.id,
        case.c.number,
        case.c.kind,
        case.c.stage,
        case.c.opened_at,
        case.c.version,
        func.coalesce(asset.c.lon, case.c.lon).label("lon"),
        func.coalesce(asset.c.lat, case.c.lat).label("lat"),
        func.coalesce(asset.c.name, case.c.place, "").label("name"),
        told.label("reports"),
    ).select_from(case.join(asset, asset.c.id == case.c.asset_id, isouter=not at_assets))


def _report_rows() -> Any:
    earlier = report.alias("earlier")
    before = select(earlier.c.id).where(earlier.c.case_id == report.c.case_id, earlier.c.id < report.c.id)
    return select(
        report,
        case.c.number.label("case_number"),
        case.c.stage,
        func.coalesce(asset.c.name, case.c.place).label("asset_name"),
        user.c.name.label("brought_by_name"),
        (~before.exists()).label("first"),
    ).select_from(
        report.join(case, case.c.id == report.c.case_id)
        .outerjoin(asset, asset.c.id == case.c.asset_id)
        .outerjoin(user, user.c.id == report.c.brought_by)
    )
