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
