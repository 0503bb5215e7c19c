"""What is marked across the charts of a board: the alerts, cases and permits that were on at some time of the span, the
newest of each. They are narrowed to what all of the charts are of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, and_, select

from registry.domain.boards import Annotation, Chosen, Counted, Panel, PanelKind, SeriesSource, Source, Where
from registry.domain.kinds import AlertState, PermitState
from registry.queries.board_things import asset_fulfils, plan_of
from registry.queries.board_values import Asked, Said, To, Word
from registry.storage.database import reading
from registry.storage.open_cases import IS_OPEN
from registry.storage.tables import alert, asset, permit, rule
from registry.storage.tables import case as case_file
from registry.storage.times import to_ms

MOST_MARKS = 200
"""Of each sort: a chart with more of them is all marks."""

_NARROWED_BY: Mapping[Counted, tuple[str, ...]] = {
    Counted.ALERTS: ("area", "family", "class", "asset", "device", "cabinet", "kind"),
    Counted.CASES: ("area", "asset", "kind", "unit"),
    Counted.PERMITS: ("area", "family", "class", "asset"),
}
_OF_CHARTS = ("area", "family", "class")

_LOOKED_BACK = timedelta(days=14)
"""An alert or a permit that is over and began longer ago than this before the span (or than as long a time as the span
is) counts as over by then: no index tells of them by their end."""


class _Way(NamedTuple):
    """Some that had begun before the span and were on in it: by which conditions they are found along an index, and in
    which order."""

    conditions: tuple[ColumnElement[bool], ...]
    order: tuple[ColumnElement[Any], ...]


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One mark; ``to_ms`` None: it goes on."""

    of: Annotation
    from_ms: int
    to_ms: int | None
    text: Said
    severity: int | None
    to: To


def marks(wanted: Iterable[Annotation], asked: Asked, panels: Iterable[Panel] = ()) -> tuple[list[Mark], bool]:
    """The marks across the charts among these panels, in order of time, and whether some that began in the span were
    left out: those that had begun before share one line, however many they are."""
    found: list[Mark] = []
    more = False
    where = _of_charts(panels, asked)
    with reading(asked.engine) as tx:
        for each in dict.fromkeys(wanted):
            some = _MARKS[each](tx, where, asked)
            more = more or (len(some) > MOST_MARKS and some[MOST_MARKS].from_ms >= asked.since_ms)
            found += some[:MOST_MARKS]
    return sorted(found, key=lambda mark: mark.from_ms), more


def _of_charts(panels: Iterable[Panel], asked: Asked) -> Where:
    """What all charts are narrowed to: what happens to lamps has nothing to do with curves of covers."""
    charts = [each.source for each in panels if each.kind is PanelKind.TIME_SERIES and each.source is not None]
    found: dict[str, Chosen] = {}
    for name in _OF_CHARTS:
        asked_for = [asked.words(_asked_of(chart, name)) for chart in charts if not _of_what_is_chosen(chart)]
        if asked_for and all(asked_for):
            found[name] = tuple(dict.fromkeys(chain.from_iterable(asked_for)))
    return found


def _asked_of(chart: Source, name: str) -> Chosen:
    meant: Chosen = getattr(chart, f"of_{name}", ())
    return meant or chart.where.get(name, ())


def _of_what_is_chosen(chart: Source) -> bool:
    """Whether a chart is of the things that are chosen above the board: those narrow the marks themselves."""
    return isinstance(chart, SeriesSource) and any(
        isinstance(things, str) and things.startswith("$") for things in (chart.of_assets, chart.of_devices)
    )


def _fulfilled(what: Counted, where: Where, asked: Asked) -> tuple[ColumnElement[bool], ...]:
    """What marks have to fulfil: what all charts are of, or else what is chosen above the board."""
    known = _NARROWED_BY[what]
    given: dict[str, Chosen] = {name: where.get(name, f"${name}") for name in (*known, *_OF_CHARTS)}
    conditions = plan_of(what, {name: given[name] for name in known}, asked, by=None).conditions
    if what is not Counted.CASES:
        return conditions
    # of a case's asset its own row tells only where it stands
    of_asset = {name: given[name] for name in ("family", "class")}
    return (*conditions, *asset_fulfils(case_file, case_file.c.asset_id, of_asset, asked, scope=""))


def _newest(
    tx: Connection,
    moment: Column[datetime],
    fulfilled: Sequence[ColumnElement[bool]],
    before: Sequence[_Way],
    asked: Asked,
) -> list[int]:
    """The newest that were on at some time of the span, one more than are shown: those that began in it, and where
    these leave room those that had begun before."""
    number = moment.table.c.id
    query = select(number, moment.label("began")).where(*fulfilled)
    in_span = query.where(moment >= asked.since, moment < asked.until).order_by(moment.desc(), number.desc())
    found = [row.id for row in tx.execute(in_span.limit(MOST_MARKS + 1))]
    if room := MOST_MARKS + 1 - len(found):
        begun = query.where(moment < asked.since)
        older = [
            row for way in before for row in tx.execute(begun.where(*way.conditions).order_by(*way.order).limit(room))
        ]
        found += [row.id for row in sorted(older, key=lambda row: (row.began, row.id), reverse=True)[:room]]
    return found


