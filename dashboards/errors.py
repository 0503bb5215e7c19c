"""One table from exceptions to answers, for pages and for JSON: status, code, and words that name the remedy.

To a program every error is ``application/problem+json`` (RFC 9457): the members of the RFC, and three of ours: ``code``
(a machine word that never changes), ``errors`` (one line per field: which, and what to do) and ``request_id`` (what to
look for in the log).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from flask import Flask, Response, g, json, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from dashboards.open311 import answers as open311
from dashboards.paths import safe_path
from dashboards.refusals import field_name, problem_at
from dashboards.site import lang, site, t
from dashboards.stream import TooManyListeners, TooManyOfOne
from dashboards.tile_files import MapFileAway
from registry.domain.errors import Conflict, DomainError, InvalidInput, InvalidMove, NotAllowed, NotFound, StoreDown
from registry.services.idempotency import OutcomeUnknown, StillRunning

log = structlog.get_logger(__name__)

PROBLEM_TYPE = "application/problem+json"


class Refusals(Exception):
    """Several fields of one request hold something unusable; ``errors`` has a line for each."""

    def __init__(self, errors: Sequence[InvalidInput]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)


class ChangedMeanwhile(Exception):
    """What the sender wants to change is no longer as they saw it (``If-Match``)."""


class ConditionMissing(Exception):
    """The sender must say which version they saw (``If-Match``), so that nobody's change is lost."""


class NotAcceptable(Exception):
    """No form of the answer is one that the sender can read."""


class WrongMediaType(Exception):
    """The body is of a kind that this address can't read; the message names those it can."""


class SignInNeeded(Exception):
    """Something was sent by somebody whose sign-in has ended; a page request is led to the sign-in page instead."""


class BadToken(Exception):
    """The API token that was shown is unknown, revoked, or past its day."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one kind of exception becomes; ``code`` also names its words (``error.<code>.title`` and so on)."""

    status: int
    code: str
    retry_after_s: int | None = None


# The first row whose class fits is taken.
ANSWERS: tuple[tuple[type[Exception], Answer], ...] = (
    (NotFound, Answer(404, "not_found")),
    (StillRunning, Answer(409, "still_running", retry_after_s=5)),
    (OutcomeUnknown, Answer(409, "outcome_unknown")),
    (Conflict, Answer(409, "conflict")),
    (InvalidMove, Answer(409, "invalid_move")),
    (NotAllowed, Answer(403, "not_allowed")),
    (InvalidInput, Answer(422, "invalid_input")),
    (Refusals, Answer(422, "invalid_input")),
    (MapFileAway, Answer(503, "map_file_away", retry_after_s=60)),
    (DomainError, Answer(422, "refused")),
    (StoreDown, Answer(503, "store_down", retry_after_s=5)),
    (TooManyOfOne, Answer(429, "too_many_own_streams", retry_after_s=60)),
    (TooManyListeners, Answer(503, "too_many_streams", retry_after_s=15)),
    (SignInNeeded, Answer(401, "sign_in")),
    (BadToken, Answer(401, "bad_token")),
    (CSRFError, Answer(400, "form_expired")),
    (ChangedMeanwhile, Answer(412, "changed_meanwhile")),
    (ConditionMissing, Answer(428, "condition_missing")),
    (NotAcceptable, Answer(406, "not_acceptable")),
    (WrongMediaType, Answer(415, "wrong_media_type")),
)

HTTP_ANSWERS: dict[int, Answer] = {
    400: Answer(400, "bad_request"),
    401: Answer(401, "sign_in"),
    403: Answer(403, "not_allowed"),
    404: Answer(404, "not_found"),
    405: Answer(405, "bad_method"),
    406: Answer(406, "not_acceptable"),
    412: Answer(412, "changed_meanwhile"),
    413: Answer(413, "too_large"),
    415: Answer(415, "wrong_media_type"),
    429: Answer(429, "too_many", retry_after_s=60),
}

INTERNAL = Answer(500, "internal")

# Never shown again on an error page: they are secret or mean nothing to a person.
_NOT_KEPT = frozenset(
    {"csrf_token", "password", "old_password", "again", "next", "version", "move", "lang", "photo_ids"}
)


def answer_for(error: Exception) -> Answer:
    """The row of the tables above for ``error``."""
    for kind, answer in ANSWERS:
        if isinstance(error, kind):
            return answer
    if isinstance(error, HTTPException) and error.code is not None:
        return HTTP_ANSWERS.get(error.code, Answer(error.code, "bad_request" if error.code < 500 else "internal"))
    return INTERNAL


def wants_json() -> bool:
    """Whether the visitor is a program: an API address, or a request that asks for JSON rather than for a page."""
    if request.path.startswith(("/api/", open311.PREFIX)):
        return True
    read = request.accept_mimetypes.best_match(["text/html", "application/json", PROBLEM_TYPE])
    return read in ("application/json", PROBLEM_TYPE)


def wants_page() -> bool:
    """Whether somebody would see the answer as a page: not a script, a picture or a map that asks for a part of one."""
    return "text/html" in request.headers.get("Accept", "text/html")


