"""Platforms that push over HTTP: one listener, one path for each source, and 200 only when the spool has the body.

Served by waitress, which takes a body in whole before a thread is spent on it, so that slow senders cost nothing. Plain
HTTP: a TLS proxy stands in front.
"""

from __future__ import annotations

import hmac
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import structlog
from waitress import wasyncore
from waitress.server import create_server

from gateway.bus_pace import open_pause
from gateway.settings import PushSettings
from gateway.sources.frames import Found, Refused, Unreadable
from gateway.sources.reception import Reception
from gateway.spool import SpoolBroken, SpoolClosed

_THREADS = 4
_CONNECTIONS = 100
_IDLE_AFTER_S = 30
_LOOK_EVERY_S = 0.25
_MOST_HEADER = 16_384
_SAY_REFUSED_EVERY_S = 60.0
_STATUS = {
    200: "200 OK", 401: "401 Unauthorized", 403: "403 Forbidden", 404: "404 Not Found",
    405: "405 Method Not Allowed", 429: "429 Too Many Requests", 500: "500 Internal Server Error",
    503: "503 Service Unavailable",
}  # fmt: skip

log = structlog.get_logger(__name__)

Answer = tuple[int, object]  # status, and a text or what becomes JSON
StartResponse = Callable[[str, list[tuple[str, str]]], object]


@dataclass(slots=True)
class Rate:
    """So many requests a second, with as many saved up as a second gives (at least one). Monotonic seconds."""

    per_second: float
    _saved: float = -1.0
    _looked_s: float = 0.0

    def allows(self, *, now_s: float) -> bool:
        """Whether one more may pass now."""
        most = max(1.0, self.per_second)
        if self._saved < 0:
            self._saved = most
        else:
            self._saved = min(most, self._saved + (now_s - self._looked_s) * self.per_second)
        self._looked_s = now_s
        if self._saved < 1:
            return False
        self._saved -= 1
        return True


@dataclass(slots=True)
class Door:
    """One source's path: who may come in (``token``; empty: who knows the path), what a body holds, how to greet.

    ``read`` and ``greet`` may raise ``Refused``; without ``greet`` a GET is not answered.
    """

    name: str
    path: str
    reception: Reception
    read: Callable[[bytes], Sequence[Found]]
    rate: Rate
    token: str = ""
    greet: Callable[[Mapping[str, str]], str] | None = None
    said_refused_s: float = float("-inf")


