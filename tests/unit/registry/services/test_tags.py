"""Plates: one active per asset, replaced and never reused, and every scan kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Engine, insert, select

from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import Role, ScanFlag, TagState
from registry.domain.people import SYSTEM, Actor
from registry.domain.tokens import Finding, new_token
from registry.services.assets import NewAsset, register_asset
from registry.services.scans import mark_looked_at
from registry.services.tags import (
    ScanPlace,
    bind_tag,
    end_tag,
    find_tag_again,
    issue_tag,
    issue_tags,
    place_scan,
    print_blank_tags,
    record_scan,
)
from registry.storage.database import reading, writing
from registry.storage.tables import asset, asset_change, audit, scan, tag, tag_event, user

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


def test_the_history_of_a_plate_says_what_happened_and_who_did_it(engine: Engine, cover: int, now: datetime):
    with writing(engine) as tx:
        person = tx.execute(
            insert(user)
            .values(login="lin", name="林晓", role="registrar", password_hash="-", created_at=now)
            .returning(user.c.id)
        ).scalar_one()
    lin = Actor(user_id=person, name="林晓", role=Role.REGISTRAR, unit_id=None)
    with writing(engine) as tx:
        (blank,) = print_blank_tags(tx, 1, now=now, by=lin)
        bind_tag(tx, blank, cover, now=now, by=lin, note="人民路口")
        end_tag(tx, blank, TagState.LOST, now=now + timedelta(days=1), by=lin, note="被压坏")
        assert find_tag_again(tx, blank, now=now + timedelta(days=2), by=lin) is TagState.ACTIVE
        newer = issue_tag(tx, cover, now=now + timedelta(days=3), by=lin)
        events = tx.execute(
            select(tag.c.token, tag_event.c.event, tag_event.c.by_user_id, tag_event.c.note)
            .join_from(tag_event, tag, tag.c.id == tag_event.c.tag_id)
            .order_by(tag_event.c.id)
        ).all()
        actions = list(tx.execute(select(audit.c.action).order_by(audit.c.id)).scalars())
        changes = list(tx.execute(select(asset_change.c.changes).order_by(asset_change.c.id)).scalars())
        version = tx.execute(select(asset.c.version)).scalar_one()
    assert [tuple(event) for event in events] == [
        (blank, "issued", person, ""),
        (blank, "bound", person, "人民路口"),
        (blank, "lost", person, "被压坏"),
        (blank, "found", person, ""),
        (blank, "replaced", person, ""),
        (newer, "issued", person, ""),
    ]
    assert actions == ["tag.bind", "tag.lose", "tag.find", "tag.replace"]
    assert [change["tag"] for change in changes if "tag" in change] == [
        [None, blank],
        [blank, None],
        [None, blank],
        [None, newer],
    ]
    assert version == 5


def test_a_lost_plate_that_turns_up_after_its_successor_is_a_replaced_one(engine: Engine, cover: int, now: datetime):
    with writing(engine) as tx:
        old = issue_tag(tx, cover, now=now)
        end_tag(tx, old, TagState.LOST, now=now)
        newer = issue_tag(tx, cover, now=now)
        assert find_tag_again(tx, old, now=now) is TagState.REPLACED
        with pytest.raises(InvalidMove, match="only a lost plate can be found again"):
            find_tag_again(tx, newer, now=now)
    assert states(engine) == {old: "replaced", newer: "active"}


def test_a_plate_outside_ones_area_is_left_alone(engine: Engine, cover: int, now: datetime):
    stranger = Actor(user_id=None, name="外区", role=Role.REGISTRAR, unit_id=None, area_code="320509")
    with writing(engine) as tx:
        token = issue_tag(tx, cover, now=now)
        (blank,) = print_blank_tags(tx, 1, now=now, by=stranger)
        with pytest.raises(NotAllowed):
            bind_tag(tx, blank, cover, now=now, by=stranger)
        with pytest.raises(NotAllowed):
            end_tag(tx, token, TagState.LOST, now=now, by=stranger)
    assert states(engine) == {token: "active", blank: "blank"}


@pytest.mark.parametrize(
    ("metres", "accuracy_m", "flag"),
    [
        (90, None, None),
        (120, None, ScanFlag.FAR),
        (120, 50.0, None),
        (160, 50.0, ScanFlag.FAR),
        (60_000, 9_000.0, None),
    ],
)
def test_a_scan_is_far_when_it_is_so_beyond_the_phones_own_error(
    engine: Engine, cover: int, now: datetime, metres: float, accuracy_m: float | None, flag: ScanFlag | None
):
    with writing(engine) as tx:
        token = issue_tag(tx, cover, now=now)
    place = ScanPlace(lon=120.6, lat=31.3 + metres / 111_195, accuracy_m=accuracy_m)
    assert record_scan(engine, token, now=now, place=place).flag is flag
    later = record_scan(engine, token, now=now)
    assert later.flag is None
    away, found = place_scan(engine, later.id, place, now=now + timedelta(seconds=20))
    assert found is flag
    assert away == pytest.approx(metres, rel=0.01)
    with pytest.raises(NotFound):
        place_scan(engine, later.id, place, now=now + timedelta(seconds=30))


def test_a_scan_takes_no_place_after_half_an_hour(engine: Engine, cover: int, now: datetime):
    with writing(engine) as tx:
        token = issue_tag(tx, cover, now=now)
    found = record_scan(engine, token, now=now)
    with pytest.raises(NotFound):
        place_scan(engine, found.id, ScanPlace(lon=120.6, lat=31.3), now=now + timedelta(minutes=31))


def test_scans_of_plates_that_should_not_be_there_are_flagged_until_somebody_looks(
    engine: Engine, cover: int, now: datetime
):
    with writing(engine) as tx:
        lost = issue_tag(tx, cover, now=now)
        end_tag(tx, lost, TagState.LOST, now=now)
        replaced = issue_tag(tx, cover, now=now)
        destroyed = issue_tag(tx, cover, now=now)
        end_tag(tx, destroyed, TagState.DESTROYED, now=now)
        active = issue_tag(tx, cover, now=now)
        (blank,) = print_blank_tags(tx, 1, now=now)
    found = [record_scan(engine, text, now=now) for text in (lost, replaced, destroyed, active, blank, "?")]
    found.append(record_scan(engine, new_token(Random(5)), now=now))
    assert [each.flag for each in found] == ["lost", "replaced", "destroyed", None, None, None, "unknown"]
    assert mark_looked_at(engine, [each.id for each in found], by=SYSTEM, now=now) == 4
    assert mark_looked_at(engine, [found[0].id], by=SYSTEM, now=now) == 0
    with pytest.raises(InvalidInput, match="at least one"):
        mark_looked_at(engine, [], by=SYSTEM, now=now)
