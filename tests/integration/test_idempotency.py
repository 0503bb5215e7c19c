"""Of many that send one Idempotency-Key at the same moment, one does the work: on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine

from registry.domain.errors import Conflict
from registry.services.idempotency import KEPT, KeptAnswer, StillRunning, claim, clean_answers, keep_answer
from registry.storage.database import open_database

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SENDERS, ROUNDS = 6, 5
ANSWER = KeptAnswer(status=201, media_type="application/json", location="/api/v1/assets/1", etag='"1-ab"', body="{}")


def race(engine: Engine) -> None:
    start, problems = Barrier(SENDERS), list[Exception]()
    done: dict[str, int] = {}

    def send() -> None:
        try:
            for number in range(ROUNDS):
                start.wait(60)
                try:
                    if claim(engine, user_id=7, key=f"order-{number}", request_hash="same", now=NOW) is None:
                        done[f"order-{number}"] = done.get(f"order-{number}", 0) + 1
                except StillRunning:
                    pass
        except Exception as problem:  # noqa: BLE001  # told by the test below
            problems.append(problem)
            start.abort()

    threads = [Thread(target=send) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    assert done == {f"order-{number}": 1 for number in range(ROUNDS)}


def live_through(engine: Engine) -> None:
    race(engine)
    keep_answer(engine, ANSWER, user_id=7, key="order-0", now=NOW)
    assert claim(engine, user_id=7, key="order-0", request_hash="same", now=NOW) == ANSWER
    with pytest.raises(Conflict):
        claim(engine, user_id=7, key="order-1", request_hash="same", now=NOW)
    assert clean_answers(engine, now=NOW + KEPT) == 0
    assert clean_answers(engine, now=NOW + KEPT * 2) == ROUNDS
    engine.dispose()


def test_a_key_is_claimed_once_on_sqlite(filled_sqlite_url: str) -> None:
    live_through(open_database(filled_sqlite_url))


@pytest.mark.network
def test_a_key_is_claimed_once_on_postgres(filled_postgres_url: str) -> None:
    live_through(open_database(filled_postgres_url))
