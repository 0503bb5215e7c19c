"""The readings around an alert, with the levels its rule fires and clears at, in the point's own unit."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from registry.domain.kinds import Quality, RuleKind
from registry.queries.alerts import AlertDetail
from registry.storage.series import SeriesStore
from registry.storage.times import from_ms, to_ms

BEFORE, AFTER = timedelta(minutes=30), timedelta(minutes=30)
EVIDENCE_READINGS = 12


class AlertCurve(msgspec.Struct, frozen=True, kw_only=True):
    """Slices are (start ms, least, greatest, mean); ``limits`` the levels of firing, and of clearing after them."""

    since_ms: int
    until_ms: int
    slices: list[tuple[int, float, float, float]]
    limits: list[float]
    marks: list[int]


class EvidenceReading(msgspec.Struct, frozen=True, kw_only=True):
    """One reading, its value in the point's own unit before any baseline."""

    measured_at: datetime
    received_at: datetime
    value: float
    quality: Quality


def alert_curve(store: SeriesStore, alert: AlertDetail, *, slices: int, now: datetime) -> AlertCurve | None:
    """From half an hour before it began to half an hour after it cleared, or until ``now``; None without a point."""
    if alert.point_id is None:
        return None
    since_ms = to_ms(alert.began_at - BEFORE)
    until_ms = to_ms(min(now, (alert.cleared_at or now) + AFTER))
    until_ms = max(until_ms, since_ms + 60_000)
    found = store.buckets(alert.point_id, since_ms, until_ms, slices)
    return AlertCurve(
        since_ms=since_ms,
        until_ms=until_ms,
        slices=[(each.at_ms, each.low, each.high, each.mean) for each in found],
        limits=_limits(alert, min((each.low for each in found), default=0.0)),
        marks=[to_ms(moment) for moment in (alert.fired_at, alert.cleared_at) if moment is not None],
    )


def evidence_readings(store: SeriesStore, alert: AlertDetail) -> list[EvidenceReading]:
    """The readings that led to the alert, oldest first: the last twelve up to the moment it fired."""
    if alert.point_id is None:
        return []
    fired_ms = to_ms(alert.fired_at)
    began_ms = to_ms(alert.began_at)
    # the readings of its own time and, where those are few, of the hour before
    rows = store.window(alert.point_id, min(began_ms, fired_ms - 3_600_000), fired_ms + 1, 5_000)
    return [
        EvidenceReading(
            measured_at=from_ms(row.measured_ms),
            received_at=from_ms(row.received_ms),
            value=row.value,
            quality=Quality(row.quality),
        )
        for row in rows[-EVIDENCE_READINGS:]
    ]


def _limits(alert: AlertDetail, lowest: float) -> list[float]:
    """Levels of a limit as values of the point; a condition that looks at anything else has none to draw.

    A limit on a magnitude lies on both sides of the baseline; the lower one is drawn where readings went below it.
    """
    condition = alert.condition
    if alert.rule_kind is not RuleKind.LIMIT or (condition.get("of_full_scale") and not alert.full_scale):
        return []
    factor = alert.full_scale if condition.get("of_full_scale") and alert.full_scale else 1.0
    offset = alert.baseline if condition.get("relative") else 0.0
    levels = [factor * numbers["fire"] for numbers in (condition, *alert.ladder) if "fire" in numbers]
    drawn = [offset + level for level in [*levels, factor * condition.get("clear", 0.0)]]
    if condition.get("magnitude") and levels and lowest < offset - levels[0] / 2:
        drawn += [offset - level for level in levels]
    return drawn
