"""The feed: what happened after the last thing somebody knows, in order."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import Engine, event

from registry.queries.feed import newest_id, since
from registry.services.feed import publish, publish_all
from registry.storage.database import writing


def test_an_empty_feed_begins_at_0(engine: Engine):
    assert newest_id(engine) == 0
    assert since(engine, 0) == []


def test_who_knows_the_last_id_misses_nothing(engine: Engine, now: datetime):
    with writing(engine) as tx:
        publish(tx, "cabinet_online", {"cabinet": "c1"}, now=now)
        publish_all(tx, "case_opened", [{"case_id": 1}, {"case_id": 2}], now=now)
    items = since(engine, 0)
    assert [(item.kind, item.body) for item in items] == [
        ("cabinet_online", {"cabinet": "c1"}),
        ("case_opened", {"case_id": 1}),
        ("case_opened", {"case_id": 2}),
    ]
    assert items[0].at == now
    assert since(engine, items[0].id) == items[1:]
    assert since(engine, 0, limit=1) == items[:1]
    assert newest_id(engine) == items[-1].id


def test_where_something_lies_is_looked_up_by_number_for_all_of_it_at_once(engine: Engine):
    asked: list[tuple[str, tuple[object, ...]]] = []
    event.listen(engine, "before_cursor_execute", lambda *said: asked.append((said[2], said[3])))
    since(engine, 0)
    with engine.connect() as tx:
        [(query, given)] = [each for each in asked if "FROM feed" in each[0]]
        plan = [row.detail for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", given)]
    assert plan[0].startswith("SEARCH feed USING INTEGER PRIMARY KEY")
    assert [line.split(" LEFT-JOIN")[0] for line in plan[1:]] == [
        "SEARCH asset USING INTEGER PRIMARY KEY (rowid=?)",
        "SEARCH case_file USING INTEGER PRIMARY KEY (rowid=?)",
    ]


def test_an_event_no_page_knows_is_a_mistake(engine: Engine, now: datetime):
    with pytest.raises(ValueError, match="party"), writing(engine) as tx:
        publish(tx, "party", {}, now=now)


def test_nothing_is_published_when_the_transaction_fails(engine: Engine, now: datetime):
    class Stopped(Exception):
        pass

    def publish_and_fail() -> None:
        with writing(engine) as tx:
            publish(tx, "case_opened", {}, now=now)
            raise Stopped

    with pytest.raises(Stopped):
        publish_and_fail()
    assert newest_id(engine) == 0
