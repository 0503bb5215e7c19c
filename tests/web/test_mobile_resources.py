"""Mobile resources: the list, positions in any order, who is on line, and on whose screen they are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from registry.domain.kinds import Role
from registry.queries.mobile_resources import mobile_resources, mobile_tallies
from tests.web.conftest import Web, csrf_of, send
from tests.web.test_people import add, sign_in
from tests.web.test_wall import make_link

CAR = {"kind": "vehicle", "number": "苏E·12345", "name": "抢修一车", "unit_id": "", "area_code": ""}
POSITIONS = "/api/v1/mobile-resources/positions"


def listed(web: Web, **more: str) -> None:
    answer = send(web.as_(Role.DISPATCHER), "/mobile-resources", CAR | more, page="/mobile-resources")
    assert answer.status_code == 303, answer.text


def at(web: Web, minutes_ago: float, lon: float = 110.36, **more: Any) -> dict[str, Any]:
    moment: datetime = web.clock.now - timedelta(minutes=minutes_ago)
    return {"number": "苏e12345", "at": moment.isoformat(), "lon": lon, "lat": 21.27} | more


def report(web: Web, *positions: dict[str, Any], role: Role = Role.DISPATCHER) -> Any:
    client = web.as_(role)
    headers = {"X-CSRFToken": csrf_of(client, "/account")}
    return client.post(POSITIONS, json={"positions": list(positions)}, headers=headers)


def place(web: Web) -> tuple[float | None, bool]:
    (found,) = mobile_resources(web.city.engine, now=web.clock.now)
    return found.lon, found.online


def test_a_late_report_never_replaces_a_newer_place(web: Web) -> None:
    listed(web)
    first = report(web, at(web, 1, 110.361), at(web, 3, 110.363), at(web, 2, 110.362))
    assert (first.status_code, first.json) == (202, {"taken": 1, "late": 2, "unknown": []})
    assert place(web) == (110.361, True)
    again = report(web, at(web, 2, 110.369))
    assert again.json == {"taken": 0, "late": 1, "unknown": []}
    assert place(web) == (110.361, True)


def test_numbers_are_found_however_they_are_written_and_unknown_ones_are_told(web: Web) -> None:
    listed(web)
    told = report(web, at(web, 1, number="苏E 12345"), at(web, 1, number="nobody"))
    assert told.json == {"taken": 1, "late": 0, "unknown": ["NOBODY"]}


def test_places_of_a_gcj_02_map_are_kept_as_wgs_84(web: Web) -> None:
    listed(web)
    report(web, at(web, 1, 110.3645, crs="gcj02"))
    lon, _ = place(web)
    assert lon is not None
    assert 0.003 < 110.3645 - lon < 0.008


def test_who_told_nothing_for_ten_minutes_is_off_line(web: Web) -> None:
    listed(web)
    report(web, at(web, 9))
    assert [(each.total, each.online) for each in mobile_tallies(web.city.engine, now=web.clock.now)] == [(1, 1)]
    web.clock.pass_by(minutes=2)
    assert [(each.total, each.online) for each in mobile_tallies(web.city.engine, now=web.clock.now)] == [(1, 0)]
    page = web.as_(Role.VIEWER).get("/mobile-resources?online=0").text
    assert "苏E12345" in page
    assert "苏E12345" not in web.as_(Role.VIEWER).get("/mobile-resources?online=1").text


@pytest.mark.parametrize(
    "wrong",
    [
        {"lon": 200.0},
        {"lon": 0.0, "lat": 0.0},
        {"at": "yesterday"},
        {"at": "2026-03-02T13:00:00Z"},
        {"speed_kmh": -3},
        {"number": " "},
    ],
)
def test_a_report_that_can_not_be_used_is_named_and_nothing_is_kept(web: Web, wrong: dict[str, Any]) -> None:
    listed(web)
    answer = report(web, at(web, 1), at(web, 1) | wrong)
    assert answer.status_code == 422
    assert "positions[1]" in answer.text
    assert place(web) == (None, False)


def test_a_number_stands_for_one_until_it_is_taken_off_the_list(web: Web) -> None:
    listed(web)
    dispatcher = web.as_(Role.DISPATCHER)
    twice = send(dispatcher, "/mobile-resources", CAR | {"kind": "handset"}, page="/mobile-resources")
    assert twice.status_code == 422
    (found,) = mobile_resources(web.city.engine, now=web.clock.now)
    changed = send(dispatcher, f"/mobile-resources/{found.id}", CAR | {"name": "抢修二车"}, page="/mobile-resources")
    assert changed.status_code == 303
    assert "抢修二车" in dispatcher.get(f"/mobile-resources/{found.id}").text
    assert send(dispatcher, f"/mobile-resources/{found.id}/retire", {}, page="/mobile-resources").status_code == 303
    assert dispatcher.get(f"/mobile-resources/{found.id}").status_code == 404
    listed(web)


def test_who_is_bound_to_an_area_sees_and_moves_only_what_works_there(web: Web) -> None:
    listed(web)
    listed(web, number="苏E22222", area_code="440803")
    add(web, "district", Role.DISPATCHER, area_code="440803")
    theirs = sign_in(web, "district")
    page = theirs.get("/mobile-resources").text
    assert "苏E22222" in page
    assert "苏E12345" not in page
    headers = {"X-CSRFToken": csrf_of(theirs, "/account")}
    told = theirs.post(POSITIONS, json={"positions": [at(web, 1)]}, headers=headers)
    assert told.json == {"taken": 0, "late": 0, "unknown": ["苏E12345"]}
    refused = send(theirs, "/mobile-resources", CAR | {"number": "苏E33333"}, page="/mobile-resources")
    assert refused.status_code in (403, 422)


def test_places_on_the_wall_name_what_is_there_to_staff_alone_and_never_show_people_to_a_link(web: Web) -> None:
    listed(web)
    for kind in ("handset", "recorder", "other"):
        listed(web, kind=kind, number=kind, name="张三")
    report(web, at(web, 1), *(at(web, 2, number=kind) for kind in ("handset", "recorder", "other")))

    def shown(client: FlaskClient, path: str) -> list[dict[str, str]]:
        found = client.get(path).json
        assert isinstance(found, dict)
        return [each["properties"] for each in found["features"]]

    staff = shown(web.as_(Role.VIEWER), "/wall/places.json")
    assert [each["kind"] for each in staff] == ["vehicle", "handset", "other", "recorder"]
    assert [each["name"] for each in staff] == ["抢修一车", "张三", "张三", "张三"]
    assert shown(web.visitor(), f"{make_link(web)}/places.json") == [{"kind": "vehicle"}]
    assert report(web, at(web, 0), role=Role.CREW).status_code == 403
