"""Every page of a running city in Chinese by day at a desk or in English by night on a phone: it fits and stays quiet.

``test_registry_pages`` looks at all pages that there are, at both sizes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from registry.domain.kinds import Family
from registry.services.reports import report_by_citizen
from tests.browser.eyes import DESK, PHONE, Camera, Windows, beyond_the_window
from tests.browser.running_city import RunningCity
from tests.browser.troubled_cabinet import troubled_cabinet

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("browser"),
]

SHAPES = {"desk": DESK, "phone": PHONE}
# what a key of the words looks like that nobody translated
BARE_KEY = re.compile(r"\b(?:nav|case|asset|stage|move|kind|rule|unit|point|message|error|scan|crew)\.[a-z_]{3,}\b")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All eight looks when pictures are wanted; otherwise two that have nothing in common, in turn."""
    every = slice(None)
    looks = [
        (shape, language, theme, every) for shape in SHAPES for language in ("zh", "en") for theme in ("light", "dark")
    ]
    if metafunc.config.getoption("pictures", None) is None:
        looks = [("desk", "zh", "light", slice(0, None, 2)), ("phone", "en", "dark", slice(1, None, 2))]
    metafunc.parametrize(("shape", "language", "theme", "which"), looks, ids=["-".join(look[:3]) for look in looks])


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One page: its address, who looks at it ("" is nobody in particular), the status it answers with."""

    name: str
    address: str
    login: str = "dispatcher"
    status: int = 200


def test_every_page_fits_its_window_and_speaks_its_language(
    city: RunningCity, windows: Windows, camera: Camera, shape: str, language: str, theme: str, which: slice
):
    seats: dict[str, Page] = {}
    for stop in list(_tour(city, f"{shape}-{language}-{theme}"))[which]:
        if stop.login not in seats:
            seats[stop.login] = windows.open(SHAPES[shape], login=stop.login, language=language, theme=theme)
        page = seats[stop.login]
        if stop.status != 200:
            windows.witness.refused.add(f"{city.address}{stop.address}")
        answer = page.goto(stop.address)
        assert answer is not None
        assert answer.status == stop.status, stop
        _is_ready(page)
        camera.take(page, f"page-{stop.name}-{shape}-{language}-{theme}", whole=stop.name != "overview")
        assert beyond_the_window(page) == "", stop
        assert page.evaluate("() => document.documentElement.lang.slice(0, 2)") == language
        assert page.evaluate("() => document.documentElement.dataset.theme") == theme
        assert BARE_KEY.findall(page.get_by_role("main").inner_text()) == [], stop


def _tour(city: RunningCity, look: str) -> Iterator[Stop]:
    case = city.sensor_case()
    lamp = city.calm_asset(Family.LIGHT)
    told = report_by_citizen(
        city.engine,
        asset_id=lamp.id,
        text="灯不亮，灯杆有点歪。",
        contact="",
        photo=None,
        now=datetime.now(UTC),
        zone=ZoneInfo("Asia/Shanghai"),
    )
    plate = city.plate(case.asset_id).removeprefix(city.address)
    yield Stop(name="overview", address="/")
    yield Stop(name="alerts", address="/alerts")
    yield Stop(name="alert", address=f"/alerts/{case.alerts[0].id}")
    yield Stop(name="cases", address="/cases")
    yield Stop(name="case", address=f"/cases/{case.id}")
    yield Stop(name="assets", address="/assets")
    yield Stop(name="asset", address=f"/assets/{case.asset_id}")
    yield Stop(name="system", address="/system")
    yield Stop(name="rules", address="/rules")
    troubled = troubled_cabinet(city.engine, f"c-lindun-{look}", now=datetime.now(UTC))
    yield Stop(name="repairs", address="/repairs")
    yield Stop(name="letters", address="/letters", login="admin")
    yield Stop(name="letter", address=troubled.letter, login="admin")
    yield Stop(name="cabinet", address=troubled.cabinet, login="admin")
    yield Stop(name="configuration", address=f"{troubled.cabinet}/configuration", login="admin")
    yield Stop(name="enrolment", address="/enrolment-codes/new", login="admin")
    yield Stop(name="error", address="/nowhere", status=404)
    yield Stop(name="tasks", address="/tasks", login="crew1")
    yield Stop(name="scan-crew", address=plate, login="crew1")
    yield Stop(name="scan-public", address=plate, login="")
    yield Stop(name="scan-unknown", address="/Q/GHWZ65UQC4", login="", status=404)
    yield Stop(name="report", address=f"/reports/{told.key}", login="")
    yield Stop(name="login", address="/login", login="")


def _is_ready(page: Page) -> None:
    """The scripts have taken over: the connection is live, the chart is drawn."""
    live = page.locator("[data-live]")
    if live.count():
        expect(live).to_have_attribute("data-state", "live")
    if page.locator("[data-chart]").count():
        expect(page.locator("[data-chart] canvas")).to_be_visible()
