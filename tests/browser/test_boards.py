"""Boards: looked at, narrowed, zoomed and taken along; made, moved and kept in the editor; points explored."""

from __future__ import annotations

import base64
import io
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Request, Route, expect

from operate.demo_street import DIVISION
from tests.browser.eyes import DESK, PHONE, Camera, Windows, beyond_the_window, serious_faults, until, words
from tests.browser.filled_site import FilledSite

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("browser-boards"),
]


def opened(page: Page, address: str) -> Page:
    """The page once every panel has its first answer."""
    page.goto(address)
    expect(page.locator("[data-drawn]")).to_be_attached()
    expect(page.locator("[data-panel][data-state=waiting]")).to_have_count(0)
    return page


# a browser without a screen has no paper: what would be on it is kept as it is printed
_PAPER = """window.print = () => {
  dispatchEvent(new Event("beforeprint"));
  window.onPaper = document.querySelector(".board-map-paper").toDataURL();
  dispatchEvent(new Event("afterprint"));
};"""


def panel(page: Page, name: str) -> Locator:
    return page.locator(f"[data-panel='{name}']")


def brightness(picture: Image.Image) -> float:
    """From black, 0, to white, 255; in the middle."""
    grey = sorted(picture.convert("L").resize((40, 40)).tobytes())
    return grey[len(grey) // 2]


def choose(page: Page, opener: str, choice: str) -> None:
    """Open a menu above the board by its words and choose from it."""
    page.locator("summary", has_text=opener).click()
    page.locator("details[open]").get_by_text(choice, exact=True).first.click()


def drag(page: Page, chart: Locator, begin: float, end: float) -> None:
    """Across a chart with the button down; shares of its width."""
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + begin * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], middle, steps=4)
    page.mouse.up()


def _asks_for_tilt(request: Request) -> bool:
    """Whether the page asks for the curves of tilt, and not only for what events change."""
    return request.url.endswith("/answers") and "tilt" in (request.post_data_json["panels"] or [])


def _days_shown(chart: Locator) -> float:
    """How much of a day lies between the first and the last row of a chart as a table."""
    chart.focus()
    chart.page.keyboard.press("t")
    moments = chart.locator(".board-as-table time").evaluate_all("all => all.map((each) => Date.parse(each.dateTime))")
    chart.page.keyboard.press("t")
    return float((max(moments) - min(moments)) / 86_400_000)


def test_a_board_is_read_zoomed_and_passed_on(filled_windows: Windows, camera: Camera) -> None:
    desk = opened(filled_windows.open(DESK, login="dispatcher"), "/boards/covers")
    tilt, other = panel(desk, "tilt"), panel(desk, "displacement")
    expect(tilt.locator(".board-legend button").first).to_be_visible()
    camera.take(desk, "board-desk", whole=True)

    # curves that go on are asked for from their end on, and keep what they had
    status = desk.locator("[data-status]")
    as_of = status.inner_text()
    with desk.expect_request(_asks_for_tilt) as tail:
        desk.get_by_label(words("board.refresh_every")).select_option("5")
    question = tail.value.post_data_json
    # slices are hours at most, and the last that something was measured in may be the one before this
    assert question["to_ms"] - question["from_ms"] < timedelta(hours=2) / timedelta(milliseconds=1)
    # the server keeps its answers for some seconds, and the page says how old the oldest is
    expect(status).not_to_have_text(as_of, timeout=30_000)
    assert _days_shown(tilt) > 0.9
    desk.get_by_label(words("board.refresh_every")).select_option("0")

    # the crosshair of one stands at the same moment in the other
    tilt.locator(".board-plot").focus()
    desk.keyboard.press("ArrowLeft")
    expect(tilt.locator(".board-tip")).to_be_visible()
    moved = "element => !element.classList.contains('u-off') && element.style.transform !== ''"
    until(desk, lambda: bool(other.locator(".u-cursor-x").evaluate(moved)), what="the other chart points too")

    # zoomed by hand to where nothing was measured, and back from there
    drag(desk, tilt.locator(".u-over"), 0.3, 0.6)
    expect(desk).to_have_url(re.compile(r"from=20\d\d-.*&to=20\d\d-"))
    zoomed = desk.url
    expect(tilt.locator(".board-note")).to_have_text(words("board.empty"))
    live = desk.get_by_role("button", name=words("board.resume"))
    expect(live).to_be_visible()
    tilt.locator(".u-over").dblclick()
    expect(live).to_be_hidden()
    expect(desk).not_to_have_url(zoomed)
    expect(tilt.locator(".board-legend button").first).to_be_visible()
    desk.goto(zoomed)
    expect(desk.locator("[data-drawn]")).to_be_attached()
    expect(desk.locator(".board-time .board-chosen")).to_contain_text("20")


