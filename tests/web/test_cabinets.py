"""A cabinet's page: state, configuration with versions, commands with what became of them, enrolment."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from sqlalchemy import update

from dashboards.cabinet_door import CabinetDoor
from dashboards.site import EXTENSION, site_of
from gateway.credentials import password_hash
from operate.remote_jobs import configuration_faults
from registry.domain.commands import CommandState, ConfigurationState
from registry.domain.kinds import Role
from registry.domain.repairs import BusSaid, SourceSaid
from registry.queries.cabinets import cabinet_file, list_commands
from registry.services.cabinets import CabinetState, note_cabinet
from registry.services.command_replies import take_reply
from registry.services.commands import due_commands
from registry.storage.database import writing
from registry.storage.tables import device
from tests.web.conftest import Web, send

PAGE = "/cabinets/c1"


@pytest.fixture
def web(web: Web) -> Web:
    with writing(web.city.engine) as tx:
        tx.execute(update(device).values(cabinet_id="c1"))
    state = CabinetState(cabinet="c1", online=True, at=web.clock.now.timestamp(), queued=7)
    note_cabinet(web.city.engine, state, now=web.clock.now)
    web.app.extensions[EXTENSION] = replace(site_of(web.app), cabinets=CabinetDoor(check=configuration_faults))
    return web


def commands_of(web: Web) -> list[tuple[str, CommandState]]:
    return [(row.kind.value, row.state) for row in list_commands(web.city.engine, "c1").items]


def test_everybody_on_the_staff_sees_a_cabinet_and_only_some_may_tell_it_anything(web: Web):
    for role in Role:
        page = web.as_(role).get(PAGE)
        assert page.status_code == 200
        assert ('value="poll"' in page.text) == (role in (Role.DISPATCHER, Role.REGISTRAR, Role.ADMINISTRATOR))
        assert ('value="restart"' in page.text) == (role is Role.ADMINISTRATOR)
    assert PAGE in web.as_(Role.VIEWER).get("/system").text
    assert web.as_(Role.ADMINISTRATOR).get("/cabinets/c9").status_code == 404


def test_the_page_shows_how_busy_each_line_is_and_which_source_is_down(web: Web):
    lines = [
        BusSaid(name="east", polls=1000, crc_errors=25, busy=0.934, units_fit=11, units_silent=[7, 9]),
        BusSaid(name="west", polls=1000, busy=0.31, units_fit=30, units_poor=[4]),
    ]
    sources = [SourceSaid(name="nb-iot", kind="ctwing", up=False)]
    said = CabinetState(cabinet="c1", online=True, at=web.clock.now.timestamp(), buses=lines, sources=sources)
    note_cabinet(web.city.engine, said, now=web.clock.now)
    reader = web.as_(Role.VIEWER)
    reader.set_cookie("lang", "en")
    shown = section(reader.get(PAGE).text, "lines")
    east, west = (row for row in shown if "east" in row or "west" in row)
    assert all(word in east for word in ("93%", "Too busy", "11 units", "7, 9")), east
    assert all(word in west for word in ("31%", "Answer poorly: 4")), west
    assert "Too busy" not in west
    assert any("nb-iot" in row and "Down" in row for row in section(reader.get(PAGE).text, "sources"))


def section(page: str, name: str) -> list[str]:
    """The rows of one section's tables, without their marks."""
    body = page.split(f'id="{name}', 1)[1].split("</section>", 1)[0]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in body.split("<tr>")[1:]]


def test_a_command_waits_on_the_page_until_it_is_withdrawn(web: Web):
    admin = web.as_(Role.ADMINISTRATOR)
    assert send(admin, f"{PAGE}/commands", {"kind": "poll"}, page=PAGE).status_code == 303
    assert commands_of(web) == [("poll", CommandState.WAITING)]
    page = admin.get(PAGE).text
    assert "等待发送" in page
    again = send(admin, f"{PAGE}/commands", {"kind": "poll"}, page=PAGE)
    assert again.status_code == 409
    address = re.search(r"/commands/\d+/withdraw", page)
    assert address is not None
    send(admin, address[0], {}, page=PAGE)
    assert commands_of(web) == [("poll", CommandState.WITHDRAWN)]
    refused = send(web.as_(Role.DISPATCHER), f"{PAGE}/commands", {"kind": "restart"}, page=PAGE)
    assert refused.status_code == 403


