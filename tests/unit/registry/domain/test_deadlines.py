"""The clock of the case standard: what a kind allows, and who is late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from registry.domain.deadlines import RUNNING_STAGES, case_kind, is_overdue, time_limit
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Stage

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def test_an_open_cover_has_two_hours_and_a_leaning_lamp_a_day():
    assert time_limit("cover_displaced") == timedelta(hours=2)
    assert time_limit("pole_leaning") == timedelta(days=1)


def test_an_unknown_kind_is_named_beside_the_known_ones():
    with pytest.raises(InvalidInput, match="'dog' is not a case kind; known are cover_displaced"):
        case_kind("dog")


@pytest.mark.parametrize("stage", Stage)
def test_only_where_somebody_still_has_to_act_does_time_make_it_late(stage: Stage):
    assert is_overdue(stage, NOW, None, now=NOW) == (stage in RUNNING_STAGES)
    assert not is_overdue(stage, NOW, None, now=NOW - timedelta(milliseconds=1))


def test_what_was_marked_late_stays_late():
    assert is_overdue(Stage.CLOSED, NOW, NOW, now=NOW - timedelta(days=1))
