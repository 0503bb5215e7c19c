"""What a rule would have done over any span of history: its alerts, what became of them, and what it would have missed.

The guards are those of live judging, with the seasons and baselines of the time. A back-test goes through the assets in
the order of their ids and may stop after so many readings; whoever asked goes on from there, so that no request lasts
long, and work that nobody waits for any more is not done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

import msgspec
from sqlalchemy import Connection, Engine, or_, select

from registry.domain.backtest import PastAlert, settles_within_s, silences, warm_up_s
from registry.domain.backtest_judged import FOLLOWED_WITHIN_MS, KnownCase, missed
from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Stage
from registry.domain.permits import SEAT_RULE
from registry.domain.rules.conditions import NoDataCondition
from registry.domain.rules.plain import same_rule
from registry.domain.rules.rule import Rule
from registry.domain.rules.shipped import WHOLE_RULES
from registry.queries.backtest_feed import Anchor, Fed, feed, times_of
from registry.queries.backtest_rules import present_version
from registry.queries.backtest_runs import Run, beside, day_of, shares
from registry.queries.backtest_views import MOST_LISTED, Backtest, Share
from registry.queries.backtest_watched import (
    Guarded,
    Watched,
    assets_of,
    guard_all,
    page_of_assets,
    turns_of,
    watched,
)
from registry.storage.database import reading
from registry.storage.series import SeriesStore
from registry.storage.tables import area, case, permit
from registry.storage.times import from_ms, to_ms

LONGEST_SPAN = timedelta(days=732)
_STREET_DIGITS = 9
_MOST_PROBLEMS = 20
# what each of them has to be read is not known yet
_FEW = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestWish:
    """Which rule over since ≤ t < until; from which asset on; after how many readings or assets to stop (0: never).

    ``scope``: what the assets' area codes begin with, where somebody may see a part of the city only.
    """

    rule: Rule
    since: datetime
    until: datetime
    after: int = 0
    most_readings: int = 0
    beside_present: bool = True
    scope: str = ""
    most_assets: int = 0
    assets_at_once: int = 200


def backtest(engine: Engine, store: SeriesStore, wish: BacktestWish, *, zone: tzinfo = CHINA_TIME) -> Backtest:
    """What ``wish.rule`` would have done, beside the version of it that is in force.

    Stops soon after ``most_readings`` or ``most_assets``; ``next`` says where to go on. Raises
    ``InvalidInput`` for a span that makes no sense and ``StoreDown``.
    """
    work = Work(engine, store, wish, zone=zone)
    work.go()
    return work.answer()


def check_span(since: datetime, until: datetime) -> None:
    """Raises ``InvalidInput`` for a span that ends before it begins or is longer than two years."""
    if since >= until:
        raise InvalidInput("since", "must be before until")
    if until - since > LONGEST_SPAN:
        raise InvalidInput(
            "since", "is more than {days} days before until; ask for a shorter span", days=LONGEST_SPAN.days
        )


class Work:
    """One piece of a back-test: page after page of assets, until enough was read.

    ``runs``: the rule under test and, where it says something else, the present version. ``done`` assets were gone
    through, of ``whole``; ``next`` is where to go on, None after the last.
    """

    def __init__(self, engine: Engine, store: SeriesStore, wish: BacktestWish, *, zone: tzinfo = CHINA_TIME) -> None:
        self._engine, self._store, self._wish, self._zone = engine, store, wish, zone
        self._since_ms, self._until_ms = to_ms(wish.since), to_ms(wish.until)
        self._present: Rule | None = None
        self._raw_from_ms = 0
        self.runs = [Run(wish.rule)]
        self.done = self.whole = 0
        self.next: int | None = None

    def go(self) -> None:
        """Go through the assets. Raises ``InvalidInput`` for the span and ``StoreDown``."""
        wish = self._wish
        check_span(wish.since, wish.until)
        if wish.rule.key == SEAT_RULE:
            raise InvalidInput("rule", "is looked at only when a permit ends; there is no history to try it on")
        if wish.rule.key in WHOLE_RULES:
            raise InvalidInput("rule", "looks at a whole bus or cabinet; no history of these is kept to try it on")
        self._raw_from_ms = self._store.raw_from_ms()
        with reading(self._engine) as tx:
            if wish.beside_present:
                self._present = present_version(tx, wish.rule.key)
            self.whole = assets_of(tx, self._rules, wish.since, wish.until, scope=wish.scope)
        # the same numbers need not be tried twice
        if self._present is not None and not same_rule(wish.rule, self._present):
            self.runs.append(Run(self._present))
        after, size, is_more = wish.after, _FEW, True
        while is_more and not self._is_enough():
            size = self._size(size)
            page = self._page(after, size)
            self.done += len(page)
            is_more = len(page) == size
            after = page[-1] if page else after
        self.next = after if is_more else None

    def _size(self, before: int) -> int:
        """How many assets to take at once: so many that about as many readings are left as may be read."""
        wish, read = self._wish, sum(run.read for run in self.runs)
        if not wish.most_readings:
            return wish.assets_at_once
        fitting = (wish.most_readings - read) * max(self.done, 1) // max(read, 1)
        return max(1, min(fitting, 4 * before if self.done else _FEW, wish.assets_at_once))

    def _is_enough(self) -> bool:
        most = self._wish.most_readings
        if 0 < self._wish.most_assets <= self.done:
            return True
        return most > 0 and sum(run.read for run in self.runs) >= most

    @property
    def _rules(self) -> list[Rule]:
        return [self._wish.rule] if self._present is None else [self._wish.rule, self._present]

    def _page(self, after: int, size: int) -> list[int]:
        wish, jobs = self._wish, []
        with reading(self._engine) as tx:
            page = page_of_assets(*(tx, self._rules, wish.since, wish.until), after=after, limit=size, scope=wish.scope)
            for run in self.runs:
                start_ms = max(
                    self._since_ms - round(warm_up_s(run.rule) * 1000), min(self._raw_from_ms, self._since_ms)
                )
                some = watched(tx, run.rule, from_ms(start_ms), wish.until, assets=page)
                turns = turns_of(tx, start_ms, self._until_ms, self._zone)
                guarded = guard_all(tx, run.rule, some, turns, self._until_ms, self._zone)
                ids = [each.asset.asset_id for each in some]
                jobs.append((run, some, guarded, start_ms, cases_over(tx, run.rule, ids, start_ms, self._until_ms)))
                run.permits.update(permits_over(tx, run.rule, ids, start_ms, self._until_ms))
        for run, some, guarded, start_ms, cases in jobs:
            run.problems += guarded.problems
            self._run(run, some, guarded, start_ms, cases)
        return page

    def _run(
        self, run: Run, some: Sequence[Watched], guarded: Guarded, start_ms: int, cases: Mapping[int, list[KnownCase]]
    ) -> None:
        on = {each.asset.asset_id: each for each in some}
        alerts: dict[int, list[PastAlert]] = defaultdict(list)
        for fed in self._fed(run.rule, some, guarded, start_ms):
            asset_id = fed.anchor.asset_id
            run.read += fed.read
            alerts[asset_id] += fed.alerts
            for alert in fed.alerts:
                if self._since_ms <= alert.fired_ms < self._until_ms:
                    run.note(on[asset_id], fed.anchor, alert, cases.get(asset_id, ()))
        for asset_id, of_asset in cases.items():
            run.miss(
                on[asset_id],
                missed(of_asset, alerts[asset_id], since_ms=self._since_ms, until_ms=self._until_ms),
            )

    def _fed(self, rule: Rule, some: Sequence[Watched], guarded: Guarded, start_ms: int) -> Iterator[Fed]:
        if isinstance(rule.condition, NoDataCondition):
            return silent(self._store, rule, some, self._since_ms, self._until_ms)
        settles_ms = round(settles_within_s(rule) * 1000)
        return feed(self._store, guarded.anchors, start_ms, self._until_ms, settles_ms=settles_ms)

    def answer(self) -> Backtest:
        """What came of it."""
        tested = self.runs[0]
        present = None if self._present is None else self.runs[-1]
        rows, differences = (tested.rows("new"), None) if present is None else beside(tested, present)
        with reading(self._engine) as tx:
            areas = _area_shares(tx, tested, present)
        return Backtest(
            rule_key=tested.rule.key,
            rule_version=tested.rule.version,
            present_version=None if self._present is None else self._present.version,
            since_ms=self._since_ms,
            until_ms=self._until_ms,
            readings_from_ms=self._raw_from_ms,
            assets=self.done,
            assets_of=self.whole,
            read=sum(run.read for run in self.runs),
            next=self.next,
            tally=tested.tally,
            present=None if present is None else msgspec.structs.replace(present.tally),
            differences=differences,
            days=shares(tested, present, key=lambda each: day_of(each.alert.fired_ms, self._zone)),
            areas=areas,
            alerts=rows[:MOST_LISTED],
            missed=tested.missed[:MOST_LISTED],
            listed_all=max(len(rows), len(tested.missed)) <= MOST_LISTED,
            problems=list(dict.fromkeys(tested.problems))[:_MOST_PROBLEMS],
        )


def silent(store: SeriesStore, rule: Rule, some: Sequence[Watched], since_ms: int, until_ms: int) -> Iterator[Fed]:
    """Devices that said nothing for too long, by when things were measured.

    History does not know whether a cabinet was away then, which live judging takes into account.
    """
    condition = rule.condition
    if not isinstance(condition, NoDataCondition):
        return
    for one in some:
        for device in one.devices:
            limit_ms = round(max(device.heartbeat_s * condition.heartbeats, condition.min_s) * 1000)
            # what was silent already when the span begins fired before it
            begin_ms = max(since_ms - limit_ms - 1, device.fitted_ms)
            end_ms = until_ms if device.removed_ms is None else min(until_ms, device.removed_ms)
            points = tuple(each.point_id for each in device.points)
            anchor = Anchor(
                point_id=points[0], points=points, asset_id=one.asset.asset_id, device_id=device.id, stretches=()
            )
            times_ms, read = times_of(store, points, begin_ms, end_ms) if begin_ms < end_ms else ([], 0)
            found = silences(times_ms, limit_ms, since_ms=begin_ms, until_ms=end_ms, severity=int(rule.severity))
            yield Fed(anchor=anchor, alerts=found, read=read)


def cases_over(
    tx: Connection, rule: Rule, assets: Sequence[int], since_ms: int, until_ms: int
) -> dict[int, list[KnownCase]]:
    """The cases of the rule's kind that its alerts could belong to, by asset."""
    found: dict[int, list[KnownCase]] = defaultdict(list)
    if rule.case_kind is None:
        return found
    query = select(case).where(
        case.c.asset_id.in_(assets),
        case.c.kind == rule.case_kind,
        case.c.opened_at < from_ms(until_ms + FOLLOWED_WITHIN_MS),
        or_(case.c.ended_at.is_(None), case.c.ended_at >= from_ms(since_ms)),
    )
    for row in tx.execute(query.order_by(case.c.id)):
        found[row.asset_id].append(
            KnownCase(
                id=row.id,
                number=row.number,
                asset_id=row.asset_id,
                opened_ms=to_ms(row.opened_at),
                ended_ms=None if row.ended_at is None else to_ms(row.ended_at),
                void=row.stage == Stage.VOID,
            )
        )
    return found


def permits_over(
    tx: Connection, rule: Rule, assets: Sequence[int], since_ms: int, until_ms: int
) -> dict[int, list[tuple[int, int]]]:
    """When somebody was allowed to open an asset: (from, until) in ms, for a rule that such permits cover."""
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    if not rule.permit:
        return found
    query = select(permit).where(
        permit.c.asset_id.in_(assets), permit.c.started_at < from_ms(until_ms), permit.c.ends_at >= from_ms(since_ms)
    )
    for row in tx.execute(query):
        found[row.asset_id].append((to_ms(row.started_at), to_ms(row.ended_at or row.ends_at)))
    return found


def _area_shares(tx: Connection, tested: Run, present: Run | None) -> list[Share]:
    found = shares(tested, present, key=lambda each: each.on.asset.area_code[:_STREET_DIGITS])
    names = dict(
        tx.execute(select(area.c.code, area.c.name).where(area.c.code.in_([each.key for each in found]))).all()
    )
    return [msgspec.structs.replace(each, name=names.get(each.key, "")) for each in found]
