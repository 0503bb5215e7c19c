"""How much of its time a bus uses, how many units would fit, how well each unit answers. Pure; monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.settings import HIGHEST_ADDRESS

_WINDOW_S = 10.0
_WINDOW_CYCLES = 3
_REMEMBERED_REQUESTS = 64
_NEWEST_SHARE = 0.1  # how much the newest poll counts in the mean


def units_that_fit(period_s: float, poll_s: float, timeout_s: float) -> int:
    """Units that can be asked in one period when a poll takes ``poll_s``, with room for one that stays silent.

    Never more than a line has addresses, however fast it is.
    """
    return min(HIGHEST_ADDRESS, max(0, int((period_s - timeout_s) / poll_s))) if poll_s > 0 else 0


@dataclass(slots=True)
class Budget:
    """The time budget of one bus: ``spent`` after every poll, ``share`` and ``units_fit`` whenever somebody asks."""

    period_s: float
    timeout_s: float
    _began_s: float | None = None
    _busy_s: float = 0.0
    _share: float | None = None
    _poll_s: float = 0.0

    def spent(self, busy_s: float, *, answered: bool, now_s: float) -> None:
        """A poll that kept the line busy for ``busy_s`` has ended; only answered ones tell how long a poll takes."""
        if self._began_s is None:
            self._began_s = now_s - busy_s
        self._busy_s += busy_s
        if answered:
            self._poll_s += (busy_s - self._poll_s) * (_NEWEST_SHARE if self._poll_s else 1.0)
        elapsed_s = now_s - self._began_s
        if elapsed_s >= max(_WINDOW_S, _WINDOW_CYCLES * self.period_s):
            self._share = self._busy_s / elapsed_s
            self._began_s, self._busy_s = now_s, 0.0

    def share(self, *, now_s: float) -> float:
        """The part of the time the line was busy: of the last whole window, before that of the time so far; 0 to 1."""
        if self._share is not None:
            return min(1.0, self._share)
        if self._began_s is None:
            return 0.0
        return min(1.0, self._busy_s / max(self.period_s, now_s - self._began_s))

    def units_fit(self) -> int:
        """How many units like these the bus has time for; 0 while none has answered yet."""
        return units_that_fit(self.period_s, self._poll_s, self.timeout_s)


@dataclass(slots=True)
class Quality:
    """How a unit answered its last 64 requests."""

    _good: int = 0
    _known: int = 0

    def note(self, *, answered: bool) -> None:
        """One request more."""
        mask = (1 << _REMEMBERED_REQUESTS) - 1
        self._good = (self._good << 1 | answered) & mask
        self._known = min(_REMEMBERED_REQUESTS, self._known + 1)

    def share(self) -> float:
        """The share that was answered undamaged; 1 before the first request."""
        return self._good.bit_count() / self._known if self._known else 1.0
