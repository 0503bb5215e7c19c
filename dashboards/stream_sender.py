"""Sending the live stream: one thread of a process writes to every open page, and waits for none of them.

A request that asks for the stream ends at once: its connection goes to the sender (``HandOver``), its thread to the
next request. The sender writes what the connection takes; what it does not take waits in the viewer's own buffer. A
viewer whose buffer is full gets, as soon as they read again, one ``resync`` for everything that was in it. An item is
written out once for all viewers who may read the same of it. Whether they still may is asked in a thread of its own,
since the records may take their time to answer.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import structlog

from dashboards.stream import (
    SESSION_ENDED,
    FeedHub,
    Item,
    StreamTerms,
    TooManyListeners,
    greeting,
    heartbeat,
    one_less,
    refuse_more,
    resync,
    told,
)
from registry.domain.errors import StoreDown

log = structlog.get_logger(__name__)

HAND_OVER = "covercode.hand_over"
"""The key in a request's environment that says: this server lets a stream have its connection."""

MOST_VIEWERS = 500
MOST_WAITING_BYTES = 256 * 1024
STUCK_S = 120.0  # who took nothing for so long is gone, or asleep and comes back by itself
# What the system buffers for a viewer is old news when they read again: little of it, and they are told sooner.
_SYSTEM_BUFFER_BYTES = 64 * 1024
_LOOK_EVERY_S = 1.0
_LAST_CALL_S = 1.0
_LAST_CHUNK = b"0\r\n\r\n"


class _Event(NamedTuple):
    """An event as it goes out, by itself and as a chunk of HTTP/1.1."""

    plain: bytes
    chunk: bytes


def _event(text: bytes) -> _Event:
    return _Event(text, b"%x\r\n%b\r\n" % (len(text), text))


_SESSION_ENDED = _event(SESSION_ENDED)


class _News(NamedTuple):
    """One item, as each audience is told of it: ``None`` to those who may not know, not there when nobody could say."""

    id: int
    by_audience: Mapping[Hashable, _Event | None]


@dataclass(slots=True, kw_only=True, eq=False)
class Viewer:
    """One open page. Everything but ``asked_s`` and ``gone`` is the sender's thread's alone once it is joined."""

    terms: StreamTerms
    most_bytes: int
    asked_s: float
    beat_s: float
    moved_s: float
    gone: bool = False
    connection: socket.socket | None = None
    chunked: bool = True
    on_end: Callable[[], None] = lambda: None
    replayed: frozenset[int] = frozenset()
    early: list[_Event] = field(default_factory=list)  # what came before the connection
    waiting: deque[bytes] = field(default_factory=deque)
    waiting_bytes: int = 0
    begun: int = 0  # bytes of the first one waiting that are sent
    lagging: bool = False

    def put(self, event: _Event) -> None:
        """Let ``event`` wait, or forget all that waits when it is too much."""
        if self.lagging:
            return
        text = event.chunk if self.chunked else event.plain
        if self.waiting_bytes + len(text) > self.most_bytes:
            self.fall_behind()
        elif self.connection is None:
            self.early.append(event)
            self.waiting_bytes += len(text)
        else:
            self.waiting.append(text)
            self.waiting_bytes += len(text)

    def fall_behind(self) -> None:
        """Keep of what waits only the rest of what is half sent; ``resync`` comes after it."""
        self.lagging = True
        rest = self.waiting[0] if self.waiting and self.begun else None
        self.waiting.clear()
        self.early.clear()
        self.waiting_bytes = 0
        if rest is not None:
            self.waiting.append(rest)
            self.waiting_bytes = len(rest)

    def send(self) -> bool:
        """Send what the connection takes; whether all of it is gone. Raises ``OSError`` when nobody is there."""
        if self.connection is None:
            return True
        while self.waiting:
            first = self.waiting[0]
            try:
                self.begun += self.connection.send(memoryview(first)[self.begun :] if self.begun else first)
            except (BlockingIOError, InterruptedError):
                return False
            self.moved_s = time.monotonic()
            if self.begun < len(first):
                return False
            self.begun = 0
            self.waiting_bytes -= len(first)
            self.waiting.popleft()
        return True


