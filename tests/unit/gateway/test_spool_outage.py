"""A long time without the city: what is measured afterwards comes first, the bound holds, the disk is spared."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.senml import Reading, compose_pack, decode
from gateway.settings import SpoolSettings
from gateway.spool import STREAMS, Spool, SpooledPack

T0 = 1_763_772_000_000
MINUTE_MS = 60_000


class Ticks:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.01)


def answer(number: int, *, points: int = 3, at_ms: int | None = None) -> list[Reading]:
    measured_ms = T0 + number if at_ms is None else at_ms
    return [
        Reading(serial="CV-1", point=f"p{point}", unit="1", measured_ms=measured_ms, value=number)
        for point in range(points)
    ]


def numbers(packs: list[SpooledPack]) -> list[float]:
    return [value for _, point, _, _, value, _ in _readings(packs) if point == "p0"]


def _readings(packs: list[SpooledPack]) -> list[tuple[str, str, int, int, float, int]]:
    bodies = (
        compose_pack(
            pack.records, count=pack.readings, cabinet="c", epoch="e", seq=pack.seq, after=pack.after, wire=pack.wire
        )
        for pack in packs
    )
    return [reading for body in bodies for reading in decode(body).readings]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "spool.db")


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


def test_what_is_put_during_an_outage_queues_up_beside_what_is_live_afterwards(path, ticks):
    with Spool(SpoolSettings(path=path, live_first_s=60), ticks=ticks) as spool:
        spool.put({"routine": answer(1), "urgent": answer(11)})
        ticks.now_s += 61
        spool.put({"routine": answer(2), "urgent": answer(12)})
        ticks.now_s += 3600
        spool.put({"routine": answer(3)})
        assert [numbers(spool.take(stream, 0, 10)) for stream in STREAMS] == [[11], [12], [1], [2, 3]]
        assert spool.status().backlog == 3

        spool.confirm("routine", 1)
        spool.put({"routine": answer(4)})
        assert numbers(spool.take("routine", 0, 10)) == [4], "the city is back: this one is live"
        assert numbers(spool.take("routine_backlog", 0, 10)) == [2, 3]
        assert [(pack.seq, pack.after) for pack in spool.take("routine_backlog", 0, 10)] == [(1, 0), (2, 1)]


def test_a_backlog_counts_under_an_epoch_of_its_own_that_stays(path, ticks):
    with Spool(SpoolSettings(path=path), ticks=ticks) as spool:
        epochs = [spool.epoch_of(stream) for stream in STREAMS]
        assert epochs == [spool.epoch, f"{spool.epoch}-b"] * 2
    with Spool(SpoolSettings(path=path)) as spool:
        assert [spool.epoch_of(stream) for stream in STREAMS] == epochs


def test_a_short_silence_changes_no_order(path, ticks):
    with Spool(SpoolSettings(path=path, live_first_s=60), ticks=ticks) as spool:
        for number in range(5):
            spool.put({"routine": answer(number)})
            ticks.now_s += 10
        assert numbers(spool.take("routine", 0, 10)) == [0, 1, 2, 3, 4]


def test_strict_order_can_be_asked_for(path, ticks):
    with Spool(SpoolSettings(path=path, live_first_s=0), ticks=ticks) as spool:
        for number in range(5):
            spool.put({"routine": answer(number)})
            ticks.now_s += 1000
        assert numbers(spool.take("routine", 0, 10)) == [0, 1, 2, 3, 4]


def test_a_full_spool_drops_the_oldest_whichever_stream_they_are_in(path, ticks):
    with Spool(SpoolSettings(path=path, live_first_s=60, max_bytes=2500), ticks=ticks) as spool:
        spool.put({"urgent": answer(99)})
        for number in range(1, 4):
            spool.put({"routine": answer(number)})
        ticks.now_s += 61
        for number in range(4, 30):
            spool.put({"routine": answer(number)})
        left = numbers(spool.take("routine", 0, 100)) + numbers(spool.take("routine_backlog", 0, 100))
        # The first pack to go is the one the age was told by; then the city seems near again, and order is kept.
        assert sorted(left) == list(range(int(min(left)), 30))
        assert min(left) > 3
        assert numbers(spool.take("urgent", 0, 10)) == [99]
        assert spool.status().bytes <= 2500


def test_thinning_keeps_one_reading_per_point_and_interval(path):
    settings = SpoolSettings(path=path, max_bytes=64_000, full="thin_routine", thin_to_s=600)
    with Spool(settings) as spool:
        spool.put({"urgent": answer(7, at_ms=T0)})
        minutes = 600
        for minute in range(minutes):
            spool.put({"routine": answer(minute, at_ms=T0 + minute * MINUTE_MS)})
        status = spool.status()
        found = [packs for stream in STREAMS if stream.startswith("routine") for packs in spool.take(stream, 0, 9999)]
        kept = [measured_ms for _, point, measured_ms, *_ in _readings(found) if point == "p0"]
        assert status.bytes <= 64_000
        assert kept[-1] == T0 + (minutes - 1) * MINUTE_MS or len(kept) > minutes // 10
        assert len({at_ms // 600_000 for at_ms in kept}) >= minutes // 10, "no interval is empty"
        assert numbers(spool.take("urgent", 0, 10)) == [7]
        dropped = spool.dropped_by_reason()
        assert set(dropped) == {("routine", "thinned")}
        assert dropped["routine", "thinned"] == 3 * minutes - sum(pack.readings for pack in found) == status.dropped
        assert status.queued == 3 + sum(pack.readings for pack in found)
    with Spool(settings) as spool:
        assert (spool.status().queued, spool.status().bytes) == (status.queued, status.bytes)


def test_where_nothing_can_be_thinned_the_oldest_go(path):
    settings = SpoolSettings(path=path, max_bytes=10_000, full="thin_routine", thin_to_s=600)
    with Spool(settings) as spool:
        for number in range(100):
            spool.put({"routine": answer(number, at_ms=T0 + number * 10 * MINUTE_MS)})
        assert spool.status().bytes <= 10_000
        assert set(spool.dropped_by_reason()) == {("routine", "full")}
        left = sorted(numbers(spool.take("routine", 0, 100)))
        assert left == list(range(100 - len(left), 100))


def test_answers_that_can_wait_share_a_flush(path):
    with Spool(SpoolSettings(path=path, flush_within_s=3600)) as spool:
        before = spool.status().flushes
        for number in range(50):
            spool.put({"routine": answer(number)}, soon=True)
        assert spool.status().flushes == before
        spool.put({"urgent": answer(51)}, soon=True)
        assert spool.status().flushes == before + 1, "urgent ones can't wait, and take all others along"
        spool.put({"routine": answer(52)})
        assert spool.status().flushes == before + 2, "whoever has been told that we have it relies on it"


def test_what_can_wait_does_not_wait_for_ever(path):
    with Spool(SpoolSettings(path=path, flush_within_s=0.05)) as spool:
        before = spool.status().flushes
        spool.put({"routine": answer(1)}, soon=True)
        wait_until(lambda: spool.status().flushes == before + 1)


def test_what_the_city_has_already_needs_no_flush(path):
    with Spool(SpoolSettings(path=path, flush_within_s=0.2)) as spool:
        before = spool.status().flushes
        for number in range(1, 6):
            spool.put({"routine": answer(number)}, soon=True)
            spool.confirm("routine", number)
        spool.put({"routine": answer(6)}, soon=True)
        wait_until(lambda: spool.status().flushes > before)
        assert spool.status().flushes == before + 1
        assert numbers(spool.take("routine", 0, 10)) == [6]


def test_each_answer_can_be_flushed_by_itself(path):
    with Spool(SpoolSettings(path=path, flush_within_s=0)) as spool:
        before = spool.status().flushes
        spool.put({"routine": answer(1)}, soon=True)
        assert spool.status().flushes == before + 1
