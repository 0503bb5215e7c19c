"""Signing in: who the visitor is, for how long, and the key that signs their session."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import structlog
from flask import Flask, Response, flash, g, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from werkzeug.wrappers import Response as BaseResponse

from dashboards import permissions
from dashboards.bearer import bearer, check_scope, let_in, register_bearer, shown_token
from dashboards.errors import SignInNeeded, wants_json, wants_page
from dashboards.reach import check_reach
from dashboards.settings import WebSettings
from dashboards.site import Site, now, site, t
from registry.domain.errors import NotAllowed, StoreDown
from registry.domain.kinds import Role
from registry.domain.people import Actor
from registry.services import sessions
from registry.services.api_tokens import find_token
from registry.services.sessions import Lifetime, Visit

log = structlog.get_logger(__name__)

# The cookie outlives the sign-in, so that a form that was open when it ended can still be sent after a new one.
COOKIE_LIFETIME = timedelta(days=30)

# Where the cookie keeps whose session it was that was ended on purpose.
LEFT = "left"

# What somebody may use who has to choose a password of their own first.
_WITH_OLD_PASSWORD = frozenset({"account", "change_password"})


class SignedIn(UserMixin):  # type: ignore[misc]
    """Somebody who is signed in, as Flask-Login wants them; ``visit.actor`` is what the services want."""

    def __init__(self, word: str, visit: Visit) -> None:
        self.word = word
        self.visit = visit

    def get_id(self) -> str:
        """What the cookie holds: the session's random word, which says nothing about whose it is."""
        return self.word


def read_secret(path: Path) -> bytes:
    """The key that signs sessions; made on the first start, for its owner's eyes only.

    Raises ``OSError`` when the file can be neither read nor made, ``ValueError`` when it is too short to be a key.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) < 32:
            raise ValueError(f"{path}: too short to be a key; remove it and a new one is made") from None
        return key
    key = secrets.token_bytes(48)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
    log.info("web_secret_made", path=str(path))
    return key


def register_login(app: Flask, counts: Path) -> None:
    """Flask-Login, and the check of every request against the table of permissions; ``counts``: of tokens' requests."""
    manager = LoginManager()
    # It would mark sessions whose phone changed networks, and send new cookies for that; the records tell which hold.
    manager.session_protection = None
    manager.init_app(app, add_context_processor=False)
    manager.user_loader(_load)
    register_bearer(app, counts)
    app.before_request(enforce)


def lifetime(settings: WebSettings) -> Lifetime:
    """How long a sign-in lasts, as the settings say."""
    return Lifetime(absolute=timedelta(hours=settings.session_hours), idle=timedelta(hours=settings.session_idle_hours))


def sign_in(actor: Actor) -> None:
    """Begin a session for ``actor`` under a word that nobody knew before; what an earlier visitor left is forgotten.

    The token of forms changes too, so that nobody can have planted one, unless the session that ended here was the
    same person's: then a form that was open meanwhile, perhaps with an hour's work in it, can still be sent.
    """
    where = site()
    former = session.get("_user_id")
    token = session.get("csrf_token")
    theirs = former is not None and sessions.owner_of(where.engine, former) == actor.user_id
    session.clear()
    if theirs and token is not None:
        session["csrf_token"] = token
    session.permanent = True
    device = sessions.Device(address=request.remote_addr or "", agent=request.headers.get("User-Agent", ""))
    word = sessions.open_session(where.engine, actor, device, lifetime=lifetime(where.settings), now=now())
    login_user(SignedIn(word, Visit(session_id="", actor=actor, must_change_password=False)))


def sign_out() -> None:
    """End the session, here and in the records, and forget everything in it."""
    word = session.get("_user_id")
    if word is not None:
        sessions.close_session(site().engine, word, now=now())
    logout_user()
    session.clear()


def visit() -> Visit | None:
    """The session that this request belongs to; None for a stranger and for a program with a token.

    Raises ``StoreDown`` when the records can't tell.
    """
    if shown_token() is not None:
        return None
    try:
        user = current_user._get_current_object()
    except StoreDown:
        if g.get("answering_error"):
            return None  # the page that says so must not fail for the same reason
        raise
    return user.visit if isinstance(user, SignedIn) else None


def visitor() -> Actor | None:
    """Who sent this request; ``None`` when not signed in. Raises ``StoreDown`` when the records can't tell."""
    token = bearer()
    if token is not None:
        return token.actor
    found = visit()
    return None if found is None else found.actor


def actor() -> Actor:
    """Who sent this request, where the route is for staff only."""
    somebody = visitor()
    if somebody is None:
        raise SignInNeeded
    return somebody


def area() -> str:
    """The part of the city that the visitor is bound to, for lists to show no more; "" is the whole city."""
    return actor().area_code


def role() -> Role | None:
    """The visitor's role; None for somebody who is not signed in."""
    somebody = visitor()
    return None if somebody is None else somebody.role


def may(endpoint: str) -> bool:
    """Whether the visitor may use the route ``endpoint``."""
    somebody = visitor()
    if somebody is None:
        return permissions.allowed(endpoint, None)
    return permissions.allowed(endpoint, somebody.role, bound=bool(somebody.area_code))


def enforce() -> BaseResponse | None:
    """Refuse a request that the table of permissions does not allow; runs before every route."""
    endpoint = request.endpoint
    if endpoint is None:
        return None
    text = shown_token()
    if text is not None:
        let_in(text)
    if permissions.allowed(endpoint, None):
        return None
    somebody = visitor()
    if somebody is None:
        return _lead_to_sign_in()
    token, opened = bearer(), visit()
    if token is not None:
        check_scope(token, endpoint)
    if not permissions.allowed(endpoint, somebody.role, bound=bool(somebody.area_code)):
        raise NotAllowed(t("error.not_allowed.problem"))
    if opened is not None and opened.must_change_password and endpoint not in _WITH_OLD_PASSWORD:
        return _lead_to_password()
    check_reach(site().engine, endpoint, request.view_args or {}, somebody)
    return None


def still_welcome() -> Callable[[], bool]:
    """A question to ask later, outside of this request: may its sender still listen? Asking counts as being there."""
    where, word, text = site(), session.get("_user_id"), shown_token()

    def ask() -> bool:
        if text is not None:
            return find_token(where.engine, text, now=where.clock(), allow_demo=where.city.demo) is not None
        return word is not None and _find(where, word, where.clock()) is not None

    return ask


def _load(word: str) -> SignedIn | None:
    found = _find(site(), word, now())
    return None if found is None else SignedIn(word, found)


def _find(where: Site, word: str, moment: datetime) -> Visit | None:
    return sessions.find_session(
        where.engine, word, lifetime=lifetime(where.settings), now=moment, allow_demo=where.city.demo
    )


def _lead_to_sign_in() -> BaseResponse:
    if wants_json() or not wants_page() or request.method not in ("GET", "HEAD"):
        # What was sent must not be lost on the way to another page: an answer that leaves the form one step back.
        raise SignInNeeded
    flash(t("message.sign_in_first"), "info")
    target = request.full_path if request.query_string else request.path
    return cast("Response", redirect(url_for("login", next=target)))


def _lead_to_password() -> BaseResponse:
    if wants_json() or request.method not in ("GET", "HEAD"):
        raise NotAllowed(t("message.password_first"))
    return cast("Response", redirect(url_for("account")))
