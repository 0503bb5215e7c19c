"""What the map asks for, through HTTP: tiles, areas, heat, search, and who sees how much of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import insert, update

from registry.domain.geo import Crs, Place, from_wgs84
from registry.domain.kinds import Role
from registry.queries import map_heat
from registry.services.map_counts import fold_marks
from registry.storage.database import writing
from registry.storage.tables import area, asset, road, user
from tests.vector_tiles import decoded, spot_at
from tests.web.conftest import NOON, Web

HERE = Place(113.3, 23.1)


@pytest.fixture
def city(web: Web) -> Web:
    """The small city, counted."""
    web.city.open_case(web.clock.now)
    fold_marks(web.city.engine)
    return web


def tile(z: int, place: Place = HERE, *, kind: str = "tiles", **query: Any) -> str:
    spot = spot_at(*place, z)
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return f"/map/{kind}/{spot.z}/{spot.x}/{spot.y}.mvt{'?' if asked else ''}{asked}"


def test_a_tile_is_asked_for_again_and_sent_only_when_it_has_changed(city: Web) -> None:
    client = city.as_(Role.VIEWER)
    first = client.get(tile(14))
    assert first.mimetype == "application/vnd.mapbox-vector-tile"
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert decoded(first.get_data())["wrong"][0]["properties"]["id"] == city.city.asset_id
    known = {"If-None-Match": first.headers["ETag"]}
    again = client.get(tile(14), headers=known)
    assert (again.status_code, again.get_data()) == (304, b"")
    city.city.add_asset(city.clock.now, lon=113.3001)
    fold_marks(city.city.engine)
    assert client.get(tile(14), headers=known).status_code == 200


def test_a_case_that_opens_is_in_the_next_tile(city: Web) -> None:
    client = city.as_(Role.VIEWER)
    other = city.city.add_asset(city.clock.now, lon=113.3002)
    fold_marks(city.city.engine)
    assert len(decoded(client.get(tile(12)).get_data())["wrong"]) == 1
    city.city.open_case(city.clock.now, asset_id=other, kind="water_high")
    told = decoded(client.get(tile(12)).get_data())["wrong"]
    assert {each["properties"]["id"] for each in told} == {city.city.asset_id, other}


def test_tiles_outside_the_world_do_not_exist(city: Web) -> None:
    client = city.as_(Role.VIEWER)
    assert client.get("/map/tiles/3/8/0.mvt").status_code == 404
    assert client.get("/map/tiles/21/0/0.mvt").status_code == 404
    assert client.get(tile(3, crs="bd09")).status_code == 422
    assert client.get("/map/tiles/0/0/0.mvt").status_code == 200
    assert city.visitor().get("/map/tiles/0/0/0.mvt").status_code in (302, 401)


def test_a_large_tile_is_packed_for_who_understands_it(city: Web) -> None:
    with writing(city.city.engine) as tx:
        tx.execute(update(asset).values(name="很长的名字" * 20))
    for number in range(8):
        city.city.add_asset(city.clock.now, lon=113.3 + number / 1e5, name=f"{number}" * 100)
    client = city.as_(Role.VIEWER)
    plain = client.get(tile(18))
    packed = client.get(tile(18), headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.get_data()) < len(plain.get_data())
    assert packed.headers["ETag"] == plain.headers["ETag"]


def test_outlines_of_areas_are_drawn_at_their_level_and_within_the_visitors_own(city: Web) -> None:
    corners = [[113.2, 23.0], [113.4, 23.0], [113.4, 23.2], [113.2, 23.2], [113.2, 23.0]]
    square = json.dumps({"type": "Polygon", "coordinates": [corners]})
    box = {"west": 113.2, "south": 23.0, "east": 113.4, "north": 23.2, "area_m2": 4.5e8, "shape": square}
    rows = [
        {"level": "district", "code": "440803", "name": "霞山区", "updated_at": NOON, **box},
        {"level": "street", "code": "440804001", "name": "邻区街道", "updated_at": NOON, **box},
    ]
    with writing(city.city.engine) as tx:
        tx.execute(insert(area), rows)
        tx.execute(update(user).where(user.c.login == "viewer").values(area_code="440803"))
    admin, bound = city.as_(Role.ADMINISTRATOR), city.as_(Role.VIEWER)
    (told,) = [each for each in decoded(admin.get(tile(9, kind="areas")).get_data())["areas"] if each["type"] == 3]
    assert told["properties"] == {"code": "440803", "name": "霞山区", "level": "district"}
    assert len(told["rings"][0]) == 5
    inside = decoded(admin.get(tile(14, kind="areas", level="street")).get_data())["areas"]
    assert inside[0]["properties"]["code"] == "440804001"
    assert decoded(bound.get(tile(14, kind="areas", level="street")).get_data()) == {}
    assert decoded(bound.get(tile(9, kind="areas")).get_data())["areas"]


def test_heat_tells_where_cases_of_the_last_days_came_from(city: Web) -> None:
    client = city.as_(Role.VIEWER)
    (bin_,) = decoded(client.get(tile(12, kind="cases", days=7)).get_data())["cases"]
    assert bin_["properties"] == {"n": 1}
    assert decoded(client.get(tile(12, kind="cases", days="7&kind=water_high")).get_data()) == {}
    city.clock.pass_by(days=8)
    client = city.signed_in("dispatcher")
    assert decoded(client.get(tile(12, kind="cases", days=7)).get_data()) == {}
    assert decoded(client.get(tile(12, kind="cases", days=30)).get_data())["cases"]
    assert client.get(tile(12, kind="cases", days=367)).status_code == 422


def test_heat_of_more_cases_than_are_drawn_is_of_the_newest_in_ones_own_area_and_says_so(
    city: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_heat, "MOST_CASES", 1)
    client = city.as_(Role.ADMINISTRATOR)
    assert "cut" not in decoded(client.get(tile(12, kind="cases", days=7)).get_data())
    elsewhere = city.city.add_asset(city.clock.now)
    city.clock.pass_by(minutes=5)
    with writing(city.city.engine) as tx:
        tx.execute(update(asset).where(asset.c.id == elsewhere).values(area_code="440804001"))
        tx.execute(update(user).where(user.c.login == "viewer").values(area_code="440803"))
    city.city.open_case(city.clock.now, asset_id=elsewhere)
    told = decoded(client.get(tile(12, kind="cases", days=7)).get_data())
    assert [each["properties"]["n"] for each in told["cases"]] == [1]
    (cut,) = told["cut"]
    assert cut["properties"] == {"n": 1, "since": city.clock.now.isoformat()}
    # the newer case of another area takes nothing from this one
    told = decoded(city.as_(Role.VIEWER).get(tile(12, kind="cases", days=7)).get_data())
    assert [each["properties"]["n"] for each in told["cases"]] == [1]
    assert "cut" not in told


def test_the_search_box_finds_what_people_type(city: Web) -> None:
    with writing(city.city.engine) as tx:
        tx.execute(insert(road), [{"name": "湖光快线"}])
        tx.execute(
            insert(area).values(
                level="district",
                code="440803",
                name="霞山区",
                updated_at=NOON,
                west=113.2,
                south=23.0,
                east=113.4,
                north=23.2,
            )
        )
    named = city.city.add_asset(city.clock.now, name="东门井盖", road="湖光快线", lon=113.32)
    client = city.as_(Role.VIEWER)

    def find(q: str, **more: str) -> list[dict[str, Any]]:
        found = client.get("/map/search.json", query_string={"q": q} | more).get_json()["found"]
        assert isinstance(found, list)
        return found

    assert [(each["kind"], each["id"]) for each in find("东门")] == [("asset", named)]
    assert [(each["kind"], each["id"]) for each in find("光快线 门井")] == [("asset", named)]
    assert find("光快线 西门") == []
    (street,) = find("湖光")
    assert (street["kind"], street["name"], street["bbox"]) == ("road", "湖光快线", [113.32, 23.11, 113.32, 23.11])
    (district,) = find("霞山")
    assert (district["kind"], district["bbox"]) == ("area", [113.2, 23.0, 113.4, 23.2])
    assert find(city.token)[0]["id"] == city.city.asset_id
    assert find("没有这样的东西") == find("") == []
    (place,) = find("23.1N 113.3E", crs="gcj02")
    shifted = from_wgs84(HERE, Crs.GCJ02)
    assert (place["lon"], place["lat"]) == pytest.approx(shifted, abs=1e-6)


def test_who_is_bound_to_an_area_finds_and_counts_nothing_beyond_it(city: Web) -> None:
    with writing(city.city.engine) as tx:
        tx.execute(update(user).where(user.c.login == "viewer").values(area_code="440804"))
    client = city.as_(Role.VIEWER)
    facts = client.get("/map/facts.json").get_json()
    assert (facts["assets"], facts["bbox"]) == (0, None)
    assert decoded(client.get(tile(10)).get_data()) == {}
    assert client.get("/map/search.json?q=中山路").get_json()["found"] == []
    assert city.as_(Role.ADMINISTRATOR).get("/map/facts.json").get_json()["assets"] == 1


def test_a_map_is_cut_to_the_part_that_a_board_asks_for_and_never_to_more_than_its_reader_may_see(city: Web) -> None:
    office = city.as_(Role.ADMINISTRATOR)
    assert office.get("/map/facts.json?area=440803").get_json()["assets"] == 1
    assert office.get("/map/facts.json?area=440804").get_json()["assets"] == 0
    assert decoded(office.get(tile(10, area="440804")).get_data()) == {}
    assert decoded(office.get(tile(10, area="440803")).get_data())["wrong"]
    assert office.get(tile(10, area="north")).status_code == 422
    with writing(city.city.engine) as tx:
        tx.execute(update(user).where(user.c.login == "viewer").values(area_code="440804"))
    bound = city.as_(Role.VIEWER)
    assert bound.get("/map/facts.json?area=440803").status_code == 404
    assert bound.get("/map/facts.json?area=4408").get_json()["assets"] == 0
