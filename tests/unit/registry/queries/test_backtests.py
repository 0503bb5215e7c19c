"""What a rule would have done: its alerts, what became of them, what it would have missed, beside the present one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, insert, select, update

from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import InvalidInput, NotFound
from registry.domain.kinds import Family, PermitState, Quality, Severity, Stage
from registry.domain.rules.conditions import LimitCondition, NoDataCondition
from registry.domain.rules.rule import GroupPolicy, Rule, Watches
from registry.queries import backtest_rules
from registry.queries.backtest_cases import would_raise
from registry.queries.backtest_views import Backtest, joined
from registry.queries.backtests import BacktestWish, backtest
from registry.queries.thresholds import suggest_threshold
from registry.services.devices import NewDevice, put_on, set_baseline
from registry.services.rules import install_shipped_rules
from registry.storage.database import reading, writing
from registry.storage.series import SqliteSeries
from registry.storage.tables import asset, case, permit, point, rule, season
from registry.storage.times import to_ms
from tests.city import City, build_city

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TILT = Rule(
    key="cover_tilt",
    version=9,
    family=Family.COVER,
    point="tilt_z",
    severity=Severity.ALARM,
    case_kind="cover_displaced",
    condition=LimitCondition(fire=15.0, clear=10.0, hold_s=5.0, relative=True, magnitude=True),
    flapping=None,
    permit=True,
)


class Past:
    """A city with five days of history, a reading every ten minutes, and the third day as the span."""

    def __init__(self, city: City, store: SqliteSeries, now: datetime) -> None:
        self.city, self.store, self.engine = city, store, city.engine
        self.began = now
        self.since, self.until = now + 3 * DAY, now + 4 * DAY
        with writing(self.engine) as tx:
            install_shipped_rules(tx, now=now)

    def add_cover(self, serial: str = "CV-000002") -> tuple[int, int]:
        """Another cover with a sensor: the ids of the asset and of its tilt point."""
        asset_id = self.city.add_asset(self.began, name=f"cover {serial}")
        with writing(self.engine) as tx:
            device_id = put_on(
                tx, NewDevice(serial=serial, profile="p", asset_id=asset_id, heartbeat_s=600.0), now=self.began
            )
            query = select(point.c.id).where(point.c.device_id == device_id, point.c.name == "tilt_z")
            return asset_id, int(tx.scalar(query) or 0)

    def write(self, point_id: int, *high: tuple[timedelta, timedelta, float], **changes: Quality) -> None:
        """Five days of one degree, but for spans (from the start of the span on, how long, how much)."""
        quality = changes.get("quality", Quality.GOOD)
        rows = []
        for number in range(720):
            at = self.began + number * timedelta(minutes=10)
            value = next((each for off, long, each in high if off <= at - self.since < off + long), 1.0)
            rows.append((point_id, to_ms(at), value, quality, to_ms(at)))
        self.store.append(rows)
        self.store.fold(self.began + 5 * DAY)

    def case_at(self, at: datetime, *, asset_id: int | None = None, stage: Stage = Stage.CLOSED) -> int:
        """A case that was opened then and ended two hours later."""
        opened = self.city.open_case(at, asset_id=asset_id)
        with writing(self.engine) as tx:
            tx.execute(update(case).where(case.c.id == opened.case_id).values(stage=stage, ended_at=at + 2 * HOUR))
        return opened.case_id

    def tried(self, tested: Rule = TILT, **changes) -> Backtest:
        wish = {"rule": tested, "since": self.since, "until": self.until, "beside_present": False} | changes
        return backtest(self.engine, self.store, BacktestWish(**wish))


@pytest.fixture
def past(engine: Engine, tmp_path: Path, now: datetime) -> Iterator[Past]:
    store = SqliteSeries(tmp_path / "series.db")
    yield Past(build_city(engine, now), store, now)
    store.close()


def test_an_alert_is_real_when_a_case_followed_it_and_not_when_that_was_void(past: Past):
    other, others_point = past.add_cover()
    past.write(past.city.point("tilt_z"), (HOUR, HOUR, 30.0))
    past.write(others_point, (2 * HOUR, HOUR, 30.0), (20 * HOUR, HOUR, 40.0))
    past.case_at(past.since + HOUR)
    past.case_at(past.since + 2 * HOUR, asset_id=other, stage=Stage.VOID)
    found = past.tried()
    tally = found.tally
    assert (tally.fired, tally.cleared, tally.cases, tally.real, tally.not_real, tally.missed) == (3, 3, 2, 1, 2, 0)
    assert [(each.asset_id, each.peak, bool(each.case_number)) for each in found.alerts] == [
        (past.city.asset_id, 30.0, True),
        (other, 30.0, False),
        (other, 40.0, False),
    ]
    # the street's clock is eight hours ahead: the last of them is a day later
    assert [(each.key[-2:], each.fired, each.real) for each in found.days] == [("05", 2, 1), ("06", 1, 0)]
    assert found.next is None
    assert (found.assets, found.assets_of) == (2, 2)


def test_a_real_case_without_an_alert_is_missed(past: Past):
    past.write(past.city.point("tilt_z"), (HOUR, HOUR, 12.0))
    missed = past.case_at(past.since + HOUR)
    past.case_at(past.since + 10 * HOUR, stage=Stage.VOID)
    past.case_at(past.since - 2 * DAY)
    found = past.tried()
    assert (found.tally.fired, found.tally.missed) == (0, 1)
    assert [each.id for each in found.missed] == [missed]
    milder = msgspec.structs.replace(TILT, condition=msgspec.structs.replace(TILT.condition, fire=11.0))
    assert past.tried(milder).tally.missed == 0


def test_the_present_version_stands_beside_it(past: Past):
    past.write(past.city.point("tilt_z"), (HOUR, HOUR, 12.0), (5 * HOUR, HOUR, 30.0))
    _, others_point = past.add_cover()
    past.write(others_point, (HOUR, HOUR, 30.0))
    milder = msgspec.structs.replace(
        TILT,
        condition=msgspec.structs.replace(TILT.condition, fire=11.0),
        watches=Watches(assets=(past.city.asset_id,)),
    )
    found = past.tried(milder, beside_present=True)
    assert found.present is not None
    assert found.differences is not None
    assert (found.tally.fired, found.present.fired, found.present_version) == (2, 2, 1)
    assert (found.differences.new, found.differences.kept, found.differences.gone) == (1, 1, 1)
    assert sorted(each.version for each in found.alerts) == ["gone", "kept", "new"]
    assert sum(each.present_fired for each in found.days) == 2
    with writing(past.engine) as tx:
        tx.execute(update(rule).values(enabled=False))
    assert past.tried(milder, beside_present=True).present is None


def test_a_rule_that_is_the_present_one_differs_in_nothing(past: Past):
    past.write(past.city.point("tilt_z"), (HOUR, HOUR, 30.0))
    with reading(past.engine) as tx:
        present = backtest_rules.present_version(tx, "cover_tilt")
    assert present is not None
    found = past.tried(present, beside_present=True)
    assert found.present == found.tally
    assert found.differences is not None
    assert (found.differences.new, found.differences.gone, found.differences.kept) == (0, 0, found.tally.fired)


def test_what_a_permit_covers_is_expected_and_makes_no_case(past: Past):
    past.write(past.city.point("tilt_z"), (HOUR, HOUR, 30.0))
    with writing(past.engine) as tx:
        tx.execute(
            insert(permit).values(
                asset_id=past.city.asset_id,
                state=PermitState.ENDED,
                work="清掏",
                people=2,
                started_at=past.since + HOUR / 2,
                ends_at=past.since + 3 * HOUR,
                ended_at=past.since + 3 * HOUR,
                by_user_id=past.city.crew.user_id,
            )
        )
    tally = past.tried().tally
    assert (tally.fired, tally.expected, tally.cases, tally.not_real) == (1, 1, 0, 0)
    assert past.tried(msgspec.structs.replace(TILT, permit=False)).tally.not_real == 1


def test_what_is_wrong_already_when_the_span_begins_is_not_counted_again(past: Past):
    past.write(past.city.point("tilt_z"), (-5 * HOUR, 9 * HOUR, 30.0))
    past.case_at(past.since - 4 * HOUR)
    tally = past.tried().tally
    assert (tally.fired, tally.missed) == (0, 0)


def test_suspect_readings_are_not_judged(past: Past):
    past.write(past.city.point("tilt_z"), (HOUR, HOUR, 30.0), quality=Quality.SUSPECT)
    assert past.tried().tally.fired == 0


def test_each_time_is_judged_against_its_own_baseline(past: Past):
    tilt = past.city.point("tilt_z")
    past.write(tilt, (12 * HOUR, 12 * HOUR, 30.0))
    with writing(past.engine) as tx:
        set_baseline(tx, tilt, 28.0, by=None, now=past.since + 13 * HOUR)
    found = past.tried()
    # it fires, and the new baseline clears it, though it lies as before
    assert next((each.fired_ms < to_ms(past.since + 13 * HOUR), each.cleared_ms) for each in found.alerts) == (
        True,
        to_ms(past.since + 13 * HOUR + timedelta(minutes=10)),
    )


def test_the_numbers_of_a_season_count_while_it_is_in_force(past: Past):
    past.write(past.city.point("tilt_z"), (HOUR, HOUR, 12.0), (18 * HOUR, HOUR, 12.0))
    with writing(past.engine) as tx:
        tx.execute(season.delete())
        tx.execute(
            insert(season).values(
                key="flood",
                name_zh="汛期",
                name_en="Flood",
                priority=1,
                starts=f"{(past.since + 8 * HOUR + 16 * HOUR):%m-%d}",
                ends="12-31",
                switch="auto",
                limits={},
            )
        )
    wet = msgspec.structs.replace(TILT, seasons={"flood": {"fire": 11.0}})
    assert past.tried().tally.fired == 0
    found = past.tried(wet)
    assert [round((each.began_ms - to_ms(past.since)) / 3_600_000) for each in found.alerts] == [18]


def test_pieces_add_up_to_the_whole(past: Past):
    points = [past.city.point("tilt_z"), *(past.add_cover(f"CV-1{n}")[1] for n in range(3))]
    for number, each in enumerate(points):
        past.write(each, (HOUR * number, HOUR, 30.0))
    whole = past.tried(beside_present=True)
    few = {"beside_present": True, "most_readings": 1, "assets_at_once": 1}
    piece = past.tried(**few)
    steps = 1
    while piece.next is not None:
        piece = joined(piece, past.tried(**few, after=piece.next))
        steps += 1
    assert steps == 5  # four, and one that finds no more
    assert piece == whole
    assert whole.tally.fired == 4


def test_only_the_part_of_the_city_that_somebody_may_see_is_gone_through(past: Past):
    other, others_point = past.add_cover()
    past.write(others_point, (HOUR, HOUR, 30.0))
    with writing(past.engine) as tx:
        tx.execute(update(asset).where(asset.c.id == other).values(area_code="440803001001"))
    assert past.tried(scope="440803001").assets == 1
    assert past.tried(scope="440803009").tally.fired == 0
    assert [each.key for each in past.tried(scope="440803001").areas] == ["440803001"]


def test_a_silence_is_found_in_what_a_device_never_said(past: Past):
    _, tilt = past.add_cover()
    rows = [(tilt, to_ms(past.began + n * timedelta(minutes=10)), 1.0, 0, 0) for n in range(720)]
    quiet = to_ms(past.since + HOUR), to_ms(past.since + 4 * HOUR)
    past.store.append([row for row in rows if not quiet[0] < row[1] < quiet[1]])
    silence = Rule(
        key="device_silent",
        version=2,
        family=None,
        point=None,
        severity=Severity.NOTICE,
        case_kind="device_silent",
        condition=NoDataCondition(heartbeats=6.0, min_s=10.0),
        watches=Watches(devices=("CV-000002",)),
    )
    found = past.tried(silence)
    assert [(each.began_ms, each.fired_ms, each.cleared_ms) for each in found.alerts] == [
        (quiet[0], quiet[0] + 3_600_000, quiet[1])
    ]


def test_a_span_that_makes_no_sense_is_refused(past: Past):
    with pytest.raises(InvalidInput, match="must be before until"):
        past.tried(until=past.since)
    with pytest.raises(InvalidInput, match="732 days"):
        past.tried(since=past.until - timedelta(days=800))


def test_a_number_is_suggested_from_the_quiet_part_of_its_own_past(past: Past):
    past.write(past.city.point("tilt_z"), (HOUR, HOUR, 30.0), (6 * HOUR, HOUR, 3.0))
    past.case_at(past.since + HOUR)
    span = {"since": past.began, "until": past.began + 5 * DAY}
    got = suggest_threshold(past.engine, past.store, TILT, past.city.asset_id, **span)
    assert 3.0 < got.fire < 15.0
    assert (got.fires, got.now_fires, got.quiet.farthest) == (0, 0, 3.0)
    with pytest.raises(InvalidInput, match="quiet readings"):
        suggest_threshold(
            past.engine,
            past.store,
            TILT,
            past.city.asset_id,
            since=past.since + HOUR * 8,
            until=past.since + 9 * HOUR,
        )
    with pytest.raises(NotFound):
        suggest_threshold(past.engine, past.store, TILT, past.city.add_asset(past.began), **span)


def test_the_cases_of_a_day_are_counted_before_a_rule_is_saved(past: Past):
    points = [past.city.point("tilt_z"), *(past.add_cover(f"CV-1{n}")[1] for n in range(3))]
    for each in points:
        past.write(each, (5 * HOUR, HOUR, 30.0), (9 * HOUR, HOUR, 30.0))
    day = past.since.astimezone(CHINA_TIME).date()
    got = would_raise(past.engine, past.store, TILT, day)
    assert (got.cases, got.alerts, got.assets, got.assets_of, got.complete) == (4, 8, 4, 4, True)
    assert got.is_many(3)
    assert not got.is_many(4)
    storm = msgspec.structs.replace(
        TILT, grouping=GroupPolicy(at_least=3, radius_m=5_000.0, within_s=3600.0, alone_from=Severity.CRITICAL)
    )
    assert would_raise(past.engine, past.store, storm, day).cases == 2  # two storms
    alone = msgspec.structs.replace(storm, severity=Severity.CRITICAL)
    assert would_raise(past.engine, past.store, alone, day).cases == 4
    assert would_raise(past.engine, past.store, msgspec.structs.replace(TILT, case_kind=None), day).cases == 0
    assert would_raise(past.engine, past.store, TILT, day - 2 * DAY).cases == 0
    part = would_raise(past.engine, past.store, TILT, day, most_assets=2, most_readings=1)
    assert (part.complete, part.assets < 4, part.is_many(4), part.is_many(3)) == (False, True, False, True)


@pytest.mark.parametrize("key", ["cover_seated_wrong", "bus_silent", "cabinet_silent"])
def test_a_rule_that_no_history_can_be_tried_on_is_refused(past: Past, key: str):
    with pytest.raises(InvalidInput, match="to try it on"):
        past.tried(msgspec.structs.replace(TILT, key=key))
