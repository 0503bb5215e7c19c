"""What a test sees through: browser windows that tell on their pages, the words on them, and a camera."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, StorageState, expect

import dashboards
from registry.services.demo_people import DEMO_PASSWORD

PATIENCE_MS = 90_000
DESK: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
    "geolocation": {"longitude": 120.6190, "latitude": 31.3060},
    "permissions": ["geolocation"],
}

# How grave a fault is goes with its rule, so the rules of all others need not be looked into; one of them would have
# every stylesheet fetched again.
_ASK_AXE = """async (grave) => {
  const others = axe._audit.rules.filter((rule) => rule.impact && !grave.includes(rule.impact));
  const rules = Object.fromEntries(others.map((rule) => [rule.id, { enabled: false }]));
  const { violations } = await axe.run({ resultTypes: ["violations"], rules });
  return violations
    .filter((fault) => grave.includes(fault.impact))
    .map((fault) => `${fault.id} at ${fault.nodes.slice(0, 3).map((node) => node.target).join("; ")}`);
}"""

# What stands out, not what it stands in; nor what a box of its own cuts off or scrolls, and what is not on the page.
_BEYOND_THE_WINDOW = """() => {
  // not innerWidth: on a phone that grows with a page that is too wide
  const width = document.documentElement.clientWidth;
  const over = document.documentElement.scrollWidth - width;
  if (over <= 0) return "";
  const cut = (element) => {
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement)
      if (getComputedStyle(box).overflowX !== "visible") return true;
    return false;
  };
  const end = (element) => element.getBoundingClientRect().right + scrollX - width;
  const beyond = [...document.body.querySelectorAll("*")].filter((each) => end(each) > 0 && !cut(each));
  const called = (element) => element.tagName.toLowerCase() + (element.id && `#${element.id}`) +
    [...element.classList].map((name) => `.${name}`).join("");
  const told = beyond
    .filter((each) => !beyond.some((other) => other !== each && each.contains(other) && end(other) >= end(each)))
    .sort((one, other) => end(other) - end(one))
    .slice(0, 5)
    .map((each) => `${called(each.parentElement)} > ${called(each)} by ${end(each).toFixed(1)} px: ` +
      (each.textContent ?? "").trim().replace(/\\s+/g, " ").slice(0, 40));
  return `${over} px wider than the window of ${width} px; ${told.join("; ") || "no element stands out"}`;
}"""


@cache
def _words(language: str) -> dict[str, str]:
    folder = Path(dashboards.__file__).parent / "words"
    files = (f"{language}.json", f"messages.{language}.json")
    return {key: text for name in files for key, text in json.loads((folder / name).read_text("utf-8")).items()}


def words(key: str, language: str = "zh", **values: object) -> str:
    """The words that the pages use for ``key``."""
    return _words(language)[key].format(**values)


@dataclass  # no slots: Playwright leaves a mark on the owner of its handlers
class Witness:
    """What the pages of one test did that no page should do."""

    city: str
    saw: list[str] = field(default_factory=list)
    # addresses whose answer is meant to be an error; the browser logs it as one
    refused: set[str] = field(default_factory=set)

    def follow(self, context: BrowserContext) -> None:
        """Look at everything this window will do."""
        context.on("console", self._heard)
        context.on("weberror", lambda error: self.saw.append(f"thrown: {error.error}"))
        context.on("request", self._left)

    def _heard(self, message: ConsoleMessage) -> None:
        address = message.location["url"]
        if message.type == "error" and address not in self.refused:
            self.saw.append(f"console error at {address}: {message.text}")

    def _left(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"blob", "data"} and f"{parts.scheme}://{parts.netloc}" != self.city:
            self.saw.append(f"asked another host: {request.url}")


@dataclass(slots=True, kw_only=True)
class Windows:
    """Opens browser windows, signed in or not; every one is watched."""

    browser: Browser
    city: str
    witness: Witness
    keys: dict[str, StorageState]
    _open: list[BrowserContext] = field(default_factory=list)

    def open(
        self, shape: dict[str, Any], *, login: str = "", language: str = "zh", theme: str = "light", **more: Any
    ) -> Page:
        """A page in a window of its own, on nothing yet; with ``login`` signed in as that demo account."""
        if login and login not in self.keys:
            self.keys[login] = self._key_of(login)
        context = self.browser.new_context(
            **shape, **more, base_url=self.city, locale="zh-CN", storage_state=self.keys.get(login)
        )
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies(
            [{"name": name, "value": value, "url": self.city} for name, value in (("lang", language), ("theme", theme))]
        )
        self.witness.follow(context)
        self._open.append(context)
        return context.new_page()

    def close(self) -> None:
        """Close them all."""
        for context in self._open:
            context.close()

    def _key_of(self, login: str) -> StorageState:
        page = self.open(DESK)
        page.goto("/login")
        sign_in(page, login)
        expect(page.locator("body.staff")).to_be_attached()
        return page.context.storage_state()


def sign_in(page: Page, login: str) -> None:
    """Fill in the form of the sign-in page and send it."""
    page.get_by_label(words("login.login"), exact=True).fill(login)
    page.get_by_label(words("login.password"), exact=True).fill(DEMO_PASSWORD)
    page.get_by_role("button", name=words("login.enter"), exact=True).click()


@dataclass(frozen=True, slots=True)
class Camera:
    """Takes pictures into a folder, or none where no folder was asked for."""

    folder: Path | None

    def take(self, page: Page, name: str, *, whole: bool = False) -> None:
        """The window as it is, or the ``whole`` length of the page."""
        if self.folder is None:
            return
        map_box = page.locator("[data-map]")
        if map_box.count():
            expect(map_box.locator(".map-wait")).to_have_count(0)
            stands_still(map_box)
            page.evaluate("() => scrollTo(0, 0)")
        size = page.viewport_size
        if whole and size is not None:
            # not Playwright's full page, which leaves the bar at the window's foot in the middle of the picture
            height = int(page.evaluate("() => document.documentElement.scrollHeight"))
            page.set_viewport_size({"width": size["width"], "height": max(size["height"], height)})
        page.screenshot(path=self.folder / f"{name}.png")
        if whole and size is not None:
            page.set_viewport_size(size)


def stands_still(part: Locator) -> None:
    """Wait until two pictures of it, one frame after the other, are the same."""
    seen: list[bytes] = [b""]

    def same() -> bool:
        seen.append(part.screenshot())
        return seen[-1] == seen[-2]

    until(part.page, same, what="it stands still")


def until(page: Page, condition: Callable[[], bool], *, what: str) -> None:
    """Look again each time the page has painted, as long as a locator is waited for, until ``condition`` holds."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_MS / 1000:.0f} s: {what}"
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def beyond_the_window(page: Page) -> str:
    """By how much the page is wider than its window, and what stands out; nothing where all of it fits."""
    return str(page.evaluate(_BEYOND_THE_WINDOW))


def serious_faults(page: Page) -> list[str]:
    """What axe finds on the page that keeps somebody from using it: the rule, and the first places."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(Axe().axe_script)
    found: list[str] = page.evaluate(_ASK_AXE, ["serious", "critical"])
    return found
