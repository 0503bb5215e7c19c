"""Who was in which state when, told by alerts: a cabinet is off line from when its silence began to when it ended."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Select, func, select

from registry.domain.boards import Counted, StatesSource, Timelined
from registry.domain.kinds import AlertState, RuleKind
from registry.queries.board_counts import some_cabinets
from registry.queries.board_things import plan_of
from registry.queries.board_values import Asked, Line, Timeline, To
from registry.storage.database import reading
from registry.storage.tables import alert, asset, device, rule
from registry.storage.times import to_ms

_MOST_ALERTS = 2_000
_LOOKED_BACK = timedelta(days=60)
"""What fired longer ago than this before the span (or than as long a time as the span is) counts as over by then."""

_WORST_FIRST = ("firing", "acknowledged")

_COLUMNS = (
    *(alert.c.state, alert.c.severity, alert.c.began_at, alert.c.fired_at, alert.c.cleared_at),
    *(alert.c.acknowledged_at, alert.c.device_id, alert.c.asset_id, alert.c.cabinet_id),
)

Span = tuple[int, int, str]


def timeline(source: StatesSource, asked: Asked) -> Timeline:
    """The rows of a state timeline, those with the most trouble first. Raises ``InvalidInput``."""
    if source.what is Timelined.CABINETS:
        return _cabinets(source, asked)
    return _by_alerts(source, asked)


def _cabinets(source: StatesSource, asked: Asked) -> Timeline:
    keys = select(rule.c.key).where(rule.c.kind == RuleKind.NO_DATA.value)
    whole = (alert.c.rule_key.in_(keys), alert.c.point_id.is_(None), alert.c.cabinet_id != "", alert.c.bus == "")
    with reading(asked.engine) as tx:
        rows = _overlapping(tx, select(*_COLUMNS).where(*whole), asked)
        # nothing is known of a cabinet from before its first device was fitted
        first = select(device.c.cabinet_id, func.min(device.c.fitted_at)).where(device.c.cabinet_id != "")
        begins = {cabinet: to_ms(at) for cabinet, at in tx.execute(first.group_by(device.c.cabinet_id))}
    away: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in rows:
        away[row.cabinet_id].append(_cut(row, asked))
    now_ms = to_ms(asked.now)
    lines = []
    for each in some_cabinets(source.where, asked):
        gaps = list(away[each.id])
        if not each.online and each.state_at is not None and not any(until >= now_ms for _, until in gaps):
            # its silence is no alert yet
            gaps.append((max(to_ms(each.state_at), asked.since_ms), now_ms))
        since_ms = max(asked.since_ms, begins.get(each.id, asked.since_ms))
        spans = _filled(gaps, since_ms, min(asked.until_ms, now_ms), "offline", "online")
        known = each.state_at is not None or bool(gaps)
        lines.append(Line(name=each.name, to=To("cabinet", {"cabinet": each.id}), spans=spans if known else []))
    lines.sort(key=lambda line: (-_of(line.spans, "offline"), str(line.name)))
    return Timeline(rows=lines[: source.limit], more=len(lines) > source.limit)


def _by_alerts(source: StatesSource, asked: Asked) -> Timeline:
    """Devices (were they heard) or assets (was an alert on, how bad), as far as there was anything about them."""
    of_devices = source.what is Timelined.DEVICES
    # a timeline of devices may be narrowed by what an alert knows of its device as well; its state means another thing
    where = {name: given for name, given in source.where.items() if name != "state" or not of_devices}
    plan = plan_of(Counted.ALERTS, where, asked, by=None)
    query = select(*_COLUMNS).select_from(plan.tables).where(*plan.conditions)
    if of_devices:
        keys = select(rule.c.key).where(rule.c.kind == RuleKind.NO_DATA.value)
        query = query.where(alert.c.device_id.is_not(None), alert.c.rule_key.in_(keys))
    else:
        query = query.where(alert.c.asset_id.is_not(None))
    with reading(asked.engine) as tx:
        rows = _overlapping(tx, query, asked)
        found: dict[int, list[Any]] = defaultdict(list)
        for row in rows:
            found[row.device_id if of_devices else row.asset_id].append(row)
        worst = sorted(found, key=lambda key: (-max(row.severity for row in found[key]), -len(found[key]), key))
        names = _names(tx, worst[: source.limit], of_devices=of_devices)
        # nothing was heard before it was fitted, and nobody missed it
        fitted = select(device.c.id, device.c.fitted_at).where(device.c.id.in_(worst[: source.limit]))
        begins = {row.id: to_ms(row.fitted_at) for row in tx.execute(fitted)} if of_devices else {}
    lines = []
    end = min(asked.until_ms, to_ms(asked.now))
    for key in worst[: source.limit]:
        if of_devices:
            since_ms = max(asked.since_ms, begins.get(key, asked.since_ms))
            spans = _filled([_cut(row, asked) for row in found[key]], since_ms, end, "silent", "heard")
            lines.append(Line(name=names.get(key, str(key)), to=To("device", {"device_id": key}), spans=spans))
        else:
            spans = _worst_at_each_time(span for row in found[key] for span in _told(row, asked))
            lines.append(Line(name=names.get(key, str(key)), to=To("asset", {"asset_id": key}), spans=spans))
    return Timeline(rows=lines, more=len(worst) > source.limit or len(rows) >= _MOST_ALERTS)


def _overlapping(tx: Connection, query: Select[Any], asked: Asked) -> Sequence[Any]:
    """The alerts that were on at some time of the span, the newest first: those that still are, and those that are over
    by now. Two statements: in one, no database walks along an index for both."""
    back = asked.since - max(asked.until - asked.since, _LOOKED_BACK)
    on = (alert.c.state == AlertState.FIRING.value, alert.c.began_at < asked.until)
    over = (alert.c.fired_at >= back, alert.c.fired_at < asked.until, alert.c.cleared_at > asked.since)
    rows: list[Any] = []
    for way in (on, over):
        rows += tx.execute(query.where(*way).order_by(alert.c.fired_at.desc()).limit(_MOST_ALERTS))
    return sorted(rows, key=lambda row: row.fired_at, reverse=True)[:_MOST_ALERTS]


def _cut(row: Any, asked: Asked) -> tuple[int, int]:
    until: datetime = row.cleared_at or min(asked.now, asked.until)
    return max(to_ms(row.began_at), asked.since_ms), min(to_ms(until), asked.until_ms)


def _told(row: Any, asked: Asked) -> Iterator[Span]:
    """The time of an alert in the span: firing until somebody took note of it, acknowledged from then on."""
    begin, end = _cut(row, asked)
    if end <= begin:
        return
    noted = end if row.acknowledged_at is None else min(max(to_ms(row.acknowledged_at), begin), end)
    yield begin, noted, "firing"
    yield noted, end, "acknowledged"


def _filled(gaps: Iterable[tuple[int, int]], since_ms: int, until_ms: int, inside: str, outside: str) -> list[Span]:
    """The gaps as ``inside``, joined where they touch, and the time between them as ``outside``."""
    spans: list[Span] = []
    at = since_ms
    for begin, end in sorted(gaps):
        begin, end = max(begin, since_ms), min(end, until_ms)
        if end <= max(begin, at):
            continue
        if begin > at:
            spans.append((at, begin, outside))
        if spans and spans[-1][2] == inside:
            spans[-1] = (spans[-1][0], end, inside)
        else:
            spans.append((max(begin, at), end, inside))
        at = end
    if at < until_ms:
        spans.append((at, until_ms, outside))
    return spans


def _worst_at_each_time(spans: Iterable[Span]) -> list[Span]:
    """Spans in order of time of which none lies over another: where several were, the worst of their states."""
    changes: dict[int, Counter[str]] = defaultdict(Counter)
    for begin, end, state in spans:
        changes[begin][state] += 1
        changes[end][state] -= 1
    found: list[Span] = []
    on: Counter[str] = Counter()
    for at, until in pairwise(sorted(changes)):
        on.update(changes[at])
        worst = next((each for each in _WORST_FIRST if on[each] > 0), None)
        if worst is None:
            continue
        if found and found[-1][1:] == (at, worst):
            found[-1] = (found[-1][0], until, worst)
        else:
            found.append((at, until, worst))
    return found


def _of(spans: Iterable[Span], state: str) -> int:
    return sum(end - begin for begin, end, name in spans if name == state)


def _names(tx: Connection, ids: Sequence[int], *, of_devices: bool) -> dict[int, str]:
    if of_devices:
        joined = device.outerjoin(asset, asset.c.id == device.c.asset_id)
        rows = tx.execute(
            select(device.c.id, device.c.serial, asset.c.name).select_from(joined).where(device.c.id.in_(ids))
        )
        return {row.id: f"{row.serial} {row.name or ''}".strip() for row in rows}
    return {row.id: row.name for row in tx.execute(select(asset.c.id, asset.c.name).where(asset.c.id.in_(ids)))}
