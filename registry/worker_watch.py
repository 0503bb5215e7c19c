"""The figures and health of the worker: which jobs ran, when each last ended well, and whether this one leads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

_ROUNDS = 5.0
_LEAST_S = 60.0


@dataclass(slots=True)
class JobRecord:
    """What one job has done since it was first due."""

    every_s: float
    since_s: float
    endless: bool = False
    done: int = 0
    failed: int = 0
    well_at: float = 0.0  # Unix s
    problem: str = ""


class WorkerWatch:
    """What is shown of the worker. ``ticks`` measures how long a job has not ended well, ``clock`` dates it."""

    def __init__(self, *, ticks: Callable[[], float] = time.monotonic, clock: Callable[[], float] = time.time) -> None:
        self._ticks = ticks
        self._clock = clock
        self._jobs: dict[str, JobRecord] = {}
        self._leads = False

    def leads(self, jobs: dict[str, float] | None, *, endless: Set[str] = frozenset()) -> None:
        """This worker does ``jobs`` (name → seconds between rounds) from now on; None: another one does.

        Those that are ``endless`` end only when they fail, so there is no last success to show of them.
        """
        self._leads = jobs is not None
        for name, every_s in (jobs or {}).items():
            kept = self._jobs.setdefault(name, JobRecord(every_s=every_s, since_s=0.0, endless=name in endless))
            kept.since_s = self._ticks()

    def ended(self, job: str, problem: str = "") -> None:
        """One round of ``job`` is over; ``problem`` says why it failed."""
        record = self._jobs.get(job)
        if record is None:
            return
        record.problem = problem
        if problem:
            record.failed += 1
            return
        record.done += 1
        record.since_s, record.well_at = self._ticks(), self._clock()

    def sick(self) -> list[tuple[str, str]]:
        """Jobs whose last rounds failed, with why. One that takes long is not sick: a print run may take an hour."""
        now_s = self._ticks()
        return [
            (name, record.problem)
            for name, record in sorted(dict(self._jobs).items())
            if record.problem and now_s - record.since_s > max(_LEAST_S, _ROUNDS * record.every_s)
        ]

    def collect(self) -> Iterator[Metric]:
        """The figures since the start."""
        runs = CounterMetricFamily("covercode_job_runs", "Rounds of the worker's jobs", labels=("job", "result"))
        well = GaugeMetricFamily(
            "covercode_job_last_success_timestamp_seconds", "When a job last ended well; 0: never", labels=("job",)
        )
        for name, record in sorted(dict(self._jobs).items()):
            runs.add_metric((name, "done"), record.done)
            runs.add_metric((name, "failed"), record.failed)
            if not record.endless:
                well.add_metric((name,), record.well_at)
        yield from (runs, well)
        yield GaugeMetricFamily(
            "covercode_worker_leads", "Whether this worker holds the lease (0 or 1)", value=float(self._leads)
        )
