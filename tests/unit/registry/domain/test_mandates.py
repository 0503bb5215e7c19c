"""Tasks from above: which step follows which, and that nobody strikes off their own."""

from __future__ import annotations

from datetime import date

import pytest

from registry.domain.errors import InvalidMove, NotAllowed
from registry.domain.mandates import MandateMove, MandateState, check_mandate_move, is_late

DAY = date(2026, 3, 2)


def test_a_task_is_reported_sent_back_reported_again_struck_off_and_opened_again():
    state = MandateState.OPEN
    for move, by in (("report", 1), ("send_back", 2), ("report", 1), ("strike_off", 2), ("reopen", 2)):
        state = check_mandate_move(state, MandateMove(move), done_by=1, by=by, number="7")
    assert state is MandateState.OPEN


def test_a_step_that_does_not_follow_says_which_do():
    with pytest.raises(InvalidMove, match="report is"):
        check_mandate_move(MandateState.OPEN, MandateMove.STRIKE_OFF, done_by=None, by=2, number="7")


def test_whoever_reported_it_done_cannot_strike_it_off():
    with pytest.raises(NotAllowed, match="another person"):
        check_mandate_move(MandateState.DONE, MandateMove.STRIKE_OFF, done_by=1, by=1, number="7")


def test_lateness_is_of_the_day_it_was_done():
    assert not is_late(MandateState.OPEN, DAY, None, today=DAY)
    assert is_late(MandateState.OPEN, DAY, None, today=date(2026, 3, 3))
    assert not is_late(MandateState.STRUCK, DAY, DAY, today=date(2026, 4, 1))
    assert is_late(MandateState.DONE, DAY, date(2026, 3, 3), today=date(2026, 4, 1))
    assert not is_late(MandateState.OPEN, None, None, today=DAY)
