from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from registry.domain.kinds import Role
from registry.queries.cases import CaseFile, case_file
from tests.web.conftest import NOON, Web, csrf_of, send


def picture(side: int = 64) -> io.BytesIO:
    content = io.BytesIO()
    Image.new("RGB", (side, side), "grey").save(content, "PNG")
    content.seek(0)
    return content


def move(client: FlaskClient, case_id: int, form: dict[str, Any], **more: Any) -> TestResponse:
    return send(client, f"/cases/{case_id}/moves", form, page="/assets", **more)


def file_of(web: Web, case_id: int) -> CaseFile:
    found = case_file(web.city.engine, case_id)
    assert found is not None
    return found


@pytest.fixture
def case_id(web: Web) -> int:
    return web.city.open_case(NOON).case_id


def test_a_case_goes_from_dispatch_to_closed_through_the_form(web: Web, case_id: int) -> None:
    dispatcher, crew = web.as_(Role.DISPATCHER), web.as_(Role.CREW)
    sent = move(dispatcher, case_id, {"move": "dispatch", "version": 1, "assignee_id": web.city.crew.user_id})
    assert (sent.status_code, sent.headers["Location"]) == (303, f"/cases/{case_id}")
    assert "派遣" in dispatcher.get(f"/cases/{case_id}").text
    steps: list[tuple[FlaskClient, dict[str, Any]]] = [
        (crew, {"move": "accept", "version": 2}),
        (crew, {"move": "hand_back", "version": 3, "photo": (picture(), "done.png")}),
        (dispatcher, {"move": "verify", "version": 4}),
        (dispatcher, {"move": "close", "version": 5}),
    ]
    for client, form in steps:
        assert move(client, case_id, form).status_code == 303, form["move"]
    file = file_of(web, case_id)
    assert file.stage == "closed"
    assert len(file.photos) == 1
    answer = dispatcher.get(f"/photos/{file.photos[0].id}")
    assert answer.mimetype == "image/jpeg"
    assert answer.data.startswith(b"\xff\xd8")
    answer.close()


def test_whoever_comes_second_keeps_their_words_and_learns_who_was_first(web: Web, case_id: int) -> None:
    first, second = web.as_(Role.DISPATCHER), web.as_(Role.ADMINISTRATOR)
    assert move(first, case_id, {"move": "supervise", "version": 1, "note": "请快"}).status_code == 303
    answer = move(second, case_id, {"move": "void", "version": 1, "note": "误报，现场<b>正常</b>"})
    assert answer.status_code == 409
    assert "陈派" in answer.text
    assert "12:00:00" in answer.text
    assert "误报，现场&lt;b&gt;正常&lt;/b&gt;" in answer.text
    assert 'name="version" value="2"' in answer.text
    assert file_of(web, case_id).stage == "filed"


def test_photos_of_a_refused_move_go_with_the_next_try(web: Web, case_id: int) -> None:
    client = web.as_(Role.ADMINISTRATOR)
    move(client, case_id, {"move": "supervise", "version": 1, "note": "请快"})
    late = {"move": "note", "version": 1, "note": "看了", "photo": (picture(), "a.png")}
    answer = move(client, case_id, late)
    assert answer.status_code == 409
    photo_id = file_of(web, case_id).photos[0].id
    assert f'name="photo_ids" value="{photo_id}"' in answer.text
    again = move(client, case_id, {"move": "note", "version": 2, "note": "看了", "photo_ids": photo_id})
    assert again.status_code == 303
    file = file_of(web, case_id)
    assert file.entries[-1].detail["photo_ids"] == [photo_id]
    assert len(file.photos) == 1


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"move": "explode", "version": 1}, 422, "“explode”不是案件操作"),
        ({"move": "", "version": 1}, 422, "使用页面上的按钮"),
        ({"move": "void", "version": 1}, 422, "写明原因"),
        ({"move": "dispatch", "version": 1}, 422, "选择由谁前往"),
        ({"move": "dispatch", "version": 1, "assignee_id": 4711}, 422, "请从列表中选择"),
        ({"move": "dispatch", "version": 1, "assignee_id": "anna"}, 422, "须为整数"),
        ({"move": "close", "version": 1}, 409, "possible now"),
        ({"move": "note", "version": "x"}, 422, "须为整数"),
        ({"move": "note"}, 422, "重新加载案件"),
        ({"move": "note", "version": 99, "note": "早"}, 409, "早"),
        ({"move": "note", "version": 10**30, "note": "早"}, 422, "太大"),
        ({"move": "note", "version": 1, "note": "x" * 2001}, 422, "2000"),
        ({"move": "note", "version": 1, "note": "x", "photo_ids": 4711}, 422, "重新上传"),
    ],
)
def test_what_cannot_be_done_is_explained_on_the_cases_page(
    web: Web, case_id: int, form: dict[str, Any], status: int, words: str
) -> None:
    answer = move(web.as_(Role.ADMINISTRATOR), case_id, form)
    assert answer.status_code == status
    assert words in answer.text
    assert f'data-case="{case_id}"' in answer.text
    assert len(file_of(web, case_id).entries) == 2


