"""A person's own page: what waits for them beside the cases that were dispatched to them."""

from __future__ import annotations

from datetime import timedelta

from registry.domain.kinds import Role, Source
from registry.services.cases import move_case
from registry.services.supervising import add_item
from registry.services.supervision import NewItem
from tests.web.conftest import Web, send


def asked(web: Web, looker_id: int | None) -> int:
    """A citizen's report that somebody is to look at."""
    case_id, _ = web.city.open_case(web.clock.now, kind="cover_loose", source=Source.CITIZEN)
    move_case(
        web.city.engine,
        case_id=case_id,
        move="ask_check",
        by=web.city.dispatcher,
        expected_version=web.city.case(case_id).version,
        now=web.clock.now,
        assignee_id=looker_id,
        note="看看是否还响",
    )
    return case_id


def test_a_look_stands_on_the_page_of_whom_it_was_sent_to_and_leaves_it_when_it_is_taken(web: Web):
    case_id = asked(web, web.city.crew.user_id)
    crew = web.as_(Role.CREW)
    page = crew.get("/tasks").text
    assert "派给我的核实、核查" in page
    assert f'href="/cases/{case_id}"' in page
    assert f'href="/cases/{case_id}"' not in web.signed_in("stranger").get("/tasks").text
    form = {"move": "check", "version": web.city.case(case_id).version, "passed": "1", "note": "确实松动"}
    assert send(crew, f"/cases/{case_id}/moves", form, page="/tasks").status_code == 303
    assert f'href="/cases/{case_id}"' not in crew.get("/tasks").text


def test_a_look_for_whoever_is_near_is_shown_to_every_collector_and_to_nobody_else(web: Web):
    case_id = asked(web, None)
    for login in ("crew", "stranger"):
        page = web.signed_in(login).get("/tasks").text
        assert "就近核实、核查" in page
        assert f'href="/cases/{case_id}"' in page
    assert f'href="/cases/{case_id}"' not in web.as_(Role.VIEWER).get("/tasks").text


def test_what_the_unit_owes_an_answer_to_is_counted_with_its_first_deadline(web: Web):
    due = web.clock.now + timedelta(days=3)
    for days, problem in ((0, "井盖缺失"), (4, "箅子断裂")):
        new = NewItem(problem=problem, deadline_at=due + timedelta(days=days), asset_id=web.city.asset_id)
        add_item(web.city.engine, new, by=web.city.dispatcher, now=web.clock.now)
    warning = {"unit_id": web.city.water, "text": "箅子松动", "due_on": "2026-03-04", "asset_id": web.city.asset_id}
    assert send(web.as_(Role.DISPATCHER), "/warnings", warning, page="/warnings").status_code == 303
    page = web.as_(Role.CREW).get("/tasks").text
    assert "2 项督办待反馈" in page
    assert "最早时限 2026-03-05 12:00" in page
    assert "1 条巡查预警待答复" in page
    assert "督办待反馈" not in web.signed_in("stranger").get("/tasks").text