class HandOver(BaseException):
    """Ends a request whose connection the sender shall have; not an ``Exception``, so that nothing answers it."""

    def __init__(self, opened: HandedStream) -> None:
        super().__init__()
        self.opened = opened


class HandedStream:
    """The body of an answer: a greeting, and then the request's end; what follows is sent by the sender."""

    def __init__(self, sender: Sender, viewer: Viewer, first: list[_Event], replayed: frozenset[int]) -> None:
        self._sender, self._viewer, self._first, self._replayed = sender, viewer, first, replayed
        self._handed = False

    def __iter__(self) -> Iterator[bytes]:
        yield greeting()
        self._handed = True
        raise HandOver(self)

    def close(self) -> None:
        """Forget it, unless the sender has the connection by now."""
        if not self._handed:
            self._sender.leave(self._viewer)

    def give(self, connection: socket.socket, *, chunked: bool, on_end: Callable[[], None]) -> None:
        """Give the connection away. ``on_end`` is called once, in the sender's thread, when it is closed."""
        self._sender.give(
            self._viewer,
            _Connection(connection, chunked, on_end, self._first, self._replayed),
        )


class _Connection(NamedTuple):
    socket: socket.socket
    chunked: bool
    on_end: Callable[[], None]
    first: list[_Event]
    replayed: frozenset[int]


