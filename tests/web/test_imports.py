"""Imports through the pages: a file becomes assets with counts that add up, once, and can be taken back as a whole."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select, update
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from registry.domain.kinds import ImportState, Role
from registry.queries.imports import ImportView, duplicates, import_file, problems
from registry.services import imports as import_services
from registry.storage.database import reading, writing
from registry.storage.tables import (
    asset,
    asset_alias,
    asset_change,
    asset_doubt,
    import_before,
    import_made,
    road,
    unit,
    user,
)
from tests.web.conftest import NOON, Web, csrf_of, send

INVENTORY = Path(__file__).parents[3] / "shared/data/cambridge-ma-street-lights.geojson"
PLACES = "编号,部件分类,经度,纬度,道路\n"


def upload(client: FlaskClient, content: bytes, name: str = "普查.csv", **more: Any) -> TestResponse:
    """Send a file as the browser does."""
    form = {"csrf_token": csrf_of(client, "/imports/new"), "file": FileStorage(io.BytesIO(content), filename=name)}
    # not the test client's own encoding, which leaves a large body's temporary file open
    boundary, body = encode_multipart(form)
    return client.post("/imports", data=body, content_type=f'multipart/form-data; boundary="{boundary}"', **more)


def run_of(answer: TestResponse) -> int:
    """The import that an answer leads to."""
    assert answer.status_code == 303, answer.text
    found = re.search(r"/imports/(\d+)", answer.headers["Location"])
    assert found is not None
    return int(found.group(1))


def form_of(client: FlaskClient, address: str) -> dict[str, str]:
    """Every field of the page's first form about columns, as the browser would send it."""
    text = client.get(address).text
    body = text[text.index("data-columns") : text.rindex("</form>")]
    fields = dict(re.findall(r'<input[^>]*name="([\w-]+)"[^>]*value="([^"]*)"', body))
    for name in re.findall(r'<input[^>]*type="(?:radio|checkbox)"[^>]*name="([\w-]+)"', body):
        fields.pop(name, None)
    for name, value in re.findall(r'name="([\w-]+)" value="([^"]*)" checked', body):
        fields[name] = value
    for name, options in re.findall(r'<select[^>]*name="([\w-]+)".*?>(.*?)</select>', body, flags=re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        first = re.search(r'value="([^"]*)"', options)
        fields[name] = (chosen or first).group(1) if (chosen or first) else ""  # type: ignore[union-attr]
    return fields


def the_worker_works(web: Web) -> None:
    """What the worker process does about imports."""
    work = import_services.Work(holder=import_services.new_holder(), clock=web.clock)
    import_services.work_on_imports(web.city.engine, web.place.data_dir, work)


def checked(web: Web, content: bytes, name: str = "普查.csv", **choices: str) -> ImportView:
    """A file uploaded, its columns taken as guessed save for ``choices``, and checked by the worker."""
    client = web.as_(Role.REGISTRAR)
    run_id = run_of(upload(client, content, name))
    form = form_of(client, f"/imports/{run_id}/columns") | choices | {"do": "check"}
    answer = client.post(f"/imports/{run_id}/columns", data=form)
    assert answer.status_code == 303, answer.text
    the_worker_works(web)
    return import_file(web.city.engine, run_id)


def imported(web: Web, content: bytes, name: str = "普查.csv", **choices: str) -> ImportView:
    """The same, and run."""
    run = checked(web, content, name, **choices)
    assert run.state is ImportState.CHECKED, run.problem
    send(web.as_(Role.REGISTRAR), f"/imports/{run.id}/run", {}, page=f"/imports/{run.id}")
    the_worker_works(web)
    return import_file(web.city.engine, run.id)


def rows_of(engine: Engine) -> dict[str, list[Any]]:
    """The registry row by row, but for what only grows: the imports themselves, the audit trail, codes given out."""
    tables = (asset, asset_alias, asset_change, asset_doubt, road, unit, import_before, import_made)
    with reading(engine) as tx:
        return {table.name: sorted(map(repr, tx.execute(select(table)))) for table in tables}


@contextmanager
def added(engine: Engine) -> Iterator[list[int]]:
    """How many assets came while this was open."""
    count = select(func.count()).select_from(asset)
    grown: list[int] = []
    with reading(engine) as tx:
        before = tx.execute(count).scalar_one()
    yield grown
    with reading(engine) as tx:
        grown.append(tx.execute(count).scalar_one() - before)


@pytest.mark.timeout(400)
def test_the_real_inventory_goes_in_once_and_can_be_taken_back(web: Web) -> None:
    content, engine = INVENTORY.read_bytes(), web.city.engine
    features = len(json.loads(content)["features"])
    before = rows_of(engine)

    first = imported(web, content, "路灯.geojson", **{"class": "0118", "key": "alias:PoleID", "duplicates": "keep"})

    assert first.state is ImportState.DONE
    assert first.rows == features == first.created + first.updated + first.unchanged + first.rejected + first.held
    assert first.created > 0.99 * features
    assert first.rejected == len(problems(engine, first.id, grave=True, limit=500))
    page = web.as_(Role.REGISTRAR).get(f"/imports/{first.id}").text
    assert f"{features:,} 行" in page
    after_first = rows_of(engine)

    second = imported(web, content, "路灯.geojson", **{"class": "0118", "key": "alias:PoleID", "duplicates": "keep"})

    assert (second.created, second.updated) == (0, 0)
    assert second.unchanged + second.rejected == features
    assert rows_of(engine) == after_first

    answer = send(web.as_(Role.REGISTRAR), f"/imports/{first.id}/undo", {"sure": "1"}, page=f"/imports/{first.id}")

    assert answer.status_code == 303, answer.text
    assert rows_of(engine) == before
    assert import_file(engine, first.id).state is ImportState.UNDONE


def test_a_check_writes_nothing_and_says_what_would_be(web: Web) -> None:
    text = PLACES + "a1,上水井盖,113.31,23.11,人民路\na2,污水井盖,不知道,23.12,人民路\n"
    with added(web.city.engine) as grown:
        run = checked(web, text.encode(), crs="wgs84")

    assert grown == [0]
    assert (run.created, run.rejected, run.rows) == (1, 1, 2)
    page = web.as_(Role.REGISTRAR).get(f"/imports/{run.id}").text
    assert "不是经纬度" in page
    assert "不知道" in page
    assert "写入 1 行" in page


def test_a_file_in_gbk_with_a_chinese_name_keeps_its_words(web: Web) -> None:
    run = imported(
        web, (PLACES + "a1,上水井盖,113.31,23.11,解放路\n").encode("gb18030"), "二〇二六年普查表.csv", crs="wgs84"
    )

    assert run.file_name == "二〇二六年普查表.csv"
    assert run.created == 1
    with reading(web.city.engine) as tx:
        assert tx.execute(select(asset.c.road).where(asset.c.import_id == run.id)).scalar_one() == "解放路"


def test_the_report_can_be_kept_as_a_table_that_runs_no_formula(web: Web) -> None:
    run = checked(web, (PLACES + "a1,上水井盖,=1+1,23.11,人民路\n").encode(), crs="wgs84")

    answer = web.as_(Role.REGISTRAR).get(f"/imports/{run.id}/problems.csv")

    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    lines = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert lines[0] == ["行", "拒绝", "列", "内容", "问题", "怎么改"]
    assert lines[1][0] == "1"
    assert not any(cell.startswith("=") for line in lines for cell in line)


def test_a_coordinate_system_must_be_chosen_and_the_form_keeps_what_was_typed(web: Web) -> None:
    client = web.as_(Role.REGISTRAR)
    run_id = run_of(upload(client, (PLACES + "a1,上水井盖,113.31,23.11,人民路\n").encode()))
    form = form_of(client, f"/imports/{run_id}/columns") | {"owner": "市政设施养护处", "do": "check"}
    form.pop("crs", None)

    answer = client.post(f"/imports/{run_id}/columns", data=form)

    assert answer.status_code == 422
    assert "坐标系" in answer.text
    assert "市政设施养护处" in answer.text
    assert import_file(web.city.engine, run_id).state is ImportState.UPLOADED


def test_the_map_moves_with_the_coordinate_system(web: Web) -> None:
    client = web.as_(Role.REGISTRAR)
    run_id = run_of(upload(client, (PLACES + "a1,上水井盖,113.31,23.11,人民路\n").encode()))

    def place(address: str) -> list[float]:
        answer = client.get(address, headers={"Accept": "application/json"})
        assert answer.status_code == 200, answer.text
        found = answer.get_json()["features"]
        return next(each["geometry"]["coordinates"] for each in found if each["properties"]["g"] == "file")

    plain = place(f"/imports/{run_id}/places?crs=wgs84&lon=2&lat=3")
    shifted = place(f"/imports/{run_id}/places?crs=gcj02&lon=2&lat=3")

    assert plain == [113.31, 23.11]
    assert 0.003 < abs(plain[0] - shifted[0]) < 0.01
    unchosen = client.get(f"/imports/{run_id}/places?lon=2&lat=3").get_json()
    assert unchosen["features"] == []
    assert "坐标系" in unchosen["problem"]


def test_a_choice_of_columns_is_kept_as_a_profile_and_used_for_the_next_file(web: Web) -> None:
    client = web.as_(Role.REGISTRAR)
    text = "甲,乙,丙\n113.31,23.11,上水井盖\n113.32,23.12,污水井盖\n".encode()
    run_id = run_of(upload(client, text))
    form = form_of(client, f"/imports/{run_id}/columns")
    form |= {"column-0": "lon", "column-1": "lat", "column-2": "class", "crs": "bd09"}

    saved = client.post(f"/imports/{run_id}/columns", data=form | {"do": "save", "profile_name": "城管局月报"})

    assert saved.status_code == 303
    other = run_of(upload(client, text, "下月.csv"))
    assert "城管局月报" in client.get(f"/imports/{other}/columns").text
    chosen = form_of(client, f"/imports/{other}/columns?profile=城管局月报")
    assert (chosen["column-0"], chosen["column-1"], chosen["column-2"], chosen["crs"]) == (
        "lon",
        "lat",
        "class",
        "bd09",
    )
    profile = next(p for p in import_services.list_profiles(web.city.engine) if p.name == "城管局月报")
    assert client.post(f"/imports/{other}/columns", data=chosen | {"do": f"forget-{profile.id}"}).status_code == 303
    assert "城管局月报" not in client.get(f"/imports/{other}/columns").text.split("<main")[1].split("messages")[-1]


def test_a_column_chosen_as_the_key_is_kept_as_an_identifier(web: Web) -> None:
    text = "随便,类型,经度,纬度\nx-1,上水井盖,113.31,23.11\n".encode()

    run = imported(web, text, crs="wgs84", **{"column-0": "details", "key": "alias:随便"})

    with reading(web.city.engine) as tx:
        found = select(asset_alias.c.value).join(asset, asset.c.id == asset_alias.c.asset_id)
        assert tx.execute(found.where(asset.c.import_id == run.id)).scalars().all() == ["x-1"]


def test_likely_duplicates_wait_for_a_person_who_sees_both_sides(web: Web) -> None:
    near = web.city.add_asset(NOON, name="人民路老井", lon=113.3301)
    held = PLACES + "a1,0101,113.3301,23.110001,人民路\na2,0101,113.35,23.11,人民路\n"
    run = imported(web, held.encode(), crs="wgs84", key="")
    assert (run.created, run.held, run.duplicates_open) == (1, 1, 1)
    client = web.as_(Role.REGISTRAR)

    page = client.get(f"/imports/{run.id}/duplicates").text

    assert "人民路老井" in page
    assert "相距 0.1 米" in page
    found = duplicates(web.city.engine, run.id)[0]
    answer = send(
        client, f"/imports/{run.id}/duplicates", {f"decision-{found.id}": "merge"}, page=f"/imports/{run.id}/duplicates"
    )
    assert answer.status_code == 303
    after = import_file(web.city.engine, run.id)
    assert (after.duplicates_open, after.held, after.rows) == (0, 0, after.done_rows)
    assert duplicates(web.city.engine, run.id)[0].made_asset_id in (None, near)


def test_all_duplicates_can_be_kept_at_once(web: Web) -> None:
    for at in range(3):
        web.city.add_asset(NOON, name=f"老井{at}", lon=113.33 + at / 100)
    rows = "".join(f"a{at},0101,{113.33 + at / 100:.2f},23.110001,人民路\n" for at in range(3))
    run = imported(web, (PLACES + rows).encode(), crs="wgs84", key="")
    assert run.duplicates_open == 3

    with added(web.city.engine) as grown:
        send(
            web.as_(Role.REGISTRAR),
            f"/imports/{run.id}/duplicates",
            {"do": "keep_all"},
            page=f"/imports/{run.id}/duplicates",
        )

    assert grown == [3]
    assert import_file(web.city.engine, run.id).duplicates_open == 0


def test_an_undoing_names_the_assets_that_stand_in_the_way(web: Web) -> None:
    run = imported(web, (PLACES + "a1,上水井盖,113.31,23.12,人民路\n").encode(), crs="wgs84")
    with writing(web.city.engine) as tx:
        made = tx.execute(select(asset.c.id, asset.c.name).where(asset.c.import_id == run.id)).one()
        tx.execute(update(asset).where(asset.c.id == made.id).values(version=asset.c.version + 1))

    answer = send(web.as_(Role.REGISTRAR), f"/imports/{run.id}/undo", {"sure": "1"}, page=f"/imports/{run.id}")

    assert answer.status_code == 409
    assert f'href="/assets/{made.id}"' in answer.text
    assert "导入后改过" in answer.text
    assert import_file(web.city.engine, run.id).state is ImportState.DONE


def test_a_check_can_be_stopped_and_begun_again(web: Web) -> None:
    client = web.as_(Role.REGISTRAR)
    run_id = run_of(upload(client, (PLACES + "a1,上水井盖,113.31,23.11,人民路\n").encode()))
    form = form_of(client, f"/imports/{run_id}/columns") | {"crs": "wgs84", "do": "check"}
    client.post(f"/imports/{run_id}/columns", data=form)
    waiting = client.get(f"/imports/{run_id}/progress").get_json()
    assert (waiting["done"], waiting["finished"]) == (0, False)
    assert "data-progress=" in client.get(f"/imports/{run_id}").text

    stopped = send(client, f"/imports/{run_id}/stop", {}, page=f"/imports/{run_id}")

    assert stopped.status_code == 303
    assert client.get(f"/imports/{run_id}/progress").get_json()["finished"]
    client.post(f"/imports/{run_id}/columns", data=form)
    the_worker_works(web)
    assert import_file(web.city.engine, run_id).state is ImportState.CHECKED


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "为空，请重新导出表格"),
        (b"PK\x03\x04 not a workbook at all", "坏表.xlsx 不是工作簿或已损坏"),
        (b"\xd0\xcf\x11\xe0 old excel", "坏表.xlsx 是旧版 .xls 或带密码：请用表格软件打开，不带密码另存为 .xlsx"),
        ("编号,经度\n1,2\n".encode("utf-16-le"), "坏表.xlsx 既不是 UTF-8 也不是 GBK"),
        (b'{"type": "FeatureCollection", "features": [', "坏表.xlsx 不是 GeoJSON：文件不完整"),
    ],
)
def test_a_file_that_can_not_be_used_is_refused_with_its_name(web: Web, content: bytes, problem: str) -> None:
    client = web.as_(Role.REGISTRAR)
    answer = upload(client, content, "坏表.xlsx", follow_redirects=True)

    assert answer.status_code == 422
    assert 'id="file-problem"' in answer.text
    assert problem in answer.text


