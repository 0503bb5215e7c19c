"""The real server in a process of its own: it starts, tells why it can't, and ends with pages open on the stream."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dashboards.server import CannotListen, listen
from dashboards.settings import WebSettings
from dashboards.site import site_of
from registry.domain.kinds import Role
from tests.web.conftest import Web

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
LAST_CHUNK = b"0\r\n\r\n"

PROGRAM = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from dashboards.app import create_app
from dashboards.server import serve
from dashboards.settings import WebSettings
from registry.storage.database import open_database
from registry.storage.series import SqliteSeries
from tests.web.conftest import NOON, WebCity

folder, port, secret = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
engine = open_database(f"sqlite:///{folder / 'records.db'}")
settings = WebSettings(port=port, secret_file=secret)
with engine.connect():  # as a real start does, which looks at the schema before it serves
    pass
app = create_app(settings, WebCity(data_dir=folder), engine, SqliteSeries(folder / "s.db"), clock=lambda: NOON)
serve(app, settings, stop=threading.Event())
print("served", flush=True)
"""


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start(web: Web, port: int, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")

    def run() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(program), str(tmp_path), str(port), str(site_of(web.app).settings.secret_file)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        wait_until(lambda: answers(port) or process.poll() is not None)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def open_page(web: Web, port: int) -> socket.socket:
    """A page on the live stream, after its greeting."""
    web.as_(Role.VIEWER)
    page = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
    cookie, _ = web.cookies["viewer"]
    page.sendall(f"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nCookie: covercode={cookie}\r\n\r\n".encode())
    got = b""
    while b": connected" not in got:
        more = page.recv(4096)
        assert more, got
        got += more
    return page


def left_of(page: socket.socket) -> bytes:
    """What the server still sent until it closed the connection."""
    return b"".join(iter(lambda: page.recv(65536), b""))


@pytest.mark.network
@pytest.mark.parametrize("end", ["terminated", "interrupted", "ctrl_c"])
def test_the_server_ends_with_pages_open_and_ends_each_of_them_properly(
    web: Web, port: int, start: Callable[[], subprocess.Popen[str]], end: str
) -> None:
    process = start()
    pages = [open_page(web, port) for _ in range(5)]
    if end == "terminated":
        process.send_signal(signal.SIGTERM)
    elif end == "interrupted":
        process.send_signal(signal.SIGINT)
    else:
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group
    output, _ = process.communicate(timeout=DEADLINE_S)
    for page in pages:
        with page:
            assert left_of(page).endswith(LAST_CHUNK)  # not cut off: that is how gunicorn ends whom it waited for
    assert process.returncode == 0, output
    assert output.count("served") == 1, output
    assert not answers(port)


@pytest.mark.network
def test_no_worker_outlives_a_master_that_was_killed(
    web: Web, port: int, start: Callable[[], subprocess.Popen[str]]
) -> None:
    process = start()
    page = open_page(web, port)
    process.kill()
    process.wait()
    wait_until(lambda: not answers(port))
    wait_until(lambda: not group_lives(process.pid))
    page.close()


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.network
def test_a_port_in_use_is_named_with_its_setting(port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(CannotListen, match=rf"port {port} .* already in use.*web\.port"):
            listen(WebSettings(port=port))


@pytest.mark.network
@pytest.mark.parametrize(
    ("host", "number"), [("192.0.2.1", 8080), ("no.such.host.invalid", 8080), ("127.0.0.1", 70000)]
)
def test_an_address_that_is_not_ours_names_the_settings(host: str, number: int) -> None:
    with pytest.raises(CannotListen, match=r"web\.host and web\.port"):
        listen(WebSettings(host=host, port=number))
