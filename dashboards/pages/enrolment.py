"""Where a new cabinet shows its one-time code: for the program ``covercode edge enrol``, so JSON and no form."""

from __future__ import annotations

import msgspec
import structlog
from flask import Flask, Response, jsonify, request

from dashboards.site import now, site
from registry.domain.errors import InvalidInput
from registry.services.credentials import enrol as use_code
from registry.shapes import shaped_json

log = structlog.get_logger(__name__)

_LONGEST_BODY = 4096


class _Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: str
    hash: str


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/enrol", "enrol", enrol, methods=["POST"])


def enrol() -> Response:
    """The cabinet's id and the way to the broker, for a code that is good; it is used up by this."""
    asked = _read()
    found = use_code(site().engine, asked.code, asked.hash, address=request.remote_addr or "", now=now())
    log.info("cabinet_enrolled", cabinet=found.cabinet_id, address=request.remote_addr)
    door = site().cabinets
    return jsonify(
        cabinet=found.cabinet_id,
        name=found.name,
        broker={"host": door.broker_host, "port": door.broker_port, "ca": door.broker_ca},
    )


def _read() -> _Request:
    if request.mimetype != "application/json" or (request.content_length or 0) > _LONGEST_BODY:
        raise InvalidInput("body", "send JSON with code and hash; `covercode edge enrol` does")
    try:
        return shaped_json(request.get_data(), _Request)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput("body", "must be JSON with code and hash: {why}", why=error) from None
