"""Every page: axe finds no serious fault by day at a desk or by night on a phone; it fits both; nobody loads much."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.eyes import DESK, PHONE, Camera, Windows, beyond_the_window, serious_faults, words
from tests.browser.filled_site import FilledSite
from tests.browser.measuring import Cost, cost_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(1000),
    pytest.mark.xdist_group("browser-pages"),
]
# files that nobody has made, and answers to scripts: each says so by an error page, which "error" looks at
NOTHING_THERE = {
    "board_annotations",
    "evidence",
    "explore_annotations",
    "map_base_tile",
    "map_layer_file",
    "map_layer_tile",
    "month_file",
    "panel_csv",
    "photo",
    "place_job_progress",
    "print_run_file",
    "print_run_preview",
    "public_bulletin_file",
    "report_near",
}
SCRIPT_OF_A_SCAN, SCRIPT_AND_STYLE_OF_A_DESK, SHIFT = 100_000, 400_000, 0.1

# What a closed menu holds is not shown, so axe finds nothing in it, but goes through all of it: on most pages that is
# more than half of what there is.
_EMPTY_CLOSED_MENUS = """() => document.querySelectorAll("nav details:not([open]) > .menu-body").forEach(
  (body) => body.replaceChildren())"""


# pages with colours of their own; what others are made of, tokens.test.ts holds in both themes
IN_BOTH_THEMES = {"alert", "asset", "board", "case", "cases", "imports", "month", "overview", "rule", "scan"}
# the one rule whose answer goes by the theme; it takes about as long as all others together
_ASK_FOR_CONTRAST = """async () => {
  const { violations } = await axe.run({ resultTypes: ["violations"], runOnly: ["color-contrast"] });
  return violations.flatMap((fault) => fault.nodes.slice(0, 3).map((node) => `${fault.id} at ${node.target}`));
}"""


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at."""

    name: str
    size: ViewportSize
    theme: str


def opened(page: Page, endpoint: str, path: str) -> bool:
    """Whether there is a page to look at; what is handed out as a file, or to programs, is none."""
    if endpoint in NOTHING_THERE or PurePosixPath(path).suffix:
        return False
    there = page.request.get(path, headers={"Accept": "text/html"}, max_redirects=0)
    if there.status == 204 or not there.headers.get("content-type", "").startswith("text/html"):
        return False
    answer = page.goto(path)
    assert answer is not None
    assert answer.status < 400, f"{endpoint}: {path} answers {answer.status}"
    return True


def look(page: Page, camera: Camera, path: str, how: Look, *, closely: bool, colours: bool) -> list[str]:
    """What is wrong with the page as it is shown there: whether it is wider than the window, ``closely`` what axe says,
    or of that what it says of its ``colours``.

    What axe finds lies mostly in what pages have in common: pages are looked at by day and by night in turn.
    """
    page.set_viewport_size(how.size)
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", how.theme)
    faults = serious_faults(page) if closely else list(page.evaluate(_ASK_FOR_CONTRAST)) if colours else []
    if wide := beyond_the_window(page):
        faults.append(wide)
    camera.take(page, f"book-{path.strip('/').replace('/', '-') or 'overview'}-{how.name}", whole=True)
    return [f"{path} ({how.name}, {how.theme}): {fault}" for fault in faults]


def test_no_page_has_a_serious_fault_or_runs_off_the_window(
    filled: FilledSite, filled_windows: Windows, camera: Camera
) -> None:
    page = filled_windows.open(DESK, login="admin")
    page.add_init_script(Axe().axe_script)  # half a million letters: quicker than to hand them to each page
    looks = [Look("desk", DESK["viewport"], "light"), Look("phone", PHONE["viewport"], "dark")]
    faults, seen = [], 0
    for endpoint, path in sorted(filled.pages().items()):
        if not opened(page, endpoint, path):
            continue
        expect(page.locator("main")).to_be_visible()
        seen += 1
        page.evaluate(_EMPTY_CLOSED_MENUS)
        for how in looks:
            faults += look(page, camera, path, how, closely=how is looks[0], colours=endpoint in IN_BOTH_THEMES)
        looks.reverse()  # the next page opens in the window as it is: each change of its size is laid out anew
    assert faults == []
    assert seen > 80


def test_in_a_hand_the_list_comes_before_its_filters(filled: FilledSite, filled_windows: Windows) -> None:
    phone = filled_windows.open(PHONE, login="dispatcher")
    phone.goto("/cases")
    unfold, stage = phone.get_by_role("button", name=words("list.filters"), exact=True), phone.locator("[name=stage]")
    expect(stage).to_be_hidden()
    unfold.tap()
    expect(unfold).to_have_attribute("aria-expanded", "true")
    stage.select_option("filed")
    expect(phone).to_have_url(re.compile("stage=filed"))
    # what narrows the list is said where it is folded
    expect(phone.get_by_role("button", name=words("list.filters_on"))).to_be_visible()
    expect(stage).to_be_hidden()
    desk = filled_windows.open(DESK, login="dispatcher")
    desk.goto("/cases")
    expect(desk.locator("[name=stage]")).to_be_visible()
    expect(desk.get_by_role("button", name=words("list.filters"))).to_be_hidden()


def test_a_scan_and_a_desk_load_what_was_agreed(filled: FilledSite, filled_windows: Windows) -> None:
    pages = filled.pages()
    scan = cost_of(filled_windows.open(PHONE), pages["scan"])
    assert 0 < scan.script_bytes < SCRIPT_OF_A_SCAN, scan.scripts
    assert scan.shift < SHIFT
    costs: dict[str, Cost] = {}
    for endpoint in ("overview", "city_map", "board", "edit_board", "explore", "wall", "asset", "label_template"):
        page = filled_windows.open(DESK, login="admin")
        costs[endpoint] = cost_of(page, pages[endpoint])
    assert {name: cost.bytes for name, cost in costs.items() if cost.bytes > SCRIPT_AND_STYLE_OF_A_DESK} == {}
    assert {name: cost.bytes for name, cost in costs.items() if cost.script_bytes == 0} == {}
    assert {name: cost.shift for name, cost in costs.items() if cost.shift >= SHIFT} == {}