def test_a_file_that_is_no_picture_is_refused_and_the_note_stays(web: Web, case_id: int) -> None:
    form = {"move": "note", "version": 1, "note": "拍了照", "photo": (io.BytesIO(b"GIF89a not really"), "a.jpg")}
    answer = move(web.as_(Role.ADMINISTRATOR), case_id, form)
    assert answer.status_code == 422
    assert "不是图片" in answer.text
    assert "拍了照" in answer.text


def test_a_body_that_is_too_large_is_refused_before_it_is_read(make_web: Any) -> None:
    web = make_web(upload_limit_mb=0.2)
    opened = web.city.open_case(NOON)
    form = {"move": "note", "version": 1, "note": "大", "photo": (io.BytesIO(b"\xff" * 300_000), "a.jpg")}
    answer = move(web.as_(Role.ADMINISTRATOR), opened.case_id, form)
    assert answer.status_code == 413
    assert "0.2 MB" in answer.text


def test_a_stranger_with_a_large_body_is_asked_to_sign_in(make_web: Any) -> None:
    web = make_web(upload_limit_mb=0.2)
    answer = web.visitor().post("/imports", data={"file": (io.BytesIO(b"\xff" * 300_000), "a.csv")})
    assert answer.status_code == 401


def test_too_many_photos_at_once_are_counted(web: Web, case_id: int) -> None:
    form = {"move": "note", "version": 1, "photo": [(picture(16), f"{n}.png") for n in range(10)]}
    answer = move(web.as_(Role.ADMINISTRATOR), case_id, form)
    assert answer.status_code == 422
    assert "一次最多 9 张" in answer.text


def test_a_move_leads_back_where_the_person_came_from_but_never_away(web: Web, case_id: int) -> None:
    client = web.as_(Role.ADMINISTRATOR)
    home = move(client, case_id, {"move": "note", "version": 1, "note": "a", "next": "/Q/ABC"})
    assert home.headers["Location"] == "/Q/ABC"
    away = move(client, case_id, {"move": "note", "version": 2, "note": "a", "next": "https://evil.example/"})
    assert away.headers["Location"] == f"/cases/{case_id}"


def test_crew_may_not_move_a_case_of_another_unit(web: Web, case_id: int) -> None:
    form = {"move": "dispatch", "version": 1, "assignee_id": web.city.crew.user_id}
    move(web.as_(Role.DISPATCHER), case_id, form)
    answer = move(web.signed_in("stranger"), case_id, {"move": "accept", "version": 2})
    assert answer.status_code == 403
    assert file_of(web, case_id).stage == "dispatched"


def test_a_move_without_a_token_changes_nothing_and_gives_the_words_back(web: Web, case_id: int) -> None:
    client = web.as_(Role.ADMINISTRATOR)
    form = {"move": "note", "version": 1, "note": "重要的话", "csrf_token": "forged"}
    answer = client.post(f"/cases/{case_id}/moves", data=form)
    assert answer.status_code == 400
    assert "表单已过期" in answer.text
    assert "重要的话" in answer.text
    assert "forged" not in answer.text
    assert len(file_of(web, case_id).entries) == 2


