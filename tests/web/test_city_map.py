"""The map's page without its script, and the card that the script shows."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import insert

from registry.domain.kinds import Role
from registry.storage.database import writing
from registry.storage.tables import area
from tests.vector_tiles import decoded_all, spot_at
from tests.web.conftest import NOON, Web
from tests.web.test_mobile_resources import at, listed, report
from tests.web.test_people import add, sign_in


@pytest.mark.parametrize("role", [Role.VIEWER, Role.CREW, Role.ADMINISTRATOR])
def test_the_page_tells_its_script_where_to_ask(web: Web, role: Role) -> None:
    page = web.as_(role).get("/map").text
    addresses = dict(re.findall(r' data-(facts|tiles|areas|cases|search|selections|card)="([^"]*)"', page))
    assert addresses["tiles"] == "/map/tiles/{z}/{x}/{y}.mvt"
    assert addresses["card"].endswith("/0")
    assert len(addresses) == 7
    assert ('<a class="small" href="/layers">' in page) == (web.as_(role).get("/layers").status_code == 200)


def test_without_its_script_the_page_still_lists_what_is_wrong(web: Web) -> None:
    before = web.as_(Role.VIEWER).get("/map").text
    web.city.open_case(web.clock.now)
    link = f'href="/assets/{web.city.asset_id}"'
    assert link not in before
    assert link in web.as_(Role.VIEWER).get("/map").text


def test_a_card_says_what_an_asset_is_and_what_is_wrong_with_it(web: Web) -> None:
    client = web.as_(Role.VIEWER)
    calm = client.get(f"/map/cards/{web.city.asset_id}")
    assert calm.mimetype == "text/plain"  # a piece of a page, not one
    assert "上水井盖" in calm.text
    assert "/cases/" not in calm.text
    opened = web.city.open_case(web.clock.now)
    assert f'href="/cases/{opened.case_id}"' in client.get(f"/map/cards/{web.city.asset_id}").text
    assert client.get("/map/cards/999999").status_code == 404


def test_the_name_of_an_area_is_written_once_however_many_tiles_show_it(web: Web) -> None:
    west, south, east, north = 113.25, 23.05, 113.35, 23.15
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    edges = {"west": west, "south": south, "east": east, "north": north}
    shape = json.dumps({"type": "Polygon", "coordinates": [ring]})
    named = {"level": "street", "code": "440803001", "name": "泉庄街道", "updated_at": NOON}
    with writing(web.city.engine) as tx:
        tx.execute(insert(area).values(**named, **edges, shape=shape, area_m2=1.0))
    client = web.as_(Role.VIEWER)
    first, last = spot_at(west, north, 13), spot_at(east, south, 13)
    places = [(x, y) for x in range(first.x, last.x + 1) for y in range(first.y, last.y + 1)]
    tiles = decoded_all([client.get(f"/map/areas/13/{x}/{y}.mvt?level=street").get_data() for x, y in places])
    assert sum(len(layers.get("areas", [])) for layers in tiles) > 1
    assert sum(len(layers.get("names", [])) for layers in tiles) == 1


def test_on_the_map_is_who_told_a_place_within_a_day_with_the_age_of_it(web: Web) -> None:
    listed(web)
    listed(web, number="silent")
    listed(web, number="yesterday", name="")
    report(web, at(web, 20, speed_kmh=30), at(web, 25 * 60, number="yesterday"))
    answer = web.as_(Role.VIEWER).get("/map/mobile.json").json
    assert answer is not None
    assert answer["within_s"] == 600
    (found,) = answer["features"]  # neither the one that is silent nor the one of yesterday
    assert found["geometry"] == {"type": "Point", "coordinates": [110.36, 21.27]}
    told = found["properties"]
    assert (told["kind"], told["name"], told["age_s"], told["speed_kmh"]) == ("vehicle", "抢修一车", 1200, 30.0)
    assert web.as_(Role.VIEWER).get(f"/mobile-resources/{told['id']}").status_code == 200
    report(web, at(web, 0, number="yesterday"))
    newest, _ = web.as_(Role.VIEWER).get("/map/mobile.json").json["features"]  # type: ignore[index]
    assert newest["properties"]["name"] == "YESTERDAY"


def test_who_is_bound_to_an_area_sees_on_the_map_what_works_there(web: Web) -> None:
    listed(web, area_code="440803")
    report(web, at(web, 1))
    for login, area_code, many in (("here", "440803", 1), ("there", "440804", 0)):
        add(web, login, Role.DISPATCHER, area_code=area_code)
        found = sign_in(web, login).get("/map/mobile.json").json
        assert found is not None
        assert len(found["features"]) == many, login


def test_the_heat_is_chosen_by_days_and_by_kinds_of_the_standard(web: Web) -> None:
    page = web.as_(Role.VIEWER).get("/map").text
    for option in ("90", "365", "cover_missing"):
        assert f'<option value="{option}">' in page, option
