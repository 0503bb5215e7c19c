"""Chromium with the wall and the overview open: what the pages take while things happen, and when nothing does."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from benchmarks import _generated as generated

Found = TypeVar("Found")

PAGES = ("/wall", "/")
CHROMIUM = "/usr/bin/chromium"
_NAMES = ("wall", "overview")
_SOON_S = 60.0
_SETTLING_S = 10.0
_IDLE_S = 30.0
_SAMPLED_EVERY_S = 5.0
_TOLD_EVERY = 12  # so many samples are a minute


def watch_pages(port: int, happen: Callable[[], Found]) -> tuple[Found, dict[str, float]]:
    """What ``happen`` answers, in a thread of its own, while the pages are open, and what they took.

    The memory of each page's process, sampled all the while, the heap of each page soon after the first events and
    after the last, and the processor's share while nothing happens any more. Meanwhile nobody is attached to the
    browser: its tools keep what pages fetch, which no visitor's browser does.
    """
    from playwright.sync_api import sync_playwright

    told: dict[str, float] = {}
    with _chromium() as address, sync_playwright() as play:
        with _attached(play, address) as browser:
            _open_pages(browser, port)
        with ThreadPoolExecutor(1) as other:
            happening = other.submit(happen)
            page_mb = _sampled(_SOON_S, happening)
            with _attached(play, address) as browser:
                told |= {f"{name}_heap_soon_mb": mb for name, mb in _heaps(browser).items()}
            page_mb += _sampled(math.inf, happening)
        told |= {"largest_page_memory_mb": max(page_mb), "largest_page_memory_at_end_mb": page_mb[-1]}
        told["browser_memory_mb"] = round(sum(map(_pss_mb, _descendants(os.getpid()))), 1)
        with _attached(play, address) as browser:
            told |= {f"{name}_heap_mb": mb for name, mb in _heaps(browser).items()}
            told |= _idle_share([_tab(browser, path) for path in PAGES])
    return happening.result(), told


@contextlib.contextmanager
def _chromium() -> Iterator[str]:
    """A browser of its own; yields where its tools listen."""
    arguments = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    arguments += ["--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows"]
    arguments += ["--disable-renderer-backgrounding", "--no-first-run", "--window-size=1920,1080"]
    # its last processes may still write while their folder is taken away
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # the system ends it with this process, however that ends
        command = ["setpriv", "--pdeathsig", "KILL", CHROMIUM, "--headless=new", "--remote-debugging-port=0"]
        command += [f"--user-data-dir={profile}", *arguments, "about:blank"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            told = Path(profile) / "DevToolsActivePort"
            deadline_s = time.monotonic() + 60
            while not told.exists() or not told.read_text().strip():
                if process.poll() is not None or time.monotonic() > deadline_s:
                    raise RuntimeError("Chromium did not start")
                time.sleep(0.1)
            yield f"http://127.0.0.1:{told.read_text().split()[0]}"
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def _attached(play: Any, address: str) -> Iterator[Any]:
    browser = play.chromium.connect_over_cdp(address)
    try:
        yield browser
    finally:
        browser.close()  # only lets go: the pages stay


def _open_pages(browser: Any, port: int) -> None:
    page = browser.contexts[0].pages[0]
    page.goto(f"http://127.0.0.1:{port}/login")
    page.fill("input[name=login]", generated.LOGIN)
    page.fill("input[name=password]", generated.PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda address: "/login" not in address)
    for path in PAGES:
        # a window for each: a page that nobody sees does less
        session = browser.new_browser_cdp_session()
        session.send("Target.createTarget", {"url": f"http://127.0.0.1:{port}{path}", "newWindow": True})
        session.detach()
    page.close()
    deadline_s = time.monotonic() + 60
    while len(browser.contexts[0].pages) < len(PAGES) and time.monotonic() < deadline_s:
        browser.contexts[0].pages[0].wait_for_timeout(100)
    for path in PAGES:
        _tab(browser, path).wait_for_selector("[data-map][data-drawn]", timeout=120_000)


def _tab(browser: Any, path: str) -> Any:
    return next(page for page in browser.contexts[0].pages if urlsplit(page.url).path == path)


def _sampled(seconds: float, happening: Future[Any]) -> list[float]:
    """The memory of the largest page's process, every few seconds for so long or until nothing happens any more."""
    ends = time.monotonic() + seconds
    found: list[float] = []
    while not found or (time.monotonic() < ends and not happening.done()):
        pages = [_pss_mb(pid) for pid in _descendants(os.getpid()) if "--type=renderer" in _command(pid)]
        found.append(round(max(pages, default=0.0), 1))
        if len(found) % _TOLD_EVERY == 0:
            print(f"the largest page takes {found[-1]} MB after {len(found) * _SAMPLED_EVERY_S:.0f} s", file=sys.stderr)
        wait([happening], timeout=min(_SAMPLED_EVERY_S, max(0.0, ends - time.monotonic())))
    return found


def _heaps(browser: Any) -> dict[str, float]:
    context = browser.contexts[0]
    return {name: round(_heap_mb(context, _tab(browser, path)), 1) for name, path in zip(_NAMES, PAGES, strict=True)}


def _heap_mb(context: Any, tab: Any) -> float:
    session = context.new_cdp_session(tab)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return float(metrics["JSHeapUsedSize"]) / 2**20


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
