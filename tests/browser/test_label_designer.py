"""The label designer by keyboard and by hand, at the desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from registry.labels import standard_plate
from registry.labels.template import TextElement
from registry.queries.label_templates import template_in_use, template_versions
from tests.browser.eyes import DESK, PHONE, Camera, Windows, beyond_the_window, words
from tests.browser.registry_site import RegistrySite

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("browser-registry"),
]

KEY = standard_plate().key


@pytest.fixture
def desk(book_windows: Windows) -> Iterator[Page]:
    page = book_windows.open(DESK, login="registrar")
    page.goto(f"/label-templates/{KEY}")
    expect(page.locator("[data-symbol]")).to_contain_text("Q")
    yield page
    # what is not saved stays behind as a draft, about which the browser would ask
    page.evaluate("() => localStorage.clear()")


def drawn(page: Page) -> str:
    """The address of the picture as it is now; another after the next drawing."""
    return page.locator("[data-picture]").get_attribute("src") or ""


def test_a_part_is_chosen_moved_and_saved_by_keyboard_alone(desk: Page, book: RegistrySite) -> None:
    before = template_in_use(book.engine, KEY)
    first = desk.locator(".part-line input").first
    first.focus()
    for _ in range(3):  # past the symbol and the box, to the first line of text
        desk.keyboard.press("ArrowDown")
    expect(desk.locator("[data-chosen]")).to_contain_text(words("designer.field.name"))
    picture = drawn(desk)
    handle = desk.locator(".handle[aria-current]")
    handle.focus()
    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("Shift+ArrowLeft")
    expect(desk.locator("[data-picture]")).not_to_have_attribute("src", picture)
    expect(desk.locator("[data-state]")).to_have_text(words("designer.unsaved"))
    desk.keyboard.press("Control+s")
    expect(desk.locator(".message.ok")).to_be_visible()
    after = template_in_use(book.engine, KEY)
    old, new = before.elements[1], after.elements[1]
    assert isinstance(old, TextElement)
    assert isinstance(new, TextElement)
    assert (new.y_mm, new.width_mm) == (old.y_mm + 1.0, old.width_mm - 0.5)
    assert template_versions(book.engine, KEY)[0].created_by_name is not None


def test_a_drag_is_undone_and_done_again(desk: Page) -> None:
    handle = desk.locator(".handle-qr")
    desk.locator(".part-line input").nth(1).check()
    box = handle.bounding_box()
    assert box is not None
    left = desk.locator("[name=x_mm]")
    at_first = left.input_value()
    desk.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    desk.mouse.down()
    desk.mouse.move(box["x"] + box["width"] / 2 + 30, box["y"] + box["height"] / 2, steps=5)
    desk.mouse.up()
    expect(left).not_to_have_value(at_first)
    dragged = left.input_value()
    desk.locator("[data-undo]").click()
    expect(left).to_have_value(at_first)
    desk.locator("[data-redo]").click()
    expect(left).to_have_value(dragged)


def test_a_mistake_is_told_at_its_field_and_cannot_be_saved(desk: Page) -> None:
    desk.locator("[name=width_mm]").fill("12")
    problem = desk.locator("[data-problems] button").first
    expect(problem).to_be_visible()
    expect(desk.locator("[data-save-button]")).to_be_disabled()
    desk.locator("[data-undo]").click()
    expect(desk.locator("[data-problems]")).to_be_hidden()
    expect(desk.locator("[data-save-button]")).to_be_enabled()


def test_unsaved_work_survives_a_closed_page(desk: Page) -> None:
    desk.locator("[name=height_mm]").fill("93")
    expect(desk.locator("[data-state]")).to_have_text(words("designer.unsaved"))
    desk.on("dialog", lambda dialog: dialog.accept())
    desk.reload()
    expect(desk.locator("[name=height_mm]")).to_have_value("90")
    desk.locator("[data-draft-take]").click()
    expect(desk.locator("[name=height_mm]")).to_have_value("93")


def test_a_part_is_added_and_taken_away_on_a_phone(book_windows: Windows, camera: Camera) -> None:
    page = book_windows.open(PHONE, login="registrar")
    page.goto("/label-templates/cover-disc-60")
    expect(page.locator("[data-symbol]")).to_contain_text("H")
    parts = page.locator(".part-line")
    count = parts.count()
    page.locator("[data-add]").select_option("hole")
    expect(parts).to_have_count(count + 1)
    camera.take(page, "designer-phone", whole=True)
    page.get_by_role("button", name=words("designer.remove")).tap()
    expect(parts).to_have_count(count)
    assert beyond_the_window(page) == ""
    page.evaluate("() => localStorage.clear()")
