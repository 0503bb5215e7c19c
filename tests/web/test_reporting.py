"""Reporting without a plate: a place on the map, what stands near it, how it went, and limits against abuse."""

from __future__ import annotations

import io
from typing import Any

import pytest
from sqlalchemy import select, update

from registry.services.public_rules import change_rules
from registry.storage.database import reading, writing
from registry.storage.tables import asset, case, entry, photo, report
from tests.web.conftest import Web, send
from tests.web.test_scan import picture

PLACE = {"lon": "113.3001", "lat": "23.1001"}


def tell(web: Web, **told: Any) -> Any:
    form = {"text": "路边的井盖不见了", "kind": "cover_displaced", **PLACE, **told}
    return send(web.visitor(), "/report", form, page="/report")


def rules(web: Web, **changes: Any) -> None:
    change_rules(web.city.engine, changes, note="", expected_version=0, by=web.city.administrator, now=web.clock.now)


def key_of(answer: Any) -> str:
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"]).partition("/reports/")[2].partition("?")[0]


def near(web: Web, **place: Any) -> list[dict[str, Any]]:
    with reading(web.city.engine) as tx:
        row = tx.execute(select(asset.c.lon, asset.c.lat).where(asset.c.id == web.city.asset_id)).one()
    answer = web.visitor().get("/report/near.json", query_string={"lon": row.lon + 0.0001, "lat": row.lat, **place})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json  # type: ignore[assignment]
    return found


def test_a_place_without_a_thing_becomes_a_case_that_waits_at_the_desk(web: Web) -> None:
    key = key_of(tell(web, address="人民路口", contact="13912345678", photo=(picture(), "a.jpg")))
    page = web.visitor().get(f"/reports/{key}").text
    assert "路边的井盖不见了" in page
    assert "人民路口" in page
    assert "13912345678" not in page
    with reading(web.city.engine) as tx:
        row = tx.execute(select(case)).one()
        kept = tx.execute(select(report)).one()
        assert tx.scalar(select(photo.c.case_id)) == row.id
    assert (row.asset_id, row.stage, row.source, row.kind) == (None, "collected", "citizen", "cover_displaced")
    assert (row.lon, row.lat, row.place) == (113.3001, 23.1001, "人民路口")
    assert len(kept.person) == len(kept.sender) == 64


def test_a_thing_of_the_list_takes_the_report_and_its_place_stays_in_the_house(web: Web) -> None:
    (found,) = near(web)
    assert set(found) == {"thing", "name", "road", "distance_m"}
    assert found["distance_m"] % 5 == 0
    key_of(tell(web, thing=found["thing"]))
    with reading(web.city.engine) as tx:
        assert tx.scalar(select(case.c.asset_id)) == web.city.asset_id
    assert near(web, lon=114.0) == []


def test_a_made_up_thing_is_refused_and_the_words_stay_in_the_form(web: Web) -> None:
    answer = tell(web, thing=str(web.city.asset_id))
    assert answer.status_code == 422
    assert "路边的井盖不见了" in answer.text
    assert 'value="113.3001"' in answer.text


@pytest.mark.parametrize("told", [{"lon": ""}, {"lon": "x"}, {"lat": "123"}, {"text": ""}, {"kind": "battery_low"}])
def test_what_is_missing_is_said_and_nothing_is_kept(web: Web, told: dict[str, str]) -> None:
    assert tell(web, **told).status_code == 422
    with reading(web.city.engine) as tx:
        assert tx.execute(select(report.c.id)).all() == []


def test_the_frame_of_the_map_tells_no_exact_place(web: Web) -> None:
    found = web.visitor().get("/report/frame.json").json
    assert found is not None
    for feature in found["features"]:
        for degree in feature["geometry"]["coordinates"]:
            assert round(degree, 2) == degree
    inside = web.visitor().get("/report/frame.json?bbox=113,23,114,24").json
    assert inside is not None
    assert inside["features"] == []


def end(web: Web) -> None:
    with writing(web.city.engine) as tx:
        tx.execute(update(case).values(stage="closed", ended_at=web.clock.now, closed_how="repaired"))


def test_how_it_went_is_said_once_and_only_after_the_end(web: Web) -> None:
    key = key_of(tell(web))
    client = web.visitor()
    assert "star-choice" not in client.get(f"/reports/{key}").text
    answer = send(client, f"/reports/{key}/score", {"score": "5"}, page="/report")
    assert answer.status_code == 303
    end(web)
    page = f"/reports/{key}"
    assert "star-choice" in client.get(page).text
    assert send(client, f"{page}/score", {"score": "9"}, page=page).status_code == 422
    assert send(client, f"{page}/score", {"score": "4", "words": "来得快"}, page=page).status_code == 303
    assert send(client, f"{page}/score", {"score": "1"}, page="/report").status_code == 303
    shown = client.get(page).text
    assert "来得快" in shown
    assert "★★★★" in shown
    with reading(web.city.engine) as tx:
        assert tx.execute(select(report.c.score, report.c.score_words)).one() == (4, "来得快")


def test_the_second_reporter_of_a_thing_is_told_so_and_hears_what_happens(web: Web) -> None:
    (found,) = near(web)
    first, second = (key_of(tell(web, thing=found["thing"], text=text)) for text in ("一", "二"))
    assert "您是第 2 位" in web.visitor().get(f"/reports/{second}").text
    assert "您是第" not in web.visitor().get(f"/reports/{first}").text
    with writing(web.city.engine) as tx:
        case_id = tx.scalar(select(case.c.id))
        row = {"case_id": case_id, "at": web.clock.now, "move": "file", "to_stage": "filed", "detail": {}}
        tx.execute(entry.insert().values(row | {"note": "内部备注"}))
    for key in (first, second):
        page = web.visitor().get(f"/reports/{key}").text
        assert "情况属实，已立案" in page
        assert "内部备注" not in page


def test_one_address_and_one_contact_may_report_so_often_a_day(web: Web) -> None:
    rules(web, per_address_day=3, per_contact_day=2)
    assert tell(web, contact="139 1234 5678").status_code == 303
    assert tell(web, contact="+8613912345678").status_code == 303
    refused = tell(web, contact="139-1234-5678")
    assert refused.status_code == 422
    assert "12345" in refused.text
    assert tell(web).status_code == 303
    assert tell(web).status_code == 422
    web.clock.pass_by(hours=24, minutes=1)
    assert tell(web).status_code == 303


def test_a_picture_of_an_earlier_report_is_not_taken_again(web: Web) -> None:
    assert tell(web, photo=(picture(), "a.jpg")).status_code == 303
    assert tell(web, photo=(picture(), "b.jpg")).status_code == 422
    web.clock.pass_by(days=31)
    assert tell(web, photo=(io.BytesIO(picture().getvalue()), "b.jpg")).status_code == 303
