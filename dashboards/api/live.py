"""The live stream as server-sent events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from flask import Response, request
from msgspec import Meta

from dashboards.api.operation import LARGEST, Media, Operation, Query
from dashboards.api.request import Call
from dashboards.login import actor, still_welcome
from dashboards.site import site
from dashboards.stream import MOST_OF_PERSON, Item, StreamTerms, encode, open_stream
from dashboards.stream_sender import HAND_OVER

HEARTBEAT_S = 15.0


class StreamQuery(Query, frozen=True, kw_only=True):
    """Where to begin."""

    since: (
        Annotated[int, Meta(ge=0, le=LARGEST, description="The last id the page knows; the newest otherwise")] | None
    ) = None


def stream(call: Call[StreamQuery, None]) -> Response:
    """What happens from now on, after what happened since the id the page knows (``Last-Event-ID``, else ``since``)."""
    where, by = site(), actor()
    known = known_id(call.query.since)
    last_id = where.hub.newest_id() if known is None else known
    within = only_in(by.area_code)
    terms = StreamTerms(
        last_id=last_id,
        heartbeat_s=HEARTBEAT_S,
        may_listen=still_welcome(),
        audience=by.area_code,
        tell=lambda item: encode(item) if within(item) else None,
        holder=("account", by.user_id),
        most=MOST_OF_PERSON,
    )
    return streamed(terms)


def streamed(terms: StreamTerms) -> Response:
    """The answer that is a stream: over a connection of its own where the server can give one away."""
    where = site()
    if request.environ.get(HAND_OVER):
        handed = where.sender.open(terms)
        response = Response(handed, mimetype="text/event-stream")
        response.call_on_close(handed.close)
    else:
        opened = open_stream(where.hub, terms)
        response = Response(opened.chunks, mimetype="text/event-stream")
        response.call_on_close(opened.close)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold events back until its buffer is full
    return response


def only_in(area_code: str) -> Callable[[Item], bool]:
    """Whether an item is about something in that part of the city; what is of no place (a cabinet) is for all."""
    return lambda item: item.area_code is None or item.area_code.startswith(area_code)


def known_id(since: int | None) -> int | None:
    """The last id the page has seen. A browser that reconnects says it in a header and can't change the address."""
    header = request.headers.get("Last-Event-ID", "")
    if header.isascii() and header.isdigit():
        return int(header[:18])
    return since


OPERATIONS = (
    Operation(
        method="GET",
        path="/stream",
        endpoint="stream",
        run=stream,
        group="figures",
        zh="实时事件流",
        en="What happens, as server-sent events",
        query=StreamQuery,
        replies={200: Media(("text/event-stream",), "Events: `id`, kind, JSON; each 15 s a `heartbeat`; without end")},
    ),
)
