"""The notice log: who was told of what, by which way, and what became of it."""

from __future__ import annotations

from typing import Any

from flask import Flask, render_template, request, url_for

from dashboards.login import area
from dashboards.notice_forms import read_filter
from dashboards.pages.lists import next_url
from dashboards.site import now, site
from registry.domain.kinds import NoticeKind, NoticeState
from registry.queries import notice_ways, notices

_STATES = (
    *(NoticeState.WAITING, NoticeState.SENDING, NoticeState.SENT, NoticeState.FAILED),
    *(NoticeState.HELD, NoticeState.MUTED, NoticeState.DROPPED),
)


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/notices", "notices", log)


def log() -> str:
    """Notices, the newest first."""
    engine, wanted = site().engine, read_filter(request.args)
    page = notices.list_notices(engine, wanted, scope=area(), after=request.args.get("after"))
    contacts = [(str(each.id), each.name) for each in notice_ways.list_contacts(engine)]
    kept: dict[str, Any] = {
        name: request.args[name] for name in ("state", "kind", "contact_id", "alert_id") if request.args.get(name)
    }
    return render_template(
        "notices.html",
        page=page,
        wanted=wanted,
        kept=kept,
        choices={"states": _STATES, "kinds": [kind for kind in NoticeKind if kind is not NoticeKind.TRIAL]},
        contacts=contacts,
        troubles=notices.notice_troubles(engine, now=now()),
        next_url=next_url(page.next),
        first_url=url_for("notices", **kept) if request.args.get("after") else None,
    )
