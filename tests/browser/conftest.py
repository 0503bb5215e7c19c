"""A browser on a running city; every test here fails when a page logs an error, throws, or asks another host."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, StorageState, expect, sync_playwright

from tests.browser.eyes import PATIENCE_MS, Camera, Windows, Witness
from tests.browser.filled_site import FilledSite, filled_site
from tests.browser.registry_site import RegistrySite, registry_site
from tests.browser.running_city import RunningCity, running_city
from tests.once import keep_compiled_pages

CHROMIUM = "/usr/bin/chromium"
# Chromium without all that makes windows: pages are as there, for two thirds of the processor
HEADLESS = "/usr/bin/chromium-headless-shell"
# the map needs WebGL, which swiftshader gives a machine without a graphics card
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
_CITY = pytest.StashKey[tuple[RunningCity, ExitStack]]()
_CHROMIUM = pytest.StashKey[tuple[Browser, ExitStack]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", type=Path, metavar="DIR", help="take pictures of the pages into this folder")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The journey first: its alert is written for the time when somebody has just sat down."""
    here = [place for place, item in enumerate(items) if item.get_closest_marker("browser")]
    ordered = sorted((items[place] for place in here), key=lambda item: "the_dispatcher_sees" not in item.name)
    for place, item in zip(here, ordered, strict=True):
        items[place] = item


@pytest.fixture
def city(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunningCity:
    """One for all tests that look at it; it ends with the last of them and does not run on beside the others."""
    if _CITY not in request.config.stash:
        opened = ExitStack()
        running = opened.enter_context(running_city(tmp_path_factory.mktemp("browser")))
        request.config.stash[_CITY] = (running, opened)
    return request.config.stash[_CITY][0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """End the city and the browser when the next test needs none."""
    needed, stash = getattr(nextitem, "fixturenames", ()), item.config.stash
    try:
        return (yield)
    finally:
        if _CITY in stash and "city" not in needed:
            stash[_CITY][1].close()
            del stash[_CITY]
        if _CHROMIUM in stash and "chromium" not in needed:
            stash[_CHROMIUM][1].close()
            del stash[_CHROMIUM]


@pytest.fixture
def chromium(request: pytest.FixtureRequest) -> Browser:
    """One for all tests that look through it; it ends with the last of them, and with it Playwright's event loop."""
    if _CHROMIUM not in request.config.stash:
        opened = ExitStack()
        expect.set_options(timeout=PATIENCE_MS)
        playwright = opened.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=HEADLESS, args=SWITCHES)
        opened.callback(browser.close)
        request.config.stash[_CHROMIUM] = (browser, opened)
    return request.config.stash[_CHROMIUM][0]


@pytest.fixture(scope="session")
def keys() -> dict[str, StorageState]:
    """The session of every account that signed in already."""
    return {}


@pytest.fixture
def witness(city: RunningCity) -> Witness:
    return Witness(city.address)


@pytest.fixture
def windows(city: RunningCity, chromium: Browser, keys: dict[str, StorageState], witness: Witness) -> Iterator[Windows]:
    opened = Windows(browser=chromium, city=city.address, witness=witness, keys=keys)
    yield opened
    opened.close()
    assert witness.saw == []


@pytest.fixture(scope="session")
def camera(request: pytest.FixtureRequest) -> Camera:
    folder: Path | None = request.config.getoption("pictures", None)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return Camera(folder)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistrySite]:
    """A city with a book of record and no street."""
    with registry_site(tmp_path_factory.mktemp("book")) as site:
        keep_compiled_pages(site.app, tmp_path_factory)
        yield site


@pytest.fixture(scope="module")
def book_keys() -> dict[str, StorageState]:
    return {}


@pytest.fixture
def book_windows(book: RegistrySite, chromium: Browser, book_keys: dict[str, StorageState]) -> Iterator[Windows]:
    witness = Witness(book.address)
    opened = Windows(browser=chromium, city=book.address, witness=witness, keys=book_keys)
    yield opened
    opened.close()
    assert witness.saw == []


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilledSite]:
    """A city with something of each sort."""
    with filled_site(tmp_path_factory.mktemp("filled")) as site:
        keep_compiled_pages(site.app, tmp_path_factory)
        yield site


@pytest.fixture(scope="session")
def filled_keys() -> dict[str, StorageState]:
    return {}


@pytest.fixture
def filled_windows(filled: FilledSite, chromium: Browser, filled_keys: dict[str, StorageState]) -> Iterator[Windows]:
    witness = Witness(filled.address)
    opened = Windows(browser=chromium, city=filled.address, witness=witness, keys=filled_keys)
    yield opened
    opened.close()
    assert witness.saw == []
