"""What other platforms tell of an asset: read, graded, and turned into readings of a virtual device. Pure.

Video analytics, Prometheus or another city platform say that something began or is over; to the rules that is a reading
like any other. One *occurrence* lasts from when it began until its sender, or its own end, says that it is over. A
virtual device stands for one name of alert on one asset; the value of its only point is the severity of the worst
occurrence that goes on (1 notice, 2 alarm, 3 critical), 0 when none does.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from registry.domain.aliases import ALIAS_KINDS
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Severity

EXTERNAL_PROFILE = "external"
"""The profile of the virtual devices: nothing is fitted anywhere, so nothing can be silent, moved or calibrated."""
EVENT_POINT = "event"

CODE_LABELS = ("component_code", "asset_code")
TOKEN_LABELS = ("tag", "token")
ASSET_LABELS = (*CODE_LABELS, *TOKEN_LABELS, "alias", *ALIAS_KINDS)
"""The labels that may name the asset, in the order in which they are believed."""

LONGEST_SERIAL = 60
LONGEST_NAME = 120
_LONGEST_LABEL = 300
_LONGEST_ANNOTATION = 2000
_MOST_LABELS = 64
_NAMELESS = "event"
_AHEAD = timedelta(minutes=10)

_SEVERITIES = {
    Severity.CRITICAL: "critical page emergency fatal disaster p0 p1 紧急 特别重大 特急",
    Severity.ALARM: "alarm warning error major high serious average p2 严重 重大 较大 警告 报警",
    Severity.NOTICE: "notice info information minor low none ok p3 p4 p5 一般 提示 通知",
}
_BY_WORD = {word: severity for severity, words in _SEVERITIES.items() for word in words.split()}


class EventOutcome(StrEnum):
    """What became of an alert that was sent to us. *Over*: it had ended before, so nothing changed."""

    BEGAN = "began"
    GOES_ON = "goes_on"
    ENDED = "ended"
    OVER = "over"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalEvent:
    """An alert of another platform. ``starts_at`` None: when it was heard; ``ends_at`` None: until further notice.

    ``fingerprint`` is the same for every message about the same labels. ``names`` are the (label, value) pairs that may
    name the asset, the most believed first.
    """

    fingerprint: str
    name: str
    severity: Severity
    starts_at: datetime | None
    ends_at: datetime | None
    labels: dict[str, str]
    annotations: dict[str, str]
    names: tuple[tuple[str, str], ...]
    source_url: str = ""
    sender: str = ""


class Occurrence(NamedTuple):
    """An occurrence that is not over for the intake: times in ms; ``fresh``: no reading stands for it yet."""

    severity: int
    starts_ms: int
    heard_ms: int
    ends_ms: int | None
    fresh: bool
    waiting: bool


def read_event(
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    *,
    starts_at: str = "",
    ends_at: str = "",
    resolved: bool = False,
    source_url: str = "",
    sender: str = "",
    now: datetime,
) -> ExternalEvent:
    """One alert as Alertmanager's programs write it. ``resolved``: its sender says that it is over.

    Raises ``InvalidInput`` naming the label or the time that can't be used.
    """
    if not labels:
        raise InvalidInput("labels", "is empty; send the labels of the alert, one of which names the asset")
    kept = {str(name): value[:_LONGEST_LABEL] for name, value in list(labels.items())[:_MOST_LABELS]}
    names = tuple((name, kept[name].strip()) for name in ASSET_LABELS if kept.get(name, "").strip())
    if not names:
        raise InvalidInput("labels", "name no asset; add one of the labels {known}", known=", ".join(ASSET_LABELS[:5]))
    begins, ends = _moment("startsAt", starts_at), _moment("endsAt", ends_at)
    if begins is not None and begins > now + _AHEAD:
        raise InvalidInput("startsAt", "{given!r} lies ahead; set the sender's clock (NTP)", given=starts_at[:40])
    if resolved:
        ends = now if ends is None else min(ends, now)
    return ExternalEvent(
        fingerprint=fingerprint(labels),
        name=kept.get("alertname", "").strip()[:LONGEST_NAME] or _NAMELESS,
        severity=severity_of(kept.get("severity", "")),
        starts_at=None if begins is None else min(begins, now),
        ends_at=ends,
        labels=kept,
        annotations={name: value[:_LONGEST_ANNOTATION] for name, value in list(annotations.items())[:_MOST_LABELS]},
        names=names,
        source_url=source_url[:_LONGEST_ANNOTATION],
        sender=sender[:LONGEST_NAME],
    )


def fingerprint(labels: Mapping[str, str]) -> str:
    """What tells one alert from another: 32 hexadecimal digits of all its labels, in whatever order they came."""
    return hashlib.sha256(json.dumps(sorted(labels.items())).encode()).hexdigest()[:32]


def severity_of(word: str) -> Severity:
    """Another platform's word for how bad it is, as ours. Missing or unknown, it is an alarm: somebody shall look."""
    return _BY_WORD.get(word.strip().casefold(), Severity.ALARM)


