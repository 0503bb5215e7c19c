"""A case of a place where nothing of the register stands is listed and shown like every other one."""

from __future__ import annotations

import pytest

from registry.domain.geo import check_place
from registry.domain.kinds import Role
from registry.services.cases import move_case
from registry.services.reports import NewReport, take_report
from tests.web.conftest import Web

PLACE = "人民路口公交站旁"


@pytest.fixture
def case_id(web: Web) -> int:
    new = NewReport(text="缺了一个井盖", place=check_place(113.3, 23.1), address=PLACE, secret=b"key of this city")
    kept = take_report(web.city.engine, new, now=web.clock.now)
    steps = ({"move": "file"}, {"move": "dispatch", "assignee_id": web.city.crew.user_id})
    for step in steps:
        version = web.city.case(kept.case_id).version
        order = {"by": web.city.dispatcher, "expected_version": version, "now": web.clock.now, **step}
        move_case(web.city.engine, case_id=kept.case_id, **order)
    return kept.case_id


@pytest.mark.parametrize("path", ["/cases", "/", "/cases/{id}", "/intake", "/queues/{unit}"])
def test_the_desk_sees_it_everywhere(web: Web, case_id: int, path: str) -> None:
    answer = web.as_(Role.DISPATCHER).get(path.format(id=case_id, unit=web.city.water))
    assert answer.status_code == 200
    assert PLACE in answer.text


def test_the_crew_sees_it_among_its_tasks(web: Web, case_id: int) -> None:
    assert PLACE in web.as_(Role.CREW).get("/tasks").text
