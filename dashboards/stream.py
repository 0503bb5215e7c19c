"""The live stream: one thread reads the feed while somebody listens, and hands each item to every open page.

A page never misses an item without being told: it names the last id it knows, gets what it missed, then what is new.
Who missed too much, or reads too slowly, gets ``resync`` (load the page's figures again) and never holds up the others.
How items reach the pages of our own server, one thread for all of them, is in ``dashboards.stream_sender``; on a server
that can't give a connection away, each page keeps a thread busy with ``open_stream``.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec
import structlog
from sqlalchemy import Engine

from registry.domain.errors import StoreDown
from registry.queries import feed as feed_queries

log = structlog.get_logger(__name__)

REPLAY_LIMIT = 200
QUEUE_SIZE = 256
# Two writers of PostgreSQL may commit their ids in the other order; a little of what was read is looked at again.
OVERLAP = 32
RETRY_MS = 2000
MOST_OF_ONE = 8
"""Streams that one link may have open in a process: what got into the wrong hands must not take every place."""
MOST_OF_PERSON = 20
"""Streams that one account may have open in a process, with its tokens: a browser with many tabs, a row of screens."""


class Item(Protocol):
    """One thing that happened, as ``registry.queries.feed`` gives it."""

    @property
    def id(self) -> int:
        """Grows with time."""

    @property
    def at(self) -> datetime:
        """When it happened."""

    @property
    def kind(self) -> str:
        """Which sort of event; becomes the event's name."""

    @property
    def body(self) -> dict[str, object]:
        """What a list row needs of it."""

    @property
    def area_code(self) -> str | None:
        """Where it lies; None: it is of no place, and for all."""


class Feed(Protocol):
    """Where items come from."""

    def since(self, last_id: int, limit: int) -> Sequence[Item]:
        """At most ``limit`` items with an id above ``last_id``, oldest first."""

    def newest_id(self) -> int:
        """The highest id there is; 0 when there is none."""


class RecordsFeed:
    """The feed of the records database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def since(self, last_id: int, limit: int) -> Sequence[Item]:
        """See ``Feed.since``."""
        return feed_queries.since(self._engine, last_id, limit)

    def newest_id(self) -> int:
        """See ``Feed.newest_id``."""
        return feed_queries.newest_id(self._engine)


class TooManyListeners(Exception):
    """As many streams are open as there are threads or connections to spare; ask again for the figures instead."""


class TooManyOfOne(TooManyListeners):
    """Whoever asks has as many streams open as one may have; there is room for others."""


class Taker(Protocol):
    """Who takes what the hub hands out, without ever making it wait."""

    def offer_all(self, items: Sequence[Item]) -> None:
        """What one look at the feed found, oldest first."""

    def wake(self) -> None:
        """The server ends."""


class Listener:
    """One open page's queue: bounded; when it overflows, everything waiting in it gives way to one resync."""

    def __init__(self, size: int, holder: Hashable = None) -> None:
        self.holder = holder
        self._queue: queue.Queue[Item | None] = queue.Queue(size)
        self._lagging = threading.Event()

    def offer(self, item: Item) -> None:
        """Hand over an item without ever waiting."""
        if self._lagging.is_set():
            return
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self._lagging.set()

    def offer_all(self, items: Sequence[Item]) -> None:
        """See ``Taker.offer_all``."""
        for item in items:
            self.offer(item)

    def wake(self) -> None:
        """Let ``take`` return at once, for the end of the server."""
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            self._lagging.set()

    def take(self, timeout_s: float) -> Item | None:
        """The next item, or ``None`` after ``timeout_s`` without one (or when woken)."""
        try:
            return self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def fell_behind(self) -> bool:
        """Whether items were lost since the last call; empties the queue when so."""
        if not self._lagging.is_set():
            return False
        while True:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                self._lagging.clear()
                return True


