"""A cabinet: its state, its configuration with versions, what it is told to do, and whether it may connect."""

from __future__ import annotations

from flask import Flask, flash, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboards import forms
from dashboards.errors import answer_for
from dashboards.login import actor
from dashboards.pages.areas import REFUSED, Answer, refused
from dashboards.pages.lists import next_url
from dashboards.site import now, site, t
from registry.domain.commands import MAY_ORDER, CommandKind
from registry.domain.errors import InvalidInput
from registry.queries import cabinets as queries
from registry.services import commands, configurations, credentials

ORDERED_HERE = (CommandKind.POLL, CommandKind.DESCRIBE, CommandKind.RESTART, CommandKind.ROTATE)
_LONGEST_TEXT = 200_000
# as docs/operating.md sets a cabinet up
_ENROL = "cd /var/lib/covercode && runuser -u covercode -- /opt/covercode/bin/covercode edge enrol"


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/enrolment-codes/new", "new_cabinet", new_cabinet)
    app.add_url_rule("/enrolment-codes/new", "issue_code", issue_code, methods=["POST"])
    app.add_url_rule("/cabinets/<cabinet>", "cabinet", cabinet)
    app.add_url_rule("/cabinets/<cabinet>/progress", "cabinet_progress", cabinet_progress)
    app.add_url_rule("/cabinets/<cabinet>/configuration", "configuration", configuration)
    app.add_url_rule("/cabinets/<cabinet>/configuration", "publish", publish, methods=["POST"])
    app.add_url_rule("/cabinets/<cabinet>/commands", "order_command", order_command, methods=["POST"])
    app.add_url_rule("/cabinets/<cabinet>/revoke", "revoke_cabinet", revoke_cabinet, methods=["POST"])
    app.add_url_rule("/commands/<int:command_id>/withdraw", "withdraw_command", withdraw_command, methods=["POST"])
    app.add_url_rule("/devices/<int:device_id>/period", "set_period", set_period, methods=["POST"])
    app.add_url_rule("/devices/<int:device_id>/command", "order_for_device", order_for_device, methods=["POST"])
    for sent in ("commands", "revoke"):
        app.add_url_rule(f"/cabinets/<cabinet>/{sent}", "cabinet", cabinet, alias=True)


def new_cabinet() -> str:
    """The form for a one-time code."""
    return render_template("cabinet_new.html", form=forms.FormState(), cabinet_id=request.args.get("cabinet", "")[:60])


def issue_code() -> Answer:
    """Make a code, and show it once."""
    try:
        cabinet_id = forms.text(request.form, "cabinet_id", most=60)
        issued = credentials.issue_code(site().engine, cabinet_id, by=actor(), now=now())
    except REFUSED as error:
        page = render_template("cabinet_new.html", form=refused(error), cabinet_id="")
        return page, answer_for(error).status
    return render_template(
        "cabinet_new.html",
        form=forms.FormState(),
        cabinet_id=issued.cabinet_id,
        issued=issued,
        command=f"{_ENROL} --city {site().city.public_url} --code {issued.text}",
    ), 201


def cabinet(cabinet: str) -> str:
    """One cabinet."""
    return _cabinet_page(cabinet, forms.FormState())


def cabinet_progress(cabinet: str) -> Response:
    """Whether the cabinet has answered everything; its page is loaded again then."""
    left = queries.open_commands(site().engine, cabinet)
    words = t("cabinet.waits", count=left)
    return jsonify(done=0, total=None, finished=left == 0, left_s=None, words=words, next=None)


def configuration(cabinet: str) -> str:
    """A version as it stands, what it changed, and the form for the next one."""
    return _configuration_page(cabinet, forms.FormState())


def publish(cabinet: str) -> Answer:
    """Keep another version and send it."""
    try:
        new = configurations.NewConfiguration(
            cabinet_id=cabinet,
            text=request.form.get("text", "")[:_LONGEST_TEXT],
            follows=forms.whole_number(request.form, "follows", 0, least=0, most=2**31),
            note=forms.optional_text(request.form, "note", most=500) or "",
            rollback_after_s=forms.optional_int(request.form, "rollback_after_s"),
        )
        version = configurations.publish_configuration(
            site().engine, new, check=site().cabinets.check, by=actor(), now=now()
        )
    except REFUSED as error:
        return _configuration_page(cabinet, refused(error)), answer_for(error).status
    flash(t("message.configuration_sent", version=version), "ok")
    return redirect(url_for("cabinet", cabinet=cabinet), 303)


