"""Whether the map's page ever holds its reader up: a tour over a million assets in Chromium, by pointer and wheel.

The city is served as in production. Chromium, headless and without a graphics card (the worst case: the processor
draws, in a process of its own as a card would), opens ``/map`` and is led over it as people move: drags, a few steps of
the wheel in and out over a street, again and again. The page's own clocks say how long its thread was held (the Long
Tasks API counts every task over 50 ms) and how many frames it asked to draw. The baseline is the same tour over a page
without a map, in the same browser.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from shutil import copyfile
from typing import Any

from benchmarks import _generated as generated
from benchmarks._web import city_app, served, sign_in

ASSETS = 1_000_000
KEPT = Path("var/bench")
DEFAULT_SECONDS = 30.0
CHROMIUM = "/usr/bin/chromium"
WINDOW = {"width": 1440, "height": 900}
PATIENCE_MS = 120_000
_SWITCHES = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
_WATCH = """() => {
  window.seen = { tasks: [], frames: 0 };
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.seen.tasks.push([task.startTime, task.duration]);
  }).observe({ type: "longtask", buffered: true });
  const frame = () => { window.seen.frames += 1; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""
# page and worker load one file together: it is sent once
_SENT = """() => {
  const all = performance.getEntriesByType("resource");
  const scripts = all.filter((each) => /\\.m?js$/.test(new URL(each.name).pathname));
  return [...new Map(scripts.map((each) => [each.name, each.encodedBodySize])).values()].reduce((sum, n) => sum + n, 0);
}"""
_DRAWN = "[data-map-page][data-ready] [data-drawn]"


def run(seconds: float | None = None, rows: int | None = None) -> dict[str, Any]:
    """Figures of a tour of ``seconds`` (thirty) over ``rows`` assets (a million)."""
    many, span_s = rows or ASSETS, seconds or DEFAULT_SECONDS
    database = generated.registry_of(many, KEPT)
    with tempfile.TemporaryDirectory() as folder:
        copyfile(database, Path(folder) / "covercode.db")
        with served(city_app, folder) as port, _window(port) as page:
            plain = _tour(page, f"http://127.0.0.1:{port}/assets", span_s / 3, drawn="main")
            found = _tour(page, f"http://127.0.0.1:{port}/map", span_s, drawn=_DRAWN)
            sent = int(page.evaluate(_SENT))
    frames = found["frames_per_s"] / plain["frames_per_s"] if plain["frames_per_s"] else 0.0
    return {
        "figures": {"assets": many, **found, "script_kb": round(sent / 1_000, 1)},
        "baseline": {f"page_without_map_{name}": value for name, value in plain.items()},
        "ratios": {"frames_vs_page_without_map": round(frames, 3)},
        "config": {"seconds": span_s, "window": WINDOW, "graphics": "software", "seed": 7},
    }


@contextmanager
def _window(port: int) -> Iterator[Any]:
    """A page of a browser in which somebody is signed in. Raises ``SystemExit`` that says what to install."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise SystemExit("this benchmark drives Chromium by Playwright: run `make setup`") from error
    if not Path(CHROMIUM).exists():
        raise SystemExit(f"there is no {CHROMIUM}: apt-get install chromium")
    address = f"http://127.0.0.1:{port}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_SWITCHES))
        context = browser.new_context(viewport=WINDOW, locale="zh-CN")  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        parts = [part.partition("=") for part in sign_in(port).split("; ")]
        context.add_cookies([{"name": name, "value": value, "url": address} for name, _, value in parts])
        context.add_init_script(f"({_WATCH})()")
        yield context.new_page()
        browser.close()


def _tour(page: Any, address: str, seconds: float, *, drawn: str) -> dict[str, float]:
    """What the page's thread did while it was opened and led about for ``seconds``."""
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(drawn, state="attached")
    drawn_ms = (time.perf_counter() - began) * 1_000
    opened = page.evaluate("() => ({ at: performance.now(), frames: window.seen.frames })")
    began = time.perf_counter()
    rng, moves = Random(7), 0
    while time.perf_counter() - began < seconds:
        _move(page, rng)
        moves += 1
    lasted_s = time.perf_counter() - began
    seen = page.evaluate("() => window.seen")
    loading = [ms for at, ms in seen["tasks"] if at < opened["at"]]
    touring = [ms for at, ms in seen["tasks"] if at >= opened["at"]]
    return {
        "drawn_ms": round(drawn_ms),
        "longest_task_ms": round(max(touring, default=0.0)),
        "longest_task_opening_ms": round(max(loading, default=0.0)),
        "tasks_over_50_ms": len(touring),
        "tasks_over_200_ms": sum(ms > 200 for ms in touring),
        "frames_per_s": round((seen["frames"] - opened["frames"]) / lasted_s, 1),
        "moves": moves,
    }


def _move(page: Any, rng: Random) -> None:
    """One thing that somebody does with a map: drag it, or go nearer and away again over a place."""
    x, y = rng.uniform(500, 1_250), rng.uniform(150, 800)
    page.mouse.move(x, y)
    if rng.random() < 0.5:
        page.mouse.down()
        page.mouse.move(x + rng.uniform(-300, 300), y + rng.uniform(-250, 250), steps=12)
        page.mouse.up()
        return
    nearer = -1 if rng.random() < 0.55 else 1
    for _ in range(rng.randint(2, 6)):
        page.mouse.wheel(0, nearer * 240)
        page.wait_for_timeout(60)
