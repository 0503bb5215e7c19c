"""Who may use which route on what: the table is complete, and the app keeps to it for every role, area and token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Table, insert, select, update
from werkzeug.routing import Rule

from dashboards.permissions import LIMITS, OWN_AREA, OWN_UNIT, PERMISSIONS, PUBLIC, WHOLE_CITY, Line, allowed
from dashboards.reach import FINDERS, PLACELESS
from registry.domain.kinds import Role
from registry.domain.token_scopes import MAY_HOLD, TokenScope
from registry.services.api_tokens import NewToken, issue_token
from registry.services.people import find_user
from registry.services.permits import NewPermit, start
from registry.services.sessions import Device, Lifetime, open_session
from registry.services.silences import NewSilence, add_silence
from registry.storage.database import reading, writing
from registry.storage.tables import (
    alert_group,
    api_token,
    area,
    asset,
    case,
    inspection,
    recheck,
    report,
    supervision_entry,
    supervision_file,
    supervision_item,
    supervision_notice,
    tag,
    user,
)
from tests.web.conftest import NOON, Web, csrf_of, timedelta

ROLES = [None, *Role]
HERE, ELSEWHERE = "440803", "440804"
BOUND_TO = {"the whole city": "", "this area": HERE, "a part of it": f"{HERE}001", "another area": ELSEWHERE}
# A token that makes tokens would outlive being revoked, one that resets passwords could become anybody, and where
# somebody is signed in is theirs to see and to end.
SIGNED_IN_ONLY = {
    "api_add_token",
    "api_my_tokens",
    "api_revoke_my_token",
    "api_my_sessions",
    "api_end_my_session",
    "api_end_my_sessions",
    "api_reset_password",
}
# Nobody signs in with an empty form, and no other platform reports without its key: these doors ask for one themselves.
WITH_A_KEY_IN_HAND = {"sign_in", "open311_take", "open311_take_update"}
TILE = {"z", "x", "y"}
METHODS = ("POST", "PATCH", "PUT", "DELETE")


def rules(web: Web, known: dict[str, Any]) -> Iterator[tuple[Rule, str, str]]:
    """Every route with an address that fits it and its method."""
    adapter = web.app.url_map.bind("localhost")
    for rule in web.app.url_map.iter_rules():
        values = {
            name: known.get(name, 1 if name.endswith("_id") or name in TILE else "nobody-has-this")
            for name in rule.arguments
        }
        method = next((word for word in METHODS if word in (rule.methods or ())), "GET")
        yield rule, adapter.build(rule.endpoint, values, method=method), method


@pytest.fixture
def things(web: Web) -> dict[str, Any]:
    """One thing of each sort that an address can name, all in the area ``HERE``."""
    city, engine = web.city, web.city.engine
    opened = city.open_case(NOON)
    person = {"login": "somebody", "name": "某", "role": "viewer", "password_hash": "-", "area_code": HERE}
    district = {"level": "district", "code": HERE, "name": "霞山区", "updated_at": NOON}
    times = {"began_at": NOON, "last_at": NOON, "recorded_at": NOON}
    group = {"rule_key": "water_high", "state": "open", "members": 8, "severity": 2, "area_code": HERE, **times}
    with writing(engine) as tx:
        tx.execute(update(case).values(stage="dispatched"))  # nobody's yet: every crew may take it
        user_id = tx.execute(insert(user).values(**person, created_at=NOON).returning(user.c.id)).scalar_one()
        token = {"name": "x", "user_id": user_id, "hash": "-", "prefix": "cc_", "scopes": [], "created_at": NOON}
        told = {"key": "k", "case_id": opened.case_id, "at": NOON, "text": "响", "area_code": HERE}
        found = {
            "report_id": tx.execute(insert(report).values(told).returning(report.c.id)).scalar_one(),
            "user_id": user_id,
            "api_token_id": tx.execute(insert(api_token).values(token).returning(api_token.c.id)).scalar_one(),
            "group_id": tx.execute(insert(alert_group).values(group).returning(alert_group.c.id)).scalar_one(),
            "area_id": tx.execute(insert(area).values(district).returning(area.c.id)).scalar_one(),
            "code": tx.execute(select(asset.c.code).where(asset.c.id == city.asset_id)).scalar_one(),
            "tag_id": tx.execute(select(tag.c.id).where(tag.c.token == web.token)).scalar_one(),
        }
    return found | {
        "asset_id": city.asset_id,
        "case_id": opened.case_id,
        "alert_id": city.add_alert(opened.case_id, NOON),
        "photo_id": city.add_photo(NOON),
        "device_id": city.device_id,
        "point_id": city.point("tilt_z"),
        "token": web.token,
        "filename": "covercode.svg",
        **_quiet_things(web),
        **_followed_things(web, opened.case_id),
    }


def _quiet_things(web: Web) -> dict[str, Any]:
    """A permit that runs and a silence, both about the city's cover."""
    city, later = web.city, NOON + timedelta(hours=1)
    new = NewPermit(asset_id=city.asset_id, work="清淤", people=2, minutes=60, scanned=True)
    muted = NewSilence(asset_id=city.asset_id, ends_at=later, reason="施工")
    return {
        "permit_id": start(city.engine, new, by=city.crew, now=NOON),
        "silence_id": add_silence(city.engine, muted, by=city.dispatcher, now=NOON),
    }


