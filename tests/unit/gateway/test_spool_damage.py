"""Files that a power cut, a dying disk or an older release left behind."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.senml import Reading, compose_pack, decode, encode_readings
from gateway.settings import SpoolSettings
from gateway.spool import LANES, Spool, SpooledPack

PARTS = ("", "-wal", "-shm")


def answer(number: int, *, points: int = 3) -> list[Reading]:
    return [
        Reading(serial="CV-1", point=f"p{point}", unit="1", measured_ms=1_763_772_000_000 + number, value=number)
        for point in range(points)
    ]


def numbers(packs: list[SpooledPack]) -> list[float]:
    bodies = (
        compose_pack(
            pack.records, count=pack.readings, cabinet="c", epoch="e", seq=pack.seq, after=pack.after, wire=pack.wire
        )
        for pack in packs
    )
    return [reading[4] for body in bodies for reading in decode(body).readings if reading[1] == "p0"]


@pytest.fixture
def settings(tmp_path: Path) -> SpoolSettings:
    return SpoolSettings(path=str(tmp_path / "spool.db"))


def copy(path: str, into: Path) -> str:
    """The files as they are on the disk at this moment, as after a power cut."""
    into.mkdir()
    for part in PARTS[:2]:  # the third is memory that two processes share, not kept by a power cut
        shutil.copy(path + part, into / f"spool.db{part}")
    return str(into / "spool.db")


def test_numbers_that_a_power_cut_took_are_never_given_again(settings, tmp_path):
    with Spool(settings) as spool:
        spool.put({"routine": answer(1), "urgent": answer(1)})
        cut = copy(
            settings.path, tmp_path / "cut"
        )  # what comes now was never flushed, and reached the city all the same
        lost = {lane: [spool.put({lane: answer(number)}, soon=True)[lane] for number in range(300)] for lane in LANES}

    with Spool(SpoolSettings(path=cut)) as spool:
        for lane in LANES:
            assert numbers(spool.take(lane, 0, 1000)) == [1]
            assert spool.confirm(lane, lost[lane][-1]) == 1, "the city may confirm what we no longer know of"
            assert spool.put({lane: answer(2)})[lane] > lost[lane][-1]


def test_a_start_after_a_clean_end_leaves_no_number_out(settings):
    with Spool(settings) as spool:
        assert spool.put({"routine": answer(1)}) == {"routine": 1}
    with Spool(settings) as spool:
        assert spool.put({"routine": answer(2)}) == {"routine": 2}


@pytest.mark.parametrize("share", [0.1, 0.35, 0.6, 0.85, 0.99])
@pytest.mark.parametrize("tear", ["cut off", "zeroed", "garbled"])
def test_a_torn_log_costs_its_torn_end_and_nothing_before_it(settings, tmp_path, share, tear):
    with Spool(settings) as spool:
        for number in range(40):
            spool.put({"routine": answer(number, points=60)})
        epoch = spool.epoch
        torn = copy(settings.path, tmp_path / "torn")
    log = Path(f"{torn}-wal")
    content = bytearray(log.read_bytes())
    at = int(len(content) * share)
    rest = {"cut off": b"", "zeroed": b"\0" * (len(content) - at), "garbled": b"\xa5" * (len(content) - at)}[tear]
    log.write_bytes(bytes(content[:at]) + rest)

    with Spool(SpoolSettings(path=torn)) as spool:
        found = numbers(spool.take("routine", 0, 1000))
        assert found == list(range(len(found)))
        if found:
            assert spool.epoch == epoch
            assert spool.put({"routine": answer(41)})["routine"] > 40, "no number is given twice"


def test_what_a_damaged_file_still_tells_goes_into_the_new_one(settings):
    with Spool(settings) as spool:
        for number in range(200):
            spool.put({"urgent" if number % 10 == 0 else "routine": answer(number, points=60)}, soon=True)
    path = Path(settings.path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(content)

    with capture_logs() as logs, Spool(settings) as spool:
        urgent = numbers(spool.take("urgent_backlog", 0, 1000))
        routine = numbers(spool.take("routine_backlog", 0, 1000))
        assert spool.put({"routine": answer(500)}) == {"routine": 1}

    said = next(line for line in logs if line["event"] == "spool_salvaged")
    assert said["packs"] == len(urgent) + len(routine)
    assert len(urgent) + len(routine) > 100
    assert not {number % 10 for number in routine} & {0}
    assert {number % 10 for number in urgent} == {0}
    assert len(set(urgent) | set(routine)) == said["packs"], "nothing twice"


def test_a_spool_of_the_release_before_goes_on_with_all_it_holds(settings):
    with closing(sqlite3.connect(settings.path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        for statement in (
            "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
            "CREATE TABLE lane (lane TEXT PRIMARY KEY, last_seq INTEGER NOT NULL, confirmed INTEGER NOT NULL)",
            "CREATE TABLE pack (id INTEGER PRIMARY KEY, lane TEXT NOT NULL REFERENCES lane, seq INTEGER NOT NULL,"
            " put_ms INTEGER NOT NULL, readings INTEGER NOT NULL, bytes INTEGER NOT NULL, wire TEXT NOT NULL,"
            " records BLOB NOT NULL, UNIQUE (lane, seq))",
            "CREATE TABLE dropped (lane TEXT NOT NULL REFERENCES lane, reason TEXT NOT NULL, packs INTEGER NOT NULL,"
            " readings INTEGER NOT NULL, PRIMARY KEY (lane, reason))",
            "INSERT INTO lane VALUES ('urgent', 7, 7), ('routine', 12, 10)",
            "INSERT INTO meta VALUES ('epoch', 'abc')",
            "INSERT INTO dropped VALUES ('routine', 'full', 2, 6)",
            "PRAGMA user_version = 1",
        ):
            db.execute(statement)
        for seq in (11, 12):
            records = encode_readings(answer(seq), "json")
            db.execute(
                "INSERT INTO pack (lane, seq, put_ms, readings, bytes, wire, records) VALUES (?, ?, ?, ?, ?, ?, ?)",
                ("routine", seq, 1_763_772_000_000, 3, len(records) + 64, "json", records),
            )

    with Spool(settings) as spool:
        assert spool.epoch == "abc"
        assert numbers(spool.take("routine", 0, 10)) == [11, 12]
        assert (spool.confirmed("routine"), spool.confirmed("urgent")) == (10, 7)
        assert spool.put({"routine": answer(13), "urgent": answer(8)}) == {"routine": 13, "urgent": 8}
        assert spool.dropped_by_reason() == {("routine", "full"): 6}


def test_a_spool_of_a_newer_release_is_left_alone(settings):
    with Spool(settings) as spool:
        spool.put({"routine": answer(1)})
    with closing(sqlite3.connect(settings.path, isolation_level=None)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(Exception, match="version 99"), Spool(settings):
        pass
