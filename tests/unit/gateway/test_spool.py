"""What is put stays, in order, until the city has it or the bound forces it out."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.senml import Reading, compose_pack, decode
from gateway.settings import SpoolSettings
from gateway.spool import Spool, SpoolClosed, SpooledPack
from gateway.spool_file import SpoolBroken, SpoolInUse

T0 = 1_763_772_000_000


def answer(number: int, *, points: int = 3) -> list[Reading]:
    return [
        Reading(serial="CV-1", point=f"p{point}", unit="1", measured_ms=T0 + number, value=number)
        for point in range(points)
    ]


def numbers(packs: list[SpooledPack]) -> list[float]:
    """The `number` of every answer in these packs, in order."""
    bodies = (
        compose_pack(
            pack.records, count=pack.readings, cabinet="c", epoch="e", seq=pack.seq, after=pack.after, wire=pack.wire
        )
        for pack in packs
    )
    return [reading[4] for body in bodies for reading in decode(body).readings if reading[1] == "p0"]


@pytest.fixture
def settings(tmp_path: Path) -> SpoolSettings:
    return SpoolSettings(path=str(tmp_path / "deep" / "spool.db"))


@pytest.fixture
def spool(settings: SpoolSettings) -> Iterator[Spool]:
    with Spool(settings) as opened:
        yield opened


def test_an_empty_spool_says_so(spool):
    assert spool.take("urgent", 0, 10) == []
    assert (spool.status().queued, spool.status().oldest_ms, spool.status().dropped) == (0, None, 0)
    assert spool.last_seq("routine") == spool.confirmed("routine") == 0


def test_packs_come_out_in_order_with_the_seq_of_the_one_before(spool):
    for number in (1, 2, 3):
        assert spool.put({"routine": answer(number)}) == {"routine": number}
    packs = spool.take("routine", 0, 10)
    assert [(pack.seq, pack.after) for pack in packs] == [(1, 0), (2, 1), (3, 2)]
    assert numbers(packs) == [1, 2, 3]
    assert [(pack.seq, pack.after) for pack in spool.take("routine", 1, 1)] == [(2, 1)]


def test_each_lane_counts_for_itself(spool):
    spool.put({"routine": answer(1)})
    assert spool.put({"routine": answer(2), "urgent": answer(3)}) == {"routine": 2, "urgent": 1}
    assert numbers(spool.take("urgent", 0, 10)) == [3]


def test_putting_nothing_makes_no_pack(spool):
    assert spool.put({"routine": []}) == {}
    assert spool.last_seq("routine") == 0


def test_a_confirmed_pack_is_gone_and_the_next_follows_on_it(spool):
    for number in (1, 2, 3):
        spool.put({"routine": answer(number)})
    assert spool.confirm("routine", 2) == 2
    assert [(pack.seq, pack.after) for pack in spool.take("routine", 0, 10)] == [(3, 2)]
    assert spool.confirm("routine", 2) == 0
    assert spool.status().queued == 3


def test_a_seq_that_was_never_given_cannot_be_confirmed(spool):
    spool.put({"routine": answer(1)})
    with pytest.raises(ValueError, match="no pack 2"):
        spool.confirm("routine", 2)
    assert spool.status().packs == 1


def test_epoch_seq_and_counts_go_on_after_a_restart(settings):
    with Spool(settings) as spool:
        epoch = spool.epoch
        for number in (1, 2, 3):
            spool.put({"routine": answer(number)})
        spool.confirm("routine", 1)
    with Spool(settings) as spool:
        assert spool.epoch == epoch
        assert spool.put({"routine": answer(4)}) == {"routine": 4}
        assert [(pack.seq, pack.after) for pack in spool.take("routine", 0, 10)] == [(2, 1), (3, 2), (4, 3)]
        assert spool.status().queued == 9


def test_confirming_everything_does_not_start_the_count_again(settings):
    with Spool(settings) as spool:
        spool.put({"urgent": answer(1)})
        spool.confirm("urgent", 1)
    with Spool(settings) as spool:
        assert spool.put({"urgent": answer(2)}) == {"urgent": 2}
        assert spool.take("urgent", 0, 1)[0].after == 1


def test_two_new_spools_never_share_an_epoch(tmp_path):
    with Spool(SpoolSettings(path=str(tmp_path / "a"))) as one, Spool(SpoolSettings(path=str(tmp_path / "b"))) as two:
        assert one.epoch != two.epoch


def test_many_threads_share_transactions_and_each_gets_its_own_pack_number(spool):
    given: dict[int, int] = {}

    def put_fifty(first: int) -> None:
        for number in range(first, first + 50):
            given[number] = spool.put({"routine": answer(number)})["routine"]

    threads = [threading.Thread(target=put_fifty, args=(1000 * thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    packs = spool.take("routine", 0, 1000)
    assert [pack.seq for pack in packs] == list(range(1, len(packs) + 1))
    where = {number: pack.seq for pack in packs for number in numbers([pack])}
    assert where == given
    assert len(packs) < 400, "no two threads ever shared a transaction"


def test_a_full_spool_drops_the_oldest_routine_packs_and_counts_them(settings):
    small = SpoolSettings(path=settings.path, max_bytes=5000)
    with Spool(small) as spool, capture_logs() as logs:
        spool.put({"urgent": answer(0)})
        for number in range(1, 101):
            spool.put({"routine": answer(number)})
        left = spool.take("routine", 0, 1000)
        assert left[-1].seq == 100
        assert [pack.seq for pack in left] == list(range(left[0].seq, 101))
        assert left[0].after == 0, "the city has confirmed nothing yet, so nothing may be missing for it"
        assert len(spool.take("urgent", 0, 10)) == 1
        assert spool.status().bytes <= 5000
        assert spool.status().dropped == 3 * (left[0].seq - 1)
        assert spool.dropped_by_reason() == {("routine", "full"): spool.status().dropped}
        assert [line["event"] for line in logs if line["log_level"] == "error"] == ["spool_dropping"]
    with Spool(small) as spool:
        assert spool.status().dropped == 3 * (left[0].seq - 1)


def test_urgent_packs_go_only_when_no_routine_pack_is_left(settings):
    with Spool(SpoolSettings(path=settings.path, max_bytes=3000)) as spool:
        for number in range(10):
            spool.put({"routine": answer(number)})
        for number in range(100):
            spool.put({"urgent": answer(number)})
        assert spool.take("routine", 0, 10) == []
        assert spool.take("urgent", 0, 1000)[-1].seq == 100
        assert set(spool.dropped_by_reason()) == {("routine", "full"), ("urgent", "full")}


def test_the_file_stays_near_its_bound_however_long_the_city_is_away(settings):
    with Spool(SpoolSettings(path=settings.path, max_bytes=200_000)) as spool:
        for number in range(300):
            spool.put({"routine": answer(number, points=100)})
    assert Path(settings.path).stat().st_size < 400_000


def test_packs_above_the_age_limit_go_and_are_counted(settings):
    now = 1_000_000.0
    with Spool(SpoolSettings(path=settings.path, max_age_s=60), clock=lambda: now) as spool:
        spool.put({"routine": answer(1), "urgent": answer(2)})
        now += 61
        spool.put({"routine": answer(3)})
        assert numbers(spool.take("routine", 0, 10)) == [3]
        assert spool.take("urgent", 0, 10) == []
        assert spool.dropped_by_reason() == {("routine", "too_old"): 3, ("urgent", "too_old"): 3}


def test_the_oldest_waiting_pack_is_known_by_its_time(settings):
    now = 1_000_000.0
    with Spool(settings, clock=lambda: now) as spool:
        spool.put({"routine": answer(1)})
        now += 5
        spool.put({"routine": answer(2)})
        assert spool.status().oldest_ms == 1_000_000_000
        spool.confirm("routine", 1)
        assert spool.status().oldest_ms == 1_000_005_000


@pytest.mark.parametrize("damage", [b"this is no database" * 500, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_set_aside_and_a_new_epoch_begins(settings, damage):
    with Spool(settings) as spool:
        epoch = spool.epoch
        spool.put({"routine": answer(1)})
    Path(settings.path).write_bytes(damage)

    with capture_logs() as logs, Spool(settings) as spool:
        assert spool.epoch != epoch
        assert spool.put({"routine": answer(2)}) == {"routine": 1}

    (aside,) = Path(settings.path).parent.glob("spool.db.damaged-*")
    assert aside.read_bytes() == damage
    line = next(line for line in logs if line["event"] == "spool_set_aside")
    assert (line["log_level"], line["aside"]) == ("error", str(aside))


def test_a_file_damaged_in_its_middle_is_noticed_at_the_start(settings):
    with Spool(settings) as spool:
        epoch = spool.epoch
        for number in range(50):
            spool.put({"routine": answer(number, points=100)})
    path = Path(settings.path)
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xa5" * 4096
    path.write_bytes(content)
    with Spool(settings) as spool:
        assert spool.epoch != epoch


def test_a_file_that_breaks_while_in_use_is_no_reason_to_believe_it(settings):
    with Spool(settings) as spool:
        for number in range(50):
            spool.put({"routine": answer(number, points=100)})
        with sqlite3.connect(settings.path) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.close()
        path = Path(settings.path)
        with path.open("r+b") as file:
            file.seek(0)
            file.write(b"\xa5" * path.stat().st_size)
        with pytest.raises(SpoolBroken):
            spool.put({"routine": answer(51)})


def test_a_second_process_may_not_use_the_same_spool(settings):
    with Spool(settings), pytest.raises(SpoolInUse, match="another process"), Spool(settings):
        pass
    with Spool(settings):
        pass


def test_a_closed_spool_takes_nothing_more(settings):
    with Spool(settings) as spool:
        pass
    with pytest.raises(SpoolClosed):
        spool.put({"routine": answer(1)})


def test_whoever_sends_is_told_about_new_packs(settings):
    told = threading.Event()
    with Spool(settings) as spool:
        spool.on_pack = told.set
        spool.put({"urgent": answer(1)})
        assert told.wait(60)


def test_a_spool_keeps_what_was_written_in_another_format(settings):
    with Spool(settings, wire="json") as spool:
        spool.put({"routine": answer(1)})
    with Spool(settings, wire="cbor") as spool:
        spool.put({"routine": answer(2)})
        assert numbers(spool.take("routine", 0, 10)) == [1, 2]
