"""A day in the street without a signal: what is done on the phone arrives once, in its order, with its own times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright
from sqlalchemy import select

from registry.domain.kinds import Stage
from registry.queries.cases import case_file
from registry.queries.permits import list_permits
from registry.services.cases import move_case
from registry.services.demo_people import DEMO_PASSWORD
from registry.storage.database import reading
from registry.storage.tables import case, photo
from tests.browser.conftest import CHROMIUM, SWITCHES
from tests.browser.eyes import PATIENCE_MS, PHONE, serious_faults, until, words
from tests.browser.registry_site import RegistrySite, registry_site
from tests.browser.street_phone import Work, camera_sees, picture, work_for_the_crew
from tests.killable_city import wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("browser-phone"),
]


IS_KEPT = """async () => {
  const later = await (await caches.open("covercode-app-later")).keys();
  return navigator.serviceWorker.controller !== null && later.length >= 2;
}"""
SIGN_OUT = """async () => {
  const { csrf } = await (await fetch("/app/session.json")).json();
  await fetch("/logout", { method: "POST", headers: { "X-CSRFToken": csrf } });
}"""


@contextmanager
def phone_at(site: RegistrySite, folder: Path) -> Iterator[BrowserContext]:
    """A phone whose camera sees the plate of the site's asset."""
    film = camera_sees(f"{site.address}/Q/{site.token}".upper(), folder / "plate.y4m")
    camera = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}"]
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*SWITCHES, *camera])
        # what is not granted is refused: the browser must not send behind the test's back
        given = PHONE | {"permissions": ["geolocation", "camera"], "locale": "zh-CN"}
        context = browser.new_context(**given)
        context.set_default_timeout(PATIENCE_MS)
        yield context
        browser.close()


def sign_in(page: Page, site: RegistrySite, login: str) -> None:
    page.goto(f"{site.address}/login?next=/app")
    page.fill("[name=login]", login)
    page.fill("[name=password]", DEMO_PASSWORD)
    page.click("form button.primary")
    page.wait_for_url("**/app*")


def tap(page: Page, key: str) -> None:
    page.get_by_role("button", name=words(key), exact=True).click()


def go(page: Page, site: RegistrySite, screen: str) -> None:
    page.goto(f"{site.address}/app#/{screen}")
    expect(page.locator(f"main[data-screen={screen.split('/')[0]}]")).to_be_visible()


def choose(page: Page, field: str, which: int) -> None:
    page.locator(f"[data-field={field}] .choice").nth(which).click()


def hand_in(page: Page) -> None:
    page.locator(".sticky .primary").click()
    expect(page.locator("form.asking")).to_have_count(0)


def take(page: Page, colour: str, so_many: int) -> None:
    page.set_input_files(
        "input[type=file]", [{"name": f"{colour}.jpg", "mimeType": "image/jpeg", "buffer": picture(colour)}]
    )
    expect(page.locator(".thumb img")).to_have_count(so_many)


def scan_the_plate(page: Page, site: RegistrySite) -> None:
    page.click(".tabs a[href='#/scan']")
    page.wait_for_url(f"**/app#/asset/{site.asset_id}")
    expect(page.get_by_text(words("app.scanned_here"))).to_be_visible()


def open_permit(page: Page) -> datetime:
    tap(page, "permit.open.light")
    choose(page, "work", 0)
    choose(page, "people", 1)
    choose(page, "minutes", 1)
    at = datetime.now(UTC)
    hand_in(page)
    expect(page.locator(".permit-runs")).to_be_visible()
    return at


def make_move(
    page: Page, site: RegistrySite, work: Work, move: str, note: str = "", colours: tuple[str, ...] = ()
) -> None:
    go(page, site, f"case/{work.case_id}")
    tap(page, f"move.{move}")
    expect(page.locator("form.asking")).to_be_visible()
    for count, colour in enumerate(colours, 1):
        take(page, colour, count)
    if note:
        page.fill("#note", note)
    hand_in(page)


def write_draft(page: Page, site: RegistrySite, text: str, so_many: int) -> None:
    go(page, site, f"asset/{site.asset_id}")
    tap(page, "app.report")
    page.fill("#text", text)
    expect(page.locator("[data-count=drafts]")).to_have_text(str(so_many))