def _alerts(tx: Connection, where: Where, asked: Asked) -> list[Mark]:
    fired = alert.c.fired_at
    before = (
        _Way((alert.c.state == AlertState.FIRING.value,), (fired.desc(),)),
        _Way((fired >= _back(asked), alert.c.cleared_at > asked.since), (fired.desc(),)),
    )
    ids = _newest(tx, fired, _fulfilled(Counted.ALERTS, where, asked), before, asked)
    tables = alert.outerjoin(asset, asset.c.id == alert.c.asset_id).outerjoin(
        rule, and_(rule.c.key == alert.c.rule_key, rule.c.version == alert.c.rule_version)
    )
    query = select(
        *(alert.c.id, alert.c.fired_at, alert.c.cleared_at, alert.c.severity, alert.c.peak_severity),
        *(alert.c.cabinet_id, asset.c.name.label("asset_name"), rule.c.case_kind),
    )
    query = query.select_from(tables).where(alert.c.id.in_(ids))
    return [
        Mark(
            of=Annotation.ALERTS,
            from_ms=to_ms(row.fired_at),
            to_ms=None if row.cleared_at is None else to_ms(row.cleared_at),
            text=_beside(row.case_kind, row.asset_name or row.cabinet_id),
            severity=max(row.severity, row.peak_severity),
            to=To("alert", {"alert_id": row.id}),
        )
        for row in tx.execute(query.order_by(alert.c.fired_at.desc(), alert.c.id.desc()))
    ]


def _cases(tx: Connection, where: Where, asked: Asked) -> list[Mark]:
    # by other columns than when they were opened: a walk from the newest would go through all cases there ever were
    before = (
        _Way((IS_OPEN,), (case_file.c.id.desc(),)),
        _Way((case_file.c.ended_at > asked.since,), (case_file.c.ended_at.desc(),)),
    )
    ids = _newest(tx, case_file.c.opened_at, _fulfilled(Counted.CASES, where, asked), before, asked)
    query = select(
        *(case_file.c.id, case_file.c.number, case_file.c.kind, case_file.c.place, case_file.c.severity),
        *(case_file.c.opened_at, case_file.c.ended_at, asset.c.name.label("asset_name")),
    ).select_from(case_file.outerjoin(asset, asset.c.id == case_file.c.asset_id))
    query = query.where(case_file.c.id.in_(ids)).order_by(case_file.c.opened_at.desc(), case_file.c.id.desc())
    return [
        Mark(
            of=Annotation.CASES,
            from_ms=to_ms(row.opened_at),
            to_ms=None if row.ended_at is None else to_ms(row.ended_at),
            text=(row.number, *_beside(row.kind, row.asset_name or row.place)),
            severity=row.severity,
            to=To("case", {"case_id": row.id}),
        )
        for row in tx.execute(query)
    ]


def _permits(tx: Connection, where: Where, asked: Asked) -> list[Mark]:
    started = permit.c.started_at
    before = (
        _Way((permit.c.state == PermitState.OPEN.value,), (started.desc(),)),
        _Way((started >= _back(asked), permit.c.ended_at > asked.since), (started.desc(),)),
    )
    ids = _newest(tx, started, _fulfilled(Counted.PERMITS, where, asked), before, asked)
    query = select(
        *(permit.c.id, permit.c.started_at, permit.c.ended_at, asset.c.name.label("asset_name"))
    ).select_from(permit.outerjoin(asset, asset.c.id == permit.c.asset_id))
    query = query.where(permit.c.id.in_(ids)).order_by(permit.c.started_at.desc(), permit.c.id.desc())
    return [
        Mark(
            of=Annotation.PERMITS,
            from_ms=to_ms(row.started_at),
            to_ms=None if row.ended_at is None else to_ms(row.ended_at),
            text=(Word("board.permit_mark"), row.asset_name or ""),
            severity=None,
            to=To("permit", {"permit_id": row.id}),
        )
        for row in tx.execute(query)
    ]


def _back(asked: Asked) -> datetime:
    return asked.since - max(asked.until - asked.since, _LOOKED_BACK)


def _beside(kind: str | None, name: str | None) -> tuple[str | Word, ...]:
    return ((Word(f"kind.{kind}"),) if kind else ()) + (name or "–",)


_MARKS: Mapping[Annotation, Any] = {
    Annotation.ALERTS: _alerts,
    Annotation.CASES: _cases,
    Annotation.PERMITS: _permits,
}
