"""From an opened cover to a closed case, as the people of the city live it."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, Response, expect

from operate.demo_faults import PlannedFault
from registry.domain.kinds import AlertState, Family
from registry.services.demo_people import DEMO_ACCOUNTS
from registry.services.photos import find_photo
from tests.browser.eyes import DESK, PHONE, Camera, Windows, sign_in, until, words
from tests.browser.running_city import MENDED, RunningCity
from tests.killable_city import wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("browser"),
]

NAMES = {account.login: account.name for account in DEMO_ACCOUNTS}
# who mends what: covers and lamps are two units' work
CREWS = {Family.COVER: "crew1", Family.LIGHT: "crew2"}
ARRIVAL_MS = 60_000
GPS = 0x8825
SERIES = re.compile(r"/api/v1/points/\d+/series")


def test_the_dispatcher_sees_an_alert_arrive_and_leads_its_case_to_the_end(
    city: RunningCity, windows: Windows, camera: Camera
):
    desk = windows.open(DESK)
    case_id, fault = _an_alert_arrives(city, desk, camera)
    crew = CREWS[Family(city.asset(fault.asset_id).family)]
    _dispatch(desk, crew, camera)

    desk.get_by_role("navigation").get_by_role("link", name=words("nav.overview")).click()
    row = desk.locator(f'.wrong[data-case="{case_id}"]')
    expect(row).to_contain_text(NAMES[crew])
    _mark(desk)

    phone = windows.open(PHONE)
    _crew_goes_there(phone, city.plate(fault.asset_id), crew, camera)
    _crew_mends(phone, camera)
    _kept_without_its_place(city, case_id)
    wait_until(lambda: _is_quiet(city, case_id), seconds=60, what="the alerts of the case clear")

    expect(row).to_contain_text(words("stage.handed_back"))
    assert _is_still_marked(desk), "the desk was loaded again instead of being told"
    camera.take(desk, "12-desk-handed-back")
    row.get_by_role("link").click()
    _verify_and_close(desk, camera)
    _the_file_tells_the_story(city, desk, case_id, camera)
    _the_chart_shows_the_alert(desk, camera)


def _an_alert_arrives(city: RunningCity, desk: Page, camera: Camera) -> tuple[int, PlannedFault]:
    """Sign in, sit on the overview, and wait; the new row must come into the page that is already there."""
    desk.goto("/")
    camera.take(desk, "01-login")
    sign_in(desk, "dispatcher")
    expect(desk.locator("[data-live]")).to_have_attribute("data-state", "live")
    _mark(desk)
    there = {row.get_attribute("data-asset") for row in desk.locator(".wrong").all()}
    fault = next(each for each in city.faults if each.fault.kind in MENDED and str(each.asset_id) not in there)
    camera.take(desk, "02-desk-before")
    row = desk.locator(f'.wrong[data-asset="{fault.asset_id}"]')
    expect(row).to_be_visible(timeout=ARRIVAL_MS)
    assert _is_still_marked(desk), "the row came by loading the page again"
    expect(row).to_contain_text(words(f"kind.{fault.fault.case_kind}"))
    expect(row).to_contain_text(fault.asset_name)
    expect(row).to_contain_text(words("overview.nobody"))
    expect(desk.locator("[data-ticker]")).to_contain_text(fault.asset_name)
    camera.take(desk, "03-desk-alert-arrived")
    case_id = int(row.get_attribute("data-case") or 0)
    row.get_by_role("link").click()
    return case_id, fault


def _dispatch(desk: Page, crew: str, camera: Camera) -> None:
    expect(_stage(desk)).to_have_text(words("stage.filed"))
    camera.take(desk, "04-case-filed")
    who = desk.get_by_label(words("case.who_goes"))
    # a proposal stands first; whoever knows better opens the list
    desk.locator("details.move > summary").get_by_text(words("move.dispatch"), exact=True).click()
    person = who.locator("option", has_text=NAMES[crew])
    who.select_option(person.get_attribute("value"))
    move = desk.locator("form.move-form", has=who)
    move.get_by_label(words("case.note_optional")).fill("带上围挡和备用井盖。")
    camera.take(desk, "05-case-choosing-crew")
    move.get_by_role("button", name=words("move.dispatch")).click()
    expect(_stage(desk)).to_have_text(words("stage.dispatched"))
    camera.take(desk, "06-case-dispatched")


def _warns(phone: Page, plate: str) -> bool:
    """Whether the page of the plate, opened now, says that there is danger: it does not come alive by itself."""
    phone.goto(plate)
    return phone.get_by_text(words("scan.danger_now")).is_visible()


def _crew_goes_there(phone: Page, plate: str, crew: str, camera: Camera) -> None:
    """The scanned address shows the public page first; signing in leads back to the same place."""
    wait_until(lambda: _warns(phone, plate), seconds=90, what="the fault grows as grave as the public page warns of")
    camera.take(phone, "07-phone-scanned-before-login", whole=True)
    phone.get_by_role("link", name=words("nav.login"), exact=True).tap()
    sign_in(phone, crew)
    expect(phone).to_have_url(plate)
    camera.take(phone, "08-phone-scanned", whole=True)
    phone.get_by_role("button", name=words("crew.here")).tap()
    expect(phone.get_by_role("button", name=words("crew.done"))).to_be_visible()
    expect(phone).to_have_url(plate)
    camera.take(phone, "09-phone-arrived", whole=True)


def _crew_mends(phone: Page, camera: Camera) -> None:
    upload = phone.locator("form[data-upload-now]")
    upload.locator("input[type=file]").set_input_files(
        [{"name": "IMG_0412.JPG", "mimeType": "image/jpeg", "buffer": _phone_photo()}]
    )
    expect(upload.get_by_role("status")).to_have_text(words("photo.saved", n=1))
    phone.get_by_label(words("crew.note")).fill("井盖已复位，锁扣已更换。")
    camera.take(phone, "10-phone-photo-sent", whole=True)
    phone.get_by_role("button", name=words("crew.done")).tap()
    expect(phone.get_by_text(words("crew.handed_back"))).to_be_visible()
    camera.take(phone, "11-phone-handed-back", whole=True)


def _kept_without_its_place(city: RunningCity, case_id: int) -> None:
    sent = Image.open(io.BytesIO(_phone_photo()))
    assert sent.getexif().get_ifd(GPS), "the phone's photo should carry its place"
    (photo,) = city.case(case_id).photos
    with Image.open(find_photo(city.engine, city.data_dir, photo.id).path) as kept:
        assert kept.size == sent.size
        assert dict(kept.getexif()) == {}
        assert "exif" not in kept.info
        assert "xmp" not in kept.info


def _is_quiet(city: RunningCity, case_id: int) -> bool:
    return all(alert.state is AlertState.CLEARED for alert in city.case(case_id).alerts)


def _verify_and_close(desk: Page, camera: Camera) -> None:
    expect(_stage(desk)).to_have_text(words("stage.handed_back"))
    _photo_is_shown(desk.locator("#photos img"))
    camera.take(desk, "13-case-handed-back", whole=True)
    desk.get_by_role("button", name=words("move.verify")).click()
    expect(_stage(desk)).to_have_text(words("stage.verified"))
    desk.get_by_role("button", name=words("move.close")).click()
    expect(_stage(desk)).to_have_text(words("stage.closed"))


def _the_file_tells_the_story(city: RunningCity, desk: Page, case_id: int, camera: Camera) -> None:
    file = city.case(case_id)
    expect(desk.get_by_role("main")).to_contain_text(file.number)
    story = desk.locator(".story")
    for move in ("collect", "file", "dispatch", "accept", "hand_back", "verify", "close"):
        expect(story.locator(f".entry-{move}")).to_have_count(1)
    for said in (NAMES["dispatcher"], "带上围挡和备用井盖。", "井盖已复位，锁扣已更换。"):
        expect(story).to_contain_text(said)
    camera.take(desk, "14-case-closed", whole=True)
    desk.locator(".case-head").get_by_role("link", name=file.asset_name).click()
    history = desk.get_by_role("region", name=words("asset.cases"))
    expect(history.get_by_role("listitem").filter(has_text=file.number)).to_contain_text(words("stage.closed"))
    _photo_is_shown(desk.get_by_role("region", name=words("photo.title")).get_by_role("img"))


def _the_chart_shows_the_alert(desk: Page, camera: Camera) -> None:
    """The series' answer holds the band, and the canvas its colour."""
    with desk.expect_response(_is_of_a_quarter_hour) as answered:
        desk.get_by_role("button", name=words("chart.15m"), exact=True).click()
    series = answered.value.json()
    grave = [band for band in series["bands"] if band["severity"] == 3]
    assert grave, series["bands"]
    assert len(series["data"][0]) > 10
    chart = desk.locator("[data-chart] canvas")
    expect(chart).to_be_visible()
    until(desk, lambda: _pixels(chart, "--critical-fill") > 50, what="the chart has the alert's colour")
    assert _pixels(chart, "--accent") > 50, "the chart has no curve"
    with desk.expect_response(SERIES):
        _drag_over(desk, desk.locator("[data-chart] .u-over"), series, grave[-1])
    expect(desk.get_by_role("button", name=words("chart.back"))).to_be_visible()
    until(desk, lambda: _pixels(chart, "--critical-fill") > 500, what="the closer look shows a wider band")
    desk.evaluate("() => scrollTo(0, 0)")
    camera.take(desk, "15-asset-chart")
    camera.take(desk, "16-asset-file", whole=True)


