"""What waits for a decision stands at the top of the queues, for whoever may decide it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from registry.domain.kinds import Role
from registry.queries.undecided import undecided_for
from registry.services.cases import move_case
from tests.web.conftest import NOON, Web


@pytest.fixture
def case_id(web: Web) -> int:
    """A case that is with the crew."""
    opened = web.city.open_case(NOON)
    move(web, opened.case_id, "dispatch", by=web.city.dispatcher, assignee_id=web.city.crew.user_id)
    return opened.case_id


def move(web: Web, case_id: int, name: str, **order: Any) -> None:
    version = web.city.case(case_id).version
    order.setdefault("by", web.city.crew)
    move_case(web.city.engine, case_id=case_id, move=name, expected_version=version, now=web.clock.now, **order)


def test_what_was_sent_back_stands_above_the_queue_with_its_reason_until_it_is_decided(web: Web, case_id: int) -> None:
    desk = web.as_(Role.DISPATCHER)
    assert "等您决定" not in desk.get("/queues").text
    move(web, case_id, "return", note="这是雨水井，归市政")
    page = desk.get("/queues").text
    assert "等您决定" in page
    assert "这是雨水井，归市政" in page
    assert "这是雨水井，归市政" in desk.get(f"/cases/{case_id}").text.partition("办理过程")[0], "not beside what to do"
    move(web, case_id, "confirm_return", by=web.city.dispatcher)
    assert "等您决定" not in desk.get("/queues").text


def test_a_request_waits_for_those_who_may_decide_it_and_not_for_who_asked(web: Web, case_id: int) -> None:
    move(web, case_id, "request_extension", note="要更换井座")
    (asked,) = undecided_for(web.city.engine, web.city.dispatcher)
    assert (asked.case_id, asked.asked, asked.reason) == (case_id, "extension", "要更换井座")
    assert asked.by_name == web.city.crew.name
    assert undecided_for(web.city.engine, web.city.crew) == []
    assert undecided_for(web.city.engine, web.city.viewer) == []
    assert "要更换井座" in web.as_(Role.DISPATCHER).get("/queues").text


def test_neither_goes_through_all_cases_or_requests(web: Web) -> None:
    asked: list[tuple[str, Any]] = []
    event.listen(web.city.engine, "before_cursor_execute", lambda _c, _u, sql, given, *_: asked.append((sql, given)))
    undecided_for(web.city.engine, web.city.dispatcher)
    with web.city.engine.connect() as tx:
        plans = [
            " ".join(row[3] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given))
            for sql, given in asked
            if sql.startswith("SELECT")
        ]
    assert "ix_case_file_returned" in plans[0]
    assert "ix_case_request_waiting_at" in plans[1]
    assert not any("SCAN case_file USING" not in plan and "SCAN case_file" in plan for plan in plans)
