"""Every page of the book of record: axe finds no serious fault by day and by night, and nothing runs off a phone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.eyes import DESK, PHONE, Camera, Windows
from tests.browser.registry_site import RegistrySite

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("browser-registry"),
]

GRAVE = {"serious", "critical"}
# answers that are no pages
NO_PAGES = ("/api/", "/static/", "/healthz")


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


@dataclass(slots=True)
class Found:
    """What was wrong on which page."""

    faults: list[str]

    def look(self, page: Page, path: str, look: str) -> None:
        """Ask axe, and see whether the page is wider than the window."""
        found: dict[str, Any] = Axe().run(page, options={"resultTypes": ["violations"]}).response
        for violation in found["violations"]:
            if violation["impact"] in GRAVE:
                places = "; ".join(str(node["target"]) for node in violation["nodes"][:3])
                self.faults.append(f"{path} ({look}): {violation['id']} at {places}")
        wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            self.faults.append(f"{path} ({look}): {wide} px wider than the window")


@pytest.mark.timeout(1000)  # every page at two sizes: two minutes, and a multiple beside other work
def test_no_page_has_a_serious_fault_or_runs_off_the_window(
    book: RegistrySite, book_windows: Windows, camera: Camera
) -> None:
    page = book_windows.open(DESK, login="admin")
    found, seen = Found([]), 0
    for path in plain_paths(book) + paths_of_things(book):
        kind = page.request.get(path, headers={"Accept": "text/html"}).headers.get("content-type", "")
        if not kind.startswith("text/html"):
            continue
        answer = page.goto(path)
        assert answer is not None
        assert answer.status < 400, f"{path} answers {answer.status}"
        expect(page.locator("main")).to_be_visible()
        seen += 1
        name = "book-" + (path.strip("/").replace("/", "-") or "overview")
        found.look(page, path, "desk, light")
        camera.take(page, f"{name}-desk", whole=True)
        page.set_viewport_size(PHONE["viewport"])
        page.evaluate("() => { document.documentElement.dataset.theme = 'dark'; }")
        found.look(page, path, "phone, dark")
        camera.take(page, f"{name}-phone", whole=True)
        page.set_viewport_size(DESK["viewport"])
    assert found.faults == []
    assert seen > 20
