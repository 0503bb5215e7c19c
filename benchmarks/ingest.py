"""How fast one ingest process takes packs from a real Mosquitto, beside a bare paho subscriber of the same messages.

The messages of 5,000 devices are first published to the broker, which queues them for kept sessions. Then the bare
subscriber (counts, nothing else) and ingest (rules, state and storage on, SQLite) each take the whole queue, in
processes of their own, the bare one before and after. So both see the same bytes from the same broker, and no publisher
competes.

``--size one-server`` keeps the records in PostgreSQL and the series in InfluxDB, started as ``deploy/`` has them, on
the same machine: what the processors do for each is told, since with two cores that is what limits the rate.
"""

from __future__ import annotations

import math
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Literal

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import insert, select

from benchmarks._stores import broker, cpu_s, one_server
from gateway.ingest import Ingest
from gateway.settings import BrokerSettings
from registry.domain.kinds import Family
from registry.domain.points import POINTS
from registry.intake import Intake, Receipt, note_cabinet
from registry.services.rules import install_shipped_rules
from registry.storage import tables
from registry.storage.database import open_database, reading, writing
from registry.storage.schema import upgrade
from registry.storage.series.opening import is_server as store_is_server
from registry.storage.series.opening import open_series

DEVICES = 5_000
CABINETS = 50
OPENED_COVERS = 20
POINT_NAMES = tuple(name for name, spec in POINTS.items() if Family.COVER in spec.families and spec.usual)
EPOCH = "benchmark"

# messages per phase at the default length: a million readings in packs of 20
DEFAULT_MESSAGES = {1: 60_000, 20: 50_000}

# memory is looked at from here on: until then the databases' page caches, bounded by settings, are filling
WARM = 0.25

