"""Accounts on pages: who manages whom, passwords shown once, sessions and tokens, the audit trail."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from registry.domain.kinds import Role
from registry.services.audit import check_chain
from registry.services.people import NewUser, add_user, verify_login
from registry.storage.database import reading, writing
from registry.storage.tables import audit, user
from tests.web.conftest import PASSWORD, Web, csrf_of, send

NEW_PASSWORD = "three unrelated garden words"
_ONCE = re.compile(r'<input class="input once" readonly value="([^"]+)"')


def shown_once(text: str) -> str:
    """The secret that a page shows."""
    found = _ONCE.search(text)
    assert found is not None, text
    return found[1]


def add(web: Web, login: str, role: Role, *, area_code: str = "", unit_id: int | None = None) -> int:
    """An account with the usual password."""
    new = NewUser(login=login, name=f"名{login}", role=role, password=PASSWORD, area_code=area_code, unit_id=unit_id)
    with writing(web.city.engine) as tx:
        return add_user(tx, new, now=web.clock.now)


def sign_in(web: Web, login: str, password: str = PASSWORD) -> FlaskClient:
    """A browser of its own; not shared with other tests."""
    client = web.visitor()
    assert send(client, "/login", {"login": login, "password": password}).status_code == 303
    return client


def actions(web: Web) -> list[str]:
    """The words of the trail, oldest first."""
    with reading(web.city.engine) as tx:
        return list(tx.execute(select(audit.c.action).order_by(audit.c.id)).scalars())


PERSON = {"login": "wang", "name": "王芳", "role": "registrar", "unit_id": "", "area_code": "440803", "phone": ""}


def test_a_new_person_gets_a_password_once_and_must_choose_their_own(web: Web) -> None:
    made = send(web.as_(Role.ADMINISTRATOR), "/people/new", PERSON, page="/people/new")
    assert made.status_code == 201
    first = shown_once(made.text)

    theirs = web.visitor()
    assert send(theirs, "/login", {"login": "wang", "password": first}).headers["Location"] == "/"
    assert theirs.get("/cases").headers["Location"] == "/account"
    assert theirs.get("/api/v1/overview").status_code == 403
    wrong = {"old_password": first, "password": "wang1234567890", "again": "wang1234567890"}
    assert send(theirs, "/account/password", wrong, page="/account").status_code == 422
    chosen = {"old_password": first, "password": NEW_PASSWORD, "again": NEW_PASSWORD}
    assert send(theirs, "/account/password", chosen, page="/account").status_code == 303
    assert theirs.get("/cases").status_code == 200
    assert verify_login(web.city.engine, "wang", NEW_PASSWORD, now=web.clock.now).area_code == "440803"


@pytest.mark.parametrize(
    ("field", "value"),
    [("login", "王 芳"), ("login", "crew"), ("name", ""), ("role", "king"), ("area_code", "44080"), ("unit_id", "999")],
)
def test_a_field_that_can_not_be_used_is_named_and_nothing_is_made(web: Web, field: str, value: str) -> None:
    administrator = web.as_(Role.ADMINISTRATOR)
    before = len(actions(web))
    answer = send(administrator, "/people/new", PERSON | {field: value}, page="/people/new")
    assert answer.status_code in (409, 422)
    assert "once" not in answer.text
    assert 'value="王芳"' in answer.text or field == "name"
    assert len(actions(web)) == before


def test_another_role_signs_out_and_another_name_does_not(web: Web) -> None:
    user_id = add(web, "zhao", Role.VIEWER)
    theirs, boss = sign_in(web, "zhao"), web.as_(Role.ADMINISTRATOR)
    form = {"name": "赵敏", "role": "viewer", "unit_id": "", "area_code": "", "phone": "123"}
    assert send(boss, f"/people/{user_id}", form, page=f"/people/{user_id}").status_code == 303
    assert theirs.get("/assets").status_code == 200
    assert send(boss, f"/people/{user_id}", form | {"role": "crew"}, page=f"/people/{user_id}").status_code == 303
    assert theirs.get("/assets").status_code == 302


@pytest.mark.parametrize(("what", "back"), [("lock", "unlock"), ("close", "open")])
def test_a_locked_or_closed_account_is_out_until_it_is_opened_again(web: Web, what: str, back: str) -> None:
    user_id = add(web, "zhao", Role.VIEWER)
    theirs, boss, page = sign_in(web, "zhao"), web.as_(Role.ADMINISTRATOR), f"/people/{user_id}"
    assert send(boss, f"{page}/access", {"what": what}, page=page).status_code == 303
    assert theirs.get("/assets").status_code == 302
    assert send(theirs, "/login", {"login": "zhao", "password": PASSWORD}).status_code == 401
    assert send(boss, f"{page}/access", {"what": back}, page=page).status_code == 303
    assert send(theirs, "/login", {"login": "zhao", "password": PASSWORD}).status_code == 303


def test_the_last_administrator_can_neither_leave_nor_be_demoted(web: Web) -> None:
    boss, user_id = web.as_(Role.ADMINISTRATOR), web.city.administrator.user_id
    page = f"/people/{user_id}"
    assert send(boss, f"{page}/access", {"what": "close"}, page=page).status_code == 409
    demoted = {"name": "吴管", "role": "viewer", "unit_id": "", "area_code": "", "phone": ""}
    assert send(boss, page, demoted, page=page).status_code == 409
    assert boss.get("/people").status_code == 200


def test_a_reset_password_is_shown_once_and_the_old_one_is_gone(web: Web) -> None:
    user_id = add(web, "zhao", Role.VIEWER)
    theirs = sign_in(web, "zhao")
    answer = send(web.as_(Role.ADMINISTRATOR), f"/people/{user_id}/password", {}, page=f"/people/{user_id}")
    password = shown_once(answer.text)
    assert answer.headers["Cache-Control"] == "no-store"
    assert password not in web.as_(Role.ADMINISTRATOR).get(f"/people/{user_id}").text
    assert theirs.get("/assets").status_code == 302
    assert send(theirs, "/login", {"login": "zhao", "password": PASSWORD}).status_code == 401
    assert send(theirs, "/login", {"login": "zhao", "password": password}).status_code == 303


def test_people_see_where_they_are_signed_in_and_sign_out_elsewhere(web: Web) -> None:
    add(web, "zhao", Role.VIEWER)
    desk, phone, third = sign_in(web, "zhao"), sign_in(web, "zhao"), sign_in(web, "zhao")
    page = desk.get("/account").text
    assert page.count('name="session"') == 2
    other = re.findall(r'name="session" value="([0-9a-f]{64})"', page)[0]
    assert send(desk, "/account/sessions", {"session": other}, page="/account").status_code == 303
    assert sorted(client.get("/assets").status_code for client in (desk, phone, third)) == [200, 200, 302]
    assert send(desk, "/account/sessions", {}, page="/account").status_code == 303
    assert [client.get("/assets").status_code for client in (desk, phone, third)] == [200, 302, 302]


def test_nobody_ends_the_session_or_the_token_of_somebody_else(web: Web) -> None:
    add(web, "zhao", Role.VIEWER)
    theirs, other = sign_in(web, "zhao"), web.as_(Role.VIEWER)
    sign_in(web, "zhao")
    number = re.findall(r'name="session" value="([0-9a-f]{64})"', theirs.get("/account").text)[0]
    assert send(other, "/account/sessions", {"session": number}, page="/account").status_code == 404
    send(theirs, "/account/tokens", {"name": "报表", "scopes": "read"}, page="/account")
    assert send(other, "/account/tokens/1/revoke", {}, page="/account").status_code == 404
    assert "已撤销" not in theirs.get("/account").text


def test_changing_the_password_ends_the_other_sessions_and_keeps_this_one(web: Web) -> None:
    add(web, "zhao", Role.VIEWER)
    desk, phone = sign_in(web, "zhao"), sign_in(web, "zhao")
    form = {"old_password": PASSWORD, "password": NEW_PASSWORD, "again": NEW_PASSWORD}
    assert send(desk, "/account/password", form, page="/account").status_code == 303
    assert (desk.get("/assets").status_code, phone.get("/assets").status_code) == (200, 302)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"old_password": "wrong", "password": NEW_PASSWORD, "again": NEW_PASSWORD}, "不是您的密码"),
        ({"old_password": PASSWORD, "password": NEW_PASSWORD, "again": "other"}, "不一致"),
        ({"old_password": PASSWORD, "password": "tiny4me", "again": "tiny4me"}, "至少 10 个字符"),
        ({"old_password": PASSWORD, "password": "1234567890", "again": "1234567890"}, "常见密码"),
        ({"old_password": PASSWORD, "password": "my viewer garden", "again": "my viewer garden"}, "不含账号"),
    ],
)
def test_a_password_that_is_not_taken_says_why_and_is_not_shown_again(
    web: Web, form: dict[str, str], told: str
) -> None:
    answer = send(web.as_(Role.VIEWER), "/account/password", form, page="/account")
    assert answer.status_code == 422
    assert told in answer.text
    assert form["password"] not in answer.text


def test_a_token_speaks_for_its_holder_within_its_scopes(web: Web) -> None:
    made = send(
        web.as_(Role.REGISTRAR), "/account/tokens", {"name": "GIS", "scopes": "read", "days": "30"}, page="/account"
    )
    assert made.status_code == 201
    token = shown_once(made.text)
    assert token.startswith("cc_")
    assert token not in web.as_(Role.REGISTRAR).get("/account").text
    program, header = web.visitor(), {"Authorization": f"Bearer {token}"}
    assert program.get("/api/v1/overview", headers=header).status_code == 200
    refused = program.post("/api/v1/assets", headers=header, json={})
    assert refused.status_code == 403
    assert refused.json is not None
    assert "registry:write" in refused.json["detail"]
    assert program.get("/assets", headers=header).status_code == 302  # pages are for people


def test_a_token_is_over_when_revoked_expired_or_its_holder_is_closed(web: Web) -> None:
    user_id = add(web, "zhao", Role.VIEWER)
    theirs = sign_in(web, "zhao")
    first, second = (
        shown_once(send(theirs, "/account/tokens", form, page="/account").text)
        for form in ({"name": "一", "scopes": "read", "days": "30"}, {"name": "二", "scopes": "read", "days": ""})
    )

    def status(token: str) -> int:
        answer = web.visitor().get("/api/v1/overview", headers={"Authorization": f"Bearer {token}"})
        if answer.status_code == 401:
            assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        return answer.status_code

    assert (status(first), status(second), status("cc_no-such-token")) == (200, 200, 401)
    web.clock.now += timedelta(days=31)
    assert (status(first), status(second)) == (401, 200)
    boss = sign_in(web, "administrator")
    assert send(boss, "/tokens/2/revoke", {}, page="/tokens").status_code == 303
    assert status(second) == 401
    web.clock.now -= timedelta(days=31)
    with writing(web.city.engine) as tx:
        tx.execute(update(user).where(user.c.id == user_id).values(active=False))
    assert status(first) == 401


def test_a_token_loses_what_its_holder_loses(web: Web) -> None:
    user_id = add(web, "zhao", Role.REGISTRAR)
    form = {"name": "登记", "scopes": "registry:write"}
    token = shown_once(send(sign_in(web, "zhao"), "/account/tokens", form, page="/account").text)
    header = {"Authorization": f"Bearer {token}"}
    assert web.visitor().post("/api/v1/assets", headers=header, json={}).status_code == 422
    with writing(web.city.engine) as tx:
        tx.execute(update(user).where(user.c.id == user_id).values(role="viewer"))
    assert web.visitor().post("/api/v1/assets", headers=header, json={}).status_code == 403


def test_nobody_makes_a_token_that_does_more_than_they_may(web: Web) -> None:
    form = {"name": "x", "scopes": "people:admin"}
    answer = send(web.as_(Role.VIEWER), "/account/tokens", form, page="/account")
    assert answer.status_code == 422
    assert "people:admin" in answer.text


def test_a_cookie_beside_a_token_is_not_looked_at(web: Web) -> None:
    client = web.as_(Role.ADMINISTRATOR)
    made = send(web.as_(Role.VIEWER), "/account/tokens", {"name": "x", "scopes": "read"}, page="/account")
    header = {"Authorization": f"Bearer {shown_once(made.text)}"}
    assert client.post("/api/v1/assets", headers=header, json={}).status_code == 403
    assert client.post("/api/v1/assets", headers={"Authorization": "Bearer cc_x"}, json={}).status_code == 401
    assert client.post("/api/v1/assets", json={}).status_code == 400  # the cookie alone needs the form's word


def test_an_administrator_of_a_district_manages_its_people_and_no_others(web: Web) -> None:
    add(web, "district", Role.ADMINISTRATOR, area_code="440803")
    inside = add(web, "inside", Role.CREW, area_code="440803001")
    outside = add(web, "outside", Role.CREW, area_code="440804")
    client = sign_in(web, "district")
    listed = client.get("/people").text
    assert "名inside" in listed
    assert "名outside" not in listed
    assert client.get(f"/people/{inside}").status_code == 200
    for foreign in (outside, web.city.crew.user_id):
        assert client.get(f"/people/{foreign}").status_code == 403
        assert send(client, f"/people/{foreign}/password", {}, page="/account").status_code == 403
    beyond = PERSON | {"area_code": ""}
    assert send(client, "/people/new", beyond, page="/people/new").status_code == 403
    assert client.get("/audit").status_code == 403


def test_what_administrators_do_stands_in_the_trail_and_the_trail_is_whole(web: Web) -> None:
    boss = web.as_(Role.ADMINISTRATOR)
    made = send(boss, "/people/new", PERSON, page="/people/new")
    password = shown_once(made.text)
    assert actions(web)[-1] == "user.add"
    page = boss.get("/audit?action=user.add&subject=user&who=吴管").text
    assert "wang" in page
    # in words for people; what programs go by stands in the address and when one points at it
    assert ">添加人员</span>" in page
    assert ">user.add<" not in page
    assert ">人员 " in page
    exported = boss.get("/audit.csv")
    assert exported.mimetype == "text/csv"
    assert "user.add" in exported.text
    assert password not in exported.text + page
    assert "没有" in boss.get("/audit?since=2030-01-01").text
    assert check_chain(web.city.engine).whole


def test_signing_in_changes_the_word_in_the_cookie_and_the_word_of_forms(web: Web) -> None:
    add(web, "zhao", Role.VIEWER)
    client = web.visitor()
    planted = csrf_of(client)
    before = client.get_cookie("covercode")
    assert send(client, "/login", {"login": "zhao", "password": PASSWORD}).status_code == 303
    after = client.get_cookie("covercode")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert client.post("/logout", data={"csrf_token": planted}).status_code == 400


def test_a_copied_cookie_opens_nothing_after_signing_out(web: Web) -> None:
    add(web, "zhao", Role.VIEWER)
    client, thief = sign_in(web, "zhao"), web.visitor()
    cookie = client.get_cookie("covercode")
    assert cookie is not None
    thief.set_cookie("covercode", cookie.value)
    assert thief.get("/assets").status_code == 200
    assert send(client, "/logout", {}, page="/assets").status_code == 303
    assert thief.get("/assets").status_code == 302


def test_a_sign_in_that_nobody_uses_ends_and_one_that_is_used_goes_on(web: Web) -> None:
    add(web, "zhao", Role.VIEWER)
    client = sign_in(web, "zhao")
    for _ in range(2):
        web.clock.pass_by(hours=3, minutes=30)
        assert client.get("/assets").status_code == 200
    web.clock.pass_by(hours=4, minutes=1)
    assert client.get("/assets").status_code == 302
