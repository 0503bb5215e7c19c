from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from registry.domain.kinds import Role, Severity
from registry.storage.times import to_ms
from tests.web.conftest import NOON, Web


def get(web: Web, address: str) -> Any:
    answer = web.as_(Role.VIEWER).get(address)
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    return answer.json


def test_the_counters_come_with_the_streams_place(web: Web) -> None:
    web.city.open_case(NOON)
    told = get(web, "/api/v1/overview")
    assert told["overview"]["cases_open"] == 1
    assert told["feed_id"] == 1


def test_what_is_wrong_is_listed_worst_first(web: Web) -> None:
    web.city.open_case(NOON, kind="battery_low", severity=Severity.NOTICE)
    opened = web.city.open_case(NOON)
    web.city.add_alert(opened.case_id, NOON)
    told = get(web, "/api/v1/wrong-now?limit=1")
    assert [row["case_id"] for row in told["wrong"]] == [opened.case_id]
    assert told["wrong"][0]["deadline_at"].endswith("Z")


def test_the_map_is_geojson_and_unchanged_means_no_body(web: Web) -> None:
    client = web.as_(Role.VIEWER)
    first = client.get("/api/v1/map")
    assert first.mimetype == "application/geo+json"
    assert len(json.loads(first.data)["features"]) == 1
    web.clock.pass_by(seconds=5)
    again = client.get("/api/v1/map", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    web.city.open_case(NOON)
    assert client.get("/api/v1/map", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_the_map_can_be_cut(web: Web) -> None:
    assert len(get_map(web, "113,23,114,24")) == 1
    assert get_map(web, "0,0,1,1") == []
    assert web.as_(Role.VIEWER).get("/api/v1/map?bbox=1,2,3").status_code == 422


def get_map(web: Web, box: str) -> list[Any]:
    features: list[Any] = json.loads(web.as_(Role.VIEWER).get(f"/api/v1/map?bbox={box}").data)["features"]
    return features


def test_an_assets_values_are_told_also_before_it_ever_spoke(web: Web) -> None:
    told = get(web, f"/api/v1/assets/{web.city.asset_id}/values")
    assert {row["name"] for row in told["values"]} >= {"tilt_z", "water_level"}
    assert all(row["value"] is None for row in told["values"])
    missing = web.as_(Role.VIEWER).get("/api/v1/assets/4711/values")
    assert (missing.status_code, missing.json["code"]) == (404, "not_found")  # type: ignore[index]


def test_a_curve_comes_as_columns_with_the_alerts_over_it(web: Web) -> None:
    point = web.city.point("tilt_z")
    start = to_ms(NOON) - 600_000
    web.store.append([(point, start + n * 1000, float(n), 0, start + n * 1000) for n in range(600)])
    alert_id = web.city.add_alert(None, NOON - timedelta(minutes=5))
    told = get(web, f"/api/v1/points/{point}/series?points=100")
    times, mean, low, high = told["data"]
    assert len(times) == len(mean) == len(low) == len(high) <= 100
    assert (min(low), max(high)) == (0.0, 599.0)
    assert times == sorted(times)
    assert told["bands"] == [
        {
            "alert_id": alert_id,
            "rule_key": "cover_tilt",
            "severity": 2,
            "from": to_ms(NOON) - 300_000,
            "until": None,
        }
    ]
    assert told["until_ms"] - told["since_ms"] == 3_600_000
    assert told["point"]["unit"] == "deg"


def test_a_span_can_be_iso_or_milliseconds(web: Web) -> None:
    point = web.city.point("tilt_z")
    since, until = "2026-03-02T10:00:00+08:00", to_ms(NOON)
    told = get(web, f"/api/v1/points/{point}/series?since={quote(since)}&until={until}")
    assert told["until_ms"] - told["since_ms"] == 2 * 3_600_000
    assert told["data"] == [[], [], [], []]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=tomorrow", "since"),
        ("since=2026-03-02T10:00:00", "since"),
        ("since=2026-03-02T14:00:00Z&until=2026-03-02T12:00:00Z", "since"),
        ("since=0", "since"),
        ("until=99999999999999999999", "until"),
        ("points=0", "points"),
        ("points=1000000", "points"),
        ("points=many", "points"),
    ],
)
def test_a_span_that_makes_no_sense_names_its_field(web: Web, query: str, field: str) -> None:
    answer = web.as_(Role.VIEWER).get(f"/api/v1/points/{web.city.point('tilt_z')}/series?{query}")
    assert answer.status_code == 422
    assert answer.json is not None
    assert [line["field"] for line in answer.json["errors"]] == [field]


def test_a_point_nobody_has_is_not_found(web: Web) -> None:
    assert web.as_(Role.VIEWER).get("/api/v1/points/4711/series").status_code == 404


def test_an_address_of_the_api_that_does_not_exist_answers_with_a_problem(web: Web) -> None:
    answer = web.visitor().get("/api/v1/nothing")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert answer.json == {
        "type": "http://city.example/api/docs#problem-not_found",
        "title": "找不到",
        "status": 404,
        "detail": "这个地址没有内容。",
        "instance": "/api/v1/nothing",
        "code": "not_found",
        "errors": [],
        "request_id": answer.headers["X-Request-ID"],
    }


def test_a_program_is_told_in_the_language_it_asks_for(web: Web) -> None:
    told = web.visitor().get("/api/v1/nothing", headers={"Accept-Language": "en-GB,en;q=0.9,zh;q=0.1"})
    assert told.json is not None
    assert told.json["detail"] == "There is nothing at this address."
    page = web.visitor().get("/login", headers={"Accept-Language": "en"})
    assert "登录" in page.text  # pages are Chinese until somebody chooses otherwise