def test_a_panel_is_seen_whole_as_a_table_and_taken_along(filled_windows: Windows, tmp_path: Path) -> None:
    desk = opened(filled_windows.open(DESK, login="dispatcher"), "/boards/cases")
    shown = desk.locator("[data-panel][data-kind=bar][data-state=answered]").first
    name = shown.get_attribute("data-panel") or ""
    shown.focus()
    desk.keyboard.press("f")
    expect(shown).to_have_class(re.compile("board-filled"))
    assert f"panel={name}" in desk.url
    desk.keyboard.press("t")
    expect(shown.locator(".board-as-table tbody tr").first).to_be_visible()
    desk.keyboard.press("Escape")
    expect(shown).not_to_have_class(re.compile("board-filled"))

    shown.locator("summary").click()
    with desk.expect_download() as file:
        shown.get_by_text(words("board.csv")).click()
    taken = tmp_path / "panel.csv"
    file.value.save_as(taken)
    assert taken.read_text("utf-8-sig").count("\n") >= 2
    shown.locator("summary").click()
    with desk.expect_download() as picture:
        shown.get_by_text(words("board.png")).click()
    picture.value.save_as(tmp_path / "panel.png")
    # the table that is seen, at its size, and not what is hidden behind it
    wide = shown.locator(".board-as-table").evaluate("table => table.clientWidth")
    with Image.open(tmp_path / "panel.png") as drawn:
        assert drawn.width == 2 * (wide + 28)
    shown.focus()
    desk.keyboard.press("t")

    # a picture of what is still being asked for is taken once it is there
    held: list[Route] = []
    desk.route("**/answers", lambda route: held.append(route))
    desk.reload()
    expect(shown).to_have_count(0)
    late = panel(desk, name)
    with desk.expect_download() as picture:
        late.locator("summary").click()
        late.get_by_text(words("board.png")).click()
        for route in held:
            route.continue_()
    desk.unroute("**/answers")
    picture.value.save_as(tmp_path / "late.png")
    with Image.open(tmp_path / "late.png") as drawn:
        assert len(drawn.convert("RGB").crop((0, 100, *drawn.size)).getcolors(maxcolors=1_000_000) or []) > 2
    expect(late).to_have_attribute("data-state", "answered")

    # whoever stands on a link stands on it after the board was asked anew
    link = shown.locator(".board-view a[href]").first
    link.focus()
    answers = "() => performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/answers')).length"
    before = desk.evaluate(answers)
    desk.keyboard.press("r")
    desk.wait_for_function(f"(before) => ({answers})() > before", arg=before)  # told of when it has come whole
    expect(shown).to_have_attribute("data-state", "answered")
    expect(link).to_be_focused()

    # on paper it says of which time it is and when it was printed; the bar above, which nobody can press there, is gone
    desk.emulate_media(media="print")
    desk.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    expect(desk.locator("[data-printed]")).to_contain_text(words("board.printed", at="20"))
    expect(desk.locator("[data-printed]")).to_be_visible()
    expect(desk.locator(".board-tools")).to_be_hidden()


