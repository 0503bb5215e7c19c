"""A number for a limit rule out of one asset's own history, tried on it by the guard that judges live readings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo

import msgspec
from sqlalchemy import Engine

from registry.domain.backtest import PastAlert, Replay, Stretch
from registry.domain.backtest_judged import KnownCase
from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import InvalidInput, NotFound
from registry.domain.kinds import Quality
from registry.domain.points import POINTS
from registry.domain.rules.conditions import LimitCondition
from registry.domain.rules.guard import GuardPoint
from registry.domain.rules.limit import Scale
from registry.domain.rules.numbers import with_numbers
from registry.domain.rules.rule import Rule
from registry.domain.thresholds import LEAST_READINGS, Suggestion, quiet_of, suggest
from registry.queries.backtest_feed import read_all
from registry.queries.backtest_watched import Turns, Watched, as_of, guard_all, watched
from registry.queries.backtests import cases_over, check_span, permits_over
from registry.storage.database import reading
from registry.storage.series import Sample, SeriesStore, Span
from registry.storage.times import to_ms

MOST_READINGS = 300_000
_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
# of a share of full scale, and of a unit nobody described
_LEAST_SHARE, _LEAST = 0.01, 0.1

Times = Sequence[tuple[int, int]]


def suggest_threshold(
    engine: Engine,
    store: SeriesStore,
    rule: Rule,
    asset_id: int,
    *,
    since: datetime,
    until: datetime,
    zone: tzinfo = CHINA_TIME,
) -> Suggestion:
    """Numbers to fire and to clear for ``rule`` on one asset, from what it did in quiet times, and why.

    Quiet is everything but the times of real cases of the rule's kind, of permits, and of suspect readings. Of a very
    long history the newest readings are taken. Raises ``InvalidInput`` where nothing can be suggested, ``NotFound`` for
    an asset that the rule does not watch, and ``StoreDown``.
    """
    check_span(since, until)
    condition = rule.condition
    if not isinstance(condition, LimitCondition):
        raise InvalidInput("rule", "only a rule of the kind limit has one number that can be suggested")
    plain = msgspec.structs.replace(rule, ladder=(), seasons={}, hours=(), flapping=None)
    since_ms, until_ms = to_ms(since), to_ms(until)
    with reading(engine) as tx:
        found = watched(tx, plain, since, until, assets=[asset_id])
        if not found or not found[0].devices:
            raise NotFound("asset with a point of this rule", asset_id)
        turns: Turns = [(since_ms, ())]
        guarded = guard_all(tx, plain, found, turns, until_ms, zone)
        loud = _loud(cases_over(tx, plain, [asset_id], since_ms, until_ms)[asset_id], until_ms)
        loud += permits_over(tx, msgspec.structs.replace(plain, permit=True), [asset_id], since_ms, until_ms)[asset_id]
    point = _point(found[0], guarded.anchors[0].point_id) if guarded.anchors else None
    if point is None:
        raise InvalidInput("rule", "can't be applied to this asset: {why}", why="; ".join(guarded.problems))
    samples = _newest(store, point.point_id, since_ms, until_ms)
    set_to = guarded.set_to.get(point.point_id, ())
    levels = list(_levels(condition, point, set_to, [each for each in samples if not _within(loud, each[0])]))
    days = (samples[-1][0] - samples[0][0]) / _DAY_MS if samples else 0.0
    quiet = quiet_of(levels, above=condition.above, days=days)
    if quiet is None:
        raise InvalidInput(
            "asset_id",
            "has {count} quiet readings in this time; {least} are needed: choose a longer time",
            count=len(levels),
            least=LEAST_READINGS,
        )

    def fires(fire: float, clear: float) -> int:
        tried = with_numbers(plain, {"fire": fire, "clear": clear})
        with reading(engine) as tx:
            stretches = guard_all(tx, tried, found, turns, until_ms, zone).anchors[0].stretches
        return _fires(stretches, point.point_id, samples, loud)

    share = condition.of_full_scale
    spec = POINTS.get(point.name)
    least = _LEAST_SHARE if share else 2 * 10.0**-spec.decimals if spec is not None else _LEAST
    return suggest(
        quiet,
        above=condition.above,
        least=least,
        unit="%" if share else point.unit,
        present=condition.fire,
        fires=fires,
    )


def _fires(stretches: Sequence[Stretch], point_id: int, samples: Sequence[Sample], loud: Times) -> int:
    """How often it fires when nothing was wrong."""
    replay = Replay(stretches)
    replay.feed(point_id, samples)
    return sum(not _overlaps(alert, loud) for alert in replay.finish(samples[-1][0] if samples else 0))


def _levels(
    condition: LimitCondition, point: GuardPoint, set_to: Sequence[tuple[int, float]], samples: Sequence[Sample]
) -> Iterator[float]:
    """What the rule looks at: against the baseline of the time."""
    turns = [at_ms for at_ms, _ in set_to]
    scale, next_turn = None, 0
    for at_ms, value, quality in samples:
        if scale is None or (next_turn < len(turns) and at_ms >= turns[next_turn]):
            while next_turn < len(turns) and at_ms >= turns[next_turn]:
                next_turn += 1
            scale = Scale(condition, as_of(point, set_to, at_ms))
        if quality != Quality.SUSPECT:
            yield scale.level(value)


def _newest(store: SeriesStore, point_id: int, since_ms: int, until_ms: int) -> list[Sample]:
    """The readings of the span; of too many the newest, in whole days."""
    begin_ms, count = until_ms, 0
    for day_ms, readings in sorted(store.days(point_id).items(), reverse=True):
        if day_ms >= until_ms or day_ms + _DAY_MS <= since_ms:
            continue
        if count and count + readings > MOST_READINGS:
            break
        begin_ms, count = day_ms, count + readings
    return read_all(store, Span(point_id, max(begin_ms, since_ms), until_ms))


def _loud(cases: Iterable[KnownCase], until_ms: int) -> list[tuple[int, int]]:
    """When something was really wrong: from an hour before a case was opened to an hour after it ended."""
    return [
        (case.opened_ms - _HOUR_MS, (until_ms if case.ended_ms is None else case.ended_ms) + _HOUR_MS)
        for case in cases
        if not case.void
    ]


def _within(times: Times, at_ms: int) -> bool:
    return any(since <= at_ms < until for since, until in times)


def _overlaps(alert: PastAlert, times: Times) -> bool:
    over_ms = alert.fired_ms + 1 if alert.cleared_ms is None else alert.cleared_ms
    return any(alert.began_ms < until and since < over_ms for since, until in times)


def _point(one: Watched, point_id: int) -> GuardPoint | None:
    return next((each for dev in one.devices for each in dev.points if each.point_id == point_id), None)
