"""A rule as data: what it watches, when it fires and clears, how bad that is, and what becomes of it."""

from __future__ import annotations

import msgspec

from registry.domain.kinds import Family, RuleKind, Severity
from registry.domain.rules.conditions import Condition


class Watches(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule watches beside its family; everything empty: all. Several of them must all hold.

    ``classes`` are ``scheme:code`` (``cjt214-2007:0118``) or a scheme alone; ``area`` the code an asset's area code
    begins with; ``assets`` ids (a list of tags is resolved to its assets when the rule is saved); ``devices`` serials.
    """

    classes: tuple[str, ...] = ()
    area: str = ""
    assets: tuple[int, ...] = ()
    devices: tuple[str, ...] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the severity ladder above the rule's own: its own numbers in place of the condition's."""

    severity: Severity
    fire: float
    clear: float
    hold_s: float = 0.0


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the week in the city's zone: ISO weekdays (1 Monday) from minute ``from_min`` up to ``until_min``.

    A span over midnight has ``until_min`` ≤ ``from_min`` and belongs to the day on which it begins.
    """

    days: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    from_min: int = 0
    until_min: int = 1440


class GroupPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When many alerts of the rule are one: ``at_least`` of them within ``radius_m`` and ``within_s`` of each other.

    An alert waits ``wait_s`` for company before it opens a case of its own; one that is over by then opens none. Alerts
    of ``alone_from`` or worse never wait and never join: an open cover stands out in any storm. ``one_case``: the group
    has one case; else none. A group ends when nothing joined for ``within_s`` and none of its alerts is live.
    """

    at_least: int = 8
    within_s: float = 600.0
    radius_m: float = 2000.0
    wait_s: float = 30.0
    alone_from: Severity = Severity.CRITICAL
    one_case: bool = True


class FlapPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that would fire the ``fires``-th time within ``within_s`` stays open until ``quiet_s`` of calm."""

    fires: int = 3
    within_s: float = 1800.0
    quiet_s: float = 900.0


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one rule.

    ``family`` None: assets of every family; ``point`` None: the device as a whole, or the points its condition names.
    ``case_kind`` None: it raises no case. ``severity`` is that of the condition's own numbers, ``ladder`` the worse
    steps, mildest first. ``seasons``: while the season of that key is in force these numbers stand in for the
    condition's (``{"flood": {"fire": 0.8}}``). ``hours``: when it may begin an alert; empty: always. ``permit``: while
    a permit to open the asset runs, its alerts are expected. ``lateness_s``: judge only when that much event time has
    passed, so that within it the order in which readings come does not matter. The reason says why the numbers are what
    they are.
    """

    key: str
    version: int
    family: Family | None
    point: str | None
    severity: Severity
    case_kind: str | None
    condition: Condition
    enabled: bool = True
    name_zh: str = ""
    name_en: str = ""
    reason_zh: str = ""
    reason_en: str = ""
    watches: Watches = Watches()
    ladder: tuple[Step, ...] = ()
    seasons: dict[str, dict[str, float]] = {}
    hours: tuple[Hours, ...] = ()
    grouping: GroupPolicy | None = None
    flapping: FlapPolicy | None = FlapPolicy()
    permit: bool = False
    lateness_s: float = 0.0

    @property
    def kind(self) -> RuleKind:
        """Which sort of condition it has."""
        return RuleKind(str(type(self.condition).__struct_config__.tag))
