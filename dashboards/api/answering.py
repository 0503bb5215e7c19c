"""From an operation to a route: reading, doing once, answering with ``ETag``, ``Link`` and ``Location``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import structlog
from flask import Response, after_this_request, request, send_file

from dashboards.api.operation import Answer, Listing, Operation, Paged
from dashboards.api.request import Call, read_call
from dashboards.login import actor
from dashboards.site import now, site
from registry.domain.errors import StoreDown
from registry.queries.paging import Page, decode, page_of
from registry.services import idempotency

log = structlog.get_logger(__name__)

Row = TypeVar("Row")

_encoder = msgspec.json.Encoder()
KEY_HEADER = "Idempotency-Key"

_NOT_FINAL = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
"""What says "not now", beside every failure of the server's own: the same request may be answered otherwise later."""


def view(operation: Operation) -> Callable[..., Response]:
    """The route's function."""

    def answer(**addressed: Any) -> Response:
        call = read_call(operation)
        key = request.headers.get(KEY_HEADER)
        if key is None or not operation.writes or not operation.keyed:
            return _respond(operation.run(call, **addressed))
        return _once(operation, call, addressed, idempotency.check_key(key))

    answer.__name__ = operation.endpoint
    answer.__doc__ = operation.en
    return answer


def page(found: Page[Any]) -> Answer:
    """One page of a list: the address of the next one keeps every parameter but the cursor."""
    address = None
    if found.next is not None:
        kept = [(name, value) for name, value in request.args.items() if name != "after"]
        address = f"{quote(request.path)}?{urlencode([*kept, ('after', found.next)])}"
    return Answer(value=Listing(items=found.items, next=address), next=address)


def page_out_of(rows: Iterable[Row], asked: Paged, key: Callable[[Row], tuple[int | str, ...]]) -> Answer:
    """One page of a list that is short enough to be read as a whole; ``key`` tells its rows apart and sorts them."""
    ordered = sorted(rows, key=key)
    if asked.after is not None and ordered:
        place = decode(asked.after, *map(type, key(ordered[0])))
        ordered = [row for row in ordered if key(row) > place]
    return page(page_of(ordered[: asked.limit + 1], asked.limit, key))


def etag_of(value: Any) -> str:
    """The content's part of the ``ETag`` of ``value``, for ``Call.same``."""
    return _hash(_encoder.encode(value))


def _respond(said: Any) -> Response:
    if isinstance(said, Response):
        return said
    if not isinstance(said, Answer):
        raise TypeError(f"a handler answered {type(said).__name__}; wrap it in Answer")
    response = _of(said)
    if said.location:
        response.headers["Location"] = said.location
    if said.next:
        response.headers["Link"] = f'<{said.next}>; rel="next"'
    if request.method in ("GET", "HEAD"):
        response.headers.setdefault("Cache-Control", "private, no-cache")
        response.make_conditional(request)
    return response


def _of(said: Answer) -> Response:
    if isinstance(said.content, Path):
        return send_file(
            said.content.resolve(), mimetype=said.media_type, as_attachment=True, download_name=said.file_name or None
        )
    if said.status == HTTPStatus.NO_CONTENT:
        return Response(status=said.status)
    body = said.content if said.content is not None else _encoder.encode(said.value)
    response = Response(body, said.status, mimetype=said.media_type)
    if said.file_name:
        response.headers.set("Content-Disposition", "attachment", filename=said.file_name)
    number = "" if said.version is None else f"{said.version}-"
    response.set_etag(number + _hash(body))
    return response


def _hash(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=12).hexdigest()


def _once(operation: Operation, call: Call[Any, Any], addressed: dict[str, Any], key: str) -> Response:
    """Do it, unless the same request was answered before; its answer, a refusal included, is kept under ``key``.

    A failure is no answer: where it left nothing behind, the same key may be tried again.
    """
    engine, user_id = site().engine, actor().user_id or 0
    earlier = idempotency.claim(engine, user_id=user_id, key=key, request_hash=_fingerprint(), now=now())
    if earlier is not None:
        return _again(earlier)
    before = idempotency.work_done()

    @after_this_request
    def keep(response: Response) -> Response:
        _keep(response, user_id, key, nothing_done=idempotency.work_done() == before)
        return response

    return _respond(operation.run(call, **addressed))


def _keep(response: Response, user_id: int, key: str, *, nothing_done: bool) -> None:
    """Keep the answer, unless it is a failure that left nothing behind: that gives the key back."""
    engine = site().engine
    failed = response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status_code in _NOT_FINAL
    try:
        if failed and nothing_done:
            idempotency.give_back(engine, user_id=user_id, key=key)
            return
        kept = idempotency.KeptAnswer(
            status=response.status_code,
            media_type=response.mimetype or "",
            location=response.headers.get("Location", ""),
            etag=response.headers.get("ETag", ""),
            body=response.get_data(as_text=True),
        )
        idempotency.keep_answer(engine, kept, user_id=user_id, key=key, now=site().clock())
    except StoreDown as error:
        # The key stays claimed: after five minutes it answers that the outcome is unknown, which is true.
        log.warning("answer_not_kept", problem=str(error))


def _again(earlier: idempotency.KeptAnswer) -> Response:
    response = Response(earlier.body, earlier.status)
    if earlier.media_type:
        response.headers["Content-Type"] = earlier.media_type
    else:
        response.headers.pop("Content-Type", None)
    if earlier.location:
        response.headers["Location"] = earlier.location
    if earlier.etag:
        response.headers["ETag"] = earlier.etag
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _fingerprint() -> str:
    """What makes two requests the same one: where to, which version, and every byte of what was sent.

    The boundary of a form is drawn anew with each try, so of a form its fields and files count.
    """
    seen = hashlib.blake2b(digest_size=32)

    def add(*parts: str | bytes) -> None:
        for part in parts:
            raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
            seen.update(len(raw).to_bytes(8, "big") + raw)

    add(request.method, request.path, request.query_string, request.headers.get("If-Match", ""), request.mimetype)
    if request.mimetype != "multipart/form-data":
        add(request.get_data(cache=True))
        return seen.hexdigest()
    for name, text in sorted(request.form.items(multi=True)):
        add(name, text)
    for name, file in request.files.items(multi=True):
        content = hashlib.blake2b()
        while block := file.stream.read(1 << 20):
            content.update(block)
        file.stream.seek(0)
        add(name, file.filename or "", content.digest())
    return seen.hexdigest()