class Sender:
    """Writes to every page whose connection it was given. Its threads run while there are any."""

    def __init__(
        self, hub: FeedHub, *, most_viewers: int = MOST_VIEWERS, most_waiting_bytes: int = MOST_WAITING_BYTES
    ) -> None:
        self._hub = hub
        self._most_viewers = most_viewers
        self._most_bytes = most_waiting_bytes
        self._lock = threading.Lock()
        self._joined: set[Viewer] = set()
        self._audiences: dict[Hashable, Callable[[Item], bytes | None]] = {}
        self._in_audience: Counter[Hashable] = Counter()
        self._held: Counter[Hashable] = Counter()
        self._todo: deque[Callable[[], None]] = deque()
        self._bell: int | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._ended_s = 0.0
        # the sending thread's own
        self._selector: selectors.BaseSelector
        self._viewers: set[Viewer] = set()
        self._newest_id = 0

    @property
    def viewers(self) -> int:
        """How many pages are open."""
        with self._lock:
            return len(self._joined)

    # what other threads call

    def open(self, terms: StreamTerms) -> HandedStream:
        """Join, and fetch what the page missed.

        Raises ``TooManyListeners`` and ``StoreDown`` before anything is sent. An item may come twice; its id tells.
        """
        viewer = self._join(terms)
        try:
            missed = self._hub.missed(terms.last_id)
            first = told(missed, terms) if missed is not None else [resync(self._hub.newest_id())]
        except BaseException:
            self.leave(viewer)
            raise
        return HandedStream(self, viewer, [_event(text) for text in first], frozenset(item.id for item in missed or ()))

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer who has no connection yet."""
        self._do(partial(self._for, viewer, self._end))

    def give(self, viewer: Viewer, connection: _Connection) -> None:
        """Send to ``viewer`` over ``connection`` from now on."""
        connection.socket.setblocking(False)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SYSTEM_BUFFER_BYTES)
        if not self._do(partial(self._for, viewer, self._begin, connection)):
            connection.socket.close()
            connection.on_end()

    def offer_all(self, items: Sequence[Item]) -> None:
        """See ``dashboards.stream.Taker``; in the hub's thread."""
        with self._lock:
            audiences = list(self._audiences.items())
        news = []
        for item in items:
            by_audience: dict[Hashable, _Event | None] = {}
            for audience, tell in audiences:
                try:
                    text = tell(item)
                except StoreDown:
                    continue  # nobody knows whether they may: they load again what they may
                except Exception:
                    log.exception("stream_item_untold", kind=item.kind)
                    continue
                by_audience[audience] = None if text is None else _event(text)
            news.append(_News(item.id, by_audience))
        self._do(lambda: self._spread(news))

    def wake(self) -> None:
        """End every stream, properly."""
        self._ended_s = time.monotonic()
        self._ended.set()
        self._do(lambda: None)

    def wait_until_ended(self, most_s: float) -> None:
        """Wait until the streams have been ended after ``wake``."""
        thread = self._thread
        if thread is not None:
            thread.join(most_s)

    def _join(self, terms: StreamTerms) -> Viewer:
        now_s = time.monotonic()
        viewer = Viewer(terms=terms, most_bytes=self._most_bytes, asked_s=now_s, beat_s=now_s, moved_s=now_s)
        with self._lock:
            if len(self._joined) >= self._most_viewers or self._hub.has_ended():
                raise TooManyListeners
            refuse_more(self._held, terms.holder, terms.most)
            if self._bell is None:
                self._start()
            self._joined.add(viewer)
            self._in_audience[terms.audience] += 1
            self._held[terms.holder] += 1
            self._audiences.setdefault(terms.audience, terms.tell)
            self._todo.append(lambda: self._viewers.add(viewer))
        return viewer

    def _start(self) -> None:
        self._hub.attach(self)
        ear, bell = os.pipe()
        os.set_blocking(ear, False)
        os.set_blocking(bell, False)
        self._bell = bell
        self._thread = threading.Thread(target=self._run, args=(ear, bell), name="stream-sender", daemon=True)
        self._thread.start()
        threading.Thread(target=self._ask, args=(self._thread,), name="stream-rights", daemon=True).start()

    def _do(self, what: Callable[[], None]) -> bool:
        """Let the sending thread do it; whether there is one."""
        with self._lock:
            if self._bell is None:
                return False
            self._todo.append(what)
            with contextlib.suppress(BlockingIOError):  # it rings already
                os.write(self._bell, b"\0")
        return True

    def _ask(self, sending: threading.Thread) -> None:
        """Ask now and then who may still listen, for as long as ``sending`` runs."""
        while not self._ended.wait(_LOOK_EVERY_S) and sending.is_alive():
            with self._lock:
                due_s = time.monotonic()
                due = [viewer for viewer in self._joined if viewer.asked_s + viewer.terms.heartbeat_s <= due_s]
            for viewer in due:
                if self._ended.is_set():
                    return
                if not viewer.gone and not self._may_listen(viewer):
                    self._do(partial(self._for, viewer, self._dismiss))

    def _may_listen(self, viewer: Viewer) -> bool:
        viewer.asked_s = time.monotonic()
        try:
            return viewer.terms.may_listen()
        except StoreDown:
            return True  # it is asked again; until then nothing comes from the records either
        except Exception:
            log.exception("stream_rights_unknown")
            return False

    # the sending thread

    def _run(self, ear: int, bell: int) -> None:
        looked_s = time.monotonic()
        with selectors.DefaultSelector() as self._selector:
            self._selector.register(ear, selectors.EVENT_READ, None)
            while not self._over():
                for key, ready in self._selector.select(_LOOK_EVERY_S):
                    if key.data is None:
                        os.read(ear, 4096)
                    else:
                        self._for(key.data, self._attend, ready)
                while self._todo:
                    self._todo.popleft()()
                if time.monotonic() - looked_s >= _LOOK_EVERY_S:
                    looked_s = time.monotonic()
                    for viewer in list(self._viewers):
                        self._for(viewer, self._look_after, looked_s)
        os.close(ear)
        os.close(bell)

    def _over(self) -> bool:
        """Whether nobody is left; when the server ends, everybody is let go, as soon as their connection is here."""
        ending = self._ended.is_set()
        if ending:
            for viewer in [viewer for viewer in self._viewers if viewer.connection is not None]:
                self._for(viewer, self._end)
        with self._lock:
            if self._todo or (self._joined and not (ending and time.monotonic() > self._ended_s + _LAST_CALL_S)):
                return False
            self._bell = None
            self._hub.detach(self)
            return True

    def _for(self, viewer: Viewer, do: Callable[..., None], *more: object) -> None:
        """Do one thing for one viewer: what goes wrong with it ends their stream, never the thread of all."""
        try:
            do(viewer, *more)
        except Exception:
            log.exception("stream_viewer_failed")
            with contextlib.suppress(Exception):
                self._end(viewer)

    def _attend(self, viewer: Viewer, ready: int) -> None:
        if ready & selectors.EVENT_READ and not self._still_there(viewer):
            self._end(viewer)
        elif ready & selectors.EVENT_WRITE:
            self._flush(viewer, takes_more=True)

    def _still_there(self, viewer: Viewer) -> bool:
        try:
            return viewer.connection is not None and bool(viewer.connection.recv(4096))
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False

    def _begin(self, viewer: Viewer, given: _Connection) -> None:
        viewer.connection, viewer.chunked, viewer.on_end = given.socket, given.chunked, given.on_end
        viewer.replayed = given.replayed
        if viewer.gone:
            self._close(viewer)
            return
        early, viewer.early, viewer.waiting_bytes = viewer.early, [], 0
        viewer.moved_s = time.monotonic()
        self._selector.register(given.socket, selectors.EVENT_READ, viewer)
        if not viewer.lagging:
            for event in (*given.first, *early):
                viewer.put(event)
        self._flush(viewer)

    def _spread(self, news: Sequence[_News]) -> None:
        for item in news:
            self._newest_id = max(self._newest_id, item.id)
        for viewer in list(self._viewers):
            for item in news:
                audience = viewer.terms.audience
                if audience not in item.by_audience:
                    viewer.fall_behind()
                elif item.id not in viewer.replayed and (event := item.by_audience[audience]) is not None:
                    viewer.put(event)
            self._for(viewer, self._flush)

    def _flush(self, viewer: Viewer, *, takes_more: bool = False) -> None:
        """Send what can be sent; be called again when more can. ``takes_more``: the connection just said so."""
        if viewer.connection is None:
            return
        try:
            done = viewer.send()
            if done and viewer.lagging and takes_more:
                log.info("stream_resync")
                viewer.lagging = False
                viewer.put(_event(resync(self._newest_id)))
                done = viewer.send()
        except OSError:
            self._end(viewer)
            return
        if done:
            viewer.beat_s = viewer.moved_s
        quiet = done and not viewer.lagging
        wanted = selectors.EVENT_READ if quiet else selectors.EVENT_READ | selectors.EVENT_WRITE
        if self._selector.get_key(viewer.connection).events != wanted:
            self._selector.modify(viewer.connection, wanted, viewer)

    def _look_after(self, viewer: Viewer, now_s: float) -> None:
        if viewer.connection is None:
            return
        unsent = bool(viewer.waiting) or viewer.lagging
        if unsent and now_s - viewer.moved_s > STUCK_S:
            log.info("stream_stuck")
            self._end(viewer)
        elif not unsent and now_s - viewer.beat_s >= viewer.terms.heartbeat_s:
            viewer.put(_event(heartbeat()))
            self._flush(viewer)

    def _dismiss(self, viewer: Viewer) -> None:
        viewer.put(_SESSION_ENDED)
        self._end(viewer)

    def _end(self, viewer: Viewer) -> None:
        if viewer.gone:
            return
        viewer.gone = True
        self._viewers.discard(viewer)
        with self._lock:
            self._joined.discard(viewer)
            audience = viewer.terms.audience
            one_less(self._in_audience, audience)
            if audience not in self._in_audience:
                self._audiences.pop(audience, None)
            one_less(self._held, viewer.terms.holder)
        if viewer.connection is not None:
            self._close(viewer)

    def _close(self, viewer: Viewer) -> None:
        connection = viewer.connection
        if connection is None:
            return
        with contextlib.suppress(KeyError):  # it was never begun
            self._selector.unregister(connection)
        with contextlib.suppress(OSError):  # it is closed at the other end
            if viewer.send() and viewer.chunked:
                connection.send(_LAST_CHUNK)
            connection.shutdown(socket.SHUT_WR)
        connection.close()
        viewer.on_end()