def order_command(cabinet: str) -> Answer:
    """Tell the cabinet to do something."""
    kind = forms.choice(request.form, "kind", ORDERED_HERE)
    try:
        if kind is None:
            raise InvalidInput("kind", t("cabinet.choose_command"))
        new = commands.NewCommand(kind=CommandKind(kind), cabinet_id=cabinet)
        commands.order_command(site().engine, new, by=actor(), now=now())
    except REFUSED as error:
        return _cabinet_page(cabinet, refused(error)), answer_for(error).status
    flash(t("message.command_ordered"), "ok")
    return redirect(url_for("cabinet", cabinet=cabinet) + "#commands", 303)


def order_for_device(device_id: int) -> Response:
    """Have the cabinet ask a sensor at once, measure it for its zero, or ask it at another pace."""
    kind = forms.choice(request.form, "kind", (CommandKind.POLL, CommandKind.REZERO)) or CommandKind.POLL
    arguments = {}
    if kind == CommandKind.REZERO:
        arguments = {"reason": forms.text(request.form, "reason", most=500)}
    new = commands.NewCommand(kind=CommandKind(kind), device_id=device_id, arguments=arguments)
    commands.order_command(site().engine, new, by=actor(), now=now())
    flash(t("message.command_ordered"), "ok")
    return redirect(url_for("device", device_id=device_id), 303)


def set_period(device_id: int) -> Response:
    """Have a sensor asked at another pace."""
    period_s = forms.optional_float(request.form, "poll_every_s")
    if period_s is None:
        raise InvalidInput("poll_every_s", t("cabinet.give_period"))
    version = configurations.change_period(
        site().engine, device_id, period_s, check=site().cabinets.check, by=actor(), now=now()
    )
    flash(t("message.configuration_sent", version=version), "ok")
    return redirect(url_for("device", device_id=device_id), 303)


def withdraw_command(command_id: int) -> Response:
    """Take back what was not answered yet."""
    found = queries.command(site().engine, command_id)
    commands.withdraw_command(site().engine, command_id, by=actor(), now=now())
    flash(t("message.command_withdrawn"), "ok")
    return redirect(url_for("cabinet", cabinet=found.cabinet_id) + "#commands", 303)


def revoke_cabinet(cabinet: str) -> Response:
    """Shut the cabinet out."""
    credentials.revoke_cabinet(site().engine, cabinet, by=actor(), now=now())
    flash(t("message.cabinet_revoked"), "ok")
    return redirect(url_for("cabinet", cabinet=cabinet), 303)


def _cabinet_page(cabinet_id: str, form: forms.FormState) -> str:
    where = site()
    found = queries.cabinet_file(where.engine, cabinet_id, now=now())
    told = queries.list_commands(where.engine, cabinet_id, after=forms.optional_text(request.args, "after"), limit=30)
    role = actor().role
    return render_template(
        "cabinet.html",
        cabinet=found,
        commands=told,
        next_url=next_url(told.next),
        waits=queries.open_commands(where.engine, cabinet_id) if found.health.online else 0,
        orders=[kind for kind in ORDERED_HERE if role in MAY_ORDER[kind]],
        withdrawable={kind for kind in CommandKind if role in MAY_ORDER[kind]},
        form=form,
    )


def _configuration_page(cabinet_id: str, form: forms.FormState) -> str:
    found = queries.cabinet_file(site().engine, cabinet_id, now=now())
    wanted = forms.optional_int(request.args, "version") if request.method == "GET" else None
    versions = {each.version: each for each in found.configurations}
    shown = versions.get(wanted) if wanted is not None else found.newest
    before = versions.get(shown.version - 1) if shown is not None else None
    lines = queries.difference(before.text if before else "", shown.text) if shown is not None else []
    return render_template(
        "cabinet_configuration.html", cabinet=found, shown=shown, before=before, lines=lines, form=form
    )