def test_a_citizen_reports_without_an_account_and_follows_the_case(city: RunningCity, windows: Windows, camera: Camera):
    lamp = city.calm_asset(Family.LIGHT)
    phone = windows.open(PHONE)
    phone.goto(city.plate(lamp.id))
    expect(phone.get_by_role("heading", level=1)).to_have_text(lamp.class_name_zh)
    camera.take(phone, "20-citizen-plate", whole=True)
    shown = phone.content()
    private = [
        lamp.devices[0].serial,
        f"{lamp.lon:.3f}",
        f"{lamp.lat:.3f}",
        *NAMES.values(),
        'href="/assets/',
        'href="/cases/',
    ]
    assert [each for each in private if each in shown] == []

    phone.get_by_role("button", name=words("scan.suggest.lamp")).tap()
    text = phone.get_by_label(words("scan.text"))
    expect(text).to_have_value(words("scan.suggest.lamp"))
    text.press_sequentially("，灯头朝下。")
    phone.get_by_label(words("scan.photo")).set_input_files(
        [{"name": "IMG_7.JPG", "mimeType": "image/jpeg", "buffer": _phone_photo()}]
    )
    expect(phone.get_by_alt_text(words("photo.preview"))).to_be_visible()
    phone.get_by_label(words("scan.contact")).fill("13800000000")
    camera.take(phone, "21-citizen-wrote", whole=True)
    phone.get_by_role("button", name=words("scan.send"), exact=True).tap()

    expect(phone).to_have_url(re.compile(r"/reports/[\w-]+"))
    expect(phone.get_by_text(words("report.thanks"))).to_be_visible()
    expect(phone.locator('[aria-current="step"]')).to_contain_text(words("report.step.received"))
    expect(phone.get_by_role("main")).to_contain_text("灯头朝下")
    assert "13800000000" not in phone.content()
    camera.take(phone, "22-citizen-status", whole=True)

    desk = windows.open(DESK, login="dispatcher")
    desk.goto(f"/cases?asset_id={lamp.id}")
    desk.get_by_role("link", name=words("kind.reported")).click()
    expect(desk.get_by_role("main")).to_contain_text("13800000000")
    _photo_is_shown(desk.locator("#photos img"))
    camera.take(desk, "23-desk-citizen-report", whole=True)
    desk.get_by_role("button", name=words("move.file"), exact=True).click()
    expect(_stage(desk)).to_have_text(words("stage.filed"))
    phone.reload()
    expect(phone.locator('[aria-current="step"]')).to_contain_text(words("report.step.checked"))


