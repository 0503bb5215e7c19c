"""What is kept of a cabinet's word about itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from registry.services.cabinets import CabinetState, note_cabinet
from registry.storage.database import reading
from registry.storage.tables import cabinet, feed


def hear(engine: Engine, now: datetime, **said: Any) -> None:
    note_cabinet(engine, CabinetState(**{"cabinet": "c1", "online": True, "at": now.timestamp(), **said}), now=now)


def kept(engine: Engine) -> Any:
    with reading(engine) as connection:
        return connection.execute(select(cabinet)).one()


def test_a_cabinet_nobody_registered_is_seen_at_once(engine: Engine, now: datetime):
    hear(engine, now, queued=4)
    row = kept(engine)
    assert (row.id, row.online, row.queued, row.online_since) == ("c1", True, 4, now)


def test_coming_and_going_is_told_once_each(engine: Engine, now: datetime):
    for online in (True, True, False, False, True):
        hear(engine, now, online=online)
    with reading(engine) as connection:
        told = list(connection.scalars(select(feed.c.kind).order_by(feed.c.id)))
    assert told == ["cabinet_online", "cabinet_offline", "cabinet_online"]


def test_a_restart_that_nobody_heard_of_moves_the_time_it_is_online_since(engine: Engine, now: datetime):
    hear(engine, now, started_at=now.timestamp() - 60)
    later = now + timedelta(minutes=5)
    hear(engine, later, started_at=now.timestamp() - 60)
    assert kept(engine).online_since == now
    hear(engine, later + timedelta(seconds=9), started_at=later.timestamp())
    assert kept(engine).online_since == later


def test_a_last_will_tells_nothing_but_that_the_cabinet_is_gone(engine: Engine, now: datetime):
    hear(engine, now, queued=7, epoch="e1")
    hear(engine, now + timedelta(seconds=5), online=False, at=1.0)
    row = kept(engine)
    assert (row.online, row.queued, row.epoch, row.state_at) == (False, 7, "e1", now + timedelta(seconds=5))


def test_what_a_cabinet_lost_and_what_its_clock_does_are_kept(engine: Engine, now: datetime):
    lost = {"routine": {"full": 12, "thinned": 3}, "urgent": {"too_old": 1}}
    hear(engine, now, at=0.0, dropped=16, dropped_by=lost, undated=40, clock_set=False)
    row = kept(engine)
    assert (row.dropped_by, row.undated, row.clock_set, row.state_at) == (lost, 40, False, now)
    hear(engine, now, dropped=16, dropped_by=lost, clock_off_s=-3600.5)
    row = kept(engine)
    assert (row.undated, row.clock_set, row.clock_off_s) == (0, True, -3600.5)


def test_a_cabinet_of_the_release_before_tells_less_and_is_understood(engine: Engine, now: datetime):
    body = b'{"online": true, "at": 1.0, "epoch": "e", "version": "0.1", "queued": 3, "dropped": 2, "buses": []}'
    note_cabinet(engine, CabinetState.read("c1", body), now=now)
    row = kept(engine)
    assert (row.queued, row.dropped, row.dropped_by, row.clock_set) == (3, 2, {}, True)


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"not json", "malformed"), (b"{}", "online"), (b'{"online": "yes", "at": 1}', r"bool.*online")],
)
def test_a_state_that_cannot_be_read_says_why(body: bytes, said: str):
    with pytest.raises(ValueError, match=said):
        CabinetState.read("c1", body)