def test_a_day_without_a_signal_arrives_once_in_order_with_its_times(tmp_path: Path) -> None:
    with registry_site(tmp_path) as site, phone_at(site, tmp_path) as phone:
        work = work_for_the_crew(site)
        page = phone.new_page()
        sign_in(page, site, "crew1")
        expect(page.locator(".task")).to_be_visible()
        until(page, lambda: page.evaluate(IS_KEPT), what="the app is kept, and what reads codes for this browser")

        phone.set_offline(True)
        page.reload()
        expect(page.locator(".task")).to_be_visible()
        scan_the_plate(page, site)
        began = open_permit(page)
        make_move(page, site, work, "accept")
        make_move(page, site, work, "hand_back", "已扶正，基础加固", ("gray", "brown"))
        go(page, site, f"asset/{site.asset_id}")
        tap(page, "permit.end")
        hand_in(page)
        ended = datetime.now(UTC)
        write_draft(page, site, "旁边的雨水箅子堵了", 1)
        write_draft(page, site, "隔离墩少一个", 2)
        expect(page.locator("[data-waiting]")).to_contain_text("4")
        assert list_permits(site.engine, now=ended).items == []

        page.close()  # the tab is killed
        page = phone.new_page()
        page.goto(f"{site.address}/app#/drafts")
        expect(page.locator(".task-row")).to_have_count(2)
        expect(page.get_by_text("隔离墩少一个")).to_be_visible()
        expect(page.locator("[data-count=waiting]")).to_have_text("4")

        phone.set_offline(False)
        go(page, site, "waiting")
        tap(page, "app.send_now")
        expect(page.locator("[data-waiting]")).to_have_text(words("app.badge_sent"))
        expect(page.locator("[data-count=drafts]")).to_have_text("2")

        [permit] = list_permits(site.engine, now=datetime.now(UTC)).items
        assert began <= permit.started_at <= ended
        assert permit.ended_at is not None
        assert permit.started_at <= permit.ended_at <= ended
        file = case_file(site.engine, work.case_id)
        assert file is not None
        assert file.stage is Stage.HANDED_BACK
        assert [each.move for each in file.entries][-2:] == ["accept", "hand_back"]
        assert len(file.photos) == 2
        with reading(site.engine) as tx:
            taken = tx.execute(select(photo.c.taken_at).order_by(photo.c.id)).scalars().all()
        assert permit.started_at <= taken[0] <= taken[1] <= permit.ended_at
        # a draft is sent when its writer says so
        page.click(".tabs a[href='#/drafts']")
        page.locator(".task-row a").first.click()
        hand_in(page)
        wait_until(lambda: _reports(site) == ["隔离墩少一个"], seconds=60, what="the report of the draft")


def _reports(site: RegistrySite) -> list[str]:
    with reading(site.engine) as tx:
        ids = tx.execute(select(case.c.id).where(case.c.kind == "reported")).scalars().all()
    files = [case_file(site.engine, each) for each in ids]
    return [file.entries[0].note for file in files if file is not None]


def test_what_the_office_did_meanwhile_is_shown_and_settled_by_the_person(tmp_path: Path) -> None:
    with registry_site(tmp_path) as site, phone_at(site, tmp_path) as phone:
        work = work_for_the_crew(site)
        page = phone.new_page()
        sign_in(page, site, "crew1")
        expect(page.locator(".task")).to_be_visible()
        until(page, lambda: page.evaluate(IS_KEPT), what="the app is kept")
        phone.set_offline(True)
        make_move(page, site, work, "accept", "已到场，车道已围挡")
        file = case_file(site.engine, work.case_id)
        assert file is not None
        move_case(
            site.engine,
            case_id=work.case_id,
            move="recall",
            by=work.dispatcher,
            expected_version=file.version,
            now=datetime.now(UTC),
            note="改派夜班",
        )
        phone.set_offline(False)
        go(page, site, "waiting")
        tap(page, "app.send_now")
        card = page.locator(".act-conflict")
        expect(card).to_be_visible()
        expect(card).to_contain_text("已到场，车道已围挡")
        expect(card).to_contain_text("改派夜班")
        expect(card).to_contain_text(words("entry.recall"))
        assert serious_faults(page) == []

        # somebody else signs in on this phone: what waits is not sent in their name
        page.evaluate(SIGN_OUT)
        tap(page, "app.keep_note")
        expect(page.locator("[data-waiting]")).to_have_text(words("app.badge_sign_in", n=1))
        sign_in(page, site, "crew2")
        expect(page.locator("[data-count=waiting]")).to_have_text("1")
        go(page, site, "waiting")
        expect(page.locator(".message")).to_contain_text(work.crew.name)
        page.evaluate(SIGN_OUT)
        sign_in(page, site, "crew1")
        expect(page.locator("[data-waiting]")).to_have_text(words("app.badge_sent"))
        file = case_file(site.engine, work.case_id)
        assert file is not None
        assert (file.stage, file.entries[-1].move) == (Stage.FILED, "report")
        assert "已到场，车道已围挡" in file.entries[-1].note
        assert file.entries[-1].by_name == work.crew.name
