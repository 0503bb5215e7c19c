"""Channels and contacts: by which ways notices leave, and who can be told. A saved address is never shown again."""

from __future__ import annotations

from flask import Flask, flash, redirect, render_template, request, url_for

from dashboards import forms, notice_forms, place_options
from dashboards.errors import answer_for
from dashboards.login import actor
from dashboards.pages.areas import REFUSED, Answer, refused
from dashboards.site import lang, now, site, t
from registry.domain.kinds import ChannelKind
from registry.queries import notice_ways as queries
from registry.services import channels as channel_services
from registry.services import contacts as contact_services
from registry.services.notice_place import place_of


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/notices/channels", "channels", channels)
    app.add_url_rule("/notices/channels/new", "new_channel", new_channel)
    app.add_url_rule("/notices/channels/new", "add_channel", add_channel, methods=["POST"])
    app.add_url_rule("/notices/channels/<int:channel_id>", "channel", channel)
    app.add_url_rule("/notices/channels/<int:channel_id>", "save_channel", save_channel, methods=["POST"])
    app.add_url_rule("/notices/channels/<int:channel_id>/remove", "remove_channel", remove_channel, methods=["POST"])
    app.add_url_rule("/notices/channels/<int:channel_id>/trial", "try_channel", try_channel, methods=["POST"])
    app.add_url_rule("/notices/channels/<int:channel_id>/trial", "channel", channel, alias=True)
    app.add_url_rule("/notices/contacts", "contacts", contacts)
    app.add_url_rule("/notices/contacts/new", "new_contact", new_contact)
    app.add_url_rule("/notices/contacts/new", "add_contact", add_contact, methods=["POST"])
    app.add_url_rule("/notices/contacts/<int:contact_id>", "contact", contact)
    app.add_url_rule("/notices/contacts/<int:contact_id>", "save_contact", save_contact, methods=["POST"])
    app.add_url_rule("/notices/contacts/<int:contact_id>/remove", "remove_contact", remove_contact, methods=["POST"])


def channels() -> str:
    """Every channel, and whether it works."""
    return render_template("channels.html", channels=queries.list_channels(site().engine))


def new_channel() -> str:
    """The form of a new channel."""
    return _channel_page(None, forms.FormState())


def add_channel() -> Answer:
    """Add a channel."""
    return _save_channel(None)


def channel(channel_id: int) -> str:
    """One channel, without its address."""
    return _channel_page(channel_id, forms.FormState())


def save_channel(channel_id: int) -> Answer:
    """Keep what was changed about a channel."""
    return _save_channel(channel_id)


def remove_channel(channel_id: int) -> Answer:
    """Take a channel out that no contact uses."""
    try:
        channel_services.remove_channel(site().engine, channel_id, by=actor(), now=now())
    except REFUSED as error:
        return _channel_page(channel_id, refused(error)), answer_for(error).status
    flash(t("message.channel_removed"), "ok")
    return redirect(url_for("channels"), 303)


def try_channel(channel_id: int) -> Answer:
    """Send a trial and tell what the receiver answered."""
    where = site()
    try:
        answer = channel_services.send_trial(
            where.engine,
            channel_id,
            to=forms.text(request.form, "to", most=200),
            language=lang(),
            place=place_of(where.city, where.zone),
            by=actor(),
            now=now(),
        )
    except REFUSED as error:
        return _channel_page(channel_id, refused(error)), answer_for(error).status
    return _channel_page(channel_id, forms.FormState(), trial=answer)


def contacts() -> str:
    """Everybody who can be told."""
    found = queries.list_contacts(site().engine, channel_id=forms.optional_int(request.args, "channel_id"))
    return render_template("contacts.html", contacts=found, clock=notice_forms.clock, channels=_channel_options())


def new_contact() -> str:
    """The form of a new contact."""
    return _contact_page(None, forms.FormState(values=dict(request.args)))


def add_contact() -> Answer:
    """Add a contact."""
    return _save_contact(None)


def contact(contact_id: int) -> str:
    """The form of one contact."""
    return _contact_page(contact_id, forms.FormState())


def save_contact(contact_id: int) -> Answer:
    """Keep what was changed about a contact."""
    return _save_contact(contact_id)


def remove_contact(contact_id: int) -> Answer:
    """Take a contact out that was never told anything."""
    try:
        contact_services.remove_contact(site().engine, contact_id, by=actor(), now=now())
    except REFUSED as error:
        return _contact_page(contact_id, refused(error)), answer_for(error).status
    flash(t("message.contact_removed"), "ok")
    return redirect(url_for("contacts"), 303)


def _save_channel(channel_id: int | None) -> Answer:
    try:
        new = notice_forms.read_channel(request.form)
        saved = channel_services.save_channel(site().engine, channel_id, new, by=actor(), now=now())
    except REFUSED as error:
        return _channel_page(channel_id, refused(error)), answer_for(error).status
    flash(t("message.channel_saved"), "ok")
    return redirect(url_for("channel", channel_id=saved), 303)


def _channel_page(channel_id: int | None, form: forms.FormState, *, trial: channel_services.Trial | None = None) -> str:
    engine = site().engine
    shown = None if channel_id is None else queries.one_channel(engine, channel_id)
    # what was typed may hold a password: it does not come back with the form
    values = {name: value for name, value in form.values.items() if name not in ("address", "secret")}
    return render_template(
        "channel.html",
        channel=shown,
        form=forms.FormState(values=values, errors=form.errors, problem=form.problem),
        kinds=list(ChannelKind),
        contacts=[] if channel_id is None else queries.list_contacts(engine, channel_id=channel_id),
        trial=trial,
    )


def _save_contact(contact_id: int | None) -> Answer:
    try:
        new = notice_forms.read_contact(request.form)
        contact_services.save_contact(site().engine, contact_id, new, by=actor(), now=now())
    except REFUSED as error:
        return _contact_page(contact_id, refused(error)), answer_for(error).status
    flash(t("message.contact_saved"), "ok")
    return redirect(url_for("contacts"), 303)


def _contact_page(contact_id: int | None, form: forms.FormState) -> str:
    return render_template(
        "contact.html",
        contact=None if contact_id is None else queries.one_contact(site().engine, contact_id),
        form=form,
        clock=notice_forms.clock,
        options={
            "channels": _channel_options(),
            "people": place_options.of_people(),
            "units": place_options.of_units(),
        },
    )


def _channel_options() -> place_options.Options:
    return [(str(each.id), each.name) for each in queries.list_channels(site().engine)]
