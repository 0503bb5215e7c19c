"""Report by exception: which routine readings are worth a place in the spool, point by point.

A rule says when a value counts as new (``deadband``), and how often it is reported though it is not (``every_s``, the
heartbeat). What is urgent always passes, and so does what no decoder could read. Remembers one value a point, so its
memory is flat; what was suppressed is counted and told to the city.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from gateway.senml import Item, Reading
from gateway.spool_tables import Lane

Put = Callable[[Mapping[Lane, Sequence[Item]]], object]


class ReportRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a point's value is reported; without any field: always.

    ``on_change``: when it differs from the one reported last, or its quality does. ``deadband``: the same, but only
    when it differs by more than this, in the point's unit. ``every_s``: when the last report is this old, in seconds.
    Given together, whichever comes first.
    """

    on_change: bool = False
    deadband: float = 0.0
    every_s: float = 0.0

    @property
    def reports_all(self) -> bool:
        """Whether this rule suppresses nothing."""
        return not (self.on_change or self.deadband or self.every_s)

    def problem(self) -> str | None:
        """What is wrong with it and how to mend it, or None."""
        if self.deadband < 0 or self.every_s < 0:
            return "deadband and every_s must not be negative"
        if (self.on_change or self.deadband) and not self.every_s:
            return "needs every_s too: to the city a value that never changes looks like a dead sensor"
        return None


class Reporter:
    """Stands between sources and the spool; one for all, used from any thread.

    ``rules`` by serial and point; points without one are always reported.
    """

    def __init__(self, rules: Mapping[tuple[str, str], ReportRule], put: Put) -> None:
        self._rules = {key: rule for key, rule in rules.items() if not rule.reports_all}
        self._put = put
        self._last: dict[tuple[str, str], Reading] = {}
        self._lock = threading.Lock()
        self.suppressed = 0  # readings since the start

    def put(self, readings_by_lane: Mapping[Lane, Sequence[Item]]) -> object:
        """As the spool's ``put``, for what is worth it; raises what that raises, and then nothing counts as reported."""
        if not self._rules:
            return self._put(readings_by_lane)
        chosen: dict[Lane, Sequence[Item]] = {}
        for lane, items in readings_by_lane.items():
            chosen[lane] = items if lane == "urgent" else [item for item in items if self._is_due(item)]
        taken = self._put(chosen) if any(chosen.values()) else {}
        self._note(chosen, readings_by_lane)
        return taken

    def _is_due(self, item: Item) -> bool:
        if not isinstance(item, Reading):
            return True
        key = (item.serial, item.point)
        rule = self._rules.get(key)
        last = self._last.get(key)
        if rule is None or last is None or item.quality != last.quality:
            return True
        if rule.every_s and abs(item.measured_ms - last.measured_ms) >= rule.every_s * 1000:
            return True  # also when the clock was set, either way
        return (rule.on_change or rule.deadband > 0) and abs(item.value - last.value) > rule.deadband

    def _note(self, chosen: Mapping[Lane, Sequence[Item]], given: Mapping[Lane, Sequence[Item]]) -> None:
        for item in _readings(chosen):
            key = (item.serial, item.point)
            if key in self._rules:
                self._last[key] = item
        with self._lock:
            self.suppressed += sum(map(len, given.values())) - sum(map(len, chosen.values()))


def _readings(items_by_lane: Mapping[Lane, Sequence[Item]]) -> Iterable[Reading]:
    return (item for items in items_by_lane.values() for item in items if isinstance(item, Reading))
