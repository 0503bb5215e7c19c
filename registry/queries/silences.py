"""Reading silences: current, coming and past; what one would mute now; which of some alerts are muted, and by whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, func, not_, or_, select

from registry.domain.kinds import AlertState
from registry.domain.muting import Phase, Silence, Subject, muted_by, phase_of
from registry.queries.asset_filters import digits_begin
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.tables import alert, area, asset, rule, silence, user

_SHOWN = 10
"""How many of the alerts that would be muted are shown by name."""


class SilenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One silence. Empty fields mean any; alerts worse than ``severity`` are told all the same.

    ``ended_by_name`` is empty unless somebody ended it before its time. ``muting``: live alerts that it mutes now.
    """

    id: int
    phase: Phase
    asset_id: int | None
    asset_name: str
    road: str
    area_code: str
    area_name: str
    rule_key: str
    rule_name_zh: str
    rule_name_en: str
    severity: int
    starts_at: datetime
    ends_at: datetime
    reason: str
    created_at: datetime
    created_by: int | None
    created_by_name: str
    ended_by_name: str
    muting: int


class MutedAlert(msgspec.Struct, frozen=True, kw_only=True):
    """A live alert that a silence would mute."""

    id: int
    rule_key: str
    rule_name_zh: str
    rule_name_en: str
    severity: int
    asset_id: int | None
    asset_name: str
    fired_at: datetime


class WouldMute(msgspec.Struct, frozen=True, kw_only=True):
    """What a silence would mute if it were in force now, and how many live alerts it would not, being worse."""

    alerts: int
    worse: int
    first: list[MutedAlert]


class RuleChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that can be named; names are empty for the shipped ones, whose names stand in the catalogue of words."""

    key: str
    name_zh: str
    name_en: str


def list_silences(
    engine: Engine,
    *,
    now: datetime,
    phase: str | None = None,
    asset_id: int | None = None,
    scope: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Page[SilenceRow]:
    """Silences, the newest first; those that touch the area ``scope``. Raises ``InvalidInput`` for a strange place."""
    conditions = _of_phase(phase, now)
    if asset_id is not None:
        conditions.append(silence.c.asset_id == asset_id)
    if after is not None:
        conditions.append(silence.c.id < decode_id(after))
    if scope:
        conditions.append(_touches(scope))
    statement = _joined().where(*conditions).order_by(silence.c.id.desc()).limit(check_limit(limit) + 1)
    with reading(engine) as tx:
        views = _views(tx, tx.execute(statement).all(), now)
    return page_of(views, limit, lambda view: (view.id,))


def count_phases(engine: Engine, *, now: datetime, scope: str = "") -> dict[Phase, int]:
    """How many silences are in force, still to come, and over (withdrawn ones are over)."""
    current, coming = (and_(*_of_phase(phase, now)) for phase in (Phase.CURRENT, Phase.COMING))
    query = select(func.count(), func.count().filter(current), func.count().filter(coming))
    query = query.outerjoin_from(silence, asset, asset.c.id == silence.c.asset_id)
    if scope:
        query = query.where(_touches(scope))
    with reading(engine) as tx:
        total, now_in_force, later = tx.execute(query).one()
    return {Phase.CURRENT: now_in_force, Phase.COMING: later, Phase.PAST: total - now_in_force - later}


def silence_row(engine: Engine, silence_id: int, *, now: datetime) -> SilenceRow | None:
    """One silence, or None."""
    with reading(engine) as tx:
        rows = tx.execute(_joined().where(silence.c.id == silence_id)).all()
        return next(iter(_views(tx, rows, now)), None)


def in_force(tx: Connection, now: datetime) -> list[Silence]:
    """Every silence that holds now, for ``domain.muting.muted_by``."""
    query = select(silence).where(silence.c.starts_at <= now, silence.c.ends_at > now)
    return [as_silence(row) for row in tx.execute(query)]


def as_silence(row: Any) -> Silence:
    """A row of the table as ``domain.muting`` takes it."""
    return Silence(
        id=row.id,
        severity=row.severity,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        asset_id=row.asset_id,
        area_code=row.area_code,
        rule_key=row.rule_key,
    )


def muted_alerts(engine: Engine, ids: Iterable[int], *, now: datetime) -> Mapping[int, SilenceRow]:
    """Which of these live alerts tell nobody now, and the silence that mutes each."""
    wanted = list(ids)
    with reading(engine) as tx:
        silences = in_force(tx, now)
        if not silences or not wanted:
            return {}
        query = (
            select(alert.c.id, alert.c.rule_key, alert.c.severity, alert.c.asset_id, asset.c.area_code)
            .outerjoin_from(alert, asset, asset.c.id == alert.c.asset_id)
            .where(alert.c.id.in_(wanted), alert.c.state == AlertState.FIRING.value)
        )
        found: dict[int, int] = {}
        for row in tx.execute(query):
            about = Subject(
                rule_key=row.rule_key, severity=row.severity, asset_id=row.asset_id, area_code=row.area_code or ""
            )
            by = muted_by(about, silences, now)
            if by is not None:
                found[row.id] = by.id
        rows = tx.execute(_joined().where(silence.c.id.in_(set(found.values())))).all()
        views = {view.id: view for view in _views(tx, rows, now)}
    return {alert_id: views[silence_id] for alert_id, silence_id in found.items()}


def would_mute(
    engine: Engine, *, asset_id: int | None, area_code: str, rule_key: str, severity: int, scope: str = ""
) -> WouldMute:
    """What a silence with these fields would mute within ``scope``, were it in force now."""
    conditions = _matching(asset_id, area_code, rule_key)
    if scope:
        conditions.append(digits_begin(asset.c.area_code, scope))
    query = select(
        alert.c.id,
        alert.c.rule_key,
        alert.c.severity,
        alert.c.asset_id,
        alert.c.fired_at,
        func.coalesce(asset.c.name, "").label("asset_name"),
        *_rule_names(alert.c.rule_key),
    ).outerjoin_from(alert, asset, asset.c.id == alert.c.asset_id)
    muted, worse = alert.c.severity <= severity, alert.c.severity > severity
    counts = (
        select(func.count().filter(muted), func.count().filter(worse))
        .outerjoin_from(alert, asset, asset.c.id == alert.c.asset_id)
        .where(*conditions)
    )
    shown = query.where(*conditions, muted).order_by(alert.c.severity.desc(), alert.c.id.desc()).limit(_SHOWN)
    with reading(engine) as tx:
        muting, not_muted = tx.execute(counts).one()
        first = [as_view(row._mapping, MutedAlert) for row in tx.execute(shown)]
    return WouldMute(alerts=muting, worse=not_muted, first=first)


def rule_choices(engine: Engine) -> list[RuleChoice]:
    """Every rule by its newest version."""
    newest = select(rule.c.key, func.max(rule.c.version).label("version")).group_by(rule.c.key).subquery()
    query = select(rule.c.key, rule.c.name_zh, rule.c.name_en).join(
        newest, and_(newest.c.key == rule.c.key, newest.c.version == rule.c.version)
    )
    with reading(engine) as tx:
        return [as_view(row._mapping, RuleChoice) for row in tx.execute(query.order_by(rule.c.key))]


def _matching(asset_id: int | None, area_code: str, rule_key: str) -> list[ColumnElement[bool]]:
    """Live alerts that a silence is about, worse ones too; the same as ``domain.muting.matches``."""
    conditions: list[ColumnElement[bool]] = [alert.c.state == AlertState.FIRING.value]
    if asset_id is not None:
        conditions.append(alert.c.asset_id == asset_id)
    if rule_key:
        conditions.append(alert.c.rule_key == rule_key)
    if area_code:
        conditions.append(digits_begin(asset.c.area_code, area_code))
    return conditions


def _of_phase(phase: str | None, now: datetime) -> list[ColumnElement[bool]]:
    if phase is None:
        return []
    begun, going_on = silence.c.starts_at <= now, silence.c.ends_at > now
    real = silence.c.ends_at > silence.c.starts_at
    return {
        Phase.CURRENT: [begun, going_on],
        Phase.COMING: [silence.c.starts_at > now, real],
        Phase.PAST: [silence.c.ends_at <= now, real],
        Phase.WITHDRAWN: [silence.c.ends_at <= silence.c.starts_at],
    }[Phase(phase)]


def _joined() -> Select[Any]:
    author, ender = user.alias("author"), user.alias("ender")
    area_name = (
        select(func.max(area.c.name)).where(area.c.code == silence.c.area_code, area.c.ended_on.is_(None))
    ).scalar_subquery()
    return (
        select(
            silence,
            asset.c.name.label("asset_name"),
            asset.c.road,
            area_name.label("area_name"),
            *_rule_names(silence.c.rule_key),
            author.c.name.label("created_by_name"),
            ender.c.name.label("ended_by_name"),
        )
        .outerjoin_from(silence, asset, asset.c.id == silence.c.asset_id)
        .outerjoin(author, author.c.id == silence.c.created_by)
        .outerjoin(ender, ender.c.id == silence.c.ended_by)
    )


def _rule_names(key: ColumnElement[str]) -> list[ColumnElement[str]]:
    """What the newest version of a rule is called, in both languages."""
    newest = select(rule.c.name_zh).where(rule.c.key == key).order_by(rule.c.version.desc()).limit(1)
    return [
        func.coalesce(newest.with_only_columns(column).scalar_subquery(), "").label(f"rule_{column.name}")
        for column in (rule.c.name_zh, rule.c.name_en)
    ]


def _touches(scope: str) -> ColumnElement[bool]:
    """That somebody bound to ``scope`` is concerned: it lies in their area, or their area in it."""
    of_asset = silence.c.asset_id.is_not(None)
    around = [scope[:length] for length in range(len(scope))]
    return or_(
        and_(of_asset, digits_begin(asset.c.area_code, scope)),
        and_(not_(of_asset), digits_begin(silence.c.area_code, scope)),
        and_(not_(of_asset), silence.c.area_code.in_(around)),
    )


def _views(tx: Connection, rows: Sequence[Any], now: datetime) -> list[SilenceRow]:
    phases = {row.id: phase_of(row.starts_at, row.ends_at, now=now) for row in rows}
    current = [row for row in rows if phases[row.id] is Phase.CURRENT]
    muting: dict[int, int] = {}
    if current:
        counts = [
            func.count().filter(*_matching(row.asset_id, row.area_code, row.rule_key), alert.c.severity <= row.severity)
            for row in current
        ]
        live = select(*counts).outerjoin_from(alert, asset, asset.c.id == alert.c.asset_id)
        found = tx.execute(live.where(alert.c.state == AlertState.FIRING.value)).one()
        muting = {row.id: count for row, count in zip(current, found, strict=True)}
    empty = {"asset_name": "", "road": "", "area_name": "", "created_by_name": "", "ended_by_name": ""}
    empty |= {"rule_name_zh": "", "rule_name_en": ""}
    return [
        as_view(
            empty
            | {str(name): value for name, value in row._mapping.items() if value is not None or name not in empty},
            SilenceRow,
            phase=phases[row.id],
            muting=muting.get(row.id, 0),
        )
        for row in rows
    ]
