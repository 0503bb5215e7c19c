"""What every process shows to those who watch it: Prometheus ``/metrics`` and ``/healthz``, over plain HTTP.

May import libraries only: the cabinet uses it, and so do the city's processes. Nothing here is a secret of people, but
it tells how the machinery is: listen on loopback, or on a network where only the monitoring is.
"""

from __future__ import annotations

import functools
import http.server
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import metadata
from types import TracebackType
from typing import Protocol

import msgspec
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.core import InfoMetricFamily

_HEADER_WITHIN_S = 5.0

log = structlog.get_logger(__name__)


class PartHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a process; ``reason`` and ``fix`` are empty while it is well."""

    part: str
    ok: bool
    reason: str = ""
    fix: str = ""


class HealthReport(msgspec.Struct, frozen=True, kw_only=True):
    """A process as ``/healthz`` tells it: ``ok`` when every part is."""

    ok: bool
    process: str
    version: str
    parts: list[PartHealth]


class Watched(Protocol):
    """A process that can be watched. Both are called from threads of their own and must not wait for anything long."""

    @property
    def process(self) -> str:
        """Its name, such as edge."""

    def collect(self) -> Iterable[Metric]:
        """Its figures now."""

    def parts(self) -> Sequence[PartHealth]:
        """Its parts now."""


def installed_version() -> str:
    """The program's version; empty where it is not installed."""
    try:
        return metadata.version("covercode")
    except metadata.PackageNotFoundError:
        return ""


def health_of(watched: Watched) -> HealthReport:
    """The report that ``/healthz`` answers."""
    parts = list(watched.parts())
    return HealthReport(
        ok=all(part.ok for part in parts), process=watched.process, version=installed_version(), parts=parts
    )


def metrics_of(watched: Watched) -> bytes:
    """The text that ``/metrics`` answers: the process's own figures, its build, its memory and time of the CPU."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(watched))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Figures:
    """``Watched`` as prometheus_client wants it."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def collect(self) -> Iterator[Metric]:
        python = ".".join(str(part) for part in sys.version_info[:3])
        build = {"version": installed_version(), "python": python, "process": self._watched.process}
        yield InfoMetricFamily("covercode_build", "Which program runs here", value=build)
        yield from self._watched.collect()


class WatchDoor:
    """Answers ``/metrics`` and ``/healthz`` between ``__enter__`` and ``__exit__``; ``port`` is the real one.

    ``port`` 0 in the settings: no door. Where the address can't be listened on the log says so and the process goes on:
    being watched is not worth a reading.
    """

    def __init__(self, watched: Watched, *, host: str, port: int) -> None:
        self._watched = watched
        self._host = host
        self._wanted = port
        self._server: http.server.ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port listened on; 0: none."""
        return self._server.server_port if self._server is not None else 0

    def __enter__(self) -> WatchDoor:
        if not self._wanted:
            return self
        answer = functools.partial(_Answer, self._watched)
        kind = _ServerV6 if ":" in self._host else _Server
        try:
            self._server = kind((self._host, self._wanted), answer)
        except OSError as error:
            log.warning(
                "metrics_closed",
                host=self._host,
                port=self._wanted,
                problem=error.strerror or str(error),
                fix="choose another address or port in [metrics], or port 0 for none",
            )
            return self
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()
        log.info("metrics_open", host=self._host, port=self.port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def server_bind(self) -> None:
        """Without the look-up of the host's name that the base class makes, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "", self.server_address[1]


class _ServerV6(_Server):
    address_family = socket.AF_INET6


class _Answer(http.server.BaseHTTPRequestHandler):
    timeout = _HEADER_WITHIN_S
    server_version = "covercode"
    sys_version = ""

    def __init__(self, watched: Watched, *args: object) -> None:
        self._watched = watched
        super().__init__(*args)  # type: ignore[arg-type]  # as socketserver calls it

    def do_GET(self) -> None:
        """One of the two pages."""
        page: dict[str, Callable[[], tuple[int, str, bytes]]] = {"/metrics": self._metrics, "/healthz": self._health}
        path = self.path.partition("?")[0]
        try:
            status, kind, body = page[path]() if path in page else (404, "text/plain", b"/metrics or /healthz\n")
        except Exception:
            log.exception("metrics_failed", path=path)
            status, kind, body = 500, "text/plain", b"the log says why\n"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def _metrics(self) -> tuple[int, str, bytes]:
        return 200, CONTENT_TYPE_LATEST, metrics_of(self._watched)

    def _health(self) -> tuple[int, str, bytes]:
        report = health_of(self._watched)
        return 200 if report.ok else 503, "application/json", msgspec.json.encode(report)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        """Nothing: a scrape every few seconds is no news."""
