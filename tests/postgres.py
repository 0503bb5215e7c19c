"""A real PostgreSQL for tests: on a port of its own, never waiting for the disk; it can be killed and started again."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg

from tests.mosquitto import free_port


class Postgres:
    """A server between ``__enter__`` and ``__exit__``; ``kill`` (-9) and ``start`` may be used in between."""

    def __init__(self) -> None:
        self.port = free_port()
        self.address = f"covercode@127.0.0.1:{self.port}"
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Postgres:
        # not under pytest's own folder, which only its user may enter
        self._folder = Path(tempfile.mkdtemp(prefix="covercode-postgres-"))
        self._folder.chmod(0o755)
        data = self._data
        data.mkdir()
        if os.geteuid() == 0:
            shutil.chown(data, "postgres", "postgres")
        initdb = [_program("initdb"), "-D", str(data), "-U", "covercode", "-A", "trust", "--no-sync"]
        assert self._spawn(*initdb).wait(60) == 0, (self._folder / "log").read_text()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Starts the server (again, on the same data) and waits until it answers."""
        command = [_program("postgres"), "-D", str(self._data), "-p", str(self.port), "-k", "", "-c", "fsync=off"]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "full_page_writes=off", "-c", "autovacuum=off"]
        command += ["-c", "jit=off", "-c", "wal_level=minimal", "-c", "max_wal_senders=0", "-c", "wal_init_zero=off"]
        deadline = time.monotonic() + 60
        while True:
            if self._process is None or self._process.poll() is not None:
                # what a killed server left behind (shared memory, children) may stand in the way for a moment
                self._process = self._spawn(*command)
            try:
                psycopg.connect(f"postgresql://{self.address}/postgres", connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self._folder / "log").read_text()
                time.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL: every transaction that was not committed is gone, and so are its connections."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        # the server refuses to run as root
        other: dict[str, Any] = (
            {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        )
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **other)


def create_database(admin: psycopg.Connection[Any], name: str, template: str = "template1") -> None:
    """A copy of ``template``; its files are copied, which takes half of what a server that logs each page takes."""
    how = " STRATEGY file_copy" if admin.info.server_version >= 150_000 else ""  # before 15 it always did
    admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}{how}".encode())


def _program(name: str) -> str:
    """Debian keeps the server's programs out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name) or name