def test_a_configuration_is_checked_then_sent_and_shown_with_what_it_changes(web: Web):
    admin, form = web.as_(Role.ADMINISTRATOR), f"{PAGE}/configuration"
    bad = send(admin, form, {"text": '[spool]\npath = "/x"\n', "follows": "0"}, page=form)
    assert bad.status_code == 422
    assert "spool.path：不可远程更改；只能在机柜自己的文件中设置" in bad.text
    assert "path = &#34;/x&#34;" in bad.text  # what was typed is still there
    good = send(admin, form, {"text": "[uplink]\nwindow = 32\n", "follows": "0", "note": "wider"}, page=form)
    assert good.status_code == 303
    again = send(admin, form, {"text": "[uplink]\nwindow = 16\n", "follows": "0"}, page=form)
    assert again.status_code == 409
    send(admin, form, {"text": "[uplink]\nwindow = 16\n", "follows": "1"}, page=form)
    page = admin.get(f"{form}?version=2").text
    assert "<del>- window = 32</del>" in page
    assert "<ins>+ window = 16</ins>" in page
    states = [each.state for each in cabinet_file(web.city.engine, "c1", now=web.clock.now).configurations]
    assert states == [ConfigurationState.WAITING, ConfigurationState.SUPERSEDED]
    assert web.as_(Role.DISPATCHER).get(form).status_code == 403


@pytest.mark.parametrize(
    ("lang", "told"),
    [("zh", "120 秒内未能经此配置收到城市端的消息"), ("en", "the city was not heard through it within 120 s")],
)
def test_why_a_command_failed_is_told_in_the_language_of_the_page(web: Web, lang: str, told: str):
    admin = web.as_(Role.ADMINISTRATOR)
    admin.set_cookie("lang", lang)
    form = {"text": "[uplink]\nwindow = 32\n", "follows": "0"}
    send(admin, f"{PAGE}/configuration", form, page=f"{PAGE}/configuration")
    ((_, message),) = due_commands(web.city.engine, now=web.clock.now)
    why = "the city was not heard through it within 120 s"
    reply = {"id": json.loads(message)["id"], "outcome": "rolled_back", "reason": why}
    take_reply(web.city.engine, "c1", json.dumps(reply).encode(), now=web.clock.now)
    assert admin.get(PAGE).text.count(told) == 2, "with the command and with the version"
    assert told in admin.get(f"{PAGE}/configuration?version=1").text


def test_a_sensor_is_polled_measured_and_paced_from_its_page(web: Web):
    here = f"/devices/{web.city.device_id}"
    registrar = web.as_(Role.REGISTRAR)
    send(registrar, f"{here}/command", {"kind": "poll"}, page=here)
    send(registrar, f"{here}/command", {"kind": "rezero", "reason": "fitted anew"}, page=here)
    assert send(registrar, f"{here}/period", {"poll_every_s": "60"}, page=here).status_code == 403
    assert send(web.as_(Role.ADMINISTRATOR), f"{here}/period", {"poll_every_s": "60"}, page=here).status_code == 303
    assert [kind for kind, _ in commands_of(web)] == ["configure", "rezero", "poll"]
    newest = cabinet_file(web.city.engine, "c1", now=web.clock.now).newest
    assert newest is not None
    assert newest.text == '[unit."CV-000001"]\npoll_every_s = 60\n'


def test_a_code_is_shown_once_and_lets_one_cabinet_in_once(web: Web):
    admin = web.as_(Role.ADMINISTRATOR)
    page = send(admin, "/enrolment-codes/new", {"cabinet_id": "c7"}, page="/enrolment-codes/new")
    assert page.status_code == 201
    code = re.search(r'value="(\w{4}-\w{4}-\w{4}-\w{4})"', page.text)
    assert code is not None
    assert code[1] not in admin.get("/cabinets/c7").text
    stranger, asked = web.visitor(), {"code": code[1], "hash": password_hash("x")}
    answer = stranger.post("/enrol", json=asked)
    assert answer.status_code == 200
    assert answer.json == {"cabinet": "c7", "name": "", "broker": {"host": "127.0.0.1", "port": 1883, "ca": ""}}
    assert stranger.post("/enrol", json=asked, headers={"Accept": "application/json"}).status_code == 403
    assert "禁止接入" in admin.get("/cabinets/c7").text
    send(admin, "/cabinets/c7/revoke", {}, page="/cabinets/c7")
    found = cabinet_file(web.city.engine, "c7", now=web.clock.now).credential
    assert found is not None
    assert found.revoked_at == web.clock.now


@pytest.mark.parametrize("sent", [{"json": {}}, {"data": b"{"}, {"data": {"code": "x", "hash": "y"}}, {"json": [1]}])
def test_what_is_no_enrolment_is_refused(web: Web, sent: dict[str, object]):
    assert web.visitor().post("/enrol", **sent, headers={"Accept": "application/json"}).status_code in (400, 422)


def test_codes_can_not_be_guessed_for_long(web: Web):
    stranger, asked = web.visitor(), {"code": "AAAA-BBBB-CCCC-DDDD", "hash": password_hash("x")}
    answers = [stranger.post("/enrol", json=asked, headers={"Accept": "application/json"}) for _ in range(12)]
    assert [answer.status_code for answer in answers[-2:]] == [429, 429]
