"""Whether an urgent alert reaches anybody outside the pages, at any hour."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine

from registry.queries.notice_ways import UrgentReach, urgent_reach
from tests.city import build_city
from tests.notices import Told

CITY = timezone(timedelta(hours=8))
NIGHT = {"days": [1, 2, 3, 4, 5, 6, 7], "from_min": 20 * 60, "until_min": 8 * 60}


@pytest.fixture
def told(engine: Engine, now: datetime) -> Told:
    return Told(build_city(engine, now), now)


def reach(told: Told) -> UrgentReach:
    return urgent_reach(told.engine, now=told.now, zone=CITY)


def test_without_a_route_that_tells_somebody_urgent_alerts_stay_on_the_pages(told: Told):
    assert reach(told) == UrgentReach(routes=0, hours_without=168, everywhere=False)
    channel_id = told.add_channel()
    told.add_route({"after_s": 0, "contacts": [told.add_contact(channel_id, enabled=False)]})
    told.add_route({"after_s": 0, "contacts": [told.add_contact(channel_id)]}, enabled=False)
    assert reach(told).routes == 0


def test_hours_and_areas_that_no_route_holds_are_told(told: Told):
    contact_id = told.add_contact(told.add_channel())
    told.add_route({"after_s": 0, "contacts": [contact_id]}, hours=[NIGHT], area_code="320508")
    assert reach(told) == UrgentReach(routes=1, hours_without=7 * 12, everywhere=False)
    told.add_route({"after_s": 0, "contacts": [], "unit_on_duty": True}, severity=3)
    assert reach(told) == UrgentReach(routes=2, hours_without=0, everywhere=True)
