"""What the API does that the pages of the registry do: merges and their undoing, photos, imports, places, people."""

from __future__ import annotations

import json
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from werkzeug.test import TestResponse

from registry.domain.kinds import Role
from registry.services.api_tokens import NewToken, issue_token
from registry.services.census import run_census
from registry.services.imports import work_waiting_imports
from registry.services.sessions import Device, Lifetime, open_session
from registry.storage.database import writing
from tests.web.conftest import NOON, Web
from tests.web.program import COVER, Program, fields, program, told

__all__ = ["program"]

CENSUS = "原编号,部件分类,经度,纬度\nW-1,上水井盖,113.36,23.16\nW-2,污水井盖,113.37,23.17\n"


def upload(program: Program, path: str, name: str, content: str | bytes, field: str = "file", **form: str) -> Any:
    raw = content.encode() if isinstance(content, str) else content
    return program.client.post(
        f"/api/v1{path}", data={**form, field: (BytesIO(raw), name)}, headers={"X-CSRFToken": program.token}
    )


def listed(program: Program, path: str) -> list[Any]:
    """Every item of a list, a page of two at a time."""
    found: list[Any] = []
    address = f"{path}{'&' if '?' in path else '?'}limit=2"
    while address:
        page = told(program.get(address))
        found += page["items"]
        address = (page["next"] or "").removeprefix("/api/v1")
    return found


# Assets


def test_a_merge_can_be_taken_apart(program: Program) -> None:
    kept, merged = (told(program.send("POST", "/assets", COVER), 201)["id"] for _ in range(2))
    program.send("POST", f"/assets/{merged}/aliases", {"kind": "old", "value": "A-9"})
    assert told(program.send("POST", f"/assets/{kept}/merge", {"merged_id": merged}))["aliases"]
    apart = told(program.send("POST", f"/assets/{merged}/unmerge", {"note": "两个井"}))
    assert (apart["merged_into_id"], [one["value"] for one in apart["aliases"]]) == (None, ["A-9"])
    again = program.send("POST", f"/assets/{merged}/unmerge", {})
    assert told(again, 409)["code"] == "invalid_move"


def test_a_photo_is_taken_off_and_put_back(web: Web, program: Program) -> None:
    path = f"/assets/{web.city.asset_id}/photos"
    taken = BytesIO()
    Image.new("RGB", (64, 64), "grey").save(taken, "PNG")
    kept = told(upload(program, path, "a.png", taken.getvalue(), "photo", kind="near"), 201)
    photo = f"/photos/{kept['id']}"
    assert [(one["id"], one["kind"]) for one in listed(program, path)] == [(kept["id"], "near")]
    assert program.send("DELETE", photo).status_code == 204
    assert listed(program, path) == []
    assert program.get(photo).status_code == 404
    assert told(program.send("POST", f"{photo}/restore"))["id"] == kept["id"]
    assert program.get(photo).mimetype == "image/jpeg"
    history = told(program.get(f"/assets/{web.city.asset_id}/history"))["items"]
    assert [line["action"] for line in history][:3] == ["photo", "photo_off", "photo"]


def test_what_a_census_lacks_is_counted_split_and_listed(web: Web, program: Program) -> None:
    rough = told(program.send("POST", "/assets", {**COVER, "accuracy": "C"}), 201)["id"]
    job = program.send("POST", "/gaps/count")
    waiting = told(job, 202)
    assert (waiting["kind"], waiting["live"]) == ("census", True)
    assert program.client.get(job.headers["Location"]).json == waiting
    run_census(web.city.engine, waiting["id"], holder="test", clock=web.clock)
    assert told(program.get(f"/jobs/{waiting['id']}"))["state"] == "done"
    assert told(program.get("/gaps"))["assets"] == 2
    assert sum(row["assets"] for row in listed(program, "/gaps/breakdown?by=class")) == 2
    assert [one["id"] for one in listed(program, "/gaps/doubtful/rough")] == [rough]
    assert rough in [one["id"] for one in listed(program, "/assets?lacks=plate,photo")]
    assert told(program.get("/gaps/doubtful/taste"), 404)["code"] == "not_found"


