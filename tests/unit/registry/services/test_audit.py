"""The audit trail: what it keeps, and that no change to it goes unseen."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from registry.domain.errors import Conflict
from registry.domain.kinds import Role
from registry.domain.people import SYSTEM, Actor
from registry.queries.audit import AuditFilter, as_csv, every_entry, list_audit
from registry.services import audit as trail
from registry.storage.database import reading, writing
from registry.storage.tables import audit

CHEN = Actor(user_id=7, name="陈静", role=Role.REGISTRAR, unit_id=None)


def fill(engine: Engine, now: datetime, count: int = 5) -> None:
    """Entries a minute apart."""
    for number in range(count):
        with writing(engine) as tx:
            trail.record(
                tx,
                by=CHEN if number % 2 else SYSTEM,
                action="tag.destroy" if number % 2 else "asset.change",
                subject=f"asset:{number}",
                detail={"路": "人民路", "n": number},
                now=now + timedelta(minutes=number),
            )


def tamper(engine: Engine, *statements: str) -> None:
    """Write past the guards, as somebody with the database's own rights could."""
    with writing(engine) as tx:
        for trigger in ("audit_no_update", "audit_no_delete"):
            tx.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            tx.exec_driver_sql(statement)


def test_an_empty_and_a_growing_trail_are_whole(engine: Engine, now: datetime):
    assert trail.check_chain(engine).whole
    fill(engine, now)
    found = trail.check_chain(engine)
    assert (found.whole, found.entries) == (True, 5)
    assert len(found.last_hash) == 64


def test_an_entry_that_is_rolled_back_leaves_no_gap(engine: Engine, now: datetime):
    fill(engine, now, 1)
    with engine.connect() as connection:
        trail.record(connection, by=SYSTEM, action="a.b", now=now)
        connection.rollback()
    fill(engine, now, 1)
    assert (trail.check_chain(engine).whole, trail.check_chain(engine).entries) == (True, 2)


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit WHERE id = 2"])
def test_the_database_itself_refuses_to_change_the_trail(engine: Engine, now: datetime, statement: str):
    fill(engine, now)
    with pytest.raises(Conflict, match="only added to"), writing(engine) as tx:
        tx.exec_driver_sql(statement)


@pytest.mark.parametrize(
    "change",
    [
        "at = at + 1",
        "user_id = 8",
        "user_id = NULL",
        "actor = '别人'",
        "action = 'asset.delete'",
        "subject = 'asset:99'",
        "detail = '{}'",
        "previous_hash = hash",
        "hash = previous_hash",
    ],
)
def test_a_changed_entry_is_found_whichever_field_it_is(engine: Engine, now: datetime, change: str):
    fill(engine, now)
    tamper(engine, f"UPDATE audit SET {change} WHERE id = 4")
    found = trail.check_chain(engine)
    assert (found.whole, found.at_id) == (False, 4)


@pytest.mark.parametrize(
    ("removed", "at_id"), [("id = 1", 2), ("id = 3", 4), ("id = 5", 5), ("id >= 4", 4), ("id > 0", 1)]
)
def test_a_removed_entry_is_found_also_the_last_ones_and_all(engine: Engine, now: datetime, removed: str, at_id: int):
    fill(engine, now)
    tamper(engine, f"DELETE FROM audit WHERE {removed}")
    found = trail.check_chain(engine)
    assert (found.whole, found.at_id) == (False, at_id)


def test_entries_in_another_order_are_found(engine: Engine, now: datetime):
    fill(engine, now)
    tamper(
        engine,
        "UPDATE audit SET id = 99 WHERE id = 2",
        "UPDATE audit SET id = 2 WHERE id = 3",
        "UPDATE audit SET id = 3 WHERE id = 99",
    )
    assert trail.check_chain(engine).at_id == 2


def test_an_entry_put_in_afterwards_is_found(engine: Engine, now: datetime):
    fill(engine, now)
    tamper(
        engine, "INSERT INTO audit SELECT 6, at, user_id, actor, action, subject, detail, hash, hash FROM audit LIMIT 1"
    )
    assert not trail.check_chain(engine).whole


def test_a_trail_that_lost_its_head_is_found(engine: Engine, now: datetime):
    fill(engine, now)
    tamper(engine, "DELETE FROM audit_head")
    assert "head" in trail.check_chain(engine).problem


@pytest.mark.parametrize(
    "detail",
    [
        {},
        {"n": 0.1, "big": 2**63, "none": None, "yes": True},
        {"b": {"z": 1, "a": [1, 2, {"x": "y"}]}, "a": []},
        {"text": '井盖\u0000\n\u2028\U0001f573 "quoted" \\'},
        {"": ["", " "]},
    ],
)
def test_whatever_is_recorded_is_whole_when_it_is_read_again(engine: Engine, now: datetime, detail: dict[str, object]):
    with writing(engine) as tx:
        trail.record(tx, by=CHEN, action="a.b", detail=detail, now=now + timedelta(microseconds=123_456))
    assert trail.check_chain(engine).whole
    assert next(every_entry(engine, AuditFilter())).detail == detail


def test_the_trail_is_read_by_who_what_which_and_when(engine: Engine, now: datetime):
    fill(engine, now)

    def ids(**wanted: object) -> list[int]:
        return [row.id for row in list_audit(engine, AuditFilter(**wanted)).items]  # type: ignore[arg-type]

    assert ids() == [5, 4, 3, 2, 1]
    assert ids(who="陈") == ids(who="7") == ids(who="user:7") == [4, 2]
    assert ids(action="asset.change") == [5, 3, 1]
    assert ids(subject="asset:3") == [4]
    assert ids(subject="asset") == [5, 4, 3, 2, 1]
    assert ids(subject="ass") == []
    assert ids(since=now + timedelta(minutes=1), until=now + timedelta(minutes=3)) == [3, 2]
    page = list_audit(engine, AuditFilter(), limit=2)
    assert [row.id for row in list_audit(engine, AuditFilter(), after=page.next, limit=2).items] == [3, 2]


def test_an_export_holds_every_entry_and_runs_nothing_in_a_spreadsheet(engine: Engine, now: datetime):
    fill(engine, now)
    with writing(engine) as tx:
        trail.record(tx, by=Actor(user_id=1, name="=1+1", role=None, unit_id=None), action="a.b", now=now)
    text = "".join(as_csv(every_entry(engine, AuditFilter())))
    lines = text.splitlines()
    assert len(lines) == 7
    assert "人民路" in lines[1]
    assert ",'=1+1," in lines[6]


def test_words_that_are_too_long_are_cut_and_still_fit_the_chain(engine: Engine, now: datetime):
    with writing(engine) as tx:
        trail.record(tx, by=SYSTEM, action="a" * 99, subject="s" * 99, now=now)
    with reading(engine) as tx:
        row = tx.execute(select(audit)).one()
    assert (len(row.action), len(row.subject)) == (60, 80)
    assert trail.check_chain(engine).whole
