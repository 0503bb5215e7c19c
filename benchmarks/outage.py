"""Thirty days without the city, in simulated time: 200 sensors, one reading per point every ten minutes.

Every answer goes through ``Spool.put`` as it does in a cabinet, with a clock that runs as fast as the spool takes them;
the broker is not there. Then it comes back: live answers go on at the pace of the sensors, one of them urgent, while
the backlog drains over a real Mosquitto to a city that confirms. Memory is that of the cabinet's process.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks._broker import free_port, mosquitto, small_city
from benchmarks.edge import POINTS, T0_MS, _disk, _rss_mb, answer, sending
from gateway.senml import Reading
from gateway.settings import BrokerSettings, CabinetIdentity, CabinetSettings, SpoolSettings, UplinkSettings
from gateway.spool import Lane, Spool

SENSORS = 200
EVERY_S = 600
DAYS = 30
LIVE_EVERY_S = EVERY_S / SENSORS  # an answer of some sensor, every three seconds of real time after the return
DRAIN_S = 120.0
MARK = "CV-LIVE"


def run(seconds: float | None = None, rows: int | None = None) -> dict[str, Any]:
    """Figures for ``rows`` days (30) and then ``seconds`` (120) of draining, or until all is drained."""
    days, drain_s = rows or DAYS, seconds or DRAIN_S
    figures: dict[str, Any] = {}
    config: dict[str, Any] = {"sensors": SENSORS, "points": len(POINTS), "every_s": EVERY_S, "days": days}
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="outage-", dir=_disk()) as name:
        port = free_port()
        ours, theirs = context.Pipe()
        cabinet = context.Process(target=_cabinet, args=(name, port, days, theirs))
        cabinet.start()
        try:
            figures |= ours.recv()
            with mosquitto(Path(name), port), small_city(port, marked=MARK) as ask:
                ours.send(drain_s)
                back = ours.recv()
                told = ask()
            figures |= _met(back, told)
        finally:
            ours.send("end")
            cabinet.join(60)
            if cabinet.is_alive():
                cabinet.kill()
    bound = SpoolSettings().max_bytes
    ratios = {"spool_vs_bound": round(figures["file_mb"] * 1e6 / bound, 2)}
    return {"figures": figures, "baseline": {"bound_mb": round(bound / 1e6)}, "ratios": ratios, "config": config}


def _met(back: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """How long the live answers took to the city, by lane, and how fast the backlog went meanwhile."""
    put_at: dict[str, list[float]] = back.pop("put_at")
    delays: dict[str, list[float]] = {}
    for lane, times in put_at.items():
        arrived = [at for where, at in told["marks"] if where == lane]
        delays[lane] = [there - here for here, there in zip(times, arrived, strict=False)]
    return {
        **back,
        "urgent_first_s": round(delays["urgent"][0], 3) if delays["urgent"] else None,
        "urgent_worst_s": round(max(delays["urgent"]), 3) if delays["urgent"] else None,
        "live_worst_s": round(max(delays["routine"]), 3) if delays["routine"] else None,
        "live_median_s": round(statistics.median(delays["routine"]), 3) if delays["routine"] else None,
        "live_sent": len(put_at["routine"]) + len(put_at["urgent"]),
        "live_arrived": len(delays["routine"]) + len(delays["urgent"]),
        "repeats": told["repeats"],
        "holes": told["holes"],
    }


# --- the cabinet's process ------------------------------------------------------------------------------------------


def _cabinet(folder: str, port: int, days: int, pipe: Any) -> None:
    settings = CabinetSettings(
        cabinet=CabinetIdentity(id="out"),
        broker=BrokerSettings(host="127.0.0.1", port=port),
        spool=SpoolSettings(path=f"{folder}/spool.db"),
        uplink=UplinkSettings(),
    )
    now = _SimulatedTime()
    with Spool(settings.spool, clock=now.wall, ticks=now.ticks) as spool, sending(settings, spool) as uplink:
        pipe.send(_fill(spool, now, days, Path(settings.spool.path)))
        pipe.send(_come_back(spool, now, float(pipe.recv())))
        pipe.recv()
        del uplink


class _SimulatedTime:
    """Runs when told to; in real time from ``let_go`` on."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        self._let_go_s: float | None = None

    def let_go(self) -> None:
        self._let_go_s = time.monotonic()

    def ticks(self) -> float:
        return self.passed_s + (0.0 if self._let_go_s is None else time.monotonic() - self._let_go_s)

    def wall(self) -> float:
        return T0_MS / 1000 + self.ticks()


def _fill(spool: Spool, now: _SimulatedTime, days: int, path: Path) -> dict[str, Any]:
    answers = days * 86_400 // EVERY_S * SENSORS
    rss_mb = []
    began_s = time.perf_counter()
    for number in range(answers):
        now.passed_s = number * EVERY_S / SENSORS
        spool.put({"routine": answer(f"CV-{number % SENSORS:06d}", number // SENSORS * 60)}, soon=True)
        if number % max(1, answers // 50) == 0:
            rss_mb.append(_rss_mb(os.getpid()))
    status = spool.status()
    return {
        "readings_put": answers * len(POINTS),
        "put_per_s": round(answers * len(POINTS) / (time.perf_counter() - began_s)),
        "queued": status.queued,
        "dropped": status.dropped,
        "spool_mb": round(status.bytes / 1e6),
        "file_mb": round(path.stat().st_size / 1e6),
        "rss_mb_tenth": round(rss_mb[len(rss_mb) // 10], 1),
        "rss_mb_full": round(max(rss_mb), 1),
    }


def _come_back(spool: Spool, now: _SimulatedTime, drain_s: float) -> dict[str, Any]:
    """The broker is there: puts what the sensors say from now on, and watches the backlog go."""
    now.let_go()
    put_at: dict[Lane, list[float]] = {"urgent": [], "routine": []}
    _wait_for_progress(spool)
    began_s, before, rss_mb, number = time.monotonic(), spool.status().queued, [_rss_mb(os.getpid())], 0
    while (elapsed_s := time.monotonic() - began_s) < drain_s and spool.status().backlog:
        lane: Lane = "urgent" if number % 5 == 0 else "routine"
        at_ms = round(now.wall() * 1000)
        put_at[lane].append(time.time())
        spool.put({lane: [Reading(serial=MARK, point="tilt_z", unit="deg", measured_ms=at_ms, value=number)]})
        number += 1
        rss_mb.append(_rss_mb(os.getpid()))
        threading.Event().wait(LIVE_EVERY_S / 10)
    status = spool.status()
    return {
        "drained": before - status.queued + number,
        "drain_s": round(elapsed_s, 1),
        "drain_per_s": round((before - status.queued + number) / elapsed_s),
        "left": status.queued,
        "rss_mb_drain": round(max(rss_mb), 1),
        "put_at": {lane: list(times) for lane, times in put_at.items()},
    }


def _wait_for_progress(spool: Spool) -> None:
    """Until the city has confirmed the first pack: reconnection."""
    deadline = time.monotonic() + 120
    while not spool.confirmed("routine"):
        if time.monotonic() > deadline:
            raise RuntimeError("the city never confirmed anything")
        time.sleep(0.001)
