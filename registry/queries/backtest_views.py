"""What a back-test answers. Pieces of it, each over some of the assets, add up to the whole."""

from __future__ import annotations

from collections import Counter

import msgspec

MOST_LISTED = 500
"""As many alerts and missed cases are named one by one; all are counted."""


class PastAlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that would have been, with its place. Times in Unix ms; ``cleared_ms`` None: live at the span's end.

    ``case_number``: the real case it was followed by, or attached to. ``expected``: a permit covered it.
    ``version``: ``new`` (only the rule under test), ``kept`` (both), ``gone`` (only the present version).
    """

    asset_id: int
    asset_name: str
    area_code: str
    device_id: int
    point_id: int
    began_ms: int
    fired_ms: int
    cleared_ms: int | None
    severity: int
    level: float
    peak: float
    flapped: bool
    expected: bool
    case_number: str
    version: str


class MissedCase(msgspec.Struct, frozen=True, kw_only=True):
    """A real case of the rule's kind, on an asset it watches, to which none of its alerts belongs."""

    id: int
    number: str
    asset_id: int
    asset_name: str
    opened_ms: int


class Tally(msgspec.Struct, kw_only=True):
    """What one version of the rule would have done.

    ``cases``: assets with at least one alert that no permit covered: as many cases would have been opened at the
    least. ``real``: alerts that a case which was not void followed within a day (or was open then); ``not_real``: the
    others, but for those that a permit covered (``expected``). ``missed``: real cases that none of its alerts belongs
    to.
    """

    fired: int = 0
    cleared: int = 0
    flapped: int = 0
    expected: int = 0
    cases: int = 0
    real: int = 0
    not_real: int = 0
    missed: int = 0

    def add(self, more: Tally) -> None:
        """Count ``more`` in."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(more, name))


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """How many alerts a day of the city's calendar (``2026-03-01``) or an area (its code) would have had."""

    key: str
    name: str
    fired: int
    real: int
    present_fired: int


class Differences(msgspec.Struct, kw_only=True):
    """Against the present version: alerts that only the new one has, only the present one, or both."""

    new: int = 0
    gone: int = 0
    kept: int = 0

    def add(self, more: Differences) -> None:
        """Count ``more`` in."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(more, name))


class Backtest(msgspec.Struct, kw_only=True):
    """What a rule would have done over since ≤ t < until (Unix ms), beside its present version (None: it has none).

    ``read``: readings that had to be looked at; the others were seen to be calm in the roll-ups. ``assets``: gone
    through so far, of ``assets_of``. ``next``: where to go on (``after``); None: this was all. ``readings_from_ms``:
    readings before this are gone by age (0: none are). ``listed_all``: every alert and missed case is named.
    """

    rule_key: str
    rule_version: int
    present_version: int | None
    since_ms: int
    until_ms: int
    readings_from_ms: int
    assets: int
    assets_of: int
    read: int
    next: int | None
    tally: Tally
    present: Tally | None
    differences: Differences | None
    days: list[Share]
    areas: list[Share]
    alerts: list[PastAlertRow]
    missed: list[MissedCase]
    listed_all: bool
    problems: list[str]


def joined(one: Backtest, more: Backtest) -> Backtest:
    """Two pieces of one back-test, the second over the assets that follow the first's."""
    one.tally.add(more.tally)
    if one.present is not None and more.present is not None:
        one.present.add(more.present)
    if one.differences is not None and more.differences is not None:
        one.differences.add(more.differences)
    alerts, missed = one.alerts + more.alerts, one.missed + more.missed
    return msgspec.structs.replace(
        one,
        assets=one.assets + more.assets,
        read=one.read + more.read,
        next=more.next,
        days=_shares(one.days, more.days),
        areas=_shares(one.areas, more.areas),
        alerts=alerts[:MOST_LISTED],
        missed=missed[:MOST_LISTED],
        listed_all=one.listed_all and more.listed_all and max(len(alerts), len(missed)) <= MOST_LISTED,
        problems=list(dict.fromkeys([*one.problems, *more.problems])),
    )


def _shares(one: list[Share], more: list[Share]) -> list[Share]:
    fired: Counter[str] = Counter()
    real: Counter[str] = Counter()
    present: Counter[str] = Counter()
    names: dict[str, str] = {}
    for each in (*one, *more):
        fired[each.key] += each.fired
        real[each.key] += each.real
        present[each.key] += each.present_fired
        names[each.key] = each.name
    return [
        Share(key=key, name=names[key], fired=fired[key], real=real[key], present_fired=present[key])
        for key in sorted(names)
    ]
