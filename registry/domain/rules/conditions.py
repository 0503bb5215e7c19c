"""What a rule can look for, as data: one struct a kind, told apart by its tag. Levels are in the point's own unit.

Every kind has a condition to fire and another to clear, so that a value that hangs about one number changes nothing.
Spans are seconds of event time.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The level reaches ``fire``; it is calm on the other side of ``clear``.

    The level is the value less the point's baseline (``relative``: displacement from how it was fitted), without its
    sign (``magnitude``), as a share of the point's full scale (``of_full_scale``). ``above`` False turns both
    comparisons round.
    """

    fire: float
    clear: float
    above: bool = True
    relative: bool = False
    magnitude: bool = False
    of_full_scale: bool = False


class LimitCondition(Comparison, frozen=True, kw_only=True, tag="limit"):
    """Fires when the level reaches ``fire`` for ``hold_s``; clears when it stays past ``clear`` for ``clear_after_s``.

    ``gap_s`` forgives calm spells of up to that long while holding (rattling comes in bursts). With ``of`` above 1 a
    reading counts as reaching the limit only when at least ``votes`` of the last ``of`` readings did (N of M).
    """

    hold_s: float = 0.0
    clear_after_s: float = 10.0
    gap_s: float = 0.0
    votes: int = 1
    of: int = 1


class Direction(StrEnum):
    """Which way a change counts."""

    RISE = "rise"
    FALL = "fall"
    EITHER = "either"


class RateCondition(msgspec.Struct, frozen=True, kw_only=True, tag="rate"):
    """Fires when the point changed by ``fire`` or more within ``window_s``; clears when by less than ``clear``.

    The change is that between the newest reading and the one of the window that is farthest from it, in ``direction``.
    """

    fire: float
    clear: float
    window_s: float
    direction: Direction = Direction.EITHER
    hold_s: float = 0.0
    clear_after_s: float = 10.0


class Aggregate(StrEnum):
    """What is made of the readings of a window."""

    MEAN = "mean"
    MINIMUM = "min"
    MAXIMUM = "max"
    RANGE = "range"
    COUNT = "count"
    SUM = "sum"


class WindowCondition(Comparison, frozen=True, kw_only=True, tag="window"):
    """Compares an aggregate of the last ``window_s``; with fewer than ``least`` readings in it nothing is known."""

    aggregate: Aggregate
    window_s: float
    least: int = 1
    hold_s: float = 0.0
    clear_after_s: float = 10.0


class VectorCondition(msgspec.Struct, frozen=True, kw_only=True, tag="vector"):
    """The angle in degrees between where gravity pulls now and where it pulled when the device was fitted.

    ``axes``: three inclinations in degrees (``tilt_x``, ``tilt_y``, ``tilt_z``) or three accelerations of one unit.
    A sample is complete when the three were measured within ``within_s`` of each other.
    """

    axes: tuple[str, str, str]
    fire: float
    clear: float
    hold_s: float = 0.0
    clear_after_s: float = 10.0
    within_s: float = 2.0


class StuckCondition(msgspec.Struct, frozen=True, kw_only=True, tag="stuck"):
    """Fires when at least ``samples`` readings in a row are exactly equal over at least ``for_s``."""

    samples: int
    for_s: float


class NoDataCondition(msgspec.Struct, frozen=True, kw_only=True, tag="no_data"):
    """Fires when a device has been silent for ``heartbeats`` of its own periods, and at least ``min_s``."""

    heartbeats: float
    min_s: float


class ForecastCondition(msgspec.Struct, frozen=True, kw_only=True, tag="forecast"):
    """Fires when the trend of the daily lows reaches ``level`` within ``within_days`` (a battery that runs out).

    The trend is the Theil-Sen slope over up to ``history_days`` days, and at least ``least_days`` of them; it clears
    when the forecast is beyond ``clear_days`` again (a new battery).
    """

    level: float
    within_days: float
    clear_days: float
    history_days: int = 30
    least_days: int = 7


class DriftCondition(msgspec.Struct, frozen=True, kw_only=True, tag="drift"):
    """Fires when the daily medians move steadily and slowly: ``per_day`` or more, for ``days`` days, without a leap.

    A thing that leans or is hit leaps (a day that differs from the next by ``leap`` or more); a sensor that ages, or
    whose glue creeps, does not. Clears when the slope falls below half of ``per_day``.
    """

    per_day: float
    leap: float
    days: int = 10


class DisagreeCondition(msgspec.Struct, frozen=True, kw_only=True, tag="disagree"):
    """Fires when the axes of one inclinometer contradict each other by ``fire`` degrees for ``hold_s``.

    ``axes``: two inclinations to the horizontal and the angle to the vertical; the latter follows from the others.
    """

    axes: tuple[str, str, str]
    fire: float
    clear: float
    hold_s: float = 0.0
    clear_after_s: float = 10.0
    within_s: float = 2.0


class EventCondition(msgspec.Struct, frozen=True, kw_only=True, tag="event"):
    """Fires at a reading of 1 or more of an ``event`` point, clears at 0, or ``expire_s`` after the last (0: never)."""

    expire_s: float = 0.0


class Part(Comparison, frozen=True, kw_only=True):
    """One of several conditions on the points of one asset."""

    point: str


class AllCondition(msgspec.Struct, frozen=True, kw_only=True, tag="all"):
    """Fires when every part is reached at once for ``hold_s``; clears when one is calm for ``clear_after_s``.

    What a part last said counts for ``fresh_s``; after that it is unknown, which neither fires nor clears.
    """

    parts: tuple[Part, ...]
    hold_s: float = 0.0
    clear_after_s: float = 10.0
    fresh_s: float = 900.0


class AnyCondition(msgspec.Struct, frozen=True, kw_only=True, tag="any"):
    """Fires when one part is reached for ``hold_s``; clears when all are calm for ``clear_after_s``."""

    parts: tuple[Part, ...]
    hold_s: float = 0.0
    clear_after_s: float = 10.0
    fresh_s: float = 900.0


Condition = (
    LimitCondition
    | RateCondition
    | WindowCondition
    | VectorCondition
    | StuckCondition
    | NoDataCondition
    | ForecastCondition
    | DriftCondition
    | DisagreeCondition
    | EventCondition
    | AllCondition
    | AnyCondition
)

LADDERED = (LimitCondition, RateCondition, WindowCondition, VectorCondition)
"""The kinds that fire at one number and so can have steps."""
