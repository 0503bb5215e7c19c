"""The page of a sensor: how it found its zero, why it is suspect, and what other platforms said."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from registry.domain.kinds import Role
from registry.services.aliases import add_alias
from registry.services.calibration import calibrate
from registry.services.external_events import RawAlert, take_events
from registry.storage.database import reading, writing
from registry.storage.tables import calibration, device, point
from registry.storage.times import to_ms
from tests.web.conftest import NOON, Web, send

ZEROES = ("tilt_x", "tilt_y", "tilt_z", "displacement")


def rest(web: Web, tilt: float) -> None:
    """A quarter of an hour of readings at rest, and the worker's look at them."""
    rows = []
    for minute in range(16):
        at = to_ms(NOON + timedelta(minutes=minute))
        rows += [(web.city.point(name), at, tilt + 0.01 * (minute % 2), 0, at) for name in ZEROES]
    web.store.append(rows)
    web.clock.pass_by(minutes=16)
    calibrate(web.city.engine, web.store, now=web.clock.now)


def baseline_of(web: Web, name: str) -> float:
    with reading(web.city.engine) as tx:
        return float(tx.execute(select(point.c.baseline).where(point.c.id == web.city.point(name))).scalar_one())


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_says_how_far_it_is_and_then_what_it_found(web: Web, lang: str) -> None:
    client = web.as_(Role.DISPATCHER)
    client.set_cookie("lang", lang)
    page = f"/devices/{web.city.device_id}"
    waits = client.get(page).text
    assert ("正在收集静置读数" if lang == "zh" else "Collecting readings at rest") in waits
    assert ("校准中" if lang == "zh" else "calibrating") in client.get(f"/assets/{web.city.asset_id}").text
    rest(web, 2.5)
    found = client.get(page).text
    assert ("已校准" if lang == "zh" else "Calibrated") in found
    assert "0.00" in found
    assert "2.5" in found


def test_crew_of_the_unit_refuse_what_was_found_and_start_again(web: Web) -> None:
    rest(web, 2.5)
    crew, page = web.as_(Role.CREW), f"/devices/{web.city.device_id}"
    assert baseline_of(web, "tilt_z") == pytest.approx(2.5, abs=0.02)
    assert send(crew, f"{page}/refuse-calibration", {}, page=page).status_code == 303
    assert baseline_of(web, "tilt_z") == 0.0
    assert "有人决定不采用" in crew.get(page).text
    assert send(crew, f"{page}/calibrate", {}, page=page).status_code == 303
    with reading(web.city.engine) as tx:
        states = list(tx.execute(select(calibration.c.state).order_by(calibration.c.id)).scalars())
    assert states == ["failed", "collecting"]


def test_who_may_not_handle_the_sensor_is_refused(web: Web) -> None:
    page = f"/devices/{web.city.device_id}"
    assert send(web.as_(Role.VIEWER), f"{page}/calibrate", {}, page=page).status_code == 403
    assert send(web.signed_in("stranger"), f"{page}/calibrate", {}, page=page).status_code == 403


def test_an_open_cover_is_told_as_such(web: Web) -> None:
    rest(web, 40.0)
    assert "偏离水平超过 15°" in web.as_(Role.VIEWER).get(f"/devices/{web.city.device_id}").text


def test_a_suspect_sensor_says_why_on_its_page_and_stands_on_the_list_of_repairs(web: Web) -> None:
    with writing(web.city.engine) as tx:
        told = {"suspect_since": NOON, "suspect_why": "stuck drifts"}
        tx.execute(update(device).where(device.c.id == web.city.device_id).values(told))
    client = web.as_(Role.DISPATCHER)
    for page in (f"/devices/{web.city.device_id}", "/repairs"):
        text = client.get(page).text
        assert "读数不变" in text
        assert "缓慢漂移（不是倾斜）" in text
        assert "胶层蠕动" in text
    assert "传感器可疑" in client.get(f"/assets/{web.city.asset_id}").text
    told = client.get(f"/api/v1/devices/{web.city.device_id}").json
    assert told["suspect"] == ["stuck", "drifts"]


def test_what_other_platforms_said_stands_on_the_virtual_sensor_s_page_and_is_harmless(web: Web) -> None:
    with writing(web.city.engine) as tx:
        add_alias(tx, web.city.asset_id, "owner_number", "W-1", now=NOON)
    sent = RawAlert(
        labels={"alertname": "<b>Flood</b>", "alias": "W-1"},
        annotations={"summary": "<script>alert(1)</script>"},
        source_url="javascript:alert(1)",
    )
    (result,) = take_events(web.city.engine, [sent], by=web.city.dispatcher, now=NOON)
    text = web.as_(Role.DISPATCHER).get(f"/devices/{result.device_id}").text
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text
    assert 'href="javascript' not in text
    assert "持续中" in text
    fired = web.city.add_alert(None, NOON, rule_key="external_event", device_id=result.device_id, point_id=_event(web))
    assert "&lt;script&gt;alert(1)" in web.as_(Role.DISPATCHER).get(f"/alerts/{fired}").text


def _event(web: Web) -> int:
    with reading(web.city.engine) as tx:
        return int(tx.execute(select(point.c.id).where(point.c.name == "event")).scalar_one())
