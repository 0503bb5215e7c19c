"""Answering boards: what a page asks for, panel by panel, each sent on as soon as it is there.

What was just answered is kept for seconds: a screen, three desks and a phone that look at one board ask once.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import structlog
from flask import current_app, request
from sqlalchemy import Engine

from dashboards.board_words import Teller
from dashboards.forms import choice, optional_int
from dashboards.login import actor, area
from dashboards.refusals import problem_at
from dashboards.site import lang, now, site, t
from registry.domain.board_check import MOST_VALUES
from registry.domain.boards import Annotation, Panel, SeriesSource, Variable
from registry.domain.errors import InvalidInput, StoreDown
from registry.queries.board_answers import answer
from registry.queries.board_values import Answer, Asked, Nothing
from registry.shapes import shaped_json

log = structlog.get_logger(__name__)

WIDTH_PX = 800
LONGEST = timedelta(days=3700)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEPT_S, _KEPT_LONGEST_S = 4.0, 60.0
_KEPT_BYTES = 32_000_000
_WAITED_S = 30.0
_EXTENSION = "covercode.board_answers"

Chosen = dict[str, list[str | int] | str | int]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a page asks: of which time, how wide its charts are, what is chosen, which panels (None: all)."""

    from_ms: int
    to_ms: int
    width_px: int = WIDTH_PX
    vars: Chosen = {}
    panels: list[str] | None = None


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """A panel that is not kept yet, asked as one of a board."""

    panel: dict[str, Any]
    from_ms: int
    to_ms: int
    width_px: int = WIDTH_PX
    vars: Chosen = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """An answer, or why there is none, and how long it took."""

    took_ms: float
    answer: Answer | None = None
    problem: Exception | None = None


def read_body(shape: Any) -> Any:
    """The JSON body as ``shape``. Raises ``InvalidInput``."""
    try:
        return shaped_json(request.get_data(), shape)
    except msgspec.DecodeError as error:
        raise InvalidInput("body", "{why}", why=str(error)[:200]) from error


def asked(question: Question | Preview, variables: Iterable[Variable] = ()) -> Asked:
    """Who asks, and for what. Raises ``InvalidInput`` for a span that makes no sense."""
    if not 0 <= question.from_ms < question.to_ms <= 4_102_444_800_000:
        raise InvalidInput("from_ms", "must be before to_ms, both in milliseconds since 1970")
    since, until = (_EPOCH + timedelta(milliseconds=ms) for ms in (question.from_ms, question.to_ms))
    if until - since > LONGEST:
        raise InvalidInput(
            "from_ms", "is more than {days} days before until; ask for a shorter span", days=LONGEST.days
        )
    if any(len(values) > MOST_VALUES for values in _listed(question.vars).values()):
        raise InvalidInput("vars", "holds too many values; at most {most}", most=MOST_VALUES)
    where = site()
    return Asked(
        engine=where.engine,
        store=where.store,
        now=now(),
        since=since,
        until=until,
        zone=where.zone,
        scope=area(),
        lang=lang(),
        width_px=max(50, min(question.width_px, 4000)),
        chosen={each.name.value: each.default for each in variables} | _listed(question.vars),
    )


def asked_by_address(variables: Iterable[Variable] = ()) -> Asked:
    """The same from the address: ``from_ms``, ``to_ms``, ``width_px``, ``vars`` as JSON. Raises ``InvalidInput``."""
    from_ms, to_ms, width_px = (optional_int(request.args, name) for name in ("from_ms", "to_ms", "width_px"))
    if from_ms is None or to_ms is None:
        raise InvalidInput("from_ms", "is missing")
    try:
        chosen = shaped_json(request.args.get("vars") or "{}", Chosen)
    except msgspec.DecodeError as error:
        raise InvalidInput("vars", "{why}", why=str(error)[:200]) from error
    question = Question(from_ms=from_ms, to_ms=to_ms, width_px=width_px or WIDTH_PX, vars=chosen)
    return asked(question, variables)


def marks_asked_for(usual: Sequence[Annotation] = ()) -> tuple[Annotation, ...]:
    """What is to be marked: the ``kinds`` that the address names, or the usual ones. Raises ``InvalidInput``."""
    if "kinds" not in request.args:
        return tuple(usual)
    words = [word for word in request.args["kinds"].split(",") if word]
    return tuple(Annotation(word) for word in words if choice({"kinds": word}, "kinds", Annotation))


def _listed(given: Chosen) -> dict[str, tuple[str | int, ...]]:
    return {name: tuple(value) if isinstance(value, list) else (value,) for name, value in given.items()}


def lines(panels: Iterable[Panel], who: Asked) -> Iterator[bytes]:
    """One line of JSON for each panel that is of something: first those that were answered a moment ago, then the
    others in their order, each as soon as it is answered."""
    return (_line(panel, body) for panel, body in _bodies(panels, who))


def answered(panels: Sequence[Panel], who: Asked) -> list[msgspec.Raw]:
    """All answers at once, in the order of the panels."""
    found = {panel.id: msgspec.Raw(_line(panel, body)) for panel, body in _bodies(panels, who)}
    return [found[panel.id] for panel in panels if panel.id in found]


def _bodies(panels: Iterable[Panel], who: Asked) -> Iterator[tuple[Panel, bytes]]:
    """One panel after the other, in the thread that asks: two at a time only hand Python's lock to and fro, which took
    longer for all of them than for each in turn."""
    teller, kept = Teller(), _kept()
    waiting = []
    for panel in panels:
        if panel.source is None:
            continue
        key = _key(panel, who)
        body = kept.get(key)
        if body is None:
            waiting.append((panel, key))
        else:
            yield panel, body
    for panel, key in waiting:
        yield panel, kept.made(key, partial(_made, panel, who, teller))


