"""Who is late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from registry.domain.deadlines import RUNNING_STAGES, is_overdue
from registry.domain.kinds import Stage

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize("stage", Stage)
def test_only_where_somebody_still_has_to_act_does_time_make_it_late(stage: Stage):
    assert is_overdue(stage, NOW, None, now=NOW) == (stage in RUNNING_STAGES)
    assert not is_overdue(stage, NOW, None, now=NOW - timedelta(milliseconds=1))


def test_what_was_marked_late_stays_late():
    assert is_overdue(Stage.CLOSED, NOW, NOW, now=NOW - timedelta(days=1))
