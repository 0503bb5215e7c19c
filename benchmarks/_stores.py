"""The servers of the one-server size for a benchmark: Mosquitto, PostgreSQL, InfluxDB and nginx in front of it.

PostgreSQL runs with Debian's own configuration, its disk flushed at every commit. InfluxDB runs with the environment
that ``deploy/set-up-stores.sh`` gives it, behind the rewrite of ``deploy/nginx/covercode.conf``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks._broker import free_port

_DEPLOY = Path(__file__).parent.parent / "deploy"
_START_S = 60.0
_SETTLE_S = 600.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PACKAGES = {
    "influxd": "influxdb",
    "nginx": "nginx",
    "initdb": "postgresql",
    "postgres": "postgresql",
    "mosquitto": "mosquitto",
}


class NotInstalled(Exception):
    """A server of the one-server size is not on this machine; the message says how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Where the stores of one phase are, and the processes that serve them by name."""

    records: str
    series: str
    processes: dict[str, int]


@contextlib.contextmanager
def broker(folder: Path) -> Iterator[tuple[int, int]]:
    """A Mosquitto that queues without bound, and its process: (port, pid)."""
    port, config = free_port(), folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000\n"
        "persistence false\n"
    )
    with _running([_program("mosquitto"), "-c", str(config)], folder / "mosquitto.log", lambda: _listens(port)) as pid:
        yield port, pid


@contextlib.contextmanager
def one_server(folder: Path) -> Iterator[Stores]:
    """Both servers with an empty database each, until the block ends. Raises ``NotInstalled``."""
    with contextlib.ExitStack() as stack:
        folder.chmod(0o755)  # PostgreSQL runs under an account of its own
        postgres_port, postgres_pid = stack.enter_context(postgres(folder))
        influx_port, influx = stack.enter_context(_influx(folder, folder / "influx", {}))
        front_port, front = stack.enter_context(_front(folder, influx_port))
        yield Stores(
            records=f"postgresql+psycopg://covercode@127.0.0.1:{postgres_port}/postgres",
            series=f"influxdb+http://127.0.0.1:{front_port}/covercode",
            processes={"postgresql": postgres_pid, "influxdb": influx, "nginx": front},
        )


@contextlib.contextmanager
def readings_server(folder: Path, home: Path) -> Iterator[str]:
    """The address of an InfluxDB that keeps its data in ``home``, until the block ends. Raises ``NotInstalled``.

    ``home`` may hold what an earlier one wrote. Years are written within minutes here, so a day's shard is put on disk
    as soon as nothing more is written to it: in the ten minutes that InfluxDB waits they would fill the memory. And it
    is put together for good then, as a real server does with what nothing was written to for four hours.
    """
    settled = {
        "INFLUXDB_DATA_CACHE_SNAPSHOT_WRITE_COLD_DURATION": "10s",
        "INFLUXDB_DATA_COMPACT_FULL_WRITE_COLD_DURATION": "10s",
    }
    with _influx(folder, home, settled) as (port, _), _front(folder, port) as (front_port, _):
        yield f"influxdb+http://127.0.0.1:{front_port}/covercode"


def settle(home: Path) -> None:
    """Wait until a ``readings_server`` has put on disk, in one file a shard, what was written to it.

    What is left in its log when it ends is written to the shard again by each server that begins on these files (1.6):
    every run of a benchmark would measure more of it than the one before.
    """
    deadline = time.monotonic() + _SETTLE_S
    while _unsettled(home / "wal" / "covercode", home / "data" / "covercode"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"InfluxDB has not put in order within {_SETTLE_S:.0f} s what lies in {home}")
        time.sleep(1)


def _unsettled(logs: Path, data: Path) -> bool:
    if any(each.stat().st_size for each in logs.rglob("*.wal")):
        return True
    return any(len(list(shard.glob("*.tsm"))) > 1 for shard in data.glob("*/*"))


def cpu_s(pid: int) -> float:
    """Seconds of processor that a process, its children and those of them that have ended have used."""
    total = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(folder.name) == pid:
                total += sum(map(int, fields[11:15]))
            elif int(fields[1]) == pid:
                total += sum(map(int, fields[11:13]))
    return total / _TICKS_PER_S


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[tuple[int, int]]:
    """An empty PostgreSQL and its process, until the block ends: (port, pid). Raises ``NotInstalled``."""
    data, port = folder / "postgres", free_port()
    data.mkdir()
    # the server refuses to run as root
    other = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    if other:
        shutil.chown(data, "postgres", "postgres")
    making = [_program("initdb"), "-D", str(data), "-U", "covercode", "-A", "trust", "--no-sync", "-E", "UTF8"]
    subprocess.run(making, check=True, capture_output=True, cwd="/", **other)  # type: ignore[call-overload]
    command = [_program("postgres"), "-D", str(data), "-p", str(port), "-k", "", "-c", "listen_addresses=127.0.0.1"]
    # SIGINT: at SIGTERM it waits until everybody has left
    with _running(command, folder / "postgres.log", lambda: _listens(port), end=signal.SIGINT, **other) as pid:
        yield port, pid


@contextlib.contextmanager
def _influx(folder: Path, home: Path, changed: dict[str, str]) -> Iterator[tuple[int, int]]:
    port = free_port()
    shipped = re.findall(r"^Environment=(\w+)=([^'\n]+)", (_DEPLOY / "set-up-stores.sh").read_text(), re.M)
    environment = dict(shipped) | {
        "INFLUXDB_HTTP_BIND_ADDRESS": f"127.0.0.1:{port}",
        "INFLUXDB_BIND_ADDRESS": f"127.0.0.1:{free_port()}",
        "INFLUXDB_META_DIR": str(home / "meta"),
        "INFLUXDB_DATA_DIR": str(home / "data"),
        "INFLUXDB_DATA_WAL_DIR": str(home / "wal"),
        "INFLUXDB_HTTP_AUTH_ENABLED": "false",  # the script turns it on once there are accounts
        **changed,
    }
    home.mkdir(exist_ok=True)
    config = home / "influxdb.conf"
    config.write_text("[meta]\n[data]\n[http]\n")
    command = [_program("influxd"), "-config", str(config)]
    with _running(command, folder / "influx.log", lambda: _listens(port), env={**os.environ, **environment}) as pid:
        yield port, pid


@contextlib.contextmanager
def _front(folder: Path, influx_port: int) -> Iterator[tuple[int, int]]:
    """nginx with the part of the shipped configuration that stands in front of InfluxDB."""
    port = free_port()
    shipped = (_DEPLOY / "nginx" / "covercode.conf").read_text().partition("server {\n    listen 80;")[0]
    shipped = shipped.replace("127.0.0.1:8086", f"127.0.0.1:{influx_port}").replace(
        "127.0.0.1:8087", f"127.0.0.1:{port}"
    )
    home = folder / "nginx"
    home.mkdir()
    config = home / "nginx.conf"
    places = "".join(
        f"{kind}_temp_path {home}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    config.write_text(
        f"{user}daemon off;\nworker_processes 1;\npid {home}/pid;\nerror_log {home}/error.log;\n"
        f"events {{}}\nhttp {{\n{places}access_log off;\n{shipped}\n}}\n"
    )
    command = [_program("nginx"), "-c", str(config), "-e", str(home / "error.log")]
    with _running(command, folder / "nginx.log", lambda: _listens(port)) as pid:
        yield port, pid


@contextlib.contextmanager
def _running(
    command: list[str], log: Path, ready: Callable[[], bool], *, end: int = signal.SIGTERM, **options: object
) -> Iterator[int]:
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd="/", **options)  # type: ignore[call-overload]
    try:
        deadline = time.monotonic() + _START_S
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotInstalled(f"{command[0]} did not start: {log.read_text()[-500:]}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.send_signal(end)
        process.wait(30)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _program(name: str) -> str:
    """Debian keeps PostgreSQL's programs out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    program = str(found[-1]) if found else shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if not program:
        raise NotInstalled(f"{name} is missing: apt-get install {_PACKAGES[name]}")
    return program
