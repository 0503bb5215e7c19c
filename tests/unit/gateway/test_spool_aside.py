"""Damaged spool files: told of, kept for a while for whoever wants to look into them, then deleted."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.senml import Reading
from gateway.settings import SpoolSettings
from gateway.spool import Spool
from gateway.spool_aside import aside_files, aside_name, clean_aside, keep_tidy

NOW = datetime(2026, 3, 2, tzinfo=UTC)
NOW_S = NOW.timestamp()
DAY_S = 86_400.0


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


def set_aside(spool: Path, at: datetime, mark: str = "ab12") -> Path:
    path = aside_name(spool, at, mark)
    path.write_bytes(b"x" * 100)
    path.with_name(path.name + "-wal").write_bytes(b"x" * 50)
    return path


def test_a_damaged_spool_is_told_of_with_its_name_and_its_time(spool: Path):
    settings = SpoolSettings(path=str(spool))
    with Spool(settings) as first:
        first.put({"routine": [Reading(serial="CV-1", point="n", unit="1", measured_ms=1, value=1)]})
    spool.write_bytes(b"this is no database any more, whatever it was" * 200)
    with Spool(settings, clock=lambda: NOW_S):
        (found,) = aside_files(spool)
    assert (found.name.startswith("spool.db.damaged-20260302T000000-"), found.at) == (True, NOW_S)
    assert found.bytes >= 9000


def test_the_newest_comes_first_and_other_files_are_none(spool: Path):
    older, newer = set_aside(spool, NOW - timedelta(days=3)), set_aside(spool, NOW)
    for name in ("spool.db", "spool.db.lock", "spool.db.damaged-x", "other.db.damaged-20260101T000000-ab12"):
        (spool.parent / name).touch()
    assert [(each.name, each.bytes) for each in aside_files(spool)] == [(newer.name, 150), (older.name, 150)]
    assert aside_files(spool.parent / "nowhere" / "spool.db") == []


def test_what_is_older_than_it_is_kept_goes_with_its_log(spool: Path):
    old, young = set_aside(spool, NOW - timedelta(days=91)), set_aside(spool, NOW - timedelta(days=89))
    assert clean_aside(spool, keep_s=0, now_s=NOW_S) == [], "for ever"
    assert clean_aside(spool, keep_s=90 * DAY_S, now_s=0.0) == [], "nobody knows what time it is"
    assert clean_aside(spool, keep_s=90 * DAY_S, now_s=NOW_S) == [old.name]
    assert [path.name for path in sorted(spool.parent.iterdir())] == [young.name, f"{young.name}-wal"]


def test_one_that_was_set_aside_before_the_clock_was_set_counts_from_when_it_is(spool: Path):
    path = set_aside(spool, datetime(1970, 1, 1, tzinfo=UTC))
    os.utime(path, (5.0, 5.0))
    assert [each.at for each in aside_files(spool)] == [0.0]
    assert clean_aside(spool, keep_s=90 * DAY_S, now_s=NOW_S) == []
    assert clean_aside(spool, keep_s=90 * DAY_S, now_s=NOW_S + 89 * DAY_S) == []
    assert clean_aside(spool, keep_s=90 * DAY_S, now_s=NOW_S + 91 * DAY_S) == [path.name]


def test_the_cabinet_cleans_when_it_starts(spool: Path):
    old = set_aside(spool, NOW - timedelta(days=91))
    stop = threading.Event()
    stop.set()
    keep_tidy(SpoolSettings(path=str(spool)), clock=lambda: NOW_S, stop=stop)
    assert not old.exists()
