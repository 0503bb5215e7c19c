"""Plates: one active per asset, replaced and never reused, and every scan kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Engine, select

from registry.domain.errors import InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import TagState
from registry.domain.tokens import Finding, new_token
from registry.services.assets import NewAsset, register_asset
from registry.services.tags import (
    ScanPlace,
    bind_tag,
    end_tag,
    issue_tag,
    issue_tags,
    print_blank_tags,
    record_scan,
)
from registry.storage.database import reading, writing
from registry.storage.tables import scan, tag

COVER = NewAsset(division="320508", class_code="0101", lon=120.6, lat=31.3)


@pytest.fixture
def cover(engine: Engine, now: datetime) -> int:
    with writing(engine) as tx:
        return register_asset(tx, COVER, now=now)


def states(engine: Engine) -> dict[str, str]:
    with reading(engine) as tx:
        return {row.token: row.state for row in tx.execute(select(tag))}


def test_a_new_plate_replaces_the_one_before(engine: Engine, cover: int, now: datetime):
    with writing(engine) as tx:
        first = issue_tag(tx, cover, now=now)
        second = issue_tag(tx, cover, now=now + timedelta(days=300))
    assert states(engine) == {first: "replaced", second: "active"}


def test_a_token_that_is_taken_is_never_given_again(engine: Engine, cover: int, now: datetime):
    with writing(engine) as tx:
        first = issue_tag(tx, cover, now=now, rng=Random(7))
        assert issue_tag(tx, cover, now=now, rng=Random(7)) != first


def test_a_blank_plate_is_bound_in_the_street_once(engine: Engine, cover: int, now: datetime):
    with writing(engine) as tx:
        old = issue_tag(tx, cover, now=now)
        blank, spare = print_blank_tags(tx, 2, now=now)
        bind_tag(tx, blank.lower(), cover, now=now)
        with pytest.raises(InvalidMove, match="is active; only a blank plate"):
            bind_tag(tx, blank, cover, now=now)
        with pytest.raises(NotFound, match="asset 99"):
            bind_tag(tx, spare, 99, now=now)
    assert states(engine) == {old: "replaced", blank: "active", spare: "blank"}


@pytest.mark.parametrize(
    ("steps", "allowed"),
    [
        ([TagState.LOST, TagState.DESTROYED], True),
        ([TagState.DESTROYED], True),
        ([TagState.DESTROYED, TagState.LOST], False),
        ([TagState.BLANK], False),
        ([TagState.LOST, TagState.ACTIVE], False),
    ],
)
def test_a_plate_ends_only_along_its_moves(
    engine: Engine, cover: int, now: datetime, steps: list[TagState], allowed: bool
):
    with writing(engine) as tx:
        token = issue_tag(tx, cover, now=now)
        for step in steps[:-1]:
            end_tag(tx, token, step, now=now)
        if allowed:
            end_tag(tx, token, steps[-1], now=now)
        else:
            with pytest.raises(InvalidMove, match=f"can't become {steps[-1]}"):
                end_tag(tx, token, steps[-1], now=now)
    assert states(engine)[token] == (steps[-1] if allowed else (steps[0] if len(steps) > 1 else "active"))


def test_plates_for_many_assets_come_in_their_order(engine: Engine, now: datetime):
    with writing(engine) as tx:
        ids = [register_asset(tx, COVER, now=now) for _ in range(3)]
        tokens = issue_tags(tx, ids, now=now)
        kept = {row.token: row.asset_id for row in tx.execute(select(tag))}
    assert [kept[token] for token in tokens] == ids
    with writing(engine) as tx:
        assert issue_tags(tx, [], now=now) == []


def test_a_plate_for_an_asset_that_does_not_exist_is_refused(engine: Engine, now: datetime):
    with writing(engine) as tx:
        with pytest.raises(NotFound):
            issue_tag(tx, 99, now=now)
        with pytest.raises(InvalidInput):
            print_blank_tags(tx, 0, now=now)
        with pytest.raises(NotFound):
            end_tag(tx, new_token(Random(1)), TagState.LOST, now=now)


def test_a_scan_finds_the_asset_and_says_how_far_away_the_phone_was(engine: Engine, cover: int, now: datetime):
    with writing(engine) as tx:
        token = issue_tag(tx, cover, now=now)
    place = ScanPlace(lon=120.6, lat=31.3009, accuracy_m=8.0)
    found = record_scan(engine, token.lower(), now=now, place=place)
    assert (found.finding, found.token, found.asset_id) == (Finding.ACTIVE, token, cover)
    assert found.distance_m == pytest.approx(100, abs=1)
    with reading(engine) as tx:
        kept = tx.execute(select(scan)).one()
    assert (kept.asset_id, kept.finding, kept.accuracy_m, kept.at) == (cover, "active", 8.0, now)


def test_scans_of_ended_forged_and_misread_plates_are_findings_and_are_kept(engine: Engine, cover: int, now: datetime):
    with writing(engine) as tx:
        old = issue_tag(tx, cover, now=now)
        issue_tag(tx, cover, now=now)
        (blank,) = print_blank_tags(tx, 1, now=now)
    assert record_scan(engine, old, now=now).finding is Finding.REPLACED
    assert record_scan(engine, blank, now=now, place=ScanPlace(lon=120.6, lat=31.3)).distance_m is None
    forged = record_scan(engine, new_token(Random(1)), now=now)
    assert (forged.finding, forged.asset_id) == (Finding.UNKNOWN, None)
    assert "forgery" in forged.problem
    misread = record_scan(engine, "x" * 300, now=now)
    assert (misread.finding, misread.token) == (Finding.MISREAD, None)
    assert "300 characters" in misread.problem
    with reading(engine) as tx:
        kept = [row.finding for row in tx.execute(select(scan).order_by(scan.c.id))]
    assert kept == ["replaced", "blank", "unknown", "misread"]
