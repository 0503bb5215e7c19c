"""Queues: what waits to be dispatched, with proposals for one click; each unit's work and who of it has how much."""

from __future__ import annotations

from flask import Flask, flash, redirect, render_template, request, url_for

from dashboards import dispatch_forms, dispatch_words, forms
from dashboards.errors import answer_for
from dashboards.login import actor, area, may
from dashboards.pages.areas import REFUSED, Answer, refused
from dashboards.pages.lists import next_url
from dashboards.paths import safe_path
from dashboards.site import now, site, t
from registry.domain.errors import NotFound
from registry.queries import dispatching
from registry.queries import queues as queue_queries
from registry.queries.people import list_units
from registry.queries.undecided import undecided_for
from registry.services import absences

_AT_ONCE = 20
"""How many cases the desk sees with their proposals."""


def register(app: Flask) -> None:
    """Routes of this module, and the words of proposals for every template."""
    app.jinja_env.globals.update(
        reason_sentence=dispatch_words.reason_sentence,
        dispatch_reasons=dispatch_words.dispatch_reasons,
        dispatch_distance=dispatch_words.distance,
        dispatch_proposal=dispatch_proposal,
    )
    app.add_url_rule("/queues", "queues", queues)
    app.add_url_rule("/queues/<int:unit_id>", "unit_queue", unit_queue)
    app.add_url_rule("/queues/<int:unit_id>/absences", "add_absence", add_absence, methods=["POST"])
    # somebody loads the page again after a refused absence
    app.add_url_rule("/queues/<int:unit_id>/absences", "unit_queue", unit_queue, alias=True)
    app.add_url_rule("/absences/<int:absence_id>/remove", "remove_absence", remove_absence, methods=["POST"])


def dispatch_proposal(case_id: int) -> dispatching.ProposalView:
    """Who should get this case, for its page. Raises ``NotFound``."""
    return dispatching.proposal(site().engine, case_id, now=now(), zone=site().zone)


def queues() -> str:
    """What waits for the desk, and what each unit has in hand."""
    where = site()
    feed_id = where.hub.newest_id()
    waiting = queue_queries.desk_queue(
        where.engine,
        scope=area(),
        now=now(),
        zone=where.zone,
        after=forms.optional_text(request.args, "after"),
        limit=_AT_ONCE,
    )
    proposed = dispatching.proposals(where.engine, [row.id for row in waiting.items], now=now(), zone=where.zone)
    return render_template(
        "queues.html",
        waiting=waiting,
        proposals={each.case_id: each for each in proposed},
        undecided=undecided_for(where.engine, actor()),
        loads=queue_queries.workload(where.engine, now=now(), zone=where.zone, scope=area()),
        next_url=next_url(waiting.next),
        feed_id=feed_id,
    )


def unit_queue(unit_id: int) -> str:
    """One unit's queue, what is due first at the top."""
    return _unit_page(unit_id, forms.FormState())


def add_absence(unit_id: int) -> Answer:
    """Somebody of the unit is away for some days."""
    try:
        user_id, first, last, note = dispatch_forms.read_absence(request.form)
        absences.add_absence(site().engine, user_id, first, last, note=note, by=actor(), now=now())
    except REFUSED as error:
        state = refused(error)
        typed = forms.state_of(request.form, errors=state.errors, problem=state.problem)
        return _unit_page(unit_id, typed), answer_for(error).status
    flash(t("message.absence_saved"), "ok")
    return redirect(url_for("unit_queue", unit_id=unit_id), 303)


def remove_absence(absence_id: int) -> Answer:
    """They are back."""
    absences.remove_absence(site().engine, absence_id, by=actor(), now=now())
    flash(t("message.absence_removed"), "ok")
    return redirect(safe_path(request.form.get("next"), url_for("queues")), 303)


def _unit_page(unit_id: int, form: forms.FormState) -> str:
    where, moment = site(), now()
    unit = next((each for each in list_units(where.engine) if each.id == unit_id), None)
    if unit is None:
        raise NotFound("unit", unit_id)
    feed_id = where.hub.newest_id()
    assignee_id, late = forms.optional_int(request.args, "assignee_id"), forms.flag(request.args, "late") or False
    page = queue_queries.unit_queue(
        where.engine,
        unit_id,
        assignee_id=assignee_id,
        late=late,
        scope=area(),
        now=moment,
        zone=where.zone,
        after=forms.optional_text(request.args, "after"),
    )
    today = moment.astimezone(where.zone).date()
    loads = queue_queries.workload(where.engine, now=moment, zone=where.zone, scope=area(), unit_id=unit_id)
    return render_template(
        "unit_queue.html",
        unit=unit,
        load=loads[0],
        page=page,
        assignee_id=assignee_id,
        late=late,
        people=queue_queries.people_of(where.engine, unit_id, now=moment, zone=where.zone),
        absences=dispatching.absences(where.engine, since=today, unit_id=unit_id) if may("add_absence") else [],
        next_url=next_url(page.next),
        form=form,
        feed_id=feed_id,
    )