@dataclass(slots=True)
class PushServer:
    """Runs in a thread of its own, and answers in a few more."""

    settings: PushSettings
    doors: Sequence[Door]
    _stop: threading.Event = field(default_factory=threading.Event)
    _broken: Exception | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _was_up: bool | None = None

    def run(self, stop: threading.Event) -> None:
        """Listens until ``stop``. Raises what the spool raises when it is broken for good."""
        self._stop = stop
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a queue of one is no news
        failures = 0
        while not stop.is_set():
            try:
                self._serve(stop)
            except OSError as error:
                self._note_down(str(error))
                failures += 1
                stop.wait(open_pause(failures))

    def _serve(self, stop: threading.Event) -> None:
        sockets: dict[int, Any] = {}
        # Opened by us: waitress would leave its threads behind when the port is taken.
        host = self.settings.host
        listener = socket.create_server(
            (host, self.settings.port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
        server = create_server(
            self.answer,
            map=sockets,
            sockets=[listener],
            threads=_THREADS,
            connection_limit=_CONNECTIONS,
            channel_timeout=_IDLE_AFTER_S,
            max_request_body_size=self.settings.max_bytes,
            max_request_header_size=_MOST_HEADER,
            ident="",
        )
        try:
            self._note_up()
            while not stop.is_set() and self._broken is None:
                wasyncore.loop(timeout=_LOOK_EVERY_S, map=sockets, count=1, use_poll=True)
        finally:
            server.task_dispatcher.shutdown()
            wasyncore.close_all(sockets, ignore_all=True)
        if self._broken is not None:
            raise self._broken

    # --- one request ------------------------------------------------------------------------------------------------

    def answer(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """The WSGI application."""
        try:
            status, said = self._handle(environ)
        except Exception:  # the source loop: whatever one request does to us, the others go on
            log.exception("push_failed")  # without the path, which may be a secret
            status, said = _error(500, "failed", "the gateway failed over this request; send it again later")
        if isinstance(said, str):
            body, kind = said.encode(), "text/plain; charset=utf-8"
        else:
            body, kind = msgspec.json.encode(said), "application/json"
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        if status in (429, 503):
            headers.append(("Retry-After", "1" if status == 429 else "10"))
        start_response(_STATUS[status], headers)
        return [body]

    def _handle(self, environ: Mapping[str, Any]) -> Answer:
        door = self._door(environ.get("PATH_INFO", ""))
        if door is None:
            return _error(404, "unknown_path", "no source has this path; see source.path in cabinet.toml")
        with self._turn:
            if not door.rate.allows(now_s=time.monotonic()):
                return _error(429, "too_many", "too many requests for push.per_second; send this one again later")
        method, query = environ["REQUEST_METHOD"], dict(parse_qsl(environ.get("QUERY_STRING", "")))
        try:
            if method == "GET" and door.greet is not None:
                return 200, door.greet(query)
            if method != "POST":
                return _error(405, "wrong_method", "send data as POST")
            if not _has_token(door, environ):
                raise Refused("the token is missing or wrong: send Authorization: Bearer TOKEN (source.token)")
            return self._take(door, door.read(environ["wsgi.input"].read()))
        except Refused as refusal:
            self._say_refused(door, str(refusal))
            return _error(401 if door.token and door.greet is None else 403, "refused", str(refusal))

    def _door(self, path: str) -> Door | None:
        given = path.encode("latin-1", "replace")
        return next((door for door in self.doors if hmac.compare_digest(door.path.encode(), given)), None)

    def _take(self, door: Door, found: Sequence[Found]) -> Answer:
        """Everything into the spool, also what can't be used; only then 200."""
        try:
            taken = door.reception.take(found, self._stop, within_s=self.settings.answer_within_s)
        except (SpoolBroken, SpoolClosed) as error:
            self._broken = error
            taken = False
        if not taken:
            return _error(503, "not_kept", "nothing was kept, the gateway's disk refuses; send it again later")
        unusable = [one.reason for one in found if isinstance(one, Unreadable)]
        return 200, {"ok": True, "taken": len(found) - len(unusable), "unusable": unusable}

    def _say_refused(self, door: Door, reason: str) -> None:
        now_s = time.monotonic()
        if now_s - door.said_refused_s >= _SAY_REFUSED_EVERY_S:  # or a stranger fills the log
            door.said_refused_s = now_s
            log.warning("push_refused", source=door.name, reason=reason)

    def _note_up(self) -> None:
        for door in self.doors:
            door.reception.up = True
        if self._was_up is not True:
            self._was_up = True
            log.info("push_up", host=self.settings.host, port=self.settings.port, sources=len(self.doors))

    def _note_down(self, reason: str) -> None:
        for door in self.doors:
            door.reception.up = False
        if self._was_up is not False:
            self._was_up = False
            log.error("push_down", host=self.settings.host, port=self.settings.port, reason=reason)


def _error(status: int, code: str, message: str) -> Answer:
    return status, {"ok": False, "error": {"code": code, "message": message}}


def _has_token(door: Door, environ: Mapping[str, Any]) -> bool:
    if not door.token or door.greet is not None:  # where the platform signs, the signature is the proof
        return True
    given = str(environ.get("HTTP_AUTHORIZATION", ""))
    return hmac.compare_digest(given.encode("latin-1", "replace"), f"Bearer {door.token}".encode())
