"""A day in the street without a signal: what is done on the phone arrives once, in its order, with its own times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Response
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright
from sqlalchemy import select

from registry.domain.kinds import Stage
from registry.queries.cases import case_file
from registry.queries.permits import list_permits
from registry.services.cases import move_case
from registry.services.demo_people import DEMO_PASSWORD
from registry.storage.database import reading
from registry.storage.tables import baseline, case, photo, scan
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
# a phone that reads codes by itself and has a torch; what its reader finds is said by the test
OWN_EYES = """(() => {
  window.lit = [];
  window.BarcodeDetector = class {
    static getSupportedFormats() { return Promise.resolve(["qr_code"]); }
    detect(frame) { return Promise.resolve(window.plate && frame.width > 0 ? [{ rawValue: window.plate }] : []); }
  };
  MediaStreamTrack.prototype.getCapabilities = () => ({ torch: true });
  MediaStreamTrack.prototype.applyConstraints = async (told) => { window.lit.push(told.advanced[0].torch); };
})()"""
LOADED_A_READER = """() => performance.getEntriesByType("resource").some((one) => /zxing|reader/.test(one.name))"""
FULL = """() => {
  window.had = { add: IDBObjectStore.prototype.add, put: IDBObjectStore.prototype.put };
  const refuse = () => { throw new DOMException("no room", "QuotaExceededError"); };
  Object.assign(IDBObjectStore.prototype, { add: refuse, put: refuse });
}"""
ROOM_AGAIN = "() => void Object.assign(IDBObjectStore.prototype, window.had)"
KEEPS_NOTHING = "indexedDB.open = () => { throw new DOMException('', 'SecurityError'); };"
UPDATE = """async () => {
  await (await navigator.serviceWorker.getRegistration("/app")).update();
}"""
WHO = """async () => (await (await fetch("/app/session.json")).json()).user"""
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
        went_out = datetime.now(UTC)
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
        expect(page.locator("[data-waiting]")).to_contain_text("5")
        assert list_permits(site.engine, now=ended).items == []

        page.close()  # the tab is killed
        page = phone.new_page()
        page.goto(f"{site.address}/app#/drafts")
        expect(page.locator(".task-row")).to_have_count(2)
        expect(page.get_by_text("隔离墩少一个")).to_be_visible()
        expect(page.locator("[data-count=waiting]")).to_have_text("5")

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
            [read] = tx.execute(select(scan.c.at).where(scan.c.asset_id == site.asset_id)).scalars()
        assert went_out <= read <= began
        assert permit.started_at <= taken[0] <= taken[1] <= permit.ended_at
        # a new version comes while a draft is open, and takes nothing from it
        page.click(".tabs a[href='#/drafts']")
        page.locator(".task-row a").first.click()
        page.fill("#text", "隔离墩少两个")
        release_a_version(site)
        page.evaluate(UPDATE)
        expect(page.locator("[data-update]")).to_be_visible()
        expect(page.locator("#text")).to_have_value("隔离墩少两个")
        page.locator("[data-update] button").click()
        expect(page.locator("[data-update]")).to_be_hidden()
        expect(page.locator("#text")).to_have_value("隔离墩少两个")
        # it is sent when its writer says so; by the worker, where the app is closed when the signal comes back
        phone.set_offline(True)
        hand_in(page)
        page.goto("about:blank")
        phone.set_offline(False)
        page.goto(f"{site.address}/healthz")
        assert _reports(site) == []
        signal_is_back(page, site)
        wait_until(lambda: _reports(site) == ["隔离墩少两个"], seconds=60, what="the report of the draft")


def release_a_version(site: RegistrySite) -> None:
    """From now on the site has another build of the app."""
    kept = site.app.test_client().get("/app/sw.js")
    version = kept.get_etag()[0]
    assert version
    newer = kept.text.replace(version, "newer-build")
    headers = {"Service-Worker-Allowed": "/app", "Cache-Control": "no-cache"}
    site.app.view_functions["phone_worker"] = lambda: Response(newer, mimetype="text/javascript", headers=headers)


def signal_is_back(page: Page, site: RegistrySite) -> None:
    """What a browser tells the worker when it has a connection again and somebody asked to be told."""
    tools, found = page.context.new_cdp_session(page), list[dict[str, str]]()
    tools.on("ServiceWorker.workerRegistrationUpdated", lambda told: found.extend(told["registrations"]))
    tools.send("ServiceWorker.enable")
    until(page, lambda: bool(found), what="the browser names its workers")
    [kept] = {each["registrationId"] for each in found if each["scopeURL"].endswith("/app")}
    told = {"origin": site.address, "registrationId": kept, "tag": "acts", "lastChance": True}
    tools.send("ServiceWorker.dispatchSyncEvent", told)


def _reports(site: RegistrySite) -> list[str]:
    with reading(site.engine) as tx:
        ids = tx.execute(select(case.c.id).where(case.c.kind == "reported")).scalars().all()
    files = [case_file(site.engine, each) for each in ids]
    return [file.entries[0].note for file in files if file is not None]


def test_what_the_office_did_meanwhile_is_shown_and_settled_by_the_person(tmp_path: Path) -> None:
    with registry_site(tmp_path) as site, phone_at(site, tmp_path) as phone:
        work = work_for_the_crew(site)
        phone.add_init_script(OWN_EYES)
        page = phone.new_page()
        sign_in(page, site, "crew1")
        expect(page.locator(".task")).to_be_visible()
        until(page, lambda: page.evaluate("() => navigator.serviceWorker.controller !== null"), what="the app is kept")
        phone.set_offline(True)
        find_by_torchlight(page, site)
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
        what_the_city_refuses_is_changed_and_sent(page, site)
        a_form_outlives_its_page_and_another_window(page, site)
        a_full_phone_says_that_it_keeps_nothing(page, site)
        a_new_task_comes_to_an_app_that_stays_open(phone, site, work)
        signing_out_empties_the_phone(page, site, phone)
        bare = phone.new_page()
        bare.add_init_script(KEEPS_NOTHING)
        bare.goto(f"{site.address}/app")
        expect(bare.get_by_text(words("app.keeps_nothing"), exact=True)).to_be_visible()
        assert serious_faults(bare) == []


def find_by_torchlight(page: Page, site: RegistrySite) -> None:
    """The phone's own reader finds the plate, with the torch on, and nothing else that reads codes is loaded."""
    go(page, site, "scan")
    torch = page.get_by_role("button", name=words("app.torch"), exact=True)
    torch.click()
    expect(torch).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("() => window.lit") == [True]
    page.evaluate("(plate) => { window.plate = plate; }", f"{site.address}/Q/{site.token}".upper())
    page.wait_for_url(f"**/app#/asset/{site.asset_id}")
    expect(page.get_by_text(words("app.scanned_here"))).to_be_visible()
    assert not page.evaluate(LOADED_A_READER)


