"""The audit trail: the list with its filters, and the same as CSV."""

from __future__ import annotations

from flask import Flask, Response, render_template, request

from dashboards import forms, people_forms
from dashboards.audit_words import action_words, detail_words, subject_words
from dashboards.pages.lists import next_url
from dashboards.site import site
from registry.queries import audit as audit_queries


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/audit", "audit", audit)
    app.add_url_rule("/audit.csv", "audit_csv", audit_csv)


def audit() -> str:
    """Who did what, the newest first."""
    wanted = people_forms.read_audit_filter(request.args, site().zone)
    page = audit_queries.list_audit(site().engine, wanted, after=forms.optional_text(request.args, "after"))
    narrowed = {name: value for name, value in request.args.items() if value and name != "after"}
    return render_template(
        "audit.html",
        page=page,
        filters=narrowed,
        action_options=[(word, action_words(word)) for word in audit_queries.actions(site().engine)],
        action_words=action_words,
        subject_words=subject_words,
        detail_words=detail_words,
        next_url=next_url(page.next),
    )


def audit_csv() -> Response:
    """What the filters leave, the oldest first, however much it is; with a mark that tells spreadsheets it is UTF-8."""
    wanted = people_forms.read_audit_filter(request.args, site().zone)
    lines = audit_queries.as_csv(audit_queries.every_entry(site().engine, wanted))
    response = Response((line.encode("utf-8-sig" if at == 0 else "utf-8") for at, line in enumerate(lines)))
    response.mimetype = "text/csv"
    response.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return response
