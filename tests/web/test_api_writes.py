"""What every write of the API keeps to: versions, doing once what is sent twice, many at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.exceptions import TooManyRequests as TooMany
from werkzeug.test import TestResponse

from dashboards.api.answering import view
from dashboards.api.operation import Operation
from dashboards.api.table import OPERATIONS
from registry.domain.errors import StoreDown
from registry.domain.kinds import Role
from registry.services import idempotency
from tests.web.conftest import Web
from tests.web.program import COVER, Program, fields, program, told

__all__ = ["program"]


def test_a_registered_asset_says_where_it_is_and_at_which_version(program: Program) -> None:
    answer = program.send("POST", "/assets", COVER)
    made = told(answer, 201)
    assert made["code"].startswith("4408030101")
    assert answer.headers["Location"] == f"/api/v1/assets/{made['id']}"
    assert answer.headers["ETag"].startswith('"1-')
    again = program.get(f"/assets/{made['id']}")
    assert again.headers["ETag"] == answer.headers["ETag"]
    assert told(again) == made


def test_what_is_unchanged_is_not_sent_again(web: Web, program: Program) -> None:
    tag = program.get(f"/assets/{web.city.asset_id}").headers["ETag"]
    answer = program.get(f"/assets/{web.city.asset_id}", If_None_Match=tag)
    assert (answer.status_code, answer.data) == (304, b"")


def test_a_change_needs_the_version_that_was_seen(web: Web, program: Program) -> None:
    path = f"/assets/{web.city.asset_id}"
    assert program.send("PATCH", path, {"road": "人民大道"}).status_code == 428
    tag = program.get(path).headers["ETag"]
    first = program.send("PATCH", path, {"road": "人民大道"}, If_Match=tag)
    assert told(first)["road"] == "人民大道"
    late = program.send("PATCH", path, {"road": "解放路"}, If_Match=tag)
    assert told(late, 412)["code"] == "changed_meanwhile"
    assert told(program.get(path))["road"] == "人民大道"
    assert told(program.send("PATCH", path, {"road": "解放路"}, If_Match=first.headers["ETag"]))["road"] == "解放路"
    assert told(program.send("PATCH", path, {"road": "海滨路"}, If_Match="*"))["road"] == "海滨路"


def test_a_tag_that_a_proxy_weakened_still_counts(web: Web, program: Program) -> None:
    path = f"/assets/{web.city.asset_id}"
    tag = "W/" + program.get(path).headers["ETag"]
    assert program.send("PATCH", path, {"size": "700"}, If_Match=tag).status_code == 200
    assert program.send("PATCH", path, {"size": "800"}, If_Match="nonsense").status_code == 412


def test_the_history_tells_who_changed_what(web: Web, program: Program) -> None:
    path = f"/assets/{web.city.asset_id}"
    for number in range(3):
        program.send("PATCH", path, {"size": str(number)}, If_Match="*")
    first = told(program.get(f"{path}/history?limit=2"))
    assert [line["changes"]["size"][1] for line in first["items"]] == ["2", "1"]
    answer = program.client.get(first["next"])
    assert answer.headers.get("Link") is None or 'rel="next"' in answer.headers["Link"]
    assert told(answer)["items"][0]["changes"]["size"][1] == "0"


def test_the_next_page_keeps_what_was_asked_for(program: Program) -> None:
    program.send("POST", "/assets/bulk", {"items": [COVER] * 5})
    seen: list[int] = []
    address = "/api/v1/assets?limit=2&family=cover"
    while address:
        answer = program.client.get(address)
        page = told(answer)
        seen += [row["id"] for row in page["items"]]
        assert page["next"] is None or answer.headers["Link"] == f'<{page["next"]}>; rel="next"'
        assert page["next"] is None or "family=cover" in page["next"]
        address = page["next"]
    assert len(seen) == len(set(seen)) == 6


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/assets?colour=red", 422, "colour"),
        ("/assets?limit=0", 422, "limit"),
        ("/assets?limit=2&limit=3", 422, "limit"),
        ("/assets?lacks=plate,wings", 422, "lacks[1]"),
        ("/assets?after=nonsense", 422, "after"),
        ("/assets?q=%00", 422, "q"),
        ("/assets/nearest?lon=1", 422, "lat"),
        ("/assets/nearest?lon=nan&lat=2", 422, "lon"),
        ("/assets/nearest?lon=0&lat=0", 422, "lon"),
        ("/assets/nearest?lon=113.3&lat=23.1&within_m=9000", 422, "within_m"),
    ],
)
def test_a_parameter_that_is_unknown_or_unusable_is_named(program: Program, path: str, status: int, field: str) -> None:
    answer = program.get(path)
    assert (answer.status_code, fields(answer)) == (status, [field])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**COVER, "colour": "red"}, "colour"),
        ({"class_code": "0101", "lon": 113.3, "lat": 23.1}, "division"),
        ({**COVER, "lat": "23"}, "lat"),
        ({**COVER, "aliases": [{"kind": "old", "value": "1"}, {"kind": "old"}]}, "aliases[1].value"),
        ({**COVER, "class_code": "9999"}, "class_code"),
        ({**COVER, "name": "a\x00b"}, "name"),
        ([COVER], "body"),
    ],
)
def test_a_body_that_does_not_fit_names_the_field(program: Program, body: Any, field: str) -> None:
    answer = program.send("POST", "/assets", body)
    assert (answer.status_code, fields(answer)) == (422, [field])


def test_what_is_no_json_or_not_wanted_is_refused_in_kind(web: Web, program: Program) -> None:
    headers = {"X-CSRFToken": program.token}
    post = program.client.post
    assert post("/api/v1/assets", data="{", content_type="application/json", headers=headers).status_code == 400
    assert post("/api/v1/assets", data="a=1", content_type="text/plain", headers=headers).status_code == 415
    assert program.client.put("/api/v1/assets", headers=headers).status_code == 405
    assert program.get("/assets", Accept="image/png").status_code == 406
    assert program.get("/assets", Accept="application/*").status_code == 200
    body = b'{"name":"' + b"x" * 13_000_000 + b'"}'
    assert post("/api/v1/assets", data=body, content_type="application/json", headers=headers).status_code == 413
    assert program.client.post("/api/v1/assets", json=COVER).status_code == 400  # without the session's token


def test_many_are_registered_and_the_refused_ones_say_why(program: Program) -> None:
    sent = [COVER, {**COVER, "class_code": "9999"}, {**COVER, "aliases": [{"kind": "old", "value": "A-1"}]}]
    sent.append(sent[2])
    result = told(program.send("POST", "/assets/bulk", {"items": sent}))
    assert (result["done"], result["refused"]) == (2, 2)
    assert [item["status"] for item in result["items"]] == [201, 422, 201, 409]
    assert result["items"][1]["problem"]["errors"][0]["field"] == "class_code"
    listed = told(program.get("/assets?road=椹川大道"))["items"]
    assert [row["id"] for row in listed] == [result["items"][0]["asset_id"], result["items"][2]["asset_id"]]


def test_many_are_changed_each_if_it_is_as_it_was_seen(web: Web, program: Program) -> None:
    ids = [told(program.send("POST", "/assets", COVER), 201)["id"] for _ in range(2)]
    items = [
        {"asset_id": ids[0], "version": 1, "change": {"size": "700"}},
        {"asset_id": ids[1], "version": 7, "change": {"size": "700"}},
        {"asset_id": 4711, "version": 1, "change": {"size": "700"}},
    ]
    result = told(program.send("PATCH", "/assets/bulk", {"items": items}))
    assert [item["status"] for item in result["items"]] == [200, 409, 404]
    assert [told(program.get(f"/assets/{one}"))["size"] for one in ids] == ["700", ""]
    assert fields(program.send("PATCH", "/assets/bulk", {"items": items * 400})) == ["items"]


def test_an_asset_is_found_by_code_token_alias_and_place(web: Web, program: Program) -> None:
    made = told(program.send("POST", "/assets", {**COVER, "aliases": [{"kind": "pole", "value": "L-17"}]}), 201)
    assert told(program.get(f"/assets/by-code/{made['code']}"))["id"] == made["id"]
    for text in (made["code"], "L-17"):
        assert told(program.get(f"/assets/lookup?text={text}"))["items"][0]["asset_id"] == made["id"]
    by_token = told(program.get(f"/assets/lookup?text={web.token}"))["items"]
    assert (by_token[0]["asset_id"], by_token[0]["by"]) == (web.city.asset_id, "token")
    near = told(program.get("/assets/nearest?lon=113.31&lat=23.12001"))["items"]
    assert near[0]["id"] == made["id"]
    assert 1.0 < near[0]["distance_m"] < 1.3
    assert told(program.get("/assets/lookup?text=nothing"))["items"] == []


def test_a_state_moves_by_its_table(web: Web, program: Program) -> None:
    path = f"/assets/{web.city.asset_id}/state"
    body = {"state": "damaged", "reason": "边缘开裂"}
    assert told(program.send("POST", path, body, If_Match="*"))["state"] == "damaged"
    assert told(program.send("POST", path, body, If_Match="*"), 409)["code"] == "invalid_move"


# Sending again


def test_a_request_sent_twice_is_done_once_and_answered_alike(program: Program) -> None:
    first = program.send("POST", "/assets", COVER, Idempotency_Key="order-1")
    again = program.send("POST", "/assets", COVER, Idempotency_Key="order-1")
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(told(program.get("/assets?road=椹川大道"))["items"]) == 1


def test_a_refusal_is_answered_alike_too(program: Program) -> None:
    body = {**COVER, "class_code": "9999"}
    first = program.send("POST", "/assets", body, Idempotency_Key="order-1")
    again = program.send("POST", "/assets", body, Idempotency_Key="order-1")
    assert (first.status_code, again.status_code) == (422, 422)
    assert again.data == first.data
    assert again.mimetype == "application/problem+json"


def test_a_key_is_good_for_one_request_of_one_person(web: Web, program: Program) -> None:
    program.send("POST", "/assets", COVER, Idempotency_Key="order-1")
    other = program.send("POST", "/assets", {**COVER, "size": "700"}, Idempotency_Key="order-1")
    assert (other.status_code, fields(other)) == (422, ["Idempotency-Key"])
    assert program.send("POST", "/assets", COVER, Idempotency_Key="é").status_code == 422
    somebody = Program(web, Role.REGISTRAR)
    assert somebody.send("POST", "/assets", COVER, Idempotency_Key="order-1").status_code == 201


def test_what_is_still_running_and_what_was_cut_off_say_so(web: Web, program: Program) -> None:
    user_id = web.city.administrator.user_id or 0
    program.send("POST", "/assets", COVER, Idempotency_Key="probe")
    # The process of the first request died between its claim and its answer.
    with_same = {"user_id": user_id, "key": "order-1", "now": web.clock.now}
    assert idempotency.claim(web.city.engine, request_hash="another", **with_same) is None  # type: ignore[arg-type]
    assert fields(program.send("POST", "/assets", COVER, Idempotency_Key="order-1")) == ["Idempotency-Key"]
    with pytest.raises(idempotency.StillRunning):
        idempotency.claim(web.city.engine, request_hash="another", **with_same)  # type: ignore[arg-type]
    with_same["now"] = web.clock.now + timedelta(hours=1)
    with pytest.raises(idempotency.OutcomeUnknown):
        idempotency.claim(web.city.engine, request_hash="another", **with_same)  # type: ignore[arg-type]


def test_keys_are_forgotten_after_two_days(web: Web, program: Program) -> None:
    program.send("POST", "/assets", COVER, Idempotency_Key="order-1")
    assert idempotency.clean_answers(web.city.engine, now=web.clock.now + timedelta(hours=47)) == 0
    assert idempotency.clean_answers(web.city.engine, now=web.clock.now + timedelta(hours=49)) == 1
    assert "Idempotency-Replayed" not in program.send("POST", "/assets", COVER, Idempotency_Key="order-1").headers


def test_of_two_at_once_one_is_done_and_both_are_answered(web: Web, program: Program) -> None:
    start, answers = Barrier(2), list[TestResponse]()

    def send(client: FlaskClient) -> None:
        start.wait(60)
        headers = {"X-CSRFToken": program.token, "Idempotency-Key": "order-1"}
        answers.append(client.post("/api/v1/assets", json=COVER, headers=headers))

    threads = []
    for _ in range(2):
        client = web.signed_in("administrator")
        csrf = client.get_cookie("covercode")
        assert csrf is not None
        client.set_cookie("covercode", program.client.get_cookie("covercode").value)  # type: ignore[union-attr]
        threads.append(Thread(target=send, args=(client,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answer.status_code for answer in answers) in ([201, 201], [201, 409])
    assert len(told(program.get("/assets?road=椹川大道"))["items"]) == 1
    assert program.send("POST", "/assets", COVER, Idempotency_Key="order-1").status_code == 201


@pytest.mark.parametrize(
    ("failure", "status"), [(StoreDown("disk away"), 503), (RuntimeError("a fault of ours"), 500), (TooMany(), 429)]
)
def test_a_key_can_be_used_again_after_a_failure_that_did_nothing(
    web: Web, program: Program, failure: Exception, status: int
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise failure

    register = web.app.view_functions["api_register"]
    web.app.view_functions["api_register"] = view(replace(operation_of("api_register"), run=fail))
    assert program.send("POST", "/assets", COVER, Idempotency_Key="order-1").status_code == status
    web.app.view_functions["api_register"] = register
    assert program.send("POST", "/assets", COVER, Idempotency_Key="order-1").status_code == 201


def test_a_failure_that_came_after_something_was_done_does_not_let_it_be_done_twice(web: Web, program: Program) -> None:
    register = operation_of("api_register")

    def fail_late(*given: Any, **addressed: Any) -> Any:
        register.run(*given, **addressed)
        raise RuntimeError("a fault of ours")

    web.app.view_functions["api_register"] = view(replace(register, run=fail_late))
    answers = [program.send("POST", "/assets", COVER, Idempotency_Key="order-1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [500, 500]
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert len(told(program.get("/assets?road=椹川大道"))["items"]) == 1


def operation_of(endpoint: str) -> Operation:
    return next(one for one in OPERATIONS if one.endpoint == endpoint)
