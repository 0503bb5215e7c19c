"""The rule editor: a threshold is changed, tried on the past, saved and taken back; at the desk and on a phone."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from registry.queries.rules import rule_versions
from registry.services.devices import NewDevice, put_on
from registry.storage.database import reading, writing
from registry.storage.tables import asset, device, point
from tests.browser.eyes import DESK, PHONE, Camera, Windows, beyond_the_window, words
from tests.browser.registry_site import RegistrySite

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("browser-registry"),
]

KEY = "cover_tilt"
DAYS = 5
EVERY_MS = 120_000


@pytest.fixture(scope="module")
def past(book: RegistrySite) -> None:
    """A cover whose tilt stood at 13° for an hour each noon: below the shipped 15°, above a new 12°."""
    now = datetime.now(UTC)
    with writing(book.engine) as tx:
        found = tx.scalar(select(device.c.id).where(device.c.serial == "CV-PAST"))
        if found is None:
            cover = tx.scalar(select(asset.c.id).where(asset.c.family == "cover").order_by(asset.c.id).limit(1))
            wanted = NewDevice(serial="CV-PAST", profile="cc-cover-1", asset_id=cover or 0, heartbeat_s=120.0)
            found = put_on(tx, wanted, now=now - timedelta(days=DAYS))
        tx.execute(update(device).where(device.c.id == found).values(fitted_at=now - timedelta(days=DAYS)))
    with reading(book.engine) as tx:
        rows = tx.execute(select(point.c.name, point.c.id).where(point.c.device_id == found))
        points = {row.name: row.id for row in rows}
    store = book.app.extensions["covercode"].store
    until = int(now.timestamp() * 1000) - 60_000
    readings = []
    for at in range(until - DAYS * 86_400_000, until, EVERY_MS):
        hour = at / 3_600_000 % 24
        value = 13.0 if 4 <= hour < 5 else 0.4 + 0.3 * math.sin(at / 4e6)
        readings.append((points["tilt_z"], at, value, 0, at))
    store.append(readings)


@pytest.fixture
def desk(book_windows: Windows, past: None) -> Page:
    page = book_windows.open(DESK, login="dispatcher")
    page.goto(f"/rules/{KEY}")
    return page


def test_a_threshold_is_changed_tried_saved_and_taken_back(desk: Page, book: RegistrySite, camera: Camera) -> None:
    versions = len(rule_versions(book.engine, KEY))
    desk.get_by_role("button", name=words("rules.run"), exact=True).click()
    expect(desk.locator(".rule-tally").first).to_contain_text(words("rules.this_rule"))
    expect(desk.locator(".rule-alert")).to_have_count(0)

    desk.locator("[id='condition.fire']").fill("12")
    expect(desk.locator("[data-fires]")).to_contain_text("12°")
    expect(desk.locator(".rule-alert").first).to_be_visible()
    expect(desk.locator(".rule-chart canvas")).to_be_visible()
    camera.take(desk, "rule-editor-desk", whole=True)

    desk.locator("[id='condition.clear']").fill("20")
    expect(desk.locator("[id='live-condition.clear']")).to_contain_text("20")
    desk.locator("[id='condition.clear']").fill("10")
    expect(desk.locator("[data-live-problem]")).to_have_count(0)
    desk.get_by_label(words("rule_field.note")).first.fill("桥面井盖要更早知道")
    desk.get_by_role("button", name=words("rules.save"), exact=True).click()
    expect(desk.locator(".message.ok")).to_be_visible()
    assert rule_versions(book.engine, KEY)[0].rule.condition.fire == 12.0

    desk.get_by_role("button", name=words("rules.undo"), exact=True).click()
    expect(desk.locator(".message.ok")).to_be_visible()
    after = rule_versions(book.engine, KEY)
    assert (after[0].rule.condition.fire, len(after)) == (15.0, versions + 2)
    desk.get_by_role("link", name=words("rules.history"), exact=True).click()
    expect(desk.locator(".rule-changes").first).to_contain_text("15")
    camera.take(desk, "rule-history-desk")


def test_the_week_is_painted_with_the_mouse_and_walked_with_the_arrows(desk: Page) -> None:
    desk.locator("#hours > summary").click()
    first, last = desk.locator("input[value='1-0']"), desk.locator("input[value='3-2']")
    first.scroll_into_view_if_needed()
    start, end = first.bounding_box(), last.bounding_box()
    assert start is not None
    assert end is not None
    desk.mouse.move(start["x"] + 5, start["y"] + 5)
    desk.mouse.down()
    desk.mouse.move(end["x"] + 5, end["y"] + 5, steps=4)
    desk.mouse.up()
    expect(desk.locator("[data-week] input:checked")).to_have_count(168 - 9)
    expect(desk.locator("[data-hours-words]")).to_have_text(words("rules.hours_some", count=159))
    first.focus()
    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("ArrowRight")
    expect(desk.locator("input[value='2-1']")).to_be_focused()
    desk.keyboard.press("Space")
    expect(desk.locator("input[value='2-1']")).to_be_checked()


def test_another_kind_brings_its_own_fields(desk: Page) -> None:
    desk.get_by_label(words("rule_field.type")).select_option("rate")
    expect(desk.locator("[id='condition.window_s']")).to_be_visible()
    expect(desk.locator("[data-fires]")).to_contain_text(words("point.tilt_z"))


@pytest.mark.parametrize(
    ("shape", "language", "theme"), [(PHONE, "zh", "light"), (PHONE, "en", "dark"), (DESK, "en", "dark")]
)
def test_the_pages_fit_their_window(
    book_windows: Windows, past: None, camera: Camera, shape: dict[str, object], language: str, theme: str
) -> None:
    page = book_windows.open(shape, login="dispatcher", language=language, theme=theme)
    size = "phone" if shape is PHONE else "desk"
    for path, name in (("/rules", "rules"), (f"/rules/{KEY}", "rule"), ("/rules/new?kind=all", "rule-new")):
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        assert beyond_the_window(page) == "", path
        camera.take(page, f"{name}-{size}-{language}-{theme}", whole=True)
