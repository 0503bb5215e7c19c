"""The wall in a browser: it follows what happens, leads to lists, says loudly when it is old, and opens by a link."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import update

from registry.domain.people import Actor
from registry.services.kiosk_links import IssuedLink, NewKioskLink, issue_link, revoke_link
from registry.services.leases import release_lease, take_lease
from registry.services.map_counts import count_anew
from registry.services.reports import report_by_citizen
from registry.services.transactions import in_transaction
from registry.storage.database import writing
from registry.storage.tables import alert
from tests.browser.eyes import Camera, Windows, beyond_the_window, serious_faults, sign_in, words
from tests.browser.registry_site import RegistrySite
from tests.things import put as put_row

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("browser-map"),
]

COMMAND_CENTRE: dict[str, Any] = {"viewport": {"width": 1920, "height": 1080}}
ON_ITS_SIDE: dict[str, Any] = {"viewport": {"width": 844, "height": 390}, "device_scale_factor": 2, "has_touch": True}
BY = Actor(user_id=None, role=None, name="test", unit_id=None)


@pytest.fixture(autouse=True)
def judged(book: RegistrySite) -> None:
    """Somebody holds the worker's lease, as far as the wall can see."""
    take_lease(book.engine, "worker", "test", lasts=timedelta(days=1), now=datetime.now(UTC))


def report(book: RegistrySite, asset_id: int) -> None:
    """Somebody tells of a fault, in words of their own."""
    report_by_citizen(
        book.engine,
        asset_id=asset_id,
        text="张三说井盖不见了。",
        contact="",
        photo=None,
        now=datetime.now(UTC),
        zone=ZoneInfo("Asia/Shanghai"),
    )


def opened(page: Page, address: str) -> Page:
    """The wall, once its figures are there and its map is drawn."""
    page.goto(address)
    expect(page.locator("[data-fresh]")).to_have_attribute("data-state", "live")
    expect(page.locator("[data-map]")).to_have_attribute("data-drawn", "")
    return page


def test_the_wall_follows_what_happens_leads_to_it_and_never_shows_old_figures_as_new(
    book: RegistrySite, book_windows: Windows, camera: Camera
) -> None:
    count_anew(book.engine)
    page = book_windows.open(COMMAND_CENTRE, login="dispatcher", theme="dark")
    page.clock.install()
    opened(page, "/wall")
    rows = page.locator("[data-wrong] li")
    before = rows.count()
    report(book, book.asset_id + 7)
    expect(rows).to_have_count(before + 1)
    expect(rows.first.get_by_role("link")).to_have_attribute("href", re.compile(r"^/cases/\d+$"))
    assert serious_faults(page) == []
    camera.take(page, "wall")
    # nobody answers any more
    state = f"{book.address}/wall/state.json"
    book_windows.witness.refused.add(state)
    page.route(state, lambda route: route.abort())
    page.clock.fast_forward(61_000)
    expect(page.get_by_role("alert")).to_contain_text(words("wall.lost"))
    camera.take(page, "wall-lost")
    page.unroute(state)
    page.clock.fast_forward(16_000)
    expect(page.get_by_role("alert")).to_be_hidden()
    page.locator("[data-number=cases_overdue]").click()
    expect(page).to_have_url(re.compile(r"/cases\?open_only=1&overdue=1$"))


def test_who_signs_in_again_in_another_tab_sees_the_wall_go_on(book: RegistrySite, book_windows: Windows) -> None:
    count_anew(book.engine)
    page = book_windows.open(COMMAND_CENTRE)
    page.clock.install()
    page.goto("/wall")
    sign_in(page, "viewer")
    expect(page.locator("[data-fresh]")).to_have_attribute("data-state", "live")
    other = page.context.new_page()
    other.goto("/account")
    other.evaluate("() => document.querySelector('form[action=\"/logout\"]').submit()")
    expect(other.get_by_role("button", name=words("login.enter"), exact=True)).to_be_visible()
    book_windows.witness.refused |= {f"{book.address}/wall/{what}.json" for what in ("state", "places")}
    page.clock.fast_forward(16_000)
    expect(page.get_by_role("alert")).to_contain_text(words("wall.signed_out"))
    lead = page.get_by_role("link", name=words("nav.login"), exact=True)
    expect(lead).to_have_attribute("href", "/login?next=/wall")
    sign_in(other, "viewer")
    expect(other.locator("body.staff")).to_be_attached()
    with page.expect_request(lambda asked: "/stream" in asked.url):
        page.clock.fast_forward(16_000)
    expect(page.get_by_role("alert")).to_be_hidden()
    rows = page.locator("[data-wrong] li")
    before = rows.count()
    report(book, book.asset_id + 9)
    expect(rows).to_have_count(before + 1)


