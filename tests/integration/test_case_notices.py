"""Notices of cases against real receivers: who a case is dispatched to by mail, what is late at a program's door."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.domain.kinds import Severity
from registry.services.case_watch import watch_cases
from registry.services.cases import move_case
from registry.services.notice_planning import plan_notices
from registry.services.notice_sending import send_due
from registry.storage.database import open_database
from tests.city import build_city
from tests.notices import PLACE, Told
from tests.receivers import http_server, mail_server

pytestmark = pytest.mark.network

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture
def on_sqlite(filled_sqlite_url: str) -> Iterator[Told]:
    engine = open_database(filled_sqlite_url)
    yield Told(build_city(engine, NOON), NOON)
    engine.dispose()


@pytest.fixture
def on_postgres(filled_postgres_url: str) -> Iterator[Told]:
    engine = open_database(filled_postgres_url)
    yield Told(build_city(engine, NOON), NOON)
    engine.dispose()


def plan_and_send(told: Told, channels: list[int], at: datetime) -> int:
    plan_notices(told.engine, place=PLACE, now=at)
    return sum(send_due(told.engine, each, place=PLACE, clock=lambda: at).sent for each in channels)


@pytest.mark.parametrize("records", ["on_sqlite", "on_postgres"])
def test_a_case_is_told_to_whose_it_is_by_mail_and_when_it_is_late_to_a_program_too(
    records: str, request: pytest.FixtureRequest
) -> None:
    told: Told = request.getfixturevalue(records)
    city = told.city
    with mail_server() as box, http_server() as hook:
        mail, program = told.add_channel(box.address), told.add_channel(f"{hook.address}#geheim", "webhook")
        told.add_contact(mail, address="limin@example.cn", user_id=city.crew.user_id)
        listener = told.add_contact(program)
        told.add_route({"after_s": 0, "contacts": [listener]}, rule_key="case_late", unit_id=city.water)
        case_id = city.open_case(NOON, kind="cover_missing", severity=Severity.CRITICAL).case_id
        order: dict[str, Any] = {"move": "dispatch", "by": city.dispatcher, "assignee_id": city.crew.user_id}
        move_case(city.engine, case_id=case_id, expected_version=1, now=NOON, note="先围护", **order)
        assert plan_and_send(told, [mail, program], NOON) == 1
        watch_cases(city.engine, now=NOON)
        later = city.case(case_id).deadline_at + timedelta(days=30)
        watch_cases(city.engine, now=later)
        assert plan_and_send(told, [mail, program], later) == 4
        assert plan_and_send(told, [mail, program], later) == 0
    letters = [letter["Subject"].partition("】")[0] for letter in box.letters]
    assert letters[0] == "【紧急·派单"
    assert sorted(letters[1:]) == ["【紧急·围护超期·再次催办", "【紧急·已超期·再次催办"]
    assert "说明：先围护" in box.letters[0].get_content()
    body = hook.bodies[-1]
    assert (body["kind"], body["severity"], body["alert"]) == ("case", "critical", None)
    assert (body["case"]["id"], body["case"]["unit"], body["case"]["kind"]) == (case_id, "水务", "cover_missing")
    assert body["link"].endswith(f"/cases/{case_id}")
    assert "X-CoverCode-Signature" in hook.headers[-1]
