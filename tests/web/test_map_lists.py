"""Selections of the map and the catalogue of layers, through the pages."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import write
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from registry.domain.errors import NotFound
from registry.domain.geo import Crs, Place, from_wgs84
from registry.domain.kinds import Role, Severity
from registry.services import map_selections
from registry.services.campaigns import NewCampaign, save_campaign
from registry.services.map_selections import forget_selections
from registry.storage.database import reading, writing
from registry.storage.tables import campaign_asset, user
from tests.web.conftest import Web, csrf_of, send
from tests.web.test_wall import make_link

AROUND = [[113.29, 23.09], [113.32, 23.09], [113.32, 23.12], [113.29, 23.12]]


def draw(client: FlaskClient, **body: Any) -> TestResponse:
    return client.post("/map/selections", json={"polygon": AROUND} | body, headers={"X-CSRFToken": csrf_of(client)})


def test_a_line_around_assets_counts_lists_and_exports_them(web: Web) -> None:
    web.city.add_asset(web.clock.now, name="红旗井盖")
    web.city.add_asset(web.clock.now, name="远处井盖", lon=113.9)
    client = web.as_(Role.DISPATCHER)
    made = draw(client).get_json()
    assert (made["count"], made["truncated"], made["by_family"]) == (2, False, {"cover": 2})
    page = client.get(made["href"]).text
    assert "红旗井盖" in page
    assert "远处井盖" not in page
    file = client.get(f"{made['href']}/file?format=csv")
    assert "红旗井盖" in file.text
    assert len(file.text.strip().splitlines()) == 3
    assert client.get(f"{made['href']}/file?format=xlsx").get_data()[:2] == b"PK"


def test_a_selection_is_its_makers_alone_and_ends_after_a_week(web: Web) -> None:
    address = draw(web.as_(Role.VIEWER)).get_json()["href"]
    assert web.as_(Role.ADMINISTRATOR).get(address).status_code == 404
    assert web.as_(Role.ADMINISTRATOR).get(f"{address}/file").status_code == 404
    assert web.as_(Role.VIEWER).get(address).status_code == 200
    assert forget_selections(web.city.engine, now=web.clock.now + timedelta(days=6)) == 0
    assert forget_selections(web.city.engine, now=web.clock.now + timedelta(days=7)) == 1
    assert web.as_(Role.VIEWER).get(address).status_code == 404


def test_who_is_bound_to_an_area_later_sees_of_a_selection_what_lies_in_it(web: Web) -> None:
    shown = {}
    web.city.add_asset(web.clock.now, name="红旗井盖")
    address = draw(web.as_(Role.VIEWER)).get_json()["href"]
    for area in ("440803", "440804"):
        with writing(web.city.engine) as tx:
            tx.execute(update(user).where(user.c.login == "viewer").values(area_code=area))
        shown[area] = "红旗井盖" in web.as_(Role.VIEWER).get(address).text
    assert shown == {"440803": True, "440804": False}


def test_an_outline_on_a_shifted_base_map_means_the_same_place(web: Web) -> None:
    shifted = [list(from_wgs84(Place(*corner), Crs.GCJ02)) for corner in AROUND]
    assert draw(web.as_(Role.VIEWER), polygon=shifted, crs="gcj02").get_json()["count"] == 1
    assert draw(web.as_(Role.VIEWER), families=["light"]).get_json()["count"] == 0


def test_a_line_counts_what_the_map_shows_of_families_and_of_what_is_wrong(web: Web) -> None:
    named = {name: web.city.add_asset(web.clock.now, name=name) for name in ("完好井盖", "报警井盖", "紧急井盖")}
    web.city.open_case(web.clock.now, severity=Severity.NOTICE)
    web.city.add_alert(None, web.clock.now, asset_id=named["报警井盖"], severity=2)
    web.city.open_case(web.clock.now, asset_id=named["紧急井盖"], severity=Severity.CRITICAL)
    client = web.as_(Role.VIEWER)
    asked: list[dict[str, Any]] = [{}, {"severity": 1}, {"severity": 2}, {"severity": 3}, {"families": []}]
    assert [draw(client, **each).get_json()["count"] for each in asked] == [4, 3, 2, 1, 0]
    assert draw(client, severity=3, families=["light"]).get_json()["count"] == 0
    page = client.get(draw(client, severity=2).get_json()["href"]).text
    assert [name in page for name in named] == [False, True, True]
    assert draw(client, severity=4).status_code == 422


def test_of_more_than_a_list_holds_all_are_counted(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_selections, "MOST_KEPT", 1)
    web.city.add_asset(web.clock.now)
    made = draw(web.as_(Role.VIEWER)).get_json()
    assert (made["count"], made["listed"], made["truncated"]) == (2, 1, True)


def test_a_line_that_crosses_itself_means_its_loops_and_nothing_beside_them(web: Web) -> None:
    # an hourglass on its side: left and right of its waist lies what was gone around, above and below what was not
    hourglass = [[113.29, 23.1], [113.33, 23.13], [113.33, 23.1], [113.29, 23.13]]
    for name, lon in (("左环", 113.294), ("右环", 113.326), ("腰下", 113.31)):
        web.city.add_asset(web.clock.now, name=name, lon=lon)
    client = web.as_(Role.VIEWER)
    made = draw(client, polygon=hourglass).get_json()
    page = client.get(made["href"]).text
    assert ["左环" in page, "右环" in page, "腰下" in page] == [True, True, False]
    # the ring that counted goes back to be drawn: closed, and through the waist
    assert made["outline"][0] == made["outline"][-1]
    assert any(corner == pytest.approx([113.31, 23.115], abs=1e-5) for corner in made["outline"])
    simple = draw(client, polygon=AROUND).get_json()["outline"]
    assert sorted(map(tuple, simple[1:])) == sorted(map(tuple, AROUND))


@pytest.mark.parametrize(
    "polygon", [[[113.0, 23.0], [113.1, 23.1]], [[113.0, 23.0]] * 4, "all", [[200, 23], [1, 2], [3, 4]]]
)
def test_an_outline_that_is_none_is_refused(web: Web, polygon: Any) -> None:
    answer = draw(web.as_(Role.VIEWER), polygon=polygon)
    assert answer.status_code == 422, answer.text
    assert web.as_(Role.VIEWER).post("/map/selections", json={"polygon": AROUND}).status_code == 400  # without a token


def test_a_campaign_that_begins_with_a_selection_is_about_its_assets_alone(web: Web) -> None:
    inside = web.city.add_asset(web.clock.now, name="圈内")
    outside = web.city.add_asset(web.clock.now, name="圈外", lon=113.9)
    client = web.as_(Role.DISPATCHER)
    number = draw(client).get_json()["id"]
    start = f"/campaigns/new?selection_id={number}&quota=2"
    assert 'name="selection_id"' in client.get(start).text
    form = {
        "name": "圈选专项",
        "starts_on": "2026-03-01",
        "ends_on": "2026-04-01",
        "quota": "2",
        "selection_id": number,
    }
    answer = send(client, "/campaigns/new", form)
    assert answer.status_code == 303, answer.text
    address = answer.headers["Location"].partition("/edit")[0]
    page = client.get(address).text
    assert "圈内" in page
    assert "圈外" not in page
    result = {"result": "mended"}
    assert send(client, f"{address}/assets/{inside}", result).status_code == 303
    assert send(client, f"{address}/assets/{outside}", result).status_code == 422
    # nothing begins with what lies elsewhere than its maker may look today, or with a selection that has ended
    bound, today = replace(web.city.dispatcher, area_code="440804"), web.clock.now
    new = NewCampaign(
        name="邻区专项", starts_on=today.date(), ends_on=today.date(), quota=1, area_code="440804", selection_id=number
    )
    with reading(web.city.engine) as tx:
        listed = select(func.count()).select_from(campaign_asset)
        before = tx.scalar(listed)
    save_campaign(web.city.engine, None, new, by=bound, now=today)
    with reading(web.city.engine) as tx:
        assert tx.scalar(listed) == before
    with pytest.raises(NotFound):
        save_campaign(web.city.engine, None, replace(new, name="过期专项"), by=bound, now=today + timedelta(days=8))


def layer_form(**more: Any) -> dict[str, Any]:
    return (
        {"key": "pipes", "kind": "geojson", "name_zh": "排水管网", "name_en": "Drains", "dated_on": "2026-01-31"}
        | {
            "access": "staff",
            "colour": "#2F6F9F",
            "source": "普查",
        }
        | more
    )


def shapes(*places: list[float]) -> tuple[io.BytesIO, str]:
    features = [
        {"type": "Feature", "properties": {"no": n}, "geometry": {"type": "Point", "coordinates": place}}
        for n, place in enumerate(places)
    ]
    return io.BytesIO(json.dumps({"type": "FeatureCollection", "features": features}).encode()), "管网.geojson"


def add_layer(web: Web, **more: Any) -> TestResponse:
    form = layer_form(**more)
    return send(web.as_(Role.ADMINISTRATOR), "/layers/new", form, content_type="multipart/form-data")


def layer_files(web: Web) -> set[str]:
    """The layers that have a file, by their keys."""
    return {each.name.partition("-")[0] for each in (Path(web.place.data_dir) / "layers").iterdir()}


def test_an_uploaded_layer_is_kept_in_wgs84_and_served_in_the_maps_own_system(web: Web) -> None:
    given = list(from_wgs84(Place(113.3, 23.1), Crs.GCJ02))
    assert add_layer(web, file=shapes(given), crs="gcj02").status_code == 303
    client = web.as_(Role.VIEWER)
    (told,) = client.get("/map/facts.json").get_json()["layers"]
    assert (told["name"], told["date"], told["colour"], told["kind"]) == (
        "排水管网",
        "2026-01-31",
        "#2f6f9f",
        "geojson",
    )

    def file(more: str = "", **headers: str) -> TestResponse:
        return client.get(told["address"] + more, headers=headers, buffered=True)

    plain = file().get_json()
    assert plain["features"][0]["geometry"]["coordinates"] == pytest.approx([113.3, 23.1], abs=1e-6)
    shifted = file("&crs=gcj02").get_json()["features"][0]["geometry"]["coordinates"]
    assert shifted == pytest.approx(given, abs=1e-6)
    # packed once, when it was saved
    packed = file(**{"Accept-Encoding": "gzip"})
    assert json.loads(gzip.decompress(packed.get_data())) == plain
    assert file(**{"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]}).status_code == 304
    assert "排水管网" in client.get("/layers").text


def test_who_may_not_see_a_layer_does_not_learn_that_there_is_one(web: Web) -> None:
    for access in ("public", "staff", "administrators"):
        assert add_layer(web, key=access, access=access, file=shapes([113.3, 23.1])).status_code == 303
    address = "/map/layers/{}.geojson"
    seen = {
        who: [
            key
            for key in ("public", "staff", "administrators")
            if client.get(address.format(key), buffered=True).status_code == 200
        ]
        for who, client in (
            ("nobody", web.visitor()),
            ("viewer", web.as_(Role.VIEWER)),
            ("administrator", web.as_(Role.ADMINISTRATOR)),
        )
    }
    assert seen["nobody"] == ["public"]
    assert seen["viewer"] == ["public", "staff"]
    assert seen["administrator"] == ["public", "staff", "administrators"]
    assert [each["key"] for each in web.as_(Role.VIEWER).get("/map/facts.json").get_json()["layers"]] == [
        "public",
        "staff",
    ]


def test_layers_can_be_changed_reordered_and_removed(web: Web) -> None:
    for key in ("one", "two"):
        assert add_layer(web, key=key, name_zh=key, file=shapes([113.3, 23.1])).status_code == 303
    admin = web.as_(Role.ADMINISTRATOR)
    assert send(admin, "/layers/two/move", {"to": "up"}).status_code == 303
    assert [each["key"] for each in admin.get("/map/facts.json").get_json()["layers"]] == ["two", "one"]
    assert layer_files(web) == {"one", "two"}
    assert add_layer(web, key="one", file=shapes([113.4, 23.1])).status_code == 409
    assert len(list((Path(web.place.data_dir) / "layers").iterdir())) == 4  # what was refused left nothing behind
    assert send(admin, "/layers/one", layer_form(name_zh="新名", version="1")).status_code == 303
    assert admin.get("/map/layers/one.geojson", buffered=True).status_code == 200  # the file stays while none is sent
    assert send(admin, "/layers/one", layer_form(name_zh="旧稿", version="1")).status_code == 409
    assert send(admin, "/layers/two/remove", {}).status_code == 303
    assert layer_files(web) == {"one"}
    # another file takes the place of the one before
    changed = layer_form(version="2", file=shapes([113.5, 23.1]))
    assert send(admin, "/layers/one", changed, content_type="multipart/form-data").status_code == 303
    assert len(list((Path(web.place.data_dir) / "layers").iterdir())) == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key": "Ä"}, "key"),
        ({"kind": "mvt", "address": "https://tiles.example/7"}, "address"),
        ({"kind": "mvt", "address": "ftp://tiles.example/{z}/{x}/{y}"}, "address"),
        ({"kind": "mvt", "address": "https://瓦片.example/{z}/{x}/{y}"}, "address"),
        ({"kind": "mvt", "address": "https://tiles.example;script-src */{z}/{x}/{y}"}, "address"),
        ({"file": (io.BytesIO(b"{}"), "x.geojson")}, "file"),
        ({"file": shapes([500_000.0, 3_400_000.0])}, "file"),
        ({"kind": "pmtiles", "file": (io.BytesIO(b"no archive at all"), "x.pmtiles")}, "file"),
        ({"kind": "mvt", "address": "https://[tiles.example/{z}/{x}/{y}"}, "address"),
        ({"file": (io.BytesIO(b'{"type":"Feature","geometry":' * 9_000), "x.geojson")}, "file"),
        ({}, "address"),
        ({"colour": "red", "file": shapes([113.3, 23.1])}, "colour"),
    ],
)
def test_a_layer_that_no_map_could_draw_is_refused_at_its_field(web: Web, change: dict[str, Any], field: str) -> None:
    answer = add_layer(web, **change)
    assert answer.status_code == 422
    assert f'id="{field}-problem"' in answer.text
    assert not list((Path(web.place.data_dir) / "layers").glob("*"))


def test_another_servers_tiles_may_be_asked_for_on_pages_with_a_map_and_nowhere_else(web: Web) -> None:
    address = "https://tiles.example/{z}/{x}/{y}.png"
    assert add_layer(web, kind="wmts", address=address).status_code == 303
    client = web.as_(Role.VIEWER)
    (told,) = client.get("/map/facts.json").get_json()["layers"]
    assert (told["tiles"], told["format"]) == ([address], "raster")
    allowed = {path: client.get(path).headers["Content-Security-Policy"] for path in ("/", "/assets")}
    assert "connect-src 'self' https://tiles.example" in allowed["/"]
    assert "tiles.example" not in allowed["/assets"]


@pytest.mark.parametrize(
    ("address", "asked", "crs", "names"),
    [
        ("https://{s}.tiles.example/{z}/{x}/{y}.png", "https://{s}.tiles.example/{z}/{x}/{y}.png", "wgs84", "abc"),
        ("https://t{s}.tianditu.gov.cn/{z}/{x}/{y}", "https://t{s}.tianditu.gov.cn/{z}/{x}/{y}", "wgs84", "01234567"),
        (
            "https://webst0{s}.is.autonavi.com/{z}/{x}/{y}#gcj02",
            "https://webst0{s}.is.autonavi.com/{z}/{x}/{y}",
            "gcj02",
            "1234",
        ),
    ],
)
def test_a_layer_says_what_its_address_leaves_open_and_which_system_it_is_in(
    web: Web, address: str, asked: str, crs: str, names: str
) -> None:
    assert add_layer(web, kind="wmts", address=address).status_code == 303
    client = web.as_(Role.VIEWER)
    (told,) = client.get("/map/facts.json").get_json()["layers"]
    assert (told["tiles"], told["crs"], told["sub_domains"]) == ([asked], crs, list(names))
    allowed = client.get("/").headers["Content-Security-Policy"]
    for name in names:
        assert asked.partition("/{z}")[0].replace("{s}", name) in allowed


def test_the_hosts_of_layers_for_staff_are_not_told_to_a_screen_that_nobody_signed_in_to(web: Web) -> None:
    address = "https://tiles.example/{z}/{x}/{y}.png"
    assert add_layer(web, kind="wmts", address=address, access="staff").status_code == 303
    path = make_link(web)
    assert "tiles.example" in web.as_(Role.VIEWER).get("/wall").headers["Content-Security-Policy"]
    assert "tiles.example" not in web.visitor().get(path).headers["Content-Security-Policy"]


ATTRIBUTION = '<a href="https://owner.example" target="_blank">© 测绘院</a> &amp; <b>市政</b>'


def archive(path: Path, kind: TileType, body: bytes, packed: Compression = Compression.NONE) -> Path:
    with write(str(path)) as writer:
        writer.write_tile(zxy_to_tileid(0, 0, 0), body)
        writer.write_tile(zxy_to_tileid(3, 6, 3), body + b"3")
        edges = {"min_lon_e7": 1130000000, "min_lat_e7": 230000000, "max_lon_e7": 1140000000, "max_lat_e7": 240000000}
        header = {
            "tile_type": kind,
            "tile_compression": packed,
            "center_zoom": 0,
            "center_lon_e7": 0,
            "center_lat_e7": 0,
        }
        writer.finalize(header | edges, {"attribution": ATTRIBUTION, "vector_layers": [{"id": "roads", "fields": {}}]})
    return path


def test_an_uploaded_archive_answers_its_tiles(web: Web, tmp_path: Path) -> None:
    content = archive(tmp_path / "a.pmtiles", TileType.MVT, b"tile", Compression.GZIP).read_bytes()
    assert add_layer(web, kind="pmtiles", file=(io.BytesIO(content), "a.pmtiles")).status_code == 303
    client = web.as_(Role.VIEWER)
    (told,) = client.get("/map/facts.json").get_json()["layers"]
    assert (told["format"], told["max_zoom"], told["tile_layers"]) == ("vector", 3, ["roads"])
    tile = client.get(told["tiles"][0].replace("{z}/{x}/{y}", "3/6/3"))
    assert (tile.get_data(), tile.headers["Content-Encoding"]) == (b"tile3", "gzip")
    assert tile.mimetype == "application/vnd.mapbox-vector-tile"
    assert client.get(told["tiles"][0].replace("{z}/{x}/{y}", "3/1/1")).status_code == 204
    # a disk that was full while somebody copied it
    (file,) = (Path(web.place.data_dir) / "layers").glob("pipes-*.pmtiles")
    for left in (len(content) - 3, 200):
        copied = file.with_suffix(".copy")
        copied.write_bytes(content[:left])
        copied.replace(file)
        broken = client.get(told["tiles"][0].replace("{z}/{x}/{y}", "3/6/3"), headers={"Accept": "application/json"})
        assert (broken.status_code, broken.get_json()["code"]) == (503, "map_file_away")
        assert "pipes" in broken.get_json()["detail"]
        assert "max-age" not in broken.headers.get("Cache-Control", "")
    assert client.get("/map/facts.json").get_json()["layers"] == []


def test_a_base_map_can_be_one_file_on_this_machine(make_web: Any, tmp_path: Path) -> None:
    file = archive(tmp_path / "base.pmtiles", TileType.PNG, b"\x89PNG")
    client = make_web(base_map="pmtiles", base_map_file=str(file)).as_(Role.VIEWER)
    base = client.get("/map/facts.json").get_json()["base"]
    assert (base["kind"], base["format"], base["max_zoom"]) == ("pmtiles", "raster", 3)
    assert base["attribution"] == "© 测绘院 & 市政"  # without the tags that most archives hold
    tile = client.get(base["tiles"][0].replace("{z}/{x}/{y}", "0/0/0"))
    assert (tile.get_data(), tile.mimetype) == (b"\x89PNG", "image/png")
    assert client.get("/map/base/0/0/1").status_code == 204
    # browsers keep tiles for a day: another file has other addresses
    archive(tmp_path / "newer.pmtiles", TileType.PNG, b"\x89PNG of today").replace(file)
    newer = client.get("/map/facts.json").get_json()["base"]["tiles"][0]
    assert newer != base["tiles"][0]
    assert client.get(newer.replace("{z}/{x}/{y}", "0/0/0")).get_data() == b"\x89PNG of today"
    away = make_web(base_map="pmtiles", base_map_file=str(tmp_path / "none")).as_(Role.VIEWER)
    assert away.get("/map/facts.json").get_json()["base"]["kind"] == "none"
    missing = away.get("/map/base/0/0/0")
    assert missing.status_code == 503
    assert "max-age" not in missing.headers.get("Cache-Control", "")


@pytest.mark.parametrize(
    ("settings", "crs", "host"),
    [
        ({"base_map": "tianditu", "base_map_key": "k1"}, "wgs84", "https://t0.tianditu.gov.cn"),
        ({"base_map": "amap"}, "gcj02", "https://webrd01.is.autonavi.com"),
        (
            {"base_map": "osm", "tile_url": "https://{s}.tiles.example/{z}/{x}/{y}.png"},
            "wgs84",
            "https://a.tiles.example https://b.tiles.example https://c.tiles.example",
        ),
        ({"tile_url": "https://t.example/{z}/{x}/{y}", "base_map_crs": "gcj02"}, "gcj02", "https://t.example"),
    ],
)
def test_a_base_map_of_another_host_says_its_system_and_may_be_asked(
    make_web: Any, settings: dict[str, str], crs: str, host: str
) -> None:
    answer = make_web(**settings).as_(Role.VIEWER).get("/map/facts.json")
    facts = answer.get_json()
    assert facts["base"]["sub_domains"] == (["a", "b", "c"] if "{s}" in settings.get("tile_url", "") else [])
    assert facts["crs"] == facts["base"]["crs"] == crs
    assert all("{z}" in each and "{key}" not in each and "{layer}" not in each for each in facts["base"]["tiles"])
    assert f"connect-src 'self' {host}" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("settings", "below"),
    [
        ({"tile_url": "https://t.example/{z}/{x}/{y}"}, "https://t.example/{z}/{x}/{y}"),
        ({"tile_url": "https://{s}.t.example/{z}/{x}/{y}", "base_map": "osm"}, "https://a.t.example/{z}/{x}/{y}"),
        ({"tile_url": "https://t.example/{z}/{x}/{y}", "base_map": "amap"}, ""),
        ({"tile_url": "https://t.example/{z}/{x}/{y}", "base_map_crs": "gcj02"}, ""),
    ],
)
def test_a_place_is_pointed_at_on_tiles_only_where_these_are_not_shifted(
    make_web: Any, settings: dict[str, str], below: str
) -> None:
    page = make_web(**settings).as_(Role.REGISTRAR).get("/assets/new").text
    assert f'data-canvas data-tiles="{below}"' in page
