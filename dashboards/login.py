"""Signing in: who the visitor is, for how long, and the key that signs their session."""

from __future__ import annotations

import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import structlog
from flask import Flask, Response, flash, g, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from werkzeug.wrappers import Response as BaseResponse

from dashboards import permissions
from dashboards.errors import SignInNeeded, wants_json
from dashboards.site import Site, now, site, t
from registry.domain.errors import NotAllowed, StoreDown
from registry.domain.people import Actor
from registry.services import people

log = structlog.get_logger(__name__)

# The cookie outlives the sign-in, so that a form that was open when it ended can still be sent after a new one.
COOKIE_LIFETIME = timedelta(days=30)
_SIGNED_IN_AT = "signed_in_at"


class SignedIn(UserMixin):  # type: ignore[misc]
    """Somebody who is signed in, as Flask-Login wants them; ``actor`` is what the services want."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    def get_id(self) -> str:
        """The user's id as the session keeps it."""
        return str(self.actor.user_id)


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


def register_login(app: Flask) -> None:
    """Flask-Login, and the check of every request against the table of permissions."""
    manager = LoginManager()
    manager.init_app(app, add_context_processor=False)
    manager.user_loader(_load)
    app.before_request(enforce)


def sign_in(actor: Actor) -> None:
    """Begin a session for ``actor``; all that an earlier visitor left is forgotten, save the token of open forms."""
    token = session.get("csrf_token")
    session.clear()
    if token is not None:
        session["csrf_token"] = token
    session.permanent = True
    session[_SIGNED_IN_AT] = now().timestamp()
    login_user(SignedIn(actor))


def sign_out() -> None:
    """End the session and forget everything in it."""
    logout_user()
    session.clear()


def visitor() -> Actor | None:
    """Who sent this request; ``None`` when not signed in. Raises ``StoreDown`` when the records can't tell."""
    try:
        user = current_user._get_current_object()
    except StoreDown:
        if g.get("answering_error"):
            return None  # the page that says so must not fail for the same reason
        raise
    return user.actor if isinstance(user, SignedIn) else None


def actor() -> Actor:
    """Who sent this request, where the route is for staff only."""
    somebody = visitor()
    if somebody is None:
        raise SignInNeeded
    return somebody


def may(endpoint: str) -> bool:
    """Whether the visitor may use the route ``endpoint``."""
    somebody = visitor()
    return permissions.allowed(endpoint, None if somebody is None else somebody.role)


def enforce() -> BaseResponse | None:
    """Refuse a request that the table of permissions does not allow; runs before every route."""
    endpoint = request.endpoint
    if endpoint is None or permissions.allowed(endpoint, None):
        return None
    somebody = visitor()
    if somebody is None:
        return _lead_to_sign_in()
    if not permissions.allowed(endpoint, somebody.role):
        raise NotAllowed(t("error.not_allowed.problem"))
    return None


def still_signed_in(where: Site, user_id: int, signed_in_at: float, moment: datetime) -> bool:
    """Whether a sign-in made at ``signed_in_at`` (Unix s) holds at ``moment``: not over, and the account active."""
    if moment.timestamp() - signed_in_at > where.settings.session_hours * 3600:
        return False
    return people.find_user(where.engine, user_id, allow_demo=where.city.demo) is not None


def signed_in_at() -> float:
    """When the visitor signed in, Unix s; 0 when they did not."""
    return float(session.get(_SIGNED_IN_AT, 0.0))


def _load(user_id: str) -> SignedIn | None:
    if now().timestamp() - signed_in_at() > site().settings.session_hours * 3600:
        return None
    found = people.find_user(site().engine, int(user_id), allow_demo=site().city.demo)
    return None if found is None else SignedIn(found)


def _lead_to_sign_in() -> BaseResponse:
    if wants_json() or request.method not in ("GET", "HEAD"):
        # What was sent must not be lost on the way to another page: an answer that leaves the form one step back.
        raise SignInNeeded
    flash(t("message.sign_in_first"), "info")
    target = request.full_path if request.query_string else request.path
    return cast("Response", redirect(url_for("login", next=target)))
