"""The wall and what opens it: what staff see, what a link shows to nobody in particular, and when it ends."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from registry.domain.kinds import Role
from registry.queries.feed import newest_id
from registry.services.feed import FeedKind, publish
from registry.services.leases import take_lease
from registry.storage.database import reading, writing
from registry.storage.tables import alert, alert_group, audit, kiosk_link, permit
from registry.storage.tables import case as case_file
from tests.things import put as put_row
from tests.web.conftest import Web, send
from tests.web.test_people import add, shown_once, sign_in

LINK = {"name": "指挥中心左屏", "area_code": "", "days": "30"}
DISTRICT = "440803"


def make_link(web: Web, **more: str) -> str:
    """A link as an administrator makes it: the path that its address has."""
    made = send(web.as_(Role.ADMINISTRATOR), "/kiosk-links", LINK | more, page="/kiosk-links")
    assert made.status_code == 201, made.text
    address = shown_once(made.text)
    assert "/kiosk/" in address
    return address[address.index("/kiosk/") :]


def open_case(web: Web, **given: Any) -> int:
    with writing(web.city.engine) as tx:
        row = {
            "asset_id": web.city.asset_id,
            "kind": "cover_missing",
            "stage": "dispatched",
            "severity": 3,
            "source": "patrol",
        } | given
        return put_row(tx, case_file, moment=web.clock.now, **row)


def state(client: FlaskClient, path: str = "/wall/state.json") -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert isinstance(answer.json, dict)
    return answer.json


def leads(page: str) -> dict[str, str]:
    """Where the numbers of a page lead, by their name."""
    found = re.findall(r'<a href="([^"]+)" class="wall-number" data-number="(\w+)"', page)
    return {name: address.replace("&amp;", "&") for address, name in found}


def listed(client: FlaskClient, address: str) -> int:
    """How many lines the list at that address has."""
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return len(re.findall(r'<td[^>]* data-label="案件编号"|<li class="alert-line">', answer.text))


def test_the_wall_names_alerts_and_cases_apart(web: Web) -> None:
    page = web.as_(Role.VIEWER).get("/wall").text
    assert "传感器正在告警" in page
    assert "处理中的案件" in page


def test_every_number_of_alerts_and_cases_leads_to_a_list_of_as_many(web: Web) -> None:
    hour, now = timedelta(hours=1), web.clock.now
    cases: list[dict[str, Any]] = [
        {"deadline_at": now + 2 * hour},
        {"deadline_at": now + 2 * hour, "severity": 2},
        {"deadline_at": now + 9 * hour, "severity": 2},
        {"deadline_at": now + 9 * hour, "severity": 1},
        {"deadline_at": now - hour, "overdue_at": now - hour},
        # counted by none of the figures of what needs somebody
        {"deadline_at": now + 2 * hour, "stage": "handed_back"},
        {"deadline_at": now + 2 * hour, "stage": "suspended", "severity": 2},
        {"deadline_at": now, "stage": "closed", "ended_at": now - hour, "opened_at": now - 90 * hour},
        {"deadline_at": now, "stage": "closed", "ended_at": now - 50 * hour, "opened_at": now - 90 * hour},
        {"deadline_at": now, "stage": "void", "ended_at": now - hour},
    ]
    for number, given in enumerate(cases):
        open_case(web, number=f"N{number}", asset_id=web.city.add_asset(now), **given)
    alone = [web.city.add_alert(None, now, rule_key=f"r{number}", severity=number % 3 + 1) for number in range(4)]
    with writing(web.city.engine) as tx:
        group = {"rule_key": "r0", "state": "open", "members": 2, "severity": 1, "radius_m": 120.0}
        group_id = put_row(tx, alert_group, moment=now, **group)
        tx.execute(update(alert).where(alert.c.id.in_(alone[:2])).values(group_id=group_id))
    viewer = web.as_(Role.VIEWER)
    told = state(viewer)["state"]
    figures = told["counters"] | {f"running_{level}": many for level, many in told["running"].items()}
    figures |= {"due_soon": told["due_soon"]}
    lists = leads(viewer.get("/wall").text)
    for name in ("alerts_critical", "alerts_alarm", "alerts_notice", "running_3", "running_2", "running_1"):
        assert listed(viewer, lists[name]) == figures[name] > 0, name
    for name in ("cases_overdue", "due_soon", "cases_closed_24h"):
        assert listed(viewer, lists[name]) == figures[name] > 0, name
    assert listed(viewer, "/cases?opened=today") == sum(told["trend"]["today"])
    assert listed(viewer, "/cases?open_only=1") == figures["cases_open"]
    for each in told["stages"]:
        assert listed(viewer, f"/cases?stage={each['stage']}") == each["open"], each
        assert listed(viewer, f"/cases?stage={each['stage']}&overdue=1") == each["late"], each


def test_alerts_without_a_case_stand_among_what_is_wrong(web: Web) -> None:
    city, now = web.city, web.clock.now
    closed = open_case(web, number="C1", stage="closed", ended_at=now)
    of_case = city.add_alert(open_case(web, number="O1", severity=1), now, rule_key="cover_shift")
    silent = {"asset_id": None, "point_id": None, "device_id": None, "cabinet_id": "cab-7", "bus": "bus0"}
    silent_id = city.add_alert(None, now, rule_key="bus_silent", severity=3, **silent)
    closed_id = city.add_alert(closed, now, rule_key="cover_tilt")
    waiting = city.add_alert(None, now + timedelta(seconds=1), rule_key="water_high", case_due_at=now)
    with writing(city.engine) as tx:
        opening = put_row(tx, permit, moment=now, asset_id=city.asset_id, state="open", by_user_id=city.crew.user_id)
    expected = city.add_alert(None, now, rule_key="cover_knock", severity=3, permit_id=opening)
    city.add_alert(None, now, rule_key="battery_low", state="cleared", cleared_at=now)
    told = state(web.visitor(), f"{make_link(web)}/state.json")["wrong"]
    marks = {row["alert_id"]: row["mark"] for row in told if row["alert_id"]}
    assert list(marks.items()) == [
        (silent_id, "alone"),
        (closed_id, "alone"),
        (waiting, "waits"),
        (expected, "expected"),
    ]
    assert of_case not in marks
    assert (told[0]["what"], told[0]["bus"], told[0]["due_at"]) == ("cab-7", "bus0", None)
    assert state(web.visitor(), f"{make_link(web, area_code='440804')}/state.json")["wrong"] == []


def test_the_wall_tells_until_when_the_worker_holds_its_lease(web: Web) -> None:
    assert state(web.as_(Role.VIEWER))["state"]["worker_until"] is None
    held = take_lease(web.city.engine, "worker", "one", lasts=timedelta(seconds=15), now=web.clock.now)
    web.clock.pass_by(seconds=60)
    told = state(web.as_(Role.VIEWER))
    assert datetime.fromisoformat(told["state"]["worker_until"]) == held.until < datetime.fromisoformat(told["at"])


def test_what_can_only_be_told_of_the_whole_city_is_named_as_such_on_the_wall_of_a_part(web: Web) -> None:
    assert "全市机柜" in web.visitor().get(make_link(web, area_code=DISTRICT)).text
    assert "全市机柜" not in web.visitor().get(make_link(web)).text


def test_figures_of_cases_are_by_severity_stage_and_lateness(web: Web) -> None:
    viewer = web.as_(Role.VIEWER)
    before = state(viewer)["state"]
    late = {"deadline_at": web.clock.now - timedelta(hours=1), "overdue_at": web.clock.now - timedelta(hours=1)}
    open_case(web, number="L1", kind="cover_sunken", **late)
    open_case(web, number="S1", kind="cover_loose", severity=2, deadline_at=web.clock.now + timedelta(hours=2))
    web.clock.pass_by(seconds=2)
    after = state(viewer)["state"]
    assert after["running"]["3"] == before["running"]["3"] + 1
    assert after["running"]["2"] == before["running"]["2"] + 1
    assert after["due_soon"] == before["due_soon"] + 1
    stages = {each["stage"]: each for each in after["stages"]}
    assert stages["dispatched"]["late"] == 1
    assert after["counters"]["cases_overdue"] == before["counters"]["cases_overdue"] + 1
    assert sum(after["trend"]["today"]) == sum(before["trend"]["today"]) + 2


def test_what_is_usual_is_the_median_of_the_same_day_in_eight_weeks(web: Web) -> None:
    for week in (1, 2, 3):
        for number in range(2 * week):
            at = web.clock.now - timedelta(weeks=week)
            closed = {"stage": "closed", "ended_at": at, "opened_at": at, "deadline_at": at}
            open_case(web, number=f"U{week}-{number}", **closed)
    usual = state(web.as_(Role.VIEWER))["state"]["trend"]["usual"]
    assert usual[12] == 4  # noon in the city; 2, 4 and 6 cases in the weeks that it knows
    assert sum(usual) == 4


def test_a_link_opens_the_wall_without_signing_in_and_says_nothing_of_people(web: Web) -> None:
    path = make_link(web)
    open_case(web, number="P1", asset_id=None, place="张三家门口", lon=110.36, lat=21.27, severity=3)
    guest = web.visitor()
    page = guest.get(path)
    assert page.status_code == 200
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert "<a " not in page.text
    told = guest.get(f"{path}/state.json")
    assert told.headers["Referrer-Policy"] == "no-referrer"
    assert "张三" not in told.text
    assert "张三家门口" in web.as_(Role.VIEWER).get("/wall/state.json").text
    names = {key for row in state(guest, f"{path}/state.json")["wrong"] for key in row}
    assert not names & {"assignee_name", "assignee_id", "reporter", "phone", "number"}


def test_a_link_has_its_own_map_and_places(web: Web) -> None:
    path, guest = make_link(web), web.visitor()
    assert state(guest, f"{path}/facts.json")["base"]
    assert guest.get(f"{path}/tiles/0/0/0.mvt").mimetype == "application/vnd.mapbox-vector-tile"
    assert guest.get("/map/facts.json").status_code != 200
    assert state(guest, f"{path}/places.json")["features"] == []


def test_the_map_of_a_link_shows_a_place_without_the_words_that_told_of_it(web: Web) -> None:
    path = make_link(web)
    open_case(web, number="P2", asset_id=None, place="张三家门口", lon=110.36, lat=21.27, severity=3)
    words = "张三家门口".encode()
    assert words in web.as_(Role.VIEWER).get("/map/tiles/0/0/0.mvt").data
    shown = web.visitor().get(f"{path}/tiles/0/0/0.mvt").data
    assert b"wrong" in shown
    assert words not in shown


def test_a_link_in_english_and_on_a_light_ground(web: Web) -> None:
    page = web.visitor().get(f"{make_link(web)}?lang=en&theme=light").text
    assert 'data-theme="light"' in page
    assert "Cases that need somebody" in page


def test_a_link_opens_in_chinese_whatever_another_program_of_the_host_left_as_a_language(web: Web) -> None:
    guest = web.visitor()
    guest.set_cookie("lang", "zh-CN")
    assert "处理中的案件" in guest.get(make_link(web)).text


def test_the_stream_of_a_link_tells_no_more_than_where_something_happened(web: Web) -> None:
    path, engine = make_link(web), web.city.engine
    with writing(engine) as tx:
        body = {"asset_id": web.city.asset_id, "severity": 3, "asset_name": "井盖", "assignee_name": "李四"}
        publish(tx, FeedKind.CASE_MOVED, body, now=web.clock.now)
    known = newest_id(engine) - 1
    answer = web.visitor().get(f"{path}/stream?since={known}", buffered=False)
    assert answer.mimetype == "text/event-stream"
    told = list(islice(answer.iter_encoded(), 2))[1].decode()
    answer.close()
    assert f'"asset_id":{web.city.asset_id}' in told
    assert "李四" not in told
    assert "井盖" not in told


@pytest.mark.parametrize("end", ["revoked", "expired", "unknown"])
def test_a_link_that_is_over_opens_nothing(web: Web, end: str) -> None:
    path = make_link(web)
    if end == "revoked":
        with reading(web.city.engine) as tx:
            link_id = tx.scalar(select(kiosk_link.c.id))
        done = send(web.as_(Role.ADMINISTRATOR), f"/kiosk-links/{link_id}/revoke", {}, page="/kiosk-links")
        assert done.status_code == 303
    elif end == "expired":
        web.clock.pass_by(days=31)
    else:
        path = path[:-1] + ("a" if path[-1] != "a" else "b")
    guest = web.visitor()
    for what in ("", "/state.json", "/places.json", "/facts.json", "/tiles/0/0/0.mvt", "/stream"):
        assert guest.get(path + what).status_code == 404, what


def test_a_word_is_kept_as_a_hash_and_its_use_is_noted(web: Web) -> None:
    path = make_link(web)
    web.visitor().get(f"{path}/state.json")
    with reading(web.city.engine) as tx:
        row = tx.execute(select(kiosk_link)).one()
        trail = tx.execute(select(audit.c.action, audit.c.detail).where(audit.c.action == "kiosk.issue")).one()
    word = path.removeprefix("/kiosk/")
    assert row.seen_at == web.clock.now
    assert word not in str(tuple(row))
    assert word not in trail.detail


def test_who_is_bound_to_an_area_makes_links_to_it_alone(web: Web) -> None:
    add(web, "district", Role.ADMINISTRATOR, area_code=DISTRICT)
    theirs = sign_in(web, "district")
    refused = send(theirs, "/kiosk-links", LINK, page="/kiosk-links")
    assert refused.status_code in (403, 422)
    make_link(web, name="市级大屏")
    assert "市级大屏" not in theirs.get("/kiosk-links").text
    assert send(theirs, "/kiosk-links", LINK | {"area_code": DISTRICT}, page="/kiosk-links").status_code == 201


def test_a_link_to_a_part_shows_that_part(web: Web) -> None:
    open_case(web, number="A1", kind="cover_sunken")
    elsewhere = make_link(web, area_code="440804")
    told = state(web.visitor(), f"{elsewhere}/state.json")
    assert told["wrong"] == []
    assert told["state"]["counters"]["assets"] == 0
    assert told["state"]["trend"]["today"] == [0] * len(told["state"]["trend"]["today"])


@pytest.mark.parametrize(("field", "value"), [("name", ""), ("days", "7"), ("area_code", "44")])
def test_a_field_of_a_link_that_can_not_be_used_is_named(web: Web, field: str, value: str) -> None:
    answer = send(web.as_(Role.ADMINISTRATOR), "/kiosk-links", LINK | {field: value}, page="/kiosk-links")
    assert answer.status_code == 422
    assert f'id="{field}-problem"' in answer.text
