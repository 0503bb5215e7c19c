"""The pages of notices: log, channels with a true trial, contacts, routes in order, who would be told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.domain.kinds import Role
from registry.queries.notice_ways import list_channels, list_contacts, list_routes
from registry.queries.notices import notices_of_alert
from registry.services.notice_planning import plan_notices
from tests.notices import PLACE, Told
from tests.receivers import Hook, http_server
from tests.web.conftest import NOON, Web, send

CHANNEL = {"name": "值班系统", "kind": "webhook", "enabled": "1"}


@pytest.fixture
def told(web: Web) -> Told:
    return Told(web.city, NOON, with_rule=False)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with http_server() as found:
        yield found


def routes_of(web: Web) -> list[str]:
    return [each.name for each in list_routes(web.city.engine, now=NOON, zone=PLACE.zone)]


def add_channel(web: Web, address: str) -> int:
    form = CHANNEL | {"address": address, "secret": "s3cretkey"}
    answer = send(web.as_(Role.ADMINISTRATOR), "/notices/channels/new", form, page="/notices/channels/new")
    assert answer.status_code == 303, answer.text
    return int(answer.headers["Location"].rsplit("/", 1)[1])


@pytest.mark.network
def test_a_trial_shows_the_receivers_own_answer_and_no_page_shows_the_address(web: Web, hook: Hook):
    channel_id = add_channel(web, f"http://city:pa55word@127.0.0.1:{hook.port}/hooks/T0KEN")
    client, page = web.as_(Role.ADMINISTRATOR), f"/notices/channels/{channel_id}"
    assert "对方已收下测试消息" in send(client, f"{page}/trial", {}, page=page).text
    hook.status = 418
    answer = send(client, f"{page}/trial", {}, page=page).text
    assert "HTTP 418" in answer
    shown = answer + client.get("/notices/channels").text + client.get("/audit").text
    assert [secret for secret in ("pa55word", "T0KEN", "s3cretkey") if secret in shown] == []
    assert f"http://127.0.0.1:{hook.port}/…" in shown
    assert hook.headers[0]["X-CoverCode-Signature"].startswith("t=")
    assert hook.bodies[0]["kind"] == "trial"


def test_an_address_that_nothing_can_be_sent_to_is_refused_and_not_shown_again(web: Web):
    client = web.as_(Role.ADMINISTRATOR)
    form = CHANNEL | {"kind": "apprise", "address": "nonsense://hunter2secret"}
    answer = send(client, "/notices/channels/new", form, page="/notices/channels/new")
    assert answer.status_code == 422
    assert "apprise 无法识别" in answer.text
    assert "hunter2secret" not in answer.text
    assert list_channels(web.city.engine) == []


def test_a_channel_keeps_its_address_when_the_form_has_none(web: Web):
    channel_id = add_channel(web, "https://hooks.example.cn/a")
    client, page = web.as_(Role.ADMINISTRATOR), f"/notices/channels/{channel_id}"
    assert send(client, page, CHANNEL | {"name": "改名"}, page=page).status_code == 303
    (channel,) = list_channels(web.city.engine)
    assert (channel.name, channel.shown, channel.signed) == ("改名", "https://hooks.example.cn/…", True)


def test_a_contact_of_a_mail_channel_needs_an_address(web: Web, told: Told):
    channel_id = told.add_channel("mailto://127.0.0.1?from=city@example.cn&to={to}")
    client, page = web.as_(Role.DISPATCHER), "/notices/contacts/new"
    form = {"name": "水务值班", "channel_id": channel_id, "enabled": "1", "quiet_from": "22:00", "quiet_until": "07:00"}
    assert send(client, page, form, page=page).status_code == 422
    assert send(client, page, form | {"address": "duty@example.cn"}, page=page).status_code == 303
    (contact,) = list_contacts(web.city.engine)
    assert (contact.quiet_from_min, contact.quiet_until_min, contact.digest_min) == (1320, 420, 480)
    assert "22:00–07:00" in client.get("/notices/contacts").text


def test_somebody_changes_how_they_are_told_themselves_but_nobody_else(web: Web, told: Told):
    channel_id = told.add_channel()
    own = told.add_contact(channel_id, user_id=web.city.crew.user_id)
    others = told.add_contact(channel_id, user_id=web.city.mate.user_id)
    client, form = web.as_(Role.CREW), {"language": "en", "per_hour": "5", "quiet_from": "23:00", "quiet_until": "6:00"}
    assert send(client, f"/account/contacts/{own}", form, page="/account").status_code == 303
    assert send(client, f"/account/contacts/{others}", form, page="/account").status_code == 403
    (changed,) = list_contacts(web.city.engine, user_id=web.city.crew.user_id)
    assert (changed.language, changed.per_hour, changed.quiet_from_min) == ("en", 5, 1380)


def test_routes_are_made_moved_and_told_in_their_order(web: Web, told: Told):
    contact_id = told.add_contact(told.add_channel())
    client, page = web.as_(Role.ADMINISTRATOR), "/notices/routes/new"
    step = {"step0_after": "0", "step0_contacts": str(contact_id)}
    later = {"step1_after": "15", "step1_duty": "1", "step2_after": "30"}
    for name in ("夜间", "白天"):
        form = {"name": name, "severity": "2", "enabled": "1", **step, **later}
        assert send(client, page, form, page=page).status_code == 303
    assert routes_of(web) == ["夜间", "白天"]
    first, second = list_routes(web.city.engine, now=NOON, zone=PLACE.zone)
    assert [view.step.after_s for view in first.steps] == [0, 900]
    send(client, f"/notices/routes/{second.id}/move", {"to": "up"}, page="/notices/routes")
    assert routes_of(web) == ["白天", "夜间"]
    shown = client.get("/notices/routes").text
    assert shown.index("白天") < shown.index("夜间")
    assert "责任单位当班人员" in shown


def test_a_route_that_tells_nobody_is_refused_and_keeps_what_was_typed(web: Web):
    client, page = web.as_(Role.ADMINISTRATOR), "/notices/routes/new"
    answer = send(client, page, {"name": "夜间", "severity": "3", "step0_after": "0"}, page=page)
    assert answer.status_code == 422
    assert 'value="夜间"' in answer.text
    assert "通知规则须有对象" in answer.text


def test_who_would_be_told_is_shown_with_what_holds_it_back(web: Web, told: Told):
    contact_id = told.add_contact(told.add_channel(), quiet_from_min=11 * 60, quiet_until_min=13 * 60)
    told.add_route({"after_s": 0, "contacts": [contact_id]}, {"after_s": 600, "unit_on_duty": True})
    client = web.as_(Role.DISPATCHER)
    asked = f"/notices/would-tell?asset={web.token}&rule_key=cover_tilt&severity="
    assert "免打扰时段" in client.get(asked + "2").text
    assert "免打扰时段" not in client.get(asked + "3").text
    assert "此级没有可通知的联系人" in client.get(asked + "3").text
    unknown = client.get("/notices/would-tell?asset=nobody&severity=2")
    assert (unknown.status_code, "不是部件的编码" in unknown.text) == (422, True)


def test_the_log_narrows_by_state_contact_and_alert_and_an_alert_says_who_was_told(web: Web, told: Told):
    contact_id = told.add_contact(told.add_channel(), name="水务值班群")
    told.add_route({"after_s": 0, "contacts": [contact_id]})
    alert_id = told.fire()
    plan_notices(web.city.engine, place=PLACE, now=NOON)
    client = web.as_(Role.VIEWER)
    for narrowed in ("", "?state=waiting", f"?contact_id={contact_id}", f"?alert_id={alert_id}"):
        assert "水务值班群" in client.get(f"/notices{narrowed}").text.split("<table", 1)[1]
    assert (
        "没有符合条件" in client.get("/notices?state=failed").text
        or "<table" not in client.get("/notices?state=failed").text
    )
    assert "水务值班群" in client.get(f"/alerts/{alert_id}").text
    (row,) = notices_of_alert(web.city.engine, alert_id)
    assert (row.contact_name, row.state) == ("水务值班群", "waiting")


def test_a_log_in_english_is_in_english(web: Web, told: Told):
    told.add_route({"after_s": 0, "contacts": [told.add_contact(told.add_channel())]})
    told.fire()
    plan_notices(web.city.engine, place=PLACE, now=NOON)
    client = web.as_(Role.VIEWER)
    client.set_cookie("lang", "en")
    assert "Waiting" in client.get("/notices").text
