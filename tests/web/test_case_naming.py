"""A case of a place gets its asset: those near by are offered at the desk; one open case of a kind stays the rule."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed
from registry.domain.kinds import Role, Severity, Source
from registry.services.case_naming import Named, name_asset
from registry.services.case_opening import Place, open_at_place
from registry.storage.database import reading, writing
from registry.storage.tables import case, report
from tests.web.conftest import NOON, Web, send


@pytest.fixture
def placed(web: Web) -> int:
    """A case of a loose cover, ten metres from the city's own, that a citizen told of on the map."""
    place = Place(lon=113.3001, lat=23.1, area_code="", words="中山路口")
    with writing(web.city.engine) as tx:
        opened = open_at_place(
            tx, place=place, kind="cover_loose", severity=Severity.ALARM, source=Source.CITIZEN, now=NOON
        )
        said = {"key": "k", "case_id": opened.case_id, "at": NOON, "text": "响", "details": {}}
        tx.execute(report.insert().values(said))
    return opened.case_id


def name(web: Web, case_id: int, asset_id: int, by: Any = None, version: int = 1) -> Named:
    return name_asset(
        web.city.engine, case_id, asset_id, by=by or web.city.dispatcher, expected_version=version, now=NOON
    )


def test_the_near_assets_are_offered_and_one_click_names_it(web: Web, placed: int) -> None:
    desk = web.as_(Role.DISPATCHER)
    page = desk.get(f"/cases/{placed}").text
    assert f'action="/cases/{placed}/asset"' in page
    assert "上水井盖 1" in page
    form = {"asset_id": str(web.city.asset_id), "version": "1"}
    answer = send(desk, f"/cases/{placed}/asset", form, page="/cases")
    assert answer.status_code == 303, answer.text
    row = web.city.case(placed)
    assert (row.asset_id, row.version) == (web.city.asset_id, 2)
    with reading(web.city.engine) as tx:
        assert tx.scalar(select(report.c.asset_id)) == web.city.asset_id
    assert web.city.timeline(placed)[-1][0] == "named"
    after = desk.get(f"/cases/{placed}").text
    assert "指认部件" in after
    assert f'action="/cases/{placed}/asset"' not in after
    assert f'action="/cases/{placed}/asset"' not in web.as_(Role.CREW).get(f"/cases/{placed}").text


def test_where_the_asset_has_an_open_case_of_that_kind_merging_is_offered_instead(web: Web, placed: int) -> None:
    other = web.city.open_case(NOON, kind="cover_loose")
    desk = web.as_(Role.DISPATCHER)
    page = desk.get(f"/cases/{placed}").text
    assert f'name="into_id" value="{other.case_id}"' in page
    form = {"asset_id": str(web.city.asset_id), "version": "1"}
    refused = send(desk, f"/cases/{placed}/asset", form, page="/cases")
    assert refused.status_code == 409
    with reading(web.city.engine) as tx:
        assert tx.scalar(select(case.c.asset_id).where(case.c.id == placed)) is None


def test_only_the_desk_names_it_and_only_what_fits_and_is_near(web: Web, placed: int) -> None:
    with pytest.raises(NotAllowed, match="at the desk"):
        name(web, placed, web.city.asset_id, by=web.city.crew)
    far = web.city.add_asset(NOON, name="远处", lon=113.4)
    with pytest.raises(InvalidInput, match="m from there"):
        name(web, placed, far)
    with pytest.raises(InvalidInput, match="no asset"):
        name(web, placed, 999_999)
    assert name(web, placed, web.city.asset_id).distance_m < 15
    with pytest.raises(InvalidMove, match="already"):
        name(web, placed, web.city.asset_id, version=2)
