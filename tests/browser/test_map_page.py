"""The map's page in a browser: it searches, tells of an asset, measures, chooses, follows the stream, fits a phone."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from PIL import Image, ImageColor
from playwright.sync_api import Page, Route, expect
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import write

from registry.domain.kinds import Role
from registry.domain.map_layers import LayerKind
from registry.domain.mobile import MobileKind
from registry.domain.people import Actor
from registry.domain.vector_tile import Layer, TileFrame, tile_of
from registry.services.map_counts import count_anew
from registry.services.map_layers import NewLayer, save_layer
from registry.services.mobile_resources import NewResource, Position, add_resource, take_positions
from registry.services.reports import report_by_citizen
from registry.storage.database import writing
from tests.browser.eyes import DESK, PHONE, Camera, Windows, beyond_the_window, serious_faults, until, words
from tests.browser.registry_site import RegistrySite
from tests.vector_tiles import spot_at

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("browser-map"),
]

ASSETS = 40
# the fifth of the row of assets that the site has, from its middle outwards
NEAR_THE_FIFTH = "/map#map=18.00/31.310000/120.610800"
SOME_IN_VIEW = re.compile(r"[1-9]\d* 个部件")
BY = Actor(user_id=None, role=Role.ADMINISTRATOR, name="test", unit_id=None)
# what each layer is drawn in, and where it has a point: near the fifth asset, on none
FLOOD, SEWERS = ("#d500f9", 120.61105, 31.3103), ("#00a152", 120.6107, 31.3097)


def opened(page: Page, address: str) -> Page:
    """The page, once its map is drawn and at rest."""
    page.goto(address)
    expect(page.locator("[data-map-page]")).to_have_attribute("data-ready", "")
    expect(page.locator("[data-map]")).to_have_attribute("data-drawn", "")
    return page


def canvas_of(page: Page) -> dict[str, float]:
    """Where the map lies in the window."""
    box = page.locator("[data-map]").bounding_box()
    assert box is not None
    return {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]}


def test_somebody_finds_an_asset_by_keys_alone(book: RegistrySite, book_windows: Windows, camera: Camera) -> None:
    count_anew(book.engine)
    page = opened(book_windows.open(DESK, login="dispatcher"), "/map")
    expect(page.locator("[data-summary]")).to_contain_text(str(ASSETS))
    camera.take(page, "map-desk")
    before = page.url
    page.keyboard.press("/")
    page.keyboard.type("滨河东路")
    expect(page.get_by_role("option").first).to_contain_text("滨河东路")
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(before)
    # now an asset by its plate
    page.keyboard.press("Control+a")
    page.keyboard.type(book.token)
    page.keyboard.press("Enter")  # sooner than the list comes
    card = page.locator(".map-pop")
    expect(card.get_by_role("link", name=words("map.open"), exact=True)).to_have_attribute(
        "href", f"/assets/{book.asset_id}"
    )
    expect(card.locator(".map-card-facts")).to_contain_text(words("state.intact"))
    camera.take(page, "map-card")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    assert serious_faults(page) == []


def test_a_length_is_measured_with_keys_and_a_box_counts_what_lies_in_it(
    book: RegistrySite, book_windows: Windows, camera: Camera
) -> None:
    count_anew(book.engine)
    page = opened(book_windows.open(DESK, login="dispatcher"), NEAR_THE_FIFTH)
    page.get_by_role("button", name=words("map.tool.length"), exact=True).click()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-map]")).to_have_attribute("data-drawn", "")
    page.keyboard.press("Enter")
    length = re.compile(r"\d+(\.\d)?\s?米")
    expect(page.locator("[data-measure]")).to_have_text(length)
    # a finger has no Backspace
    page.get_by_role("button", name=words("map.undo"), exact=True).click()
    expect(page.locator("[data-measure]")).to_have_text("")
    # before the second point is set, the pointer shows how far it would be
    middle = canvas_of(page)
    page.mouse.move(middle["x"] + middle["width"] / 2 + 120, middle["y"] + middle["height"] / 2)
    expect(page.locator("[data-measure]")).to_have_text(length)
    expect(page.locator("[data-measured]")).to_have_text("")
    page.keyboard.press("Escape")
    expect(page.locator("[data-hint]")).to_be_hidden()

    page.get_by_role("button", name=words("map.tool.box"), exact=True).click()
    at = canvas_of(page)
    page.mouse.move(at["x"] + at["width"] / 2 - 90, at["y"] + at["height"] / 2 - 90)
    page.mouse.down()
    page.mouse.move(at["x"] + at["width"] / 2 + 90, at["y"] + at["height"] / 2 + 90, steps=4)
    page.mouse.up()
    result = page.locator("[data-result]")
    expect(result.locator(".map-result-head")).to_have_text(re.compile(r"\d+"))
    counts = [int(each) for each in result.locator("dd").all_inner_texts()]
    whole = re.search(r"\d+", result.locator(".map-result-head").inner_text())
    assert whole is not None
    assert 0 < sum(counts) == int(whole[0]) < ASSETS
    camera.take(page, "map-box")
    # the hand may let go over the panel
    page.mouse.move(at["x"] + at["width"] / 2 + 90, at["y"] + at["height"] / 2 + 90)
    page.mouse.down()
    page.mouse.move(at["x"] + 120, at["y"] + at["height"] / 2 - 90, steps=4)
    with page.expect_response(re.compile(r"/map/selections$")) as counted:
        page.mouse.up()
    assert counted.value.json()["count"] > 0
    expect(result.get_by_role("link")).to_be_visible()
    result.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/map/selections/"))


def test_what_is_told_of_shows_at_once_and_a_phone_reads_of_it_in_its_sheet(
    book: RegistrySite, book_windows: Windows, camera: Camera
) -> None:
    count_anew(book.engine)
    phone = opened(book_windows.open(PHONE, login="dispatcher", theme="dark"), NEAR_THE_FIFTH)
    expect(phone.locator("[data-summary]")).to_have_text(re.compile(words("map.in_view_calm", total=r"\d+")))
    expect(phone.locator("[data-live]")).to_have_attribute("data-state", "live")
    report_by_citizen(
        book.engine,
        asset_id=book.asset_id + 4,
        text="井盖不见了。",
        contact="",
        photo=None,
        now=datetime.now(UTC),
        zone=ZoneInfo("Asia/Shanghai"),
    )
    expect(phone.locator("[data-summary]")).to_have_text(
        re.compile(re.escape(words("map.in_view", total="TOTAL", wrong=1, critical=0)).replace("TOTAL", r"\d+"))
    )
    camera.take(phone, "map-phone")
    phone.get_by_role("button", name=words("map.handle"), exact=True).click()
    expect(phone.locator("[data-panel]")).to_have_attribute("data-snap", "half")
    phone.locator("[data-list] button").first.click()
    sheet = phone.locator("[data-card-place]")
    expect(sheet.get_by_role("link", name=words("map.open_case"), exact=True)).to_be_visible()
    expect(sheet.locator(".map-card-wrong")).to_be_visible()
    camera.take(phone, "map-phone-card")
    assert beyond_the_window(phone) == ""
    assert serious_faults(phone) == []
    # from far away the map comes all the way to what was found, and the sheet does not stop it
    phone.get_by_role("button", name=words("map.tool.city"), exact=True).click()
    expect(phone).not_to_have_url(re.compile(r"#map=18\."))
    phone.locator("[data-search-form] input").fill(book.token)
    phone.keyboard.press("Enter")
    expect(sheet.get_by_role("link", name=words("map.open"), exact=True)).to_be_visible()
    expect(phone).to_have_url(re.compile(r"#map=18\."))


def test_what_does_not_come_is_told_on_the_map_until_it_comes(
    book: RegistrySite, book_windows: Windows, camera: Camera
) -> None:
    count_anew(book.engine)
    page = book_windows.open(DESK, login="dispatcher")

    def with_a_base_map_that_is_away(route: Route) -> None:
        facts = route.fetch().json()
        facts["base"] = {"kind": "tiles", "tiles": ["/map/base/{z}/{x}/{y}"], "crs": "wgs84"}
        route.fulfill(json=facts)

    page.route("**/map/facts.json", with_a_base_map_that_is_away)
    # the browser writes no error of its own about what is no picture and no tile
    page.route("**/map/base/**", lambda route: route.fulfill(body="not now", content_type="text/plain"))
    opened(page, NEAR_THE_FIFTH)
    told = page.locator(".map-missing")
    expect(told).to_contain_text(words("map.base_missing"))
    camera.take(page, "map-base-away")
    page.unroute("**/map/facts.json")
    page.route("**/map/tiles/**", lambda route: route.fulfill(body="not now", content_type="text/plain"))
    page.reload()
    expect(told).to_contain_text(words("map.tiles_missing"))
    page.unroute("**/map/tiles/**")
    told.get_by_role("button", name=words("map.try_again"), exact=True).press("Enter")
    expect(told).to_be_hidden()
    expect(page.locator("[data-summary]")).to_have_text(SOME_IN_VIEW)


def test_only_what_is_wrong_can_be_shown_and_the_link_says_so(book: RegistrySite, book_windows: Windows) -> None:
    count_anew(book.engine)
    page = opened(book_windows.open(DESK, login="dispatcher"), f"{NEAR_THE_FIFTH}&families=light&severity=3")
    only = words("map.severity_only", severity=words("severity.3"))
    expect(page.locator("[data-summary]")).to_have_text(words("map.in_view_only", total=0, chosen=only))
    # and a box counts what is shown
    page.get_by_role("button", name=words("map.tool.box"), exact=True).click()
    at = canvas_of(page)
    page.mouse.move(at["x"] + at["width"] / 2 - 90, at["y"] + at["height"] / 2 - 90)
    page.mouse.down()
    page.mouse.move(at["x"] + at["width"] / 2 + 90, at["y"] + at["height"] / 2 + 90, steps=4)
    page.mouse.up()
    result = page.locator("[data-result]")
    expect(result.locator(".map-result-head")).to_have_text(words("map.selected", n=0))
    expect(result).to_contain_text(words("map.selected_only", chosen=f"{words('family.light')} · {only}"))
    page.get_by_role("tab", name=words("map.tab.layers"), exact=True).click()
    expect(page.locator("#map-severity")).to_have_value("3")
    page.locator("#map-severity").select_option("0")
    for box in page.locator("input[name=family]").all():
        box.check()
    expect(page).not_to_have_url(re.compile("severity=|families="))
    expect(page.locator("[data-summary]")).to_have_text(SOME_IN_VIEW)


def keep_layers(book: RegistrySite, folder: Path) -> None:
    """Two layers of the catalogue with a point each: a file of shapes, and an archive of vector tiles."""
    tone, lon, lat = FLOOD
    point = {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [lon, lat]}}
    shapes = json.dumps({"type": "FeatureCollection", "features": [point]}).encode()
    keep_layer(book, NewLayer(key="flood", kind=LayerKind.GEOJSON, name_zh="积水点", colour=tone, **dated(shapes)))
    tone, lon, lat = SEWERS
    spot = spot_at(lon, lat, 14)
    sewers = Layer("sewers")
    sewers.add_point(*TileFrame(spot).point(lon, lat), b"")
    with write(str(folder / "sewers.pmtiles")) as writer:
        writer.write_tile(zxy_to_tileid(*spot), tile_of(sewers))
        edges = {"min_lon_e7": 1200000000, "min_lat_e7": 310000000, "max_lon_e7": 1210000000, "max_lat_e7": 320000000}
        centre = {"center_zoom": 14, "center_lon_e7": 1206000000, "center_lat_e7": 313000000}
        kind = {"tile_type": TileType.MVT, "tile_compression": Compression.NONE}
        writer.finalize(edges | centre | kind, {"vector_layers": [{"id": "sewers", "fields": {}}]})
    tiles = (folder / "sewers.pmtiles").read_bytes()
    keep_layer(book, NewLayer(key="sewers", kind=LayerKind.PMTILES, name_zh="排水管网", colour=tone, **dated(tiles)))


def keep_layer(book: RegistrySite, layer: NewLayer) -> None:
    save_layer(book.engine, book.data_dir / "layers", None, layer, version=None, by=BY, now=datetime.now(UTC))


def dated(content: bytes) -> dict[str, Any]:
    return {"content": io.BytesIO(content), "dated_on": datetime.now(UTC).date()}


def put_on_the_road(book: RegistrySite) -> None:
    """A vehicle that told its place a minute ago, and a handset that told one three hours ago."""
    now = datetime.now(UTC)
    told = ((MobileKind.VEHICLE, "A1", "抢修一车", 1), (MobileKind.HANDSET, "H1", "城管通一号", 180))
    with writing(book.engine) as tx:
        for kind, number, name, _ in told:
            add_resource(tx, NewResource(kind=kind, number=number, name=name), by=BY, now=now)
        places = [
            Position(number=number, at=now - timedelta(minutes=ago), lon=120.611 + ago / 1e6, lat=31.3099)
            for _, number, _, ago in told
        ]
        take_positions(tx, places, by=BY, now=now)


def colours_of(page: Page) -> set[Any]:
    """Every colour that the map shows."""
    with Image.open(BytesIO(page.locator("[data-map]").screenshot())) as picture:
        found = picture.convert("RGB").getcolors(1 << 24) or []
    return {colour for _, colour in found}


def test_what_moves_and_layers_of_the_catalogue_are_drawn_and_the_address_keeps_what_is_on(
    book: RegistrySite, book_windows: Windows, camera: Camera, tmp_path: Path
) -> None:
    count_anew(book.engine)
    keep_layers(book, tmp_path)
    put_on_the_road(book)
    page = opened(book_windows.open(DESK, login="dispatcher"), f"{NEAR_THE_FIFTH}&layers=flood,sewers")
    tones = {ImageColor.getrgb(tone) for tone, _, _ in (FLOOD, SEWERS)}
    until(page, lambda: tones <= colours_of(page), what="both layers are drawn")
    assert page.locator("[data-mobile-box]").is_hidden()
    # what moves, and cases of one kind, are switched on by keys
    page.get_by_role("tab", name=words("map.tab.layers"), exact=True).click()
    page.get_by_label(words("map.mobile"), exact=True).press("Space")
    page.locator("#map-heat").select_option("90")
    page.locator("#map-kind").select_option("cover_missing")
    kept = re.compile(r"heat=90&kind=cover_missing&mobile=1&layers=flood,sewers$")
    expect(page).to_have_url(kept)
    page.get_by_role("tab", name=words("map.tab.view"), exact=True).click()
    moving = page.locator("[data-mobile-box]")
    expect(moving.locator("summary")).to_have_text(words("map.mobile_in_view", total=2, fresh=1))
    moving.locator("summary").press("Enter")
    expect(moving.get_by_role("listitem")).to_contain_text([words("mobile.online"), words("mobile.offline")])
    camera.take(page, "map-mobile")
    moving.get_by_role("button").first.press("Enter")
    card = page.locator(".map-pop")
    expect(card).to_contain_text("抢修一车")
    link = card.get_by_role("link", name=words("map.mobile_open"), exact=True)
    expect(link).to_have_attribute("href", re.compile(r"^/mobile-resources/\d+$"))
    assert serious_faults(page) == []
    # whoever opens the link sees the same
    page.reload()
    expect(page.locator("[data-mobile-box] summary")).to_have_text(words("map.mobile_in_view", total=2, fresh=1))
    page.get_by_role("tab", name=words("map.tab.layers"), exact=True).click()
    expect(page.locator("#map-kind")).to_have_value("cover_missing")
    expect(page).to_have_url(kept)
