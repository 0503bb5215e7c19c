"""Counts for a panel: one number, bars, steps over time, hours of the week. Along indexes, in few statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection

from registry.domain.board_time import steps
from registry.domain.boards import Counted, CountSource, Moment, Over, SplitBy, WeekHoursSource
from registry.domain.kinds import AssetState, PermitState
from registry.queries.asset_filters import unusual
from registry.queries.board_names import Namer
from registry.queries.board_series import readings_between
from registry.queries.board_sums import Groups, grouped, stepped, unindexed
from registry.queries.board_things import Plan, plan_of
from registry.queries.board_values import Asked, Bar, Bars, CountsOverTime, Heat, Spark, Stat, Steps, To
from registry.queries.health import CabinetHealth, cabinets
from registry.storage.database import reading
from registry.storage.tables import asset
from registry.storage.times import from_ms, to_ms

_HOUR_MS = 3_600_000
_SPARK_STEPS = ((timedelta(days=3), Over.HOUR), (timedelta(days=120), Over.DAY), (timedelta(days=800), Over.WEEK))


def stat(source: CountSource, asked: Asked, *, with_spark: bool) -> Stat:
    """One number; of what happens also that of as long a time just before."""
    if source.what is Counted.CABINETS:
        return Stat(value=len(some_cabinets(source.where, asked)), to=To("system"))
    if source.what is Counted.READINGS:
        return Stat(value=sum(readings_between(source.where, asked, [asked.since_ms, asked.until_ms])))
    plan = plan_of(source.what, source.where, asked, by=None, at=source.at)
    with reading(asked.engine) as tx:
        if plan.moment is None:
            return Stat(value=sum(_grouped(tx, source.what, plan).values()), to=plan.to)
        edges = [to_ms(asked.since - (asked.until - asked.since)), asked.since_ms, asked.until_ms]
        before, now = stepped(tx, plan, edges)[None].tolist()
    spark = None
    if with_spark:
        over = next((over for span, over in _SPARK_STEPS if asked.until - asked.since <= span), Over.MONTH)
        drawn = over_time(CountSource(what=source.what, over=over, at=source.at, where=source.where), asked).series
        spark = Spark(t=drawn[0].t, value=[float(each) for each in drawn[0].value]) if drawn else None
    return Stat(value=now, before=before, spark=spark, to=plan.to)


def bars(source: CountSource, asked: Asked) -> Bars:
    """A bar for each value of what the count is split by; the rest of many in one sum."""
    by, of_now = source.by, True
    if by is None:
        return Bars(bars=[Bar(name="", value=stat(source, asked, with_spark=False).value or 0)])
    if source.what is Counted.CABINETS:
        found: Groups = defaultdict(int)
        for each in some_cabinets(source.where, asked):
            found["online" if each.online else "offline"] += 1
        groups, to = dict(found), To("system")
    else:
        plan = plan_of(source.what, source.where, asked, by=by, at=source.at)
        of_now = plan.moment is None
        with reading(asked.engine) as tx:
            groups, to = _grouped(tx, source.what, plan, asked), plan.to or To("overview")
    with reading(asked.engine) as tx:
        namer = Namer(tx, source.what, by, asked)
        groups = namer.folded(groups)
        order = namer.order(groups)
        names = namer.names(order[: source.limit])
    shown = order[: source.limit]
    drawn = [Bar(name=names[key], value=groups[key], to=_narrower(to, source.what, by, key, of_now)) for key in shown]
    return Bars(bars=drawn, rest=sum(groups[key] for key in order[source.limit :]))


def over_time(source: CountSource, asked: Asked) -> CountsOverTime:
    """Counts by the step. A step that begins before the span is counted whole; one that is not over yet, up to now."""
    begins = steps(asked.since, asked.until, source.over or Over.DAY, asked.zone)
    edges = [to_ms(each) for each in begins]
    if source.what is Counted.READINGS:
        series = [Steps(name="", t=edges[:-1], value=readings_between(source.where, asked, edges))]
        return CountsOverTime(series=series, step_ms=edges[1] - edges[0])
    plan = _in_time(plan_of(source.what, source.where, asked, by=source.by, at=source.at))
    found: dict[Any, Any] = defaultdict(lambda: np.zeros(len(edges) - 1, dtype=np.int64))
    with reading(asked.engine) as tx:
        counted = stepped(tx, plan, edges)
        namer = Namer(tx, source.what, source.by, asked)
        for key, as_key in namer.keys(counted).items():
            found[as_key] += counted[key]
        order = namer.order({key: int(each.sum()) for key, each in found.items()})
        names = namer.names(order)
    shown = order[: source.limit]
    series = [Steps(name=names.get(key, ""), t=edges[:-1], value=found[key].tolist()) for key in shown]
    return CountsOverTime(series=series, step_ms=edges[1] - edges[0], left_out=len(order) - len(shown))


def week_hours(source: WeekHoursSource, asked: Asked) -> Heat:
    """How many began in which hour of the week, as clocks of the city showed it."""
    plan = _in_time(plan_of(source.what, source.where, asked, by=None, at=Moment.OPENED))
    since_ms, until_ms = asked.since_ms, asked.until_ms
    # zones differ from UTC by quarters of an hour, so the first hour of the city's clock may have begun before
    first = steps(asked.since, asked.until, Over.HOUR, asked.zone)[0]
    edges = [since_ms, *range(to_ms(first) + _HOUR_MS, until_ms, _HOUR_MS), until_ms]
    with reading(asked.engine) as tx:
        counted = stepped(tx, plan, edges)[None].tolist()
    found: dict[tuple[int, int], int] = defaultdict(int)
    for at_ms, many in zip(edges, counted, strict=False):
        if many:
            local = from_ms(at_ms).astimezone(asked.zone)
            found[local.weekday(), local.hour] += many
    return Heat(cells=[(day, at, many) for (day, at), many in sorted(found.items())])


def _in_time(plan: Plan) -> Plan:
    """Over time those of now fall into the step in which they began."""
    return plan if plan.moment is not None else replace(plan, moment=plan.began)


def _grouped(tx: Connection, what: Counted, plan: Plan, asked: Asked | None = None) -> Groups:
    """How many there are of each value of the split (all under None without one)."""
    if what is Counted.ASSETS:
        return _assets_grouped(tx, plan)
    conditions = list(plan.conditions)
    if plan.moment is not None and asked is not None:
        conditions += [plan.moment >= asked.since, plan.moment < asked.until]
    return grouped(tx, plan, conditions)


def _assets_grouped(tx: Connection, plan: Plan) -> Groups:
    """Nearly every asset is intact and merged into no other: all of them along an index, less the few that are not."""
    merged = asset.c.merged_into_id.is_not(None)
    if plan.states and AssetState.INTACT.value not in plan.states:
        few = (unusual(), asset.c.state.in_(plan.states), ~merged)
        return grouped(tx, plan, [*few, *plan.conditions])
    unwanted = [state.value for state in AssetState if not _wanted(state, plan.states)]
    found = grouped(tx, plan, plan.conditions)
    narrowed = [unindexed(each) for each in plan.conditions]
    for out in ([merged], [unusual(), asset.c.state.in_(unwanted), ~merged]):
        for key, many in grouped(tx, plan, [*out, *narrowed]).items():
            found[key] = found.get(key, 0) - many
    return {key: many for key, many in found.items() if many > 0 or plan.split is None}


def _wanted(state: AssetState, states: Sequence[str]) -> bool:
    return state.value in states if states else state is not AssetState.ABANDONED


def some_cabinets(where: Mapping[str, Any], asked: Asked) -> list[CabinetHealth]:
    """The cabinets that a condition means: by ``cabinet`` and by ``state`` (``online``, ``offline``)."""
    ids = set(asked.words(where.get("cabinet", ())))
    states = set(asked.words(where.get("state", ())))
    # of the whole city, whatever a panel is narrowed to, and half of the panels of a board may ask for them
    return [
        each
        for each in asked.shared.once("cabinets", lambda: cabinets(asked.engine, asked.now))
        if (not ids or each.id in ids) and (not states or ("online" if each.online else "offline") in states)
    ]


_NARROWING: Mapping[tuple[Counted, SplitBy], str] = {
    (Counted.CASES, SplitBy.STAGE): "stage",
    (Counted.CASES, SplitBy.KIND): "kind",
    (Counted.CASES, SplitBy.SEVERITY): "severity",
    (Counted.CASES, SplitBy.LATE): "overdue",
    (Counted.ALERTS, SplitBy.SEVERITY): "severity",
    (Counted.ALERTS, SplitBy.KIND): "case_kind",
    (Counted.ALERTS, SplitBy.STATE): "state",
    (Counted.ASSETS, SplitBy.FAMILY): "family",
    (Counted.ASSETS, SplitBy.STATE): "state",
    (Counted.ASSETS, SplitBy.AREA): "area",
    (Counted.ASSETS, SplitBy.ROAD): "road",
    (Counted.DEAD_LETTERS, SplitBy.REASON): "reason",
}


def _narrower(to: To, what: Counted, by: SplitBy, key: Any, of_now: bool) -> To:
    """The list behind one bar: that of the whole count, narrowed to the bar where the list can be."""
    if what is Counted.CASES and by is SplitBy.UNIT:
        # what a unit has in its queue now is not what came in a span
        return To("unit_queue", {"unit_id": key}) if of_now and key is not None else to
    if what is Counted.PERMITS and key == PermitState.OPEN.value:
        return To(to.page)
    if what is Counted.SCANS and key == "flagged":
        return To(to.page, {**to.args, "show": "flagged"})
    argument = _NARROWING.get((what, by))
    return to if argument is None or key in (None, "") else To(to.page, {**to.args, argument: key})