def test_no_file_chosen_is_said_at_the_field(web: Web) -> None:
    answer = send(web.as_(Role.REGISTRAR), "/imports", {}, page="/imports/new")

    assert answer.status_code == 422
    assert "请先选择文件" in answer.text


def test_a_script_is_told_where_to_go_and_what_was_wrong(web: Web) -> None:
    client, headers = web.as_(Role.REGISTRAR), {"Accept": "application/json"}

    good = upload(client, PLACES.encode() + b"a1,0101,113.31,23.11,x\n", headers=headers)
    bad = upload(client, b"", headers=headers)

    assert re.fullmatch(r"/imports/\d+/columns", good.get_json()["next"])
    assert bad.status_code == 422
    assert bad.get_json()["errors"][0]["field"] == "file"


def test_an_import_may_be_larger_than_a_photo_and_not_larger_than_its_limit(make_web: Any) -> None:
    web = make_web(upload_limit_mb=0.01, import_limit_mb=0.1)
    line = "a{},0101,113.31,23.11,很长的路名很长的路名很长的路名\n"
    client = web.as_(Role.REGISTRAR)

    fits = upload(client, (PLACES + "".join(line.format(at) for at in range(800))).encode())
    too_large = upload(client, (PLACES + "".join(line.format(at) for at in range(4_000))).encode())

    assert fits.status_code == 303
    assert too_large.status_code == 413
    assert "0.1 MB" in too_large.text


