"""What pages cost a phone on a bad line and a desk: bytes of script and style, the first paint, how much they shift.

A city with something of each sort on file is served here and opened in the system's Chromium. What is opened in the
street, the public scan page, the crew's and the phone's app, is opened several times with an empty cache, throttled as
``config`` says; beside it, throttled alike, a page of one line.
Then every page is opened once at a desk and once on a phone, unthrottled: what it loads, what it shifts, whom it asks.
Bytes are those on the line with Brotli, which browsers take over HTTPS; ``…_gzip_bytes`` is what goes out without.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from tests.browser.conftest import CHROMIUM, SWITCHES
from tests.browser.filled_site import FilledSite, filled_site
from tests.browser.measuring import SLOW_LINE, SLOWER_CPU, Cost, cost_of, slow_down
from tests.browser.pictures import LOOKS, SIZES, dress, stops_of

VISITS = 5
BUDGETS = {"scan_script_bytes": 100_000, "scan_first_paint_ms": 1_500, "desk_bytes": 400_000, "shift": 0.1}


def run(seconds: float | None = None) -> dict[str, Any]:
    """The figures; ``seconds`` bounds how long pages are opened one after the other (None: until all were)."""
    # a request that is still answered may write to the folder; what was found out is not lost to that
    away = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with away as home, filled_site(Path(home)) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        plate, crew = site.pages()["scan"], _key(browser, site, "crew1")
        scan = [_slow_visit(browser, site, plate) for _ in range(VISITS)]
        crew_scan = [_slow_visit(browser, site, plate, crew) for _ in range(VISITS)]
        app = [_slow_visit(browser, site, "/app", crew) for _ in range(VISITS)]
        line = [_slow_visit(browser, site, "/healthz") for _ in range(VISITS)]
        pages = dict(_every_page(browser, site, seconds))
        browser.close()
        desk = {name: cost for (name, size), cost in pages.items() if size == "desk"}
        heaviest = max(desk, key=lambda name: desk[name].bytes)
        restless = max(pages, key=lambda key: pages[key].shift)
        paint, plain = _paint(scan), _paint(line)
        figures = {
            "scan_script_bytes": scan[0].script_bytes,
            "scan_script_gzip_bytes": _gzipped(site, scan[0]),
            "scan_first_paint_ms": round(paint),
            "crew_scan_script_bytes": crew_scan[0].script_bytes,
            "crew_scan_first_paint_ms": round(_paint(crew_scan)),
            "app_script_bytes": app[0].script_bytes,
            "app_first_paint_ms": round(_paint(app)),
            "desk_bytes_most": desk[heaviest].bytes,
            "desk_bytes_most_page": heaviest,
            "desk_gzip_bytes_most": max(_gzipped(site, cost, styles=True) for cost in desk.values()),
            "desk_bytes_median": round(statistics.median(cost.bytes for cost in desk.values())),
            "shift_most": round(pages[restless].shift, 4),
            "shift_most_page": " ".join(restless),
            "other_hosts": sum(len(cost.other_hosts) for cost in pages.values()),
            "pages": len(desk),
            "over_budget": _over_on_a_scan(scan[0], paint) + _over(desk, pages),
        }
    return {
        "figures": figures,
        "baseline": {"one_line_first_paint_ms": round(plain)},
        "ratios": {"scan_vs_one_line": round(paint / plain, 2)},
        "config": {"line": SLOW_LINE, "cpu_slower_by": SLOWER_CPU, "visits": VISITS, "budgets": BUDGETS},
    }


def _paint(costs: Sequence[Cost]) -> float:
    return statistics.median(cost.first_paint_ms for cost in costs)


def _slow_visit(browser: Browser, site: FilledSite, address: str, key: StorageState | None = None) -> Cost:
    with _window(browser, site, "" if key is None else None, key) as page:
        slow_down(page)
        return cost_of(page, address)


def _key(browser: Browser, site: FilledSite, login: str) -> StorageState:
    """What a browser keeps once ``login`` has signed in."""
    with _window(browser, site, login) as page:
        return page.context.storage_state()


@contextmanager
def _window(
    browser: Browser, site: FilledSite, login: str | None, key: StorageState | None = None, size: str = "phone"
) -> Iterator[Page]:
    """A window with an empty cache, dressed as ``login``, or with ``key``, which was dressed before."""
    width, height = SIZES[size]
    context = browser.new_context(base_url=site.address, viewport={"width": width, "height": height}, storage_state=key)
    try:
        if login is not None:
            dress(context, site.address, login, LOOKS[0])
        yield context.new_page()
    finally:
        context.close()


def _every_page(browser: Browser, site: FilledSite, seconds: float | None) -> Iterator[tuple[tuple[str, str], Cost]]:
    """(Name of the route, size) → what it cost; each page in a tab of its own, of a window with an empty cache."""
    began, keys = time.monotonic(), dict[str, StorageState]()
    for stop in stops_of(site):
        if stop.login not in keys:
            keys[stop.login] = _key(browser, site, stop.login)
        for size in ("desk", "phone"):
            if seconds is not None and time.monotonic() - began > seconds:
                return
            with _window(browser, site, None, keys[stop.login], size) as page:
                there = page.request.get(stop.address, max_redirects=0)
                if there.status == 200 and there.headers.get("content-type", "").startswith("text/html"):
                    yield (stop.name, size), cost_of(page, stop.address)


def _gzipped(site: FilledSite, cost: Cost, *, styles: bool = False) -> int:
    """Bytes of the same files where the browser takes no Brotli."""
    folder = Path(site.app.static_folder or "")
    paths = [*cost.scripts, *(cost.styles if styles else ())]
    files = [folder / path.removeprefix("/static/") for path in paths]
    return sum(_smallest(Path(f"{file}.gz"), file).stat().st_size for file in files if file.exists())


def _smallest(packed: Path, plain: Path) -> Path:
    return packed if packed.exists() else plain


def _over_on_a_scan(cost: Cost, paint_ms: float) -> list[str]:
    found = {"scan_script_bytes": cost.script_bytes, "scan_first_paint_ms": paint_ms}
    return [f"scan: {name} {value:.0f}" for name, value in found.items() if value > BUDGETS[name]]


def _over(desk: dict[str, Cost], pages: dict[tuple[str, str], Cost]) -> list[str]:
    heavy = [f"{name}: {cost.bytes} bytes" for name, cost in desk.items() if cost.bytes > BUDGETS["desk_bytes"]]
    return heavy + [
        f"{' '.join(key)}: shifts {cost.shift:.3f}" for key, cost in pages.items() if cost.shift > BUDGETS["shift"]
    ]
