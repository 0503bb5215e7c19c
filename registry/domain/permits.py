"""Permits (开盖作业): openings that somebody was allowed to make, and how the cover sits once they are over. Pure.

While a permit runs, what the open cover raises is expected. When it is over, by its time or by somebody's word, the
first readings after that moment tell whether the cover is back in its seat: still open, or in it but crooked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec.structs import replace

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Role, Severity
from registry.domain.people import Actor
from registry.domain.rules.conditions import AllCondition, AnyCondition, Comparison, LimitCondition, Part
from registry.domain.rules.guard import WatchedAsset
from registry.domain.rules.rule import Rule

PRESETS_MIN = (15, 30, 60, 120, 240, 480, 720)
"""The choices of the phone's page, in minutes."""

SHORTEST = timedelta(minutes=15)
LONGEST = timedelta(hours=12)
"""Nobody works in one well for longer than a shift; who does prolongs, and thereby says that they are still there."""

MOST_PEOPLE = 99
MAX_TEXT = 500

SEAT_RULE = "cover_seated_wrong"
"""The rule whose numbers say how far off its baseline a closed cover may sit. It is judged here, once, when a permit is
over; intake leaves it out, since traffic and frost move covers by as much on any day."""

SEAT_TILT_DEG = 3.0
"""A frame is machined to about 1°, and a sensor put back with its cover turned differently reads up to 2° otherwise;
at 3° an edge stands out of the road by 3 cm on a cover of 600 mm, and the first lorry makes it rattle."""

SEAT_SHIFT_MM = 8.0
"""The play of a cover in its frame is 3 to 5 mm; at 8 mm it lies on the rim, not in the seat."""

CLOSING_GRACE = timedelta(minutes=2)
"""After somebody's word that it is closed: an old reading says nothing against them for so long. Sensors send alarm and
recovery at once, so that what is still the last word then is true."""

OPENING_POINTS = frozenset({"tilt_x", "tilt_y", "tilt_z", "displacement"})
"""What tells an open cover from a closed one; rattling and water are expected during work, but say nothing of that."""

LEAST_PATIENCE = timedelta(seconds=60)
"""How long the first reading after the end is waited for at least, however often the sensor normally speaks: it also
has to come through the cabinet."""


class Seat(StrEnum):
    """How the cover sits: not known yet, in its seat, crooked, still open, or nobody can tell."""

    WAITING = "waiting"
    RIGHT = "right"
    WRONG = "wrong"
    OPEN = "open"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastWord:
    """The latest reading of one point of the asset, in the point's own unit."""

    point_id: int
    device_id: int
    name: str
    value: float
    baseline: float
    full_scale: float | None
    measured_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A live alert that the permit covered: where, and by which rule (None: the rule is gone)."""

    alert_id: int
    point_id: int | None
    rule: Rule | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A permit that is over. ``said``: somebody said so, its time did not run out."""

    ended_at: datetime
    said: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How it sits, by which reading, how far off in the terms of the rule (``level``)."""

    seat: Seat
    word: LastWord | None = None
    level: float | None = None


def check_span(minutes: int) -> timedelta:
    """``minutes`` as the length of a permit. Raises ``InvalidInput`` unless between 15 minutes and 12 hours."""
    span = timedelta(minutes=minutes)
    if not SHORTEST <= span <= LONGEST:
        raise InvalidInput(
            "minutes",
            "{given} minutes are no length for a permit; choose {least} minutes to {most} hours",
            given=minutes,
            least=SHORTEST // timedelta(minutes=1),
            most=LONGEST // timedelta(hours=1),
        )
    return span


def prolonged(ends_at: datetime, minutes: int, *, now: datetime) -> datetime:
    """The new end: ``minutes`` later than the old one. Raises ``InvalidInput`` for one more than 12 hours away."""
    span = check_span(minutes)
    if ends_at + span - now > LONGEST:
        raise InvalidInput(
            "minutes",
            "would let it run for more than {most} hours from now; prolong it by less",
            most=LONGEST // timedelta(hours=1),
        )
    return ends_at + span


def may_open(by: Actor, parties: Sequence[int | None]) -> bool:
    """Whether ``by`` may start, prolong and end permits on an asset of these parties (unit ids)."""
    if by.role is None or by.role in (Role.DISPATCHER, Role.ADMINISTRATOR):
        return True
    return by.role is Role.CREW and by.unit_id is not None and by.unit_id in parties


def concerns(rule: Rule, asset: WatchedAsset) -> bool:
    """Whether the rule watches this asset at all."""
    watches = rule.watches
    if rule.family not in (None, asset.family) or (watches.assets and asset.asset_id not in watches.assets):
        return False
    classes = (asset.scheme, f"{asset.scheme}:{asset.class_code}")
    return asset.area_code.startswith(watches.area) and (
        not watches.classes or any(each in classes for each in watches.classes)
    )


def level_of(condition: Comparison, word: LastWord) -> float:
    """The reading as the condition takes it: less the baseline, without its sign, as a share of full scale."""
    level = word.value - word.baseline if condition.relative else word.value
    if condition.of_full_scale:
        level /= word.full_scale or 1.0
    return abs(level) if condition.magnitude else level


def is_calm(condition: Comparison, word: LastWord) -> bool:
    """Whether the reading lies on the calm side of the condition's clear number."""
    level = level_of(condition, word)
    return level < condition.clear if condition.above else level > condition.clear


