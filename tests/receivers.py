"""Real receivers of notices for tests: a mail server, an HTTP server, an Alertmanager; each can go and come back."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import urllib3
from aiosmtpd.controller import Controller

from tests.mosquitto import free_port


@dataclass
class MailBox:
    """What a mail server has taken. ``refuse``: recipients that it does not know."""

    port: int
    letters: list[EmailMessage] = field(default_factory=list)
    refuse: set[str] = field(default_factory=set)

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        """Take or refuse a recipient."""
        if address in self.refuse:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Take a message."""
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 taken"

    @property
    def address(self) -> str:
        """A channel's address for it."""
        return f"mailto://127.0.0.1:{self.port}?from=city@example.cn&to={{to}}"


@contextmanager
def mail_server(port: int | None = None) -> Iterator[MailBox]:
    """A mail server on a port of its own (or that one)."""
    box = MailBox(port or free_port())
    controller = Controller(box, hostname="127.0.0.1", port=box.port, ready_timeout=60)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class Hook:
    """What an HTTP server was sent: headers and JSON bodies. It answers ``status``; ``hold``: only once that is set."""

    port: int
    status: int = 200
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    hold: threading.Event | None = None

    @property
    def address(self) -> str:
        """A channel's address for it."""
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def http_server(port: int | None = None) -> Iterator[Hook]:
    """An HTTP server that takes what is posted."""
    hook = Hook(port or free_port())

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.raw.append(body)
            hook.headers.append(dict(self.headers.items()))
            hook.bodies.append(json.loads(body))
            if hook.hold is not None:
                hook.hold.wait(60)
            self.send_response(hook.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", hook.port), Taker)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()


class Alertmanager:
    """Debian's prometheus-alertmanager between ``__enter__`` and ``__exit__``, alone and with an empty memory."""

    def __init__(self, folder: Path, *, config: str = "") -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._config = config or "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Alertmanager:
        config = self._folder / "alertmanager.yml"
        config.write_text(self._config)
        log = self._folder / "alertmanager.log"
        command = ["prometheus-alertmanager", f"--config.file={config}", f"--storage.path={self._folder}/data"]
        command += [f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="]
        with log.open("ab") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out)
        deadline = time.monotonic() + 60
        while True:
            try:
                if urllib3.request("GET", f"{self.address}/-/ready", retries=False).status == 200:
                    return self
            except urllib3.exceptions.HTTPError:
                pass
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "the Alertmanager did not start in time"
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    def alerts(self) -> list[dict[str, Any]]:
        """What it shows as going on."""
        answer = urllib3.request("GET", f"{self.address}/api/v2/alerts")
        assert answer.status == 200, answer.data
        found: list[dict[str, Any]] = answer.json()
        return found
