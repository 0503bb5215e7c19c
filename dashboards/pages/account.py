"""My account: a password of one's own, where one is signed in, and the tokens of one's programs."""

from __future__ import annotations

from flask import Flask, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboards import forms, people_forms
from dashboards.errors import answer_for
from dashboards.login import actor, visit
from dashboards.notice_forms import clock, read_manner
from dashboards.pages.areas import REFUSED, Answer, refused
from dashboards.site import now, site, t
from registry.domain.token_scopes import open_to
from registry.queries import people as people_queries
from registry.queries.notice_ways import list_contacts
from registry.services import api_tokens, contacts, sessions
from registry.services import people as people_services
from registry.services.transactions import in_transaction


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/account", "account", account)
    app.add_url_rule("/account/password", "change_password", change_password, methods=["POST"])
    app.add_url_rule("/account/sessions", "end_my_sessions", end_my_sessions, methods=["POST"])
    app.add_url_rule("/account/tokens", "add_token", add_token, methods=["POST"])
    app.add_url_rule("/account/tokens/<int:own_token_id>/revoke", "revoke_token", revoke_token, methods=["POST"])
    app.add_url_rule("/account/contacts/<int:contact_id>", "save_own_contact", save_own_contact, methods=["POST"])
    # Somebody loads the page again after a form, or changes the language on it.
    for sent in ("password", "sessions", "tokens"):
        app.add_url_rule(f"/account/{sent}", "account", account, alias=True)


def account() -> str:
    """The visitor's own account."""
    return _page(forms.FormState())


def change_password() -> Answer:
    """Choose another password; every other session of the visitor ends."""
    here = visit()
    try:
        given = people_forms.read_password(request.form)
        people_services.change_own_password(site().engine, actor(), old=given.old, new=given.new, now=now())
    except REFUSED as error:
        return _page(refused(error)), answer_for(error).status
    if here is not None:
        sessions.keep_after_password(site().engine, here.session_id)
    flash(t("message.password_changed"), "ok")
    return redirect(url_for("account"), 303)


def end_my_sessions() -> Response:
    """End one session, or all but this one."""
    here = visit()
    one = forms.optional_text(request.form, "session", most=64)
    user_id, but = actor().user_id or 0, "" if here is None else here.session_id
    if one is None:
        in_transaction(site().engine, lambda tx: sessions.end_sessions(tx, user_id, by=actor(), now=now(), but=but))
    else:
        in_transaction(site().engine, lambda tx: sessions.end_session(tx, one, user_id=user_id, by=actor(), now=now()))
    flash(t("message.sessions_ended"), "ok")
    return redirect(url_for("account"), 303)


def add_token() -> Answer:
    """Make a token, and show it once."""
    try:
        new = people_forms.read_token(request.form, now())
        issued = in_transaction(site().engine, lambda tx: api_tokens.issue_token(tx, new, by=actor(), now=now()))
    except REFUSED as error:
        return _page(refused(error)), answer_for(error).status
    return _page(forms.FormState(), issued=issued.text), 201


def revoke_token(own_token_id: int) -> Response:
    """End one of the visitor's tokens."""
    in_transaction(
        site().engine, lambda tx: api_tokens.revoke_token(tx, own_token_id, of=actor().user_id, by=actor(), now=now())
    )
    flash(t("message.token_revoked"), "ok")
    return redirect(url_for("account"), 303)


def save_own_contact(contact_id: int) -> Answer:
    """Change how one is told oneself: language, quiet hours, limit, digest."""
    try:
        manner = read_manner(request.form)
        contacts.save_own_manner(site().engine, contact_id, manner, by=actor(), now=now())
    except REFUSED as error:
        return _page(refused(error)), answer_for(error).status
    flash(t("message.manner_saved"), "ok")
    return redirect(url_for("account", _anchor="told"), 303)


def _page(form: forms.FormState, *, issued: str = "") -> str:
    where, somebody, here = site(), actor(), visit()
    user_id = somebody.user_id or 0
    return render_template(
        "account.html",
        person=people_queries.person(where.engine, user_id),
        must_change=here is not None and here.must_change_password,
        sessions=people_queries.open_sessions(where.engine, user_id, now=now()),
        this_session="" if here is None else here.session_id,
        tokens=people_queries.list_tokens(where.engine, user_id=user_id),
        scopes=open_to(somebody.role),
        chosen=request.form.getlist("scopes"),
        token_days=people_forms.TOKEN_DAYS,
        contacts=list_contacts(where.engine, user_id=user_id),
        clock=clock,
        form=form,
        issued=issued,
    )
