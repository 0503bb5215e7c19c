"""What a cabinet tells the monitoring, read from its real parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.cabinet_watch import CabinetWatch, Inside
from gateway.device_profiles import load_profiles
from gateway.modbus import Bus
from gateway.senml import Reading
from gateway.settings import (
    BrokerSettings,
    BusSettings,
    CabinetIdentity,
    CabinetSettings,
    SpoolSettings,
    UnitSettings,
)
from gateway.sources.reception import SourceHealth
from gateway.spool import Spool
from gateway.uplink import Uplink
from gateway.watching import metrics_of

LORA = SourceHealth(
    name="lora",
    kind="chirpstack",
    up=False,
    messages=5,
    readings=9,
    repeats=0,
    empty=0,
    undecoded={"unknown_device": 2},
    damaged=0,
    noise_bytes=0,
    last_ms=None,
)


@pytest.fixture
def settings(tmp_path: Path) -> CabinetSettings:
    unit = UnitSettings(address=1, serial="CV-1", profile="cc-cover-1")
    return CabinetSettings(
        cabinet=CabinetIdentity(id="c1"),
        broker=BrokerSettings(host="127.0.0.1"),
        spool=SpoolSettings(path=str(tmp_path / "spool.db"), max_bytes=65536),
        bus=(BusSettings(name="east", port="/dev/none", unit=(unit,)),),
    )


@pytest.fixture
def spool(settings: CabinetSettings) -> Iterator[Spool]:
    with Spool(settings.spool) as opened:
        yield opened


def inside(settings: CabinetSettings, spool: Spool, *, source: SourceHealth = LORA, now: float = 1e9) -> Inside:
    return Inside(
        spool=spool,
        bound=settings.spool.max_bytes,
        buses=[Bus(settings=settings.bus[0], profiles=load_profiles(None), sink=spool.put)],
        sources=lambda: [source],
        uplink=Uplink(settings=settings, spool=spool),
        now=lambda: now,
        off_s=lambda: 1.5,
        suppressed=lambda: 3,
    )


def figures(watch: CabinetWatch) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(str(sample.labels[name]) for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(metrics_of(watch).decode())
        for sample in family.samples
    }


def test_the_queue_the_losses_and_the_sources_are_told(settings: CabinetSettings, spool: Spool) -> None:
    watch = CabinetWatch()
    watch.opened(inside(settings, spool))
    row = Reading(serial="CV-1", point="tilt_z", unit="deg", value=1.0, measured_ms=1_700_000_000_000)
    for _ in range(40):
        spool.put({"routine": [row] * 100})
    found = figures(watch)
    assert found["covercode_queue_records",] + found["covercode_dropped_total", "routine", "full"] == 4000.0
    assert found["covercode_dropped_total", "routine", "full"] > 0
    assert found["covercode_queue_bytes",] <= found["covercode_queue_limit_bytes",] == 65536.0
    assert found["covercode_source_undecoded_total", "unknown_device", "lora"] == 2.0
    assert found["covercode_uplink_up",] == 0.0
    assert found["covercode_clock_offset_seconds",] == 1.5
    assert found["covercode_bus_crc_errors_total", "east"] == 0.0
    sick = {part.part: part for part in watch.parts() if not part.ok}
    assert set(sick) == {"spool", "source lora"}
    assert "uplink" in sick["spool"].fix


def test_an_uplink_is_sick_after_a_minute_and_a_clock_at_once(settings: CabinetSettings, spool: Spool) -> None:
    now_s = [0.0]
    watch = CabinetWatch(ticks=lambda: now_s[0])
    watch.opened(inside(settings, spool, source=replace(LORA, up=True), now=-5.0))
    assert [part.part for part in watch.parts() if not part.ok] == ["clock"]
    now_s[0] = 61.0
    assert [part.part for part in watch.parts() if not part.ok] == ["uplink", "clock"]


def test_between_two_lives_it_says_so() -> None:
    watch = CabinetWatch()
    assert [part.ok for part in watch.parts()] == [False]
    assert ("covercode_queue_records",) not in figures(watch)