def test_a_job_is_stopped_and_goes_on(program: Program) -> None:
    job = told(program.send("POST", "/areas/relocate"), 202)
    assert told(program.send("POST", "/areas/relocate"), 202)["id"] == job["id"]  # one that waits is enough
    path = f"/jobs/{job['id']}"
    assert told(program.send("POST", f"{path}/stop"))["state"] == "stopped"
    assert told(program.send("POST", f"{path}/resume"))["state"] == "waiting"
    assert told(program.send("POST", f"{path}/resume"), 409)["code"] == "conflict"
    assert [one["kind"] for one in told(program.get("/jobs"))["items"]] == ["relocate"]
    assert program.send("POST", "/jobs/4711/stop").status_code == 404


# Imports, exports, print runs


def test_a_profile_is_kept_changed_by_who_saw_it_and_forgotten(program: Program) -> None:
    settings = {"columns": {"经度": "lon", "纬度": "lat"}, "crs": "gcj02", "sheet": "表一"}
    made = program.send("POST", "/import-profiles", {"name": "每月 普查", "settings": settings})
    profile = told(made, 201)
    assert (profile["name"], profile["settings"]["crs"], profile["settings"]["sheet"]) == ("每月 普查", "gcj02", "")
    twice = program.send("POST", "/import-profiles", {"name": "每月 普查", "settings": settings})
    assert told(twice, 409)["code"] == "conflict"
    names = [one["name"] for one in listed(program, "/import-profiles")]
    assert names == ["street-lights", "每月 普查"]
    path, changed = f"/import-profiles/{profile['id']}", settings | {"crs": "bd09"}
    seen = program.get(path).headers["ETag"]
    assert told(program.send("PUT", path, changed, If_Match=seen))["settings"]["crs"] == "bd09"
    assert program.send("PUT", path, settings, If_Match=seen).status_code == 412
    assert fields(program.send("PUT", path, {"colour": "red"}, If_Match="*")) == ["colour"]
    assert program.send("DELETE", path).status_code == 204
    assert program.get(path).status_code == 404


def test_an_import_goes_from_the_file_to_its_undoing(web: Web, program: Program) -> None:
    settings = {"columns": {"原编号": "alias:own", "部件分类": "class", "经度": "lon", "纬度": "lat"}, "crs": "wgs84"}
    program.send("POST", "/import-profiles", {"name": "普查", "settings": settings})
    path = f"/imports/{told(upload(program, '/imports', '普查.csv', CENSUS), 201)['id']}"
    guessed = told(program.get(f"{path}/look?profile=普查"))["guessed"]
    assert (guessed["crs"], guessed["columns"]["原编号"], guessed["constants"]) == (
        "wgs84",
        "alias:own",
        {"division": "440803"},
    )
    told(program.send("POST", f"{path}/check", guessed), 202)
    work_waiting_imports(web.city.engine, web.place.data_dir, clock=web.clock)
    told(program.send("POST", f"{path}/run"), 202)
    work_waiting_imports(web.city.engine, web.place.data_dir, clock=web.clock)
    assert told(program.get(path))["created"] == 2
    exported = program.get(f"/exports/assets?import_id={path.rsplit('/', 1)[1]}&columns=class,road")
    assert exported.text.removeprefix("\ufeff").splitlines() == ["分类代码,道路", "0101,", "0102,"]
    made = told(program.get("/assets/lookup?text=W-2"))["items"][0]["asset_id"]
    told(program.send("POST", f"/assets/{made}/state", {"state": "damaged", "reason": "开裂"}, If_Match="*"))
    assert [one["asset_id"] for one in told(program.get(f"{path}/obstacles"))["items"]] == [made]
    assert program.send("POST", f"{path}/undo").status_code == 409


@pytest.mark.parametrize(("form", "begins"), [("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK"), ("geojson", b'{"type"')])
def test_assets_leave_in_each_format(program: Program, form: str, begins: bytes) -> None:
    assert program.get(f"/exports/assets?format={form}").data.startswith(begins)


