"""Playing a city, with torments or without, until every case that must be there is there; then the account."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from sqlalchemy import Engine, select

from operate.processes import open_records
from operate.tally import SeriesTally, check_cases, record_counts, tally_series
from registry.domain.kinds import Quality
from registry.storage.database import reading
from registry.storage.series import SeriesStore
from registry.storage.tables import alert, asset, case, device, point
from registry.storage.times import to_ms
from tests.torture.city import Play, TorturedCity
from tests.torture.plan import HOUR_S, Torment

_LOOK_EVERY_S = 0.05
_FIRST_ROWS = 50
_REPEATED_AT_ONCE = 60
_COUNTER = "sample_count"
_A_DAY_MS = 86_400_000
_NEAR_S = 40.0
_GAP_S = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One alert: the asset's and rule's names, the point, when it fired after the street came to life."""

    asset: str
    rule: str
    point: str
    fired_s: float

    @property
    def key(self) -> tuple[str, str, str]:
        """The same alert in another run."""
        return self.asset, self.rule, self.point


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What one run came to. ``cases`` by asset and kind; ``missing`` and ``extra``: against what the street did.
    ``heard``: when each asset's unit answered (s), and whether that came late; ``refusals`` of the full disks.
    """

    tally: SeriesTally
    cases: list[tuple[str, str]]
    missing: list[str]
    extra: list[str]
    alerts: list[Told]
    heard: dict[str, list[tuple[float, bool]]]
    letters: int
    delivered: bool
    lasted_s: float
    damaged: int
    killed: Counter[str]
    by_itself: Counter[str]
    wires: Counter[str]
    refusals: int
    jumps_noticed: int
    disks: str
    befell: list[Torment]


def play(folder: Path, wanted: Play, torments: Sequence[Torment]) -> Account:
    """The whole play in ``folder``, and its account."""
    with TorturedCity(folder, wanted) as city:
        city.wait_until(lambda: city.stored() >= _FIRST_ROWS)
        began_s = time.monotonic()
        befell = _Tormentor(city, began_s).torment(torments, wanted.duration_s)
        engine, store = open_records(city.city.place)
        try:
            city.wait_until(lambda: not check_cases(engine, city.city.faults)["missing"])
            lasted_s = time.monotonic() - began_s
            delivered = city.end()
            store.fold(datetime.now(UTC))  # the worker's work, and it may not have lived to do it
            return _account(city, engine, store, befell, lasted_s=lasted_s, delivered=delivered)
        finally:
            store.close()
            engine.dispose()


class _Tormentor:
    """Does what was planned when its time has come, and undoes it when it is over."""

    def __init__(self, city: TorturedCity, began_s: float) -> None:
        self._city = city
        self._began_s = began_s

    def torment(self, torments: Sequence[Torment], duration_s: float) -> list[Torment]:
        steps = [(one.at_s, True, one) for one in torments] + [(one.at_s + one.lasts_s, False, one) for one in torments]
        for at_s, begins, torment in sorted(steps, key=lambda step: step[:2]):
            self._wait_until(at_s)
            begin, end = self._acts(torment)
            (begin if begins else end)()
        self._wait_until(duration_s)
        return list(torments)

    def _wait_until(self, at_s: float) -> None:
        while time.monotonic() - self._began_s < at_s:
            self._city.watch_over()
            time.sleep(_LOOK_EVERY_S)

    def _acts(self, torment: Torment) -> tuple[Callable[[], object], Callable[[], object]]:
        city, target = self._city, torment.target
        if torment.kind == "kill":
            return lambda: city.kill(target), lambda: city.start(target)
        n = int(target.rpartition("-")[2])
        wire, clock = city.wires[n], city.clocks[n]
        acts: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "cut": (wire.cut, wire.mend),
            "silence": (lambda: wire.cut(silent=True), wire.mend),
            "repeat": (lambda: wire.repeat(_REPEATED_AT_ONCE), lambda: wire.repeat(_REPEATED_AT_ONCE)),
            "reorder": (lambda: wire.mix(True), lambda: wire.mix(False)),
            "fill": (lambda: self._fill(n), lambda: self._free(n)),
            "clock_ahead": (lambda: clock.jump(HOUR_S), lambda: clock.jump(0)),
            "clock_behind": (lambda: clock.jump(-HOUR_S), lambda: clock.jump(0)),
        }
        return acts[torment.kind]

    def _fill(self, n: int) -> None:
        # in an outage, or packs would be deleted as fast as they come and a full disk would not be felt
        self._city.wires[n].cut(silent=True)
        self._city.disks[n].fill(self._city.pid(f"edge-{n}"))

    def _free(self, n: int) -> None:
        self._city.disks[n].free(self._city.pid(f"edge-{n}"))
        self._city.wires[n].mend()


def _account(
    city: TorturedCity,
    engine: Engine,
    store: SeriesStore,
    befell: list[Torment],
    *,
    lasted_s: float,
    delivered: bool,
) -> Account:
    checked = check_cases(engine, city.city.faults)
    began_at = _came_to_life(city)
    edges = [f"edge-{n}" for n in city.disks]
    closed = city.logged("sim", "street_closed")
    return Account(
        tally=tally_series(city.city.truth, store, engine),
        cases=_cases(engine),
        missing=checked["missing"],
        extra=checked["extra"],
        alerts=_alerts(engine, began_at),
        heard=_heard(engine, store, began_at),
        letters=record_counts(engine)["rejected"],
        delivered=delivered,
        lasted_s=lasted_s,
        damaged=sum(int(str(entry["damaged"])) for entry in closed),
        killed=city.killed,
        by_itself=city.by_itself,
        wires=sum((wire.counts for wire in city.wires.values()), Counter()),
        refusals=sum(len(city.logged(edge, "spool_refuses")) for edge in edges),
        jumps_noticed=sum(len(city.logged(edge, "clock_jumped")) for edge in edges),
        disks=city.disks[1].how,
        befell=befell,
    )


def _came_to_life(city: TorturedCity) -> datetime:
    return datetime.fromisoformat(str(city.logged("sim", "street_open")[0]["timestamp"]))


def _cases(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as connection:
        rows = connection.execute(select(asset.c.name, case.c.kind).join(asset, asset.c.id == case.c.asset_id)).all()
    return sorted((row.name, row.kind) for row in rows)


def _alerts(engine: Engine, began_at: datetime) -> list[Told]:
    tables = alert.join(asset, asset.c.id == alert.c.asset_id).join(point, point.c.id == alert.c.point_id)
    columns = (asset.c.name.label("asset"), alert.c.rule_key, point.c.name, alert.c.fired_at)
    with reading(engine) as connection:
        rows = connection.execute(select(*columns).select_from(tables).order_by(alert.c.fired_at)).all()
    return [
        Told(
            asset=row.asset,
            rule=row.rule_key,
            point=row.name,
            fired_s=round((row.fired_at - began_at).total_seconds(), 1),
        )
        for row in rows
    ]


def _heard(engine: Engine, store: SeriesStore, began_at: datetime) -> dict[str, list[tuple[float, bool]]]:
    tables = point.join(device, device.c.id == point.c.device_id).join(asset, asset.c.id == device.c.asset_id)
    wanted = select(asset.c.name, point.c.id).select_from(tables).where(point.c.name == _COUNTER)
    with reading(engine) as connection:
        points = connection.execute(wanted).all()
    began_ms = to_ms(began_at)
    return {
        row.name: [
            ((each.measured_ms - began_ms) / 1000, each.quality == Quality.LATE)
            for each in store.window(row.id, began_ms - _A_DAY_MS, began_ms + _A_DAY_MS)
        ]
        for row in points
    }


def differences(calm: Account, tortured: Account) -> list[dict[str, object]]:
    """Alerts of one run that the other has not, or not as often, each with its reason."""
    found = []
    for told, run, other in (("missing", calm, tortured), ("extra", tortured, calm)):
        spare = Counter(each.key for each in run.alerts)
        spare.subtract(each.key for each in other.alerts)
        for each in reversed(run.alerts):
            if spare[each.key] > 0:
                spare[each.key] -= 1
                reason = _reason(each, tortured, other)
                found.append({"asset": each.asset, "rule": each.rule, "alert": told, "at_s": each.fired_s})
                found[-1]["reason"] = reason
    return found


def _reason(one: Told, tortured: Account, other: Account) -> str:
    if one.fired_s > other.lasted_s:
        return f"ended: the other run had ended after {other.lasted_s:.0f} s"
    near = [(at_s, late) for at_s, late in tortured.heard.get(one.asset, []) if abs(at_s - one.fired_s) < _NEAR_S]
    late = sum(late for _, late in near)
    if late:
        return f"late: {late} answers of these seconds came after newer ones had been judged"
    times = [one.fired_s - _NEAR_S, *(at_s for at_s, _ in near), one.fired_s + _NEAR_S]
    gap_s = max(after - before for before, after in pairwise(times))
    if gap_s > _GAP_S:
        return f"not asked: for {gap_s:.0f} s nobody asked the unit, its cabinet being dead or its disk full"
    return "unexplained"