def test_a_case_is_dispatched_with_the_keyboard_alone(city: RunningCity, windows: Windows, camera: Camera):
    waiting = city.waiting_case()
    desk = windows.open(DESK)
    desk.goto("/login")
    expect(desk.get_by_label(words("login.login"), exact=True)).to_be_focused()
    desk.keyboard.type("admin")
    desk.keyboard.press("Tab")
    desk.keyboard.type("covercode-demo")
    desk.keyboard.press("Enter")
    row = desk.locator(f'.wrong[data-case="{waiting.id}"]').get_by_role("link")
    expect(row).to_be_visible()
    _tab_to(desk, row)
    camera.take(desk, "30-keyboard-row")
    desk.keyboard.press("Enter")
    who = desk.get_by_label(words("case.who_goes"))
    choose = desk.locator("details.move > summary").filter(has_text=words("move.dispatch"))
    expect(choose).to_be_visible()
    _tab_to(desk, choose)
    desk.keyboard.press("Enter")
    expect(who).to_be_visible()
    _tab_to(desk, who)
    camera.take(desk, "31-keyboard-who")
    desk.keyboard.press("ArrowDown")
    _tab_to(desk, desk.locator("form.move-form", has=who).get_by_role("button", name=words("move.dispatch")))
    camera.take(desk, "32-keyboard-button")
    desk.keyboard.press("Enter")
    expect(_stage(desk)).to_have_text(words("stage.dispatched"))
    assert city.case(waiting.id).assignee_id is not None


