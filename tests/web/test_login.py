from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboards.login import read_secret
from registry.domain.kinds import Role
from registry.services.people import set_active
from registry.storage.database import writing
from tests.web.conftest import PASSWORD, Web, csrf_of, send


def test_crew_begin_with_their_tasks_and_others_with_the_city(web: Web) -> None:
    for login, home in (("crew", "/tasks"), ("dispatcher", "/"), ("viewer", "/")):
        answer = send(web.visitor(), "/login", {"login": login, "password": PASSWORD})
        assert (answer.status_code, answer.headers["Location"]) == (303, home)


def test_after_signing_in_people_come_to_the_page_they_wanted(web: Web) -> None:
    client = web.visitor()
    form = {"login": "dispatcher", "password": PASSWORD, "next": "/cases?stage=filed"}
    assert send(client, "/login", form).headers["Location"] == "/cases?stage=filed"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_signing_in_never_leads_to_another_site(web: Web, target: str) -> None:
    form = {"login": "dispatcher", "password": PASSWORD, "next": target}
    assert send(web.visitor(), "/login", form).headers["Location"] == "/"
    page = web.visitor().get("/login", query_string={"next": target}).text
    assert 'name="next" value=""' in page


def test_a_wrong_password_and_an_unknown_login_get_the_same_answer(web: Web) -> None:
    wrong = send(web.visitor(), "/login", {"login": "crew", "password": "wrong"})
    unknown = send(web.visitor(), "/login", {"login": "nobody", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert "账号或密码不正确" in wrong.text
    assert "账号或密码不正确" in unknown.text
    assert 'value="crew"' in wrong.text
    assert 'value="wrong"' not in wrong.text


def test_guessing_is_stopped_after_ten_tries_a_minute(web: Web) -> None:
    client = web.visitor()
    token = csrf_of(client)
    form = {"login": "nobody", "password": "wrong", "csrf_token": token}
    answers = [client.post("/login", data=form).status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]
    last = client.post("/login", data=form)
    assert int(last.headers["Retry-After"]) <= 60
    assert client.get("/login").status_code == 200


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(web: Web) -> None:
    answer = send(web.visitor(), "/login", {"login": "crew", "password": PASSWORD})
    cookie = next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith("covercode="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_behind_https_the_cookie_never_travels_without(make_web: Callable[..., Web]) -> None:
    web = make_web(place={"public_url": "https://city.example"})
    cookies = web.visitor().get("/login", base_url="https://city.example").headers.getlist("Set-Cookie")
    assert "Secure" in next(line for line in cookies if line.startswith("covercode="))


def test_a_sign_in_ends_after_its_hours(make_web: Callable[..., Web]) -> None:
    web = make_web(session_hours=8.0, session_idle_hours=8.0)
    client = web.as_(Role.DISPATCHER)
    web.clock.pass_by(hours=7, minutes=59)
    assert client.get("/assets").status_code == 200
    web.clock.pass_by(minutes=2)
    assert client.get("/assets").status_code == 302


def test_a_form_from_before_the_sign_in_ended_can_be_sent_after_a_new_one(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    opened = web.city.open_case(web.clock.now)
    token = csrf_of(client, f"/cases/{opened.case_id}")
    web.clock.pass_by(hours=13)
    form = {"move": "supervise", "version": 1, "note": "催办", "csrf_token": token}
    ended = client.post(f"/cases/{opened.case_id}/moves", data=form)
    assert ended.status_code == 401
    assert "催办" in ended.text
    assert send(client, "/login", {"login": "dispatcher", "password": PASSWORD}).status_code == 303
    assert client.post(f"/cases/{opened.case_id}/moves", data=form).status_code == 303


def test_a_closed_account_is_out_at_once(web: Web) -> None:
    client = web.as_(Role.CREW)
    with writing(web.city.engine) as tx:
        set_active(tx, web.city.crew.user_id or 0, active=False, now=web.clock.now)
    assert client.get("/tasks").status_code == 302


def test_signing_out_ends_the_session(web: Web) -> None:
    client = web.as_(Role.VIEWER)
    assert send(client, "/logout", {}, page="/assets").status_code == 303
    assert client.get("/assets").status_code == 302


def test_signing_out_needs_a_form_of_ours(web: Web) -> None:
    client = web.as_(Role.VIEWER)
    assert client.post("/logout").status_code == 400
    assert client.get("/assets").status_code == 200


def test_demo_accounts_are_listed_in_a_demo_city_only(make_web: Callable[..., Web]) -> None:
    assert "covercode-demo" in make_web(place={"demo": True}).visitor().get("/login").text
    assert "covercode-demo" not in make_web().visitor().get("/login").text


def test_the_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "var" / "secret"
    first = read_secret(path)
    assert read_secret(path) == first
    assert len(first) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_damaged_secret_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="remove it"):
        read_secret(path)


def test_the_language_is_remembered_and_leads_back_here(web: Web) -> None:
    client = web.visitor()
    answer = send(client, "/language", {"lang": "en", "next": "/login?next=/cases"})
    assert answer.headers["Location"] == "/login?next=/cases"
    assert 'data-lang="en"' in client.get("/login").text
    assert send(client, "/language", {"lang": "zh", "next": "https://evil.example"}).headers["Location"] == "/"


def test_a_language_nobody_has_is_refused_with_those_there_are(web: Web) -> None:
    answer = send(web.visitor(), "/language", {"lang": "tlh"})
    assert answer.status_code == 422
    assert "zh, en" in answer.text


def test_a_part_of_a_page_leads_nobody_to_sign_in_and_leaves_the_token_of_the_form_alone(web: Web) -> None:
    """A map asks for tiles on and on after somebody signed out in another tab."""
    client = web.visitor()
    refused = client.get("/wall/places.json", headers={"Accept": "*/*"})
    assert (refused.status_code, refused.mimetype) == (401, "application/problem+json")
    assert "Set-Cookie" not in refused.headers
    led = client.get("/wall", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (led.status_code, led.headers["Location"]) == (302, "/login?next=/wall")
