"""A lease has one holder at a time, and outlives nobody."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlalchemy import Engine

from registry.services.leases import release_lease, take_lease

LASTS = timedelta(seconds=15)


def test_one_takes_it_and_the_others_hear_who_has_it(engine: Engine, now: datetime):
    assert take_lease(engine, "worker", "a", lasts=LASTS, now=now).mine
    held = take_lease(engine, "worker", "b", lasts=LASTS, now=now)
    assert (held.mine, held.holder, held.until) == (False, "a", now + LASTS)


def test_the_holder_renews_it_and_the_next_gets_it_when_it_runs_out(engine: Engine, now: datetime):
    take_lease(engine, "worker", "a", lasts=LASTS, now=now)
    later = now + timedelta(seconds=10)
    assert take_lease(engine, "worker", "a", lasts=LASTS, now=later).until == later + LASTS
    assert not take_lease(engine, "worker", "b", lasts=LASTS, now=now + LASTS).mine
    assert take_lease(engine, "worker", "b", lasts=LASTS, now=later + LASTS).mine
    assert not take_lease(engine, "worker", "a", lasts=LASTS, now=later + LASTS).mine


def test_letting_go_is_for_the_holder_alone(engine: Engine, now: datetime):
    take_lease(engine, "worker", "a", lasts=LASTS, now=now)
    release_lease(engine, "worker", "b")
    assert not take_lease(engine, "worker", "b", lasts=LASTS, now=now).mine
    release_lease(engine, "worker", "a")
    assert take_lease(engine, "worker", "b", lasts=LASTS, now=now).mine


def test_of_ten_at_once_one_gets_it(engine: Engine, now: datetime):
    with ThreadPoolExecutor(10) as pool:
        held = list(pool.map(lambda name: take_lease(engine, "worker", name, lasts=LASTS, now=now), "abcdefghij"))
    assert sum(one.mine for one in held) == 1
