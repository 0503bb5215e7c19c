"""One version of a rule in a back-test: what it would have done, judged by the cases, and set beside another."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from registry.domain.backtest import PastAlert
from registry.domain.backtest_judged import KnownCase, case_of, compared
from registry.domain.rules.rule import Rule
from registry.queries.backtest_feed import Anchor
from registry.queries.backtest_views import Differences, MissedCase, PastAlertRow, Share, Tally
from registry.queries.backtest_watched import Watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An alert that would have fired within the span, and what became of it."""

    on: Watched
    anchor: Anchor
    alert: PastAlert
    case: KnownCase | None
    expected: bool


class Run:
    """What one version of the rule would have done so far. ``found`` is by asset."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.read = 0
        self.found: dict[int, list[Found]] = defaultdict(list)
        self.missed: list[MissedCase] = []
        self.problems: list[str] = []
        self.permits: dict[int, list[tuple[int, int]]] = {}
        self.tally = Tally()

    def note(self, on: Watched, anchor: Anchor, alert: PastAlert, cases: Iterable[KnownCase]) -> None:
        """An alert that fired within the span."""
        asset_id, tally = on.asset.asset_id, self.tally
        expected = any(since <= alert.fired_ms < until for since, until in self.permits.get(asset_id, ()))
        case = case_of(alert, cases)
        if not expected and all(each.expected for each in self.found[asset_id]):
            tally.cases += self.rule.case_kind is not None
        self.found[asset_id].append(Found(on=on, anchor=anchor, alert=alert, case=case, expected=expected))
        tally.fired += 1
        tally.cleared += alert.cleared_ms is not None
        tally.flapped += alert.flapped
        tally.expected += expected
        if self.rule.case_kind is not None:
            tally.real += case is not None
            tally.not_real += case is None and not expected

    def miss(self, on: Watched, cases: Sequence[KnownCase]) -> None:
        """Real cases to which no alert belongs."""
        self.tally.missed += len(cases)
        self.missed += [
            MissedCase(
                id=each.id, number=each.number, asset_id=each.asset_id, asset_name=on.name, opened_ms=each.opened_ms
            )
            for each in cases
        ]

    def all_found(self) -> Iterator[Found]:
        """Every alert that fired within the span."""
        for of_asset in self.found.values():
            yield from of_asset

    def rows(self, version: str) -> list[PastAlertRow]:
        """All of them as rows."""
        return [row(each, version) for each in self.all_found()]


def beside(tested: Run, present: Run) -> tuple[list[PastAlertRow], Differences]:
    """The alerts of both by asset, told apart, and how many there are of each sort."""
    rows: list[PastAlertRow] = []
    differences = Differences()
    for asset_id in sorted(tested.found.keys() | present.found.keys()):
        ours, theirs = _by_anchor(tested, asset_id), _by_anchor(present, asset_id)
        for anchor in sorted(ours.keys() | theirs.keys()):
            mine, other = ours.get(anchor, []), theirs.get(anchor, [])
            change = compared([each.alert for each in mine], [each.alert for each in other])
            differences.add(Differences(new=len(change.new), gone=len(change.gone), kept=len(change.kept)))
            new = {id(alert) for alert in change.new}
            gone = {id(alert) for alert in change.gone}
            rows += [row(each, "new" if id(each.alert) in new else "kept") for each in mine]
            rows += [row(each, "gone") for each in other if id(each.alert) in gone]
    return rows, differences


def shares(tested: Run, present: Run | None, *, key: Callable[[Found], str]) -> list[Share]:
    """How the alerts are spread over days or areas."""
    fired = Counter(key(each) for each in tested.all_found())
    real = Counter(key(each) for each in tested.all_found() if each.case is not None)
    before = Counter(key(each) for each in present.all_found()) if present is not None else Counter[str]()
    return [
        Share(key=each, name="", fired=fired[each], real=real[each], present_fired=before[each])
        for each in sorted(fired.keys() | before.keys())
    ]


def day_of(at_ms: int, zone: tzinfo) -> str:
    """The day of the city's calendar."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).strftime("%Y-%m-%d")


def row(found: Found, version: str) -> PastAlertRow:
    """An alert with its place."""
    alert = found.alert
    return PastAlertRow(
        asset_id=found.on.asset.asset_id,
        asset_name=found.on.name,
        area_code=found.on.asset.area_code,
        device_id=found.anchor.device_id,
        point_id=found.anchor.point_id,
        began_ms=alert.began_ms,
        fired_ms=alert.fired_ms,
        cleared_ms=alert.cleared_ms,
        severity=alert.severity,
        level=alert.level,
        peak=alert.peak,
        flapped=alert.flapped,
        expected=found.expected,
        case_number="" if found.case is None else found.case.number,
        version=version,
    )


def _by_anchor(run: Run, asset_id: int) -> dict[int, list[Found]]:
    found: dict[int, list[Found]] = defaultdict(list)
    for each in run.found.get(asset_id, ()):
        found[each.anchor.point_id].append(each)
    return found
