"""What every answer has in common: headers, errors, a sign of life."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from werkzeug.exceptions import UnsupportedMediaType

from dashboards.errors import ChangedMeanwhile, ConditionMissing, NotAcceptable, Refusals, WrongMediaType
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound, StoreDown
from registry.domain.kinds import Role
from tests.web.conftest import Web


def policy(web: Web) -> dict[str, list[str]]:
    header = web.visitor().get("/login").headers["Content-Security-Policy"]
    return {words[0]: words[1:] for words in (part.split() for part in header.split(";"))}


def test_pages_run_their_own_scripts_only(web: Web) -> None:
    allowed = policy(web)
    assert allowed["script-src"] == ["'self'"]
    assert allowed["default-src"] == ["'self'"]
    assert allowed["worker-src"] == ["'self'", "blob:"]
    assert allowed["img-src"] == ["'self'", "data:", "blob:"]
    assert allowed["frame-ancestors"] == ["'none'"]
    assert "unsafe" not in str(allowed)


def test_a_configured_tile_server_may_be_reached(make_web: Callable[..., Web]) -> None:
    allowed = policy(make_web(tile_url="https://tiles.example/{z}/{x}/{y}.png"))
    assert "https://tiles.example" in allowed["img-src"]
    assert "https://tiles.example" in allowed["connect-src"]
    assert "https://tiles.example" not in allowed["script-src"]


@pytest.mark.parametrize("path", ["/login", "/healthz", "/nothing", "/api/v1/overview", "/static/icons/covercode.svg"])
def test_every_answer_is_guarded_and_can_be_found_in_the_log(web: Web, path: str) -> None:
    answer = web.visitor().get(path)
    answer.close()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "geolocation=(self)" in answer.headers["Permissions-Policy"]
    assert len(answer.headers["X-Request-ID"]) == 12
    assert "Strict-Transport-Security" not in answer.headers


def test_what_staff_see_is_not_left_in_the_browsers_cache(web: Web) -> None:
    assert web.as_(Role.VIEWER).get("/assets").headers["Cache-Control"] == "no-store"


def test_headers_of_a_proxy_are_believed_only_when_there_is_one(make_web: Callable[..., Web]) -> None:
    headers = {"X-Request-ID": "from-the-proxy", "X-Forwarded-For": "10.1.2.3", "X-Forwarded-Proto": "https"}
    alone = make_web().visitor().get("/login", headers=headers)
    assert alone.headers["X-Request-ID"] != "from-the-proxy"
    assert "Strict-Transport-Security" not in alone.headers
    behind = make_web(trusted_proxies=1).visitor().get("/login", headers=headers)
    assert behind.headers["X-Request-ID"] == "from-the-proxy"
    assert "Strict-Transport-Security" in behind.headers


def test_a_request_id_that_could_forge_the_log_is_replaced(make_web: Callable[..., Web]) -> None:
    web = make_web(trusted_proxies=1)
    answer = web.visitor().get("/healthz", headers={"X-Request-ID": "a b=c"})
    assert answer.headers["X-Request-ID"].isalnum()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFound("case", 7), 404, "not_found"),
        (Conflict("somebody else was first"), 409, "conflict"),
        (InvalidMove("not from here"), 409, "invalid_move"),
        (NotAllowed("not you"), 403, "not_allowed"),
        (InvalidInput("note", "too short"), 422, "invalid_input"),
        (Refusals([InvalidInput("lon", "missing"), InvalidInput("lat", "missing")]), 422, "invalid_input"),
        (ChangedMeanwhile(), 412, "changed_meanwhile"),
        (ConditionMissing(), 428, "condition_missing"),
        (NotAcceptable(), 406, "not_acceptable"),
        (WrongMediaType("send application/json"), 415, "wrong_media_type"),
        (UnsupportedMediaType(), 415, "wrong_media_type"),
        (StoreDown("disk away"), 503, "store_down"),
        (RuntimeError("a secret: hunter2"), 500, "internal"),
    ],
)
def test_every_error_has_one_answer_for_people_and_one_for_programs(
    web: Web, error: Exception, status: int, code: str
) -> None:
    def fail() -> str:
        raise error

    web.app.view_functions["rules"] = fail
    client = web.as_(Role.VIEWER)
    page = client.get("/rules")
    assert page.status_code == status
    assert page.mimetype == "text/html"
    assert code in page.text
    told = client.get("/rules", headers={"Accept": "application/json"})
    assert told.status_code == status
    assert told.json is not None
    assert told.mimetype == "application/problem+json"
    assert (told.json["status"], told.json["code"]) == (status, code)
    assert told.json["title"]
    assert told.json["detail"]
    assert told.json["request_id"] == told.headers["X-Request-ID"]
    for answer in (page.text, told.text):
        assert "hunter2" not in answer
        assert "Traceback" not in answer
    if status == 503:
        assert page.headers["Retry-After"] == "5"
    if status == 500:
        assert page.headers["X-Request-ID"] in page.text


def test_an_address_that_takes_forms_only_says_so(web: Web) -> None:
    answer = web.visitor().get("/logout")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert answer.mimetype == "text/html"


def test_a_wrong_address_is_a_page_for_strangers_too(web: Web) -> None:
    answer = web.visitor().get("/nothing")
    assert answer.status_code == 404
    assert "找不到" in answer.text


def test_the_sign_of_life_is_constant_for_strangers_and_asks_the_records_one_thing(web: Web) -> None:
    asked: list[str] = []

    def note(*args: Any) -> None:
        asked.append(args[2])

    event.listen(web.city.engine, "before_cursor_execute", note)
    answer = web.visitor().get("/healthz", environ_base={"REMOTE_ADDR": "203.0.113.7"})
    event.remove(web.city.engine, "before_cursor_execute", note)
    assert (answer.status_code, answer.json) == (200, {"ok": True})
    assert len([words for words in asked if not words.startswith("BEGIN")]) == 1


def lose_the_records(web: Web) -> None:
    """What a disk that is gone looks like."""
    database = Path(web.city.engine.url.database or "")
    web.city.engine.dispose()
    database.rename(database.with_suffix(".gone"))
    database.mkdir()


def test_the_sign_of_life_says_when_the_records_are_away(web: Web) -> None:
    lose_the_records(web)
    answer = web.visitor().get("/healthz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["code"] == "store_down"


@pytest.mark.parametrize("path", ["/", "/cases/1", "/Q/2222222222", "/api/v1/overview", "/api/v1/stream"])
def test_without_the_records_people_are_told_to_wait(web: Web, path: str) -> None:
    client = web.as_(Role.DISPATCHER)
    lose_the_records(web)
    answer = client.get(path)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "数据库没有响应" in answer.text


def test_a_page_of_an_error_at_a_kiosks_address_names_that_address_to_nobody(web: Web) -> None:
    client = web.visitor()
    wrong = client.get("/kiosk/a-word-that-opens-nothing")
    lose_the_records(web)
    away = client.get("/kiosk/a-word-that-may-open-a-screen")
    assert (wrong.status_code, away.status_code) == (404, 503)
    assert wrong.headers["Referrer-Policy"] == away.headers["Referrer-Policy"] == "no-referrer"


def test_a_fixed_span_is_written_in_each_visitors_language_whoever_came_first(web: Web) -> None:
    with web.app.test_request_context(headers={"Cookie": "lang=zh"}):
        part = web.app.jinja_env.from_string("{{ 1800|duration }}, {{ 20000|number('ha') }}")
        assert part.render() == "30 分钟, 20,000\u202f公顷"
    with web.app.test_request_context(headers={"Cookie": "lang=en"}):
        assert part.render() == "30 min, 20,000\u202fha"


def test_text_typed_into_a_refused_form_is_shown_as_text(web: Web) -> None:
    client = web.as_(Role.ADMINISTRATOR)
    answer = client.post("/cases/1/moves", data={"note": "<script>alert(1)</script>", "csrf_token": "no"})
    assert answer.status_code == 400
    assert "<script>alert(1)" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
