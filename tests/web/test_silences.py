"""Silences on the pages: seen before they are saved, listed with who and how long, ended by hand."""

from __future__ import annotations

import re
from datetime import timedelta

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from registry.domain.kinds import Role
from registry.queries.silences import list_silences
from registry.services.silences import NewSilence, add_silence
from tests.web.conftest import NOON, Web, send

FORM = {"rule_key": "cover_tilt", "severity": "2", "lasts": "240", "reason": "道路施工"}


def look(client: FlaskClient, **form: str) -> TestResponse:
    return send(client, "/silences", FORM | form, page="/silences/new")


def save(client: FlaskClient, **form: str) -> TestResponse:
    seen = re.search(r'name="seen" value="([^"]*)"', look(client, **form).text)
    assert seen is not None
    return send(client, "/silences", FORM | form | {"seen": seen[1]}, page="/silences/new")


def test_what_it_will_mute_is_shown_before_it_is_saved(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    alert_id = web.city.add_alert(None, NOON)
    shown = look(client)
    assert shown.status_code == 200
    assert "现在会静默 1 条告警" in shown.text
    assert f'href="/alerts/{alert_id}"' in shown.text
    assert list_silences(web.city.engine, now=NOON).items == []
    assert save(client).headers["Location"] == "/silences"
    (row,) = list_silences(web.city.engine, now=NOON).items
    assert (row.rule_key, row.ends_at - row.starts_at, row.muting) == ("cover_tilt", timedelta(hours=4), 1)
    page = client.get("/silences").text
    assert "道路施工" in page
    assert "陈派" in page


def test_another_choice_must_be_seen_again(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    seen = re.search(r'name="seen" value="([^"]*)"', look(client).text)
    assert seen is not None
    answer = send(client, "/silences", FORM | {"severity": "3", "seen": seen[1]}, page="/silences/new")
    assert answer.status_code == 200
    assert list_silences(web.city.engine, now=NOON).items == []


def test_from_an_alert_the_form_knows_the_asset_and_the_rule(web: Web) -> None:
    alert_id = web.city.add_alert(None, NOON, severity=3)
    page = web.as_(Role.DISPATCHER).get(f"/silences/new?alert_id={alert_id}").text
    assert f'name="asset_id" value="{web.city.asset_id}" checked' in page
    assert '<option value="cover_tilt" selected>' in page
    assert '<option value="3" selected>' in page


def test_a_muted_alert_is_still_listed_and_marked_on_its_page_and_in_the_list(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    alert_id = web.city.add_alert(None, NOON)
    address = f"/silences/new?alert_id={alert_id}"
    assert address in client.get(f"/alerts/{alert_id}").text
    new = NewSilence(ends_at=NOON + timedelta(hours=1), reason="修路，勿扰", rule_key="cover_tilt")
    add_silence(web.city.engine, new, by=web.city.dispatcher, now=NOON)
    page = client.get(f"/alerts/{alert_id}").text
    assert "修路，勿扰" in page
    assert address not in page
    assert "已静默至" in client.get("/alerts").text
    assert "/silences/new" not in web.as_(Role.VIEWER).get(f"/alerts/{alert_id}").text


def test_the_times_are_the_citys(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    save(client, starts_at="2026-03-03T08:00", ends_at="2026-03-03T18:00")
    (row,) = list_silences(web.city.engine, now=NOON).items
    assert (row.starts_at - NOON, row.ends_at - row.starts_at) == (timedelta(hours=20), timedelta(hours=10))
    assert "道路施工" in client.get("/silences?phase=coming").text


def test_what_is_wrong_stands_at_its_field(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    for form, words in (
        ({"reason": ""}, "请填写原因"),
        ({"rule_key": ""}, "全部静默会掩盖真实情况"),
        ({"ends_at": "2026-05-02T08:00"}, "超过 30 天"),
        ({"ends_at": "bald"}, "不是时间"),
        ({"lasts": ""}, "请选持续时间"),
    ):
        answer = look(client, **form)
        assert (answer.status_code, words in answer.text) == (422, True), form


def test_a_silence_is_ended_and_then_stands_among_the_past_ones(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    new = NewSilence(ends_at=NOON + timedelta(hours=1), reason="施工", rule_key="cover_tilt")
    silence_id = add_silence(web.city.engine, new, by=web.city.dispatcher, now=NOON)
    web.clock.pass_by(minutes=5)
    assert send(client, f"/silences/{silence_id}/end", {}, page="/silences").status_code == 303
    assert "现在没有静默" in client.get("/silences").text
    assert "施工" in client.get("/silences?phase=past").text


def test_crew_and_viewers_read_and_do_not_write(web: Web) -> None:
    for role in (Role.CREW, Role.VIEWER, Role.REGISTRAR):
        page = web.as_(role).get("/silences").text
        assert "/silences/new" not in page
        assert web.as_(role).get("/silences/new").status_code == 403