def signing_out_empties_the_phone(page: Page, site: RegistrySite, phone: BrowserContext) -> None:
    """Without a signal too; the city hears of it as soon as there is one."""
    go(page, site, "tasks")
    phone.set_offline(True)
    tap(page, "nav.logout")
    assert serious_faults(page) == []
    page.locator("dialog .primary").click()
    expect(page.get_by_text(words("app.bag_empty"), exact=True)).to_be_visible()
    go(page, site, f"asset/{site.asset_id}")
    expect(page.get_by_text(words("app.not_carried"), exact=True)).to_be_visible()
    phone.set_offline(False)
    until(page, lambda: page.evaluate(WHO) is None, what="the city knows that they signed out")


def what_the_city_refuses_is_changed_and_sent(page: Page, site: RegistrySite) -> None:
    go(page, site, f"asset/{site.asset_id}")
    tap(page, "app.rezero")
    page.fill("[id='point.tilt_x']", "999")
    page.fill("#reason", "装正")
    hand_in(page)
    go(page, site, "waiting")
    expect(page.locator(".act-refused")).to_be_visible()
    done_by = datetime.now(UTC)
    tap(page, "app.change_it")
    expect(page.locator("[id='point.tilt_x']")).to_have_value("999")
    page.fill("[id='point.tilt_x']", "1.5")
    hand_in(page)
    expect(page.locator("[data-waiting]")).to_have_text(words("app.badge_sent"))
    with reading(site.engine) as tx:
        [set_at] = tx.execute(select(baseline.c.set_at).where(baseline.c.value == 1.5)).scalars()
    assert set_at < done_by


