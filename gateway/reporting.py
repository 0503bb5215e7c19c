"""Report by exception: which routine readings are worth a place in the spool, point by point.

A rule says when a value counts as new (``deadband``), and how often it is reported though it is not (``every_s``, the
heartbeat). What is urgent always passes, and so does what no decoder could read. Remembers one value a point, so its
memory is flat; what was suppressed is counted and told to the city.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from gateway.senml import Item, Reading
from gateway.spool_tables import Lane

if TYPE_CHECKING:  # profiles hold rules, so they import this
    from gateway.device_profiles import DeviceProfile
    from gateway.settings import CabinetSettings, ReportSettings


class Put(Protocol):
    """``Spool.put``."""

    def __call__(self, readings_by_lane: Mapping[Lane, Sequence[Item]], *, soon: bool) -> object:
        """Takes all or raises."""


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

    def put(self, readings_by_lane: Mapping[Lane, Sequence[Item]], *, soon: bool = False) -> object:
        """``Spool.put`` for what is worth it; raises what that raises, and then nothing counts as reported."""
        if not self._rules:
            return self._put(readings_by_lane, soon=soon)
        chosen: dict[Lane, Sequence[Item]] = {}
        for lane, items in readings_by_lane.items():
            chosen[lane] = items if lane == "urgent" else [item for item in items if self._is_due(item)]
        taken = self._put(chosen, soon=soon) if any(chosen.values()) else {}
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


def report_rules(settings: CabinetSettings, profiles: Mapping[str, DeviceProfile]) -> dict[tuple[str, str], ReportRule]:
    """The rule of every point that has one, by serial and point: the unit's own before its profile's."""
    rules: dict[tuple[str, str], ReportRule] = {}
    for _, serial, profile, own in _devices(settings):
        for point in profiles[profile].point:
            rules[serial, point.name] = point.report
        rules |= {(serial, point): _rule(said) for point, said in own.items()}
    return rules


def report_problems(settings: CabinetSettings, profiles: Mapping[str, DeviceProfile]) -> Iterator[str]:
    """What is wrong with the rules in ``settings``, as ``field: what, and how to mend it``."""
    for at, _, profile, own in _devices(settings):
        known = [point.name for point in profiles[profile].point] if profile in profiles else []
        for point, said in own.items():
            if known and point not in known:
                yield f"{at}.report.{point}: {profile} has no such point; use one of {', '.join(known)}"
            problem = _rule(said).problem()
            if problem is not None:
                yield f"{at}.report.{point}: {problem}"


def _rule(said: ReportSettings) -> ReportRule:
    return ReportRule(on_change=said.on_change, deadband=said.deadband, every_s=said.every_s)


def _devices(settings: CabinetSettings) -> Iterator[tuple[str, str, str, Mapping[str, ReportSettings]]]:
    """Where it stands, serial, profile and own rules of everything that gives readings."""
    for place, bus in enumerate(settings.bus):
        for number, unit in enumerate(bus.unit):
            yield f"bus[{place}].unit[{number}]", unit.serial, unit.profile, unit.report
    for place, source in enumerate(settings.source):
        for number, device in enumerate(source.device):
            yield f"source[{place}].device[{number}]", device.serial, device.profile, device.report
