"""The map's page in a browser: it searches, tells of an asset, measures, chooses, follows the stream, fits a phone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from registry.services.map_counts import count_anew
from registry.services.reports import report_by_citizen
from tests.browser.eyes import DESK, PHONE, Camera, Windows, serious_faults, words
from tests.browser.registry_site import RegistrySite

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("browser-map"),
]

ASSETS = 40
# the fifth of the row of assets that the site has, from its middle outwards
NEAR_THE_FIFTH = "/map#map=18.00/31.310000/120.610800"


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
    expect(page.locator("[data-measure]")).to_have_text(re.compile(r"\d+(\.\d)?\s?米"))
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
    assert phone.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
    assert serious_faults(phone) == []
