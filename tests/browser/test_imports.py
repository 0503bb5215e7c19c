"""A census table goes in by the keyboard alone: file, columns, check, duplicates, run, and back out again."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from registry.domain.people import SYSTEM
from registry.queries.imports import ImportView, import_file, list_imports
from registry.services import imports as import_services
from tests.browser.eyes import DESK, PHONE, Camera, Windows, beyond_the_window, serious_faults, words
from tests.browser.registry_site import RegistrySite

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("browser-registry"),
]

# the first row stands on an asset of the site, the second has a place that is none
CENSUS = (
    "井盖编号,井盖类型,经度,纬度,所在道路\n"
    "W-1,路灯,120.61,31.310001,人民路\n"
    "W-2,污水井盖,路口,31.3150,人民路\n"
    + "".join(f"W-{at},雨水井盖,{120.62 + at * 0.0003:.6f},31.3160,滨河东路\n" for at in range(3, 40))
).encode("gb18030")
TABS = 150


@pytest.fixture
def worker(book: RegistrySite) -> Iterator[None]:
    """What the worker process does about imports, while a test looks at pages."""
    ended = threading.Event()
    work = import_services.Work(holder=import_services.new_holder(), clock=lambda: datetime.now(UTC), stop=ended.is_set)

    def run() -> None:
        while not ended.wait(0.1):
            import_services.work_on_imports(book.engine, data_dir(book), work)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    ended.set()
    thread.join(60)
    # whichever test is next finds the book as this one found it
    for row in list_imports(book.engine).items:
        if row.state == "done":
            import_services.undo_import(book.engine, row.id, by=SYSTEM, now=datetime.now(UTC))


def data_dir(book: RegistrySite) -> Path:
    """Where the site keeps its files."""
    return Path(str(book.engine.url.database)).parent / "data"


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until ``target`` has the focus, as somebody without a mouse does."""
    expect(target).to_be_visible()
    for _ in range(TABS):
        if target.evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} is not reached by {TABS} tabs")


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    """Go there by Tab, and press a key on it."""
    tab_to(page, target)
    page.keyboard.press(key)


def newest(book: RegistrySite) -> ImportView:
    """The import that was begun last."""
    return import_file(book.engine, list_imports(book.engine).items[0].id)


@pytest.mark.usefixtures("worker")
def test_a_census_goes_in_and_out_again_by_the_keyboard(
    book: RegistrySite, book_windows: Windows, camera: Camera
) -> None:
    page = book_windows.open(DESK, login="registrar")
    page.goto("/imports")
    press(page, page.get_by_role("main").get_by_role("link", name=words("imports.new")).first)
    tab_to(page, page.locator("#file"))
    page.locator("#file").set_input_files({"name": "二〇二六年普查表.csv", "mimeType": "text/csv", "buffer": CENSUS})
    expect(page.locator("[data-drop-words]")).to_contain_text("二〇二六年普查表.csv")
    press(page, page.get_by_role("button", name=words("imports.upload"), exact=True))

    expect(page.get_by_label(words("imports.target_of", column="所在道路"))).to_have_value("road")
    tab_to(page, page.locator("input[name=crs]").first)
    page.keyboard.press("Space")
    expect(page.locator("[data-dot-map]")).to_have_attribute("data-drawn", re.compile(r"[1-9]"))
    assert serious_faults(page) == []
    camera.take(page, "import-columns", whole=True)
    press(page, page.get_by_role("button", name=words("imports.check")))

    expect(page.locator("#counts")).to_contain_text("39")
    expect(page.locator("#problems")).to_contain_text("路口")
    camera.take(page, "import-report", whole=True)
    press(page, page.get_by_role("link", name=words("imports.decide", n=1)))

    tab_to(page, page.locator("[data-duplicate]").first)
    page.keyboard.press("m")
    expect(page.get_by_role("radio", name=words("imports.merge"))).to_be_checked()
    press(page, page.get_by_role("button", name=words("imports.decide_these")))
    press(page, page.locator("form[action$='/run'] button"))

    expect(page.locator("#undo")).to_be_visible()
    done = newest(book)
    assert (done.state, done.rows, done.created, done.rejected, done.held) == ("done", 39, 37, 1, 0)
    assert done.created + done.updated + done.unchanged + done.rejected == done.rows
    assert serious_faults(page) == []
    camera.take(page, "import-done", whole=True)
    press(page, page.locator("#undo summary"))
    press(page, page.get_by_label(words("imports.undo_sure")), "Space")
    press(page, page.get_by_role("button", name=words("imports.undo_really")))

    expect(page.locator(".message.ok")).to_contain_text(words("imports.undone"))
    assert newest(book).state == "undone"


@pytest.mark.usefixtures("worker")
def test_a_census_goes_in_on_a_phone(book: RegistrySite, book_windows: Windows, camera: Camera) -> None:
    page = book_windows.open(PHONE, login="registrar", theme="dark")
    page.goto("/imports/new")
    page.locator("#file").set_input_files({"name": "路段.csv", "mimeType": "text/csv", "buffer": CENSUS})
    page.get_by_role("button", name=words("imports.upload"), exact=True).tap()
    page.locator("label.radio").filter(has_text="CGCS2000").tap()
    expect(page.locator("[data-dot-map]")).to_have_attribute("data-drawn", re.compile(r"[1-9]"))
    fits(page)
    camera.take(page, "import-columns-phone", whole=True)
    page.get_by_role("button", name=words("imports.check")).tap()
    expect(page.locator("#counts")).to_be_visible()
    fits(page)
    camera.take(page, "import-report-phone", whole=True)
    page.get_by_role("link", name=words("imports.decide", n=1)).tap()
    page.get_by_text(words("imports.keep"), exact=True).first.tap()
    fits(page)
    assert serious_faults(page) == []
    page.get_by_role("button", name=words("imports.decide_these")).tap()
    page.locator("form[action$='/run'] button").tap()
    expect(page.locator("#undo")).to_be_visible()
    assert newest(book).created == 38


def fits(page: Page) -> None:
    """Nothing sticks out to the side."""
    assert beyond_the_window(page) == ""
