"""The pages behind the shipped nginx configuration: what strangers see of it, what passes, what does not."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from dashboards.permissions import LARGE_UPLOADS
from registry.domain.kinds import Role
from tests.mosquitto import free_port
from tests.nginx import NAME, Nginx
from tests.polling import wait_until
from tests.web.conftest import Web

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]

NEIGHBOURS = "10.0.0.0/8"  # this machine is none of them
MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Front:
    """The site as its visitors reach it."""

    web: Web
    nginx: Nginx

    def connect(self) -> ssl.SSLSocket:
        """A connection under the site's name."""
        return connect(self.nginx)

    def ask(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """One request on a connection of its own."""
        return ask(self.nginx, path, method, body, **headers)


def connect(nginx: Nginx) -> ssl.SSLSocket:
    """A connection to nginx under the site's name."""
    trust = ssl.create_default_context(cafile=str(nginx.authority.ca))
    plain = socket.create_connection((nginx.host, nginx.https), timeout=60)
    return trust.wrap_socket(plain, server_hostname=NAME)


def ask(nginx: Nginx, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(NAME, timeout=60)
    connection.sock = connect(nginx)
    try:
        connection.request(method, path, body=body or None, headers=headers)
        answer = connection.getresponse()
        return Answer(status=answer.status, headers=answer.headers, body=answer.read())
    finally:
        connection.close()


@pytest.fixture
def front(make_web: Callable[..., Web], tmp_path: Path) -> Iterator[Front]:
    web = make_web(place={"public_url": f"https://{NAME}"}, trusted_proxies=1, metrics_from=NEIGHBOURS)
    server = make_server("127.0.0.1", 0, web.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    with Nginx(tmp_path, pages=server.server_port) as nginx:
        yield Front(web=web, nginx=nginx)
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_front_shows_strangers_the_pages_and_no_figures(front: Front) -> None:
    assert front.ask("/login").status == 200
    claims: dict[str, Any] = {"X-Forwarded-For": "10.1.2.3", "X-Real-IP": "10.1.2.3", "Forwarded": "for=10.1.2.3"}
    for headers in ({}, claims):
        assert front.ask("/metrics", **headers).status == 404
        assert front.ask("/metrics/", **headers).status == 404
        assert json.loads(front.ask("/healthz", **headers).body) == {"ok": True}
    assert front.ask("/api/v1/metrics", **claims).status == 401


def test_the_front_counts_each_visitor_by_their_own_address(front: Front) -> None:
    code = json.dumps({"code": "AAAA-BBBB-CCCC-DDDD", "hash": "x"}).encode()
    answers = [
        front.ask("/enrol", "POST", code, **{"Content-Type": "application/json", "X-Forwarded-For": f"10.0.0.{host}"})
        for host in range(20)
    ]
    assert answers[0].status != 429
    assert answers[-1].status == 429, "a header that the visitor wrote was believed"


def test_the_front_takes_large_files_where_registrars_send_them_and_nowhere_else(front: Front) -> None:
    def answered(path: str) -> bytes:
        with front.connect() as line:
            asked = f"POST {path} HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {17 * MEGABYTE}\r\n\r\n"
            line.sendall(asked.encode() + b"\0" * 10_000)  # the rest need not come
            return line.recv(100)

    assert answered("/login").startswith(b"HTTP/1.1 413 ")
    # not read by nginx, and refused by the application, which has asked who sends it
    taking = [each for each in front.web.app.url_map.iter_rules() if each.endpoint in LARGE_UPLOADS]
    assert {each.endpoint for each in taking} == LARGE_UPLOADS
    for path in (each.rule.replace("<key>", "sewers-2") for each in taking):
        assert answered(path).startswith(b"HTTP/1.1 401 "), path


def test_the_front_writes_no_link_of_a_screen_into_its_log(front: Front) -> None:
    assert front.ask("/kiosk/a-word-that-opens-a-screen").status == 404
    assert front.ask("/login").status == 200
    wait_until(lambda: "/login" in front.nginx.log())
    assert "a-word-that-opens-a-screen" not in front.nginx.log()


def test_the_front_passes_a_live_stream_on_as_it_comes(front: Front) -> None:
    cookie = front.web.as_(Role.DISPATCHER).get_cookie("covercode")
    assert cookie is not None
    with front.connect() as line:
        asked = f"GET /api/v1/stream HTTP/1.1\r\nHost: {NAME}\r\nCookie: covercode={cookie.value}\r\n\r\n"
        line.sendall(asked.encode())
        seen = b""
        while b": connected" not in seen:
            more = line.recv(4096)
            assert more, seen
            seen += more
    assert seen.startswith(b"HTTP/1.1 200 ")


def test_the_front_says_that_it_comes_back_while_the_application_is_away(tmp_path: Path) -> None:
    with Nginx(tmp_path, pages=free_port()) as nginx:
        screen = ask(nginx, "/kiosk/a-word-that-opens-a-screen")
        answer = ask(nginx, "/")
        troubles = nginx.log("error.log")
    assert screen.status == answer.status == 503
    assert '"GET / HTTP' in troubles
    assert "a-word-that-opens-a-screen" not in troubles
    assert answer.headers["Retry-After"] == "5"
    assert "几秒" in answer.body.decode()


def test_the_front_leads_to_the_encrypted_address_under_its_own_name(tmp_path: Path) -> None:
    with Nginx(tmp_path) as nginx:
        connection = http.client.HTTPConnection(nginx.host, nginx.http, timeout=60)
        connection.request("GET", "/Q/ABC", headers={"Host": "elsewhere.example"})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"]) == (301, f"https://{NAME}/Q/ABC")
        connection.close()
