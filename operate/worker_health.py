"""The worker as the metrics door shows it."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric

from gateway.watching import PartHealth
from registry.worker_watch import WorkerWatch


class WatchedWorker:
    """``jobs`` in the words of ``gateway.watching``; a worker that waits for the lease is well."""

    process = "worker"

    def __init__(self, jobs: WorkerWatch | None = None) -> None:
        self.jobs = jobs or WorkerWatch()

    def collect(self) -> Iterator[Metric]:
        """The figures of the jobs."""
        return self.jobs.collect()

    def parts(self) -> list[PartHealth]:
        """One part for each job that fails, or one that says that all is well."""
        sick = [
            PartHealth(
                part=f"job {name}",
                ok=False,
                reason=problem,
                fix="look at the worker's log; a store that is away, or a full disk, stops several jobs at once",
            )
            for name, problem in self.jobs.sick()
        ]
        return sick or [PartHealth(part="jobs", ok=True)]