class FeedHub:
    """Reads the feed every ``every_s`` seconds while there are listeners, in one thread for all of them."""

    def __init__(
        self, feed: Feed, *, every_s: float = 0.4, most_listeners: int = 48, queue_size: int = QUEUE_SIZE
    ) -> None:
        self._feed = feed
        self._every_s = every_s
        self._most_listeners = most_listeners
        self._queue_size = queue_size
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._held: Counter[Hashable] = Counter()
        self._takers: set[Taker] = set()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def has_ended(self) -> bool:
        """Whether the server is ending."""
        return self._stop.is_set()

    @property
    def listening(self) -> int:
        """How many streams keep a thread of theirs busy."""
        with self._lock:
            return len(self._listeners)

    @property
    def reading(self) -> bool:
        """Whether the feed is being read: from the first listener until shortly after the last."""
        with self._lock:
            return self._thread is not None and self._thread.is_alive()

    def newest_id(self) -> int:
        """The highest id in the feed now."""
        return self._feed.newest_id()

    def missed(self, last_id: int) -> Sequence[Item] | None:
        """What came after ``last_id``, or ``None`` when it is more than ``REPLAY_LIMIT`` items."""
        items = self._feed.since(last_id, REPLAY_LIMIT + 1)
        return None if len(items) > REPLAY_LIMIT else items

    def join(self, holder: Hashable = None, most: int = MOST_OF_ONE) -> Listener:
        """A new listener, which gets every item that comes from now on.

        Raises ``TooManyListeners``; ``TooManyOfOne`` where ``holder`` has ``most`` already.
        """
        listener = Listener(self._queue_size, holder)
        with self._lock:
            if len(self._listeners) >= self._most_listeners:
                raise TooManyListeners
            refuse_more(self._held, holder, most)
            self._read_from_now_on()
            self._listeners.add(listener)
            self._held[holder] += 1
        return listener

    def leave(self, listener: Listener) -> None:
        """Forget a listener; the thread ends after the last one."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.discard(listener)
                one_less(self._held, listener.holder)

    def attach(self, taker: Taker) -> None:
        """Hand every item that comes from now on to ``taker`` too."""
        with self._lock:
            self._read_from_now_on()
            self._takers.add(taker)

    def detach(self, taker: Taker) -> None:
        """Forget a taker."""
        with self._lock:
            self._takers.discard(taker)

    def _read_from_now_on(self) -> None:
        if self._thread is None:
            # What is there before the thread looks first is the listener's own replay.
            position = self._feed.newest_id()
            self._thread = threading.Thread(target=self._run, args=(position,), name="feed-hub", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End every stream: listeners wake and see ``has_ended``. Safe to call from a signal handler's thread."""
        self._stop.set()
        with self._lock:
            takers = [*self._listeners, *self._takers]
        for taker in takers:
            taker.wake()

    def _run(self, position: int) -> None:
        seen = {item.id for item in self._look(position - OVERLAP) or () if item.id <= position}
        down = False
        while not self._stop.wait(self._every_s):
            with self._lock:
                if not self._listeners and not self._takers:
                    self._thread = None
                    return
            items = self._look(position - OVERLAP, known_down=down)
            if (items is None) != down:
                down = items is None
                log.warning("feed_unreadable") if down else log.info("feed_readable_again")
            fresh = [item for item in items or () if item.id not in seen]
            if fresh:
                self._hand_out(fresh)
                seen.update(item.id for item in fresh)
                position = max(position, fresh[-1].id)
            seen = {number for number in seen if number > position - 2 * OVERLAP}

    def _look(self, after: int, *, known_down: bool = False) -> Sequence[Item] | None:
        try:
            return self._feed.since(max(0, after), REPLAY_LIMIT + OVERLAP)
        except StoreDown:
            return None
        except Exception:
            # the one thread of all pages: if it ended, they would hear nothing any more, which looks like peace
            if not known_down:
                log.exception("feed_unread")
            return None

    def _hand_out(self, items: Sequence[Item]) -> None:
        with self._lock:
            takers = [*self._listeners, *self._takers]
        for taker in takers:
            taker.offer_all(items)