def a_form_outlives_its_page_and_another_window(page: Page, site: RegistrySite) -> None:
    """It is kept from the tap on its camera on; of two windows the one that fell behind takes nothing away."""
    go(page, site, f"asset/{site.asset_id}")
    tap(page, "app.report")
    expect(page.locator("main h1")).to_be_focused()
    open_camera(page)
    page.click(".tabs a[href='#/drafts']")  # no picture was taken, and nothing written
    expect(page.get_by_text(words("app.no_drafts"), exact=True)).to_be_visible()
    go(page, site, f"asset/{site.asset_id}")
    tap(page, "app.report")
    open_camera(page)
    page.reload()
    expect(page.locator("form.asking")).to_be_visible()
    other = page.context.new_page()
    other.goto(page.url)
    other.fill("#text", "井盖夜里响")
    other.click(".tabs a[href='#/drafts']")
    expect(other.get_by_text("井盖夜里响")).to_be_visible()
    assert other.title().startswith(words("app.drafts"))
    page.fill("#text", "井")
    expect(page.get_by_role("alert")).to_contain_text(words("app.draft_elsewhere"))
    assert serious_faults(page) == []
    tap(page, "app.show_newer")
    expect(page.locator("#text")).to_have_value("井盖夜里响")
    other.locator(".task-row button").click()
    tap(other, "app.yes_drop")
    expect(other.get_by_text(words("app.no_drafts"), exact=True)).to_be_visible()
    other.close()
    page.fill("#text", "井盖白天响")
    expect(page.get_by_role("alert")).to_contain_text(words("app.draft_gone"))


def a_new_task_comes_to_an_app_that_stays_open(phone: BrowserContext, site: RegistrySite, work: Work) -> None:
    page = phone.new_page()
    page.clock.install()
    page.goto(f"{site.address}/app")
    expect(page.get_by_text(words("tasks.none"), exact=True)).to_be_visible()
    file = case_file(site.engine, work.case_id)
    assert file is not None
    move_case(
        site.engine,
        case_id=work.case_id,
        move="dispatch",
        by=work.dispatcher,
        expected_version=file.version,
        now=datetime.now(UTC),
        assignee_id=work.crew.user_id,
        note="",
    )
    page.clock.fast_forward(6 * 60_000)
    expect(page.locator(".task")).to_be_visible()
    page.close()


def open_camera(page: Page) -> None:
    with page.expect_file_chooser():
        page.locator("label[for^=pictures]").click()
    expect(page.locator("[data-count=drafts]")).to_have_text("1")


def a_full_phone_says_that_it_keeps_nothing(page: Page, site: RegistrySite) -> None:
    go(page, site, f"asset/{site.asset_id}")
    tap(page, "app.report")
    page.evaluate(FULL)
    page.fill("#text", "检修门开着")
    expect(page.get_by_role("alert")).to_have_text(words("app.draft_not_kept"))
    expect(page.locator("[data-waiting]")).to_have_text(words("app.badge_full"))
    page.locator(".sticky .primary").click()
    expect(page.get_by_role("alert")).to_have_text(words("app.act_not_kept"))
    assert serious_faults(page) == []
    page.evaluate(ROOM_AGAIN)
    hand_in(page)
    expect(page.locator("[data-waiting]")).to_have_text(words("app.badge_sent"))
    assert "检修门开着" in _reports(site)