def _followed_things(web: Web, case_id: int) -> dict[str, Any]:
    """The case under supervision by a notice, with evidence, and what follows its closing."""
    at = {"opened_at": NOON, "area_code": HERE}
    notice = {"year": 2026, "serial": 1, "unit_id": web.city.water, "title": "督", "demand": "修", "issuer": "市"}
    item = {"case_id": case_id, "problem": "盖移位", "state": "replied", "deadline_at": NOON, **at}
    answer = {"at": NOON, "move": "reply", "detail": {}}
    evidence = {"name": "a.pdf", "media_type": "application/pdf", "size_bytes": 9, "sha256": "0" * 64, "added_at": NOON}
    look = {"case_id": case_id, "round": 1, "turn": 1, "times": 1, "every_days": 7, "state": "due"}
    listed = {"case_id": case_id, "likes": [], "state": "open", "gate": False, "due_at": NOON, **at}
    with writing(web.city.engine) as tx:

        def add(table: Table, row: dict[str, Any]) -> int:
            return int(tx.execute(insert(table).values(row).returning(table.c.id)).scalar_one())

        notice_id = add(supervision_notice, {**notice, "issued_at": NOON, "reply_by": NOON})
        item_id = add(supervision_item, {**item, "notice_id": notice_id})
        entry_id = add(supervision_entry, {**answer, "item_id": item_id})
        return {
            "supervision_notice_id": notice_id,
            "supervised_id": item_id,
            "evidence_id": add(supervision_file, {**evidence, "item_id": item_id, "entry_id": entry_id}),
            "recheck_id": add(recheck, {**look, "due_at": NOON, "planned_at": NOON, "area_code": HERE}),
            "inspection_id": add(inspection, listed),
        }


@pytest.fixture
def door(web: Web) -> Web:
    """The app with nothing behind its door: whoever is let in gets an empty answer, which is quick."""
    for endpoint in list(web.app.view_functions):
        web.app.view_functions[endpoint] = _empty
    return web


def _empty(**_addressed: Any) -> tuple[str, int]:
    return "", 204


def bound(web: Web, role: Role, area_code: str) -> FlaskClient:
    """A browser of somebody with that role who is bound to that area."""
    engine, client = web.city.engine, web.visitor()
    row = {"login": f"{role}-{area_code}", "name": "某", "role": role.value, "password_hash": "-"}
    with writing(engine) as tx:
        added = insert(user).values(**row, area_code=area_code, created_at=NOON).returning(user.c.id)
        user_id = tx.execute(added).scalar_one()
    somebody = find_user(engine, user_id)
    assert somebody is not None
    hours = Lifetime(absolute=timedelta(hours=12), idle=timedelta(hours=12))
    word = open_session(engine, somebody, Device(), lifetime=hours, now=NOON)
    client.get("/login")
    with client.session_transaction() as session:
        session["_user_id"] = word
    return client