def _made(panel: Panel, who: Asked, teller: Teller) -> tuple[bytes, float | None]:
    """A panel's answer, and what it cost (ms) where it is one to be kept."""
    done = _answered(panel, who)
    return told(done, who, teller), done.took_ms if done.problem is None else None


def one(panel: Panel, who: Asked) -> tuple[bytes, _Done]:
    """The line of one panel, and what it was made of."""
    done = _answered(panel, who)
    return _line(panel, told(done, who, Teller())), done


def packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces as one gzip stream, each flushed so that it can be used as soon as it arrives."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for piece in pieces:
        yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


def told(done: _Done, who: Asked, teller: Teller) -> bytes:
    """An answer as the JSON of its line, without the panel: ``,"at":…}``."""
    head = {
        "at": who.now.isoformat(),
        "took_ms": round(done.took_ms, 1),
        "from_ms": who.since_ms,
        "to_ms": who.until_ms,
    }
    body = teller.plain(done.answer) if done.problem is None else {"problem": _problem(done.problem)}
    return b"," + msgspec.json.encode(head | body)[1:]


def _problem(problem: Exception) -> dict[str, str]:
    if isinstance(problem, Nothing):
        return {"code": problem.code, "text": t(f"board.problem.{problem.code}")}
    if isinstance(problem, InvalidInput):
        return {"code": "invalid_input", "text": f"{problem.field}: {problem_at(problem)}"}
    code = "store_down" if isinstance(problem, StoreDown) else "internal"
    return {"code": code, "text": t(f"board.problem.{code}")}


def _answered(panel: Panel, who: Asked) -> _Done:
    """One panel's answer; a mistake in one panel never takes the others with it."""
    began_s = time.perf_counter()
    found: Answer | None = None
    problem: Exception | None = None
    try:
        found = answer(panel, who)
    except (Nothing, InvalidInput, StoreDown) as error:
        problem = error
    except Exception as error:
        log.exception("panel_failed", panel=panel.id, kind=panel.kind)
        problem = error
    return _Done(took_ms=(time.perf_counter() - began_s) * 1000, answer=found, problem=problem)


def _line(panel: Panel, body: bytes) -> bytes:
    return b'{"panel":%s,"kind":"%s"' % (msgspec.json.encode(panel.id), panel.kind.encode()) + body + b"\n"


def _key(panel: Panel, who: Asked) -> bytes:
    """What an answer depends on: nobody sees the difference of half a thousandth of the span."""
    step = max(1_000, (who.until_ms - who.since_ms) // 2_000)
    width = -(-who.width_px // 100) if isinstance(panel.source, SeriesSource) else 0
    # a page that the visitor may not open is no link in the answer
    rest = (panel.kind, panel.options.spark, panel.options.limit, who.scope, who.lang, actor().role, width)
    return msgspec.json.encode((panel.source, *rest, who.since_ms // step, who.until_ms // step, _sorted(who.chosen)))


def _sorted(chosen: Mapping[str, Sequence[str | int]]) -> list[tuple[str, list[str]]]:
    return sorted((name, sorted(map(str, values))) for name, values in chosen.items() if values)


class KeptAnswers:
    """Answers of the last seconds, the oldest given up first. Safe for several threads."""

    def __init__(self, most_bytes: int = _KEPT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._held: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0
        self._making: dict[bytes, threading.Event] = {}

    def made(self, key: bytes, make: Callable[[], tuple[bytes, float | None]]) -> bytes:
        """The answer, made once however many ask for it at the same time: all pages that look at a board hear of an
        event in the same moment. ``make`` answers it and what it cost (ms), or None where it is not to be kept."""
        with self._lock:
            others = self._making.get(key)
            mine = threading.Event()
            if others is None:
                self._making[key] = mine
        if others is not None:
            others.wait(_WAITED_S)
        try:
            body = self.get(key)
            if body is None:
                body, took_ms = make()
                if took_ms is not None:
                    self.put(key, body, took_ms)
            return body
        finally:
            if others is None:
                with self._lock:
                    del self._making[key]
                mine.set()

    def get(self, key: bytes) -> bytes | None:
        """The answer, while it is fresh."""
        with self._lock:
            found = self._held.get(key)
        return found[1] if found is not None and found[0] > time.monotonic() else None

    def put(self, key: bytes, body: bytes, took_ms: float) -> None:
        """Keep an answer the longer the more it cost."""
        kept_s = min(max(_KEPT_S, took_ms / 50), _KEPT_LONGEST_S)
        with self._lock:
            former = self._held.pop(key, None)
            # the question counts too: what is chosen may be longer than what there is to say
            self._bytes += len(key) + len(body) - (0 if former is None else len(key) + len(former[1]))
            self._held[key] = (time.monotonic() + kept_s, body)
            while self._bytes > self._most_bytes and self._held:
                asked_for, (_, gone) = self._held.popitem(last=False)
                self._bytes -= len(asked_for) + len(gone)


def _kept() -> KeptAnswers:
    """The answers that are kept of this site's records."""
    of_records: WeakKeyDictionary[Engine, KeptAnswers]
    of_records = current_app.extensions.setdefault(_EXTENSION, WeakKeyDictionary())
    return of_records.setdefault(site().engine, KeptAnswers())
