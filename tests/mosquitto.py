"""A real Mosquitto for tests: on a port of its own, without persistence, so that killing it loses all it holds."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType


class Mosquitto:
    """A broker between ``__enter__`` and ``__exit__``; ``kill`` and ``start`` may be used in between."""

    def __init__(self, folder: Path, *, extra: str = "") -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._log = folder / "mosquitto.log"
        self._extra = extra
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Mosquitto:
        self._config.write_text(
            f"listener {self.port} {self.host}\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
            f"max_queued_messages 100000\n{self._extra}\n"
        )
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Starts the broker (again, on the same port) and waits until it listens, on every port that it has."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(["mosquitto", "-c", str(self._config)], stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        waiting = [self.port, *(int(port) for port in re.findall(r"^listener (\d+)", self._extra, re.MULTILINE))]
        while waiting:
            try:
                socket.create_connection((self.host, waiting[-1]), timeout=1).close()
                waiting.pop()
            except OSError:
                assert self._process.poll() is None, self._log.read_text()
                assert time.monotonic() < deadline, "mosquitto did not start in time"

    def kill(self) -> None:
        """SIGKILL: the broker gets no chance to say goodbye or to keep anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def free_port() -> int:
    """A TCP port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
