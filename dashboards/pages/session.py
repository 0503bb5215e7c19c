"""Signing in and out, and choosing the language."""

from __future__ import annotations

import structlog
from flask import Flask, flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from dashboards import forms
from dashboards import login as sessions
from dashboards.paths import safe_path
from dashboards.site import lang, now, site, t
from dashboards.texts import LANGUAGES
from registry.domain.kinds import Role
from registry.domain.people import Actor
from registry.services import demo_people, people

log = structlog.get_logger(__name__)

LANGUAGE_COOKIE_S = 365 * 86400


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/login", "login", login, methods=["GET"])
    app.add_url_rule("/login", "sign_in", sign_in, methods=["POST"])
    app.add_url_rule("/logout", "logout", logout, methods=["POST"])
    app.add_url_rule("/language", "language", language, methods=["POST"])


def login() -> str | Response:
    """The sign-in form; somebody who is signed in goes on at once."""
    somebody = sessions.visitor()
    target = safe_path(request.args.get("next"), otherwise="")
    if somebody is not None:
        return redirect(target or home_of(somebody), 303)
    return _form(forms.FormState(values={"next": target}))


def sign_in() -> str | Response | tuple[str, int]:
    """Check login and password; the answer to a wrong one is the same whatever is wrong."""
    given = forms.read_credentials(request.form)
    where = site()
    try:
        somebody = people.verify_login(where.engine, given.login, given.password, now=now(), allow_demo=where.city.demo)
    except people.WrongLogin:
        problem = t("message.login_wrong")
    else:
        sessions.sign_in(somebody)
        log.info("signed_in", user_id=somebody.user_id)
        flash(t("message.welcome", name=somebody.name), "ok")
        return redirect(given.next or home_of(somebody), 303)
    log.warning("sign_in_refused", remote=request.remote_addr)
    return _form(forms.state_of(request.form, problem=problem)), 401


def logout() -> Response:
    """End the session; whose it was is remembered in the browser, so that the phone's app stops showing their work."""
    somebody = sessions.visitor()
    sessions.sign_out()
    if somebody is not None:
        session.permanent = True
        session[sessions.LEFT] = somebody.user_id
    flash(t("message.signed_out"), "ok")
    return redirect(url_for("login"), 303)


def language() -> Response:
    """Remember the visitor's language for a year and lead back."""
    chosen = forms.choice(request.form, "lang", LANGUAGES) or lang()
    response = redirect(safe_path(request.form.get("next")), 303)
    response.set_cookie(
        "lang", chosen, max_age=LANGUAGE_COOKIE_S, httponly=True, samesite="Lax", secure=request.is_secure
    )
    return response


def home_of(somebody: Actor) -> str:
    """Where somebody begins: a crew member with their tasks, all others with the city."""
    return url_for("tasks") if somebody.role is Role.CREW else url_for("overview")


def _form(state: forms.FormState) -> str:
    accounts = (
        [
            {"login": account.login, "password": demo_people.DEMO_PASSWORD, "role": account.role}
            for account in demo_people.DEMO_ACCOUNTS
        ]
        if site().city.demo
        else []
    )
    return render_template("login.html", form=state, demo_accounts=accounts)
