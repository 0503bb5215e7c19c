"""People: the list of accounts, one account with its sessions and tokens, and what an administrator may do with it."""

from __future__ import annotations

from typing import Any

from flask import Flask, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboards import forms, people_forms, place_options
from dashboards.errors import answer_for
from dashboards.login import actor, area
from dashboards.pages.areas import REFUSED, Answer, refused
from dashboards.pages.lists import next_url
from dashboards.site import now, site, t
from registry.domain.kinds import Role
from registry.queries import people as people_queries
from registry.services import api_tokens, passwords, sessions
from registry.services import people as people_services
from registry.services.transactions import in_transaction

PAGE_SIZE = 100


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/people", "people", people)
    app.add_url_rule("/people/new", "new_person", new_person)
    app.add_url_rule("/people/new", "add_person", add_person, methods=["POST"])
    app.add_url_rule("/people/<int:user_id>", "person", person)
    app.add_url_rule("/people/<int:user_id>", "change_person", change_person, methods=["POST"])
    app.add_url_rule("/people/<int:user_id>/password", "reset_password", reset_password, methods=["POST"])
    app.add_url_rule("/people/<int:user_id>/access", "set_access", set_access, methods=["POST"])
    app.add_url_rule("/people/<int:user_id>/sessions", "end_persons_sessions", end_persons_sessions, methods=["POST"])
    app.add_url_rule("/tokens", "tokens", tokens)
    app.add_url_rule("/tokens/<int:api_token_id>/revoke", "revoke_any_token", revoke_any_token, methods=["POST"])
    # Somebody loads the page again after a form, or changes the language on it.
    for sent in ("password", "access", "sessions"):
        app.add_url_rule(f"/people/<int:user_id>/{sent}", "person", person, alias=True)


def people() -> str:
    """The accounts that the visitor may manage."""
    args = request.args
    q, role = forms.optional_text(args, "q"), forms.choice(args, "role", Role)
    state = forms.choice(args, "state", ("open", "closed"))
    page = people_queries.list_people(
        site().engine,
        q=q,
        role=None if role is None else Role(role),
        active=None if state is None else state == "open",
        scope=area(),
        after=forms.optional_text(args, "after"),
        limit=PAGE_SIZE,
    )
    filters = {"q": q, "role": role, "state": state}
    return render_template("people.html", page=page, filters=filters, next_url=next_url(page.next))


def new_person() -> str:
    """The form for an account."""
    return _new_page(forms.FormState())


def add_person() -> Answer:
    """Make an account, and show its one-time password once."""
    password = passwords.new_password()
    try:
        new = people_forms.read_new_user(request.form, password)
        user_id = in_transaction(site().engine, lambda tx: people_services.add_user(tx, new, by=actor(), now=now()))
    except REFUSED as error:
        return _new_page(refused(error)), answer_for(error).status
    return _person_page(user_id, forms.FormState(), one_time=password), 201


def person(user_id: int) -> str:
    """One account."""
    return _person_page(user_id, forms.FormState())


def change_person(user_id: int) -> Answer:
    """Keep what was changed."""
    try:
        change = people_forms.read_change(request.form)
        in_transaction(
            site().engine, lambda tx: people_services.change_user(tx, user_id, change, by=actor(), now=now())
        )
    except REFUSED as error:
        return _person_page(user_id, refused(error)), answer_for(error).status
    flash(t("message.person_saved"), "ok")
    return redirect(url_for("person", user_id=user_id), 303)


def reset_password(user_id: int) -> Answer:
    """Give a one-time password, and show it once."""
    password = in_transaction(
        site().engine, lambda tx: people_services.reset_password(tx, user_id, by=actor(), now=now())
    )
    return _person_page(user_id, forms.FormState(), one_time=password)


def set_access(user_id: int) -> Answer:
    """Lock, unlock, close or open an account."""
    what = forms.choice(request.form, "what", ("lock", "unlock", "close", "open"))
    try:
        in_transaction(site().engine, lambda tx: _set_access(tx, user_id, what))
    except REFUSED as error:
        return _person_page(user_id, refused(error)), answer_for(error).status
    flash(t("message.access_set"), "ok")
    return redirect(url_for("person", user_id=user_id), 303)


def end_persons_sessions(user_id: int) -> Response:
    """End one session of theirs, or all."""
    one = forms.optional_text(request.form, "session", most=64)
    if one is None:
        in_transaction(site().engine, lambda tx: sessions.end_sessions(tx, user_id, by=actor(), now=now()))
    else:
        in_transaction(site().engine, lambda tx: sessions.end_session(tx, one, user_id=user_id, by=actor(), now=now()))
    flash(t("message.sessions_ended"), "ok")
    return redirect(url_for("person", user_id=user_id), 303)


def tokens() -> str:
    """Every token of the people whom the visitor may manage."""
    ended = forms.flag(request.args, "ended") or False
    found = people_queries.list_tokens(site().engine, with_ended=ended, scope=area())
    return render_template("tokens.html", tokens=found, ended=ended)


def revoke_any_token(api_token_id: int) -> Response:
    """End somebody's token at once."""
    in_transaction(site().engine, lambda tx: api_tokens.revoke_token(tx, api_token_id, by=actor(), now=now()))
    flash(t("message.token_revoked"), "ok")
    return redirect(url_for("tokens"), 303)


def _set_access(tx: Any, user_id: int, what: str | None) -> None:
    if what in ("lock", "unlock"):
        people_services.set_locked(tx, user_id, locked=what == "lock", by=actor(), now=now())
    elif what is not None:
        people_services.set_active(tx, user_id, active=what == "open", by=actor(), now=now())


def _new_page(form: forms.FormState) -> str:
    return render_template("person_new.html", form=form, options=_options())


def _person_page(user_id: int, form: forms.FormState, *, one_time: str = "") -> str:
    where = site()
    found = people_queries.person(where.engine, user_id)
    return render_template(
        "person.html",
        person=found,
        locked=found.locked_until is not None and found.locked_until > now(),
        for_good=found.locked_until == people_services.UNTIL_UNLOCKED,
        sessions=people_queries.open_sessions(where.engine, user_id, now=now()),
        tokens=people_queries.list_tokens(where.engine, user_id=user_id),
        form=form,
        one_time=one_time,
        options=_options(),
    )


def _options() -> dict[str, place_options.Options]:
    return {
        "roles": place_options.of_words(Role, "role."),
        "units": place_options.of_units(),
        "areas": place_options.of_areas(area()),
    }
