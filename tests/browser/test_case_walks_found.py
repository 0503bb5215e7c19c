"""A case of each source that the city's own people open, walked to its end: patrol, on the spot, from above, campaign.

With what follows a case: supervision by a numbered notice, a recheck that finds it broken again, an appeal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pypdfium2
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from registry.domain.kinds import Severity, Source
from registry.domain.people import Actor
from registry.services.assets import NewAsset, Parties, register_asset, set_parties
from registry.services.campaigns import NewCampaign, save_campaign
from registry.services.case_clocks import mark_overdue
from registry.services.case_opening import open_or_attach
from registry.services.cases import move_case
from registry.services.patrols import NewPlan, NewStop, save_plan, set_stops
from registry.services.people import actor_of
from registry.services.tags import issue_tag
from registry.storage.database import reading, writing
from registry.storage.tables import asset, case, user
from tests.browser.eyes import DESK, PHONE, Camera, Windows, serious_faults, words
from tests.browser.registry_site import RegistrySite
from tests.browser.walking import fits, make, photo, stands_at, told

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("browser-registry"),
]

COLLECTOR = "王强"


@dataclass(frozen=True, kw_only=True)
class Cover:
    """A cover in the street, with its plate and its sixteen digits."""

    asset_id: int
    code: str
    plate: str


@dataclass(frozen=True, kw_only=True)
class Ward:
    """Covers in the care of the unit of ``crew2``, and the people of the site."""

    site: RegistrySite

    def cover(self, number: int) -> Cover:
        """A new cover ``number`` steps along the road."""
        now = datetime.now(UTC)
        new = NewAsset(division="320508", class_code="0101", lon=120.66, lat=31.33 + number * 0.002, road="相门后庄")
        unit_id = self.person("crew2").unit_id
        with writing(self.site.engine) as tx:
            asset_id = register_asset(tx, new, now=now)
            set_parties(tx, asset_id, Parties(owner_unit_id=unit_id, maintainer_unit_id=unit_id), now=now)
            token = issue_tag(tx, asset_id, now=now)
            code = tx.scalar(select(asset.c.code).where(asset.c.id == asset_id))
        return Cover(asset_id=asset_id, code=str(code), plate=f"/Q/{token}")

    def person(self, login: str) -> Actor:
        """Whoever signs in with that word."""
        with reading(self.site.engine) as tx:
            return actor_of(tx.execute(select(user).where(user.c.login == login)).one())

    def went_late(self, cover: Cover) -> int:
        """A case that was handed back two days after its deadline, verified and closed, as the worker has seen it."""
        engine, now = self.site.engine, datetime.now(UTC)
        desk, crew = self.person("dispatcher"), self.person("crew2")
        begun = now - timedelta(days=12)
        with writing(engine) as tx:
            opened = open_or_attach(
                tx,
                asset_id=cover.asset_id,
                kind="cover_damaged",
                severity=Severity.ALARM,
                source=Source.PATROL,
                now=begun,
            )
        steps: tuple[tuple[str, Actor, dict[str, Any]], ...] = (
            ("dispatch", desk, {"assignee_id": crew.user_id}),
            ("accept", crew, {}),
            ("hand_back", crew, {"note": "路面冻结，解冻后更换。"}),
            ("verify", desk, {}),
            ("close", desk, {}),
        )
        for move, by, more in steps:
            at = begun if move in ("dispatch", "accept") else now - timedelta(days=2)
            mark_overdue(engine, now=at)
            with reading(engine) as tx:
                version = tx.scalar(select(case.c.version).where(case.c.id == opened.case_id)) or 0
            move_case(engine, case_id=opened.case_id, move=move, by=by, expected_version=version, now=at, **more)
        return opened.case_id


@pytest.fixture(scope="module")
def ward(book: RegistrySite) -> Ward:
    return Ward(site=book)


def test_a_patrol_finds_a_cover_and_the_case_closes_twice(ward: Ward, book_windows: Windows, camera: Camera) -> None:
    cover, desk_person = ward.cover(1), ward.person("dispatcher")
    now = datetime.now(UTC)
    new = NewPlan(name="相门后庄巡查", unit_id=ward.person("crew1").unit_id or 0, starts_on=date(2026, 1, 1), weekly=3)
    plan_id = save_plan(ward.site.engine, None, new, by=desk_person, now=now)
    stops = [NewStop(asset_id=cover.asset_id, name="小学门口", key=True, place_type="学校")]
    set_stops(ward.site.engine, plan_id, [*stops, NewStop(name="桥头", lon=120.67, lat=31.34)], by=desk_person, now=now)

    phone = book_windows.open(PHONE | {"geolocation": {"longitude": 120.66, "latitude": 31.332}}, login="crew1")
    phone.goto(f"/patrols/{plan_id}")
    camera.take(phone, "e-01-plan", whole=True)
    fits(phone)
    phone.get_by_role("button", name=words("patrols.start"), exact=True).tap()
    phone.get_by_role("button", name=words("patrols.here"), exact=True).tap()
    expect(phone.locator(".stops .visited")).to_have_count(1)
    phone.goto(cover.plate)
    camera.take(phone, "e-02-plate", whole=True)
    phone.get_by_role("link", name=words("patrols.found_here")).tap()
    _choose(phone.locator("#found"), "photo")
    phone.get_by_label(words("patrols.kind"), exact=True).select_option("cover_loose")
    phone.get_by_label(words("patrols.what"), exact=True).fill("一踩就响。")
    camera.take(phone, "e-03-finding", whole=True)
    phone.get_by_role("button", name=words("patrols.keep_finding"), exact=True).tap()
    expect(phone.locator("#findings")).to_contain_text("一踩就响。")
    camera.take(phone, "e-04-round", whole=True)
    fits(phone)
    address = phone.locator("#findings .case-link").get_attribute("href") or ""
    phone.get_by_role("button", name=words("patrols.end"), exact=True).tap()
    expect(phone.get_by_text("1 / 2").first).to_be_visible()

    desk = book_windows.open(DESK, login="dispatcher")
    desk.goto(address)
    stands_at(desk, "filed")
    _mended(book_windows, desk, cover)
    make(desk, "ask_verification", assignee_id=COLLECTOR, note="请看看还响不响。")
    phone.goto("/tasks")
    camera.take(phone, "e-05-tasks", whole=True)
    assert serious_faults(phone) == []
    phone.get_by_role("link", name=words("task_kind.verify")).tap()
    make(phone, "verify", stage="verified")
    camera.take(phone, "e-06-verified", whole=True)
    desk.reload()
    make(desk, "close", stage="closed")

    desk.get_by_role("link", name=words("recheck_state.due")).click()
    desk.get_by_label(words("recheck.broken")).check()
    desk.get_by_label(words("recheck.words"), exact=True).fill("三天后又响了。")
    camera.take(desk, "e-07-recheck", whole=True)
    desk.get_by_role("button", name=words("recheck.save"), exact=True).click()
    desk.goto(address)
    stands_at(desk, "filed")
    _mended(book_windows, desk, cover)
    make(desk, "verify", stage="verified")
    make(desk, "close", stage="closed")
    camera.take(desk, "e-08-closed-again", whole=True)
    told(
        desk,
        "collect",
        "reopen",
        "dispatch",
        "dispatch",
        "hand_back",
        "hand_back",
        "verify",
        "verify",
        "close",
        "close",
    )


def test_a_collector_mends_on_the_spot_with_two_pictures(ward: Ward, book_windows: Windows, camera: Camera) -> None:
    cover, desk_person, now = ward.cover(2), ward.person("dispatcher"), datetime.now(UTC)
    new = NewPlan(name="庄先湾巡查", unit_id=ward.person("crew1").unit_id or 0, starts_on=date(2026, 1, 1))
    plan_id = save_plan(ward.site.engine, None, new, by=desk_person, now=now)
    set_stops(ward.site.engine, plan_id, [NewStop(asset_id=cover.asset_id, name="路口")], by=desk_person, now=now)
    phone = book_windows.open(PHONE, login="crew1")
    phone.goto("/patrols")
    phone.get_by_role("button", name=words("patrols.start_this", plan="庄先湾巡查")).tap()
    phone.locator("#found").get_by_label(words("patrols.point"), exact=True).select_option(label="路口")
    phone.get_by_label(words("patrols.kind"), exact=True).select_option("cover_loose")
    phone.get_by_label(words("patrols.what"), exact=True).fill("胶圈脱出。")
    phone.get_by_role("button", name=words("patrols.keep_finding"), exact=True).tap()
    phone.locator("#findings .case-link").tap()
    camera.take(phone, "f-01-case", whole=True)
    make(phone, "self_handle", stage="closed", quantity="1", photo_before="#6b7176", photo_after="#5d7a64")
    camera.take(phone, "f-02-done", whole=True)
    fits(phone)
    expect(phone.locator("#photos")).to_contain_text(words("photo_kind.before"))
    expect(phone.get_by_role("main")).to_contain_text(words("closed_how.self_handled"))
    phone.goto("/tasks")
    phone.get_by_role("link", name=words("tasks.round")).tap()
    phone.get_by_role("button", name=words("patrols.end"), exact=True).tap()
    expect(phone.get_by_text(words("message.round_ended", visited=0, stops=1))).to_be_visible()


def test_a_task_from_above_is_done_when_its_case_is(ward: Ward, book_windows: Windows, camera: Camera) -> None:
    cover = ward.cover(3)
    day = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    unit = "路灯管理所"
    lines = f"序号,任务内容,责任单位,整改时限,部件编码\n7,更换相门后庄破损井盖,{unit},{day},{cover.code}\n"
    desk = book_windows.open(DESK, login="dispatcher")
    desk.goto("/mandates/import")
    desk.locator("input[type=file]").set_input_files(
        [{"name": "省督查清单.csv", "mimeType": "text/csv", "buffer": lines.encode()}]
    )
    desk.get_by_role("button", name=words("mandates.check"), exact=True).click()
    desk.get_by_label(words("mandates.received")).fill("2026-11-20")
    camera.take(desk, "g-01-list", whole=True)
    desk.get_by_role("button", name=words("mandates.take_in", n=1)).click()
    desk.get_by_role("link", name="更换相门后庄破损井盖").click()
    expect(desk.get_by_role("main")).to_contain_text(day)
    task = desk.url
    desk.get_by_label(words("patrols.kind"), exact=True).select_option("cover_damaged")
    camera.take(desk, "g-02-task", whole=True)
    desk.get_by_role("button", name=words("mandates.open_case"), exact=True).click()
    stands_at(desk, "filed")
    expect(desk.get_by_role("main")).to_contain_text(words("source.above"))

    phone = book_windows.open(PHONE, login="crew2")
    phone.goto("/tasks")
    phone.get_by_role("link", name=words("tasks.mandates", n=1)).tap()
    phone.get_by_role("link", name="更换相门后庄破损井盖").tap()
    number = desk.locator(".case-head code").inner_text()
    expect(phone.get_by_text(words("mandates.case_first", number=number, stage=words("stage.filed")))).to_be_visible()
    camera.take(phone, "g-03-waits", whole=True)
    _mended(book_windows, desk, cover)
    make(desk, "verify", stage="verified")
    make(desk, "close", stage="closed")
    phone.reload()
    phone.get_by_label(words("mandates.note")).fill("已更换为防沉降井盖。")
    _choose(phone.get_by_role("main"), "photo")
    camera.take(phone, "g-04-report", whole=True)
    fits(phone)
    phone.get_by_role("button", name=words("mandate_move.report"), exact=True).tap()
    expect(phone.locator(".page-head")).to_contain_text(words("mandate_state.done"))
    desk.goto(task)
    expect(desk.get_by_role("region", name=words("mandates.proof")).get_by_role("img")).to_be_visible()
    desk.get_by_role("button", name=words("mandate_move.strike_off"), exact=True).click()
    expect(desk.locator(".page-head")).to_contain_text(words("mandate_state.struck"))
    camera.take(desk, "g-05-struck", whole=True)


def test_a_campaigns_case_is_supervised_by_a_numbered_notice_and_struck_off(
    ward: Ward, book_windows: Windows, camera: Camera
) -> None:
    cover, desk_person, now = ward.cover(4), ward.person("dispatcher"), datetime.now(UTC)
    campaign = NewCampaign(
        name="窨井盖专项整治",
        starts_on=now.date() - timedelta(days=3),
        ends_on=now.date() + timedelta(days=20),
        quota=30,
        family="cover",
        case_kind="cover_damaged",
    )
    save_campaign(ward.site.engine, None, campaign, by=desk_person, now=now)
    phone = book_windows.open(PHONE, login="crew1")
    phone.goto(cover.plate)
    phone.get_by_role("link", name="窨井盖专项整治").tap()
    _choose(phone.get_by_role("main"), "before_photo")
    phone.get_by_label(words("patrols.note"), exact=True).fill("井盖裂开，须更换。")
    camera.take(phone, "h-01-campaign", whole=True)
    phone.get_by_role("button", name=words("campaign_result.case"), exact=True).tap()
    expect(phone.get_by_text(words("message.item_kept"))).to_be_visible()

    desk = book_windows.open(DESK, login="dispatcher")
    desk.goto(f"/cases?asset_id={cover.asset_id}")
    desk.locator(".table .main").first.click()
    stands_at(desk, "filed")
    address = desk.url
    desk.get_by_role("link", name=words("beyond.supervise")).click()
    desk.get_by_label(words("supervision.problem")).fill("井盖裂开，学生上下学必经。")
    desk.get_by_label(words("supervision.demand")).fill("立即围护，三日内更换。")
    desk.get_by_role("button", name=words("supervision.open"), exact=True).click()
    item = desk.url
    desk.goto("/supervision/notices/new")
    desk.get_by_role("link", name="路灯管理所").click()
    desk.get_by_label("井盖裂开，学生上下学必经。").check()
    camera.take(desk, "h-02-notice", whole=True)
    desk.get_by_role("button", name=words("supervision.issue_now")).click()
    number = f"督〔{now.year}〕1号"
    expect(desk.get_by_role("heading", level=1)).to_have_text(number)
    paper = desk.request.get(f"{desk.url}.pdf")
    text = "".join(pypdfium2.PdfDocument(paper.body())[0].get_textpage().get_text_range().split())
    assert all(said in text for said in (number, "督查通知单", "路灯管理所：", "井盖裂开，学生上下学必经。"))

    desk.goto(address)
    told(desk, "supervise")
    _mended(book_windows, desk, cover)
    owing = book_windows.open(PHONE, login="crew2")
    owing.goto("/tasks")
    camera.take(owing, "h-03-owing", whole=True)
    owing.get_by_role("link", name=words("tasks.items", n=1)).tap()
    owing.get_by_role("link", name="井盖裂开，学生上下学必经。").tap()
    owing.get_by_label(words("item_note.reply")).fill("已更换新井盖。")
    owing.locator("#file-reply").set_input_files([_picture("#5d7a64")])
    camera.take(owing, "h-04-answer", whole=True)
    fits(owing)
    owing.get_by_role("button", name=words("item_move.reply"), exact=True).tap()
    expect(owing.locator(".story .photos img")).to_be_visible()
    make(desk, "verify", stage="verified")
    make(desk, "close", stage="closed")
    desk.goto(item)
    expect(desk.locator(".story .photos img")).to_be_visible()
    desk.get_by_role("button", name=words("item_move.strike_off"), exact=True).click()
    expect(desk.get_by_role("heading", level=1)).to_contain_text(words("item_state.struck_off"))
    camera.take(desk, "h-05-struck-off", whole=True)


def test_an_appeal_takes_two_people_and_leaves_the_lateness_standing(
    ward: Ward, book_windows: Windows, camera: Camera
) -> None:
    case_id = ward.went_late(ward.cover(5))
    phone = book_windows.open(PHONE, login="crew2")
    phone.goto(f"/cases/{case_id}")
    make(phone, "appeal", note="台风红色预警期间，全市停工。")
    camera.take(phone, "i-01-appeal", whole=True)
    for login in ("dispatcher", "admin"):
        desk = book_windows.open(DESK, login=login)
        desk.goto(f"/cases/{case_id}")
        asked = desk.locator("#requests")
        asked.get_by_label(words("case.decide_note")).fill("属实。")
        camera.take(desk, f"i-02-{login}", whole=True)
        asked.get_by_role("button", name=words("case.decide_grant"), exact=True).click()
        expect(asked.get_by_role("button")).to_have_count(0)
    expect(desk.get_by_text(words("case.exempt_line"))).to_be_visible()
    told(desk, "overdue", "appeal", "approve", "grant_appeal")
    camera.take(desk, "i-03-exempt", whole=True)


def _mended(windows: Windows, desk: Page, cover: Cover) -> None:
    """The desk sends the handler's unit; the handler comes to the plate and hands the case back."""
    desk.locator(".dispatch-card").get_by_role("button").first.click()
    stands_at(desk, "dispatched")
    phone = windows.open(PHONE, login="crew2")
    phone.goto(cover.plate)
    phone.get_by_role("button", name=words("crew.here"), exact=True).tap()
    phone.get_by_label(words("crew.note")).fill("已更换。")
    phone.get_by_role("button", name=words("crew.done"), exact=True).tap()
    expect(phone.get_by_text(words("crew.handed_back"))).to_be_visible()
    phone.context.close()
    desk.reload()
    stands_at(desk, "handed_back")


def _choose(part: Locator, name: str) -> None:
    """Choose a picture, and see it below the button that says so."""
    part.locator(f'input[name="{name}"]').set_input_files([_picture("#5b6166")])
    expect(part.locator(".chosen-pictures img")).to_be_visible()
    expect(part.get_by_text(words("photo.chosen", n=1))).to_be_visible()


def _picture(shade: str) -> Any:
    return {"name": "IMG_1.JPG", "mimeType": "image/jpeg", "buffer": photo(shade)}
