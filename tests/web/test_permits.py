"""A permit on the pages: from the plate, one question a screen, to how the cover was found; and at the desk."""

from __future__ import annotations

import re
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import insert, select

from registry.domain.kinds import Role
from registry.queries.permits import list_permits, permit_of_asset
from registry.services.permit_ends import watch_permits
from registry.services.permits import NewPermit, start
from registry.storage.database import reading, writing
from registry.storage.tables import audit, latest
from tests.web.conftest import NOON, Web, send


def crew_at_the_plate(web: Web) -> FlaskClient:
    client = web.as_(Role.CREW)
    client.get(f"/Q/{web.token}")
    return client


def started(web: Web, **more: Any) -> int:
    new = NewPermit(asset_id=web.city.asset_id, work="清淤", people=2, minutes=30, scanned=True, **more)
    return start(web.city.engine, new, by=web.city.crew, now=web.clock())


def measured(web: Web, **values: float) -> None:
    with writing(web.city.engine) as tx:
        for name, value in values.items():
            at = web.clock()
            row = {"point_id": web.city.point(name), "measured_at": at, "received_at": at, "recorded_at": at}
            tx.execute(insert(latest).values(**row, value=value, quality=0))


def choices(page: str) -> list[str]:
    return re.findall(r'<button class="button big" name="\w+" value="([^"]+)">', page)


def test_the_plates_page_leads_through_one_question_after_another_to_a_running_permit(web: Web) -> None:
    client = crew_at_the_plate(web)
    new = f"/assets/{web.city.asset_id}/permits/new"
    assert new in client.get(f"/Q/{web.token}").text
    assert "清淤清掏" in choices(client.get(new).text)
    assert choices(client.get(f"{new}?work=清淤清掏").text) == ["1", "2", "3", "4", "5", "6"]
    assert choices(client.get(f"{new}?work=清淤清掏&people=3").text)[0] == "15"
    last = f"{new}?work=清淤清掏&people=3&minutes=60"
    assert 'name="note"' not in client.get(last).text  # they scanned the plate
    form = {"work": "清淤清掏", "people": "3", "minutes": "60"}
    answer = send(client, f"/assets/{web.city.asset_id}/permits", form, page=last)
    assert answer.status_code == 303
    page = client.get(answer.headers["Location"]).text
    assert "data-countdown" in page
    assert "ask=end" in page
    running = permit_of_asset(web.city.engine, web.city.asset_id, now=NOON)
    assert running is not None
    assert (running.work, running.people, running.by_user_id) == ("清淤清掏", 3, web.city.crew.user_id)
    # whoever scans again finds it, and the form leads to it
    assert f"/permits/{running.id}" in client.get(f"/Q/{web.token}").text
    assert client.get(new).headers["Location"] == f"/permits/{running.id}"


def test_ending_asks_once_and_then_tells_how_the_cover_was_found(web: Web) -> None:
    permit_id, client = started(web), web.as_(Role.CREW)
    address = f"/permits/{permit_id}"
    asked = client.get(f"{address}?ask=end").text
    assert "井盖盖好、盖正了吗" in asked
    assert "data-countdown" not in asked  # one decision a screen
    assert send(client, f"{address}/end", {}, page=f"{address}?ask=end").headers["Location"] == address
    assert "等待结束后的第一次读数" in client.get(address).text
    assert client.get(f"{address}/progress.json").json == {"done": 0, "total": None, "finished": False}
    web.clock.pass_by(seconds=2)
    measured(web, tilt_z=5.0, displacement=1.0)
    watch_permits(web.city.engine, web.clock())
    found = client.get(address).text
    assert "没有盖正" in found
    assert "倾角" in found or "5.0°" in found
    assert re.search(r'href="/alerts/\d+"', found)
    assert (client.get(f"{address}/progress.json").json or {})["finished"] is True


def test_a_cover_in_its_seat_lets_the_crew_go(web: Web) -> None:
    permit_id, client = started(web), web.as_(Role.CREW)
    send(client, f"/permits/{permit_id}/end", {}, page=f"/permits/{permit_id}?ask=end")
    web.clock.pass_by(seconds=2)
    measured(web, tilt_z=0.3, displacement=1.0)
    watch_permits(web.city.engine, web.clock())
    assert "可以离开" in client.get(f"/permits/{permit_id}").text


def test_a_permit_is_prolonged_by_what_is_chosen_and_by_no_more_than_is_allowed(web: Web) -> None:
    permit_id, client = started(web), web.as_(Role.CREW)
    address = f"/permits/{permit_id}"
    send(client, f"{address}/prolong", {"minutes": "60"}, page=f"{address}?ask=prolong")
    running = permit_of_asset(web.city.engine, web.city.asset_id, now=NOON)
    assert running is not None
    assert (running.ends_at - NOON).total_seconds() == 90 * 60
    refused = send(client, f"{address}/prolong", {"minutes": "720"}, page=f"{address}?ask=prolong")
    assert refused.status_code == 422
    assert "将超过 12 小时" in refused.text


def test_what_was_typed_comes_back_with_what_is_wrong_at_its_field(web: Web) -> None:
    client = crew_at_the_plate(web)
    address = f"/assets/{web.city.asset_id}/permits"
    answer = send(client, address, {"work": "换井盖", "people": "200", "minutes": "60"}, page=f"{address}/new")
    assert answer.status_code == 422
    assert "须为 1 至 99 人" in answer.text
    assert 'value="换井盖"' in answer.text


def test_the_desk_registers_with_a_reason_and_ends_from_its_list(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    address = f"/assets/{web.city.asset_id}/permits"
    form = {"work": "检查", "people": "2", "minutes": "60"}
    refused = send(client, address, form, page=f"{address}/new")
    assert (refused.status_code, "未到现场扫码" in refused.text) == (422, True)
    assert send(client, address, form | {"note": "电话报备"}, page=f"{address}/new").status_code == 303
    page = client.get("/permits").text
    assert "上水井盖 1" in page
    (row,) = list_permits(web.city.engine, now=NOON).items
    send(client, f"/permits/{row.id}/prolong", {"minutes": "30", "next": "list"}, page="/permits")
    assert send(client, f"/permits/{row.id}/end", {"next": "list"}, page="/permits").headers["Location"] == "/permits"
    assert "上水井盖 1" in client.get("/permits?over=1").text
    with reading(web.city.engine) as tx:
        trail = tx.execute(select(audit.c.action).where(audit.c.action.like("permit.%")).order_by(audit.c.id)).scalars()
        assert list(trail) == ["permit.start", "permit.prolong", "permit.end"]


def test_another_units_crew_and_viewers_see_it_without_its_buttons(web: Web) -> None:
    permit_id = started(web)
    for client in (web.signed_in("stranger"), web.as_(Role.VIEWER)):
        page = client.get(f"/permits/{permit_id}").text
        assert "清淤" in page
        assert "ask=end" not in page
    stranger = web.signed_in("stranger")
    assert send(stranger, f"/permits/{permit_id}/end", {}, page="/assets").status_code == 403


def test_the_list_names_what_is_overdue_first_and_says_what_to_do_when_it_is_empty(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    assert "现在没有人在开盖作业" in client.get("/permits").text
    started(web)
    web.clock.pass_by(minutes=31)
    assert "已超时" in client.get("/permits").text
    assert client.get("/permits/99").status_code == 404
