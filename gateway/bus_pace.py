"""When a unit is asked next, when a line is opened again, and what time an answer gets. Pure but for chance."""

from __future__ import annotations

import random

LONGEST_SILENCE_PAUSE_S = 60.0
STEP_BACK_MS = 5_000  # a clock set back by more than this is believed
_LONGEST_OPEN_PAUSE_S = 10.0
_FIRST_OPEN_PAUSE_S = 0.2


def next_due(due_s: float, period_s: float, *, now_s: float) -> float:
    """The unit's next slot: one period on, or the first one after ``now_s``; late cycles are left out, not made up."""
    following_s = due_s + period_s
    if following_s > now_s:
        return following_s
    return following_s + period_s * (1 + (now_s - following_s) // period_s)


def silence_pause(silences: int, period_s: float) -> float:
    """How long to leave a unit alone that has been silent ``silences`` times in a row."""
    return max(period_s, min(LONGEST_SILENCE_PAUSE_S, period_s * 2.0 ** min(silences - 1, 30)))


def open_pause(failures: int) -> float:
    """Seconds until a line is opened again, with chance in it: a server's clients don't all come back at once."""
    longest_s = min(_LONGEST_OPEN_PAUSE_S, _FIRST_OPEN_PAUSE_S * 2.0 ** min(failures, 30))
    return longest_s * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def stamp(now_ms: int, last_ms: int) -> int:
    """The time of an answer: later than the unit's last one, since device, point and time are a reading's identity.

    A clock set back by seconds goes on in single milliseconds; one set back by more is believed at once.
    """
    return now_ms if now_ms > last_ms or last_ms - now_ms > STEP_BACK_MS else last_ms + 1
