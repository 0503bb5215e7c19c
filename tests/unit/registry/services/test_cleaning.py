"""What was only of the moment is forgotten in time; ids are never used again."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine, insert, select

from registry.queries.feed import newest_id
from registry.services.cleaning import clean_up
from registry.services.feed import publish
from registry.storage.database import reading, writing
from registry.storage.tables import dead_letter

DAY = timedelta(days=1)


def test_events_go_after_a_week_and_letters_after_three_months(engine: Engine, now: datetime):
    with writing(engine) as tx:
        for age in (100, 91, 89, 8, 6, 0):
            publish(tx, "case_opened", {"age": age}, now=now - age * DAY)
            letter = {"at": now - age * DAY, "cabinet_id": "c", "reason": "undecodable", "detail": str(age), "body": ""}
            tx.execute(insert(dead_letter).values(letter))
    last = newest_id(engine)
    assert clean_up(engine, now=now, keep_feed=7 * DAY, keep_letters=90 * DAY, batch=2) == (4, 2)
    assert clean_up(engine, now=now, keep_feed=7 * DAY, keep_letters=90 * DAY) == (0, 0)
    with reading(engine) as tx:
        assert list(tx.scalars(select(dead_letter.c.detail).order_by(dead_letter.c.id))) == ["89", "8", "6", "0"]
    clean_up(engine, now=now + 30 * DAY, keep_feed=7 * DAY, keep_letters=90 * DAY)
    with writing(engine) as tx:
        publish(tx, "case_opened", {}, now=now)
    assert newest_id(engine) == last + 1