def test_a_map_is_cut_to_the_chosen_area_taken_along_as_a_picture_and_printed_light(
    filled_windows: Windows, tmp_path: Path
) -> None:
    desk = filled_windows.open(DESK, login="dispatcher", theme="dark")
    desk.add_init_script(_PAPER)
    with desk.expect_request(lambda request: "/map/facts.json" in request.url) as facts:
        desk.goto(f"/boards/overview?var-area={DIVISION}")
    assert facts.value.url.endswith(f"?area={DIVISION}")
    shown = panel(desk, "map")
    expect(shown.locator(".citymap[data-drawn]")).to_be_attached()
    shown.locator("summary").click()
    with desk.expect_download() as picture:
        shown.get_by_text(words("board.png")).click()
    picture.value.save_as(tmp_path / "map.png")
    with Image.open(tmp_path / "map.png") as drawn:
        width, height = drawn.size
        # the middle of the map and not its head or legend
        ground = drawn.convert("RGB").crop((width // 4, height // 4, 3 * width // 4, 3 * height // 4))
    colours = ground.getcolors(maxcolors=1_000_000)
    assert colours is not None
    assert len(colours) > 20
    desk.locator("[data-print]").click()
    until(desk, lambda: desk.evaluate("window.onPaper !== undefined"), what="on paper")
    sheet = base64.b64decode(desk.evaluate("window.onPaper").partition(",")[2])
    with Image.open(io.BytesIO(sheet)) as printed:
        assert brightness(printed) > 200
    expect(desk.locator("html")).to_have_attribute("data-theme", "dark")
    assert brightness(ground) < 60


def test_a_timeline_is_walked_from_change_to_change_and_its_axis_lies_below_it_on_paper(
    filled_windows: Windows,
) -> None:
    desk = opened(filled_windows.open(DESK, login="dispatcher"), "/boards/cabinets")
    timeline = panel(desk, "timeline")
    told = timeline.locator(".board-tip")
    timeline.locator(".board-states").focus()
    desk.keyboard.press("ArrowRight")
    expect(told).to_contain_text(" – ")
    expect(timeline.locator("[aria-live]")).to_contain_text(" – ")
    desk.keyboard.press("Escape")
    expect(told).to_be_hidden()

    desk.emulate_media(media="print")
    edges = """panel => [".board-states canvas", ".board-states-axis"].map((each) => {
      const { left, right } = panel.querySelector(each).getBoundingClientRect();
      return [Math.round(left), Math.round(right)];
    })"""
    band, axis = timeline.evaluate(edges)
    assert axis == band


def test_what_is_chosen_stays_in_the_address(filled_windows: Windows) -> None:
    desk = opened(filled_windows.open(DESK, login="dispatcher"), "/boards/covers")
    choose(desk, words("board.span"), words("board.last", span=words("board.length.d", n=30)))
    expect(desk).to_have_url(re.compile("from=-30d"))
    desk.locator("summary", has_text=words("board.variable.area")).click()
    first = desk.locator(
        ".board-chooser[open] input[type=radio]:not([value='']), .board-chooser[open] input[type=checkbox]"
    ).first
    chosen = first.get_attribute("value")
    first.check()
    expect(desk).to_have_url(re.compile(f"var-area={chosen}"))
    desk.reload()
    expect(desk.locator(".board-chooser-set .board-chosen")).to_contain_text(str(chosen))
    expect(desk.locator("[data-length='-30d']")).to_have_attribute("aria-pressed", "true")


def test_an_editor_that_can_not_open_says_so(filled: FilledSite, filled_windows: Windows) -> None:
    desk = filled_windows.open(DESK, login="dispatcher")
    filled_windows.witness.refused.add(f"{filled.address}/boards/choices.json")
    desk.route("**/boards/choices.json", lambda route: route.fulfill(status=503, body=""))
    desk.goto("/boards/covers/edit")
    expect(desk.locator("[data-message]")).to_contain_text(words("board.no_editor"))


def test_what_was_made_is_not_lost_with_the_session(
    filled: FilledSite, filled_windows: Windows, tmp_path: Path
) -> None:
    desk = filled_windows.open(DESK, login="dispatcher")
    desk.goto("/boards/covers/edit")
    expect(desk.locator("[data-drawn]")).to_be_attached()
    desk.get_by_label(words("board.name_zh")).fill("夜里的井盖")
    filled_windows.witness.refused.add(f"{filled.address}/boards/covers")
    session = desk.context.cookies()
    desk.context.clear_cookies()
    save = desk.get_by_role("button", name=words("board.save"), exact=True)
    save.click()
    message = desk.locator("[data-message]")
    expect(message.get_by_role("link", name=words("nav.login"))).to_have_attribute("target", "_blank")
    with desk.expect_download() as file:
        message.get_by_role("button", name=words("board.file")).click()
    file.value.save_as(tmp_path / "covers.json")
    assert json.loads((tmp_path / "covers.json").read_text("utf-8"))["name"]["zh"] == "夜里的井盖"
    # signed in again in another window
    desk.context.add_cookies(session)
    save.click()
    expect(desk.locator("h1")).to_have_text("夜里的井盖")
    desk.go_back()
    expect(desk).to_have_url(re.compile("/boards/covers/edit$"))
    expect(desk.get_by_label(words("board.name_zh"))).to_have_value("夜里的井盖")
    desk.goto("/boards/covers")
    desk.locator(".board-head .menu > summary").click()
    desk.locator(".confirm > summary", has_text=words("board.reset")).click()
    desk.locator(".confirm-body button").click()
    expect(desk.locator("h1")).not_to_have_text("夜里的井盖")


def test_a_board_is_taken_back_from_its_file_and_asks_before_it_goes(
    filled_windows: Windows, camera: Camera, tmp_path: Path
) -> None:
    desk = opened(filled_windows.open(DESK, login="admin"), "/boards/cases")
    more = desk.locator(".board-head .menu > summary")
    more.click()
    with desk.expect_download() as file:
        desk.get_by_text(words("board.file")).click()
    file.value.save_as(tmp_path / "cases.json")
    desk.goto("/boards/new")
    expect(desk.locator("[data-drawn]")).to_be_attached()
    field = desk.locator("[data-file]")
    field.set_input_files({"name": "list.json", "mimeType": "application/json", "buffer": b"[1]"})
    expect(desk.locator("[data-message]")).to_have_text(words("board.file_wrong", name="list.json"))
    field.set_input_files(tmp_path / "cases.json")
    expect(desk.locator("[data-message]")).to_be_hidden()
    expect(desk.locator("[data-grid] [data-panel]").first).to_be_visible()
    many = desk.locator("[data-grid] [data-panel]").count()

    # what it begins with: one area; and one unit at a time
    several = desk.locator(".board-variable").nth(1).get_by_label(words("board.variable_several"))
    several.uncheck()
    desk.locator(".board-variable summary").first.click()
    desk.locator(".board-chooser[open] input[type=radio]:not([value=''])").first.check()
    assert serious_faults(desk) == []
    camera.take(desk, "board-editor-variables")
    desk.get_by_label(words("board.name_zh")).fill("另一块看板")

    # one field after the other: none takes back what was filled in beside it, and each is undone by itself
    choose(desk, words("board.add_panel"), words("board.kind.text"))
    desk.get_by_label(words("board.text_zh")).fill("先看这里")
    desk.get_by_label(words("board.text_en")).fill("Look here first")
    choose(desk, words("board.add_panel"), words("board.kind.bar"))
    desk.get_by_label(words("board.by"), exact=True).select_option("severity")
    desk.get_by_label(words("board.over"), exact=True).select_option("week")
    desk.get_by_label(words("board.kind"), exact=True).select_option("text")
    for _ in range(2):
        desk.get_by_role("button", name=words("board.undo"), exact=True).click()
    expect(desk.get_by_label(words("board.over"), exact=True)).to_have_value("")
    desk.get_by_label(words("board.over"), exact=True).select_option("day")
    expect(panel(desk, "bar-1").locator(".board-plot")).to_be_visible()
    desk.get_by_role("button", name=words("board.save"), exact=True).click()
    expect(desk.locator("h1")).to_have_text("另一块看板")
    expect(desk.locator("[data-panel]")).to_have_count(many + 2)
    expect(desk.locator(".board-chooser-set")).to_have_count(1)
    kept = desk.evaluate("fetch(`${location.pathname}.json`).then((answer) => answer.json())")
    made = {each["id"]: each for each in kept["panels"]}
    assert made["text-1"]["options"]["text"] == {"zh": "先看这里", "en": "Look here first"}
    assert (made["bar-1"]["source"]["by"], made["bar-1"]["source"]["over"]) == ("severity", "day")
    # nothing is asked for words: they wait for no answer
    desk.keyboard.press("r")
    expect(panel(desk, "text-1")).to_have_attribute("data-state", "answered")
    expect(panel(desk, "text-1").get_by_text("先看这里")).to_be_visible()

    more.click()
    desk.locator(".confirm > summary", has_text=words("board.remove")).click()
    expect(desk.get_by_text(words("board.remove_text"))).to_be_visible()
    camera.take(desk, "board-remove")
    desk.locator(".confirm-body button").click()
    expect(desk).to_have_url(re.compile("/boards$"))


def test_a_board_is_made_moved_and_kept_and_a_conflict_is_settled(filled_windows: Windows, camera: Camera) -> None:
    desk = filled_windows.open(DESK, login="dispatcher")
    desk.goto("/boards/new")
    expect(desk.locator("[data-drawn]")).to_be_attached()
    desk.get_by_label(words("board.name_zh")).fill("夜班看板")
    for kind in ("stat", "bar"):
        choose(desk, words("board.add_panel"), words(f"board.kind.{kind}"))
    expect(desk.locator("[data-panel][data-state=answered]")).to_have_count(2)
    desk.get_by_label(words("board.title_zh")).fill("未结案件")
    expect(panel(desk, "bar-1").locator("h2")).to_have_text("未结案件")
    assert serious_faults(desk) == []

    # moved and sized by keys, and undone
    place = "element => [element.style.gridColumn, element.style.gridRow].join(' ')"
    before = panel(desk, "stat-1").evaluate(place)
    panel(desk, "stat-1").get_by_label(words("board.move_handle")).press("ArrowRight")
    assert panel(desk, "stat-1").evaluate(place) != before
    desk.get_by_role("button", name=words("board.undo"), exact=True).click()
    assert panel(desk, "stat-1").evaluate(place) == before
    drag(desk, panel(desk, "bar-1").locator("h2"), 0.2, 1.4)
    expect(desk.locator("[data-changed]")).to_have_text(words("board.unsaved"))
    camera.take(desk, "board-editor-desk")
    desk.get_by_role("button", name=words("board.save"), exact=True).click()
    expect(desk.locator("h1")).to_have_text("夜班看板")
    expect(desk.locator("[data-panel]")).to_have_count(2)

    # two people at once: the second is told, and loses nothing
    address = desk.url
    second = filled_windows.open(DESK, login="admin")
    screen = opened(filled_windows.open(DESK, login="dispatcher"), address)
    for page in (desk, second):
        page.goto(f"{address}/edit")
        expect(page.locator("[data-drawn]")).to_be_attached()
    second.get_by_label(words("board.name_zh")).fill("值班看板")
    second.get_by_role("button", name=words("board.save"), exact=True).click()
    expect(second.locator("h1")).to_have_text("值班看板")
    # who only looks gets the new one with the next answers, and no new figures under old titles
    screen.keyboard.press("r")
    expect(screen.locator("h1")).to_have_text("值班看板")
    desk.get_by_label(words("board.name_zh")).fill("夜班的看板")
    filled_windows.witness.refused.add(address)
    desk.get_by_role("button", name=words("board.save"), exact=True).click()
    expect(desk.locator("[data-message]")).to_contain_text(words("board.conflict"))
    expect(desk.get_by_label(words("board.name_zh"))).to_have_value("夜班的看板")
    desk.get_by_role("button", name=words("board.conflict_over"), exact=True).click()
    expect(desk.locator("h1")).to_have_text("夜班的看板")

    # on a phone panels are moved by buttons, and the plan shows where to
    phone = filled_windows.open(PHONE, login="dispatcher")
    phone.goto(f"{address}/edit")
    last = phone.locator("[data-grid] [data-panel]").last
    moved = last.get_attribute("data-panel") or ""
    last.locator("h2").tap()
    phone.get_by_role("button", name=words("board.place_up"), exact=True).tap()
    expect(phone.locator("[data-grid] [data-panel]").first).to_have_attribute("data-panel", moved)
    expect(panel(phone, moved)).to_be_in_viewport()
    narrower = phone.get_by_role("button", name=words("board.place_narrower"), exact=True)
    before = phone.locator(".board-plan-chosen").get_attribute("width")
    narrower.focus()
    phone.keyboard.press("Enter")
    expect(phone.locator(".board-plan-chosen")).not_to_have_attribute("width", before or "")
    expect(narrower).to_be_focused()
    assert serious_faults(phone) == []
    camera.take(phone, "board-editor-phone")


def test_any_point_is_explored_beside_another(
    filled: FilledSite, filled_windows: Windows, camera: Camera, tmp_path: Path
) -> None:
    desk = filled_windows.open(DESK, login="dispatcher")
    desk.goto("/explore")
    expect(desk.locator("[data-begin]")).to_be_visible()
    desk.locator("summary", has_text=words("explore.points")).click()
    desk.locator(".board-chooser[open] input[type=search]").fill("人民路")
    found = desk.locator(".board-chooser[open] input[type=checkbox]")
    for number in (0, 1):
        found.nth(number).check()
    expect(desk.locator("[data-statistics] tbody tr")).to_have_count(2)
    expect(desk.locator(".board-legend li")).to_have_count(2)
    desk.keyboard.press("Escape")
    with desk.expect_response(re.compile(r"/explore/annotations\.json")) as marked:
        desk.get_by_role("button", name=words("board.marks.alerts")).click()
    assert marked.value.ok
    assert serious_faults(desk) == []
    camera.take(desk, "explore-desk")
    address = desk.url
    chart = panel(desk, "explore")
    chart.locator("summary").click()
    with desk.expect_download() as file:
        chart.get_by_text(words("board.csv")).click()
    file.value.save_as(tmp_path / "explored.csv")
    head, first, *_ = (tmp_path / "explored.csv").read_text("utf-8-sig").splitlines()
    assert head.startswith(f"{words('board.time')},")
    assert re.match(r"20\d\d-\d\d-\d\d ", first)
    chart.focus()
    desk.keyboard.press("f")
    expect(chart).to_have_class(re.compile("board-filled"))
    desk.keyboard.press("Escape")
    expect(chart).not_to_have_class(re.compile("board-filled"))
    phone = filled_windows.open(PHONE, login="crew1")
    phone.goto(address.removeprefix(filled.address))
    expect(phone.locator("[data-statistics] tbody tr")).to_have_count(2)
    phone.locator(".board-away").first.click()
    expect(phone.locator("[data-statistics] tbody tr")).to_have_count(1)


def test_on_a_phone_panels_stand_one_below_the_other(filled_windows: Windows, camera: Camera) -> None:
    phone = opened(filled_windows.open(PHONE, login="crew1"), "/boards/cases")
    assert beyond_the_window(phone) == ""
    wide = phone.locator("[data-panel]:not([data-kind=stat])").evaluate_all(
        "panels => panels.map((panel) => panel.getBoundingClientRect().width / innerWidth)"
    )
    assert min(wide) > 0.9
    assert serious_faults(phone) == []
    camera.take(phone, "board-phone", whole=True)


def test_a_finger_that_rests_and_moves_zooms_a_chart_and_the_way_back_is_named(filled_windows: Windows) -> None:
    phone = opened(filled_windows.open(PHONE, login="crew1"), "/boards/covers")
    chart = panel(phone, "tilt").locator(".u-over")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    touch = phone.context.new_cdp_session(phone)

    def finger(kind: str, *shares: float) -> None:
        points = [{"x": box["x"] + share * box["width"], "y": box["y"] + box["height"] / 2} for share in shares]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    finger("touchStart", 0.3)
    began = phone.evaluate("performance.now()")
    phone.wait_for_function("began => performance.now() - began > 400", arg=began)
    for share in (0.4, 0.5, 0.6):
        finger("touchMove", share)
    finger("touchEnd")
    expect(phone).to_have_url(re.compile(r"from=20\d\d-.*&to=20\d\d-"))
    expect(phone.locator(".board-paused")).to_have_text(words("board.paused"))
    assert beyond_the_window(phone) == ""
    phone.get_by_role("button", name=words("board.resume")).click()
    expect(phone).not_to_have_url(re.compile("from="))
