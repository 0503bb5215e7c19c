"""What of one stream is on its way to the city, and when to send it again (go back N).

Pure: it counts and decides; times are monotonic seconds passed in. The city confirms cumulatively and in order, so a
pack that was lost in transit shows as the same confirmation once more, or as silence.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum

LONGEST_SILENCE_S = 60.0
LEAST_BETWEEN_REWINDS_S = 0.5
PACE_CATCHES_UP_S = 0.1


class Rewind(Enum):
    """Why packs are sent again."""

    HOLE = "the city misses a pack"
    SILENCE = "the city is silent"


class SendWindow:
    """At most ``size`` unconfirmed packs of a lane in flight, from the last confirmed one on.

    ``confirmed`` is the highest seq the city has said it has; ``city_at`` the seq in its latest confirmation, which is
    lower if the city has lost what it had; ``cursor`` the last seq handed to the broker since the last rewind.
    """

    def __init__(
        self, size: int, *, confirmed: int, resend_after_s: float, jitter: Callable[[], float] = lambda: 1.0
    ) -> None:
        self._size = size
        self._first_silence_s = self._silence_s = resend_after_s
        self._jitter = jitter
        self._in_flight: deque[int] = deque()
        self._silence_due_s = self._hole_due_s = float("inf")
        self._rewound_s = float("-inf")
        self._repeats_due = 0
        self._repeats_end = 0
        self.confirmed = self.city_at = self.cursor = confirmed

    @property
    def room(self) -> int:
        """How many more packs may be sent now."""
        return self._size - len(self._in_flight)

    @property
    def in_flight(self) -> int:
        """How many packs wait for their confirmation."""
        return len(self._in_flight)

    def sent(self, seq: int, *, now_s: float) -> None:
        """The pack ``seq`` was handed to the broker."""
        if not self._in_flight:
            self._watch(now_s)
        self._in_flight.append(seq)
        self.cursor = seq

    def heard(self, seq: int, *, now_s: float) -> bool:
        """The city has confirmed everything up to ``seq``; returns whether that is more than we knew."""
        self.city_at = seq
        if seq <= self.confirmed:
            self._heard_again(seq, now_s)
            return False
        self.confirmed = seq
        self.cursor = max(self.cursor, seq)
        while self._in_flight and self._in_flight[0] <= seq:
            self._in_flight.popleft()
        if seq > self._repeats_end:
            self._repeats_due = 0
        self._silence_s = self._first_silence_s
        self._watch(now_s)
        return True

    def due_s(self) -> float:
        """When ``rewind_if_due`` will have something to do if nothing is heard; infinity when nothing is waited for."""
        return min(self._hole_due_s, self._silence_due_s) if self._in_flight else float("inf")

    def rewind_if_due(self, *, now_s: float) -> Rewind | None:
        """Makes everything unconfirmed unsent again if the city misses a pack or is silent; says which it was."""
        if now_s < self.due_s():
            return None
        if now_s >= self._hole_due_s:
            # The city has thrown away all that came after the hole: nothing of it will be a repeat, but each such pack
            # has caused one more of these confirmations.
            self._rewind(repeats=len(self._in_flight) - 1, repeats_end=self.confirmed, now_s=now_s)
            return Rewind.HOLE
        self._silence_s = min(max(LONGEST_SILENCE_S, self._first_silence_s), 2 * self._silence_s)
        self._rewind(repeats=len(self._in_flight), repeats_end=self.cursor, now_s=now_s)
        return Rewind.SILENCE

    def reconnected(self, *, now_s: float) -> None:
        """A new connection: what was in flight may or may not have arrived, and the patience starts afresh."""
        self._rewind(repeats=len(self._in_flight), repeats_end=self.cursor, now_s=now_s)
        self._silence_s = self._first_silence_s

    def after_of(self, pack_after: int, *, confirmed_in_spool: int) -> int:
        """What the pack says it follows on. The oldest pack in the spool follows on whatever the city has.

        That differs from what the spool knows when the city was set back to an earlier state: what it lost is gone
        from here too, and insisting would stop the lane for ever.
        """
        return min(pack_after, self.city_at) if pack_after <= confirmed_in_spool else pack_after

    def _heard_again(self, seq: int, now_s: float) -> None:
        if not self._in_flight:
            return
        if self._repeats_due and seq == self.confirmed:
            # A pack that was sent twice is confirmed twice. Taking that for a hole would send everything twice, for
            # ever.
            self._repeats_due -= 1
            return
        self._hole_due_s = min(self._hole_due_s, max(now_s, self._rewound_s + LEAST_BETWEEN_REWINDS_S))

    def _rewind(self, *, repeats: int, repeats_end: int, now_s: float) -> None:
        self._repeats_due, self._repeats_end = repeats, repeats_end
        self._in_flight.clear()
        self.cursor = self.confirmed
        self._rewound_s = now_s

    def _watch(self, now_s: float) -> None:
        self._silence_due_s = now_s + self._silence_s * self._jitter()
        self._hole_due_s = float("inf")


class Pace:
    """At most ``per_s`` readings a second, evenly; 0: no bound. A pack may overdraw, the next one waits for it."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._free_s = float("-inf")

    def is_open(self, *, now_s: float) -> bool:
        """Whether something may be sent now."""
        return now_s >= self._free_s

    def due_s(self, *, now_s: float) -> float:
        """When ``is_open`` will be true again; infinity when it is, since then other things decide."""
        return self._free_s if now_s < self._free_s else float("inf")

    def spent(self, readings: int, *, now_s: float) -> None:
        """``readings`` were sent."""
        if self._per_s:
            # Up to a tenth of a second is caught up with, so that a late look does not lower the rate.
            self._free_s = max(self._free_s, now_s - PACE_CATCHES_UP_S) + readings / self._per_s
