"""The real server: it starts, tells why it can't, shares connections out, and ends with pages open on the stream."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dashboards.server import CannotListen, listen
from dashboards.settings import WebSettings
from dashboards.site import site_of
from dashboards.web_worker import OpenConnections
from registry.domain.kinds import Role
from tests.web.conftest import Web

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
ASK = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
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
def test_the_body_of_an_answer_is_not_held_back_until_its_head_is_acknowledged(port: int) -> None:
    with listen(WebSettings(port=port)) as listener, socket.create_connection(("127.0.0.1", port)):
        taken, _ = listener.accept()
        with taken:
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.network
@pytest.mark.parametrize(
    ("host", "number"), [("192.0.2.1", 8080), ("no.such.host.invalid", 8080), ("127.0.0.1", 70000)]
)
def test_an_address_that_is_not_ours_names_the_settings(host: str, number: int) -> None:
    with pytest.raises(CannotListen, match=r"web\.host and web\.port"):
        listen(WebSettings(host=host, port=number))


def test_a_process_sees_when_another_one_has_fewer_connections():
    counts = OpenConnections(2)
    first, second = counts.take_place(1), counts.take_place(2)
    assert not counts.others_have_fewer(first)
    counts.tell(first, 3)
    counts.tell(second, 2)
    assert counts.others_have_fewer(first)
    assert not counts.others_have_fewer(second)


def test_a_process_that_ended_is_waited_for_no_longer():
    counts = OpenConnections(2)
    first, _ = counts.take_place(1), counts.take_place(2)
    counts.tell(first, 3)
    counts.leave_place(2)
    assert not counts.others_have_fewer(first)
    assert counts.take_place(3) != first


@pytest.mark.network
def test_open_connections_are_shared_out_evenly(port: int, start: Callable[[], subprocess.Popen[str]]) -> None:
    process = start()
    doors = [ask(port) for _ in range(100)]
    held = connections_of(process.pid, port)
    assert len(held) == 2
    assert min(held.values()) >= 47, held  # by chance alone it would be fewer in two of three tries
    for door in doors:
        door.close()


@pytest.mark.network
def test_a_process_started_in_place_of_one_that_died_gets_its_share(
    port: int, start: Callable[[], subprocess.Popen[str]]
) -> None:
    process = start()
    former = children(process.pid)
    os.kill(former[0], signal.SIGKILL)
    wait_until(lambda: len(children(process.pid)) == 2 and former[0] not in children(process.pid))
    # it listens some time after it began
    doors: list[socket.socket] = []

    def one_more_reaches_both() -> bool:
        doors.append(ask(port))
        return len(connections_of(process.pid, port)) == 2

    wait_until(one_more_reaches_both)
    for door in doors:
        door.close()


@pytest.mark.network
def test_requests_sent_in_one_go_over_one_connection_are_all_answered(
    port: int, start: Callable[[], subprocess.Popen[str]]
) -> None:
    start()
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as door:
        door.sendall(ASK * 5)
        got = b""
        while got.count(b"HTTP/1.1 200") < 5:
            more = door.recv(65536)
            assert more, got
            got += more


def ask(port: int) -> socket.socket:
    """A connection over which one answer came, and which stays open."""
    door = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
    door.sendall(ASK)
    assert b" 200 " in door.recv(65536)
    return door


def children(process: int) -> list[int]:
    return sorted(int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split())


def connections_of(master: int, port: int) -> Counter[int]:
    """How many open connections to ``port`` each process of ``master`` holds, as the kernel tells."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    ours = {row[9] for row in rows if row[3] == "01" and row[1].endswith(f":{port:04X}")}
    held: Counter[int] = Counter()
    for child in children(master):
        for file in Path(f"/proc/{child}/fd").iterdir():
            try:
                target = str(file.readlink())
            except OSError:
                continue  # closed meanwhile
            if target.removeprefix("socket:[").removesuffix("]") in ours:
                held[child] += 1
    return held