def seat_parts(rule: Rule | None) -> tuple[Part, ...]:
    """What the rule for the seat compares, point by point; nothing where there is no such rule or of another kind."""
    condition = None if rule is None else rule.condition
    return condition.parts if isinstance(condition, AllCondition | AnyCondition) else ()


def judge_end(
    ending: Ending,
    words: Sequence[LastWord],
    *,
    expected: Sequence[Expected],
    rules: Iterable[Rule],
    seat: Rule | None,
    patience: timedelta,
    now: datetime,
) -> Finding:
    """How the cover sits after ``ending``.

    ``words``: the latest good reading of each point of the asset. ``rules``: those that expect their alerts while a
    permit runs. ``patience``: how long the first reading after the end is waited for.
    """
    found_open = _open_word(ending, words, expected=expected, rules=rules, now=now)
    if found_open is not None:
        return found_open
    parts = {part.point: part for part in seat_parts(seat)}
    seats = [word for word in words if word.name in parts]
    fresh = [word for word in seats if word.measured_at > ending.ended_at]
    off = [_off(parts[word.name], word) for word in fresh]
    worst = max(off, key=lambda found: found[0], default=None)
    if worst is not None and worst[0] >= 1.0:
        return Finding(seat=Seat.WRONG, word=worst[1], level=worst[2])
    # calm again is not over yet; and each point has its say
    if expected or (len(fresh) < len(seats) and now < ending.ended_at + patience):
        return Finding(seat=Seat.WAITING)
    return Finding(seat=Seat.RIGHT if fresh else Seat.UNKNOWN)


def is_seated(parts: Sequence[Part], words: Sequence[LastWord], *, since: datetime) -> datetime | None:
    """When the last of the points that were off said that it is well again; None while one is not or was not heard."""
    by_name = {part.point: part for part in parts}
    concerned = [word for word in words if word.name in by_name]
    if not concerned or any(word.measured_at <= since or not is_calm(by_name[word.name], word) for word in concerned):
        return None
    return max(word.measured_at for word in concerned)


def _open_word(
    ending: Ending,
    words: Sequence[LastWord],
    *,
    expected: Sequence[Expected],
    rules: Iterable[Rule],
    now: datetime,
) -> Finding | None:
    """The reading, or the alert, by which the cover is still open; None: it is not, as far as is known."""
    believed = ending.said and now < ending.ended_at + CLOSING_GRACE
    told = [word for word in words if word.name in OPENING_POINTS]
    counting = [word for word in told if word.measured_at > ending.ended_at or not believed]
    known = [*rules, *(alert.rule for alert in expected if alert.rule is not None)]
    limits = [(rule.point, limit) for rule in known if (limit := _open_limit(rule)) is not None]
    for word in sorted(counting, key=lambda each: each.measured_at, reverse=True):
        for name, condition in limits:
            if name == word.name and not is_calm(condition, word):
                return Finding(seat=Seat.OPEN, word=word, level=level_of(condition, word))
    if believed:
        return None
    by_point = {word.point_id: word for word in words}
    for alert in expected:
        heard = None if alert.point_id is None else by_point.get(alert.point_id)
        if heard is not None and heard.name not in OPENING_POINTS:
            continue
        if heard is None or alert.rule is None or not isinstance(alert.rule.condition, LimitCondition):
            return Finding(seat=Seat.OPEN)  # no reading can tell; the alert is live, and that counts
    return None


def _open_limit(rule: Rule) -> LimitCondition | None:
    """The numbers of the rule from which on somebody has to go: its own, or those of the step that is an alarm."""
    condition = rule.condition
    if not isinstance(condition, LimitCondition) or rule.severity >= Severity.ALARM:
        return condition if isinstance(condition, LimitCondition) else None
    step = next((each for each in rule.ladder if each.severity >= Severity.ALARM), None)
    return None if step is None else replace(condition, fire=step.fire, clear=step.clear)


def _off(part: Part, word: LastWord) -> tuple[float, LastWord, float]:
    """How far off as a share of what is tolerated, the reading, and its level."""
    level = level_of(part, word)
    return level / part.fire if part.fire else 0.0, word, level
