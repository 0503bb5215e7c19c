"""A city behind the real server, in processes of its own, for benchmarks that ask by HTTP."""

from __future__ import annotations

import multiprocessing
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask

from benchmarks import _generated as generated


def sign_in(port: int, login: str = generated.LOGIN, address: str = "127.0.0.1") -> str:
    """Somebody's session, as the cookie header. ``address``: where they are; one lets ten sign in each minute."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    from_there = {"X-Forwarded-For": address}
    connection.request("GET", "/login", headers=from_there)
    answer = connection.getresponse()
    found = re.search(rb'name="csrf_token" value="([^"]+)"', answer.read())
    if found is None:
        raise RuntimeError("the sign-in page has no form")
    form = {"login": login, "password": generated.PASSWORD, "csrf_token": found[1].decode()}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": _cookies(answer)}
    connection.request("POST", "/login", urlencode(form), headers | from_there)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 303:
        raise RuntimeError(f"signing in answered {answer.status}")
    return _cookies(answer)


def _cookies(answer: Any) -> str:
    set_ones = answer.headers.get_all("Set-Cookie") or []
    return "; ".join(one.partition(";")[0] for one in set_ones)


@contextmanager
def served(build: Callable[[str, int], None], folder: str) -> Iterator[int]:
    """A server process of its own on a free port, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = multiprocessing.get_context("spawn").Process(target=build, args=(folder, port))
    process.start()
    try:
        _wait_for(port, process)
        yield port
    finally:
        if process.pid is not None and process.is_alive():
            process.terminate()
        process.join(20)


def _wait_for(port: int, process: Any) -> None:
    deadline = time.monotonic() + 300
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline or not process.is_alive():
                raise
            time.sleep(0.1)


def city_app(folder: str, port: int) -> None:
    """The city whose records are in the folder, as it is served in production."""
    app, settings = _app(folder, port)
    _serve(app, settings)


def one_process_app(folder: str, port: int) -> None:
    """The same city from one process."""
    app, settings = _app(folder, port, processes=1)
    _serve(app, settings)


def constant_app(folder: str, port: int) -> None:
    """A bare Flask app with one route, behind the same server."""
    from dashboards.site import EXTENSION

    city, settings = _app(folder, port)
    app = Flask("constant")
    app.extensions[EXTENSION] = city.extensions[EXTENSION]  # the server ends its live streams
    app.add_url_rule("/constant", "constant", lambda: '{"constant": true}')
    _serve(app, settings)


def _app(folder: str, port: int, **more: Any) -> tuple[Flask, Any]:
    from dashboards.app import create_app
    from dashboards.settings import WebSettings
    from registry.storage.database import open_database
    from registry.storage.series import SqliteSeries

    settings = WebSettings(port=port, secret_file=Path(folder) / "secret", trusted_proxies=1, **more)
    # where the records are when they are not in the folder
    address = Path(folder) / "records-url"
    engine = open_database(address.read_text() if address.exists() else f"sqlite:///{folder}/covercode.db")
    return create_app(settings, _City(Path(folder)), engine, SqliteSeries(Path(folder) / "series.db")), settings


def _serve(app: Flask, settings: Any) -> None:
    from dashboards.server import serve

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(app, settings, stop=threading.Event())


@dataclass(frozen=True)
class _City:
    """What the pages are told about the city."""

    data_dir: Path
    name: str = "Bench"
    division: str = "440803"
    timezone: str = "Asia/Shanghai"
    public_url: str = "http://127.0.0.1"
    demo: bool = False
    warn_cases: int = 20
