from __future__ import annotations

import io
import re
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from registry.domain.kinds import Role, TagState
from registry.services.tags import end_tag, issue_tag, print_blank_tags
from registry.storage.database import reading, writing
from registry.storage.tables import asset, photo, report, scan
from tests.web.conftest import NOON, Web, send


def picture(side: int = 64) -> io.BytesIO:
    content = io.BytesIO()
    Image.new("RGB", (side, side), "grey").save(content, "JPEG")
    content.seek(0)
    return content


def scans(web: Web) -> list[Any]:
    with reading(web.city.engine) as tx:
        return list(tx.execute(select(scan).order_by(scan.c.id)).all())


@pytest.mark.parametrize("prefix", ["/Q/", "/q/"])
@pytest.mark.parametrize("written", [str.upper, str.lower])
def test_a_citizen_sees_what_this_is_and_how_to_report(web: Web, prefix: str, written: Any) -> None:
    answer = web.visitor().get(prefix + written(web.token))
    assert answer.status_code == 200
    assert "中山路" in answer.text
    assert "水务" in answer.text
    assert f'action="/Q/{web.token}/report"' in answer.text


def test_a_citizen_sees_neither_places_nor_people_nor_readings(web: Web) -> None:
    web.city.open_case(NOON)
    page = web.visitor().get(f"/Q/{web.token}").text
    for private in ("113.3", "23.1", "CV-000001", "李敏", "陈派", "tilt", "cover_displaced", "/cases/", "/photos/"):
        assert private not in page, private


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda token: token[:-1], "9 个"),
        (lambda token: "0" + token[1:], "“0”"),
        (lambda token: token[1] + token[0] + token[2:] if token[0] != token[1] else token[::-1], "颠倒"),
    ],
    ids=["length", "character", "check"],
)
def test_a_wrong_token_is_told_apart_by_its_mistake(web: Web, spoil: Any, kind: str) -> None:
    answer = web.visitor().get(f"/Q/{spoil(web.token)}")
    assert answer.status_code == 404
    assert kind in answer.text
    assert scans(web)[-1].finding == "misread"


def test_a_token_nobody_issued_says_so(web: Web) -> None:
    with writing(web.city.engine) as tx:
        (never,) = print_blank_tags(tx, 1, now=NOON)
        tx.rollback()
    answer = web.visitor().get(f"/Q/{never}")
    assert answer.status_code == 404
    assert "没有这块标牌" in answer.text
    assert scans(web)[-1].finding == "unknown"


def test_a_blank_plate_and_a_destroyed_one_say_what_they_are(web: Web) -> None:
    with writing(web.city.engine) as tx:
        (blank,) = print_blank_tags(tx, 1, now=NOON)
    assert "尚未安装" in web.visitor().get(f"/Q/{blank}").text
    with writing(web.city.engine) as tx:
        end_tag(tx, web.token, TagState.DESTROYED, now=NOON)
    answer = web.visitor().get(f"/Q/{web.token}")
    assert answer.status_code == 404
    assert "销毁" in answer.text


def test_lost_and_replaced_plates_still_lead_to_their_thing_with_a_note(web: Web) -> None:
    with writing(web.city.engine) as tx:
        newer = issue_tag(tx, web.city.asset_id, now=NOON)
    old = web.visitor().get(f"/Q/{web.token}")
    assert old.status_code == 200
    assert "新标牌" in old.text
    with writing(web.city.engine) as tx:
        end_tag(tx, newer, TagState.LOST, now=NOON)
    assert "登记为遗失" in web.visitor().get(f"/Q/{newer}").text


def test_every_scan_is_kept_with_who_scanned(web: Web) -> None:
    web.visitor().get(f"/Q/{web.token}")
    web.as_(Role.CREW).get(f"/Q/{web.token}")
    kept = scans(web)
    assert [(row.finding, row.asset_id, row.user_id) for row in kept] == [
        ("active", web.city.asset_id, None),
        ("active", web.city.asset_id, web.city.crew.user_id),
    ]


def test_crew_see_what_is_wrong_here_and_their_next_step(web: Web) -> None:
    opened = web.city.open_case(NOON)
    dispatcher = web.as_(Role.DISPATCHER)
    form = {"move": "dispatch", "version": 1, "assignee_id": web.city.crew.user_id}
    assert send(dispatcher, f"/cases/{opened.case_id}/moves", form, page="/assets").status_code == 303
    crew = web.as_(Role.CREW)
    page = crew.get(f"/Q/{web.token}").text
    assert f"/cases/{opened.case_id}/moves" in page
    assert 'value="accept"' in page
    form = {"move": "accept", "version": 2, "next": f"/Q/{web.token}"}
    answer = send(crew, f"/cases/{opened.case_id}/moves", form, page="/tasks")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/Q/{web.token}")
    assert 'value="hand_back"' in crew.get(f"/Q/{web.token}").text


