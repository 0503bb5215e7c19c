"""One case of each source that tells the city of something, walked from its start to its end by the people it needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from registry.domain.kinds import Lane
from registry.intake import Intake, Pack
from registry.services.api_tokens import NewToken, issue_token
from registry.services.assets import NewAsset, Parties, register_asset, set_parties
from registry.services.devices import NewDevice, put_on
from registry.services.people import actor_of
from registry.services.tags import issue_tag
from registry.storage.database import reading, writing
from registry.storage.tables import asset, user
from registry.storage.times import to_ms
from tests.browser.eyes import DESK, PHONE, Camera, Windows, words
from tests.browser.registry_site import RegistrySite
from tests.browser.walking import make, photo, stands_at, told
from tests.open311_client import Client

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("browser-registry"),
]

CREW1, CREW2 = "王强", "李敏"


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A cover in the street, with its plate."""

    asset_id: int
    code: str
    lon: float
    lat: float
    token: str

    @property
    def plate(self) -> str:
        return f"/Q/{self.token}"


@dataclass(kw_only=True)
class Street:
    """Covers of the site in somebody's care, and the sensor on one of them."""

    site: RegistrySite
    sent: int = 0

    def cover(self, number: int, *, of: str, owner: str = "", sensor: str = "") -> Thing:
        """A new cover ``number`` steps up the road, maintained by the unit of the account ``of``."""
        now = datetime.now(UTC)
        new = NewAsset(division="320508", class_code="0101", lon=120.62, lat=31.32 + number * 0.002, road="平江路")
        with writing(self.site.engine) as tx:
            asset_id = register_asset(tx, new, now=now)
            unit = select(user.c.unit_id)
            keeps = tx.scalar(unit.where(user.c.login == of))
            owns = tx.scalar(unit.where(user.c.login == (owner or of)))
            set_parties(tx, asset_id, Parties(owner_unit_id=owns, maintainer_unit_id=keeps), now=now)
            token = issue_tag(tx, asset_id, now=now)
            if sensor:
                fitted = NewDevice(serial=sensor, profile="cc-cover-1", asset_id=asset_id, heartbeat_s=600)
                put_on(tx, fitted, now=now)
        with reading(self.site.engine) as tx:
            row = tx.execute(select(asset.c.code, asset.c.lon, asset.c.lat).where(asset.c.id == asset_id)).one()
        return Thing(asset_id=asset_id, code=row.code, lon=row.lon, lat=row.lat, token=token)

    def hears(self, sensor: str, *, ago_s: int = 1, **values: float) -> None:
        """A pack of readings of that sensor, measured some seconds ago."""
        now = datetime.now(UTC)
        self.sent += 1
        at = to_ms(now) - 1000 * ago_s
        readings = [(sensor, name, at, at + 7, value, 0) for name, value in values.items()]
        pack = Pack(
            cabinet="walk", lane=Lane.ROUTINE, epoch="e1", bad=(), readings=readings, seq=self.sent, after=self.sent - 1
        )
        receipt = Intake(self.site.engine, self.site.store, clock=lambda: datetime.now(UTC)).accept([pack], now=now)
        assert receipt.stored == len(values), receipt


@pytest.fixture(scope="module")
def street(book: RegistrySite) -> Street:
    return Street(site=book)