def test_what_an_export_does_not_know_is_named(program: Program) -> None:
    assert fields(program.get("/exports/assets?encoding=latin-1")) == ["encoding"]
    assert fields(program.get("/exports/assets?columns=colour")) == ["column"]
    assert fields(program.get("/exports/assets?format=geojson&crs=bd09")) == ["crs"]


def test_a_run_is_looked_at_before_it_is_planned(web: Web, program: Program) -> None:
    for _ in range(3):
        program.send("POST", "/assets", COVER)
    key = told(program.get("/label-templates"))["items"][0]["key"]
    plan = {"name": "人民路", "kind": "assets", "template_key": key, "format": "svg", "without_plate": False}
    chosen = plan | {"family": "cover", "scheme": "cjt214-2007", "class_code": "0101"}
    assert told(program.send("POST", "/print-runs/preview", chosen)) == {"labels": 4, "with_plate": 1}
    assert told(program.get("/print-runs"))["items"] == []
    assert fields(program.send("POST", "/print-runs/preview", plan | {"class_code": "0101"})) == ["scheme"]
    assert told(program.send("POST", "/print-runs", chosen), 201)["total"] == 4


def test_each_version_of_a_template_can_be_read(program: Program) -> None:
    path = f"/label-templates/{told(program.get('/label-templates'))['items'][0]['key']}"
    first = told(program.get(path))
    told(program.send("PUT", path, first | {"name_zh": "新版"}, If_Match=program.get(path).headers["ETag"]))
    assert [one["version"] for one in listed(program, f"{path}/versions")] == [2, 1]
    assert told(program.get(f"{path}?version=1")) == first
    assert told(program.get(path))["name_zh"] == "新版"


@pytest.mark.parametrize(("form", "begins"), [("zpl", b"^XA"), ("dxf", b"  0"), ("pdf", b"%PDF")])
def test_a_label_comes_as_what_a_printer_takes(web: Web, program: Program, form: str, begins: bytes) -> None:
    assert (
        program.get(f"/assets/{web.city.asset_id}/label?format={form}").data.lstrip(b"\xef\xbb\xbf").startswith(begins)
    )


# Classes and places


def test_a_city_s_own_class_table_is_checked_and_loaded(program: Program) -> None:
    named = {"scheme": "city-own", "name_zh": "我市分类"}
    wrong = told(upload(program, "/classes", "分类.csv", "编码,名称\n0101,上水井盖\n01,?\n", **named))
    assert (wrong["written"], wrong["added"], [fault["row"] for fault in wrong["faults"]]) == (False, ["0101"], [2])
    assert wrong["faults"][0]["fix"]
    table = "编码,名称\n0101,上水井盖\n0102,污水井盖\n"
    assert told(upload(program, "/classes", "分类.csv", table, **named))["written"] is False
    assert program.get("/classes/city-own").status_code == 404
    assert told(upload(program, "/classes", "分类.csv", table, dry_run="false", **named))["written"] is True
    assert len(told(program.get("/classes/city-own"))["classes"]) == 2
    shipped = upload(program, "/classes", "分类.csv", table, scheme="cjt214-2007", name_zh="x", dry_run="false")
    assert fields(shipped) == ["scheme"]


def areas() -> str:
    """A street and two cells in it."""
    ring = [[113.2, 23.0], [113.4, 23.0], [113.4, 23.2], [113.2, 23.2], [113.2, 23.0]]
    halves = [
        [[west, 23.0], [west + 0.1, 23.0], [west + 0.1, 23.2], [west, 23.2], [west, 23.0]] for west in (113.2, 113.3)
    ]
    shapes = [
        ("440803001", "甲街道", ring),
        *((f"44080300100100{n}", f"{n}号", half) for n, half in enumerate(halves, 1)),
    ]
    features = [
        {
            "type": "Feature",
            "properties": {"bm": code, "标题": name},
            "geometry": {"type": "Polygon", "coordinates": [shape]},
        }
        for code, name, shape in shapes
    ]
    return json.dumps({"type": "FeatureCollection", "features": features})


