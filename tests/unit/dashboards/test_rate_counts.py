"""Counts of requests: one file, every process counts in it, windows end, and a broken file stops nobody."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pytest
from limits import parse
from limits.strategies import FixedWindowRateLimiter

from dashboards.rate_counts import RateCounts, counts_uri

AN_HOUR_S = 3600


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "counts.db"


@pytest.fixture
def counts(path: Path) -> RateCounts:
    return RateCounts(counts_uri(path))


def _try(uri: str, times: int) -> int:
    limiter, rate = FixedWindowRateLimiter(RateCounts(uri)), parse("30/hour")
    return sum(limiter.hit(rate, "sign_in", "10.0.0.1") for _ in range(times))


def test_several_processes_let_a_sender_through_as_often_as_one_would(path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        let_through = pool.starmap(_try, [(counts_uri(path), 20)] * 3)
    assert sum(let_through) == 30


def test_each_sender_has_a_count_of_their_own(counts: RateCounts) -> None:
    assert [counts.incr("a", AN_HOUR_S), counts.incr("a", AN_HOUR_S, 5), counts.incr("b", AN_HOUR_S)] == [1, 6, 1]
    assert (counts.get("a"), counts.get("b"), counts.get("c")) == (6, 1, 0)


def test_a_window_that_is_over_counts_from_the_start(counts: RateCounts) -> None:
    counts.incr("a", 0, 9)
    assert counts.get("a") == 0
    assert counts.incr("a", AN_HOUR_S) == 1
    assert counts.get_expiry("a") > time.time() + AN_HOUR_S / 2


def test_counts_can_be_forgotten(counts: RateCounts) -> None:
    counts.incr("a", AN_HOUR_S)
    counts.incr("b", AN_HOUR_S)
    counts.clear("a")
    assert (counts.get("a"), counts.get("b")) == (0, 1)
    assert counts.reset() == 1
    assert counts.check()


def test_what_can_not_be_counted_is_let_through(path: Path) -> None:
    path.mkdir(parents=True)  # a folder stands where the file should be
    counts = RateCounts(counts_uri(path))
    assert not counts.check()
    assert _try(counts_uri(path), 40) == 40
    assert (counts.get("a"), counts.get_expiry("a") <= time.time()) == (0, True)
