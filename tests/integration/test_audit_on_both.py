"""The audit trail on both databases: writers at the same time never fork it, and no change to it goes unseen."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from registry.domain.errors import Conflict
from registry.domain.people import SYSTEM
from registry.services.audit import check_chain, record
from registry.storage.database import open_database, writing

pytestmark = pytest.mark.network
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
WRITERS, EACH = 8, 25


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    name = "filled_sqlite_url" if request.param == "sqlite" else "filled_postgres_url"
    opened = open_database(request.getfixturevalue(name))
    yield opened
    opened.dispose()


def write(engine: Engine, count: int) -> None:
    for number in range(count):
        with writing(engine) as tx:
            record(tx, by=SYSTEM, action="a.b", subject=f"asset:{number}", detail={"n": number}, now=NOW)


def tamper(engine: Engine, *statements: str) -> None:
    """Write past the guards, as the database's owner could."""
    guards = ["audit_no_update", "audit_no_delete"] if engine.dialect.name == "sqlite" else ["audit_append_only"]
    on = "" if engine.dialect.name == "sqlite" else " ON audit"
    with writing(engine) as tx:
        for statement in (*(f"DROP TRIGGER {guard}{on}" for guard in guards), *statements):
            tx.exec_driver_sql(statement)


def test_eight_writers_at_once_make_one_chain(engine: Engine):
    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(lambda _: write(engine, EACH), range(WRITERS)))
    found = check_chain(engine)
    assert (found.problem, found.entries) == ("", WRITERS * EACH)


def test_a_chain_is_whole_also_while_others_write(engine: Engine):
    with ThreadPoolExecutor(1) as writer:
        writing_on = writer.submit(write, engine, 60)
        looks = [check_chain(engine)]
        while not writing_on.done():
            looks.append(check_chain(engine))
        writing_on.result()
    assert [look.problem for look in looks if look.problem] == []


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x' WHERE id = 1", "DELETE FROM audit"])
def test_the_database_itself_refuses(engine: Engine, statement: str):
    write(engine, 2)
    with pytest.raises(Conflict, match="only added to"), writing(engine) as tx:
        tx.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("statements", "at_id"),
    [
        (["UPDATE audit SET detail = '{}' WHERE id = 3"], 3),
        (["UPDATE audit SET user_id = 1 WHERE id = 3"], 3),
        (["DELETE FROM audit WHERE id = 3"], 4),
        (["DELETE FROM audit WHERE id >= 4"], 4),
        (
            [
                "UPDATE audit SET id = 9 WHERE id = 2",
                "UPDATE audit SET id = 2 WHERE id = 3",
                "UPDATE audit SET id = 3 WHERE id = 9",
            ],
            2,
        ),
    ],
    ids=["changed", "whose", "removed", "cut off", "re-ordered"],
)
def test_what_was_done_to_the_trail_is_found(engine: Engine, statements: list[str], at_id: int):
    write(engine, 5)
    tamper(engine, *statements)
    found = check_chain(engine)
    assert (found.whole, found.at_id) == (False, at_id)
