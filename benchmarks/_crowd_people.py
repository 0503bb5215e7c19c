"""One of the crowd at work: a browser with its session, or a program with its own, and the ledger of what it sent.

Written for the standard library alone, so that fifty of them cost little beside the server they ask. Each one looks at
a list, opens a case, chooses one of the moves that its page offers, and sends it with the version that the page showed.
The note of every order is unique, so that the timeline can be held against what was answered.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPResponse
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlencode

from benchmarks._crowd_city import PASSWORD, CrowdCity, Somebody
from registry.domain.kinds import CaseRole, Stage
from registry.domain.moves import allowed

HOT_FOR_S = 0.5
"""How long everybody goes for the same one."""

_KEPT_FOR_S = 2.0  # the server closes a connection over which nothing came for five seconds
_MOVE = re.compile(rb'name="move" value="(\w+)"')
_VERSION = re.compile(rb'name="version" value="(\d+)"')
_CSRF = re.compile(rb'name="csrf_token" value="([^"]+)"')
_LISTED = re.compile(rb'href="/cases/(\d+)">(\d{13})<')
_OPTION = re.compile(rb'<option value="(\d+)"')
_ASKED = re.compile(rb'action="/cases/\d+/requests/(\d+)"')

_WEIGHTS = dict.fromkeys(("file", "dispatch", "accept", "hand_back", "verify", "close", "resume"), 8.0)
_WEIGHTS |= dict.fromkeys(("void", "decline", "merge", "suspend", "supervise", "note", "recall"), 0.3)
_NEVER = frozenset({"self_handle"})  # two pictures each: what their reading costs is measured elsewhere
_ROLES = {
    "dispatcher": frozenset({CaseRole.RECEPTIONIST, CaseRole.SHIFT_SUPERVISOR, CaseRole.DISPATCHER, CaseRole.VERIFIER}),
    "crew": frozenset({CaseRole.COLLECTOR, CaseRole.HANDLER}),
    "verifier": frozenset({CaseRole.VERIFIER}),
}
_LISTS = {
    "dispatcher": ("/cases?stage=collected", "/cases?stage=filed", "/cases?stage=verified", "/cases?open_only=1"),
    "crew": ("/tasks", "/cases?stage=in_hand", "/tasks"),
    "verifier": ("/cases?stage=handed_back",),
}


class Attempt(NamedTuple):
    """An order as it was sent, and what was answered: done, or why not; ``failed …`` is no answer at all."""

    note: str
    user_id: int
    case_id: int
    move: str
    version: int
    outcome: str
    ms: float
    by_program: bool


class Page(NamedTuple):
    """What was looked at, and how long its answer took."""

    kind: str
    ms: float
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """For how long, and how long each person waits before the next case (seconds, on average; 0: not at all).

    ``acts``: how many cases each of them goes for at most. ``hot``: how often somebody goes for the case that everybody
    goes for just now. ``twice``: how often an order is sent twice at once: a double click, a proxy that repeats.
    """

    port: int
    lasts_s: float
    pause_s: float
    seed: int
    name: str
    acts: int = 1_000_000
    hot: float = 0.3
    twice: float = 0.05


@dataclass(slots=True)
class Person:
    """Somebody at work. ``cookie`` and ``csrf`` are their session's."""

    who: Somebody
    city: CrowdCity
    port: int
    rng: Random
    cookie: str = ""
    csrf: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    _lines: dict[int, tuple[HTTPConnection, float]] = field(default_factory=dict)
    _listed: list[tuple[int, str]] = field(default_factory=list)
    _sent: int = 0
    _etag: str = ""

    def sign_in(self) -> None:
        """With login and password, by the form."""
        self.csrf = _first(_CSRF, self._ask("GET", "/login")[1])
        form = {"login": self.who.login, "password": PASSWORD, "csrf_token": self.csrf}
        status, body = self._ask("POST", "/login", form=form)
        if status != 303:
            raise RuntimeError(f"{self.who.login} signed in and was answered {status}: {body[:200]!r}")
        self.csrf = _first(_CSRF, self._ask("GET", "/account")[1])

    def work(self, play: Play) -> None:
        """Until the time is over."""
        end = time.monotonic() + play.lasts_s
        if play.pause_s:
            time.sleep(self.rng.random() * play.pause_s)
        for _ in range(play.acts):
            if time.monotonic() > end:
                break
            case_id = self._choose(play)
            if case_id is not None:
                (self._act_as_program if self.who.by_program else self._act)(case_id, play)
            if play.pause_s:
                time.sleep(min(self.rng.expovariate(1 / play.pause_s), max(0.0, end - time.monotonic())))

    def _choose(self, play: Play) -> int | None:
        """The case that everybody goes for, or one of those that this person's list shows."""
        if self.rng.random() < play.hot:
            return self.city.hot[int(time.time() / HOT_FOR_S) % len(self.city.hot)]
        if not self._listed or self.rng.random() < 0.25:
            status, body = self._look("list", self.rng.choice(_LISTS[self.who.post]))
            found = _LISTED.findall(body) if status == 200 else []
            self._listed = list({int(case_id): number.decode() for case_id, number in found}.items())
        if not self._listed:
            return self.rng.choice(self.city.cases)
        return self.rng.choice(self._listed)[0]

    def _act(self, case_id: int, play: Play) -> None:
        """Open the page, choose one of its moves, send the form, and look at what became of it."""
        status, body = self._look("case", f"/cases/{case_id}")
        offered = sorted({name.decode() for name in _MOVE.findall(body)} - _NEVER)
        if status != 200 or not offered:
            return
        version = int(_first(_VERSION, body))
        asked = _ASKED.search(body)
        note = self._note(play)
        if asked is not None and self.rng.random() < 0.7:
            answer = self.rng.choice(("grant", "grant", "refuse"))
            form = {"answer": answer, "version": version, "note": note, "csrf_token": self.csrf}
            address = f"/cases/{case_id}/requests/{asked[1].decode()}"
            self._send(play, case_id, "decide", version, note, address, form=form)
            return
        move = self._pick(offered)
        more = self._more(move, case_id, body)
        if more is None:
            return
        form = {"move": move, "version": version, "note": note, "csrf_token": self.csrf, **more}
        self._send(play, case_id, move, version, note, f"/cases/{case_id}/moves", form=form)

    def _act_as_program(self, case_id: int, play: Play) -> None:
        """The same through the API: with ``If-Match``."""
        status, body = self._look("api_case", f"/api/v1/cases/{case_id}")
        if status != 200:
            return
        file = json.loads(body)
        offered = [move.name.value for move in allowed(Stage(file["stage"]), _ROLES[self.who.post])]
        move = self._pick([name for name in offered if name not in _NEVER and name != "merge"])
        note = self._note(play)
        told: dict[str, Any] = {"move": move, "note": note, "passed": True}
        if move == "dispatch":
            told["assignee_id"] = self.rng.choice([one.user_id for one in self.city.people if one.post == "crew"])
        if move in ("suspend", "request_suspension"):
            told["until"] = f"{_in_three_days()}T00:00:00Z"
        self._send(play, case_id, move, file["version"], note, f"/api/v1/cases/{case_id}/moves", told=told)

    def _pick(self, offered: list[str]) -> str:
        return self.rng.choices(offered, [_WEIGHTS.get(name, 1.0) for name in offered])[0]

    def _more(self, move: str, case_id: int, body: bytes) -> dict[str, Any] | None:
        """What the form of that move asks for beside the note; None where there is nothing to choose from."""
        if move == "dispatch":
            crew = _OPTION.findall(body.partition(b'id="dispatch-assignee"')[2].partition(b"</select>")[0])
            return {"assignee_id": self.rng.choice(crew).decode()} if crew else None
        if move == "merge":
            others = [number for other, number in self._listed if other != case_id]
            return {"into_id": self.rng.choice(others)} if others else None
        if move in ("suspend", "request_suspension"):
            return {"until": _in_three_days()}
        return {"check": {"passed": "1"}, "hand_back": {"quantity": "1.5"}}.get(move, {})

    def _note(self, play: Play) -> str:
        self._sent += 1
        return f"{play.name}-{self.who.user_id}-{self._sent}"

    def _send(self, play: Play, case_id: int, move: str, version: int, note: str, address: str, **what: Any) -> None:
        """Send the order, now and then twice at once, and write down what was answered."""
        lines = (0, 1) if self.rng.random() < play.twice else (0,)
        headers = {"If-Match": self._etag, "X-CSRFToken": self.csrf} if "told" in what else {}
        began, outcomes = time.perf_counter(), list[tuple[str, float]]()
        for line in lines:
            self._begin("POST", address, line=line, headers=headers, **what)
        for line in lines:
            try:
                answer, body = self._end(line)
                outcome = _outcome(answer.status, body, version)
            except (OSError, HTTPException) as error:
                self._drop(line)
                outcome = f"failed {type(error).__name__}"
            outcomes.append((outcome, (time.perf_counter() - began) * 1000))
        for outcome, ms in outcomes:
            told = Attempt(note, self.who.user_id, case_id, move, version, outcome, ms, self.who.by_program)
            self.attempts.append(told)
        if not self.who.by_program and any(outcome == "done" for outcome, _ in outcomes):
            self._look("case_after", f"/cases/{case_id}")

    def _look(self, kind: str, address: str) -> tuple[int, bytes]:
        began = time.perf_counter()
        try:
            status, body = self._ask("GET", address)
        except (OSError, HTTPException):
            # as a browser does, where the server closed the kept connection just now
            self._drop(0)
            status, body = self._ask("GET", address)
        self.pages.append(Page(kind, (time.perf_counter() - began) * 1000, status))
        return status, body

    def _ask(self, method: str, address: str, **what: Any) -> tuple[int, bytes]:
        self._begin(method, address, **what)
        answer, body = self._end(0)
        return answer.status, body

    def _begin(
        self,
        method: str,
        address: str,
        *,
        line: int = 0,
        form: dict[str, Any] | None = None,
        told: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        connection, used_at = self._lines.get(line, (None, 0.0))
        if connection is None or time.monotonic() - used_at > _KEPT_FOR_S:
            self._drop(line)
            connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        # as nginx passes it on: sign-ins are limited by address
        sent = {"Cookie": self.cookie, "X-Forwarded-For": f"10.1.{line}.{self.who.user_id % 250}", **(headers or {})}
        if told is not None:
            sent |= {"Content-Type": "application/json"}
        elif form is not None:
            sent |= {"Content-Type": "application/x-www-form-urlencoded"}
        body = json.dumps(told) if told is not None else urlencode(form) if form is not None else None
        connection.request(method, address, body, sent)
        self._lines[line] = (connection, time.monotonic())

    def _end(self, line: int) -> tuple[HTTPResponse, bytes]:
        connection = self._lines[line][0]
        answer = connection.getresponse()
        body = answer.read()
        self._lines[line] = (connection, time.monotonic())
        self._etag = answer.headers.get("ETag", "")
        cookies = [one.partition(";")[0] for one in answer.headers.get_all("Set-Cookie") or []]
        if cookies:
            self.cookie = "; ".join(cookies)
        return answer, body

    def _drop(self, line: int) -> None:
        connection, _ = self._lines.pop(line, (None, 0.0))
        if connection is not None:
            connection.close()

    def leave(self) -> None:
        """Close what is open."""
        for line in list(self._lines):
            self._drop(line)


def _in_three_days() -> str:
    return str((datetime.now(UTC) + timedelta(days=3)).date())


def _first(pattern: re.Pattern[bytes], body: bytes) -> str:
    found = pattern.search(body)
    if found is None:
        raise RuntimeError(f"no {pattern.pattern!r} in {body[:300]!r}")
    return found[1].decode()


def _outcome(status: int, body: bytes, version: int) -> str:
    """One word for an answer; a page that was refused shows the case as it is now."""
    if status in (200, 303):
        return "done"
    if status == 412:
        return "changed"
    if status == 409:
        shown = _VERSION.search(body)
        if body.lstrip().startswith(b"{"):
            return "changed" if json.loads(body)["code"] == "conflict" else "not_possible"
        return "changed" if shown is None or int(shown[1]) != version else "not_possible"
    return {403: "not_allowed", 422: "something_missing"}.get(status, f"failed {status}")


def all_at_once(people: Sequence[Person], step: Callable[[Person], None]) -> None:
    """Let each of them do it in a thread of their own. Raises the first failure."""
    with ThreadPoolExecutor(len(people)) as pool:
        for done in [pool.submit(step, person) for person in people]:
            done.result()
