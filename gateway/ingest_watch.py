"""The figures and health of ingest: counted once a batch, so that watching costs the hot path nothing.

Everything here is written by ingest's one thread and read by the scrape's.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from gateway.watching import PartHealth
from registry.intake import Pack, Receipt

LAG_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)
_PATIENCE_S = 15.0


class _Lags:
    """A histogram of one lane."""

    def __init__(self) -> None:
        self.counts = [0] * (len(LAG_BOUNDS_S) + 1)
        self.sum_s = 0.0

    def note(self, lag_s: float) -> None:
        self.counts[bisect_left(LAG_BOUNDS_S, lag_s)] += 1
        self.sum_s += lag_s

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as Prometheus wants them."""
        found: list[tuple[str, float]] = []
        total = 0
        for bound, count in zip((*map(str, LAG_BOUNDS_S), "+Inf"), list(self.counts), strict=True):
            total += count
            found.append((bound, float(total)))
        return found


class IngestWatch:
    """What ``WatchDoor`` shows of ingest. ``ticks`` measures how long something has been away."""

    process = "ingest"

    def __init__(self, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._started_s = ticks()
        self._packs: Counter[str] = Counter()
        self._readings: Counter[str] = Counter()
        self._letters: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._alerts: Counter[str] = Counter()
        self._lags: dict[str, _Lags] = {}
        self._accepted_at_s = 0.0
        self._store_problem = ""
        self._store_since_s = 0.0
        self._broker_problem = "not connected yet"
        self._broker_since_s = self._started_s

    def accepted(self, packs: Sequence[Pack], receipt: Receipt, *, now_s: float) -> None:
        """A batch is committed; ``now_s`` in Unix seconds. Its lag is that of each lane's longest-waiting reading."""
        self._store_problem = ""
        self._accepted_at_s = now_s
        oldest_ms: dict[str, int] = {}
        for pack in packs:
            self._packs[pack.lane] += 1
            if pack.readings:
                received_ms = pack.readings[0][3]
                if received_ms < oldest_ms.get(pack.lane, received_ms + 1):
                    oldest_ms[pack.lane] = received_ms
        for lane, received_ms in oldest_ms.items():
            self._lags.setdefault(lane, _Lags()).note(max(0.0, now_s - received_ms / 1000))
        self._readings["stored"] += receipt.stored
        self._readings["late"] += receipt.late
        self._readings["rejected"] += receipt.rejected
        self._packs["repeated"] += receipt.repeats
        self._packs["missing"] += receipt.holes
        self._letters.update(receipt.rejected_by)
        self._alerts["fired"] += receipt.fired
        self._alerts["cleared"] += receipt.cleared

    def store_failed(self, where: str, problem: str) -> None:
        """A store did not answer while ingest did ``where``."""
        self._failures[where] += 1
        if not self._store_problem:
            self._store_since_s = self._ticks()
        self._store_problem = problem

    def broker_up(self) -> None:
        """The broker is connected."""
        self._broker_problem = ""

    def broker_down(self, problem: str) -> None:
        """The broker is away."""
        if not self._broker_problem:
            self._broker_since_s = self._ticks()
        self._broker_problem = problem

    def parts(self) -> list[PartHealth]:
        """The broker and the stores; each may be away for a moment."""
        now_s = self._ticks()
        return [
            _part(
                "broker",
                self._broker_problem,
                now_s - self._broker_since_s,
                "look whether the broker runs, and at [broker] host, port, username and password",
            ),
            _part(
                "stores",
                self._store_problem,
                now_s - self._store_since_s,
                "look whether PostgreSQL and InfluxDB run and their disks have room; readings wait in the cabinets",
            ),
        ]

    def collect(self) -> Iterator[Metric]:
        """The figures since the start."""
        lag = HistogramMetricFamily(
            "covercode_ingest_lag_seconds",
            "From the cabinet's having an answer to its commit here: the longest of each batch and lane",
            labels=("lane",),
        )
        for lane, lags in sorted(dict(self._lags).items()):
            lag.add_metric((lane,), buckets=lags.buckets(), sum_value=lags.sum_s)
        yield lag
        lanes = {name: count for name, count in dict(self._packs).items() if name not in ("repeated", "missing")}
        yield _by("ingest_packs", "Packs committed", "lane", lanes)
        yield _by("ingest_readings", "Readings by what became of them", "result", self._readings)
        yield _by("ingest_repeated_packs", "Packs that had come before", "", {"": self._packs["repeated"]})
        yield _by("ingest_missing_packs", "Packs that a cabinet dropped unsent", "", {"": self._packs["missing"]})
        yield _by("dead_letters", "What could not be used, by reason", "reason", self._letters)
        yield _by("store_errors", "How often a store did not answer, by what for", "during", self._failures)
        yield _by("alerts_changed", "Alerts that came and went", "change", self._alerts)
        yield GaugeMetricFamily(
            "covercode_broker_up", "Whether the broker is connected (0 or 1)", value=float(not self._broker_problem)
        )
        yield GaugeMetricFamily(
            "covercode_ingest_last_commit_timestamp_seconds",
            "When a batch was last committed; 0: never",
            value=self._accepted_at_s,
        )


def _part(name: str, problem: str, for_s: float, fix: str) -> PartHealth:
    if not problem or for_s < _PATIENCE_S:
        return PartHealth(part=name, ok=True)
    return PartHealth(part=name, ok=False, reason=f"away for {for_s:.0f} s: {problem}", fix=fix)


def _by(name: str, about: str, label: str, counts: dict[str, int] | Counter[str]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"covercode_{name}", about, labels=(label,) if label else ())
    for value, count in sorted(dict(counts).items()):
        family.add_metric((value,) if label else (), count)
    return family
