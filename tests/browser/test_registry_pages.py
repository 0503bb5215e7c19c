"""Every page of the book of record: axe finds no serious fault by day and by night, and nothing runs off a phone."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.eyes import DESK, PHONE, Camera, Windows, serious_faults
from tests.browser.registry_site import RegistrySite

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("browser-registry"),
]

# What a closed menu holds is not shown, so axe finds nothing in it, but goes through all of it: on most pages that is
# more than half of what there is.
_EMPTY_CLOSED_MENUS = """() => document.querySelectorAll("nav details:not([open]) > .menu-body").forEach(
  (body) => body.replaceChildren())"""

# answers that are no pages
NO_PAGES = ("/api/", "/static/", "/healthz")


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at."""

    name: str
    size: ViewportSize
    theme: str


def plain_paths(book: RegistrySite) -> list[str]:
    """The address of every route that somebody can simply open, as the application itself lists them."""
    rules = book.app.url_map.iter_rules()
    opened = {rule.rule for rule in rules if "GET" in (rule.methods or ()) and not rule.arguments}
    return sorted(path for path in opened if not path.startswith(NO_PAGES) and "." not in path)


def paths_of_things(book: RegistrySite) -> list[str]:
    """Pages about one thing."""
    asset = f"/assets/{book.asset_id}"
    cabinet = book.troubled.cabinet
    of_cabinets = [cabinet, f"{cabinet}/configuration", f"/enrolment-codes/new?cabinet={cabinet.rpartition('/')[2]}"]
    return [
        asset,
        f"{asset}/edit",
        f"/q/{book.token}",
        "/label-templates/plate-60x90",
        *of_cabinets,
        book.troubled.letter,
    ]


def opened(page: Page, path: str) -> bool:
    """Whether there is a page to look at; what is handed out as a file, or to programs, is none."""
    kind = page.request.get(path, headers={"Accept": "text/html"}).headers.get("content-type", "")
    if not kind.startswith("text/html"):
        return False
    answer = page.goto(path)
    assert answer is not None
    assert answer.status < 400, f"{path} answers {answer.status}"
    return True


def look(page: Page, camera: Camera, path: str, how: Look) -> list[str]:
    """What is wrong with the page as it is shown there: what axe says, and whether it is wider than the window."""
    page.set_viewport_size(how.size)
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", how.theme)
    faults = serious_faults(page)
    wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    if wide > 0:
        faults.append(f"{wide} px wider than the window")
    camera.take(page, f"book-{path.strip('/').replace('/', '-') or 'overview'}-{how.name}", whole=True)
    return [f"{path} ({how.name}, {how.theme}): {fault}" for fault in faults]


@pytest.mark.timeout(1000)  # every page at two sizes: two minutes, and a multiple beside other work
def test_no_page_has_a_serious_fault_or_runs_off_the_window(
    book: RegistrySite, book_windows: Windows, camera: Camera
) -> None:
    page = book_windows.open(DESK, login="admin")
    looks = [Look("desk", DESK["viewport"], "light"), Look("phone", PHONE["viewport"], "dark")]
    faults, seen = [], 0
    for path in plain_paths(book) + paths_of_things(book):
        if not opened(page, path):
            continue
        expect(page.locator("main")).to_be_visible()
        seen += 1
        page.evaluate(_EMPTY_CLOSED_MENUS)
        for how in looks:
            faults += look(page, camera, path, how)
        looks.reverse()  # the next page opens in the window as it is: each change of its size is laid out anew
    assert faults == []
    assert seen > 20