Message = tuple[str, bytes]
Size = Literal["embedded", "one-server"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """One phase: the addresses of broker and stores, and the processes that serve them, by name."""

    port: int
    records: str
    series: str
    processes: dict[str, int]


def run(seconds: float | None = None, size: Size = "embedded") -> dict[str, Any]:
    """Figures for packs of 1 and of 20; ``seconds`` scales the number of messages (None: a million readings)."""
    figures: dict[str, Any] = {}
    baseline: dict[str, Any] = {}
    ratios: dict[str, Any] = {}
    config: dict[str, Any] = {"size": size, "devices": DEVICES, "cabinets": CABINETS, "points": len(POINT_NAMES)}
    config["rss_from"] = WARM
    for readings in (1, 20):
        messages = DEFAULT_MESSAGES[readings] if seconds is None else max(1_000, int(seconds * 500))
        phase = _phase(size, readings, messages)
        ingest = phase["ingest"]
        bare = statistics.mean(each["messages_per_s"] for each in phase["bare"])
        bare_cpu_s = statistics.mean(each["cpu_s"] for each in phase["bare"])
        rate = ingest["messages_per_s"]
        figures[f"messages_per_s_{readings}"] = round(rate)
        figures[f"readings_per_s_{readings}"] = round(rate * readings)
        figures[f"readings_per_cpu_s_{readings}"] = round(messages * readings / ingest["cpu_s"])
        # microseconds of processor a reading: ingest itself, and what each server did for it meanwhile
        figures[f"cpu_us_per_reading_{readings}"] = {
            name: round(spent_s / messages / readings * 1e6, 2) for name, spent_s in ingest["spent_s"].items()
        }
        baseline[f"bare_messages_per_s_{readings}"] = round(bare)
        baseline[f"bare_runs_{readings}"] = [round(each["messages_per_s"]) for each in phase["bare"]]
        baseline[f"bare_messages_per_cpu_s_{readings}"] = round(messages / bare_cpu_s)
        ratios[f"vs_bare_paho_{readings}"] = round(rate / bare, 3)
        ratios[f"cpu_vs_bare_paho_{readings}"] = round(bare_cpu_s / ingest["cpu_s"], 3)
        config[f"messages_{readings}"] = messages
        for key in ("stored", "rss_mb_start", "rss_mb_end", "rss_mb_course", "alerts", "cases", "rejected"):
            figures[key] = ingest[key]
    return {"figures": figures, "baseline": baseline, "ratios": ratios, "config": config}


def _phase(size: Size, readings: int, messages: int) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    bare = []
    with _place(size) as place:
        _furnish(place)
        for name in ("bare-1", "bare-2", "ingest"):
            _reserve(place.port, name)
        _publish(place.port, pack_messages(readings, messages))
        with context.Pool(1, maxtasksperchild=1) as pool:
            bare.append(pool.apply(_run_bare, (place.port, "bare-1", messages)))
            ingest = pool.apply(_run_ingest, (place, messages))
            bare.append(pool.apply(_run_bare, (place.port, "bare-2", messages)))
    return {"bare": bare, "ingest": ingest}


@contextmanager
def _place(size: Size) -> Iterator[_Place]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with broker(folder) as (port, pid):
            if size == "embedded":
                records, series = f"sqlite:///{folder}/covercode.db", f"{folder}/series.db"
                yield _Place(port=port, records=records, series=series, processes={"mosquitto": pid})
                return
            with one_server(folder) as stores:
                processes = {"mosquitto": pid, **stores.processes}
                yield _Place(port=port, records=stores.records, series=stores.series, processes=processes)


def pack_messages(size: int, messages: int) -> Iterator[Message]:
    """Packs as cabinets send them: seeded, every device in turn, a few covers opened on the way."""
    rng = Random(11)
    start_ms = int(time.time() * 1000) - 3_600_000
    opened = set(rng.sample(range(DEVICES), OPENED_COVERS))
    seqs = [0] * CABINETS
    cursor = 0
    for number in range(messages):
        cabinet = number % CABINETS
        seqs[cabinet] += 1
        seq = seqs[cabinet]
        head = (
            f'[{{"bn":"b{cabinet}/","n":"pack_epoch","vs":"{EPOCH}"}},{{"n":"pack_seq","v":{seq}}},'
            f'{{"n":"pack_after","v":{seq - 1}}}'
        )
        parts = [head]
        for index in range(size):
            turn, place = divmod(cursor, DEVICES * len(POINT_NAMES))
            device, point = divmod(place, len(POINT_NAMES))
            cursor += 1
            at = (start_ms + turn * 2_000 + device % 1_000) / 1000
            name = POINT_NAMES[point]
            value = _value(name, rng, device, turn, opened=device in opened and turn >= 1)
            base = f'"bn":"BN-{device:05d}/","bt":{at:.3f},' if index == 0 or point == 0 else ""
            parts.append(f',{{{base}"n":"{name}","u":"{POINTS[name].unit}","v":{value}}}')
        parts.append("]")
        yield f"covercode/v1/b{cabinet}/up/routine", "".join(parts).encode()


def _value(name: str, rng: Random, device: int, turn: int, *, opened: bool) -> float:
    """As a sensor says it: its three inclinations are those of one body, and its battery only ever falls."""
    if name == "tilt_z" and opened:
        return 70.0
    seat_x, seat_y = device % 7 * 0.2, device % 5 * 0.2
    usual = {"tilt_x": seat_x, "tilt_y": seat_y, "tilt_z": math.hypot(seat_x, seat_y)}.get(name)
    if usual is not None:
        return round(usual + rng.uniform(-0.1, 0.1), 2)
    if name == "battery":
        return round(100.0 - device % 30 - turn * 0.001, 2)
    low, high = {"water_level": (200, 700), "temperature": (5, 30)}.get(name, (0, 3))
    return round(rng.uniform(low, high), 2)


def _furnish(place: _Place) -> None:
    engine = open_database(place.records)
    upgrade(engine)
    now = datetime.now(UTC)
    with writing(engine) as tx:
        install_shipped_rules(tx, now=now)
        base = {"scheme": "cjt214-2007", "class_code": "0101", "family": "cover", "state": "intact", "details": {}}
        tx.execute(
            insert(tables.asset),
            [
                {**base, "code": f"3205080101{number:06d}", "name": f"井盖 {number}", "lon": 120.0, "lat": 31.0}
                | {"created_at": now, "updated_at": now}
                for number in range(DEVICES)
            ],
        )
        ids = list(tx.scalars(select(tables.asset.c.id).order_by(tables.asset.c.id)))
        tx.execute(
            insert(tables.device),
            [
                {
                    "serial": f"BN-{n:05d}",
                    "profile": "cc-cover-1",
                    "asset_id": one,
                    "heartbeat_s": 600,
                    "fitted_at": now,
                }
                for n, one in enumerate(ids)
            ],
        )
        devices = list(tx.scalars(select(tables.device.c.id).order_by(tables.device.c.id)))
        tx.execute(
            insert(tables.point),
            [
                {"device_id": one, "name": name, "unit": POINTS[name].unit, "full_scale": 2400.0}
                for one in devices
                for name in POINT_NAMES
            ],
        )
    engine.dispose()


def _reserve(port: int, name: str) -> None:
    """Make a kept session with its subscription, so that the broker queues for it."""
    client = _client(name)
    ready = threading.Event()
    client.on_subscribe = lambda *_: ready.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    deadline = time.monotonic() + 10
    while not client.is_connected() and time.monotonic() < deadline:
        time.sleep(0.01)
    client.subscribe("covercode/v1/+/up/+", 1)
    if not ready.wait(10):
        raise TimeoutError("the broker did not answer the subscription")
    client.disconnect()
    client.loop_stop()


def _publish(port: int, messages: Iterator[Message]) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="publisher", protocol=mqtt.MQTTv311)
    client.max_inflight_messages_set(500)
    room = threading.Semaphore(2_000)
    client.on_publish = lambda *_: room.release()
    client.connect("127.0.0.1", port)
    client.loop_start()
    for topic, body in messages:
        room.acquire()
        client.publish(topic, body, qos=1)
    for _ in range(2_000):
        room.acquire()
    client.disconnect()
    client.loop_stop()