def test_a_program_gets_the_same_answers_in_json(web: Web, case_id: int) -> None:
    client = web.as_(Role.ADMINISTRATOR)
    headers = {"Accept": "application/json", "X-CSRFToken": csrf_of(client, "/assets")}
    address = f"/cases/{case_id}/moves"
    good = client.post(address, data={"move": "note", "version": 1, "note": "a"}, headers=headers)
    assert (good.status_code, good.json) == (
        200,
        {"ok": True, "case": {"id": case_id, "stage": "filed", "version": 2}},
    )
    late = client.post(address, data={"move": "note", "version": 1, "note": "a"}, headers=headers)
    assert late.status_code == 409
    assert late.json is not None
    assert late.json["code"] == "conflict"
    bad = client.post(address, data={"move": "void", "version": 2}, headers=headers)
    assert bad.json is not None
    assert [line["field"] for line in bad.json["errors"]] == ["note"]


def test_photos_can_be_added_without_a_move(web: Web, case_id: int) -> None:
    client = web.as_(Role.CREW)
    form = {"photo": [(picture(20), "a.png"), (picture(30), "b.png")], "next": f"/Q/{web.token}"}
    answer = send(client, f"/cases/{case_id}/photos", form, page="/tasks")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/Q/{web.token}")
    assert len(file_of(web, case_id).photos) == 2


def test_adding_no_photo_says_so(web: Web, case_id: int) -> None:
    answer = send(web.as_(Role.CREW), f"/cases/{case_id}/photos", {}, page="/tasks")
    assert answer.status_code == 422
    assert "没有选择照片" in answer.text


def test_a_photo_is_for_staff_and_may_be_kept_by_their_browser_only(web: Web, case_id: int) -> None:
    send(web.as_(Role.CREW), f"/cases/{case_id}/photos", {"photo": (picture(), "a.png")}, page="/tasks")
    address = f"/photos/{file_of(web, case_id).photos[0].id}"
    answer = web.as_(Role.VIEWER).get(address)
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    answer.close()
    assert web.visitor().get(address).status_code == 302


@pytest.mark.parametrize("address", ["/cases/4711", "/photos/4711", "/alerts/4711", "/assets/4711", "/nothing"])
def test_what_does_not_exist_is_a_page_that_says_so(web: Web, address: str) -> None:
    answer = web.as_(Role.VIEWER).get(address)
    assert answer.status_code == 404
    assert "找不到" in answer.text


def test_lists_are_narrowed_and_go_on_page_by_page(web: Web) -> None:
    for _ in range(60):
        web.city.open_case(NOON, asset_id=web.city.add_asset(NOON))
    client = web.as_(Role.VIEWER)
    first = client.get("/cases?open_only=1&kind=cover_displaced")
    assert first.status_code == 200
    address = first.text.split("after=")[1].split('"')[0]
    assert client.get(f"/cases?open_only=1&kind=cover_displaced&after={address}").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        *("stage=lost", "kind=x", "assignee_id=x", "overdue=maybe", "severity=4", "due=4", "opened=1h", "ended=soon"),
        *("after=%00%00", "after=xyz", f"q={'x' * 121}"),
    ],
)
def test_a_filter_that_is_none_is_named(web: Web, query: str) -> None:
    answer = web.as_(Role.VIEWER).get(f"/cases?{query}")
    assert answer.status_code == 422
    assert query.split("=")[0] in answer.text


def test_what_a_list_is_narrowed_to_stands_in_its_form(web: Web, case_id: int) -> None:
    page = web.as_(Role.VIEWER).get("/cases?running=1&severity=2&due=24h&opened=7d&ended=today").text
    for chosen in ("2", "24h", "7d", "today"):
        assert f'<option value="{chosen}" selected>' in page
    assert 'name="running" value="1" checked' in page
    assert 'href="/cases">清除' in page


def test_a_program_narrows_cases_by_severity_and_time(web: Web, case_id: int) -> None:
    client = web.as_(Role.VIEWER)
    for query, found in (
        ("severity=2&running=true", [case_id]),
        ("severity=3", []),
        ("opened_since=2026-03-02T00:00:00Z&due_by=2026-04-02T00:00:00Z", [case_id]),
        ("ended_since=2026-03-02T00:00:00Z", []),
    ):
        answer = client.get(f"/api/v1/cases?{query}")
        assert [each["id"] for each in (answer.json or {})["items"]] == found, answer.text


@pytest.mark.parametrize("refused", ["moves", "photos"])
def test_the_address_of_a_refused_form_shows_the_case_when_loaded_again(web: Web, case_id: int, refused: str) -> None:
    assert web.as_(Role.VIEWER).get(f"/cases/{case_id}/{refused}").status_code == 200


