"""The hub over a real feed table: nothing is missed, nobody holds up the others."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import pytest
from sqlalchemy import Engine, update

from dashboards.stream import (
    MOST_OF_PERSON,
    QUEUE_SIZE,
    REPLAY_LIMIT,
    FeedHub,
    Item,
    Listener,
    OpenStream,
    RecordsFeed,
    StreamTerms,
    TooManyListeners,
    open_stream,
)
from registry.domain.errors import StoreDown
from registry.domain.kinds import Role
from registry.queries.feed import FeedItem, newest_id
from registry.services.feed import FeedKind, publish, publish_all
from registry.storage.database import writing
from registry.storage.tables import case as case_file
from registry.storage.tables import user
from tests.things import put
from tests.web.conftest import NOON, Web

DEADLINE_S = 60.0


def happen(engine: Engine, *names: str) -> None:
    with writing(engine) as tx:
        publish_all(tx, FeedKind.CASE_OPENED, [{"asset_name": name} for name in names], now=NOON)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline, "did not happen in time"
        threading.Event().wait(0.01)


@pytest.fixture
def hub(engine: Engine) -> Iterator[FeedHub]:
    made = FeedHub(RecordsFeed(engine), every_s=0.02)
    yield made
    made.close()
    wait_until(lambda: not made.reading)


def join(hub: FeedHub, last_id: int, *, may_listen: bool = True, heartbeat_s: float = 0.05) -> OpenStream:
    return open_stream(hub, StreamTerms(last_id=last_id, heartbeat_s=heartbeat_s, may_listen=lambda: may_listen))


def events(stream: OpenStream, count: int) -> list[str]:
    """The next ``count`` events, without heartbeats and greeting."""
    told = (chunk.decode() for chunk in stream.chunks)
    return list(islice((chunk for chunk in told if "\nevent: " in chunk and "event: heartbeat" not in chunk), count))


def test_an_event_reaches_every_open_page_with_its_id_and_kind(hub: FeedHub, engine: Engine) -> None:
    first, second = join(hub, 0), join(hub, 0)
    happen(engine, "井盖")
    for stream in (first, second):
        (told,) = events(stream, 1)
        assert told.startswith(f"id: {newest_id(engine)}\nevent: case_opened\ndata: {{")
        assert '"asset_name":"井盖"' in told
        assert told.endswith("\n\n")
        stream.close()


def test_what_happened_between_the_page_and_its_stream_is_replayed_once(hub: FeedHub, engine: Engine) -> None:
    happen(engine, "seen")
    known = newest_id(engine)
    happen(engine, "missed 1", "missed 2")
    stream = join(hub, known)
    happen(engine, "new")
    told = events(stream, 3)
    assert ["missed 1" in told[0], "missed 2" in told[1], "new" in told[2]] == [True] * 3
    stream.close()


def test_who_missed_too_much_is_told_to_load_again(hub: FeedHub, engine: Engine) -> None:
    happen(engine, *("x" * (REPLAY_LIMIT + 1)))
    stream = join(hub, 0)
    newest = newest_id(engine)
    assert events(stream, 1) == [f'id: {newest}\nevent: resync\ndata: {{"newest_id":{newest}}}\n\n']
    happen(engine, "new")
    assert "new" in events(stream, 1)[0]
    stream.close()


def test_a_slow_page_gets_a_resync_and_the_others_everything(engine: Engine) -> None:
    hub = FeedHub(RecordsFeed(engine), every_s=0.02, queue_size=5)
    slow, quick = join(hub, 0), join(hub, 0)
    seen: list[str] = []
    for number in range(12):
        happen(engine, f"n{number:02}")
        seen += events(quick, 1)
    assert [f"n{number:02}" in told for number, told in enumerate(seen)] == [True] * 12
    assert "event: resync" in events(slow, 1)[0]
    happen(engine, "after")
    assert "after" in events(slow, 1)[0]
    slow.close()
    quick.close()
    hub.close()


def test_a_full_queue_never_waits() -> None:
    listener = Listener(2)

    for number in range(5):
        listener.offer(FeedItem(id=number, at=NOON, kind="case_opened", body={}))
    assert listener.fell_behind()
    assert not listener.fell_behind()
    assert listener.take(0.01) is None


def test_silence_is_broken_by_heartbeats(hub: FeedHub) -> None:
    stream = join(hub, 0)
    before_ms = time.time() * 1000
    beats = list(islice(stream.chunks, 3))
    assert beats[0].startswith(b"retry: 2000\n: connected\n\nevent: heartbeat\n")
    for beat in beats:
        told = re.search(rb'event: heartbeat\ndata: {"at_ms":(\d+)}\n\n$', beat)
        assert told is not None
        assert int(told[1]) >= int(before_ms)
    stream.close()


def test_the_stream_ends_with_the_sign_in(hub: FeedHub) -> None:
    chunks = list(join(hub, 0, may_listen=False).chunks)
    assert chunks[-1] == b"event: session_ended\ndata: {}\n\n"
    assert hub.listening == 0


def test_the_feed_is_read_only_while_somebody_listens(hub: FeedHub) -> None:
    assert not hub.reading
    stream = join(hub, 0)
    assert hub.reading
    stream.close()
    wait_until(lambda: not hub.reading)
    again = join(hub, 0)
    assert hub.reading
    again.close()


def test_a_stream_that_never_began_is_forgotten_too(hub: FeedHub) -> None:
    join(hub, 0).close()
    assert hub.listening == 0


def test_there_are_only_so_many_streams(engine: Engine) -> None:
    hub = FeedHub(RecordsFeed(engine), every_s=0.02, most_listeners=2)
    streams = [join(hub, 0), join(hub, 0)]
    with pytest.raises(TooManyListeners):
        join(hub, 0)
    streams[0].close()
    streams.append(join(hub, 0))
    for stream in streams:
        stream.close()
    hub.close()


def test_ending_the_server_ends_every_stream_at_once(hub: FeedHub) -> None:
    stream = join(hub, 0, heartbeat_s=60.0)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.extend(stream.chunks))
    reader.start()
    wait_until(lambda: bool(got))
    hub.close()
    reader.join(timeout=DEADLINE_S)
    assert not reader.is_alive()


class Flaky:
    """A feed that can't be read for a while."""

    def __init__(self, real: RecordsFeed, *, problem: Exception | None = None) -> None:
        self.real, self.down, self.refused = real, False, 0
        self.problem = problem or StoreDown("away")

    def since(self, last_id: int, limit: int) -> Sequence[Item]:
        if self.down:
            self.refused += 1
            raise self.problem
        return self.real.since(last_id, limit)

    def newest_id(self) -> int:
        return self.real.newest_id()