def refused(client: FlaskClient, address: str, method: str, headers: dict[str, str]) -> bool:
    """Whether the visitor was stopped at the door."""
    answer = client.open(address, method=method, headers=headers)
    answer.close()
    return answer.status_code in (401, 403) or "/login?next=" in answer.headers.get("Location", "")


def lets_in(line: Line, role: Role | None, binding: str) -> bool:
    """The table in words: the role must be named, and the right must reach what lies in ``HERE``."""
    if role not in line.roles:
        return False
    if line.reach is WHOLE_CITY:
        return binding == "the whole city"
    if line.reach in (OWN_AREA, OWN_UNIT):
        return binding in ("the whole city", "this area")
    return True


def test_every_route_stands_in_the_table_and_every_line_is_a_route(web: Web) -> None:
    endpoints = {rule.endpoint for rule in web.app.url_map.iter_rules()}
    assert endpoints == set(PERMISSIONS)
    assert set(LIMITS) <= endpoints


def test_a_route_that_is_not_in_the_table_is_refused_to_everybody() -> None:
    assert not any(allowed("forgotten", role) for role in ROLES)


def test_every_name_in_an_address_is_found_somewhere_or_lies_nowhere(web: Web) -> None:
    names = {name for rule in web.app.url_map.iter_rules() for name in rule.arguments}
    assert names - FINDERS.keys() - PLACELESS.keys() == set()
    assert FINDERS.keys() & PLACELESS.keys() == set()


def test_a_route_that_names_a_thing_of_the_city_is_checked_against_the_area_and_no_other_is(web: Web) -> None:
    for rule in web.app.url_map.iter_rules():
        line = PERMISSIONS[rule.endpoint]
        if line.roles == PUBLIC or line.reach is WHOLE_CITY:
            continue
        names_a_thing = bool(rule.arguments & FINDERS.keys())
        assert names_a_thing == (line.reach in (OWN_AREA, OWN_UNIT)), f"{rule.rule} is {line.reach}"


def test_every_address_of_the_api_names_the_scope_that_a_token_needs(web: Web) -> None:
    for rule in web.app.url_map.iter_rules():
        line = PERMISSIONS[rule.endpoint]
        if rule.rule.startswith("/api/"):
            assert line.roles == PUBLIC or line.token is not None or rule.endpoint in SIGNED_IN_ONLY, rule.rule
        else:
            assert line.token is None, f"{rule.rule} is a page: no token opens it"


@pytest.mark.parametrize("binding", BOUND_TO)
@pytest.mark.parametrize("role", list(Role), ids=str)
def test_every_role_in_every_area_is_let_in_where_the_table_says(
    door: Web, things: dict[str, Any], role: Role, binding: str
) -> None:
    client = bound(door, role, BOUND_TO[binding])
    headers = {"X-CSRFToken": csrf_of_session(client), "Accept": "application/json"}  # quicker than a page that says no
    wrong = [
        f"{method} {address}"
        for rule, address, method in rules(door, things)
        if refused(client, address, method, headers) == lets_in(PERMISSIONS[rule.endpoint], role, binding)
    ]
    assert wrong == []


def test_a_stranger_is_let_in_where_the_table_says(door: Web, things: dict[str, Any]) -> None:
    client = door.visitor()
    headers = {"X-CSRFToken": csrf_of_session(client)}
    wrong = [
        f"{method} {address}"
        for rule, address, method in rules(door, things)
        if refused(client, address, method, headers) == (None in PERMISSIONS[rule.endpoint].roles)
    ]
    assert wrong == []


@pytest.mark.parametrize("scope", list(TokenScope), ids=str)
def test_a_token_opens_what_it_was_made_for_and_nothing_else(
    door: Web, things: dict[str, Any], scope: TokenScope
) -> None:
    engine = door.city.engine
    holder = next(role for role in (Role.ADMINISTRATOR, *MAY_HOLD[scope]) if role in MAY_HOLD[scope])
    by = {Role.ADMINISTRATOR: door.city.administrator}[holder]
    with writing(engine) as tx:
        token = issue_token(tx, NewToken(name="x", scopes=[scope], expires_at=None), by=by, now=NOON).text
    client, shown = door.visitor(), {"Authorization": f"Bearer {token}"}
    wrong = []
    for rule, address, method in rules(door, things):
        if not address.startswith("/api/"):
            continue
        line = PERMISSIONS[rule.endpoint]
        opens = line.roles == PUBLIC or (line.token is scope and holder in line.roles)
        answer = client.open(address, method=method, headers=shown)
        if (answer.status_code == 204) != opens:
            wrong.append(f"{method} {address}: {answer.status}")
        if answer.status_code == 429:
            door.clock.pass_by(minutes=1)
    assert wrong == []


