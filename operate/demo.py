"""``covercode demo``: build a city, start its processes, tell what happens, stop everything, do the account."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError
from urllib.request import urlopen

import click

from operate.broker import check_free
from operate.demo_plan import DemoCity, Wishes, build_demo
from operate.processes import open_records, stop_on_signals
from operate.tally import check_cases, latencies_ms, record_counts, tally_series, waiting_alerts
from registry.services.demo_people import DEMO_ACCOUNTS, DEMO_PASSWORD

START_DEADLINE_S = 60.0
DRAIN_DEADLINE_S = 30.0
STOP_DEADLINE_S = 10.0


class ProcessDied(Exception):
    """One of the city's processes ended by itself; the message holds the end of its log."""


@dataclass(slots=True)
class Crew:
    """The demo's child processes, each with its log file; ``stop`` ends them in the order given."""

    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _files: list[IO[bytes]] = field(default_factory=list)

    def start(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """Start ``covercode`` with ``arguments`` as the process ``name``, in ``environment`` instead of ours."""
        log = (self.logs / f"{name}.log").open("ab")
        self._files.append(log)
        # a group of its own: Ctrl-C reaches us alone, and we stop the others in an order that loses nothing
        self.running[name] = subprocess.Popen(
            [sys.executable, "-m", "covercode", *arguments],
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=environment,
        )

    def check(self) -> None:
        """Raise ``ProcessDied`` when one is gone."""
        for name, process in self.running.items():
            code = process.poll()
            if code is not None:
                tail = (self.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
                raise ProcessDied(f"{name} ended with code {code}; the end of its log:\n" + "\n".join(tail))

    def stop(self, *names: str) -> None:
        """Ask the named processes to end, wait, and kill those that don't."""
        leaving = {name: self.running.pop(name) for name in names if name in self.running}
        for process in leaving.values():
            process.terminate()
        deadline = time.monotonic() + STOP_DEADLINE_S
        for process in leaving.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def close(self) -> None:
        """End whatever still runs."""
        self.stop(*list(self.running))
        for log in self._files:
            log.close()


def run_demo(wishes: Wishes, *, as_json: bool) -> int:
    """Play it; answers the exit code: 0 when nothing was lost and every fault found its case."""
    stop = stop_on_signals()
    check_free("127.0.0.1", wishes.port, setting="--port")
    _say(as_json, "正在建立示范城市……  Building the demo city…")
    city = build_demo(wishes, now=datetime.now(UTC))
    _tell_import(city, as_json)
    crew = Crew(city.home / "logs")
    try:
        _start(crew, city, wishes, stop, as_json)
        if not as_json or wishes.duration is None:
            _introduce(city, wishes)
        _play(crew, city, wishes, stop)
        _say(as_json, "正在停止并核对……  Stopping and doing the account…")
        return _finish(crew, city, wishes, as_json)
    except ProcessDied as problem:
        click.echo(f"covercode demo: {problem}", err=True)
        return 1
    finally:
        crew.close()


def _start(crew: Crew, city: DemoCity, wishes: Wishes, stop: threading.Event, as_json: bool) -> None:
    config = str(city.config)
    crew.start("broker", "broker", "--config", config)
    crew.start("web", "serve", "--config", config)
    crew.start("worker", "worker", "--config", config)
    crew.start("ingest", "ingest", "--config", config)
    _wait_for(crew, stop, lambda: _answers(f"http://127.0.0.1:{wishes.port}/healthz"), "web")
    crew.start("sim", "sim", "--fleet", str(city.fleet), "--truth", str(city.truth))
    links = [city.home / f"{bus}.tty" for bus in {spot.bus for spot in city.spots}]
    _wait_for(crew, stop, lambda: all(link.exists() for link in links), "sim")
    _start_edges(crew, city)


def _start_edges(crew: Crew, city: DemoCity) -> None:
    for number, cabinet in enumerate(city.cabinets, start=1):
        crew.start(f"edge-{number}", "edge", "--config", str(cabinet))


def _wait_for(crew: Crew, stop: threading.Event, ready: Callable[[], bool], name: str) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while not ready():
        crew.check()
        if time.monotonic() > deadline:
            raise ProcessDied(f"{name} was not ready within {START_DEADLINE_S:.0f} s; see {crew.logs / name}.log")
        if stop.wait(0.1):
            return


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _play(crew: Crew, city: DemoCity, wishes: Wishes, stop: threading.Event) -> None:
    began = time.monotonic()
    coming = list(city.faults)
    while not stop.wait(0.2):
        crew.check()
        played_s = time.monotonic() - began
        if wishes.duration is not None and played_s >= wishes.duration:
            return
        if wishes.duration is None:
            while coming and coming[0].at_s <= played_s:
                fault = coming.pop(0)
                what = f"{fault.fault.zh} {fault.fault.en}"
                click.echo(f"  {datetime.now():%H:%M:%S}  {what}  {fault.asset_name or fault.target}".rstrip())  # noqa: DTZ005 - the person's own clock


def _finish(crew: Crew, city: DemoCity, wishes: Wishes, as_json: bool) -> int:
    crew.check()
    crew.stop("sim")
    emptied = _drain(crew, city)
    _wait_until_decided(crew, city)
    crew.stop("ingest", "worker", "web", "broker")
    engine, store = open_records(city.place)
    series = tally_series(city.truth, store, engine)
    counts = record_counts(engine)
    checked = check_cases(engine, city.faults) if wishes.duration is not None else {"missing": [], "extra": []}
    result: dict[str, Any] = {
        "frames_sent": series.frames,
        "readings_taken": series.taken,
        "readings_stored": series.stored,
        "lost": series.lost,
        "duplicates": series.duplicates,
        **counts,
        "alert_latency_ms": latencies_ms(engine),
        "in_doubt": series.in_doubt,
        "unexplained": series.unexplained,
        "drained": emptied,
        "faults": len([fault for fault in city.faults if fault.fault.case_kind]),
        "cases_missing": checked["missing"],
        "cases_extra": checked["extra"],
        "assets": city.assets,
        "sensors": len(city.spots),
        "seed": wishes.seed,
        "examples": series.examples,
    }
    store.close()
    engine.dispose()
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
    else:
        _report(result)
    good = not (series.lost or series.duplicates or checked["missing"] or checked["extra"])
    return 0 if good else 1


def _drain(crew: Crew, city: DemoCity) -> bool:
    """Stop the cabinets once they have nothing left to send; whether that was in time."""
    deadline = time.monotonic() + DRAIN_DEADLINE_S
    edges = [f"edge-{number}" for number, _ in enumerate(city.cabinets, start=1)]
    while time.monotonic() < deadline:
        crew.check()
        if drained(city):
            crew.stop(*edges)
            # the last answer may have come into the spool after we looked, and too late to be sent before the end
            if drained(city):
                return True
            _start_edges(crew, city)
        time.sleep(0.2)
    crew.stop(*edges)
    return False


def _wait_until_decided(crew: Crew, city: DemoCity) -> None:
    """Until no alert waits for company any more: each has its case, or its group has."""
    engine, store = open_records(city.place)
    store.close()
    deadline = time.monotonic() + DRAIN_DEADLINE_S
    while waiting_alerts(engine) and time.monotonic() < deadline:
        crew.check()
        time.sleep(0.2)
    engine.dispose()


def drained(city: DemoCity) -> bool:
    """Whether every cabinet's spool is empty: the city has acked all it was sent."""
    return all(_queued(cabinet.parent / "spool.db") == 0 for cabinet in city.cabinets)


def _queued(spool: Path) -> int:
    if not spool.exists():
        return 0
    with closing(sqlite3.connect(spool, timeout=5)) as db:
        return int(db.execute("SELECT count(*) FROM pack").fetchone()[0])


def _tell_import(city: DemoCity, as_json: bool) -> None:
    report = city.imported
    if report is None:
        return
    for problem in report.rejected:
        line = f"  row {problem.row}: {problem.column} = {problem.value!r}: {problem.problem}"
        click.echo(line, err=as_json)
    summary = (
        f"导入 {report.rows} 行：新建 {report.created}，不可用 {len(report.rejected)}，提示 {len(report.warnings)}。  "
        f"Imported {report.rows} rows: {report.created} created, {len(report.rejected)} unusable (listed above), "
        f"{len(report.warnings)} kept with a remark."
    )
    click.echo(summary, err=as_json)


def _introduce(city: DemoCity, wishes: Wishes) -> None:
    address = f"http://127.0.0.1:{wishes.port}"
    lines = [
        "",
        "CoverCode 一盖一码 示范城市正在运行。The demo city is running.",
        f"  {len(city.spots)} 个传感单元 / {city.assets} 个部件，2 台机柜，MQTT、接入、规则、页面各为真实进程。",
        f"  {len(city.spots)} sensor units on {city.assets} assets, 2 cabinets; broker, ingest, worker and web are real"
        " processes.",
        "",
        f"  网页 pages        {address}/",
        f"  市民扫码 a plate   {address}/Q/{city.sample_token}",
        f"  日志 logs         {city.home / 'logs'}",
        "",
        f"  示范账号 demo accounts (密码 password: {DEMO_PASSWORD})",
        *(f"    {account.login:<12}{account.role.value:<15}{account.name}" for account in DEMO_ACCOUNTS),
        "",
    ]
    if city.faults:
        lines.append("  接下来会发生 what will happen (秒 seconds from now):")
        lines += [
            f"    {fault.at_s:>5.0f}  {fault.fault.zh}  {fault.fault.en}  {fault.asset_name or fault.target}".rstrip()
            for fault in city.faults[:12]
        ]
    lines += ["", "  按 Ctrl-C 停止一切。Ctrl-C stops everything.", ""]
    click.echo("\n".join(lines))


def _report(result: dict[str, Any]) -> None:
    latency = result["alert_latency_ms"]
    click.echo(
        f"应答 {result['frames_sent']} 帧，读数 {result['readings_taken']}，入库 {result['readings_stored']}，"
        f"丢失 {result['lost']}，重复 {result['duplicates']}；告警 {result['alerts']}，案件 {result['cases']}。\n"
        f"{result['frames_sent']} frames answered, {result['readings_taken']} readings, "
        f"{result['readings_stored']} stored, {result['lost']} lost, {result['duplicates']} twice; "
        f"{result['alerts']} alerts, {result['cases']} cases; "
        f"answer to committed case p99 {latency['p99']} ms."
    )


def _say(as_json: bool, text: str) -> None:
    click.echo(text, err=as_json)