def problem_json(code: str, detail: str, status: int, errors: Sequence[tuple[str, str]] = ()) -> Response:
    """The one shape of every JSON error (RFC 9457); ``errors`` are pairs of a field and what is wrong with it."""
    body: dict[str, Any] = {
        "type": f"{site().city.public_url.rstrip('/')}/api/docs#problem-{code}",
        "title": t(f"error.{code}.title"),
        "status": status,
        "detail": detail,
        "instance": request.path,
        "code": code,
        "errors": [{"field": field, "problem": problem} for field, problem in errors],
        "request_id": g.get("request_id", ""),
    }
    return Response(json.dumps(body) + "\n", status, mimetype=PROBLEM_TYPE)


def register_errors(app: Flask) -> None:
    """Answer every exception of the app through the tables above."""
    app.register_error_handler(Exception, handle)


def handle(error: Exception) -> Response:
    """The answer to ``error``; what nobody foresaw is logged with its traceback and shown with its request id."""
    if isinstance(error, HTTPException) and error.code is not None and error.code < 400:
        return make_response(error.get_response())  # a redirect of the router, not an error
    answer = answer_for(error)
    g.answering_error = True
    if answer.status == INTERNAL.status:
        log.exception("request_failed", exc_info=error)
    elif isinstance(error, StoreDown):
        log.warning("store_down", problem=str(error))
    if request.path.startswith(open311.PREFIX):
        response = _as_open311(answer, error)
    else:
        # a page brings a token for its forms: the one of a map's tile took the place of that in the form to sign in
        response = _as_page(answer, error) if wants_page() and not wants_json() else _as_json(answer, error)
    _copy_headers(response, error, answer)
    return response


def problem_of(answer: Answer, error: Exception) -> str:
    """What went wrong, in the visitor's language; what the registry says in English only stands beside the Chinese."""
    if isinstance(error, InvalidInput):
        return _at_field(error)
    if isinstance(error, Refusals):
        return "; ".join(map(_at_field, error.errors))
    sentence = t(f"error.{answer.code}.problem", limit=f"{(request.max_content_length or 0) / 1e6:g}")
    if not isinstance(error, (DomainError, WrongMediaType)):
        return sentence
    return str(error) if lang() == "en" else t("message.and_detail", sentence=sentence, detail=error)


def _at_field(error: InvalidInput) -> str:
    """The field and what is wrong with it; to a program the field is named as it was sent."""
    field = error.field if wants_json() else field_name(error.field)
    return t("message.at_field", field=field, problem=problem_at(error))


def _as_json(answer: Answer, error: Exception) -> Response:
    return problem_json(answer.code, problem_of(answer, error), answer.status, errors_of(error))


def _as_open311(answer: Answer, error: Exception) -> Response:
    """As the specification of Open311 has it: 400 for what is missing or wrong, 403 for a key that is."""
    status = {422: 400, 401: 403}.get(answer.status, answer.status)
    return open311.refusal(status, problem_of(answer, error))


def errors_of(error: Exception) -> list[tuple[str, str]]:
    """The fields that ``error`` complains about, each with what is wrong in the visitor's language."""
    refused = (error,) if isinstance(error, InvalidInput) else error.errors if isinstance(error, Refusals) else ()
    return [(each.field, problem_at(each)) for each in refused]


def _as_page(answer: Answer, error: Exception) -> Response:
    page = render_template(
        "error.html",
        code=answer.code,
        status=answer.status,
        title=t(f"error.{answer.code}.title"),
        problem=problem_of(answer, error),
        fix=t(f"error.{answer.code}.fix"),
        kept=_kept(answer),
        back_url=_back_url(),
        request_id=g.get("request_id", ""),
    )
    return make_response(page, answer.status)


def _kept(answer: Answer) -> dict[str, str]:
    """What the visitor had typed, for them to copy; a body that is too large can't be read."""
    if request.method != "POST" or answer.status == 413:
        return {}
    try:
        typed = request.form.items()
    except RequestEntityTooLarge:  # refused for another reason, before anybody had looked at its size
        return {}
    return {name: text for name, text in typed if name not in _NOT_KEPT and text.strip()}


def _back_url() -> str:
    """The page of this site that the visitor came from, or the one their form named; empty when neither is known."""
    referrer = request.referrer or ""
    path = referrer.removeprefix(request.host_url.rstrip("/")) if referrer.startswith(request.host_url) else ""
    return safe_path(path, otherwise="")


def _copy_headers(response: Response, error: Exception, answer: Answer) -> None:
    if answer.retry_after_s is not None:
        response.headers["Retry-After"] = str(answer.retry_after_s)
    if answer.status == 401 and request.path.startswith("/api/"):
        told = ', error="invalid_token"' if isinstance(error, BadToken) else ""
        response.headers["WWW-Authenticate"] = f'Bearer realm="CoverCode"{told}'
    if isinstance(error, HTTPException) and error.code == 405:
        response.headers.extend(dict(error.get_headers()) | {"Content-Type": response.headers["Content-Type"]})