def csrf_of_session(client: FlaskClient) -> str:
    """The word that forms of this browser carry; the pages behind the door can't be asked for it."""
    from flask import g
    from flask_wtf.csrf import generate_csrf

    with client.session_transaction() as session:
        kept = dict(session)
    with client.application.test_request_context():
        from flask import session as fresh

        fresh.update(kept)
        token = generate_csrf()
        made = fresh["csrf_token"]
        g.pop("csrf_token", None)
    with client.session_transaction() as session:
        session["csrf_token"] = made
    return token


@pytest.mark.parametrize("role", ROLES, ids=str)
def test_the_pages_themselves_keep_to_the_table(web: Web, role: Role | None) -> None:
    client = web.visitor() if role is None else web.as_(role)
    headers = {"X-CSRFToken": csrf_of(client, "/login" if role is None else "/assets")}
    known = {"asset_id": web.city.asset_id, "token": web.token, "filename": "covercode.svg"}
    for rule, address, method in rules(web, known):
        if rule.endpoint == "logout":
            continue  # ends the visit; has its own test
        expected = not allowed(rule.endpoint, role)
        if rule.endpoint in WITH_A_KEY_IN_HAND:
            expected = True
        assert refused(client, address, method, headers) == expected, f"{role} {method} {address}"


def test_another_units_case_takes_no_photos_of_a_crew_member(web: Web, things: dict[str, Any]) -> None:
    with writing(web.city.engine) as tx:
        tx.execute(update(case).values(unit_id=web.city.power))
    page = f"/cases/{things['case_id']}"
    for login, stopped in (("crew", True), ("stranger", False), ("dispatcher", False)):
        client = web.signed_in(login)
        for address in (page, f"/api/v1{page}"):
            answer = client.post(f"{address}/photos", data={"csrf_token": csrf_of(client, "/assets")})
            assert (answer.status_code == 403) == stopped, f"{login} {address}: {answer.status}"


def test_lists_and_figures_hold_what_lies_in_ones_own_area(web: Web, things: dict[str, Any]) -> None:
    with reading(web.city.engine) as tx:
        code = tx.execute(select(asset.c.code).where(asset.c.id == web.city.asset_id)).scalar_one()
    own, foreign = bound(web, Role.ADMINISTRATOR, HERE), bound(web, Role.ADMINISTRATOR, ELSEWHERE)
    for address in ("/api/v1/assets", "/api/v1/cases", "/api/v1/alerts", "/api/v1/map", "/api/v1/wrong-now"):
        assert "上水井盖" in own.get(address).text, address
        assert "上水井盖" not in foreign.get(address).text, address
    for address in ("/assets", "/cases", "/alerts", "/"):
        assert f'/{"assets" if address == "/assets" else "cases"}/1"' in own.get(address).text, address
        assert "上水井盖" not in foreign.get(address).text, address
    counters = foreign.get("/api/v1/overview").json
    assert counters is not None
    assert (counters["overview"]["assets"], counters["overview"]["cases_open"]) == (0, 0)
    assert "上水井盖" not in foreign.get(f"/assets?q={code}").text


def test_in_front_of_a_plate_of_another_area_staff_see_what_citizens_see(web: Web) -> None:
    foreign = bound(web, Role.CREW, ELSEWHERE)
    seen, public = foreign.get(f"/Q/{web.token}"), web.visitor().get(f"/Q/{web.token}")
    assert (seen.status_code, public.status_code) == (200, 200)
    assert 'name="contact"' in seen.text


def test_what_lies_elsewhere_is_said_so(web: Web) -> None:
    answer = bound(web, Role.CREW, ELSEWHERE).get(f"/assets/{web.city.asset_id}")
    assert answer.status_code == 403
    assert HERE in answer.text
    assert ELSEWHERE in answer.text


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
