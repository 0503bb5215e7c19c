"""The shipped nginx configuration on free ports, in front of what a test started."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

import pytest

from tests.authority import Authority
from tests.mosquitto import free_port

SHIPPED = Path(__file__).parents[1] / "deploy/nginx/covercode.conf"
NAME = "city.example"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Nginx:
    """nginx between ``__enter__`` and ``__exit__``; it passes on to the ports ``pages`` and ``influx`` of this machine.

    ``https``, ``http`` and ``series`` are the ports it listens on; ``authority`` vouches for its name, ``NAME``.
    """

    def __init__(self, folder: Path, *, pages: int = 1, influx: int = 1) -> None:
        self.host = "127.0.0.1"
        self.https, self.http, self.series = free_port(), free_port(), free_port()
        self.authority = Authority(folder / "authority")
        self._folder = folder
        self._to = {"8080": pages, "8086": influx}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Nginx:
        program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
        if program is None:
            pytest.fail("these tests need nginx: apt-get install nginx")
        certificate = self.authority.issue("web", NAME)
        (self._folder / "covercode.conf").write_text(self._configured(certificate))
        (self._folder / "nginx.conf").write_text(self._around())
        command = [program, "-p", str(self._folder), "-e", "error.log", "-c", "nginx.conf"]
        tried = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        assert tried.returncode == 0, tried.stderr
        assert "[warn]" not in tried.stderr, tried.stderr
        self._process = subprocess.Popen(command)
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection((self.host, self.https), timeout=1).close()
                return self
            except OSError:
                assert self._process.poll() is None, (self._folder / "error.log").read_text()
                assert time.monotonic() < deadline, "nginx did not start in time"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    def log(self, name: str = "access.log") -> str:
        """What stands in its log of this name; ``error.log`` is the other one."""
        return (self._folder / name).read_text()

    def _configured(self, certificate: Path) -> str:
        """The shipped file with these ports and this certificate, and nothing else changed."""
        text = re.sub(r"\n *listen \[::].*", "", SHIPPED.read_text(encoding="utf-8"))
        places = {
            "listen 80;": f"listen {self.host}:{self.http};",
            "listen 443 ": f"listen {self.host}:{self.https} ",
            "listen 127.0.0.1:8087;": f"listen {self.host}:{self.series};",
            "/etc/ssl/covercode/web.pem": str(certificate),
            "/etc/ssl/covercode/web.key": str(self.authority.key("web")),
            **{f"http://127.0.0.1:{port};": f"http://{self.host}:{mine};" for port, mine in self._to.items()},
        }
        for shipped, mine in places.items():
            assert shipped in text, shipped
            text = text.replace(shipped, mine)
        return text

    def _around(self) -> str:
        """What Debian's own nginx.conf has around it, as far as it matters."""
        folders = "".join(f"{name}_temp_path {self._folder}/{name};\n" for name in _TEMPORARY)
        # as root, its workers would be nobody, who can't enter the folders of a test
        owner = "user root;" if os.geteuid() == 0 else ""
        return (
            f"{owner}\ndaemon off;\nworker_processes 1;\npid {self._folder}/nginx.pid;\n"
            f"events {{}}\nhttp {{\naccess_log {self._folder}/access.log;\n{folders}"
            f"include {self._folder}/covercode.conf;\n}}\n"
        )
