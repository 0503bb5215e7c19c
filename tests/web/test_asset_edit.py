"""The pages on which the book of record is changed by hand: what is kept, what is refused, what is not lost."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from registry.domain.kinds import Role, TagState
from registry.services.tags import print_blank_tags
from registry.storage.database import reading, writing
from registry.storage.tables import asset, asset_change, device, photo, point, tag
from tests.web.conftest import NOON, Web, send


def row_of(web: Web, asset_id: int) -> Any:
    with reading(web.city.engine) as tx:
        return tx.execute(select(asset).where(asset.c.id == asset_id)).one()


def edit_form(web: Web, **changed: str) -> dict[str, str]:
    """The edit form as the page shows it, with what somebody typed."""
    row = row_of(web, web.city.asset_id)
    shown = {"version": str(row.version), "name": row.name, "road": row.road, "address": "", "grid_cell": ""}
    shown |= {"lon": str(row.source_x), "lat": str(row.source_y), "crs": row.source_crs, "depth_mm": "2400"}
    return shown | {"maintainer_unit_id": str(web.city.water)} | changed


def test_what_is_edited_is_kept_and_stands_in_the_history(web: Web) -> None:
    client, path = web.as_(Role.REGISTRAR), f"/assets/{web.city.asset_id}/edit"
    page = client.get(path)
    assert 'value="上水井盖 1"' in page.text
    changed = edit_form(web, road="解放路", material="球墨铸铁", pipe_mm="300", installed_on="2019-05-01")
    assert send(client, path, changed, page=path).status_code == 303
    row = row_of(web, web.city.asset_id)
    assert (row.road, row.material, row.details, row.installed_on) == (
        "解放路",
        "球墨铸铁",
        {"pipe_mm": 300},
        "2019-05-01",
    )
    file = client.get(f"/assets/{web.city.asset_id}").text
    for words in ("<del>中山路</del>", "<ins>解放路</ins>", "<ins>300 mm</ins>", "林晓"):
        assert words in file


def test_a_refused_edit_loses_nothing_and_names_the_field(web: Web) -> None:
    client, path = web.as_(Role.REGISTRAR), f"/assets/{web.city.asset_id}/edit"
    answer = send(client, path, edit_form(web, road="解放路", pipe_mm="9"), page=path)
    assert answer.status_code == 422
    assert 'value="解放路"' in answer.text
    assert 'id="pipe_mm-problem"' in answer.text
    assert row_of(web, web.city.asset_id).road == "中山路"


def test_whoever_saves_second_is_told_who_was_first(web: Web) -> None:
    client, path = web.as_(Role.REGISTRAR), f"/assets/{web.city.asset_id}/edit"
    first, second = edit_form(web, road="解放路"), edit_form(web, road="东风路")
    send(client, path, first, page=path)
    answer = send(client, path, second, page=path)
    assert answer.status_code == 409
    assert "林晓 changed road" in answer.text
    assert 'value="东风路"' in answer.text
    assert row_of(web, web.city.asset_id).road == "解放路"


def test_a_new_asset_gets_its_code_and_the_plate_that_was_scanned(web: Web) -> None:
    with writing(web.city.engine) as tx:
        (token,) = print_blank_tags(tx, 1, now=NOON)
    client = web.as_(Role.CREW)
    page = client.get("/assets/new", query_string={"token": token})
    assert token in page.text
    form = {"class": "cjt214-2007:0118", "lon": "113.31", "lat": "23.11", "crs": "gcj02", "road": "人民路"}
    answer = send(client, "/assets/new", form | {"token": token}, page="/assets/new")
    assert answer.status_code == 303
    new_id = int(answer.location.rsplit("/", 1)[1])
    row = row_of(web, new_id)
    assert (row.family, row.source_crs, row.source_x) == ("light", "gcj02", 113.31)
    with reading(web.city.engine) as tx:
        bound = tx.execute(select(tag).where(tag.c.token == token)).one()
    assert (bound.asset_id, bound.state) == (new_id, TagState.ACTIVE)


@pytest.mark.parametrize(
    ("wrong", "field"), [({"class": ""}, "class"), ({"lon": "113°"}, "lon"), ({"division": "44"}, "division")]
)
def test_a_new_asset_that_lacks_something_is_refused_at_its_field(web: Web, wrong: dict[str, str], field: str) -> None:
    form = {"class": "cjt214-2007:0101", "lon": "113.31", "lat": "23.11", "road": "人民路"} | wrong
    answer = send(web.as_(Role.REGISTRAR), "/assets/new", form, page="/assets/new")
    assert answer.status_code == 422
    assert f'id="{field}-problem"' in answer.text
    assert 'value="人民路"' in answer.text


def test_a_state_needs_its_reason(web: Web) -> None:
    client, asset_id = web.as_(Role.CREW), web.city.asset_id
    page = f"/assets/{asset_id}"
    refused = send(client, f"{page}/state", {"state": "damaged", "reason": ""}, page=page)
    assert refused.status_code == 422
    assert 'id="reason-problem"' in refused.text
    assert send(client, f"{page}/state", {"state": "damaged", "reason": "裂缝"}, page=page).status_code == 303
    assert row_of(web, asset_id).state == "damaged"
    waits = send(client, f"{page}/state", {"state": "abandoned", "reason": "填埋"}, page=page)
    assert waits.status_code == 409
    assert "CV-000001" in waits.text


def test_two_files_are_seen_side_by_side_then_merged_and_taken_apart(web: Web) -> None:
    client, kept = web.as_(Role.REGISTRAR), web.city.asset_id
    twin = web.city.add_asset(NOON, name="给水井盖", road="中山路")
    page = f"/assets/{kept}/merge"
    assert f"other_id={twin}" not in client.get(page, query_string={"with": row_of(web, twin).code}).text
    assert row_of(web, twin).code in client.get(page, query_string={"other_id": twin}).text
    form = {"other_id": str(twin), "keep": "this"}
    assert send(client, page, form, page=f"{page}?other_id={twin}").status_code == 303
    assert row_of(web, twin).merged_into_id == kept
    gone = client.get(f"/assets/{twin}").text
    assert f'href="/assets/{kept}"' in gone
    assert send(client, f"/assets/{twin}/unmerge", {}, page=f"/assets/{twin}").status_code == 303
    assert row_of(web, twin).merged_into_id is None


def test_a_photo_is_kept_with_what_it_shows_taken_off_and_put_back(web: Web) -> None:
    client, page = web.as_(Role.CREW), f"/assets/{web.city.asset_id}"
    drawn = io.BytesIO()
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2026:03:02 11:30:00"
    Image.new("RGB", (64, 48), "grey").save(drawn, "JPEG", exif=exif)
    form = {"kind": "near", "photo": (io.BytesIO(drawn.getvalue()), "p.jpg")}
    assert send(client, f"{page}/photos", form, page=page, content_type="multipart/form-data").status_code == 303
    with reading(web.city.engine) as tx:
        row = tx.execute(select(photo)).one()
    assert (row.kind, row.taken_at.isoformat()) == ("near", "2026-03-02T03:30:00+00:00")
    assert f"/photos/{row.id}" in client.get(page).text
    taken_off = send(client, f"/photos/{row.id}/remove", {}, page=page)
    assert client.get(f"/photos/{row.id}").status_code == 404
    assert f"/photos/{row.id}/restore" in client.get(taken_off.location).text
    send(client, f"/photos/{row.id}/restore", {}, page=page)
    with client.get(f"/photos/{row.id}") as shown:
        assert shown.status_code == 200
    with reading(web.city.engine) as tx:
        actions = tx.execute(select(asset_change.c.action).order_by(asset_change.c.id)).scalars().all()
    assert actions[-3:] == ["photo", "photo_off", "photo"]


def test_a_sensor_is_fitted_tested_zeroed_exchanged_and_taken_off(web: Web) -> None:
    client, other = web.as_(Role.REGISTRAR), web.city.add_asset(NOON)
    page = f"/assets/{other}/devices/new"
    form = {"serial": "CV-7", "profile": "cc-cover-1", "heartbeat_s": "2"}
    assert 'value="dingtek-df702" >Dingtek DF702 / DF703 超声波满溢传感器</option>' in client.get(page).text
    refused = send(client, page, form | {"serial": "CV-000001"}, page=page)
    assert refused.status_code == 409
    assert "上水井盖 1" in refused.text
    fitted = send(client, page, form, page=page)
    device_id = int(fitted.location.rsplit("/", 1)[1])
    assert 'data-state="waiting"' in client.get(f"/devices/{device_id}").text
    web.clock.pass_by(minutes=5)
    assert 'data-state="wrong"' in client.get(f"/devices/{device_id}").text
    with reading(web.city.engine) as tx:
        tilt = tx.execute(select(point.c.id).where(point.c.device_id == device_id, point.c.name == "tilt_z")).scalar()
    at = round(web.clock.now.timestamp() * 1000)
    web.store.append([(tilt, at - s * 2000, 1.5, 0, at) for s in range(20)])
    zero = f"/devices/{device_id}/rezero"
    assert 'name="use_tilt_z" value="1" checked' in client.get(zero).text
    empty = send(client, zero, {"reason": "首次安装"}, page=zero)
    assert empty.status_code == 422
    kept = send(client, zero, {"use_tilt_z": "1", "tilt_z": "1.5", "reason": "首次安装"}, page=zero)
    assert kept.status_code == 303
    swapped = send(
        client, f"/devices/{device_id}/swap", {"serial": "CV-8", "reason": "电池"}, page=f"/devices/{device_id}"
    )
    new_id = int(swapped.location.rsplit("/", 1)[1])
    off = send(client, f"/devices/{new_id}/remove", {"reason": "拆走"}, page=f"/devices/{new_id}")
    assert off.location == f"/assets/{other}"
    with reading(web.city.engine) as tx:
        rows = tx.execute(select(device).where(device.c.asset_id == other).order_by(device.c.id)).all()
    assert [(row.serial, row.removed_at is None) for row in rows] == [("CV-7", False), ("CV-8", False)]
    file = client.get(f"/assets/{other}").text
    for words in ("CV-7", "CV-8", "首次安装", "电池"):
        assert words in file


def test_crew_of_another_unit_may_look_at_a_sensor_but_not_exchange_it(web: Web) -> None:
    stranger, page = web.signed_in("stranger"), f"/devices/{web.city.device_id}"
    assert stranger.get(page).status_code == 200
    refused = send(stranger, f"{page}/swap", {"serial": "CV-9", "reason": "x"}, page=f"/assets/{web.city.asset_id}")
    assert refused.status_code == 403


def test_a_viewer_sees_the_file_and_no_way_to_change_it(web: Web) -> None:
    page = web.as_(Role.VIEWER).get(f"/assets/{web.city.asset_id}").text
    for word in ("/edit", "/merge", "/state", '/photos"', "/devices/new"):
        assert word not in page


def test_the_list_is_narrowed_by_what_is_missing_and_keeps_its_filters_in_the_links(web: Web) -> None:
    client = web.as_(Role.VIEWER)
    other = web.city.add_asset(NOON)
    page = client.get("/assets?lacks=sensor&family=cover").text
    assert f"/assets/{other}" in page
    assert f'href="/assets/{web.city.asset_id}"' not in page
    assert client.get("/assets?lacks=hat").status_code == 422
    assert client.get("/assets?area=44O8").status_code == 422
