"""What was only of the moment is forgotten in time; ids are never used again."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from sqlalchemy import Engine, insert, select

from registry.domain.commands import CommandKind
from registry.domain.people import SYSTEM
from registry.queries.feed import newest_id
from registry.services.cleaning import clean_up
from registry.services.command_replies import take_reply
from registry.services.commands import NewCommand, due_commands, order_command
from registry.services.feed import publish
from registry.storage.database import reading, writing
from registry.storage.tables import (
    audit,
    cabinet,
    cabinet_command,
    case_event,
    channel,
    contact,
    dead_letter,
    notice,
)
from tests.city import build_city

DAY = timedelta(days=1)
KEEP = {"keep_feed": 7 * DAY, "keep_letters": 90 * DAY, "keep_commands": 180 * DAY, "keep_notices": 730 * DAY}


def test_events_go_after_a_week_and_letters_after_three_months(engine: Engine, now: datetime):
    with writing(engine) as tx:
        for age in (100, 91, 89, 8, 6, 0):
            publish(tx, "case_opened", {"age": age}, now=now - age * DAY)
            letter = {"at": now - age * DAY, "cabinet_id": "c", "reason": "undecodable", "detail": str(age), "body": ""}
            tx.execute(insert(dead_letter).values(letter))
    last = newest_id(engine)
    assert clean_up(engine, now=now, **KEEP, batch=2) == (4, 2, 0, 0, 0)
    assert clean_up(engine, now=now, **KEEP) == (0, 0, 0, 0, 0)
    with reading(engine) as tx:
        assert list(tx.scalars(select(dead_letter.c.detail).order_by(dead_letter.c.id))) == ["89", "8", "6", "0"]
    clean_up(engine, now=now + 30 * DAY, **KEEP)
    with writing(engine) as tx:
        publish(tx, "case_opened", {}, now=now)
    assert newest_id(engine) == last + 1


def test_commands_go_half_a_year_after_they_ended_and_the_audit_tells_of_them_for_ever(engine: Engine, now: datetime):
    with writing(engine) as tx:
        tx.execute(insert(cabinet).values(id="c1", name="c1", online=True, state_at=now))
    kinds = (CommandKind.POLL, CommandKind.DESCRIBE, CommandKind.DESCRIBE, CommandKind.RESTART)
    for kind in kinds:
        order_command(engine, NewCommand(kind=kind, cabinet_id="c1"), by=SYSTEM, now=now)
        for _, message in due_commands(engine, now=now):
            command = json.loads(message)
            if command["kind"] == kind:
                reply = {"id": command["id"], "outcome": "done", "result": {"own": {}}}
                take_reply(engine, "c1", json.dumps(reply).encode(), now=now)
    order_command(engine, NewCommand(kind=CommandKind.ROTATE, cabinet_id="c1"), by=SYSTEM, now=now)

    assert clean_up(engine, now=now + 179 * DAY, **KEEP).commands == 0
    assert clean_up(engine, now=now + 181 * DAY, **KEEP, batch=2).commands == 3
    with reading(engine) as tx:
        left = tx.execute(select(cabinet_command.c.kind, cabinet_command.c.id).order_by(cabinet_command.c.id)).all()
        ordered = list(tx.scalars(select(audit.c.action).order_by(audit.c.id)))
    assert [tuple(row) for row in left] == [("describe", 3), ("rotate", 5)], "what it last told, and what runs"
    assert ordered == [*(f"cabinet.{kind}" for kind in kinds), "cabinet.rotate"]


def test_notices_go_two_years_after_their_alert_was_over_and_a_digest_after_what_it_gathered(
    engine: Engine, now: datetime
):
    city = build_city(engine, now)
    live, over = city.add_alert(None, now), city.add_alert(None, now, rule_key="r2", state="cleared", cleared_at=now)
    with writing(engine) as tx:
        sms = {"name": "短信", "kind": "webhook", "address": "https://sms.example/", "created_at": now}
        channel_id = tx.execute(insert(channel).values(sms).returning(channel.c.id)).scalar_one()
        duty = {"name": "值班", "channel_id": channel_id}
        contact_id = tx.execute(insert(contact).values(duty).returning(contact.c.id)).scalar_one()

        def told(key: str, kind: str, **columns: object) -> int:
            row = {"key": key, "kind": kind, "state": "sent", "contact_id": contact_id, "severity": 2}
            row |= {"title": "", "body": "", "created_at": now, "due_at": now}
            written = insert(notice).values(row | columns)
            return int(tx.execute(written.returning(notice.c.id)).scalar_one())

        digest = told("d", "digest")
        told("a", "alarm", alert_id=over, digest_id=digest)
        told("b", "alarm", alert_id=live)
        told("c", "alarm", alert_id=over, state="waiting")

    assert clean_up(engine, now=now + 729 * DAY, **KEEP).notices == 0
    gone = sum(clean_up(engine, now=now + 731 * DAY, **KEEP).notices for _ in range(2))
    with reading(engine) as tx:
        left = sorted(tx.scalars(select(notice.c.key)))
    assert (gone, left) == (2, ["b", "c"])


def test_what_was_told_of_cases_goes_with_its_notices_and_what_was_not_stays(engine: Engine, now: datetime):
    case_id = build_city(engine, now).open_case(now).case_id
    with writing(engine) as tx:
        told = {"case_id": case_id, "at": now, "kind": "assigned"}
        tx.execute(insert(case_event).values(told | {"planned_at": now}))
        tx.execute(insert(case_event).values(told))
    assert clean_up(engine, now=now + 729 * DAY, **KEEP).case_events == 0
    assert clean_up(engine, now=now + 731 * DAY, **KEEP).case_events == 1
    with reading(engine) as tx:
        assert tx.scalars(select(case_event.c.planned_at)).all() == [None]