def _tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until it has the focus; every stop on the way must show that it has it, inside the window."""
    for _ in range(60):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            """async () => {
              const at = document.activeElement;
              await Promise.all(at.getAnimations().map((each) => each.finished));
              const box = at.getBoundingClientRect(), style = getComputedStyle(at);
              const outline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
              const seen = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
              return {what: at.outerHTML.slice(0, 120), visible: seen && (outline || style.boxShadow !== "none")};
            }"""
        )
        assert stop["visible"], f"one can not see that the focus is on {stop['what']}"
        if wanted.evaluate("(element) => element === document.activeElement"):
            return
    raise AssertionError(f"60 times Tab did not lead to {wanted}")


def _stage(page: Page) -> Locator:
    """Where the case stands, beside "next step"."""
    return page.locator(".case-next .card-head .chip")


def _mark(page: Page) -> None:
    page.evaluate("() => { window.sameVisit = true; }")


def _is_still_marked(page: Page) -> bool:
    return bool(page.evaluate("() => window.sameVisit === true"))


def _photo_is_shown(picture: Locator) -> None:
    picture.scroll_into_view_if_needed()
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("complete", value=True)
    assert picture.evaluate("(image) => image.naturalWidth") > 0


def _is_of_a_quarter_hour(answer: Response) -> bool:
    """Whether it answers what the button asks for, not the hour that the page begins with."""
    asked = parse_qs(urlsplit(answer.url).query)
    if SERIES.search(answer.url) is None or "since" not in asked:
        return False
    since, until = (datetime.fromisoformat(asked[name][0]) for name in ("since", "until"))
    return until - since == timedelta(minutes=15)


def _drag_over(page: Page, part: Locator, series: dict[str, Any], band: dict[str, Any]) -> None:
    """With the mouse, from a little before the band to a little after it."""
    since, span = series["since_ms"], series["until_ms"] - series["since_ms"]
    begin = max((band["from"] - since) / span - 0.02, 0.01)
    end = min(((band["until"] or series["until_ms"]) - since) / span + 0.02, 0.99)
    part.scroll_into_view_if_needed()
    box = part.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + begin * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], middle, steps=8)
    page.mouse.up()


def _pixels(canvas: Locator, colour: str) -> int:
    """How many of a canvas's pixels have exactly the design's colour of that name."""
    return int(
        canvas.evaluate(
            """(canvas, name) => {
              const pen = new OffscreenCanvas(1, 1).getContext("2d");
              pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
              pen.fillRect(0, 0, 1, 1);
              const [r, g, b] = pen.getImageData(0, 0, 1, 1).data;
              const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              let found = 0;
              for (let at = 0; at < data.length; at += 4)
                if (data[at] === r && data[at + 1] === g && data[at + 2] === b && data[at + 3] === 255) found += 1;
              return found;
            }""",
            colour,
        )
    )


def _phone_photo() -> bytes:
    """A picture as a phone takes it: with the place where it was taken, the time and the maker."""
    picture = Image.new("RGB", (1200, 900), "#5b6166")
    pen = ImageDraw.Draw(picture)
    for y in range(0, 900, 6):
        pen.line((0, y, 1200, y + 40), fill=(84 + y % 24, 90 + y % 18, 95 + y % 21), width=3)
    pen.ellipse((330, 180, 870, 720), fill="#2f3336", outline="#17191b", width=16)
    for ring in range(5):
        inset = 40 + ring * 44
        pen.ellipse((330 + inset, 180 + inset, 870 - inset, 720 - inset), outline="#54595d", width=8)
    pen.rectangle((560, 410, 640, 490), fill="#e8b400")
    exif = Image.Exif()
    exif[0x010F] = "Phone Maker"
    exif[0x0132] = f"{datetime.now(UTC):%Y:%m:%d} 03:12:40"
    exif.get_ifd(GPS).update({1: "N", 2: (31.0, 18.0, 21.6), 3: "E", 4: (120.0, 37.0, 8.4)})
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80, exif=exif)
    return out.getvalue()
