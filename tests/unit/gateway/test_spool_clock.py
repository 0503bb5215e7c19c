"""Readings taken before the clock was set: kept without a date, dated when the time is known, never stored as 1970."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.senml import UNDATED_S, Reading, Undecoded, compose_pack, decode
from gateway.settings import SpoolSettings
from gateway.spool import Spool

START_S = 1_795_000_000.0  # when this run of the machine began


@pytest.fixture
def settings(tmp_path: Path) -> SpoolSettings:
    return SpoolSettings(path=str(tmp_path / "spool.db"))


def undated(ticks_s: float, value: float) -> Reading:
    return Reading(serial="CV-1", point="n", unit="1", measured_ms=round((UNDATED_S + ticks_s) * 1000), value=value)


def dated(at_s: float, value: float) -> Reading:
    return Reading(serial="CV-1", point="n", unit="1", measured_ms=round(at_s * 1000), value=value)


def found(spool: Spool, lane: str = "routine") -> list[tuple[float, float, int]]:
    """Value, measured at (s), quality."""
    bodies = [
        compose_pack(
            pack.records, count=pack.readings, cabinet="c", epoch="e", seq=pack.seq, after=pack.after, wire=pack.wire
        )
        for pack in spool.take(lane, 0, 1000)
    ]
    return [
        (value, measured_ms / 1000, quality)
        for body in bodies
        for _, _, measured_ms, _, value, quality in decode(body).readings
    ]


@pytest.mark.parametrize("wire", ["json", "cbor"])
def test_they_wait_without_a_date_and_get_their_own_when_the_clock_is_set(settings, wire):
    with Spool(settings, wire=wire, boot="b1") as spool:
        assert spool.put({"routine": [undated(10, 1)], "urgent": [undated(11.5, 2)]}) == {}
        spool.put({"routine": [undated(20, 3)]})
        assert (found(spool), spool.undated, spool.status().queued) == ([], 3, 3)

        assert spool.date_undated(START_S) == 3

        assert found(spool) == [(1, START_S + 10, 0), (3, START_S + 20, 0)]
        assert found(spool, "urgent") == [(2, START_S + 11.5, 0)]
        assert (spool.undated, spool.status().queued, spool.date_undated(START_S)) == (0, 3, 0)


def test_a_reading_that_comes_late_from_before_is_dated_at_once(settings):
    with Spool(settings, boot="b1") as spool:
        spool.date_undated(START_S)
        assert spool.put({"routine": [undated(5, 1), dated(START_S + 6, 2)]}) == {"routine": 1}
        assert found(spool) == [(1, START_S + 5, 0), (2, START_S + 6, 0)]


def test_what_has_a_date_does_not_wait_for_what_has_none(settings):
    with Spool(settings, boot="b1") as spool:
        assert spool.put({"routine": [undated(5, 1), dated(START_S + 6, 2)]}) == {"routine": 1}
        assert found(spool) == [(2, START_S + 6, 0)]
        assert spool.undated == 1


def test_a_crash_in_between_changes_nothing_since_ticks_go_on(settings):
    with Spool(settings, boot="b1") as spool:
        spool.put({"routine": [undated(10, 1)]})
    with Spool(settings, boot="b1") as spool:
        assert spool.undated == 1
        spool.put({"routine": [undated(20, 2)]})
        spool.date_undated(START_S)
        assert found(spool) == [(1, START_S + 10, 0), (2, START_S + 20, 0)]


def test_after_a_power_cut_in_between_they_are_dated_as_late_as_possible_and_marked_suspect(settings):
    with Spool(settings, boot="first") as spool:
        spool.put({"routine": [undated(10, 1)]})
        spool.put({"routine": [undated(40, 2)]})
    with Spool(settings, boot="second") as spool:
        spool.put({"routine": [undated(5, 3)]})
    with Spool(settings, boot="third") as spool:
        spool.put({"routine": [undated(7, 4)]})
        spool.date_undated(START_S)
        # The second run ended when the third began at the latest, and began 5 s before its only reading …
        second_began = START_S - 5
        assert found(spool) == [
            (1, second_began - 30, 1),
            (2, second_began, 1),
            (3, START_S, 1),
            (4, START_S + 7, 0),
        ]


def test_many_are_dated_in_order(settings):
    with Spool(settings, boot="b1") as spool:
        for number in range(450):
            spool.put({"routine": [undated(number, number)]}, soon=True)
        assert spool.date_undated(START_S) == 450
        assert found(spool) == [(number, START_S + number, 0) for number in range(450)]


def test_what_could_not_be_decoded_waits_for_the_clock_too(settings):
    letter = Undecoded(
        device="d", port=1, payload="00", reason="unknown_port: 1", received_ms=round((UNDATED_S + 9) * 1000)
    )
    with Spool(settings, boot="b1") as spool:
        spool.put({"routine": [letter]})
        assert spool.undated == 1
        spool.date_undated(START_S)
        (pack,) = spool.take("routine", 0, 10)
        assert f'"bt":{START_S + 9:.0f}'.encode() in pack.records


def test_the_bound_counts_them_and_they_go_before_urgent_ones(settings):
    small = SpoolSettings(path=settings.path, max_bytes=3000)
    with Spool(small, boot="b1") as spool:
        spool.put({"urgent": [dated(START_S, 0)]})
        for number in range(100):
            spool.put({"routine": [undated(number, number)]})
        assert spool.status().bytes <= 3000
        assert found(spool, "urgent") == [(0, START_S, 0)]
        assert spool.dropped_by_reason() == {("routine", "full"): 100 - spool.undated}
        spool.date_undated(START_S)
        assert found(spool)[-1] == (99, START_S + 99, 0)


def test_a_clock_that_is_not_set_ages_nothing(settings):
    aging = SpoolSettings(path=settings.path, max_age_s=3600)
    clock = [0.0]
    with Spool(aging, clock=lambda: clock[0], boot="b1") as spool:
        spool.put({"routine": [dated(START_S, 1)]})
        clock[0] = START_S  # 57 years later, as it seems
        spool.put({"routine": [dated(START_S + 1, 2)]})
        assert [value for value, _, _ in found(spool)] == [1, 2]
        assert spool.dropped_by_reason() == {}