def _client(name: str) -> mqtt.Client:
    return mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False, protocol=mqtt.MQTTv311)


def _run_bare(port: int, name: str, messages: int) -> dict[str, float]:
    """A subscriber that only counts: messages/s, and the processor seconds it took."""
    client = _client(name)
    seen = 0

    def count(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen >= messages:
            client.disconnect()

    client.on_message = count
    began, spent_s = time.perf_counter(), time.process_time()
    client.connect("127.0.0.1", port)
    client.loop_forever()
    return {
        "messages_per_s": messages / (time.perf_counter() - began),
        "cpu_s": time.process_time() - spent_s,
    }


def _run_ingest(place: _Place, messages: int) -> dict[str, Any]:
    """Messages/s of ingest until the last one is committed and acked."""
    engine = open_database(place.records)
    store = open_series(place.series, home=Path("/"))
    stop = threading.Event()
    rss_mb: list[float] = []
    taken = rejected = 0

    def note(receipt: Receipt) -> None:
        nonlocal taken, rejected
        taken += receipt.packs
        rejected += receipt.rejected
        if taken >= messages * WARM:
            rss_mb.append(_rss_mb())
        if taken >= messages:
            stop.set()

    intake = Intake(engine, store, clock=lambda: datetime.now(UTC))
    ingest = Ingest(
        BrokerSettings(host="127.0.0.1", port=place.port),
        intake,
        note_cabinet=partial(note_cabinet, engine),
        client_id="ingest",
        keep_session=True,
        beside=store_is_server(place.series),
        on_receipt=note,
    )
    intake.progress()  # a running ingest has its directory in memory already
    before_s = {name: cpu_s(pid) for name, pid in place.processes.items()}
    began, began_cpu_s = time.perf_counter(), time.process_time()
    ingest.run(stop)
    elapsed_s, ingest_cpu_s = time.perf_counter() - began, time.process_time() - began_cpu_s
    spent_s = {name: cpu_s(pid) - before_s[name] for name, pid in place.processes.items()}
    with reading(engine) as connection:
        alerts = len(connection.execute(select(tables.alert.c.id)).all())
        cases = len(connection.execute(select(tables.case.c.id)).all())
    stored = store.count()
    store.close()
    engine.dispose()
    return {
        "messages_per_s": messages / elapsed_s,
        "cpu_s": ingest_cpu_s,
        "spent_s": {"ingest": ingest_cpu_s, **spent_s},
        "stored": stored,
        "rss_mb_start": round(rss_mb[0], 1),
        "rss_mb_end": round(rss_mb[-1], 1),
        "rss_mb_course": [round(rss_mb[len(rss_mb) * part // 6], 1) for part in range(6)],
        "alerts": alerts,
        "cases": cases,
        "rejected": rejected,
    }


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6
