"""What a page costs in Chromium: bytes of script and style on the line, how much it shifts, whom it asks."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import CDPSession, Page, Request

# A phone on a bad evening: "Fast 3G" of Chromium's own tools ("Slow 4G" since 2024), which is Lighthouse's mobile line
# (150 ms, 1.6 Mbit/s down, 750 kbit/s up) as both apply it to each request: 3.75 times the way there and back, nine
# tenths of the bytes (chromium: front_end/core/sdk/NetworkManager.ts; lighthouse: core/config/constants.js). And a
# processor four times slower than this one.
SLOW_LINE = {
    "offline": False,
    "latency": 150 * 3.75,
    "downloadThroughput": 1.6e6 * 0.9 / 8,
    "uploadThroughput": 0.75e6 * 0.9 / 8,
}
SLOWER_CPU = 4

# a page is drawn when it has asked for nothing for so long; one that always asks is not waited for longer than that
QUIET_MS, PATIENCE_MS = 250, 15_000

# set before anything of the page runs; a shift within half a second of a touch is what the visitor asked for
WATCH = """() => {
  window.__shift = 0; window.__paint = 0;
  new PerformanceObserver((list) => { for (const one of list.getEntries())
      if (!one.hadRecentInput) window.__shift += one.value; })
    .observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((list) => { for (const one of list.getEntries())
      if (one.name === "first-contentful-paint") window.__paint = one.startTime; })
    .observe({ type: "paint", buffered: true });
}"""


class Waiting:
    """Counts what the page still waits for; a live stream stays open and is not waited for."""

    def __init__(self, page: Page) -> None:
        self._open: set[Request] = set()
        page.on("request", self._began)
        page.on("requestfinished", self._ended)
        page.on("requestfailed", self._ended)

    def _began(self, request: Request) -> None:
        if request.resource_type not in ("eventsource", "websocket") and "/stream" not in request.url:
            self._open.add(request)

    def _ended(self, request: Request) -> None:
        self._open.discard(request)

    def until_drawn(self, page: Page) -> bool:
        """Wait until its letters are there and it has asked for nothing for a moment; whether that came in time."""
        page.evaluate("() => document.fonts.ready.then(() => true)")
        deadline, quiet_since = time.monotonic() + PATIENCE_MS / 1000, time.monotonic()
        while time.monotonic() < deadline:
            page.wait_for_timeout(50)
            if self._open or page.locator(".citymap:not([data-drawn]):visible, .map-wait:visible").count():
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > QUIET_MS / 1000:
                return True
        self._open.clear()
        return False


@dataclass
class Cost:
    """What one visit cost."""

    scripts: dict[str, int] = field(default_factory=dict)
    styles: dict[str, int] = field(default_factory=dict)
    other_hosts: list[str] = field(default_factory=list)
    shift: float = 0.0
    first_paint_ms: float = 0.0

    @property
    def script_bytes(self) -> int:
        return sum(self.scripts.values())

    @property
    def bytes(self) -> int:
        return self.script_bytes + sum(self.styles.values())


def slow_down(page: Page) -> CDPSession:
    """Let the page's line and processor be those of ``SLOW_LINE`` and ``SLOWER_CPU``, its cache empty."""
    tools = page.context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.send("Network.setCacheDisabled", {"cacheDisabled": True})
    tools.send("Network.emulateNetworkConditions", SLOW_LINE)
    tools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER_CPU})
    return tools


def cost_of(page: Page, address: str) -> Cost:
    """Visit ``address`` in a fresh ``page`` and wait until it is drawn."""
    cost, asked, waiting = Cost(), list[Request](), Waiting(page)
    page.add_init_script(f"({WATCH})()")
    page.on("requestfinished", lambda request: asked.append(request))
    page.goto(address, wait_until="load")
    waiting.until_drawn(page)
    own = urlsplit(page.url).netloc
    for request in asked:
        parts = urlsplit(request.url)
        if parts.scheme in ("blob", "data"):
            continue
        if parts.netloc != own:
            cost.other_hosts.append(request.url)
        elif parts.path.endswith((".js", ".mjs", ".wasm")):
            cost.scripts[parts.path] = max(_sent(request), cost.scripts.get(parts.path, 0))
        elif parts.path.endswith(".css"):
            cost.styles[parts.path] = max(_sent(request), cost.styles.get(parts.path, 0))
    cost.shift = float(page.evaluate("() => window.__shift"))
    cost.first_paint_ms = float(page.evaluate("() => window.__paint"))
    return cost


def _sent(request: Request) -> int:
    """Bytes of the answer's body on the line.

    What a worker loads, Chromium counts as nothing or as less: there the answer says how long it is.
    """
    answer = request.response()
    told = answer.headers.get("content-length") if answer else None
    return int(told) if told else request.sizes()["responseBodySize"]