def test_a_crew_member_sees_their_tasks(web: Web, case_id: int) -> None:
    form = {"move": "dispatch", "version": 1, "assignee_id": web.city.crew.user_id}
    move(web.as_(Role.DISPATCHER), case_id, form)
    assert f"/cases/{case_id}" in web.as_(Role.CREW).get("/tasks").text


def test_an_alert_is_shown_with_its_rule(web: Web, case_id: int) -> None:
    alert_id = web.city.add_alert(case_id, NOON)
    client = web.as_(Role.VIEWER)
    assert client.get(f"/alerts/{alert_id}").status_code == 200
    listed = client.get("/alerts?state=firing&severity=2&case_kind=cover_displaced")
    assert f"/alerts/{alert_id}" in listed.text
    assert f"/alerts/{alert_id}" not in client.get("/alerts?state=cleared").text


def test_the_overview_shows_what_is_wrong(web: Web, case_id: int) -> None:
    web.city.add_alert(case_id, NOON)
    assert f"/cases/{case_id}" in web.as_(Role.VIEWER).get("/").text


def test_an_extension_is_asked_for_on_the_phone_and_decided_at_the_desk(web: Web, case_id: int) -> None:
    dispatcher, crew = web.as_(Role.DISPATCHER), web.as_(Role.CREW)
    move(dispatcher, case_id, {"move": "dispatch", "version": 1, "assignee_id": web.city.crew.user_id})
    assert move(crew, case_id, {"move": "request_extension", "version": 2, "note": "等配件"}).status_code == 303
    asked = file_of(web, case_id).requests[0]
    path = f"/cases/{case_id}/requests/{asked.id}"
    assert path not in crew.get(f"/cases/{case_id}").text
    assert path in dispatcher.get(f"/cases/{case_id}").text
    refused = send(dispatcher, path, {"answer": "refuse", "version": 3, "note": ""}, page="/assets")
    assert (refused.status_code, "不同意须说明原因" in refused.text) == (422, True)
    assert send(dispatcher, path, {"answer": "grant", "version": 3}, page="/assets").status_code == 303
    file = file_of(web, case_id)
    assert (file.requests[0].state, file.extensions) == ("granted", 1)
    assert send(dispatcher, path, {"answer": "grant", "version": 4}, page="/assets").status_code == 409


def test_a_case_is_merged_by_the_number_of_the_other_one(web: Web, case_id: int) -> None:
    dispatcher = web.as_(Role.DISPATCHER)
    other = web.city.open_case(NOON, kind="cover_loose").case_id
    wrong = move(dispatcher, case_id, {"move": "merge", "version": 1, "into_id": "2020"})
    assert (wrong.status_code, "没有编号为 2020 的案件" in wrong.text) == (422, True)
    number = file_of(web, other).number
    assert move(dispatcher, case_id, {"move": "merge", "version": 1, "into_id": number}).status_code == 303
    assert number in dispatcher.get(f"/cases/{case_id}").text


def test_a_suspension_is_for_a_day(web: Web, case_id: int) -> None:
    dispatcher = web.as_(Role.DISPATCHER)
    form = {"move": "suspend", "version": 1, "note": "等断面"}
    assert move(dispatcher, case_id, form | {"until": "2020-01-01"}).status_code == 422
    until = (NOON + timedelta(days=9)).date().isoformat()
    assert move(dispatcher, case_id, form | {"until": until}).status_code == 303
    assert "到期自动恢复计时" in dispatcher.get(f"/cases/{case_id}").text


def test_what_a_collector_fixes_on_the_spot_shows_before_and_after(web: Web, case_id: int) -> None:
    crew = web.as_(Role.CREW)
    before = {"photo_before": (picture(), "a.png")}
    assert move(crew, case_id, {"move": "self_handle", "version": 1, **before}).status_code == 422
    pictures = {"photo_before": (picture(60), "a.png"), "photo_after": (picture(70), "b.png")}
    assert move(crew, case_id, {"move": "self_handle", "version": 1, **pictures}).status_code == 303
    file = file_of(web, case_id)
    assert (file.stage, file.closed_how) == ("closed", "self_handled")
    assert {photo.kind for photo in file.photos} >= {"before", "after"}
