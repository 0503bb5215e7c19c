"""One table from exceptions to answers, for pages and for JSON: status, code, and words that name the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from dashboards.paths import safe_path
from dashboards.site import lang, site, t
from dashboards.stream import TooManyListeners
from registry.domain.errors import Conflict, DomainError, InvalidInput, InvalidMove, NotAllowed, NotFound, StoreDown

log = structlog.get_logger(__name__)


class SignInNeeded(Exception):
    """Something was sent by somebody whose sign-in has ended; a page request is led to the sign-in page instead."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one kind of exception becomes; ``code`` also names its words (``error.<code>.title`` and so on)."""

    status: int
    code: str
    retry_after_s: int | None = None


# The first row whose class fits is taken.
ANSWERS: tuple[tuple[type[Exception], Answer], ...] = (
    (NotFound, Answer(404, "not_found")),
    (Conflict, Answer(409, "conflict")),
    (InvalidMove, Answer(409, "invalid_move")),
    (NotAllowed, Answer(403, "not_allowed")),
    (InvalidInput, Answer(422, "invalid_input")),
    (DomainError, Answer(422, "refused")),
    (StoreDown, Answer(503, "store_down", retry_after_s=5)),
    (TooManyListeners, Answer(503, "too_many_streams", retry_after_s=15)),
    (SignInNeeded, Answer(401, "sign_in")),
    (CSRFError, Answer(400, "form_expired")),
)

HTTP_ANSWERS: dict[int, Answer] = {
    400: Answer(400, "bad_request"),
    401: Answer(401, "sign_in"),
    403: Answer(403, "not_allowed"),
    404: Answer(404, "not_found"),
    405: Answer(405, "bad_method"),
    413: Answer(413, "too_large"),
    429: Answer(429, "too_many", retry_after_s=60),
}

INTERNAL = Answer(500, "internal")

# Never shown again on an error page: they are secret or mean nothing to a person.
_NOT_KEPT = frozenset({"csrf_token", "password", "next", "version", "move", "lang", "photo_ids"})


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
    if request.path.startswith("/api/"):
        return True
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def json_error(code: str, message: str, fields: Mapping[str, str], status: int) -> Response:
    """The one shape of every JSON error."""
    body = {"ok": False, "error": {"code": code, "message": message, "fields": dict(fields)}}
    response = jsonify(body)
    response.status_code = status
    return response


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
    response = _as_json(answer, error) if wants_json() else _as_page(answer, error)
    _copy_headers(response, error, answer)
    return response


def problem_of(answer: Answer, error: Exception) -> str:
    """What went wrong, in the visitor's language; the registry's own (English) words stand beside the Chinese ones."""
    if isinstance(error, InvalidInput):
        told = problem_at(error)
        return told if told != error.problem else str(error)
    sentence = t(f"error.{answer.code}.problem", limit=f"{site().settings.upload_limit_mb:g}")
    if not isinstance(error, DomainError):
        return sentence
    return str(error) if lang() == "en" else t("message.and_detail", sentence=sentence, detail=error)


def problem_at(error: InvalidInput) -> str:
    """What is wrong with the field, in the visitor's language where there are words for it."""
    key = f"problem.{error.field}"
    return t(key, problem=error.problem) if site().texts.has(lang(), key) else error.problem


def _as_json(answer: Answer, error: Exception) -> Response:
    fields = {error.field: problem_at(error)} if isinstance(error, InvalidInput) else {}
    return json_error(answer.code, problem_of(answer, error), fields, answer.status)


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
    return {name: text for name, text in request.form.items() if name not in _NOT_KEPT and text.strip()}


def _back_url() -> str:
    """The page of this site that the visitor came from, or the one their form named; empty when neither is known."""
    referrer = request.referrer or ""
    path = referrer.removeprefix(request.host_url.rstrip("/")) if referrer.startswith(request.host_url) else ""
    return safe_path(path, otherwise="")


def _copy_headers(response: Response, error: Exception, answer: Answer) -> None:
    if answer.retry_after_s is not None:
        response.headers["Retry-After"] = str(answer.retry_after_s)
    if isinstance(error, HTTPException) and error.code == 405:
        response.headers.extend(dict(error.get_headers()) | {"Content-Type": response.headers["Content-Type"]})