def test_a_move_after_a_scan_says_that_the_plate_was_scanned(web: Web) -> None:
    opened = web.city.open_case(NOON)
    web.as_(Role.ADMINISTRATOR).get(f"/Q/{web.token}")
    form = {"move": "note", "version": 1, "note": "看过了"}
    send(web.as_(Role.ADMINISTRATOR), f"/cases/{opened.case_id}/moves", form, page="/assets")
    page = web.as_(Role.ADMINISTRATOR).get(f"/cases/{opened.case_id}")
    assert page.status_code == 200
    from registry.queries.cases import case_file

    file = case_file(web.city.engine, opened.case_id)
    assert file is not None
    assert file.entries[-1].detail["scanned"] is True


def test_crew_of_another_unit_get_no_buttons(web: Web) -> None:
    opened = web.city.open_case(NOON)
    form = {"move": "dispatch", "version": 1, "assignee_id": web.city.crew.user_id}
    send(web.as_(Role.DISPATCHER), f"/cases/{opened.case_id}/moves", form, page="/assets")
    page = web.signed_in("stranger").get(f"/Q/{web.token}").text
    assert f"/cases/{opened.case_id}/moves" not in page


def test_a_citizens_report_opens_a_case_and_gives_a_page_to_hear_back(web: Web) -> None:
    client = web.visitor()
    form = {"text": "井盖丢了 <script>alert(1)</script>", "contact": "13900000000", "photo": (picture(), "a.jpg")}
    answer = send(client, f"/q/{web.token}/report", form, page=f"/Q/{web.token}")
    assert answer.status_code == 303
    assert re.fullmatch(r"/reports/[\w-]{24}\?sent=1", answer.headers["Location"])
    page = client.get(answer.headers["Location"])
    assert page.status_code == 200
    assert "井盖丢了 &lt;script&gt;" in page.text
    assert "13900000000" not in page.text
    with reading(web.city.engine) as tx:
        kept = tx.execute(select(report)).one()
        assert (kept.contact, kept.asset_id) == ("13900000000", web.city.asset_id)
        assert tx.execute(select(photo)).one().taken_by is None


def test_a_report_without_words_keeps_the_rest_of_the_form(web: Web) -> None:
    form = {"text": " ", "contact": "13900000000"}
    answer = send(web.visitor(), f"/q/{web.token}/report", form, page=f"/Q/{web.token}")
    assert answer.status_code == 422
    assert 'value="13900000000"' in answer.text
    assert "请用几句话写明" in answer.text


def test_a_report_with_a_file_that_is_no_picture_is_not_kept(web: Web) -> None:
    form = {"text": "坏了", "photo": (io.BytesIO(b"<?php system('id'); ?>"), "a.jpg")}
    answer = send(web.visitor(), f"/q/{web.token}/report", form, page=f"/Q/{web.token}")
    assert answer.status_code == 422
    assert "不是图片" in answer.text
    assert "坏了" in answer.text
    with reading(web.city.engine) as tx:
        assert tx.execute(select(report)).all() == []


def test_a_report_needs_a_plate_of_ours(web: Web) -> None:
    answer = send(web.visitor(), "/q/ABCDEFGHJK/report", {"text": "坏了"})
    assert answer.status_code == 404


def test_a_report_page_is_for_those_who_have_its_key(web: Web) -> None:
    assert web.visitor().get("/reports/guessed").status_code == 404


def test_reports_from_one_address_are_limited(web: Web) -> None:
    client = web.visitor()
    answers = [send(client, f"/q/{web.token}/report", {"text": "坏了"}, page="/login").status_code for _ in range(7)]
    assert answers == [303] * 6 + [429]


def test_scanning_is_limited_so_that_tokens_cannot_be_tried_out(web: Web) -> None:
    client = web.visitor()
    answers = [client.get("/Q/2222222222").status_code for _ in range(61)]
    assert answers == [404] * 60 + [429]


def test_all_addresses_of_one_ipv6_line_count_together_and_those_of_ipv4_each_by_itself(web: Web) -> None:
    client = web.visitor()

    def asked(address: str) -> int:
        return client.get("/Q/2222222222", environ_base={"REMOTE_ADDR": address}).status_code

    assert [asked(f"2001:db8:0:7::{number:x}") for number in range(1, 62)] == [404] * 60 + [429]
    assert asked("2001:db8:0:8::1") == 404
    assert {asked(f"198.51.100.{number}") for number in range(61)} == {404}


def test_loading_the_address_of_a_refused_report_again_shows_the_plates_page(web: Web) -> None:
    assert web.visitor().get(f"/q/{web.token}/report").status_code == 200


def test_names_with_markup_stay_text(web: Web) -> None:
    with writing(web.city.engine) as tx:
        tx.execute(asset.update().values(road='<img src=x onerror="alert(1)">'))
    for page in (
        web.visitor().get(f"/Q/{web.token}").text,
        web.as_(Role.ADMINISTRATOR).get("/assets").text,
        web.as_(Role.ADMINISTRATOR).get(f"/assets/{web.city.asset_id}").text,
    ):
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page