def encode(item: Item) -> bytes:
    """One item as a server-sent event: its id, its kind as the event's name, itself as JSON."""
    data = msgspec.json.encode({"id": item.id, "at": item.at, "kind": item.kind, "body": item.body})
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (item.id, item.kind.encode(), data)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTerms:
    """One stream: the id its page knows, how long it may be silent, whether its visitor may still listen, to what.

    ``tell`` gives an item as this visitor may read it, ``None`` when they may not; who has the same ``audience`` is
    told the same. Both may ask the records. ``holder``: whose stream it is; nobody may have more than ``most``. None:
    there is no such bound.
    """

    last_id: int
    heartbeat_s: float
    may_listen: Callable[[], bool]
    audience: Hashable = ""
    tell: Callable[[Item], bytes | None] = encode
    holder: Hashable = None
    most: int = MOST_OF_ONE


SESSION_ENDED = b"event: session_ended\ndata: {}\n\n"


def greeting() -> bytes:
    """What a stream begins with."""
    return f"retry: {RETRY_MS}\n: connected\n\n".encode() + heartbeat()


def heartbeat() -> bytes:
    """That the stream is alive, which its page can't know otherwise, and the time: a desk's clock may be wrong."""
    return b'event: heartbeat\ndata: {"at_ms":%d}\n\n' % (time.time() * 1000)


def resync(newest_id: int) -> bytes:
    """What tells a page to load its figures again; they hold what happened up to ``newest_id``."""
    return b'id: %d\nevent: resync\ndata: {"newest_id":%d}\n\n' % (newest_id, newest_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStream:
    """A stream that has begun: send ``chunks``, and call ``close`` when the connection is gone, begun or not."""

    chunks: Iterator[bytes]
    close: Callable[[], None]


def open_stream(hub: FeedHub, terms: StreamTerms) -> OpenStream:
    """Join the hub and fetch what the page missed.

    Raises ``TooManyListeners`` and ``StoreDown`` before anything is sent.
    An item may come twice (from the replay of one page and from the hub); its id tells.
    """
    listener = hub.join(terms.holder, terms.most)
    try:
        missed = hub.missed(terms.last_id)
        first = told(missed, terms) if missed is not None else [resync(hub.newest_id())]
    except BaseException:
        hub.leave(listener)
        raise
    replayed = {item.id for item in missed or ()}
    return OpenStream(
        chunks=_chunks(hub, listener, terms, first=first, replayed=replayed), close=lambda: hub.leave(listener)
    )


def refuse_more(held: Counter[Hashable], holder: Hashable, most: int) -> None:
    """Raise ``TooManyOfOne`` when ``holder`` has ``most`` streams open."""
    if holder is not None and held[holder] >= most:
        raise TooManyOfOne


def one_less(held: Counter[Hashable], holder: Hashable) -> None:
    """Take one stream of ``holder`` off the count."""
    held[holder] -= 1
    if not held[holder]:
        del held[holder]


def told(items: Sequence[Item], terms: StreamTerms) -> list[bytes]:
    """Those of ``items`` that this visitor may read, as events."""
    return [event for event in map(terms.tell, items) if event is not None]


def _chunks(
    hub: FeedHub, listener: Listener, terms: StreamTerms, *, first: list[bytes], replayed: set[int]
) -> Iterator[bytes]:
    try:
        yield greeting()
        yield from first
        yield from _live(hub, listener, terms, replayed)
    finally:
        hub.leave(listener)


def _live(hub: FeedHub, listener: Listener, terms: StreamTerms, replayed: set[int]) -> Iterator[bytes]:
    asked_s = time.monotonic()
    while not hub.has_ended():
        item = listener.take(terms.heartbeat_s)
        if hub.has_ended():
            return
        if item is None or time.monotonic() - asked_s >= terms.heartbeat_s:  # also where something happens all the time
            asked_s = time.monotonic()
            if not terms.may_listen():
                yield SESSION_ENDED
                return
            yield heartbeat()
        if listener.fell_behind():
            log.info("stream_resync")
            yield resync(hub.newest_id())
        elif item is not None and item.id not in replayed and (event := terms.tell(item)) is not None:
            yield event