def test_areas_come_from_a_file_are_renamed_ended_and_joined(web: Web, program: Program) -> None:
    report = told(upload(program, "/areas/import", "a.geojson", areas(), dry_run="false", field_name="标题"))
    assert (report["created"], report["fields"]["name"]) == (3, "标题")
    street = told(program.get("/areas?level=street"))["items"][0]
    path = f"/areas/{street['id']}"
    seen = program.get(path).headers["ETag"]
    renamed = {"name": "乙街道", "unit_id": web.city.water}
    assert told(program.send("PUT", path, renamed, If_Match=seen))["unit_name"] == "水务"
    assert program.send("PUT", path, renamed, If_Match=seen).status_code == 412
    assert told(program.send("POST", f"{path}/end", {"on": "2026-03-31"}))["ended_on"] == "2026-03-31"
    assert told(program.send("POST", f"{path}/reopen"))["ended_on"] is None
    cells = ["440803001001001", "440803001001002"]
    grid = program.send("POST", "/areas/grids", {"code": "440803Z01", "cells": cells})
    assert told(grid, 201)["cells"] == cells
    outline = program.client.get(f"{grid.headers['Location']}/outline")
    assert len(json.loads(outline.data)["features"]) == 1
    assert fields(program.send("POST", "/areas/grids", {"code": "440803Z02", "cells": ["440803001001009"]})) == [
        "cells"
    ]


def test_one_organisation_under_two_names_becomes_one_unit(web: Web, program: Program) -> None:
    path = f"/units/{web.city.power}"
    merged = told(program.send("POST", f"{path}/merge", {"merged_id": web.city.water}))
    assert (merged["unit"]["name"], merged["assets"]) == ("电力", 1)
    assert told(program.get(f"/assets/{web.city.asset_id}"))["maintainer_unit_id"] == web.city.power
    assert program.get(f"/units/{web.city.water}").status_code == 404
    assert fields(program.send("POST", f"{path}/merge", {"merged_id": web.city.power})) == ["merged_id"]


def test_while_a_is_away_b_is_on_duty(web: Web, program: Program) -> None:
    new = {"unit_id": web.city.water, "name": "值班", "a_name": "王五", "b_name": "赵六"}
    made = program.send("POST", "/posts", new)
    path, seen = made.headers["Location"].removeprefix("/api/v1"), made.headers["ETag"]
    assert told(made, 201)["person"]["name"] == "王五"
    away = {"a_away_from": "2026-03-01", "a_away_until": "2026-03-05"}
    assert told(program.send("PUT", f"{path}/absence", away, If_Match=seen))["person"]["name"] == "赵六"
    assert program.send("PUT", f"{path}/absence", away, If_Match=seen).status_code == 412
    back = {"a_away_from": None, "a_away_until": None}
    assert told(program.send("PUT", f"{path}/absence", back, If_Match="*"))["person"]["name"] == "王五"
    wrong = {"a_away_from": "2026-03-05", "a_away_until": "2026-03-01"}
    assert fields(program.send("PUT", f"{path}/absence", wrong, If_Match="*")) == ["a_away_until"]


def test_the_duty_list_is_written_as_a_whole_or_not_at_all(web: Web, program: Program) -> None:
    lines = [{"party": party, "unit_id": web.city.water} for party in ("owner", "supervisor", "maintainer")]
    wrong = program.send("POST", "/duties/bulk", {"items": [*lines, {"party": "owner", "unit_id": 4711}]})
    assert fields(wrong) == ["unit_id"]
    assert told(program.get("/duties"))["items"] == []
    assert told(program.send("POST", "/duties/bulk", {"items": lines})) == {"written": 3}
    assert len(told(program.get("/duties"))["items"][0]["lines"]) == 3
    assert told(program.send("POST", "/duties/apply"), 202)["kind"] == "duties"


def test_a_list_read_as_a_whole_comes_in_pages_too(web: Web, program: Program) -> None:
    for number in range(5):
        program.send("POST", "/units", {"name": f"单位 {number}"})
    found = listed(program, "/units")
    assert [one["id"] for one in found] == sorted({one["id"] for one in found})
    assert len(found) == 7
    assert fields(program.get("/units?after=nonsense")) == ["after"]


