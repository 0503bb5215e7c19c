"""Pictures of every page for people to look at: ``python -m tests.browser.pictures FOLDER`` (``make pictures``).

Every route that answers GET is asked of the application itself, in both languages at three sizes, and by night at two;
the screens of the phone's app, which are no routes, as a crew sees them, and the wall at the sizes of its screens.
What is there already is not taken again, so a run that was stopped goes on; ``index.html`` shows them side by side.
"""

from __future__ import annotations

import argparse
import html
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext, sync_playwright
from sqlalchemy import select

from dashboards.permissions import PERMISSIONS
from registry.services.boards import SHIPPED_KEYS
from registry.storage.database import reading
from registry.storage.tables import case
from tests.browser.conftest import CHROMIUM, SWITCHES
from tests.browser.eyes import sign_in
from tests.browser.filled_site import FilledSite, filled_site
from tests.browser.measuring import Waiting

SIZES = {"desk": (1440, 900), "tablet": (800, 1180), "phone": (390, 844), "wall": (1920, 1080), "wall4k": (3840, 2160)}
WALLS = ("wall", "wall4k")
SHIPPED = ("desk", "phone")
# pages that look different to those who are not signed in, and whose page of their own it is
GUESTS = {"login", "scan", "report", "report_on_map", "public_bulletin", "public_bulletins", "kiosk"}
CREW = {"tasks", "phone_app"}
TALLEST_PX = 3_600


@dataclass(frozen=True, slots=True)
class Look:
    """One window: the language, the theme and the sizes in which each page is taken."""

    language: str
    theme: str
    sizes: tuple[str, ...]


LOOKS = (
    Look("zh", "light", ("desk", "tablet", "phone")),
    Look("en", "light", ("desk", "tablet", "phone")),
    Look("zh", "dark", ("desk", "phone")),
)


@dataclass(frozen=True, slots=True)
class Stop:
    """One page: the name of its route, its address, and who looks at it (nobody in particular: empty).

    ``sizes`` are its own, for which it was made; ``types`` begins the first form that the page offers.
    """

    name: str
    address: str
    login: str
    sizes: tuple[str, ...] = ()
    types: str = ""

    def sizes_in(self, look: Look) -> tuple[str, ...]:
        """The sizes in which it is taken there."""
        return self.sizes or look.sizes


