"""How many cases a rule would have raised on one day: the question before it is saved."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo

import msgspec
from sqlalchemy import Engine

from registry.domain.deadlines import CHINA_TIME
from registry.domain.grouping import Gatherable, gather
from registry.domain.rules.rule import GroupPolicy, Rule
from registry.queries.backtest_runs import Found
from registry.queries.backtests import BacktestWish, Work
from registry.storage.series import SeriesStore

# some seconds' work
QUICK_READINGS, QUICK_ASSETS = 1_000_000, 20_000


class WouldRaise(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule would have done in a day. ``complete`` False: counted over ``assets`` of ``assets_of`` only."""

    cases: int
    alerts: int
    assets: int
    assets_of: int
    complete: bool

    def is_many(self, most: int) -> bool:
        """Whether somebody should think twice: more than ``most`` cases, or as many as that if all were counted."""
        return self.cases > most or (not self.complete and self.cases * self.assets_of > most * self.assets)


def would_raise(
    engine: Engine,
    store: SeriesStore,
    rule: Rule,
    day: date,
    *,
    zone: tzinfo = CHINA_TIME,
    most_readings: int = QUICK_READINGS,
    most_assets: int = QUICK_ASSETS,
) -> WouldRaise:
    """The cases that ``rule`` would have raised on ``day`` of the city's calendar, with its grouping. Quick: seconds.

    Open cases that its alerts would have joined are counted too, as if there were none. Raises ``StoreDown``.
    """
    since = datetime.combine(day, time(), zone).astimezone(UTC)
    until = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
    wish = BacktestWish(
        rule=rule,
        since=since,
        until=until,
        most_readings=most_readings,
        most_assets=most_assets,
        beside_present=False,
    )
    work = Work(engine, store, wish, zone=zone)
    work.go()
    run = work.runs[0]
    return WouldRaise(
        cases=_cases(rule, [each for each in run.all_found() if not each.expected]),
        alerts=run.tally.fired,
        assets=work.done,
        assets_of=work.whole,
        complete=work.next is None,
    )


def _cases(rule: Rule, found: list[Found]) -> int:
    if rule.case_kind is None:
        return 0
    if rule.grouping is None:
        return _assets(found)
    policy = rule.grouping
    alone = [each for each in found if each.alert.severity >= policy.alone_from]
    others = [each for each in found if each.alert.severity < policy.alone_from]
    groups, left = _gathered(policy, others)
    return (groups if policy.one_case else 0) + _assets([*alone, *(each for each in left if not _passed(each, policy))])


def _gathered(policy: GroupPolicy, found: list[Found]) -> tuple[int, list[Found]]:
    """How many groups they would have made, and who belongs to none."""
    alerts = [Gatherable(number, each.alert.fired_ms, each.on.lon, each.on.lat) for number, each in enumerate(found)]
    groups = gather(alerts, policy)
    members = {number for each in groups for number in each.joined}
    return len(groups), [each for number, each in enumerate(found) if number not in members]


def _passed(found: Found, policy: GroupPolicy) -> bool:
    """Whether it was over before its time to open a case came."""
    alert = found.alert
    return alert.cleared_ms is not None and alert.cleared_ms - alert.fired_ms < policy.wait_s * 1000


def _assets(found: Iterable[Found]) -> int:
    """One open case per asset and kind."""
    return len({each.on.asset.asset_id for each in found})
