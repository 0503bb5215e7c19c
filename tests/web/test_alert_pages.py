"""Alerts on their pages: the worst first with the reason, groups, the picture, taking notice and taking it back."""

from __future__ import annotations

import re
from datetime import timedelta
from xml.etree import ElementTree

from sqlalchemy import insert, select, update

from registry.domain.kinds import Role
from registry.queries.alerts import alert_detail, alert_timeline
from registry.services.notice_planning import plan_notices
from registry.services.rules import install_shipped_rules
from registry.storage.database import reading, writing
from registry.storage.tables import alert, alert_group, case
from registry.storage.times import to_ms
from tests.notices import PLACE, Told
from tests.web.conftest import NOON, Web, send


def grouped(web: Web, *alert_ids: int) -> int:
    """An open group of these alerts."""
    with writing(web.city.engine) as tx:
        install_shipped_rules(tx, now=NOON)
        row = {"rule_key": "water_high", "state": "open", "members": len(alert_ids), "severity": 2}
        row |= {"began_at": NOON, "last_at": NOON, "recorded_at": NOON, "radius_m": 120.0}
        group_id = int(tx.execute(insert(alert_group).values(row).returning(alert_group.c.id)).scalar_one())
        tx.execute(update(alert).where(alert.c.id.in_(alert_ids)).values(group_id=group_id))
    return group_id


def order_of(page: str) -> list[int]:
    return [int(found) for found in re.findall(r'<a class="main" href="/alerts/(\d+)"', page)]


def test_live_alerts_stand_worst_first_and_past_ones_on_their_own_tab(web: Web):
    notice = web.city.add_alert(None, NOON, rule_key="r1", severity=1)
    critical = web.city.add_alert(None, NOON - timedelta(hours=1), severity=3)
    over = web.city.add_alert(None, NOON, rule_key="r2", state="cleared", cleared_at=NOON)
    client = web.as_(Role.VIEWER)
    assert order_of(client.get("/alerts").text) == [critical, notice]
    assert order_of(client.get("/alerts?state=cleared").text) == [over]
    assert sorted(order_of(client.get("/alerts?state=all").text)) == sorted([notice, critical, over])


def test_a_group_speaks_for_its_members_on_the_list_and_shows_them_on_its_page(web: Web):
    members = [web.city.add_alert(None, NOON, rule_key=f"r{number}") for number in range(3)]
    group_id = grouped(web, *members)
    client = web.as_(Role.VIEWER)
    listed = client.get("/alerts").text
    assert order_of(listed) == []
    assert f"/alert-groups/{group_id}" in listed
    page = client.get(f"/alert-groups/{group_id}").text
    assert sorted(order_of(page)) == members
    places = client.get(f"/alert-groups/{group_id}/places").get_json()
    assert [spot["properties"]["g"] for spot in places["features"]] == ["file"] * 3
    assert f"/alert-groups/{group_id}" in client.get("/alert-groups?state=open").text
    assert f"/alert-groups/{group_id}" not in client.get("/alert-groups?state=ended").text


def test_a_groups_page_says_who_was_told_of_it(web: Web):
    members = [web.city.add_alert(None, NOON, rule_key=f"r{number}") for number in range(3)]
    group_id = grouped(web, *members)
    client = web.as_(Role.VIEWER)
    assert 'id="told"' not in client.get(f"/alert-groups/{group_id}").text
    told = Told(web.city, NOON, with_rule=False)
    told.add_route({"after_s": 0, "contacts": [told.add_contact(told.add_channel(), name="夜班陈静")]})
    for alert_id in members:
        told.event(alert_id, "grouped", NOON, detail={"group_id": group_id})
    plan_notices(web.city.engine, place=PLACE, now=NOON + timedelta(minutes=1))
    page = client.get(f"/alert-groups/{group_id}").text
    assert page[page.index('id="told"') :].count("夜班陈静") == 1


def test_the_sentence_names_the_step_that_was_reached_and_the_picture_draws_it(web: Web):
    with writing(web.city.engine) as tx:
        install_shipped_rules(tx, now=NOON)
    point_id = web.city.point("tilt_z")
    alert_id = web.city.add_alert(None, NOON, severity=3, peak_severity=3, value=61.2, peak=61.2)
    rows = [
        (point_id, to_ms(NOON) - 1000 * second, 61.2 if second < 20 else 1.1, 0, to_ms(NOON)) for second in range(60)
    ]
    web.store.append(rows)
    client = web.as_(Role.VIEWER)
    client.set_cookie("lang", "en")
    page = client.get(f"/alerts/{alert_id}").text
    assert "61.20°" in page
    assert "45°" in page
    for name in ("spark", "chart"):
        picture = client.get(f"/alerts/{alert_id}/{name}.svg")
        assert picture.mimetype == "image/svg+xml"
        drawn = ElementTree.fromstring(picture.text)
        kinds = [each.get("class") for each in drawn]
        assert kinds.count("mean") == 1
        assert kinds.count("limit") >= 2
        assert kinds.count("mark") == 1
        told = [each.text for each in drawn if each.tag.endswith("}text")]
        assert ("45°" in told) == (name == "chart")


def test_whoever_takes_an_alert_is_named_and_can_give_it_back(web: Web):
    alert_id = web.city.add_alert(None, NOON)
    crew = web.as_(Role.CREW)
    send(crew, f"/alerts/{alert_id}/acknowledge", {"note": "在路上"})
    found = alert_detail(web.city.engine, alert_id)
    assert found is not None
    assert found.acknowledged_by_name
    assert found.acknowledged_by_name in web.as_(Role.VIEWER).get("/alerts").text
    assert "在路上" in crew.get(f"/alerts/{alert_id}").text
    send(crew, f"/alerts/{alert_id}/acknowledge", {"undo": "1"})
    found = alert_detail(web.city.engine, alert_id)
    assert found is not None
    assert found.acknowledged_at is None
    assert len(alert_timeline(web.city.engine, alert_id)) == 2


def test_an_alert_leaves_its_group_with_a_case_of_its_own_and_the_group_gets_a_name(web: Web):
    members = [web.city.add_alert(None, NOON, rule_key="water_high"), web.city.add_alert(None, NOON, rule_key="r2")]
    group_id = grouped(web, *members)
    dispatcher = web.as_(Role.DISPATCHER)
    send(dispatcher, f"/alert-groups/{group_id}/cause", {"cause": "内涝"})
    assert "内涝" in dispatcher.get(f"/alert-groups/{group_id}").text
    send(dispatcher, f"/alert-groups/{group_id}/acknowledge", {})
    send(dispatcher, f"/alerts/{members[0]}/take-out", {})
    found = alert_detail(web.city.engine, members[0])
    assert found is not None
    assert found.group_id is None
    with reading(web.city.engine) as tx:
        assert tx.execute(select(case.c.kind).where(case.c.id == found.case_id)).scalar_one() == "water_high"


def test_the_wall_screen_shows_groups_and_what_waits_before_they_have_a_case(web: Web):
    client = web.as_(Role.VIEWER)
    assert "group-line" not in client.get("/").text
    assert client.get("/overview/groups").text.strip() == ""
    members = [web.city.add_alert(None, NOON, rule_key=f"r{number}") for number in range(3)]
    web.city.add_alert(None, NOON, rule_key="alone", case_due_at=NOON + timedelta(seconds=30))
    group_id = grouped(web, *members)
    for address in ("/", "/overview/groups"):
        page = client.get(address).text
        assert f"/alert-groups/{group_id}" in page
        assert "1 处告警尚未立案" in page
