"""Chromium with the wall and the overview open: what the pages take while things happen, and when nothing does."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import _generated as generated

Found = TypeVar("Found")

PAGES = ("/wall", "/")
CHROMIUM = "/usr/bin/chromium"
_NAMES = ("wall", "overview")
_SOON_S = 60.0
_SETTLING_S = 10.0
_IDLE_S = 30.0


def watch_pages(port: int, happen: Callable[[], Found]) -> tuple[Found, dict[str, float]]:
    """What ``happen`` answers, in a thread of its own, while the pages are open, and what they took.

    The heap of each page soon after the first events and after the last, the browser's memory then, and the
    processor's share while nothing happens any more.
    """
    from playwright.sync_api import sync_playwright

    told: dict[str, float] = {}
    with sync_playwright() as play:
        arguments = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = play.chromium.launch(executable_path=CHROMIUM, args=arguments)
        context = browser.new_context(viewport={"width": 1920, "height": 1080})
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/login")
        page.fill("input[name=login]", generated.LOGIN)
        page.fill("input[name=password]", generated.PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(lambda address: "/login" not in address)
        opened = [page, context.new_page()]
        for address, tab in zip(PAGES, opened, strict=True):
            tab.goto(f"http://127.0.0.1:{port}{address}")
            tab.wait_for_selector("[data-map][data-drawn]", timeout=120_000)
        with ThreadPoolExecutor(1) as other:
            happening = other.submit(happen)
            _wait(opened[0], _SOON_S, happening)
            told |= {f"{name}_heap_soon_mb": mb for name, mb in _heaps(context, opened).items()}
            _wait(opened[0], math.inf, happening)
            told |= {f"{name}_heap_mb": mb for name, mb in _heaps(context, opened).items()}
        told |= _memory()
        told |= _idle_share(opened)
        browser.close()
    return happening.result(), told


def _wait(tab: Any, seconds: float, happening: Future[Any]) -> None:
    """So long, or until nothing happens any more; Playwright's loop has to run meanwhile."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not happening.done():
        tab.wait_for_timeout(500)


def _heaps(context: Any, tabs: list[Any]) -> dict[str, float]:
    return {name: round(_heap_mb(context, tab), 1) for name, tab in zip(_NAMES, tabs, strict=True)}


def _heap_mb(context: Any, tab: Any) -> float:
    session = context.new_cdp_session(tab)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return float(metrics["JSHeapUsedSize"]) / 2**20


def _memory() -> dict[str, float]:
    """The largest process of a page, and all of the browser, the drawing without a graphics card among it."""
    by_process = {pid: _pss_mb(pid) for pid in _descendants(os.getpid())}
    pages = [mb for pid, mb in by_process.items() if "--type=renderer" in _command(pid)]
    return {
        "largest_page_memory_mb": round(max(pages, default=0.0), 1),
        "browser_memory_mb": round(sum(by_process.values()), 1),
    }


def _idle_share(tabs: list[Any]) -> dict[str, float]:
    """Of one core, what all of the browser takes while nothing happens: the wall in front, then the overview."""
    shares = {}
    for name, tab in zip(_NAMES, tabs, strict=True):
        tab.bring_to_front()
        tab.wait_for_timeout(_SETTLING_S * 1000)
        browsers = _descendants(os.getpid())
        before, began = sum(cpu_s(pid) for pid in browsers), time.monotonic()
        tab.wait_for_timeout(_IDLE_S * 1000)
        shares[f"{name}_idle_cpu_share"] = round(
            (sum(cpu_s(pid) for pid in browsers) - before) / (time.monotonic() - began), 3
        )
    return shares


def _descendants(pid: int) -> list[int]:
    """Every process of the browser below this one."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            head, _, tail = (process / "stat").read_text().rpartition(")")
        except OSError:
            continue  # it ended
        parents[int(process.name)] = int(tail.split()[1])
        names[int(process.name)] = head.partition("(")[2]
    found, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in found} - found
        found, grown = found | more, bool(more)
    return [child for child in found if names.get(child, "").startswith("chrom")]


def cpu_s(pid: int) -> float:
    """The processor's seconds that a process has taken; 0 when it is no more."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def _pss_mb(pid: int) -> float:
    """What the process takes, shared pages counted by their share."""
    try:
        rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(row.split()[1]) / 1024 for row in rows if row.startswith("Pss:")), 0.0)
