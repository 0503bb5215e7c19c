"""Campaigns: kept and changed, filled asset by asset, their board, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from registry.domain.campaigns import CampaignPhase, CampaignResult
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import Source
from registry.queries.campaigns import campaign_view, campaigns_of, item_of, left_to_do, list_campaigns, list_items
from registry.services.campaigns import (
    NewCampaign,
    NewItem,
    NewMeasure,
    end_campaign,
    finish_measure,
    record_item,
    resume_campaign,
    save_campaign,
    set_measures,
)
from tests.city import City, build_city

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
NEW = NewCampaign(
    name="窨井盖专项整治",
    starts_on=TODAY,
    ends_on=date(2026, 3, 11),
    quota=10,
    family="cover",
    case_kind="cover_loose",
    measured="°",
)


@pytest.fixture
def city(engine: Engine) -> City:
    return build_city(engine, NOW)


@pytest.fixture
def campaign_id(city: City) -> int:
    return save_campaign(city.engine, None, NEW, by=city.dispatcher, now=NOW)


def test_the_board_counts_what_was_done_at_each_asset_once(city: City, campaign_id: int):
    second = city.add_asset(NOW, name="乙")
    before, after = (city.add_photo(NOW) for _ in range(2))
    pictured = NewItem(
        asset_id=city.asset_id,
        result=CampaignResult.MENDED,
        before_photo_id=before,
        after_photo_id=after,
        before_value=12.5,
        after_value=0.5,
    )
    record_item(city.engine, campaign_id, pictured, by=city.crew, now=NOW)
    good = NewItem(asset_id=city.asset_id, result=CampaignResult.GOOD, note="复看")
    record_item(city.engine, campaign_id, good, by=city.crew, now=NOW + timedelta(days=1))
    away = NewItem(asset_id=second, result=CampaignResult.OUT_OF_REACH)
    record_item(city.engine, campaign_id, away, by=city.crew, now=NOW + timedelta(days=1))
    view = campaign_view(city.engine, campaign_id, today=date(2026, 3, 3))
    assert view is not None
    assert (view.board.done, view.board.today, view.board.share) == (1, 1, 0.1)
    assert view.results == {CampaignResult.GOOD: 1, CampaignResult.OUT_OF_REACH: 1}
    # what was said first keeps its pictures and its figures
    assert [(pair.before_photo_id, pair.after_value, pair.note) for pair in view.pairs] == [(before, 0.5, "复看")]
    assert [(each.unit_name, each.done) for each in view.units] == [("", 1)]
    assert left_to_do(city.engine, campaign_id) == []


def test_what_is_left_is_what_nobody_has_dealt_with(city: City, campaign_id: int):
    city.add_asset(NOW, name="乙")
    record_item(
        city.engine,
        campaign_id,
        NewItem(asset_id=city.asset_id, result=CampaignResult.GOOD),
        by=city.crew,
        now=NOW,
    )
    assert [each.name for each in left_to_do(city.engine, campaign_id)] == ["乙"]
    assert [each.asset_name for each in list_items(city.engine, campaign_id).items] == ["上水井盖 1"]
    kept = item_of(city.engine, campaign_id, city.asset_id)
    assert kept is not None
    assert kept.by_name == "李敏"


def test_a_finding_opens_a_case_of_the_campaigns_kind(city: City, campaign_id: int):
    new = NewItem(asset_id=city.asset_id, result=CampaignResult.CASE, note="松动")
    for _ in range(2):
        record_item(city.engine, campaign_id, new, by=city.crew, now=NOW)
    (item,) = list_items(city.engine, campaign_id).items
    assert item.case_id is not None
    found = city.case(item.case_id)
    assert (found.kind, found.source) == ("cover_loose", Source.PATROL.value)


def test_measures_keep_their_state_when_others_come_and_go(city: City, campaign_id: int):
    first = NewMeasure(text="全面排查", unit_id=city.water, owner="张科长", due_on=date(2026, 3, 4))
    ids = set_measures(city.engine, campaign_id, [first, NewMeasure(text="挂牌")], by=city.dispatcher, now=NOW)
    assert finish_measure(city.engine, ids[0], done=True, note="查完", by=city.dispatcher, now=NOW) == campaign_id
    set_measures(city.engine, campaign_id, [NewMeasure(text="防坠网"), first], by=city.dispatcher, now=NOW)
    view = campaign_view(city.engine, campaign_id, today=date(2026, 3, 9))
    assert view is not None
    assert [(each.text, each.done_by_name, each.late) for each in view.measures] == [
        ("防坠网", "", False),
        ("全面排查", "陈派", False),
    ]
    (row,) = list_campaigns(city.engine, today=TODAY)
    assert (row.measures, row.measures_done) == (2, 1)
    with pytest.raises(NotFound):
        finish_measure(city.engine, 99, done=True, by=city.dispatcher, now=NOW)


def test_a_campaign_that_has_ended_takes_nothing_until_that_is_taken_back(city: City, campaign_id: int):
    with pytest.raises(InvalidInput, match="what came of it"):
        end_campaign(city.engine, campaign_id, " ", by=city.dispatcher, now=NOW)
    end_campaign(city.engine, campaign_id, "全部完成", by=city.dispatcher, now=NOW)
    (row,) = list_campaigns(city.engine, today=TODAY)
    assert (row.phase, row.result) == (CampaignPhase.ENDED, "全部完成")
    assert campaigns_of(city.engine, city.asset_id, today=TODAY) == []
    good = NewItem(asset_id=city.asset_id, result=CampaignResult.GOOD)
    with pytest.raises(InvalidMove, match="has ended"):
        record_item(city.engine, campaign_id, good, by=city.crew, now=NOW)
    with pytest.raises(InvalidMove, match="has ended"):
        end_campaign(city.engine, campaign_id, "再次", by=city.dispatcher, now=NOW)
    resume_campaign(city.engine, campaign_id, by=city.dispatcher, now=NOW)
    record_item(city.engine, campaign_id, good, by=city.crew, now=NOW)
    assert [each.id for each in campaigns_of(city.engine, city.asset_id, today=TODAY)] == [campaign_id]


def test_two_who_change_a_campaign_do_not_overwrite_each_other(city: City, campaign_id: int):
    save_campaign(city.engine, campaign_id, replace(NEW, quota=20), by=city.dispatcher, now=NOW, version=1)
    with pytest.raises(Conflict, match="changed meanwhile"):
        save_campaign(city.engine, campaign_id, NEW, by=city.second_dispatcher, now=NOW, version=1)
    with pytest.raises(Conflict, match="exists"):
        save_campaign(city.engine, None, NEW, by=city.dispatcher, now=NOW)


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"name": " "}, "name"),
        ({"leader": "x" * 81}, "leader"),
        ({"ends_on": date(2026, 3, 1)}, "ends_on"),
        ({"quota": 0}, "quota"),
        ({"family": "tree"}, "family"),
        ({"scheme": "cjt214-2007", "class_code": "9999"}, "class_code"),
    ],
)
def test_a_campaign_that_means_nothing_is_refused_at_its_field(city: City, columns: dict[str, Any], field: str):
    with pytest.raises(InvalidInput) as refused:
        save_campaign(city.engine, None, replace(NEW, **columns), by=city.dispatcher, now=NOW)
    assert refused.value.field == field


def test_an_asset_that_the_campaign_is_not_about_is_refused(city: City):
    lights = replace(NEW, name="路灯杆扶正", family="light")
    campaign_id = save_campaign(city.engine, None, lights, by=city.dispatcher, now=NOW)
    with pytest.raises(InvalidInput, match="not what this campaign is about"):
        record_item(
            city.engine,
            campaign_id,
            NewItem(asset_id=city.asset_id, result=CampaignResult.GOOD),
            by=city.crew,
            now=NOW,
        )


def test_a_picture_of_another_asset_is_refused(city: City, campaign_id: int):
    other = city.add_asset(NOW, name="乙")
    new = NewItem(
        asset_id=city.asset_id, result=CampaignResult.GOOD, before_photo_id=city.add_photo(NOW, asset_id=other)
    )
    with pytest.raises(InvalidInput, match="another asset"):
        record_item(city.engine, campaign_id, new, by=city.crew, now=NOW)


def test_a_campaign_without_a_case_kind_opens_none(city: City):
    campaign_id = save_campaign(city.engine, None, replace(NEW, case_kind=""), by=city.dispatcher, now=NOW)
    new = NewItem(asset_id=city.asset_id, result=CampaignResult.CASE)
    with pytest.raises(InvalidInput, match="opens no cases"):
        record_item(city.engine, campaign_id, new, by=city.crew, now=NOW)
