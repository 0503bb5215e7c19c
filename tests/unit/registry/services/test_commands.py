"""Commands to cabinets in the registry: ordered by who may, sent until answered, ended once, with what that brings."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from registry.domain.commands import CommandKind, CommandState, ConfigurationState
from registry.domain.configuration_text import with_period
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.queries.cabinets import cabinet_file, command, difference, list_commands
from registry.services import commands, configurations
from registry.services.cabinets import CabinetState, note_cabinet
from registry.services.command_replies import take_reply
from registry.storage.database import reading, writing
from registry.storage.tables import audit, device, point
from tests.city import City, build_city


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    made = build_city(engine, now)
    with writing(engine) as tx:
        tx.execute(update(device).values(cabinet_id="c1"))
    note_cabinet(engine, CabinetState(cabinet="c1", online=True, at=now.timestamp()), now=now)
    return made


def order(city: City, kind: str, now: datetime, *, by: Any = None, **more: Any) -> int:
    new = commands.NewCommand(kind=CommandKind(kind), **({"cabinet_id": "c1"} | more))
    return commands.order_command(city.engine, new, by=by or city.administrator, now=now)


def due(city: City, now: datetime) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in commands.due_commands(city.engine, now=now)]


def reply(city: City, key: str, outcome: str, now: datetime, *, cabinet: str = "c1", **more: Any) -> str | None:
    body = json.dumps({"id": key, "outcome": outcome, "at": now.timestamp(), **more}).encode()
    return take_reply(city.engine, cabinet, body, now=now)


def publish(city: City, text: str, follows: int, now: datetime, **more: Any) -> int:
    new = configurations.NewConfiguration(cabinet_id="c1", text=text, follows=follows)
    check = more.get("check", lambda *_: [])
    return configurations.publish_configuration(city.engine, new, check=check, by=city.administrator, now=now)


def test_a_command_is_sent_again_at_growing_pauses_until_it_is_answered(city: City, now: datetime):
    number = order(city, "poll", now)
    (first,) = due(city, now)
    assert (first["kind"], first["expires_at"]) == ("poll", (now + timedelta(minutes=10)).timestamp())
    assert due(city, now + timedelta(seconds=1)) == []
    (again,) = due(city, now + timedelta(seconds=2))
    assert again["id"] == first["id"]
    assert due(city, now + timedelta(seconds=5)) == []
    assert len(due(city, now + timedelta(seconds=6))) == 1
    reply(city, first["id"], "done", now, result={"asked": ["CV-000001"]})
    assert due(city, now + timedelta(minutes=5)) == []
    found = command(city.engine, number)
    assert (found.state, found.sends) == (CommandState.DONE, 3)


def test_a_command_nobody_answers_expires_and_a_later_answer_changes_nothing(city: City, now: datetime):
    number = order(city, "poll", now)
    (sent,) = due(city, now)
    assert due(city, now + timedelta(minutes=11)) == []
    assert command(city.engine, number).state is CommandState.EXPIRED
    reply(city, sent["id"], "done", now)
    assert command(city.engine, number).state is CommandState.EXPIRED


def test_another_cabinet_can_not_answer_for_it(city: City, now: datetime):
    number = order(city, "poll", now)
    (sent,) = due(city, now)
    reply(city, sent["id"], "done", now, cabinet="c2")
    reply(city, "unknown", "done", now)
    take_reply(city.engine, "c1", b"\xff nonsense", now=now)
    assert command(city.engine, number).state is CommandState.SENT


@pytest.mark.parametrize(
    ("outcome", "state"),
    [("refused", CommandState.REFUSED), ("failed", CommandState.FAILED), ("rolled_back", CommandState.FAILED)],
)
def test_a_refusal_is_kept_with_its_reason(city: City, now: datetime, outcome: str, state: CommandState):
    number = order(city, "restart", now)
    (sent,) = due(city, now)
    reply(city, sent["id"], outcome, now, reason="no")
    found = command(city.engine, number)
    assert (found.state, found.reason) == (state, "no")


def test_who_may_not_order_is_refused_and_who_does_stands_in_the_audit_trail(city: City, now: datetime):
    for kind, person in (("restart", city.dispatcher), ("poll", city.viewer), ("rotate", city.registrar)):
        with pytest.raises(NotAllowed):
            order(city, kind, now, by=person)
    order(city, "restart", now)
    with reading(city.engine) as tx:
        row = tx.execute(select(audit).order_by(audit.c.id.desc())).first()
    assert row is not None
    assert (row.action, row.subject, row.user_id) == ("cabinet.restart", "cabinet:c1", city.administrator.user_id)


def test_the_same_command_is_not_ordered_twice_at_once_and_can_be_withdrawn(city: City, now: datetime):
    number = order(city, "restart", now)
    with pytest.raises(Conflict):
        order(city, "restart", now)
    commands.withdraw_command(city.engine, number, by=city.administrator, now=now)
    assert due(city, now + timedelta(minutes=1)) == []
    with pytest.raises(InvalidMove):
        commands.withdraw_command(city.engine, number, by=city.administrator, now=now)
    order(city, "restart", now)
    with pytest.raises(NotFound):
        order(city, "poll", now, cabinet_id="c9")


def test_a_zero_measured_by_the_cabinet_is_set_in_the_name_of_who_ordered_it(city: City, now: datetime):
    number = order(city, "rezero", now, by=city.registrar, device_id=city.device_id, arguments={"reason": "fitted"})
    (sent,) = due(city, now)
    assert sent["arguments"] == {"serial": "CV-000001", "reason": "fitted"}
    result = {"values": {"tilt_x": 1.234, "tilt_y": -0.5, "battery": 80}, "spread": {"tilt_x": 0.1, "tilt_y": 0.0}}
    reply(city, sent["id"], "done", now, result=result)
    assert command(city.engine, number).state is CommandState.DONE
    with reading(city.engine) as tx:
        zeroes = {row.name: row.baseline for row in tx.execute(select(point.c.name, point.c.baseline))}
        last = tx.execute(select(audit).order_by(audit.c.id.desc())).first()
    assert (zeroes["tilt_x"], zeroes["tilt_y"], zeroes["battery"]) == (1.23, -0.5, 0.0)
    assert last is not None
    assert (last.action, last.user_id) == ("device.rezero", city.registrar.user_id)


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ({"values": {"tilt_x": 1.0}, "spread": {"tilt_x": 40.0}}, "come to rest"),
        ({"values": {}, "spread": {}}, "no point"),
        ({}, "another version"),
        ({"values": {"tilt_x": 4000.0}, "spread": {"tilt_x": 0.0}}, "outside"),
    ],
)
def test_a_zero_that_can_not_be_one_fails_and_changes_nothing(
    city: City, now: datetime, result: dict[str, Any], why: str
):
    number = order(city, "rezero", now, device_id=city.device_id)
    (sent,) = due(city, now)
    reply(city, sent["id"], "done", now, result=result)
    found = command(city.engine, number)
    assert found.state is CommandState.FAILED
    assert why in found.reason
    with reading(city.engine) as tx:
        assert set(tx.execute(select(point.c.baseline)).scalars()) == {0.0}


def test_a_configuration_is_sent_with_its_hash_and_in_use_when_the_cabinet_says_so(city: City, now: datetime):
    assert publish(city, "[uplink]\nwindow = 32\n", 0, now) == 1
    (sent,) = due(city, now)
    assert {"version", "text", "hash"} <= set(sent["arguments"])
    assert reply(city, sent["id"], "trying", now) == sent["id"]
    assert cabinet_file(city.engine, "c1", now=now).newest.state is ConfigurationState.WAITING
    reply(city, sent["id"], "done", now, result={"version": 1})
    found = cabinet_file(city.engine, "c1", now=now)
    assert (found.applied.version, found.running_version) == (1, 1)
    publish(city, "[uplink]\nwindow = 16\n", 1, now)
    (second,) = due(city, now)
    reply(city, second["id"], "rolled_back", now, reason="not heard")
    found = cabinet_file(city.engine, "c1", now=now)
    assert found.applied.version == 1
    assert (found.newest.state, found.newest.reason) == (ConfigurationState.ROLLED_BACK, "not heard")


def test_a_newer_version_overtakes_one_that_still_waits_and_nobody_overwrites_another_s(city: City, now: datetime):
    publish(city, "a = 1", 0, now)
    with pytest.raises(Conflict, match="version 1 was written meanwhile"):
        publish(city, "b = 1", 0, now)
    publish(city, "b = 1", 1, now)
    assert [sent["arguments"]["version"] for sent in due(city, now)] == [2]
    found = cabinet_file(city.engine, "c1", now=now)
    assert [each.state for each in found.configurations] == [
        ConfigurationState.WAITING,
        ConfigurationState.SUPERSEDED,
    ]
    assert [row.state for row in list_commands(city.engine, "c1").items][-1] is CommandState.WITHDRAWN


def test_what_is_wrong_with_a_text_is_said_before_anything_is_sent(city: City, now: datetime):
    asked: list[Any] = []

    def check(*told: Any) -> list[str]:
        asked.append(told)
        return ["uplink.window: is 0", "spool.path: may not be changed"]

    with pytest.raises(InvalidInput, match=r"spool\.path"):
        publish(city, "[uplink]\nwindow = 0\n", 0, now, check=check)
    assert asked == [("c1", "[uplink]\nwindow = 0\n", None)]
    assert due(city, now) == []


def test_the_check_knows_what_the_cabinet_has_told_of_itself(city: City, now: datetime):
    order(city, "describe", now)
    (sent,) = due(city, now)
    reply(city, sent["id"], "done", now, result={"own": {"cabinet": {"id": "c1"}}, "in_use": {}})
    asked: list[Any] = []
    publish(city, "", 0, now, check=lambda *told: asked.append(told) or [])
    assert asked == [("c1", "", {"cabinet": {"id": "c1"}})]


def test_another_period_for_one_sensor_is_another_version_of_the_text(city: City, now: datetime):
    publish(city, "# ours\n[uplink]\nwindow = 32\n", 0, now)
    for period_s in (60, 90):
        configurations.change_period(
            city.engine, city.device_id, period_s, check=lambda *_: [], by=city.administrator, now=now
        )
    found = cabinet_file(city.engine, "c1", now=now)
    assert found.newest.version == 3
    assert found.newest.text == '# ours\n[uplink]\nwindow = 32\n\n[unit."CV-000001"]\npoll_every_s = 90\n'


@pytest.mark.parametrize("header", ['[unit."CV-1"]', "[unit.CV-1]", "[ unit . 'CV-1' ]"])
def test_a_period_is_written_where_the_unit_stands_already(header: str):
    text = f"{header}\naddress = 3\n[uplink]\nwindow = 1\n"
    assert with_period(text, "CV-1", 5) == f"{header}\npoll_every_s = 5\naddress = 3\n[uplink]\nwindow = 1\n"


def test_a_text_that_only_a_person_can_change_is_left_alone():
    with pytest.raises(InvalidInput, match="only a person"):
        with_period("unit = { CV-1 = { address = 1 } }\n", "CV-1", 5)


def test_a_difference_names_what_came_and_what_went():
    told = [(line.kind, line.text) for line in difference("a\nb", "a\nc")]
    assert told == [("same", "a"), ("removed", "b"), ("added", "c")]
