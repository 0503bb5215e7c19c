"""Who may use which route: the table is complete, and the app keeps to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from werkzeug.routing import Rule

from dashboards.permissions import LIMITS, PERMISSIONS, allowed
from registry.domain.kinds import Role
from tests.web.conftest import Web, csrf_of

ROLES = [None, *Role]


def rules(web: Web) -> Iterator[tuple[Rule, str]]:
    """Every route with an address that fits it."""
    known = {"asset_id": web.city.asset_id, "token": web.token, "filename": "icons/covercode.svg"}
    adapter = web.app.url_map.bind("localhost")
    for rule in web.app.url_map.iter_rules():
        values = {name: known.get(name, 1 if name.endswith("_id") else "nobody-has-this") for name in rule.arguments}
        yield rule, adapter.build(rule.endpoint, values, method=min(rule.methods or {"GET"} - {"HEAD", "OPTIONS"}))


def test_every_route_stands_in_the_table_and_every_line_is_a_route(web: Web) -> None:
    endpoints = {rule.endpoint for rule in web.app.url_map.iter_rules()}
    assert endpoints == set(PERMISSIONS)
    assert set(LIMITS) <= endpoints


def test_a_route_that_is_not_in_the_table_is_refused_to_everybody() -> None:
    assert not any(allowed("forgotten", role) for role in ROLES)


@pytest.mark.parametrize("role", ROLES, ids=str)
def test_the_app_keeps_to_the_table(web: Web, role: Role | None) -> None:
    client = web.visitor() if role is None else web.as_(role)
    token = csrf_of(client, "/login" if role is None else "/assets")
    for rule, address in rules(web):
        if rule.endpoint == "logout":
            continue  # ends the visit; has its own test
        method = next((word for word in ("POST", "PATCH", "PUT", "DELETE") if word in (rule.methods or ())), "GET")
        headers = {"X-CSRFToken": token} if method != "GET" else None
        answer = client.open(address, method=method, headers=headers)
        answer.close()
        refused = answer.status_code in (401, 403) or "/login?next=" in answer.headers.get("Location", "")
        expected = not allowed(rule.endpoint, role)
        if rule.endpoint == "sign_in":
            expected = True  # nobody signs in with an empty form
        assert refused == expected, f"{role} {method} {address}: {answer.status}"


def test_an_anonymous_visitor_is_led_to_sign_in_and_back(web: Web) -> None:
    answer = web.visitor().get("/cases?stage=filed")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/login?next=/cases?stage%3Dfiled"


def test_an_anonymous_program_is_told_in_json(web: Web) -> None:
    answer = web.visitor().get("/api/v1/overview")
    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["code"] == "sign_in"


def test_what_an_anonymous_visitor_sent_is_not_led_away(web: Web) -> None:
    client = web.visitor()
    answer = client.post("/cases/1/moves", data={"note": "修好了", "csrf_token": csrf_of(client)})
    assert answer.status_code == 401
    assert "修好了" in answer.text


def test_a_viewer_may_look_and_not_touch(web: Web) -> None:
    client = web.as_(Role.VIEWER)
    answer = client.post("/cases/1/moves", data={"csrf_token": csrf_of(client, "/assets")})
    assert answer.status_code == 403