@pytest.mark.parametrize("problem", [StoreDown("away"), ValueError("no JSON")], ids=["away", "unreadable"])
def test_what_happens_while_the_feed_can_not_be_read_comes_when_it_can(engine: Engine, problem: Exception) -> None:
    feed = Flaky(RecordsFeed(engine), problem=problem)
    hub = FeedHub(feed, every_s=0.02)
    stream = join(hub, 0)
    feed.down = True
    wait_until(lambda: feed.refused > 2)
    happen(engine, "meanwhile")
    feed.down = False
    assert "meanwhile" in events(stream, 1)[0]
    stream.close()
    hub.close()


class Shuffled:
    """A feed in which a lower id becomes visible after a higher one, as two writers of PostgreSQL may make it."""

    def __init__(self, real: RecordsFeed) -> None:
        self.real, self.hidden = real, 0

    def since(self, last_id: int, limit: int) -> Sequence[Item]:
        return [item for item in self.real.since(last_id, limit) if item.id != self.hidden]

    def newest_id(self) -> int:
        return self.real.newest_id()


def test_an_id_that_is_committed_late_is_not_missed(engine: Engine) -> None:
    feed = Shuffled(RecordsFeed(engine))
    hub = FeedHub(feed, every_s=0.02)
    stream = join(hub, newest_id(engine))
    feed.hidden = newest_id(engine) + 1
    happen(engine, "late", "early")
    assert "early" in events(stream, 1)[0]
    feed.hidden = 0
    assert "late" in events(stream, 1)[0]
    stream.close()
    hub.close()


