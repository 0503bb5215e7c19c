"""What the registry needs of a series store, and the values that go in and out. No store is named here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class SeriesRow(NamedTuple):
    """One reading: times in milliseconds since 1970 UTC, the value in the point's own unit (before any baseline)."""

    point_id: int
    measured_ms: int
    value: float
    quality: int
    received_ms: int


Row = SeriesRow | tuple[int, int, float, int, int]


class Refused(NamedTuple):
    """A reading that a store will never take, however often it is sent, and why."""

    row: SeriesRow
    reason: str


class Bucket(NamedTuple):
    """What one slice of time held; ``low`` and ``high`` are the true extremes of its readings."""

    at_ms: int
    low: float
    high: float
    mean: float
    last: float
    readings: int


class Columns(NamedTuple):
    """The slices of one point as columns of equal length; ``low`` and ``high`` are the true extremes of each slice."""

    at_ms: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64]
    readings: NDArray[np.int64]


class Slot(NamedTuple):
    """One slot of a roll-up, or part of one: enough to put several together without losing anything.

    ``last_ms`` orders the ``last`` of two parts; where a store doesn't keep it, the end of the slot.
    """

    at_ms: int
    low: float
    high: float
    total: float
    last: float
    last_ms: int
    readings: int


class Band(NamedTuple):
    """The values of a point that nobody need look at: those strictly between ``above`` and ``below`` (may be inf)."""

    point_id: int
    above: float
    below: float


class Span(NamedTuple):
    """The time since ≤ t < until of one point, in ms."""

    point_id: int
    since_ms: int
    until_ms: int


# when it was measured (ms), the value, its quality: as lean as it gets, since there are millions
Sample = tuple[int, float, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesKeep:
    """How many days readings and each level of roll-ups are kept; 0: for ever."""

    raw: int = 0
    five_minutes: int = 0
    hours: int = 0
    days: int = 0

    def of(self, level: str) -> int:
        """Days by a level's name."""
        return int(getattr(self, level))


class SeriesStore(Protocol):
    """A series store; every one passes ``tests/contract/test_series_stores.py``.

    A reading's identity is (point, measured_at). The same reading again changes nothing, in whatever order its copies
    come. Two *different* values for one point and millisecond can't both be true: a store keeps one of them whole
    (SQLite the first, InfluxDB the last, since a point written again takes the old one's place there).
    """

    def append(self, rows: Sequence[Row]) -> list[Refused]:
        """Keep ``rows`` durably before returning, but for those answered: no repetition would make them storable.

        Raises ``StoreDown`` when any row's fate is unknown; the caller sends them all again.
        """

    def window(self, point_id: int, since_ms: int, until_ms: int, limit: int = 100_000) -> list[SeriesRow]:
        """The readings of one point with since ≤ measured < until, oldest first."""

    def buckets(self, point_id: int, since_ms: int, until_ms: int, max_points: int) -> list[Bucket]:
        """The same span in at most ``max_points`` equal slices; empty slices are left out.

        Made of the coarsest roll-up that is finer than a slice, and of readings at the edges; of what is left where the
        finer has been let go of by age. Where roll-ups serve, slices begin on their grid (whole 5 minutes, hours, days
        of UTC).
        """

    def many_buckets(
        self, point_ids: Sequence[int], since_ms: int, until_ms: int, max_points: int
    ) -> dict[int, Columns]:
        """``buckets`` of many points at once, asked for together; a point without readings is left out."""

    def stirred(self, bands: Sequence[Band], since_ms: int, until_ms: int) -> list[Span]:
        """Where readings lie that are not within their point's band: by point and time, none touching another.

        Found in the roll-ups, so a span may be wider than need be; but every such reading with since ≤ measured < until
        lies in one. Each point stands in ``bands`` once.
        """

    def samples(self, spans: Sequence[Span]) -> list[list[Sample]]:
        """All readings of each span, oldest first. The caller sees to it that they fit into memory."""

    def fold(self, now: datetime) -> int:
        """Do the store's housekeeping: sort, roll up, forget by age. Answers how much there was to do; 0: nothing.

        The worker calls it; a second caller only does work twice.
        """

    def count(self) -> int:
        """How many distinct readings are stored."""

    def points(self) -> list[int]:
        """The points that have readings or roll-ups, in order."""

    def days(self, point_id: int) -> dict[int, int]:
        """How many distinct readings each day of UTC holds, by its start in ms; empty days are left out."""

    def slots(self, point_id: int, level: str, since_ms: int, until_ms: int) -> list[Slot]:
        """The roll-ups of a level (``five_minutes``, ``hours``, ``days``) that begin in the span, oldest first."""

    def put_slots(self, point_id: int, level: str, slots: Sequence[Slot]) -> None:
        """Keep roll-ups whose readings are no longer there: history that comes from another store."""

    def raw_from_ms(self) -> int:
        """Readings before this are gone by age; 0 when none are."""

    def close(self) -> None:
        """Let go of files and connections."""
