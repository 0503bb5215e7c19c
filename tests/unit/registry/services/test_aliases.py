"""Aliases find their asset however they are written, and belong to one asset only."""

from __future__ import annotations

from datetime import datetime
from random import Random

import pytest
from sqlalchemy import Engine, event, select, update

from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.kinds import TagState
from registry.domain.tokens import grouped, new_token
from registry.queries.find_asset import FoundBy, find_asset
from registry.services.aliases import add_alias, remove_alias
from registry.services.assets import NewAsset, register_asset
from registry.services.codes import issue_codes
from registry.services.tags import end_tag, issue_tag, print_blank_tags
from registry.storage.database import reading, writing
from registry.storage.tables import asset, asset_change

COVER = NewAsset(division="320508", class_code="0101", lon=120.6, lat=31.3, road="人民路")


@pytest.fixture
def covers(engine: Engine, now: datetime) -> tuple[int, int]:
    with writing(engine) as tx:
        return register_asset(tx, COVER, now=now), register_asset(tx, COVER, now=now)


@pytest.mark.parametrize(
    ("kind", "value", "asked"),
    [
        ("rfid", "e2:00:34:12:01:2b", "E20034 12012B"),
        ("nfc", "0x04A23B1C5D80", "04-a2-3b-1c-5d-80"),
        ("owner_number", "ＷＳ－0７", "WS-07"),
        ("old_code", "3205080101000777", "320508 0101 000777"),
        ("Gemeindenummer", " K 17 ", "K 17"),
    ],
)
def test_an_alias_is_found_however_it_is_written(
    engine: Engine, covers: tuple[int, int], now: datetime, kind: str, value: str, asked: str
):
    with writing(engine) as tx:
        add_alias(tx, covers[0], kind, value, now=now)
    (found,) = find_asset(engine, asked)
    assert (found.asset_id, found.by, found.alias_kind) == (covers[0], FoundBy.ALIAS, kind)
    assert find_asset(engine, asked + "9") == []


def test_one_text_may_name_two_assets_and_each_is_listed_once(engine: Engine, covers: tuple[int, int], now: datetime):
    with writing(engine) as tx:
        add_alias(tx, covers[0], "owner_number", "K17", now=now)
        add_alias(tx, covers[1], "map_number", "K17", now=now)
        add_alias(tx, covers[1], "owner_number_2", "K17", now=now)
    assert sorted(found.asset_id for found in find_asset(engine, "K17")) == sorted(covers)


def test_a_token_and_a_code_find_their_asset_in_every_form(engine: Engine, covers: tuple[int, int], now: datetime):
    with writing(engine) as tx:
        token = issue_tag(tx, covers[1], now=now)
        (blank,) = print_blank_tags(tx, 1, now=now)
        end_tag(tx, token, TagState.LOST, now=now)
    for text in (
        token,
        grouped(token).lower(),
        f"HTTPS://CITY.EXAMPLE/Q/{token}",
        f" https://city.example/q/{token}?x=1",
    ):
        (found,) = find_asset(engine, text)
        assert (found.asset_id, found.by, found.tag_state) == (covers[1], FoundBy.TOKEN, TagState.LOST)
    for text in ("3205080101000002", "320508 0101 000002", "３２０５０８-0101-000002"):
        (found,) = find_asset(engine, text)
        assert (found.asset_id, found.by, found.class_name_zh) == (covers[1], FoundBy.CODE, "上水井盖")
    for text in (blank, "", "   ", "3205080101000009", "人民路", "%", "'; drop table asset"):
        assert find_asset(engine, text) == []


def test_the_names_of_a_merged_asset_lead_to_the_one_that_was_kept(
    engine: Engine, covers: tuple[int, int], now: datetime
):
    with writing(engine) as tx:
        add_alias(tx, covers[0], "owner_number", "K17", now=now)
        tx.execute(update(asset).where(asset.c.id == covers[0]).values(merged_into_id=covers[1]))
    for text in ("3205080101000001", "K17"):
        (found,) = find_asset(engine, text)
        assert (found.asset_id, found.merged_from_id) == (covers[1], covers[0])


def test_an_alias_of_another_asset_is_refused_by_its_name(engine: Engine, covers: tuple[int, int], now: datetime):
    with writing(engine) as tx:
        add_alias(tx, covers[0], "owner_number", "K17", now=now)
        add_alias(tx, covers[0], "owner_number", "K17", now=now)
        with pytest.raises(Conflict, match=f"3205080101000001, asset {covers[0]}.* already"):
            add_alias(tx, covers[1], "owner_number", "K17", now=now)
        remove_alias(tx, covers[0], "owner_number", "K17", now=now)
        with pytest.raises(NotFound):
            remove_alias(tx, covers[0], "owner_number", "K17", now=now)
        add_alias(tx, covers[1], "owner_number", "K17", now=now)
    with reading(engine) as tx:
        assert list(tx.execute(select(asset.c.version).order_by(asset.c.id)).scalars()) == [3, 2]
        kept = list(tx.execute(select(asset_change.c.changes).order_by(asset_change.c.id)).scalars())
    assert kept[-3:] == [
        {"alias.owner_number": [None, "K17"]},
        {"alias.owner_number": ["K17", None]},
        {"alias.owner_number": [None, "K17"]},
    ]


def test_an_older_code_is_never_issued_again(engine: Engine, covers: tuple[int, int], now: datetime):
    with writing(engine) as tx:
        add_alias(tx, covers[0], "old_code", "320508 0102 000041", now=now)
        assert issue_codes(tx, "320508", "0102", 1) == ["3205080102000042"]


@pytest.mark.parametrize(
    ("kind", "value", "field"),
    [
        ("", "K17", "kind"),
        ("k" * 41, "K17", "kind"),
        ("owner_number", "  ", "value"),
        ("owner_number", "x" * 121, "value"),
        ("rfid", "K17", "value"),
    ],
)
def test_an_unusable_alias_is_refused_by_field(
    engine: Engine, covers: tuple[int, int], now: datetime, kind: str, value: str, field: str
):
    with writing(engine) as tx, pytest.raises(InvalidInput) as refused:
        add_alias(tx, covers[0], kind, value, now=now)
    assert refused.value.field == field


def test_finding_uses_an_index_in_every_way(engine: Engine, covers: tuple[int, int]):
    asked: list[tuple[str, object]] = []

    def remember(_connection: object, _cursor: object, statement: str, parameters: object, *_more: object) -> None:
        if statement.startswith("SELECT asset.id"):
            asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", remember)
    find_asset(engine, "3205080101000001")
    find_asset(engine, new_token(Random(3)))
    event.remove(engine, "before_cursor_execute", remember)
    assert asked
    with engine.connect() as connection:
        for statement, parameters in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            assert [step.detail for step in plan if step.detail.startswith("SCAN")] == []
