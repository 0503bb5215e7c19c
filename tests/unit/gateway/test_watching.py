"""The door for monitoring: what it answers, and that it never stands in the way."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from gateway.ingest_watch import IngestWatch
from gateway.watching import PartHealth, WatchDoor, metrics_of
from registry.domain.kinds import Lane
from registry.intake import Pack, Receipt
from registry.worker_watch import WorkerWatch
from tests.mosquitto import free_port


class Street:
    """Something to watch; ``well`` is turned by the test."""

    process = "street"

    def __init__(self) -> None:
        self.well = True
        self.broken = False

    def parts(self) -> list[PartHealth]:
        if self.well:
            return [PartHealth(part="lamp", ok=True)]
        return [PartHealth(part="lamp", ok=False, reason="it is dark", fix="change the bulb")]

    def collect(self) -> Iterator[Metric]:
        if self.broken:
            raise RuntimeError("the lamp fell over")
        yield GaugeMetricFamily("covercode_lamps", "Lamps", value=3)


def fetch(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def figures(text: str) -> dict[tuple[str, ...], float]:
    """Name and label values → value, read by Prometheus's own parser."""
    return {
        (sample.name, *(str(sample.labels[name]) for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_door_answers_figures_and_health_and_nothing_else() -> None:
    street = Street()
    with WatchDoor(street, host="127.0.0.1", port=free_port()) as door:
        status, text = fetch(door.port, "/metrics")
        found = figures(text)
        assert (status, found["covercode_lamps",]) == (200, 3.0)
        assert any(name[0] == "covercode_build_info" and "street" in name for name in found)
        assert found["process_resident_memory_bytes",] > 0
        assert fetch(door.port, "/healthz")[0] == 200
        street.well = False
        status, text = fetch(door.port, "/healthz")
        assert status == 503
        assert json.loads(text)["parts"] == [
            {"part": "lamp", "ok": False, "reason": "it is dark", "fix": "change the bulb"}
        ]
        assert fetch(door.port, "/spool.db")[0] == 404
        street.broken = True
        assert fetch(door.port, "/metrics")[0] == 500
        street.broken = False
        assert fetch(door.port, "/metrics")[0] == 200


def test_a_taken_port_or_none_at_all_does_not_stop_the_process() -> None:
    with WatchDoor(Street(), host="127.0.0.1", port=free_port()) as first:
        with WatchDoor(Street(), host="127.0.0.1", port=first.port) as second:
            assert second.port == 0
        assert fetch(first.port, "/healthz")[0] == 200
    with WatchDoor(Street(), host="127.0.0.1", port=0) as none:
        assert none.port == 0


def receipt(**told: object) -> Receipt:
    plain = {name: 0 for name in Receipt._fields if name not in ("acks", "rejected_by")}
    return Receipt(**{"acks": [], **plain, **told})  # type: ignore[arg-type]


def test_ingest_tells_its_lag_and_what_it_could_not_use() -> None:
    watch = IngestWatch(ticks=lambda: 0.0)
    rows = [("CV-1", "tilt_z", 1, received_ms, 0.0, 0) for received_ms in (96_000, 99_950)]
    watch.accepted(
        [Pack("c1", Lane.URGENT, "e", 1, 0, rows)],
        receipt(stored=2, rejected=3, rejected_by={"unknown_device": 2, "undecodable": 1}, repeats=4),
        now_s=100.0,
    )
    watch.store_failed("intake", "gone")
    found = figures(metrics_of(watch).decode())
    assert found["covercode_ingest_lag_seconds_count", "urgent"] == 1.0
    assert found["covercode_ingest_lag_seconds_sum", "urgent"] == pytest.approx(4.0)
    assert found["covercode_ingest_lag_seconds_bucket", "urgent", "2.0"] == 0.0
    assert found["covercode_ingest_lag_seconds_bucket", "urgent", "5.0"] == 1.0
    assert found["covercode_dead_letters_total", "unknown_device"] == 2.0
    assert found["covercode_store_errors_total", "intake"] == 1.0
    assert found["covercode_ingest_repeated_packs_total",] == 4.0


def test_ingest_is_sick_only_once_something_has_been_away_for_a_while() -> None:
    now = [0.0]
    watch = IngestWatch(ticks=lambda: now[0])
    watch.broker_up()
    watch.store_failed("intake", "no answer")
    now[0] = 10.0
    watch.store_failed("intake", "no answer")
    assert all(part.ok for part in watch.parts())
    now[0] = 20.0
    assert [(part.part, part.ok) for part in watch.parts()] == [("broker", True), ("stores", False)]
    watch.accepted([], receipt(), now_s=1.0)
    assert all(part.ok for part in watch.parts())


def test_a_worker_is_sick_when_a_job_keeps_failing_not_when_it_takes_long() -> None:
    now = [0.0]
    watch = WorkerWatch(ticks=lambda: now[0], clock=lambda: 5.0)
    watch.leads({"silence": 2.0, "print": 2.0})
    watch.ended("silence", "no answer")
    assert watch.sick() == []
    now[0] = 3600.0
    watch.ended("silence", "no answer")
    assert watch.sick() == [("silence", "no answer")]
    watch.ended("silence")
    assert watch.sick() == []


def test_of_a_job_that_never_ends_no_last_success_is_shown() -> None:
    watch = WorkerWatch()
    watch.leads({"commands": 2.0, "silence": 2.0}, endless={"commands"})
    watch.ended("silence")
    shown = {sample.labels["job"] for one in watch.collect() for sample in one.samples if "last_success" in sample.name}
    assert shown == {"silence"}
    watch.ended("commands", "no answer")
    assert watch.sick() == []