def test_a_burst_larger_than_one_read_arrives_whole(engine: Engine) -> None:
    hub = FeedHub(RecordsFeed(engine), every_s=0.02, queue_size=2000)
    stream = join(hub, 0)
    count = 2 * (REPLAY_LIMIT + QUEUE_SIZE)
    happen(engine, *(f"n{number:04}" for number in range(count)))
    told = events(stream, count)
    assert [f"n{number:04}" in text for number, text in enumerate(told)] == [True] * count
    stream.close()
    hub.close()


def test_the_route_streams_to_staff_from_where_their_page_was(web: Web) -> None:
    engine = web.city.engine
    happen(engine, "page knew this")
    known = newest_id(engine)
    happen(engine, "page missed this")
    answer = web.as_(Role.VIEWER).get(f"/api/v1/stream?since={known}", buffered=False)
    assert answer.mimetype == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Accel-Buffering"] == "no"
    chunks = islice(answer.iter_encoded(), 2)
    assert b"page missed this" in list(chunks)[1]
    answer.close()


def test_one_account_never_takes_the_places_of_all(web: Web) -> None:
    client = web.as_(Role.VIEWER)
    pages = [client.get("/api/v1/stream", buffered=False) for _ in range(MOST_OF_PERSON)]
    refused = client.get("/api/v1/stream")
    assert (refused.status_code, refused.get_json()["code"]) == (429, "too_many_own_streams")
    assert refused.headers["Retry-After"] == "60"
    pages.append(web.as_(Role.DISPATCHER).get("/api/v1/stream", buffered=False))
    assert {page.mimetype for page in pages} == {"text/event-stream"}
    for page in pages:
        page.close()
    again = client.get("/api/v1/stream", buffered=False)
    assert again.status_code == 200
    again.close()


def test_people_who_are_bound_to_an_area_hear_of_it_alone(web: Web) -> None:
    engine = web.city.engine
    known = newest_id(engine)
    with writing(engine) as tx:
        far = put(
            tx,
            case_file,
            moment=NOON,
            number="F1",
            kind="cover_loose",
            stage="dispatched",
            severity=2,
            source="citizen",
            lon=110.5,
            lat=21.3,
            area_code="440804",
        )
        publish(tx, FeedKind.CASE_MOVED, {"asset_id": web.city.asset_id, "asset_name": "here"}, now=NOON)
        publish(tx, FeedKind.SUPERVISION_REMINDED, {"case_id": far, "problem": "there"}, now=NOON)
        publish(tx, FeedKind.GROUP_CHANGED, {"group_id": 1, "area_code": "440804", "cause": "group"}, now=NOON)
        publish(tx, FeedKind.GROUP_CHANGED, {"group_id": 2, "area_code": "", "cause": "whole"}, now=NOON)
        publish(tx, FeedKind.CABINET_OFFLINE, {"cabinet": "last"}, now=NOON)
    heard = {}
    for area in ("440803", "440804"):
        with writing(engine) as tx:
            tx.execute(update(user).where(user.c.login == "viewer").values(area_code=area))
        answer = web.as_(Role.VIEWER).get(f"/api/v1/stream?since={known}", buffered=False)
        told = b""
        for chunk in answer.iter_encoded():
            told += chunk
            if b'"last"' in told:
                break
        answer.close()
        words = (b"here", b"there", b"group", b"whole", b"last")
        heard[area] = [word for word in words if b'"%b"' % word in told]
    assert heard == {"440803": [b"here", b"last"], "440804": [b"there", b"group", b"last"]}


def test_a_browser_that_reconnects_says_what_it_knows_in_a_header(web: Web) -> None:
    engine = web.city.engine
    happen(engine, "one")
    known = newest_id(engine)
    with writing(engine) as tx:
        publish(tx, FeedKind.CASE_OVERDUE, {"asset_name": "two"}, now=NOON)
    client = web.as_(Role.VIEWER)
    answer = client.get("/api/v1/stream?since=0", headers={"Last-Event-ID": str(known)}, buffered=False)
    told = list(islice(answer.iter_encoded(), 2))[1]
    assert b"event: case_overdue" in told
    answer.close()


def test_a_place_in_the_stream_that_is_no_number_is_refused(web: Web) -> None:
    answer = web.as_(Role.VIEWER).get("/api/v1/stream?since=yesterday")
    assert answer.status_code == 422
