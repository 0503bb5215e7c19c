"""Boards in the web part: pages, streamed answers cut to the visitor's area, keeping edits."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert, update
from werkzeug.test import TestResponse

from registry.domain.kinds import Role, Severity
from registry.services.boards import SHIPPED_KEYS
from registry.storage.database import writing
from registry.storage.tables import permit, user
from tests.web.conftest import NOON, Web, csrf_of, send

HOUR, HOUR_MS, DAY_MS = timedelta(hours=1), 3_600_000, 86_400_000
NOON_MS = round(NOON.timestamp() * 1000)


def ask(client: FlaskClient, path: str, body: dict[str, Any], **headers: str) -> TestResponse:
    token = csrf_of(client, "/account")
    return client.post(path, json=body, headers={"X-CSRFToken": token, "Accept": "application/json", **headers})


def question(**more: Any) -> dict[str, Any]:
    return {"from_ms": NOON_MS - DAY_MS, "to_ms": NOON_MS + 60_000, "width_px": 600, "vars": {}, "panels": None} | more


def answers_of(client: FlaskClient, key: str, **more: Any) -> dict[str, dict[str, Any]]:
    response = ask(client, f"/boards/{key}/answers", question(**more))
    assert response.status_code == 200, response.text
    return {line["panel"]: line for line in map(json.loads, response.text.splitlines())}


def previewed(client: FlaskClient, kind: str, source: dict[str, Any], **more: Any) -> dict[str, Any]:
    panel = {"id": "p", "kind": kind, "x": 0, "y": 0, "w": 6, "h": 4, "source": source}
    response = ask(
        client, "/boards/preview", {k: v for k, v in question(**more).items() if k != "panels"} | {"panel": panel}
    )
    assert response.status_code == 200, response.text
    return dict(response.json or {})


def test_every_shipped_board_is_listed_and_opens(web: Web):
    office = web.as_(Role.ADMINISTRATOR)
    page = office.get("/boards").text
    for key in SHIPPED_KEYS:
        assert f'href="/boards/{key}"' in page
        assert office.get(f"/boards/{key}").status_code == 200
        assert (office.get(f"/boards/{key}.json").json or {})["key"] == key


@pytest.mark.parametrize("key", SHIPPED_KEYS)
def test_every_panel_of_a_shipped_board_is_answered(web: Web, key: str):
    opened = web.city.open_case(NOON)
    web.city.add_alert(opened.case_id, NOON)
    office = web.as_(Role.ADMINISTRATOR)
    body = office.get(f"/boards/{key}.json").json or {}
    found = answers_of(office, key)
    assert set(found) == {each["id"] for each in body["panels"] if each["kind"] != "text"}
    problems = {line["problem"]["code"] for line in found.values() if "problem" in line}
    assert problems <= {"choose", "not_counted"}, found


def test_answers_come_packed_where_the_browser_takes_that(web: Web):
    response = ask(web.as_(Role.VIEWER), "/boards/overview/answers", question(), **{"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    lines = [json.loads(line) for line in gzip.decompress(response.data).splitlines()]
    assert {"panel", "kind", "at", "took_ms", "from_ms", "to_ms"} <= set(lines[0])


def test_an_answer_is_in_the_readers_words_and_leads_on(web: Web):
    opened = web.city.open_case(NOON, severity=Severity.CRITICAL)
    client = web.as_(Role.VIEWER)
    source = {"of": "count", "what": "cases", "by": "severity"}
    office = web.as_(Role.DISPATCHER)
    assert previewed(office, "bar", source)["bars"] == [
        {"name": "紧急", "value": 1, "href": "/cases?opened=24h&severity=3"}
    ]
    office.set_cookie("lang", "en")
    assert previewed(office, "bar", source)["bars"][0]["name"] == "Critical"
    # charts draw what their source asks for
    drawn = answers_of(client, "covers", panels=["tilt", "water", "battery"])
    assert {panel: line["show"] for panel, line in drawn.items()} == {
        "tilt": "range",
        "water": "max",
        "battery": "mean",
    }
    table = answers_of(client, "overview", panels=["worst"])["worst"]
    assert table["hrefs"] == [f"/cases/{opened.case_id}"]
    assert [each["kind"] for each in table["columns"]][:2] == ["link", "severity"]


def test_somebody_bound_to_an_area_is_answered_of_that_area(web: Web):
    web.city.open_case(NOON)
    client = web.as_(Role.VIEWER)
    assert answers_of(client, "overview", panels=["open"])["open"]["value"] == 1
    with writing(web.city.engine) as tx:
        tx.execute(update(user).where(user.c.login == "viewer").values(area_code="440111"))
    found = answers_of(client, "overview", panels=["open", "worst"])
    assert found["open"]["value"] == 0
    assert found["worst"]["rows"] == []
    rejected = answers_of(client, "data_quality", panels=["rejected"])["rejected"]
    assert rejected["problem"]["code"] == "whole_city"
    assert client.get("/boards/overview/edit").status_code == 403


def test_an_answer_of_a_moment_ago_is_given_again(web: Web):
    client = web.as_(Role.VIEWER)
    first = answers_of(client, "overview", panels=["open"])["open"]
    web.city.open_case(NOON)
    assert answers_of(client, "overview", panels=["open"])["open"] == first
    other = answers_of(client, "overview", panels=["open"], vars={"area": ["440803"]})["open"]
    assert other["value"] == 1


def test_one_panel_that_fails_takes_no_other_with_it(web: Web, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(web.store, "many_buckets", None)
    found = answers_of(web.as_(Role.VIEWER), "covers", panels=["tilt", "all"])
    assert found["tilt"]["problem"]["code"] == "internal"
    assert found["all"]["value"] == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"from_ms": NOON_MS + DAY_MS}, "from_ms"),
        ({"to_ms": "now"}, "body"),
        ({"from_ms": 0, "to_ms": 20 * 365 * DAY_MS}, "from_ms"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_at_its_field(web: Web, change: dict[str, Any], field: str):
    response = ask(web.as_(Role.VIEWER), "/boards/overview/answers", question(**change))
    assert response.status_code == 422
    assert (response.json or {})["errors"][0]["field"] == field


def test_an_edit_is_kept_unless_somebody_else_was_faster(web: Web):
    office = web.as_(Role.DISPATCHER)
    body = office.get("/boards/covers.json").json or {}
    changed = body | {"name": {"zh": "井盖（改）", "en": "Covers"}}
    saved = ask(office, "/boards/covers", {"version": 1, "body": changed})
    assert saved.json == {"key": "covers", "version": 2, "href": "/boards/covers"}
    assert ask(office, "/boards/covers", {"version": 1, "body": body}).status_code == 409
    # a page that is open meanwhile hears of it: these are no longer the panels it has titles for
    assert ask(office, "/boards/covers/answers", question(panels=[])).headers["Board-Version"] == "2"
    assert "井盖（改）" in office.get("/boards").text
    back = send(office, "/boards/covers/reset", {"version": "2"}, page="/account")
    assert back.status_code == 303
    assert (office.get("/boards/covers.json").json or {})["name"] == body["name"]


def test_all_that_is_wrong_with_a_board_is_told_at_once(web: Web):
    source = {"of": "series", "point": "colour", "of_family": ["cover"]}
    panel = {"id": "p", "kind": "time_series", "x": 20, "y": 0, "w": 6, "h": 4, "source": source}
    response = ask(web.as_(Role.DISPATCHER), "/boards", {"version": 0, "body": {"name": {"zh": ""}, "panels": [panel]}})
    assert response.status_code == 422
    fields = [each["field"] for each in (response.json or {})["errors"]]
    assert fields == ["name.zh", "panels[0].w", "panels[0].source.point"]


def test_a_new_board_is_made_copied_and_removed(web: Web):
    office = web.as_(Role.ADMINISTRATOR)
    begun = {"name": {"zh": "夜班", "en": "Night shift"}, "panels": []}
    made = ask(office, "/boards", {"version": 0, "body": begun}).json or {}
    assert made["key"].startswith("night-shift-")
    copied = send(office, f"/boards/{made['key']}/copy", {}, page="/account")
    assert copied.status_code == 303
    assert "夜班 副本" in office.get("/boards").text
    # what can't be taken back is asked about before it is done
    _, asked, ways = office.get(f"/boards/{made['key']}").text.partition('<details class="confirm"')
    assert asked
    assert f'action="/boards/{made["key"]}/remove"' in ways
    assert send(office, f"/boards/{made['key']}/remove", {"version": "1"}, page="/account").status_code == 303
    assert office.get(f"/boards/{made['key']}").status_code == 404
    send(office, "/boards/poles/remove", {}, page="/account")
    assert office.get("/boards/poles").status_code == 404
    send(office, "/boards/poles/reset", {}, page="/account")
    assert office.get("/boards/poles").status_code == 200


def test_a_viewer_changes_no_board(web: Web):
    viewer = web.as_(Role.VIEWER)
    assert ask(viewer, "/boards", {"version": 0, "body": {}}).status_code == 403
    assert ask(viewer, "/boards/preview", {}).status_code == 403


def test_a_panel_is_handed_out_as_a_table_for_a_spreadsheet(web: Web):
    tilt = web.city.point("tilt_z")
    web.store.append([(tilt, NOON_MS - HOUR_MS, 12.5, 0, NOON_MS)])
    viewer = web.as_(Role.VIEWER)
    query = {"from_ms": NOON_MS - DAY_MS, "to_ms": NOON_MS, "vars": "{}"}
    curves = viewer.get("/boards/covers/panels/tilt.csv", query_string=query)
    assert curves.content_type == "text/csv; charset=utf-8"
    # when its slice begins
    assert "2026-03-02 10:58" in curves.text
    assert ",12.5,12.5,12.5" in curves.text
    for panel in ("all", "alerts", "week", "states"):
        file = viewer.get(f"/boards/covers/panels/{panel}.csv", query_string=query)
        assert (file.status_code, file.mimetype) == (200, "text/csv"), panel
        assert file.text.strip("\ufeff").strip(), panel
    # a map is a picture: its file lists what fires on it
    assert viewer.get("/boards/overview/panels/map.csv", query_string=query).text.startswith("\ufeff部件,级别,")
    assert viewer.get("/boards/covers/panels/none.csv", query_string=query).status_code == 404
    assert viewer.get("/boards/covers/panels/tilt.csv").status_code == 422


def test_a_file_holds_all_rows_and_says_where_it_does_not(web: Web, monkeypatch: pytest.MonkeyPatch):
    for kind in ("cover_displaced", "cover_loose", "water_high"):
        web.city.open_case(NOON, kind=kind)
    office = web.as_(Role.ADMINISTRATOR)
    sources: tuple[tuple[str, dict[str, Any]], ...] = (
        ("table", {"of": "list", "what": "cases"}),
        ("bar", {"of": "count", "what": "cases", "by": "kind"}),
        ("time_series", {"of": "count", "what": "cases", "by": "kind", "over": "day"}),
    )
    panels = [
        {
            "id": kind.replace("_", "-"),
            "kind": kind,
            "x": 0,
            "y": 4 * at,
            "w": 6,
            "h": 4,
            "source": {**source, "limit": 1},
        }
        for at, (kind, source) in enumerate(sources)
    ]
    begun = {"name": {"zh": "短", "en": "Short"}, "panels": panels}
    at = (ask(office, "/boards", {"version": 0, "body": begun}).json or {})["href"]
    query = {"from_ms": NOON_MS - HOUR_MS, "to_ms": NOON_MS + HOUR_MS}

    def rows(panel: str) -> list[str]:
        return office.get(f"{at}/panels/{panel}.csv", query_string=query).text.strip("\ufeff").splitlines()

    assert [len(rows(panel)) for panel in ("table", "bar")] == [4, 4]
    assert rows("time-series")[0].count(",") == 3
    monkeypatch.setattr("dashboards.pages.boards._MOST_IN_FILE", 2)
    assert rows("table")[3:] == ["还有更多，只列出前 2 行"]
    assert rows("bar")[3:] == ["其余合计,1"]
    assert rows("time-series")[-1] == "另有 1 条曲线不在此文件中"


def test_marks_tell_what_happened_meanwhile(web: Web):
    opened = web.city.open_case(NOON - 2 * HOUR, severity=Severity.CRITICAL)
    web.city.add_alert(opened.case_id, NOON - HOUR)
    query = {"from_ms": NOON_MS - DAY_MS, "to_ms": NOON_MS, "vars": json.dumps({"area": []})}
    found = (web.as_(Role.VIEWER).get("/boards/overview/annotations.json", query_string=query).json or {})["marks"]
    assert [(mark["of"], mark["from_ms"]) for mark in found] == [
        ("cases", NOON_MS - 2 * HOUR_MS),
        ("alerts", NOON_MS - HOUR_MS),
    ]
    assert found[0]["href"] == f"/cases/{opened.case_id}"
    assert "上水井盖 1" in found[1]["text"]
    for kinds, expected in (("alerts", ["alerts"]), ("", []), ("cases,alerts", ["cases", "alerts"])):
        some = web.as_(Role.VIEWER).get("/boards/overview/annotations.json", query_string=query | {"kinds": kinds})
        assert [mark["of"] for mark in (some.json or {})["marks"]] == expected
    wrong = web.as_(Role.VIEWER).get("/boards/overview/annotations.json", query_string=query | {"kinds": "weather"})
    assert wrong.status_code == 422
    # what happens to a cover has nothing to do with the curves of lamps
    for board, expected in (("covers", ["cases", "alerts"]), ("poles", [])):
        some = web.as_(Role.VIEWER).get(
            f"/boards/{board}/annotations.json", query_string=query | {"kinds": "cases,alerts"}
        )
        assert [mark["of"] for mark in (some.json or {})["marks"]] == expected
    # beside explored points stands what happened to what they are of
    for points, expected in (([web.city.point("tilt_z")], ["alerts"]), ([999_999], []), ([], [])):
        explored = query | {"kinds": "alerts", "vars": json.dumps({"point": points})}
        some = web.as_(Role.VIEWER).get("/explore/annotations.json", query_string=explored)
        assert [mark["of"] for mark in (some.json or {})["marks"]] == expected


def test_work_under_way_is_marked_in_the_charts_of_covers(web: Web):
    job = {"asset_id": web.city.asset_id, "state": "open", "work": "cleaning", "people": 2}
    job |= {"started_at": NOON - 1.5 * HOUR, "ends_at": NOON + HOUR, "by_user_id": web.city.crew.user_id}
    with writing(web.city.engine) as tx:
        permit_id = tx.execute(insert(permit).values(job).returning(permit.c.id)).scalar_one()
    query = {"from_ms": NOON_MS - HOUR_MS, "to_ms": NOON_MS, "vars": "{}"}
    found = web.as_(Role.DISPATCHER).get("/boards/covers/annotations.json", query_string=query).json
    assert found == {
        "marks": [
            {
                "of": "permits",
                "from_ms": NOON_MS - 90 * 60_000,
                "to_ms": None,
                "text": "作业 · 上水井盖 1",
                "severity": None,
                "href": f"/permits/{permit_id}",
            }
        ],
        "more": False,
    }


def test_what_can_be_chosen_is_told_or_found(web: Web):
    viewer = web.as_(Role.VIEWER)
    told = viewer.get("/boards/choices.json").json or {}
    assert {"value": "cover", "name": "井盖"} in told["variables"]["family"]
    assert {"水务", "电力"} <= {each["name"] for each in told["variables"]["unit"]}
    assert "by" not in told["sources"]["splits"]
    assert "severity" in told["sources"]["splits"]["cases"]
    found = (viewer.get("/boards/choices.json?name=asset&q=上水").json or {})["found"]
    assert [each["value"] for each in found] == [web.city.asset_id]
    by_id = (viewer.get(f"/boards/choices.json?name=device&ids={web.city.device_id}").json or {})["found"]
    assert by_id[0]["name"].startswith("CV-000001")


def test_any_point_is_found_and_drawn_with_its_figures(web: Web):
    tilt = web.city.point("tilt_z")
    web.store.append([(tilt, NOON_MS - n * HOUR_MS, float(n), 0, NOON_MS) for n in range(1, 6)])
    viewer = web.as_(Role.VIEWER)
    found = (viewer.get("/explore/points.json?q=CV-0000").json or {})["found"]
    assert {"tilt_z", "battery"} <= {each["point"] for each in found}
    named = (viewer.get(f"/explore/points.json?ids={tilt}").json or {})["found"]
    assert [each["name"] for each in named] == ["上水井盖 1 · 倾角"]
    body = {"from_ms": NOON_MS - DAY_MS, "to_ms": NOON_MS, "width_px": 600, "points": [tilt, 999]}
    drawn = ask(viewer, "/explore/answers", body).json or {}
    assert [curve["point_id"] for curve in drawn["series"]] == [tilt]
    (figures,) = drawn["statistics"]
    assert (figures["min"], figures["max"], figures["mean"], figures["readings"]) == (1.0, 5.0, 3.0, 5)
    assert ask(viewer, "/explore/answers", body | {"points": list(range(1, 30))}).status_code == 422