# People and their sessions


def open_for(web: Web, login: str) -> None:
    """Another session of that person."""
    hours = Lifetime(absolute=timedelta(hours=12), idle=timedelta(hours=12))
    open_session(web.city.engine, getattr(web.city, login), Device(), lifetime=hours, now=NOON)


def test_somebody_sees_and_ends_where_they_are_signed_in(web: Web) -> None:
    crew = Program(web, Role.CREW)
    for _ in range(3):
        open_for(web, "crew")
    found = listed(crew, "/me/sessions")
    others = [one["id"] for one in found if not one["current"]]
    assert (len(found), len(others)) == (4, 3)
    assert crew.send("DELETE", f"/me/sessions/{others[0]}").status_code == 204
    assert told(crew.send("DELETE", "/me/sessions")) == {"ended": 2}
    assert [one["current"] for one in listed(crew, "/me/sessions")] == [True]
    theirs = listed(Program(web, Role.DISPATCHER), "/me/sessions")[0]["id"]
    assert crew.send("DELETE", f"/me/sessions/{theirs}").status_code == 404


def test_an_administrator_ends_the_sessions_of_others(web: Web, program: Program) -> None:
    path = f"/people/{web.city.crew.user_id}/sessions"
    for _ in range(3):
        open_for(web, "crew")
    found = listed(program, path)
    assert program.send("DELETE", f"{path}/{found[0]['id']}").status_code == 204
    assert told(program.send("DELETE", path)) == {"ended": len(found) - 1}
    assert listed(program, path) == []
    assert program.get("/people/4711/sessions").status_code == 404


def test_an_account_is_locked_and_gets_another_password(web: Web, program: Program) -> None:
    path = f"/people/{web.city.crew.user_id}"
    locked = told(program.send("PATCH", path, {"locked": True}, If_Match="*"))
    assert locked["locked_until"] is not None
    once = told(program.send("POST", f"{path}/password"), 201)["password"]
    after = told(program.get(path))
    assert (after["locked_until"], after["must_change_password"]) == (None, True)
    assert len(once) >= 10


def with_token(web: Web, path: str, scopes: list[str], method: str = "GET") -> TestResponse:
    with writing(web.city.engine) as tx:
        new = NewToken(name="x", scopes=scopes, expires_at=None)
        token = issue_token(tx, new, by=web.city.administrator, now=NOON).text
    return web.visitor().open(f"/api/v1{path}", method=method, headers={"Authorization": f"Bearer {token}"})


def test_a_token_says_whose_it_is_and_touches_no_session(web: Web) -> None:
    me = told(with_token(web, "/me", ["read", "imports"]))
    assert (me["person"]["login"], me["scopes"]) == ("administrator", ["read", "imports"])
    for path in ("/me/sessions", "/me/tokens"):
        assert told(with_token(web, path, ["read", "people:admin"]), 403)["code"] == "not_allowed"
    reset = f"/people/{web.city.crew.user_id}/password"
    assert with_token(web, reset, ["people:admin"], "POST").status_code == 403


def test_anybody_makes_and_revokes_tokens_of_their_own(web: Web) -> None:
    viewer = Program(web, Role.VIEWER)
    made = told(viewer.send("POST", "/me/tokens", {"name": "GIS", "scopes": ["read"]}), 201)
    assert [one["id"] for one in listed(viewer, "/me/tokens")] == [made["id"]]
    assert fields(viewer.send("POST", "/me/tokens", {"name": "GIS", "scopes": ["imports"]})) == ["scopes"]
    shown = {"Authorization": f"Bearer {made['token']}"}
    assert web.visitor().get("/api/v1/me", headers=shown).status_code == 200
    assert viewer.send("DELETE", f"/me/tokens/{made['id']}").status_code == 204
    assert web.visitor().get("/api/v1/me", headers=shown).status_code == 401
    assert Program(web, Role.CREW).send("DELETE", f"/me/tokens/{made['id']}").status_code == 404
