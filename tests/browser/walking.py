"""What people do with a case in a browser: make a move on its page, with a mouse at the desk or a thumb on a phone."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, expect

from tests.browser.eyes import beyond_the_window, words

STAGES = ("collected", "filed", "dispatched", "in_hand", "handed_back", "verified", "closed", "suspended", "void")


def move_box(page: Page, move: str) -> Locator:
    """Where a move stands on a case's page: a button, or what unfolds into its form."""
    return page.locator(".case-next .move", has=page.locator(f'input[name="move"][value="{move}"]'))


def make(page: Page, move: str, *, stage: str = "", **fields: str) -> None:
    """Make a move with what its form asks for (``note``, ``assignee_id`` by name, ``until``, ``passed``), and see it.

    ``stage``: where the case has to stand afterwards.
    """
    box = move_box(page, move)
    expect(box).to_be_visible()
    form = box.locator("form") if box.locator("form").count() else box
    if box.locator("summary").count() and not form.is_visible():
        box.locator("summary").click()
    for name, value in fields.items():
        _fill(form, name, value)
    form.get_by_role("button", name=words(f"move.{move}"), exact=True).click()
    expect(page.locator(f".story .entry-{move}").first).to_be_visible()
    if stage:
        stands_at(page, stage)


def _fill(form: Locator, name: str, value: str) -> None:
    field = form.locator(f'[name="{name}"]')
    if name == "passed":
        form.locator(f'[name="passed"][value="{value}"]').check()
    elif name == "assignee_id":
        field.select_option(field.locator("option", has_text=value).get_attribute("value"))
    elif name.startswith("photo"):
        field.set_input_files([{"name": "IMG_1.JPG", "mimeType": "image/jpeg", "buffer": photo(value)}])
    else:
        field.fill(value)


def stands_at(page: Page, stage: str) -> None:
    """The chip beside "next step" says so."""
    expect(page.locator(".case-next .card-head .chip")).to_have_text(words(f"stage.{stage}"))


def told(page: Page, *moves: str) -> None:
    """The timeline has each of these, that often."""
    for move in dict.fromkeys(moves):
        expect(page.locator(f".story .entry-{move}")).to_have_count(moves.count(move))


def fits(page: Page) -> None:
    """Nothing on the page is wider than its window."""
    assert beyond_the_window(page) == "", page.url


def photo(shade: str = "#5b6166") -> bytes:
    """A picture of a cover in the road, different for each shade."""
    picture = Image.new("RGB", (640, 480), shade)
    pen = ImageDraw.Draw(picture)
    pen.ellipse((170, 90, 470, 390), fill="#2f3336", outline="#17191b", width=12)
    for ring in range(4):
        inset = 24 + ring * 28
        pen.ellipse((170 + inset, 90 + inset, 470 - inset, 390 - inset), outline="#54595d", width=5)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()
