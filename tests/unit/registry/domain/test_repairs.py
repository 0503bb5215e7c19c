"""Which machinery is sick, and in what order it is listed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from registry.domain.repairs import (
    BusMemory,
    BusSaid,
    CabinetFacts,
    CabinetTold,
    RepairKind,
    RepairReason,
    SensorFacts,
    SourceSaid,
    find_repairs,
    remember_bus,
)

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def cabinet(**facts: Any) -> CabinetFacts:
    usual = {"id": "c1", "name": "c1", "online": True, "heard_at": NOW, "dropped": 0, "devices": 9}
    return CabinetFacts(**{**usual, **facts})


def sensor(**facts: Any) -> SensorFacts:
    usual = {
        "device_id": 1,
        "serial": "CV-1",
        "cabinet_id": "c1",
        "line": "east",
        "asset_id": 2,
        "asset_name": "井盖",
        "fitted_at": NOW - HOUR,
        "last_heard_at": None,
    }
    return SensorFacts(**{**usual, **facts})


def reasons(cabinets: list[CabinetFacts], sensors: list[SensorFacts] | None = None) -> list[RepairReason]:
    return [one.reason for one in find_repairs(cabinets, sensors or [], now=NOW)]


def test_a_well_cabinet_is_not_listed() -> None:
    assert reasons([cabinet(told=CabinetTold())]) == []


def test_each_sickness_of_a_cabinet_has_its_line_worst_first() -> None:
    told = CabinetTold(
        filled=0.85,
        dropped_at=NOW - HOUR,
        buses=[
            BusMemory(
                name="east",
                polls=1000,
                crc_errors=90,
                at=NOW,
                units_silent=[1, 2],
                lately=0.09,
                usually=0.01,
                answers=1000,
            )
        ],
        sources=[SourceSaid(name="lora", up=False)],
    )
    assert reasons([cabinet(told=told, dropped=7, clock_off_s=-31.0)]) == [
        RepairReason.DROPS,
        RepairReason.SPOOL_NEAR_FULL,
        RepairReason.LINE_DEAD,
        RepairReason.SOURCE_DOWN,
        RepairReason.CLOCK_OFF,
        RepairReason.CRC_ERRORS,
    ]
    assert reasons([cabinet(heard_at=None, online=False)]) == [RepairReason.NEVER_SEEN]
    assert reasons([cabinet(told=CabinetTold(dropped_at=NOW - timedelta(days=8)))]) == []


def test_a_clock_that_is_not_set_at_all_is_off() -> None:
    (found,) = find_repairs([cabinet(clock_set=False)], [], now=NOW)
    assert (found.reason, found.amount) == (RepairReason.CLOCK_OFF, None)


def test_sensors_behind_a_cabinet_that_is_away_are_counted_on_its_line() -> None:
    away = cabinet(online=False, heard_at=NOW - HOUR)
    found = find_repairs([away], [sensor(silent_since=NOW - HOUR), sensor(never_seen=True)], now=NOW)
    assert [(one.kind, one.reason, one.sensors) for one in found] == [(RepairKind.CABINET, RepairReason.SILENT, 9)]
    found = find_repairs([cabinet()], [sensor(silent_since=NOW - HOUR, battery=4.0)], now=NOW)
    assert [one.reason for one in found] == [RepairReason.SILENT, RepairReason.WEAK_BATTERY]
    assert found[0].since == NOW - HOUR


def test_each_sign_of_a_sensor_has_its_line() -> None:
    signs = sensor(never_seen=True, unreadable=3, misdated=2, drift=-4.5, drift_point="tilt_z", drift_unit="deg")
    found = find_repairs([cabinet()], [signs], now=NOW)
    assert [(one.reason, one.amount) for one in found] == [
        (RepairReason.NEVER_SEEN, None),
        (RepairReason.CLOCK_OFF, 2.0),
        (RepairReason.DECODER_ERROR, 3.0),
        (RepairReason.BASELINE_DRIFT, -4.5),
    ]


def bus_after(shares: list[float], *, every: timedelta = timedelta(seconds=10), polls: int = 100) -> BusMemory:
    memory, damaged = None, 0
    for number, share in enumerate(shares):
        damaged += round(share * polls)
        said = BusSaid(name="east", polls=polls * (number + 1), crc_errors=damaged)
        memory = remember_bus(memory, said, now=NOW + number * every)
    assert memory is not None
    return memory


def test_a_bus_is_held_against_its_own_usual_and_not_against_a_number() -> None:
    always_bad = bus_after([0.05] * 200)
    turned_bad = bus_after([0.0] * 100 + [0.05] * 60)
    for memory, listed in ((always_bad, False), (turned_bad, True)):
        found = reasons([cabinet(told=CabinetTold(buses=[memory]))])
        assert (RepairReason.CRC_ERRORS in found) is listed
    healed = bus_after([0.0] * 100 + [0.05] * 60 + [0.0] * 300)
    assert reasons([cabinet(told=CabinetTold(buses=[healed]))]) == []


def test_a_restarted_cabinet_and_a_repeated_word_do_no_harm() -> None:
    first = bus_after([0.02] * 10)
    again = remember_bus(first, BusSaid(name="east", polls=50, crc_errors=1), now=NOW + HOUR)
    assert (again.polls, again.answers) == (50, first.answers + 50)
    assert 0.0 <= again.lately <= 1.0
    same = remember_bus(again, BusSaid(name="east", polls=50, crc_errors=1), now=NOW + HOUR)
    assert same == again
