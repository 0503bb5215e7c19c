"""The ledger of supervision: who may do what to an item, when it is reminded of, and what the rates say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed
from registry.domain.kinds import Role, SupervisionState
from registry.domain.people import Actor
from registry.domain.supervision import (
    ITEM_MOVES,
    Item,
    ItemMove,
    ItemOrder,
    level_at,
    move_item,
    notice_number,
    open_moves,
    rate,
    read_item_move,
)

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
DESK = Actor(user_id=1, name="派遣员", role=Role.DISPATCHER, unit_id=None)
OTHER = Actor(user_id=2, name="值班长", role=Role.DISPATCHER, unit_id=None)
CREW = Actor(user_id=3, name="抢修班", role=Role.CREW, unit_id=7)
STRANGER = Actor(user_id=4, name="别的单位", role=Role.CREW, unit_id=8)
VIEWER = Actor(user_id=5, name="领导", role=Role.VIEWER, unit_id=None)
ITEM = Item(id=1, state=SupervisionState.OPEN, unit_id=7, deadline_at=NOW + timedelta(days=7))


def _replied(by: Actor = CREW) -> Item:
    return move_item(ITEM, ItemOrder(move=ItemMove.REPLY, note="已换新箅子"), by=by, now=NOW)


def test_an_item_is_answered_by_its_unit_and_struck_off_by_somebody_else():
    replied = _replied()
    assert (replied.state, replied.replied_by, replied.version) == (SupervisionState.REPLIED, 3, 2)
    struck = move_item(replied, ItemOrder(move=ItemMove.STRIKE_OFF), by=DESK, now=NOW)
    assert (struck.state, struck.ended_by, struck.ended_at) == (SupervisionState.STRUCK_OFF, 1, NOW)


def test_whoever_answered_does_not_strike_off():
    with pytest.raises(NotAllowed, match="another person"):
        move_item(_replied(DESK), ItemOrder(move=ItemMove.STRIKE_OFF), by=DESK, now=NOW)
    assert ItemMove.STRIKE_OFF not in open_moves(_replied(DESK), DESK)
    assert ItemMove.STRIKE_OFF in open_moves(_replied(DESK), OTHER)


def test_another_units_crew_and_a_viewer_may_do_nothing():
    for somebody in (STRANGER, VIEWER):
        assert open_moves(ITEM, somebody) == []
        with pytest.raises(NotAllowed):
            move_item(ITEM, ItemOrder(move=ItemMove.REPLY, note="好了"), by=somebody, now=NOW)


def test_an_item_is_not_struck_off_without_an_answer():
    with pytest.raises(InvalidMove, match="replied"):
        move_item(ITEM, ItemOrder(move=ItemMove.STRIKE_OFF), by=DESK, now=NOW)


def test_an_item_whose_case_is_open_is_struck_off_only_with_a_reason():
    with pytest.raises(InvalidInput, match="not closed"):
        move_item(_replied(), ItemOrder(move=ItemMove.STRIKE_OFF, case_open=True), by=DESK, now=NOW)
    order = ItemOrder(move=ItemMove.STRIKE_OFF, case_open=True, note="工程已移交")
    assert move_item(_replied(), order, by=DESK, now=NOW).state is SupervisionState.STRUCK_OFF


def test_a_refused_answer_makes_the_item_open_again():
    refused = move_item(_replied(), ItemOrder(move=ItemMove.REFUSE, note="照片看不清"), by=DESK, now=NOW)
    assert refused.state is SupervisionState.OPEN


def test_an_extension_sets_the_deadline_and_its_reminders_anew():
    late = replace(ITEM, deadline_at=NOW - timedelta(days=1), level=2)
    order = ItemOrder(move=ItemMove.EXTEND, note="等配件", deadline_at=NOW + timedelta(days=5))
    after = move_item(late, order, by=DESK, now=NOW)
    assert (after.level, after.deadline_at, after.state) == (0, NOW + timedelta(days=5), SupervisionState.OPEN)
    for wrong in (None, NOW, NOW + timedelta(days=400)):
        with pytest.raises(InvalidInput, match="deadline_at"):
            move_item(late, replace(order, deadline_at=wrong), by=DESK, now=NOW)


def test_every_move_either_gives_a_state_of_its_line_or_is_refused():
    deadline = NOW + timedelta(days=3)
    for state in SupervisionState:
        for move, rule in ITEM_MOVES.items():
            item = replace(ITEM, state=state)
            order = ItemOrder(move=move, note="原因", deadline_at=deadline)
            if state in rule.from_states:
                after = move_item(item, order, by=DESK, now=NOW)
                assert after.state is (rule.to_state or state)
                assert after.version == item.version + 1
            else:
                with pytest.raises(InvalidMove):
                    move_item(item, order, by=DESK, now=NOW)


def test_reasons_are_asked_for_and_words_are_counted():
    with pytest.raises(InvalidInput, match="reason"):
        move_item(ITEM, ItemOrder(move=ItemMove.WITHDRAW, note=" "), by=DESK, now=NOW)
    with pytest.raises(InvalidInput, match="at most 2000"):
        move_item(ITEM, ItemOrder(move=ItemMove.NOTE, note="长" * 2001), by=DESK, now=NOW)
    with pytest.raises(InvalidInput, match="known are"):
        read_item_move("close")


@pytest.mark.parametrize(
    ("hours_after_the_deadline", "level"), [(-100, 0), (-24.1, 0), (-24, 1), (-0.1, 1), (0, 2), (71.9, 2), (72, 3)]
)
def test_reminders_follow_from_the_deadline_alone(hours_after_the_deadline: float, level: int):
    assert level_at(NOW, now=NOW + timedelta(hours=hours_after_the_deadline)) == level


@pytest.mark.parametrize(
    ("done", "total", "shown"),
    # Dongying's bulletins: 2019 to 2023 and 2021; then a half that a float would round down
    [(2196, 2251, "97.6"), (532, 543, "98.0"), (0, 0, ""), (0, 3, "0.0"), (3, 3, "100.0"), (1, 16, "6.3")],
)
def test_rates_have_one_decimal_rounded_half_up(done: int, total: int, shown: str):
    assert rate(done, total) == shown


def test_a_notice_is_called_by_its_year_and_number():
    assert notice_number(2026, 17) == "督〔2026〕17号"