def serial_of(name: str, asset_id: int) -> str:
    """The serial of the virtual device for alerts called ``name`` on this asset; different names, different serials."""
    slug = re.sub(r"[^\w.-]+", "-", name).strip("-")
    serial = f"{EXTERNAL_PROFILE}:{asset_id}:{slug}"
    if slug == name and len(serial) <= LONGEST_SERIAL:
        return serial
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{serial[: LONGEST_SERIAL - 9]}~{mark}"


def level_of(occurrences: Sequence[Occurrence], now_ms: int) -> int:
    """The severity of the worst that goes on; 0: none does."""
    return max((each.severity for each in occurrences if not is_over(each, now_ms)), default=0)


def is_over(one: Occurrence, now_ms: int) -> bool:
    """Whether its end has come."""
    return one.ends_ms is not None and one.ends_ms <= now_ms


def readings_of(occurrences: Sequence[Occurrence], *, newest_ms: int, now_ms: int) -> list[tuple[int, int]]:
    """The readings (measured in ms, value) that tell the rules how things stand, each newer than ``newest_ms``.

    ``occurrences`` are all of one virtual device that are not over for the intake. The same rows give the same
    readings, so a replay after a crash writes the same again: nothing here depends on when it is asked but which ends
    have come.
    """
    changed = [_changed_ms(each, now_ms) for each in occurrences if each.waiting or is_over(each, now_ms)]
    if not changed:
        return []
    made = {at_ms: severity for at_ms, severity in sorted(_beginnings(occurrences, now_ms)) if at_ms > newest_ms}
    last_ms = max([newest_ms, *made])
    level = level_of(occurrences, now_ms)
    at_ms = max(changed)
    if made.get(at_ms) != level:
        made[at_ms if at_ms > last_ms else last_ms + 1] = level
    return sorted(made.items())


def _beginnings(occurrences: Sequence[Occurrence], now_ms: int) -> Iterator[tuple[int, int]]:
    """When the new ones began, unless another went on then: its beginning is no beginning of the whole."""
    old = any(not each.fresh for each in occurrences)
    for each in occurrences:
        if each.fresh and not old and not is_over(each, now_ms):
            yield min(each.starts_ms, each.heard_ms), each.severity


def _changed_ms(one: Occurrence, now_ms: int) -> int:
    return one.ends_ms if one.ends_ms is not None and one.ends_ms <= now_ms else one.heard_ms


def _moment(field: str, text: str) -> datetime | None:
    """An RFC 3339 time in UTC; None for nothing and for Go's zero time, which means "not known"."""
    said = text.strip()
    if not said or said.startswith("0001-01-01"):
        return None
    try:
        at = datetime.fromisoformat(said)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(field, "{given!r} is no time; write it as 2026-03-02T04:00:00Z", given=said[:40])
