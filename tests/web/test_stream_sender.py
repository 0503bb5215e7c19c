"""One thread sends to every page: nobody waits for anybody, and nothing is lost without a word."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from dashboards.stream import (
    MOST_OF_ONE,
    FeedHub,
    Item,
    RecordsFeed,
    StreamTerms,
    TooManyListeners,
    TooManyOfOne,
    encode,
    open_stream,
)
from dashboards.stream_sender import HandOver, Sender
from registry.domain.errors import StoreDown
from registry.queries.feed import newest_id
from tests.web.test_stream import DEADLINE_S, Flaky, happen, wait_until


@pytest.fixture
def hub(engine: Engine) -> Iterator[FeedHub]:
    made = FeedHub(RecordsFeed(engine), every_s=0.02)
    yield made
    made.close()
    wait_until(lambda: not made.reading)


class Page:
    """A browser's page over a connection that was given away."""

    def __init__(
        self,
        sender: Sender,
        terms: StreamTerms,
        *,
        chunked: bool = False,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(DEADLINE_S)
        self.ended = threading.Event()
        self.heard = b""
        opened = sender.open(terms)
        body = iter(opened)
        self.heard = next(body)
        with pytest.raises(HandOver):
            next(body)
        opened.close()
        opened.give(theirs, chunked=chunked, on_end=on_end or self.ended.set)

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def read_until(self, text: bytes) -> bytes:
        while text not in self.heard:
            more = self.socket.recv(65536)
            assert more, self.heard
            self.heard += more
        return self.heard

    def rest(self) -> bytes:
        return self.heard + b"".join(iter(lambda: self.socket.recv(65536), b""))


def terms(
    last_id: int = 0,
    *,
    may_listen: Callable[[], bool] = lambda: True,
    heartbeat_s: float = 60.0,
    audience: str = "",
    tell: Callable[[Item], bytes | None] = encode,
    holder: str | None = None,
) -> StreamTerms:
    return StreamTerms(
        last_id=last_id, heartbeat_s=heartbeat_s, may_listen=may_listen, audience=audience, tell=tell, holder=holder
    )


def test_each_page_gets_what_it_missed_and_then_what_comes_once(hub: FeedHub, engine: Engine) -> None:
    sender = Sender(hub)
    happen(engine, "known")
    known = newest_id(engine)
    happen(engine, "missed")
    with Page(sender, terms(known)) as first, Page(sender, terms(0)) as second:
        happen(engine, "new")
        happen(engine, "last")
        for page in (first, second):
            page.read_until(b'"last"')
            assert page.heard.count(b'"missed"') == page.heard.count(b'"new"') == 1
            assert page.heard.index(b'"missed"') < page.heard.index(b'"new"')
        assert b'"known"' in second.heard
        assert b'"known"' not in first.heard
    wait_until(lambda: sender.viewers == 0)
    assert first.ended.wait(DEADLINE_S)
    assert second.ended.wait(DEADLINE_S)


def test_an_item_is_written_out_once_for_all_who_may_read_the_same(hub: FeedHub, engine: Engine) -> None:
    sender = Sender(hub)
    written: list[int] = []

    def tell(item: Item) -> bytes:
        written.append(item.id)
        return encode(item)

    def tell_nothing(item: Item) -> None:
        return None

    pages = [Page(sender, terms(tell=tell)) for _ in range(5)]
    other = Page(sender, terms(audience="320508", tell=tell_nothing))
    happen(engine, "one", "two")
    for page in pages:
        page.read_until(b'"two"')
    assert len(written) == 2
    hub.close()
    assert b"event: case_opened" not in other.rest()
    for page in [*pages, other]:
        page.socket.close()


def test_who_stops_reading_holds_nobody_up_and_is_told_to_load_again(hub: FeedHub, engine: Engine) -> None:
    sender = Sender(hub, most_waiting_bytes=20_000)
    long = "x" * 5_000
    with Page(sender, terms()) as slow, Page(sender, terms()) as quick:
        for number in range(100):
            happen(engine, f"n{number:02}{long}")
            quick.read_until(f"n{number:02}x".encode())
        assert b"resync" not in quick.heard
        slow.read_until(b"event: resync")
        assert b"n99x" not in slow.heard  # it is among what the figures tell that are loaded again
        happen(engine, "after")
        assert slow.read_until(b'"after"').endswith(b"\n\n")


def test_an_event_that_was_half_sent_is_sent_to_its_end(hub: FeedHub, engine: Engine) -> None:
    sender = Sender(hub, most_waiting_bytes=600_000)
    with Page(sender, terms(), chunked=True) as page:
        for number in range(4):
            happen(engine, f"n{number}" + "x" * 400_000)
        page.read_until(b"event: resync")
        hub.close()
        body = unchunked(GREETED.sub(b"", page.rest()))
    events = [event for event in body.split(b"\n\n") if event]
    assert all(event.startswith(b"id: ") and event.endswith(b"}") for event in events)
    assert b"event: resync" in events[-1]


GREETED = re.compile(rb"^retry: 2000\n: connected\n\nevent: heartbeat\ndata: [^\n]+\n\n")


def unchunked(body: bytes) -> bytes:
    """The content of a body in chunks; fails where one is cut off or has not the length it says."""
    content = b""
    while body != b"0\r\n\r\n":
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        content, end, body = content + body[:length], body[length : length + 2], body[length + 2 :]
        assert end == b"\r\n"
    return content


def test_silence_is_broken_by_heartbeats(hub: FeedHub) -> None:
    with Page(Sender(hub), terms(heartbeat_s=0.05)) as page:
        page.heard = b""
        page.read_until(b"event: heartbeat\n")


def test_the_stream_ends_with_the_right_to_listen(hub: FeedHub) -> None:
    sender = Sender(hub)
    with Page(sender, terms(heartbeat_s=0.05, may_listen=lambda: False), chunked=True) as page:
        assert page.rest().endswith(b"event: session_ended\ndata: {}\n\n\r\n0\r\n\r\n")
        assert page.ended.wait(DEADLINE_S)
    assert sender.viewers == 0


def test_records_that_do_not_tell_who_may_listen_end_nothing(hub: FeedHub, engine: Engine) -> None:
    asked = threading.Event()

    def unknown() -> bool:
        asked.set()
        raise StoreDown("away")

    with Page(Sender(hub), terms(heartbeat_s=0.05, may_listen=unknown)) as page:
        assert asked.wait(DEADLINE_S)
        happen(engine, "still here")
        page.read_until(b'"still here"')


def test_whom_nobody_knows_what_they_may_read_loads_again(hub: FeedHub, engine: Engine) -> None:
    def unknown(item: Item) -> bytes:
        raise StoreDown("away")

    with Page(Sender(hub), terms(audience="320508", tell=unknown)) as page:
        happen(engine, "secret")
        assert b"secret" not in page.read_until(b"event: resync")


def test_what_goes_wrong_with_one_page_ends_no_other(hub: FeedHub, engine: Engine) -> None:
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise RuntimeError("the connection is not what it was")

    def tell_nobody(item: Item) -> bytes:
        raise LookupError(item.id)

    sender = Sender(hub)
    with Page(sender, terms()) as other, Page(sender, terms(audience="320508", tell=tell_nobody)) as puzzled:
        bad = Page(sender, terms(), on_end=fail)
        bad.socket.close()
        assert failed.wait(DEADLINE_S)
        happen(engine, "still here")
        other.read_until(b'"still here"')
        assert b"still here" not in puzzled.read_until(b"event: resync")
        assert sender.viewers == 2


def test_pages_that_come_and_go_leave_no_thread_behind(hub: FeedHub) -> None:
    sender, before = Sender(hub), set(threading.enumerate())
    for _ in range(5):
        Page(sender, terms()).socket.close()
        wait_until(lambda: sender.viewers == 0)
    with Page(sender, terms()):
        wait_until(lambda: [each.name for each in set(threading.enumerate()) - before].count("stream-rights") == 1)


def test_a_stream_that_never_began_is_forgotten(hub: FeedHub) -> None:
    sender = Sender(hub)
    sender.open(terms()).close()
    wait_until(lambda: sender.viewers == 0)


def test_a_stream_is_refused_when_there_are_enough_and_when_the_records_are_away(engine: Engine) -> None:
    feed = Flaky(RecordsFeed(engine))
    hub = FeedHub(feed, every_s=0.02)
    sender = Sender(hub, most_viewers=1)
    with Page(sender, terms()), pytest.raises(TooManyListeners):
        sender.open(terms())
    wait_until(lambda: sender.viewers == 0)
    happen(engine, "something")
    feed.down = True
    with pytest.raises(StoreDown):
        sender.open(terms())
    wait_until(lambda: sender.viewers == 0)
    hub.close()


def test_one_link_never_takes_the_places_of_all(hub: FeedHub) -> None:
    sender = Sender(hub, most_viewers=MOST_OF_ONE + 2)
    pages = [Page(sender, terms(holder="leaked")) for _ in range(MOST_OF_ONE)]
    with pytest.raises(TooManyOfOne):
        sender.open(terms(holder="leaked"))
    pages += [Page(sender, terms(holder="another")), Page(sender, terms())]
    for page in pages:
        page.socket.close()
    wait_until(lambda: sender.viewers == 0)
    Page(sender, terms(holder="leaked")).socket.close()
    # and on a server that keeps a thread for each
    streams = [open_stream(hub, terms(holder="leaked")) for _ in range(MOST_OF_ONE)]
    with pytest.raises(TooManyOfOne):
        open_stream(hub, terms(holder="leaked"))
    for stream in streams:
        stream.close()
        stream.close()
    open_stream(hub, terms(holder="leaked")).close()


def test_pages_come_again_after_everybody_has_left(hub: FeedHub, engine: Engine) -> None:
    sender = Sender(hub)
    Page(sender, terms()).socket.close()
    wait_until(lambda: not hub.reading)
    with Page(sender, terms(newest_id(engine))) as page:
        happen(engine, "again")
        page.read_until(b'"again"')


def test_the_end_of_the_server_ends_every_stream_properly(hub: FeedHub) -> None:
    sender = Sender(hub)
    pages = [Page(sender, terms(), chunked=True) for _ in range(3)]
    hub.close()
    sender.wait_until_ended(DEADLINE_S)
    for page in pages:
        with page:
            assert page.rest().endswith(b"0\r\n\r\n")
            assert page.ended.is_set()
