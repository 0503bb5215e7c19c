"""The live stream as server-sent events."""

from __future__ import annotations

from flask import Flask, Response, request

from dashboards import forms
from dashboards.login import actor, signed_in_at, still_signed_in
from dashboards.site import site
from dashboards.stream import StreamTerms, open_stream

HEARTBEAT_S = 15.0


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/api/v1/stream", "stream", stream)


def stream() -> Response:
    """What happens from now on, after what happened since the id the page knows (``Last-Event-ID``, else ``since``)."""
    where, somebody, began = site(), actor(), signed_in_at()
    user_id = somebody.user_id or 0
    known = _known_id()
    last_id = where.hub.newest_id() if known is None else known
    opened = open_stream(
        where.hub,
        StreamTerms(
            last_id=last_id,
            heartbeat_s=HEARTBEAT_S,
            may_listen=lambda: still_signed_in(where, user_id, began, where.clock()),
        ),
    )
    response = Response(opened.chunks, mimetype="text/event-stream")
    response.call_on_close(opened.close)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold events back until its buffer is full
    return response


def _known_id() -> int | None:
    """The last id the page has seen. A browser that reconnects says it in a header and can't change the address."""
    header = request.headers.get("Last-Event-ID", "")
    if header.isascii() and header.isdigit():
        return int(header[:18])
    return forms.optional_int(request.args, "since")