def test_a_link_shows_the_wall_to_a_screen_until_it_is_revoked(
    book: RegistrySite, book_windows: Windows, camera: Camera
) -> None:
    count_anew(book.engine)
    report(book, book.asset_id + 8)

    def issue(tx: Any) -> IssuedLink:
        return issue_link(tx, NewKioskLink(name="值班室"), by=BY, now=datetime.now(UTC))

    link = in_transaction(book.engine, issue)
    address = f"/kiosk/{link.word}"
    page = book_windows.open(ON_ITS_SIDE)
    page.clock.install()
    opened(page, f"{address}?theme=light")
    expect(page.locator("[data-wrong] li").first).to_be_visible()
    assert "张三" not in page.content()
    assert page.get_by_role("link").count() == 0
    assert beyond_the_window(page) == ""
    assert serious_faults(page) == []
    camera.take(page, "kiosk-phone")
    in_transaction(book.engine, lambda tx: revoke_link(tx, link.id, by=BY, now=datetime.now(UTC)))
    book_windows.witness.refused |= {f"{book.address}{address}/{what}" for what in ("state.json", "places.json")}
    page.clock.fast_forward(16_000)
    expect(page.get_by_role("alert")).to_contain_text(words("wall.ended"))
    # nothing is left of what it showed
    expect(page.locator("[data-wrong] li")).to_have_count(0)
    expect(page.locator("[data-value]").first).to_have_text("–")
    expect(page.locator("[data-map] canvas")).to_have_count(0)


def test_a_wall_shows_alerts_without_a_case_and_says_when_nobody_judges(
    book: RegistrySite, book_windows: Windows, camera: Camera
) -> None:
    count_anew(book.engine)
    release_lease(book.engine, "worker", "test")
    silent = {"rule_key": "cabinet_silent", "rule_version": 1, "cabinet_id": "c-7", "severity": 3, "state": "firing"}
    with writing(book.engine) as tx:
        alert_id = put_row(tx, alert, moment=datetime.now(UTC) - timedelta(minutes=7), **silent)
    page = book_windows.open(COMMAND_CENTRE, login="viewer")
    page.clock.install()
    opened(page, "/wall")
    first = page.locator("[data-wrong] li").first
    expect(first).to_contain_text(words("rule.cabinet_silent"))
    expect(first).to_contain_text(words("wall.no_case"))
    expect(first.get_by_role("link")).to_have_attribute("href", f"/alerts/{alert_id}")
    page.clock.fast_forward(21_000)
    expect(page.get_by_role("alert")).to_contain_text(words("wall.unjudged"))
    assert serious_faults(page) == []
    camera.take(page, "wall-unjudged")
    expect(page.locator("[data-main]")).not_to_have_class(re.compile("wall-stale"))
    take_lease(book.engine, "worker", "test", lasts=timedelta(days=1), now=datetime.now(UTC))
    with writing(book.engine) as tx:
        tx.execute(update(alert).values(state="cleared"))
    page.clock.fast_forward(16_000)
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.locator(f'[href="/alerts/{alert_id}"]')).to_have_count(0)


def test_the_map_comes_back_after_its_scripts_could_not_be_had(book: RegistrySite, book_windows: Windows) -> None:
    count_anew(book.engine)
    page = book_windows.open(COMMAND_CENTRE, login="viewer")
    page.clock.install()
    scripts = re.compile(r"/assets/citymap-[^/]+\.js$")

    def refuse(route: Route) -> None:
        book_windows.witness.refused.add(route.request.url)
        route.abort()

    page.route(scripts, refuse)
    page.goto("/wall")
    expect(page.locator("[data-map]")).to_contain_text(words("map.failed"))
    page.unroute(scripts)
    page.clock.fast_forward(31_000)
    expect(page.locator("[data-map]")).to_have_attribute("data-drawn", "")


def test_a_screen_that_stands_moves_its_picture_and_never_past_the_window(
    book: RegistrySite, book_windows: Windows
) -> None:
    def issue(tx: Any) -> IssuedLink:
        return issue_link(tx, NewKioskLink(name="大厅"), by=BY, now=datetime.now(UTC))

    link = in_transaction(book.engine, issue)
    page = book_windows.open(COMMAND_CENTRE)
    page.clock.install()
    opened(page, f"/kiosk/{link.word}")
    clock = page.locator("[data-clock]")
    places = set()
    for _ in range(8):
        page.clock.fast_forward(600_000)
        box = clock.bounding_box()
        assert box is not None
        places.add((round(box["x"] + box["width"]), round(box["y"])))
        assert beyond_the_window(page) == ""
    assert len(places) == 8
    page.set_viewport_size({"width": 844, "height": 390})
    page.clock.fast_forward(1_000)
    expect(page.locator("[data-wall]")).not_to_have_attribute("data-shifted", "")
    assert beyond_the_window(page) == ""