def test_an_alert_goes_back_is_dispatched_again_and_closed(
    street: Street, book_windows: Windows, camera: Camera
) -> None:
    cover = street.cover(1, of="crew2", sensor="CV-WALK")
    street.hears("CV-WALK", ago_s=90, tilt_z=62.0)
    desk = book_windows.open(DESK, login="dispatcher")
    desk.goto("/")
    camera.take(desk, "a-01-desk-overview")
    desk.goto("/queues")
    camera.take(desk, "a-02-desk-queues", whole=True)
    row = desk.get_by_role("row", name=words("kind.cover_displaced"))
    row.get_by_role("button", name="路灯管理所").click()
    expect(desk.get_by_role("row", name=words("kind.cover_displaced"))).to_have_count(0)
    camera.take(desk, "a-03-desk-queues-after", whole=True)

    wrong = book_windows.open(PHONE, login="crew2")
    wrong.goto("/tasks")
    camera.take(wrong, "a-04-phone-tasks", whole=True)
    wrong.goto(cover.plate)
    camera.take(wrong, "a-05-phone-plate", whole=True)
    wrong.get_by_text(words("crew.not_mine")).tap()
    wrong.get_by_label(words("case.reason")).fill("这是雨水井，归市政养护处。")
    camera.take(wrong, "a-06-phone-not-mine", whole=True)
    wrong.get_by_role("button", name=words("move.return"), exact=True).tap()
    expect(wrong.get_by_text(words("crew.others"))).to_be_visible()
    camera.take(wrong, "a-07-phone-returned", whole=True)

    desk.goto("/queues")
    camera.take(desk, "a-08-desk-returned", whole=True)
    desk.get_by_role("link", name=words("queues.decide")).click()
    camera.take(desk, "a-09-desk-case-returned", whole=True)
    make(desk, "confirm_return")
    camera.take(desk, "a-10-desk-confirmed", whole=True)
    make(desk, "dispatch", stage="dispatched", assignee_id=CREW1, note="带上围挡和备用井盖。")
    camera.take(desk, "a-11-desk-dispatched-again", whole=True)

    right = book_windows.open(PHONE, login="crew1")
    right.goto("/tasks")
    camera.take(right, "a-12-phone-tasks", whole=True)
    right.goto(cover.plate)
    right.get_by_role("button", name=words("crew.here")).tap()
    camera.take(right, "a-13-phone-here", whole=True)
    right.locator("summary", has_text=words("move.secure")).tap()
    right.get_by_role("button", name=words("move.secure")).tap()
    camera.take(right, "a-14-phone-secured", whole=True)
    right.get_by_label(words("crew.note")).fill("井盖已复位，胶圈已更换。")
    right.get_by_role("button", name=words("crew.done")).tap()
    expect(right.get_by_text(words("crew.handed_back"))).to_be_visible()
    camera.take(right, "a-15-phone-done", whole=True)

    desk.reload()
    stands_at(desk, "handed_back")
    camera.take(desk, "a-16-desk-handed-back", whole=True)
    street.hears("CV-WALK", ago_s=30, tilt_z=1.0)
    street.hears("CV-WALK", tilt_z=1.0)
    desk.reload()
    make(desk, "verify", stage="verified")
    camera.take(desk, "a-17-desk-verified", whole=True)
    make(desk, "close", stage="closed")
    camera.take(desk, "a-18-desk-closed", whole=True)
    told(desk, "return", "confirm_return", "dispatch", "dispatch", "accept", "secure", "hand_back", "verify", "close")


