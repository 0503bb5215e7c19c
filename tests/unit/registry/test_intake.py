"""What the intake door does with packs: keep, judge, refuse, repeat, recover."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select

from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import StoreDown
from registry.domain.kinds import Family, Lane, Quality, Reject, Severity
from registry.domain.people import SYSTEM
from registry.domain.rules import AllCondition, Condition, LimitCondition, Part, Rule
from registry.intake import Ack, Intake, Pack, Receipt
from registry.services.assets import NewAsset, register_asset
from registry.services.devices import NewDevice, fit_device, put_on, remove_device, set_baseline
from registry.services.revisions import bump
from registry.services.rules import install_shipped_rules, rule_row
from registry.storage.database import reading, writing
from registry.storage.series import SqliteSeries
from registry.storage.tables import alert, case, dead_letter, device, entry, latest, point, rule, season
from registry.storage.times import to_ms


class City:
    """One cover with a sensor ``CV-1``, and its intake."""

    def __init__(self, engine: Engine, store: SqliteSeries, now: datetime) -> None:
        self.engine, self.store, self.now = engine, store, now
        self.seq = 0
        with writing(engine) as tx:
            self.asset_id = register_asset(
                tx,
                NewAsset(
                    division="320508",
                    scheme="cjt214-2007",
                    class_code="0101",
                    name="上水井盖",
                    lon=120.6,
                    lat=31.3,
                    depth_mm=2000,
                ),
                now=now,
            )
            put_on(tx, NewDevice(serial="CV-1", profile="cc-cover-1", asset_id=self.asset_id, heartbeat_s=2.0), now=now)
            install_shipped_rules(tx, now=now)
        self.intake = self.restart()

    def restart(self) -> Intake:
        self.intake = Intake(self.engine, self.store, clock=lambda: self.now + timedelta(seconds=1))
        return self.intake

    def pack(
        self, *readings: tuple[float, str, float], seq: int | None = None, after: int | None = None, **changes
    ) -> Pack:
        """A pack of (second, point, value) of CV-1."""
        if seq is None:
            self.seq += 1
            seq = self.seq
        base = to_ms(self.now) - 60_000
        rows = [
            ("CV-1", name, base + round(s * 1000), base + round(s * 1000) + 7, value, 0) for s, name, value in readings
        ]
        fields = {"cabinet": "c1", "lane": Lane.ROUTINE, "epoch": "e1", "bad": (), "readings": rows}
        return Pack(**{**fields, **changes}, seq=seq, after=seq - 1 if after is None else after)

    def take(self, *readings: tuple[float, str, float], **changes) -> Receipt:
        return self.intake.accept([self.pack(*readings, **changes)], now=self.now)

    def rows(self, table):
        with reading(self.engine) as connection:
            return connection.execute(select(table)).all()


@pytest.fixture
def city(engine: Engine, tmp_path: Path, now: datetime) -> Iterator[City]:
    store = SqliteSeries(tmp_path / "series.db")
    yield City(engine, store, now)
    store.close()


def test_a_pack_is_stored_its_newest_values_kept_and_then_acked(city: City):
    receipt = city.take((0, "tilt_z", 1.5), (2, "tilt_z", 1.6), (2, "battery", 88))
    assert (receipt.stored, receipt.rejected) == (3, 0)
    assert receipt.acks == [Ack("c1", Lane.ROUTINE, "e1", 1)]
    assert city.store.count() == 3
    assert sorted(row.value for row in city.rows(latest)) == [1.6, 88.0]


def test_a_repeated_pack_changes_nothing_and_is_acked_again(city: City):
    city.take((0, "tilt_z", 60.0))
    receipt = city.take((0, "tilt_z", 60.0), seq=1)
    assert (receipt.repeats, receipt.stored, receipt.fired) == (1, 0, 0)
    assert receipt.acks == [Ack("c1", Lane.ROUTINE, "e1", 1)]
    assert len(city.rows(alert)) == len(city.rows(case)) == city.store.count() == 1


def test_a_hole_is_not_jumped_over_but_the_last_ack_repeated(city: City):
    city.take((0, "tilt_z", 1.0))
    receipt = city.take((4, "tilt_z", 3.0), seq=3)
    assert (receipt.holes, receipt.stored) == (1, 0)
    assert receipt.acks == [Ack("c1", Lane.ROUTINE, "e1", 1)]
    assert city.take((2, "tilt_z", 2.0), seq=2).stored == 1


def test_packs_the_cabinet_dropped_on_purpose_are_no_hole(city: City):
    city.take((0, "tilt_z", 1.0))
    assert city.take((90, "tilt_z", 1.0), seq=40, after=1).acks == [Ack("c1", Lane.ROUTINE, "e1", 40)]


def test_a_sensor_that_was_taken_off_goes_to_the_dead_letters_and_fires_nothing(city: City):
    city.take((0, "tilt_z", 60.0))
    (device_id,) = (row.id for row in city.rows(device))
    remove_device(city.engine, device_id, reason="broken", by=SYSTEM, now=city.now)
    assert [row.state for row in city.rows(alert)] == ["cleared"]
    receipt = city.take((10, "tilt_z", 70.0))
    assert (receipt.stored, receipt.rejected, receipt.fired) == (0, 1, 0)
    (letter,) = city.rows(dead_letter)
    assert letter.reason == Reject.UNKNOWN_DEVICE
    assert "taken off on 2026-03-02" in letter.detail


def test_a_sensor_that_is_fitted_again_begins_a_new_life_and_keeps_its_old_one(city: City):
    city.take((0, "tilt_z", 1.0))
    (device_id,) = (row.id for row in city.rows(device))
    remove_device(city.engine, device_id, reason="repair", by=SYSTEM, now=city.now)
    again = NewDevice(serial="CV-1", profile="cc-cover-1", asset_id=city.asset_id, heartbeat_s=2.0)
    fit_device(city.engine, again, by=SYSTEM, now=city.now)
    assert city.take((10, "tilt_z", 2.0)).stored == 1
    assert [row.value for row in city.rows(latest)] == [1.0, 2.0]


def test_progress_survives_a_restart(city: City):
    city.take((0, "tilt_z", 1.0))
    city.restart()
    assert city.take((0, "tilt_z", 1.0), seq=1).repeats == 1


def test_an_open_cover_becomes_one_alert_and_one_filed_case_in_the_same_transaction(city: City):
    receipt = city.take((0, "tilt_z", 1.0), (2, "tilt_z", 71.0), (2, "displacement", 60.0))
    assert receipt.fired == 1
    (fired,), (opened,) = city.rows(alert), city.rows(case)
    assert (fired.rule_key, fired.value, fired.case_id) == ("cover_tilt", 71.0, opened.id)
    assert fired.severity == Severity.CRITICAL
    assert (opened.asset_id, opened.kind, opened.stage) == (city.asset_id, "cover_displaced", "filed")
    assert fired.trigger_received_at < fired.committed_at
    assert [row.move for row in city.rows(entry)][-1] == "alert_attached"


def test_a_second_alert_of_the_same_trouble_joins_the_case(city: City):
    city.take((0, "tilt_z", 71.0), (0, "displacement", 60.0), (2, "displacement", 61.0), (6, "tilt_z", 70.0))
    assert sorted(row.rule_key for row in city.rows(alert)) == ["cover_shift", "cover_tilt"]
    assert len(city.rows(case)) == 1


def test_a_hold_time_goes_on_through_a_restart_of_the_process(city: City):
    city.take((0, "tilt_z", 20.0))
    city.restart()
    assert city.take((6, "tilt_z", 20.0)).fired == 1


def test_an_alert_clears_and_leaves_its_case_open_for_people(city: City):
    city.take((0, "tilt_z", 71.0))
    receipt = city.take((2, "tilt_z", 1.0), (20, "tilt_z", 1.0))
    assert receipt.cleared == 1
    (fired,), (opened,) = city.rows(alert), city.rows(case)
    assert (fired.state, opened.stage) == ("cleared", "filed")
    assert [row.move for row in city.rows(entry)][-1] == "alert_cleared"


def test_a_late_reading_is_stored_but_neither_newest_nor_judged(city: City):
    city.take((10, "tilt_z", 1.0))
    receipt = city.take((5, "tilt_z", 80.0))
    assert (receipt.stored, receipt.late, receipt.fired) == (1, 1, 0)
    assert [row.value for row in city.rows(latest)] == [1.0]
    point_id = city.rows(latest)[0].point_id
    kept = city.store.window(point_id, 0, 2**62)
    assert [(row.value, row.quality) for row in kept] == [(80.0, Quality.LATE), (1.0, Quality.GOOD)]


def test_a_suspect_reading_is_stored_but_not_judged(city: City):
    pack = city.pack((0, "tilt_z", 80.0))
    suspect = pack._replace(readings=[(*row[:5], int(Quality.SUSPECT)) for row in pack.readings])
    assert city.intake.accept([suspect], now=city.now).fired == 0
    assert city.store.count() == 1


@pytest.mark.parametrize(
    ("change", "reason", "said"),
    [
        ({0: "XX-9"}, "unknown_device", "fit it to an asset"),
        ({1: "colour"}, "unknown_point", "check its profile"),
        ({4: 4711.0}, "out_of_range", "outside -180…180"),
        ({4: float("nan")}, "not_a_number", "check the sensor"),
        ({2: 5_000}, "too_old", "never set"),
        ({2: 86_400_000}, "in_future", "ahead: set the cabinet's clock"),
    ],
)
def test_what_cannot_be_used_is_kept_with_its_reason_and_leaves_the_rest_alone(city: City, change, reason, said):
    pack = city.pack((0, "tilt_z", 2.0), (0, "battery", 90.0))
    bad = list(pack.readings[0])
    for place, value in change.items():
        bad[place] = to_ms(city.now) + value if reason == "in_future" else value
    receipt = city.intake.accept([pack._replace(readings=[tuple(bad), pack.readings[1]])], now=city.now)
    assert (receipt.stored, receipt.rejected) == (1, 1)
    assert receipt.acks[0].seq == 1
    (letter,) = city.rows(dead_letter)
    assert (letter.reason, letter.cabinet_id, letter.seq) == (reason, "c1", 1)
    assert said in letter.detail


def test_a_pack_that_cannot_be_read_is_kept_whole_and_does_not_block_the_next(city: City):
    broken = Pack("c1", Lane.ROUTINE, "e1", 1, 0, (), [("[{truncated", "not JSON")])
    receipt = city.intake.accept([broken, city.pack((0, "tilt_z", 1.0), seq=2)], now=city.now)
    assert (receipt.stored, receipt.rejected) == (1, 1)
    assert receipt.acks == [Ack("c1", Lane.ROUTINE, "e1", 2)]
    assert city.rows(dead_letter)[0].body == "[{truncated"


def test_nothing_is_acked_nor_half_kept_when_a_store_is_down_and_all_is_well_after(city: City, tmp_path: Path):
    down = SqliteSeries(tmp_path)  # a folder can't be opened as a file
    city.intake = Intake(city.engine, down, clock=lambda: city.now)
    pack = city.pack((0, "tilt_z", 71.0))
    with pytest.raises(StoreDown, match="unable to open"):
        city.intake.accept([pack], now=city.now)
    assert city.rows(latest) == city.rows(alert) == []
    assert city.restart().accept([pack], now=city.now).fired == 1


def test_a_crash_between_series_and_records_is_healed_by_the_replay(city: City):
    pack = city.pack((0, "tilt_z", 71.0))
    row = city.rows(point)
    tilt_z = next(r.id for r in row if r.name == "tilt_z")
    raw = pack.readings[0]
    city.store.append([(tilt_z, raw[2], raw[4], raw[5], raw[3])])
    receipt = city.intake.accept([pack], now=city.now)
    assert (city.store.count(), receipt.fired) == (1, 1)


def test_a_new_baseline_is_used_from_the_next_batch_on(city: City):
    city.take((0, "tilt_z", 14.0))
    with writing(city.engine) as tx:
        tilt_z = next(row.id for row in city.rows(point) if row.name == "tilt_z")
        set_baseline(tx, tilt_z, 60.0, by=None, now=city.now)
    assert city.take((2, "tilt_z", 61.0)).fired == 0
    assert city.take((4, "tilt_z", 10.0)).fired == 1


def test_a_breach_that_nobody_takes_back_fires_when_its_hold_time_is_over(city: City):
    city.take((58, "tilt_z", 20.0))
    assert city.intake.tick(now=city.now) == 0
    city.now += timedelta(seconds=30)
    assert city.intake.tick(now=city.now) == 1
    assert city.intake.tick(now=city.now) == 0
    (fired,) = city.rows(alert)
    assert fired.trigger_received_at is None


def values_of(city: City, name: str) -> list[float]:
    point_id = next(row.id for row in city.rows(point) if row.name == name)
    return [row.value for row in city.store.window(point_id, 0, 2**62)]


def test_readings_out_of_order_within_a_pack_all_find_their_place_and_the_newest_wins(city: City):
    receipt = city.take((8, "tilt_z", 3.0), (2, "tilt_z", 1.0), (5, "tilt_z", 2.0))
    assert (receipt.stored, receipt.late) == (3, 2)
    assert values_of(city, "tilt_z") == [1.0, 2.0, 3.0]
    assert [row.value for row in city.rows(latest)] == [3.0]


def test_cabinets_lanes_and_epochs_count_for_themselves(city: City):
    routine = city.pack((0, "tilt_z", 1.0), seq=1)
    packs = [
        routine,
        routine._replace(cabinet="c2", readings=[("CV-1", "battery", routine.readings[0][2], 0, 90.0, 0)]),
        routine._replace(lane=Lane.URGENT, readings=city.pack((1, "tilt_z", 2.0), seq=1).readings),
        routine._replace(epoch="e2", readings=city.pack((2, "tilt_z", 3.0), seq=1).readings),
        routine,
    ]
    receipt = city.intake.accept(packs, now=city.now)
    assert (receipt.stored, receipt.repeats) == (4, 1)
    assert {(ack.cabinet, ack.lane, ack.epoch, ack.seq) for ack in receipt.acks} == {
        ("c1", Lane.ROUTINE, "e1", 1),
        ("c2", Lane.ROUTINE, "e1", 1),
        ("c1", Lane.URGENT, "e1", 1),
        ("c1", Lane.ROUTINE, "e2", 1),
    }


def test_a_reading_that_comes_on_both_lanes_is_one_reading_and_one_alert(city: City):
    urgent = city.pack((0, "tilt_z", 71.0), seq=1, lane=Lane.URGENT)
    city.intake.accept([urgent], now=city.now)
    city.take((4, "tilt_z", 72.0), seq=1)
    assert city.intake.accept([urgent._replace(lane=Lane.ROUTINE, seq=2, after=1)], now=city.now).fired == 0
    assert values_of(city, "tilt_z") == [71.0, 72.0]
    assert len(city.rows(alert)) == 1


def test_repeated_and_re_ordered_packs_of_a_cabinet_end_where_the_ordered_ones_do(city: City):
    packs = [city.pack((i, "tilt_z", float(i)), (i, "battery", 100 - i), seq=i + 1) for i in range(12)]
    chance = random.Random(3)
    acked = 0
    while acked < len(packs):  # a broker may repeat and swap what is on the way; the cabinet sends from the last ack on
        under_way = [*packs[acked : acked + 4], *packs[max(0, acked - 2) : acked]]
        chance.shuffle(under_way)
        receipt = city.intake.accept(under_way, now=city.now)
        acked = max(ack.seq for ack in receipt.acks)
    assert values_of(city, "tilt_z") == [float(i) for i in range(12)]
    assert city.store.count() == 24
    assert sorted(row.value for row in city.rows(latest)) == [11.0, 89.0]


def test_the_latest_value_is_found_by_its_key_alone(city: City):
    city.take((0, "tilt_z", 1.0))
    if city.engine.dialect.name != "sqlite":
        pytest.skip("SQLite tells its plan in words")
    queries = {
        "SELECT value FROM latest WHERE point_id = 1": "SEARCH latest USING INTEGER PRIMARY KEY",
        "SELECT l.value FROM point p JOIN latest l ON l.point_id = p.id WHERE p.device_id = 1": "SEARCH l USING INT",
    }
    with reading(city.engine) as tx:
        for query, way in queries.items():
            plan = " / ".join(row.detail for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))
            assert way in plan
            assert "SCAN" not in plan


def add_rule(city: City, key: str, condition: Condition, **changes) -> None:
    """One more rule about this cover."""
    plain = {"family": Family.COVER, "point": None, "severity": Severity.ALARM, "case_kind": None}
    made = Rule(key=key, version=1, condition=condition, **{**plain, **changes})
    with writing(city.engine) as tx:
        tx.execute(insert(rule), rule_row(made, now=city.now))
        bump(tx, "rules")


def fired_by(city: City, key: str) -> list[tuple[str, float]]:
    return [(row.state, row.value) for row in city.rows(alert) if row.rule_key == key]


def test_a_rule_over_several_points_has_one_alert_at_the_first_of_them_through_a_restart(city: City):
    parts = (Part(point="vibration", fire=5.0, clear=3.0), Part(point="displacement", fire=20.0, clear=10.0))
    add_rule(city, "lifted", AllCondition(parts=parts, hold_s=5.0, clear_after_s=0.0))
    city.take((0, "vibration", 7.0), (0, "displacement", 25.0))
    city.restart()
    assert fired_by(city, "lifted") == []
    city.take((6, "vibration", 7.0), (6, "displacement", 26.0))
    assert fired_by(city, "lifted") == [("firing", 1.0)]
    city.take((8, "vibration", 0.5), (8, "displacement", 26.0))
    assert fired_by(city, "lifted") == [("cleared", 1.0)]
    names = {row.id: row.name for row in city.rows(point)}
    assert [names[row.point_id] for row in city.rows(alert) if row.rule_key == "lifted"] == ["vibration"]


def test_a_rule_that_waits_for_late_readings_judges_them_in_their_order(city: City):
    condition = LimitCondition(fire=50.0, clear=40.0, hold_s=2.0)
    add_rule(city, "patient", condition, point="temperature", lateness_s=5.0)
    city.take((0, "temperature", 60.0), (3, "temperature", 60.0))
    city.restart()
    city.take((1, "temperature", 20.0))
    city.take((20, "temperature", 20.0))
    assert fired_by(city, "patient") == []
    city.take(
        (22, "temperature", 60.0), (25, "temperature", 60.0), (21, "temperature", 20.0), (31, "temperature", 20.0)
    )
    assert fired_by(city, "patient") == [("firing", 60.0)]


def test_a_season_that_is_switched_on_changes_the_numbers_from_the_next_batch_on(city: City):
    city.take((0, "water_level", 1700.0), (11, "water_level", 1700.0))
    assert fired_by(city, "water_high") == []
    flood = {"key": "flood", "name_zh": "汛期", "name_en": "Flood", "priority": 1, "switch": "on", "limits": {}}
    with writing(city.engine) as tx:
        tx.execute(insert(season), flood)
        bump(tx, "rules")
    city.take((20, "water_level", 1700.0), (31, "water_level", 1700.0))
    assert fired_by(city, "water_high") == [("firing", 0.85)]


def test_a_season_begins_by_its_date_without_anybody_doing_anything(city: City):
    today = city.now.astimezone(CHINA_TIME).date()
    tomorrow = f"{today + timedelta(days=1):%m-%d}"
    with writing(city.engine) as tx:
        tx.execute(
            insert(season),
            {"key": "flood", "name_zh": "汛期", "name_en": "Flood", "priority": 1, "switch": "auto", "limits": {}}
            | {"starts": tomorrow, "ends": tomorrow},
        )
    city.restart()
    city.take((0, "water_level", 1700.0), (11, "water_level", 1700.0))
    assert fired_by(city, "water_high") == []
    city.now += timedelta(days=1)
    city.take((0, "water_level", 1700.0), (11, "water_level", 1700.0))
    assert fired_by(city, "water_high") == [("firing", 0.85)]


def test_a_backlog_does_not_look_as_if_its_last_breach_had_lasted_until_now(city: City):
    city.take((0, "tilt_z", 20.0))
    city.now += timedelta(hours=3)
    assert city.restart().tick(now=city.now) == 0  # it was measured hours ago, and heard of this moment
    city.take((2, "tilt_z", 1.0))
    city.now += timedelta(seconds=30)
    assert city.intake.tick(now=city.now) == 0