def test_the_empty_list_says_what_is_taken_and_offers_a_sample_that_goes_in(web: Web) -> None:
    client = web.as_(Role.REGISTRAR)
    assert "GeoJSON" in client.get("/imports").text
    sample = client.get("/imports/sample.csv")

    run = imported(web, sample.data, "导入示例.csv", crs="wgs84", division="320508")

    assert (run.created, run.rejected) == (3, 0)
    assert "导入示例.csv" in client.get("/imports").text


def test_somebody_bound_to_an_area_sees_their_own_imports_only(web: Web) -> None:
    run = checked(web, (PLACES + "a1,上水井盖,113.31,23.11,人民路\n").encode(), crs="wgs84")
    with writing(web.city.engine) as tx:
        tx.execute(update(user).where(user.c.id == web.city.administrator.user_id).values(area_code="440802"))
    client = web.as_(Role.ADMINISTRATOR)

    assert "普查.csv" not in client.get("/imports").text
    assert client.get(f"/imports/{run.id}").status_code == 403
    assert client.get(f"/imports/{run.id}/problems.csv").status_code == 403


def test_a_name_that_is_markup_stays_text(web: Web) -> None:
    run = checked(web, (PLACES.replace("道路", "<b>路</b>") + "a1,0101,113.31,23.11,<i>x</i>\n").encode(), crs="wgs84")
    client = web.as_(Role.REGISTRAR)

    assert "<b>路" not in client.get(f"/imports/{run.id}/columns").text
    assert "<i>x" not in client.get(f"/imports/{run.id}").text
