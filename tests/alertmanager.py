"""A real Alertmanager for tests (Debian's prometheus-alertmanager): alone, on a port of its own, keeping nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.mosquitto import free_port

_PROGRAM = "prometheus-alertmanager"
_ALONE = """
route:
  receiver: nobody
receivers:
  - name: nobody
"""


class Alertmanager:
    """An Alertmanager between ``__enter__`` and ``__exit__``; with the usual ``config`` it tells nobody anything."""

    def __init__(self, folder: Path, *, config: str = _ALONE) -> None:
        self.address = f"http://127.0.0.1:{free_port()}"
        self.folder = folder
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Alertmanager:
        assert shutil.which(_PROGRAM), f"these tests need Alertmanager: apt-get install {_PROGRAM}"
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "alertmanager.yml"
        config.write_text(self._config)
        options = {
            "config.file": config,
            "storage.path": self.folder / "storage",
            "web.listen-address": self.address.removeprefix("http://"),
            "cluster.listen-address": "",
        }
        with (self.folder / "alertmanager.log").open("ab") as log:
            command = [_PROGRAM, *(f"--{name}={value}" for name, value in options.items())]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def post(self, alerts: list[dict[str, Any]]) -> None:
        """Tell it of alerts, as Prometheus does."""
        sent = urllib.request.Request(
            f"{self.address}/api/v2/alerts", json.dumps(alerts).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(sent, timeout=60) as answer:
            assert answer.status == 200

    def alerts(self) -> list[dict[str, Any]]:
        """What it knows of now."""
        with urllib.request.urlopen(f"{self.address}/api/v2/alerts", timeout=60) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def log(self) -> str:
        """What it wrote."""
        return (self.folder / "alertmanager.log").read_text()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"{self.address}/-/ready", timeout=10):
                    return
            except (urllib.error.URLError, OSError):
                assert self._process is not None
                assert self._process.poll() is None, self.log()
                assert time.monotonic() < deadline, f"Alertmanager did not start in time: {self.log()}"
                time.sleep(0.05)
