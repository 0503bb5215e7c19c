"""A real InfluxDB for tests: Debian's 1.x, reached by the v2 write path through a small rewrite in front of it.

Servers from 1.8 on answer ``/api/v2/write`` themselves; an older one is reached as a site would reach it: something in
front turns ``/api/v2/write?bucket=DB/RP&precision=ms`` into ``/write?db=DB&rp=RP&precision=ms``. Here that is a thread
of this process. It can also be told to answer in the server's stead, as a busy or refusing server would.
"""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.mosquitto import free_port

Answered = tuple[int, dict[str, str], bytes]

_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
auth-enabled = {asks}
[monitor]
store-enabled = false
[continuous_queries]
enabled = false
"""


class Influx:
    """A server and its rewrite between ``__enter__`` and ``__exit__``; ``kill`` (-9) and ``start`` in between.

    ``answers``: what the front gives for the next writes instead of asking the server: (status, headers, body).
    ``writes`` counts the write requests that came to the front; ``version`` is what it says of the server when not "".
    ``packed`` counts the answers that came as MessagePack. ``bare_port`` is the server's own, without the rewrite.
    ``asks``: whether it wants to know who comes; the first account may be made by anybody.
    """

    def __init__(self, folder: Path, *, asks: bool = False) -> None:
        self.host = "127.0.0.1"
        self.answers: deque[tuple[int, dict[str, str], str]] = deque()
        self.writes = 0
        self.version = ""
        self.packed = 0
        self.bare_port = free_port()
        self._folder = folder
        self._asks = asks
        self._process: subprocess.Popen[bytes] | None = None
        self._front = _Front(self)
        self.port = self._front.server_address[1]
        self._thread = threading.Thread(target=self._front.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Where the front listens."""
        return f"http://{self.host}:{self.port}"

    def address(self, database: str) -> str:
        """As ``records.series`` takes it."""
        return f"influxdb+{self.url}/{database}"

    def __enter__(self) -> Influx:
        self._folder.mkdir(parents=True, exist_ok=True)
        asks = str(self._asks).lower()
        text = _CONFIG.format(rpc=free_port(), port=self.bare_port, folder=self._folder, asks=asks)
        (self._folder / "influxdb.conf").write_text(text)
        self._thread.start()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._front.shutdown()
        self._front.server_close()
        self._thread.join()

    def start(self) -> None:
        """Starts the server (again, on the same data) and waits until it answers."""
        program = shutil.which("influxd")
        assert program, "these tests need InfluxDB: apt-get install influxdb"
        with (self._folder / "influxdb.log").open("ab") as log:
            command = [program, "-config", str(self._folder / "influxdb.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "influxdb.log").read_text()
            assert time.monotonic() < deadline, "influxd did not start in time"
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL: what it has not written down is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forward(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """What the server itself answers. Raises ``OSError`` while it is dead."""
        connection = http.client.HTTPConnection(self.host, self.bare_port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def _answers(self) -> bool:
        try:
            return self.forward("GET", "/ping", {}, b"")[0] == 204
        except (OSError, http.client.HTTPException):
            return False


class _Front(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, influx: Influx) -> None:
        self.influx = influx
        super().__init__((influx.host, 0), _Rewrite)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is nothing to tell of."""


class _Rewrite(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Front

    def setup(self) -> None:
        super().setup()
        # a small answer must not wait for the acknowledgement of the one before
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self) -> None:
        self._pass_on("GET")

    def do_POST(self) -> None:
        self._pass_on("POST")

    def _pass_on(self, method: str) -> None:
        influx = self.server.influx
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urlsplit(self.path)
        path = self.path
        if parts.path == "/api/v2/write":
            influx.writes += 1
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            database, _, policy = asked["bucket"].partition("/")
            path = "/write?" + urlencode({"db": database, "rp": policy, "precision": asked["precision"]})
            if influx.answers:
                status, headers, text = influx.answers.popleft()
                self._answer(status, headers, text.encode())
                return
        sent = ("Content-Type", "Content-Encoding", "Accept")
        kept = {name: self.headers[name] for name in sent if name in self.headers}
        try:
            status, headers, said = influx.forward(method, path, kept, body)
            if influx.version:
                headers["X-Influxdb-Version"] = influx.version
            influx.packed += headers.get("Content-Type", "") == "application/x-msgpack"
            self._answer(status, headers, said)
        except (OSError, http.client.HTTPException):
            self._answer(502, {}, b"the server is away")

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name in ("Content-Type", "Retry-After", "X-Influxdb-Version"):
            if name in headers:
                self.send_header(name, headers[name])
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