def test_a_report_at_the_plate_is_checked_mended_twice_and_rated(
    street: Street, book_windows: Windows, camera: Camera
) -> None:
    cover = street.cover(2, of="crew1")
    citizen = book_windows.open(PHONE)
    citizen.goto(cover.plate)
    camera.take(citizen, "b-01-citizen-plate", whole=True)
    citizen.get_by_role("button", name=words("scan.suggest.noise")).tap()
    citizen.get_by_label(words("scan.photo")).set_input_files(
        [{"name": "IMG_7.JPG", "mimeType": "image/jpeg", "buffer": photo()}]
    )
    citizen.get_by_label(words("scan.contact")).fill("13800000001")
    citizen.get_by_role("button", name=words("scan.send"), exact=True).tap()
    expect(citizen.get_by_text(words("report.thanks"))).to_be_visible()
    camera.take(citizen, "b-02-citizen-sent", whole=True)

    desk = book_windows.open(DESK, login="dispatcher")
    desk.goto("/intake")
    camera.take(desk, "b-03-desk-intake", whole=True)
    desk.locator(".table .main").first.click()
    camera.take(desk, "b-04-desk-case", whole=True)
    make(desk, "ask_check", assignee_id=CREW1)
    camera.take(desk, "b-05-desk-asked", whole=True)
    crew = book_windows.open(PHONE, login="crew1")
    crew.goto("/tasks")
    camera.take(crew, "b-06-crew-tasks", whole=True)
    crew.goto(cover.plate)
    camera.take(crew, "b-07-crew-plate", whole=True)
    crew.get_by_text(words("case.is_there"), exact=True).tap()
    crew.get_by_label(words("case.note_or_photo")).fill("确实松动，一压就响。")
    crew.get_by_role("button", name=words("move.check")).tap()
    expect(crew.get_by_text(words("crew.others"))).to_be_visible()
    camera.take(crew, "b-08-crew-checked", whole=True)
    desk.reload()
    camera.take(desk, "b-09-desk-checked", whole=True)
    make(desk, "file", stage="filed")
    camera.take(desk, "b-10-desk-filed", whole=True)
    desk.locator(".dispatch-card .primary").click()
    stands_at(desk, "dispatched")
    crew.goto(cover.plate)
    crew.get_by_role("button", name=words("crew.here")).tap()
    crew.get_by_label(words("crew.note")).fill("垫了一下。")
    crew.get_by_role("button", name=words("crew.done")).tap()
    expect(crew.get_by_text(words("crew.handed_back"))).to_be_visible()
    desk.reload()
    camera.take(desk, "b-11-desk-handed-back", whole=True)
    make(desk, "rework", stage="dispatched", note="还在响，请换胶圈并拍照。")
    camera.take(desk, "b-12-desk-rework", whole=True)
    crew.goto("/tasks")
    camera.take(crew, "b-13-crew-tasks-rework", whole=True)
    crew.goto(cover.plate)
    camera.take(crew, "b-14-crew-plate-rework", whole=True)
    crew.get_by_role("button", name=words("crew.here")).tap()
    upload = crew.locator("form[data-upload-now]")
    upload.locator("input[type=file]").set_input_files(
        [{"name": "IMG_8.JPG", "mimeType": "image/jpeg", "buffer": photo("#6b7176")}]
    )
    expect(upload.get_by_role("status")).to_have_text(words("photo.saved", n=1))
    crew.get_by_role("button", name=words("crew.done")).tap()
    expect(crew.get_by_text(words("crew.handed_back"))).to_be_visible()
    desk.reload()
    make(desk, "verify", stage="verified")
    make(desk, "close", stage="closed")
    camera.take(desk, "b-15-desk-closed", whole=True)
    told(desk, "ask_check", "check", "file", "dispatch", "accept", "accept", "hand_back", "hand_back", "rework")

    citizen.reload()
    camera.take(citizen, "b-16-citizen-closed", whole=True)
    citizen.locator('[name="score"][value="5"]').check()
    citizen.get_by_label(words("report.score.words")).fill("很快，谢谢。")
    citizen.get_by_role("button", name=words("report.score.send")).tap()
    expect(citizen.locator(".stars")).to_have_text("★★★★★")
    camera.take(citizen, "b-17-citizen-rated", whole=True)
    desk.goto("/intake")
    camera.take(desk, "b-18-desk-intake-rated", whole=True)
    desk.goto("/rewards")
    camera.take(desk, "b-19-desk-rewards", whole=True)


def test_two_reports_on_the_map_become_one_case_that_waits_and_both_hear_of_its_end(
    street: Street, book_windows: Windows, camera: Camera
) -> None:
    place = {"longitude": 120.6432, "latitude": 31.3312}
    first = _reports_on_the_map(book_windows, place, "人行道上缺了一个井盖。", camera, "c-01")
    near = {"longitude": 120.64325, "latitude": 31.33125}
    second = _reports_on_the_map(book_windows, near, "井盖不见了，很危险！", camera, "c-02")

    desk = book_windows.open(DESK, login="dispatcher")
    desk.goto("/cases")
    camera.take(desk, "c-03-desk-cases", whole=True)
    desk.locator(".table .main").first.click()
    camera.take(desk, "c-04-desk-similar", whole=True)
    desk.locator("#similar").get_by_role("button").click()
    camera.take(desk, "c-05-desk-merged", whole=True)
    stands_at(desk, "collected")
    make(desk, "file", stage="filed")
    camera.take(desk, "c-06-desk-filed", whole=True)
    make(desk, "dispatch", stage="dispatched", assignee_id=CREW1, note="缺盖，先围挡。")
    crew = book_windows.open(PHONE, login="crew1")
    crew.goto("/tasks")
    camera.take(crew, "c-07-crew-tasks", whole=True)
    crew.locator(".task").first.tap()
    camera.take(crew, "c-08-crew-case", whole=True)
    make(crew, "accept", stage="in_hand")
    camera.take(crew, "c-09-crew-accepted", whole=True)
    make(crew, "secure", note="已设围挡和警示灯。")
    day = (datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(days=20)).date().isoformat()
    make(crew, "request_suspension", until=day, note="订制井盖，厂家三周后到货。")
    camera.take(crew, "c-10-crew-asked", whole=True)
    desk.reload()
    camera.take(desk, "c-11-desk-asked", whole=True)
    desk.get_by_role("button", name=words("case.decide_grant"), exact=True).click()
    stands_at(desk, "suspended")
    camera.take(desk, "c-12-desk-suspended", whole=True)
    first.reload()
    camera.take(first, "c-13-citizen-suspended", whole=True)
    make(desk, "resume", stage="in_hand")
    crew.reload()
    make(crew, "hand_back", stage="handed_back", note="新井盖已安装。", photo="#707479")
    camera.take(crew, "c-14-crew-done", whole=True)
    desk.reload()
    make(desk, "verify", stage="verified")
    make(desk, "close", stage="closed")
    camera.take(desk, "c-15-desk-closed", whole=True)
    for number, citizen in enumerate((first, second)):
        citizen.reload()
        expect(citizen.locator(".rung.done")).to_have_count(6)
        camera.take(citizen, f"c-16-citizen-{number}", whole=True)


