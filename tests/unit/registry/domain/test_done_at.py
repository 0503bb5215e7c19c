from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from registry.domain.done_at import told_late, when_done
from registry.domain.errors import InvalidInput

NOW = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)


def test_nobody_said_when_so_it_is_now() -> None:
    assert when_done(None, now=NOW) == NOW
    assert told_late(None, now=NOW) == {}


def test_what_was_done_without_a_signal_keeps_its_moment() -> None:
    then = NOW - timedelta(hours=3)
    assert when_done(then, now=NOW) == then
    assert told_late(then, now=NOW) == {"done_at": then.isoformat()}


def test_what_arrives_at_once_is_told_with_one_time_only() -> None:
    assert told_late(NOW - timedelta(seconds=20), now=NOW) == {}


def test_a_clock_a_little_ahead_is_taken_for_now() -> None:
    assert when_done(NOW + timedelta(minutes=3), now=NOW) == NOW


@pytest.mark.parametrize("off", [timedelta(minutes=6), timedelta(days=-15)])
def test_what_no_phone_can_have_meant_is_refused(off: timedelta) -> None:
    with pytest.raises(InvalidInput) as refused:
        when_done(NOW + off, now=NOW)
    assert refused.value.field == "done_at"
