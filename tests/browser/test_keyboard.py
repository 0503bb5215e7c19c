"""Without a mouse: sign in, open what is wrong, lead its case on, find a road on the map. Without a screen: paper."""

from __future__ import annotations

import re

import pypdfium2
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from registry.services.demo_people import DEMO_PASSWORD
from registry.storage.database import reading
from registry.storage.tables import case
from tests.browser.eyes import DESK, Windows, words
from tests.browser.filled_site import FilledSite

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("browser-pages"),
]
MOST_TABS = 120
_SEEN_FOCUS = """(element) => {
  const style = getComputedStyle(element);
  return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
}"""


def tab_to(page: Page, target: Locator) -> Locator:
    """Press Tab until ``target`` has the focus, and see that it shows."""
    expect(target).to_be_visible()
    for _ in range(MOST_TABS):
        if target.evaluate("(element) => element === document.activeElement"):
            assert target.evaluate(_SEEN_FOCUS), f"nothing shows that {target} has the focus"
            return target
        page.keyboard.press("Tab")
    raise AssertionError(f"not reached with {MOST_TABS} tabs: {target}")


def test_a_case_is_led_on_and_a_road_found_without_a_mouse(filled: FilledSite, filled_windows: Windows) -> None:
    page = filled_windows.open(DESK)
    page.goto("/login")
    tab_to(page, page.get_by_label(words("login.login"), exact=True))
    page.keyboard.type("dispatcher")
    tab_to(page, page.get_by_label(words("login.password"), exact=True))
    page.keyboard.type(DEMO_PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("body.staff")).to_be_attached()

    with reading(filled.engine) as tx:
        waiting = select(case.c.id).where(case.c.stage == "filed", case.c.severity == 3, case.c.unit_id.is_(None))
        case_id = tx.execute(waiting.order_by(case.c.id.desc()).limit(1)).scalar_one()
    tab_to(page, page.locator(f'main a[href="/cases/{case_id}"]').first)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/cases/{case_id}$"))
    stage = page.locator(".step[aria-current]")
    expect(stage).to_contain_text(words("stage.filed"))
    tab_to(page, page.locator(".case-next form button").first)
    page.keyboard.press("Enter")
    expect(stage).to_contain_text(words("stage.dispatched"))

    tab_to(page, page.locator('header nav a[href="/map"]').first)
    page.keyboard.press("Enter")
    expect(page.locator("[data-live]")).to_have_attribute("data-state", "live")
    page.keyboard.press("/")
    field = page.locator("#map-q")
    expect(field).to_be_focused()
    page.keyboard.type("人民路")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(field).to_have_attribute("aria-expanded", "false")
    expect(page).to_have_url(re.compile(r"/map#\S+"))


def test_a_list_on_paper_has_its_heading_and_rows_and_nothing_to_press(
    filled: FilledSite, filled_windows: Windows
) -> None:
    page = filled_windows.open(DESK, login="admin", theme="dark")
    page.goto("/cases?open_only=1")
    # as Chromium prints unless it is told otherwise: narrower than a phone held across
    margin = {"top": "10mm", "right": "10mm", "bottom": "10mm", "left": "10mm"}
    paper = pypdfium2.PdfDocument(page.pdf(format="A4", margin=margin))
    text = "".join("".join(sheet.get_textpage().get_text_range() for sheet in paper).split())
    rows = page.locator("main table tbody tr")
    assert rows.count() > 5
    columns = [heading.strip() for heading in page.locator("main table thead th").all_text_contents()]
    assert len(columns) > 6
    assert [heading for heading in columns if heading not in text] == []
    # when each was opened, whatever the screen leaves out
    opened = rows.locator("td time[datetime]").evaluate_all("(all) => all.map((one) => one.textContent.trim())")
    assert [moment for moment in opened if re.match(r"\d{4}-", moment) and "".join(moment.split()) not in text] == []
    assert text.count(words("kind.cover_displaced")) >= 2
    assert words("nav.cases") in text
    # of what and of when it is, what it was narrowed by, and whether that is all
    assert "".join(page.locator("main > .printed").text_content().split()) in text
    assert words("cases.open_only") in text
    assert words("cases.overdue") not in text
    assert (words("paper.more") in text) == (page.locator("main a[rel=next]").count() > 0)
    for pressed in (words("nav.alerts"), words("nav.logout"), words("nav.skip"), words("list.show")):
        assert pressed not in text
    # dark ink on white, also from a dark page
    grey = paper[0].render(scale=2).to_pil().convert("L").histogram()
    assert sum(grey[:80]) > 5_000
    assert sum(grey[220:]) > 0.8 * sum(grey)