def _reports_on_the_map(book_windows: Windows, place: dict[str, float], text: str, camera: Camera, name: str) -> Page:
    citizen = book_windows.open(PHONE | {"geolocation": place})
    citizen.goto("/report")
    camera.take(citizen, f"{name}-report", whole=True)
    citizen.get_by_role("button", name=words("place.here")).tap()
    expect(citizen.locator('input[name="lon"]')).to_have_value(f"{place['longitude']:.6f}")
    citizen.get_by_label(words("scan.text")).fill(text)
    camera.take(citizen, f"{name}-report-filled", whole=True)
    citizen.get_by_role("button", name=words("scan.send"), exact=True).tap()
    expect(citizen.get_by_text(words("report.thanks"))).to_be_visible()
    camera.take(citizen, f"{name}-report-sent", whole=True)
    return citizen


def test_a_call_and_a_platforms_request_share_a_case_that_gets_more_time(
    street: Street, book_windows: Windows, camera: Camera
) -> None:
    cover = street.cover(4, of="crew1")
    desk = book_windows.open(DESK, login="dispatcher")
    desk.goto("/intake")
    desk.get_by_role("link", name=words("hotline.new")).click()
    camera.take(desk, "d-01-desk-hotline", whole=True)
    desk.get_by_label(words("hotline.phone")).fill("0512-6511-2233")
    desk.get_by_label(words("hotline.name")).fill("周女士")
    desk.get_by_label(words("hotline.number")).fill("12345-20261122-0007")
    desk.get_by_label(words("case.kind")).select_option("cover_loose")
    desk.get_by_label(words("hotline.text"), exact=True).fill("平江路口井盖一压就响，晚上睡不着。")
    desk.get_by_label(words("hotline.asset")).fill(cover.code)
    camera.take(desk, "d-02-desk-hotline-filled", whole=True)
    desk.get_by_role("button", name=words("hotline.take")).click()
    stands_at(desk, "collected")
    camera.take(desk, "d-03-desk-case", whole=True)

    now = datetime.now(UTC)
    with writing(street.site.engine) as tx:
        clerk = actor_of(tx.execute(select(user).where(user.c.login == "dispatcher")).one())
        key = issue_token(tx, NewToken(name="12345", scopes=("open311",), expires_at=None), by=clerk, now=now).text
    platform = Client(address=f"{street.site.address}/open311/v2", key=key)
    asked = platform.create(service_code="cover_loose", description="井盖松动", attribute__asset_code=cover.code)
    desk.reload()
    camera.take(desk, "d-04-desk-joined", whole=True)
    make(desk, "file", stage="filed")
    desk.locator(".dispatch-card .primary").click()
    stands_at(desk, "dispatched")
    crew = book_windows.open(PHONE, login="crew1")
    crew.goto(cover.plate)
    crew.get_by_role("button", name=words("crew.here")).tap()
    crew.get_by_role("link", name=words("kind.cover_loose")).tap()
    make(crew, "request_extension", note="要更换井座，须封一条车道。")
    camera.take(crew, "d-05-crew-asked", whole=True)
    desk.reload()
    camera.take(desk, "d-06-desk-asked", whole=True)
    desk.get_by_role("button", name=words("case.decide_grant"), exact=True).click()
    camera.take(desk, "d-07-desk-extended", whole=True)
    told(desk, "extend")
    crew.reload()
    make(crew, "hand_back", stage="handed_back", note="井座已更换。", photo="#707479", quantity="1")
    desk.reload()
    camera.take(desk, "d-08-desk-handed-back", whole=True)
    make(desk, "verify", stage="verified")
    make(desk, "close", stage="closed")
    camera.take(desk, "d-09-desk-closed", whole=True)
    answered = platform.request(asked["service_request_id"])
    assert answered["status"] == "closed", answered
    desk.goto("/intake")
    camera.take(desk, "d-10-desk-intake", whole=True)
    desk.goto("/intake/list")
    camera.take(desk, "d-11-desk-list", whole=True)
