"""Moves of cases by programs: what the services allow somebody on a page, the API allows them too."""

from __future__ import annotations

from registry.domain.kinds import Role, Severity, Source
from registry.services.case_opening import Place, open_at_place
from registry.services.cases import move_case
from registry.storage.database import writing
from tests.web.conftest import NOON, Web
from tests.web.program import Program, told


def handed_back_by_another_unit(web: Web) -> int:
    """A case that the power company has handed back, and that the crew of the waterworks shall look at."""
    city = web.city
    case_id = city.open_case(NOON).case_id
    for move, by, more in (
        ("dispatch", city.dispatcher, {"assignee_id": city.stranger.user_id}),
        ("accept", city.stranger, {}),
        ("hand_back", city.stranger, {"note": "修好"}),
        ("ask_verification", city.dispatcher, {"assignee_id": city.crew.user_id}),
    ):
        version = city.case(case_id).version
        move_case(city.engine, case_id=case_id, move=move, by=by, expected_version=version, now=NOON, **more)  # type: ignore[arg-type]
    return case_id


def test_who_was_sent_to_look_at_another_units_work_says_by_the_api_how_it_is(web: Web) -> None:
    case_id = handed_back_by_another_unit(web)
    crew = Program(web, Role.CREW)
    tag = crew.get(f"/cases/{case_id}").headers["ETag"]
    answer = crew.send("POST", f"/cases/{case_id}/moves", {"move": "verify", "note": "好了"}, If_Match=tag)
    assert told(answer)["stage"] == "verified"


def test_nobody_touches_by_the_api_what_is_another_units(web: Web) -> None:
    case_id = web.city.open_case(NOON).case_id
    sent = {"assignee_id": web.city.stranger.user_id, "by": web.city.dispatcher, "expected_version": 1}
    move_case(web.city.engine, case_id=case_id, move="dispatch", now=NOON, **sent)
    crew = Program(web, Role.CREW)
    refused = crew.send("POST", f"/cases/{case_id}/moves", {"move": "accept"}, If_Match="*")
    assert told(refused, 403)["code"] == "not_allowed"


def test_a_program_at_the_desk_names_what_a_case_is_about(web: Web) -> None:
    place = Place(lon=113.3001, lat=23.1, words="中山路口")
    with writing(web.city.engine) as tx:
        case_id = open_at_place(
            tx, place=place, kind="cover_loose", severity=Severity.ALARM, source=Source.HOTLINE, now=NOON
        ).case_id
    desk = Program(web, Role.DISPATCHER)
    answer = desk.send("POST", f"/cases/{case_id}/asset", {"asset_id": web.city.asset_id}, If_Match="*")
    assert told(answer)["asset_id"] == web.city.asset_id