def take_all(folder: Path, *, only: Sequence[str], again: bool) -> int:
    """Fill ``folder``; returns how many pictures were taken."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = 0
    # a request that is still answered may write to the folder; what was found out is not lost to that
    away = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with away as home, filled_site(Path(home)) as site, sync_playwright() as playwright:
        address, stops = site.address, [*stops_of(site), *screens_of(site)]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        wanted = [stop for stop in stops if not only or stop.name in only]
        for look in LOOKS:
            windows: dict[str, BrowserContext] = {}
            for stop in wanted:
                missing = [
                    size for size in stop.sizes_in(look) if again or not picture(folder, stop, look, size).exists()
                ]
                if not missing:
                    continue
                if stop.login not in windows:
                    windows[stop.login] = browser.new_context(base_url=address, locale="zh-CN")
                    dress(windows[stop.login], address, stop.login, look)
                taken += take(windows[stop.login], stop, look, missing, folder)
            for window in windows.values():
                window.close()
            write_index(folder, stops)
        browser.close()
    return taken


def dress(window: BrowserContext, address: str, login: str, look: Look) -> None:
    """Choose the language and the theme, and sign in."""
    chosen = (("lang", "zh"), ("theme", look.theme))
    window.add_cookies([{"name": name, "value": value, "url": address} for name, value in chosen])
    if login:
        page = window.new_page()
        page.goto("/login")
        sign_in(page, login)
        page.wait_for_selector("body.staff")
        page.close()
    window.add_cookies([{"name": "lang", "value": look.language, "url": address}])


def take(window: BrowserContext, stop: Stop, look: Look, sizes: Sequence[str], folder: Path) -> int:
    """The page at each of ``sizes``; 0 where the route answers with no page."""
    page = window.new_page()
    waiting = Waiting(page)
    try:
        there = page.request.get(stop.address, max_redirects=0)
        if there.status == 204 or not there.headers.get("content-type", "").startswith("text/html"):
            return 0
        if there.status >= 400 and stop.name != "error":
            sys.stderr.write(f"no picture of {stop.name}: {stop.address} answers {there.status}\n")
            return 0
        page.set_viewport_size({"width": SIZES[sizes[0]][0], "height": SIZES[sizes[0]][1]})
        page.goto(stop.address, wait_until="load")
        if stop.types:
            waiting.until_drawn(page)
            page.locator("main button.primary").first.click()
            page.locator("main textarea").first.fill(stop.types)
        for size in sizes:
            width, height = SIZES[size]
            page.set_viewport_size({"width": width, "height": height})
            waiting.until_drawn(page)
            # not Playwright's full page, which leaves the bar at the window's foot in the middle of the picture
            tall = int(page.evaluate("() => document.documentElement.scrollHeight"))
            if tall > height:
                page.set_viewport_size({"width": width, "height": min(tall, TALLEST_PX)})
                waiting.until_drawn(page)
            page.screenshot(path=picture(folder, stop, look, size), type="jpeg", quality=80)
        return len(sizes)
    finally:
        page.close()


def picture(folder: Path, stop: Stop, look: Look, size: str) -> Path:
    return folder / f"{stop.name}-{size}-{look.language}-{look.theme}.jpg"


def write_index(folder: Path, stops: Sequence[Stop]) -> None:
    """A contact sheet: one row for each page, one column for each look."""
    heads = "".join(f"<th>{look.language} {look.theme}</th>" for look in LOOKS)
    rows = []
    for stop in stops:
        cells = []
        for look in LOOKS:
            paths = [picture(folder, stop, look, size) for size in stop.sizes_in(look)]
            images = [
                f'<a href="{path.name}"><img src="{path.name}" loading="lazy"></a>' for path in paths if path.exists()
            ]
            cells.append(f"<td>{' '.join(images)}</td>")
        if any("img" in cell for cell in cells):
            rows.append(f"<tr><th>{html.escape(stop.name)}<br>{html.escape(stop.address)}</th>{''.join(cells)}</tr>")
    style = "body{font:14px sans-serif}img{width:220px;max-height:340px;object-fit:cover;object-position:top}"
    sheet = f"<!doctype html><meta charset=utf-8><title>Pages</title><style>{style}</style>"
    sheet += f"<table><tr><th></th>{heads}</tr>{''.join(rows)}</table>"
    (folder / "index.html").write_text(sheet, "utf-8")


def stops_of(site: FilledSite) -> list[Stop]:
    """Every page, and who looks at it."""
    found = site.pages()
    stops = [
        Stop(name, address, login_of(name), WALLS if name in {"wall", "kiosk"} else ())
        for name, address in sorted(found.items())
    ]
    others = [key for key in SHIPPED_KEYS if found["board"] != f"/boards/{key}"]
    stops += [Stop(f"board_{key}", f"/boards/{key}", "admin", SHIPPED) for key in others]
    return [*stops, Stop("scan_crew", found["scan"], "crew1"), Stop("error", "/nowhere", "admin")]


def screens_of(site: FilledSite) -> list[Stop]:
    """The screens of the phone's app, with what a crew carries; a form that was begun lies among the drafts."""
    in_hand = select(case.c.id, case.c.asset_id).where(case.c.stage == "in_hand", case.c.asset_id.is_not(None))
    with reading(site.engine) as tx:
        row = tx.execute(in_hand.order_by(case.c.id.desc()).limit(1)).one()
    places = {"tasks": "tasks", "scan": "scan", "asset": f"asset/{row.asset_id}", "case": f"case/{row.id}"}
    screens = [Stop(f"app_{name}", f"/app#/{place}", "crew1", ("phone",)) for name, place in places.items()]
    begun = Stop("app_draft", f"/app#/case/{row.id}", "crew1", ("phone",), types="井盖已复位，周边已清理。")
    return [
        *screens,
        begun,
        *(Stop(f"app_{name}", f"/app#/{name}", "crew1", ("phone",)) for name in ("drafts", "waiting")),
    ]


def login_of(endpoint: str) -> str:
    if endpoint in GUESTS and None in PERMISSIONS[endpoint].roles:
        return ""
    return "crew1" if endpoint in CREW else "admin"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="ROUTE", help="only these pages, by their routes' names"
    )
    parser.add_argument("--again", action="store_true", help="take again what is there already")
    given = parser.parse_args()
    began = time.monotonic()
    taken = take_all(given.folder, only=given.only, again=given.again)
    sys.stdout.write(f"{taken} pictures in {time.monotonic() - began:.0f} s: {given.folder}/index.html\n")


if __name__ == "__main__":
    main()
