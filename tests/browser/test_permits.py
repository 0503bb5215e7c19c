"""A cover opened under a permit, from the plate to the verdict, with a thumb in a glove on a phone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import insert, select

from registry.domain.kinds import Quality
from registry.services.assets import Parties, set_parties
from registry.services.devices import NewDevice, put_on
from registry.services.permit_ends import watch_permits
from registry.services.tags import issue_tag
from registry.storage.database import reading, writing
from registry.storage.tables import latest, point, user
from tests.browser.eyes import PHONE, Camera, Windows, beyond_the_window, serious_faults, words
from tests.browser.registry_site import RegistrySite

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("browser-registry"),
]

# what a gloved thumb hits: WCAG asks for 24 px, phone makers for 48
GLOVE_PX = 64


@dataclass(frozen=True, kw_only=True)
class Cover:
    """A cover of the book with its plate and sensor, in the care of crew1's unit."""

    token: str
    points: dict[str, int]


@pytest.fixture
def cover(book: RegistrySite) -> Cover:
    now = datetime.now(UTC)
    asset_id = book.asset_id + 1
    with writing(book.engine) as tx:
        unit_id = tx.execute(select(user.c.unit_id).where(user.c.login == "crew1")).scalar_one()
        set_parties(tx, asset_id, Parties(maintainer_unit_id=unit_id), now=now)
        device_id = put_on(
            tx, NewDevice(serial="CV-GLOVE", profile="cc-cover-1", asset_id=asset_id, heartbeat_s=600), now=now
        )
        token = issue_tag(tx, asset_id, now=now)
    with reading(book.engine) as tx:
        rows = tx.execute(select(point).where(point.c.device_id == device_id))
        return Cover(token=token, points={row.name: row.id for row in rows})


def tap(page: Page, button: Locator) -> None:
    """Tap a button that is large enough, on a page that has no serious fault and is not wider than the phone."""
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= GLOVE_PX, f"{button} is {box['height']} px high"
    assert serious_faults(page) == []
    assert beyond_the_window(page) == ""
    button.tap()


def test_a_permit_is_started_at_the_plate_prolonged_ended_and_judged(
    book: RegistrySite, book_windows: Windows, cover: Cover, camera: Camera
) -> None:
    page = book_windows.open(PHONE, login="crew1")
    page.goto(f"/q/{cover.token}")
    tap(page, page.get_by_role("link", name=words("permit.open.cover")))
    camera.take(page, "permit-1-work")
    tap(page, page.get_by_role("button", name=words("permit_work.cleaning")))
    tap(page, page.get_by_role("button", name="2", exact=True))
    tap(page, page.get_by_role("button", name="30 分钟"))
    camera.take(page, "permit-2-check")
    tap(page, page.get_by_role("button", name=words("permit.start")))
    expect(page.get_by_role("timer")).to_contain_text("29 分钟")
    camera.take(page, "permit-3-runs")

    tap(page, page.get_by_role("link", name=words("permit.prolong")))
    tap(page, page.get_by_role("button", name="+ 1 小时"))
    expect(page.get_by_role("timer")).to_contain_text("1 小时")

    tap(page, page.get_by_role("link", name=words("permit.end")))
    camera.take(page, "permit-4-closed")
    tap(page, page.get_by_role("button", name=words("permit.closed_yes")))
    expect(page.get_by_text(words("permit.checking_text"))).to_be_visible()

    # the sensor speaks, the worker looks, and the page finds out by itself
    now = datetime.now(UTC)
    row = {"measured_at": now, "received_at": now, "recorded_at": now, "quality": int(Quality.GOOD)}
    values = {"tilt_z": 5.0, "displacement": 1.0}
    with writing(book.engine) as tx:
        tx.execute(
            insert(latest),
            [row | {"point_id": cover.points[name], "value": value} for name, value in values.items()],
        )
    assert watch_permits(book.engine, datetime.now(UTC)).crooked == 1
    expect(page.get_by_text(words("permit_seat.wrong"))).to_be_visible()
    expect(page.get_by_role("link", name=words("permits.alert"))).to_be_visible()
    assert serious_faults(page) == []
    camera.take(page, "permit-5-crooked")
