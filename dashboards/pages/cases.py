"""Cases: the list, one case's file, the moves people make, and a crew member's own tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec
import structlog
from flask import Flask, flash, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboards import forms
from dashboards.errors import answer_for, problem_of, wants_json
from dashboards.login import actor, area, may
from dashboards.pages.lists import next_url
from dashboards.pages.photos import keep_chosen
from dashboards.pages.proof import has_scanned, recent_scan
from dashboards.refusals import problem_at
from dashboards.site import now, site, standard, t
from dashboards.texts import local_time
from registry.domain.case_moves import MAX_NOTE, open_to
from registry.domain.case_requests import may_decide, read_chain
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import CaseRole, RequestState, Stage
from registry.domain.moves import MoveName
from registry.domain.people import Actor
from registry.queries import cases as case_queries
from registry.queries import waiting
from registry.queries.case_page import case_page as read_case
from registry.queries.case_ties import CaseTie, TieKind
from registry.queries.case_views import CaseRequest
from registry.queries.patrols import my_round
from registry.services import cases as case_services
from registry.services.tags import Scan

log = structlog.get_logger(__name__)

_TIE_IDS = {
    TieKind.CONSULTATION: "consultation_id",
    TieKind.CAMPAIGN: "campaign_id",
    TieKind.MANDATE: "mandate_id",
    TieKind.PATROL_ROUND: "round_id",
    TieKind.INSPECTION: "inspection_id",
}


DUE_WITHIN = {"4h": timedelta(hours=4), "24h": timedelta(hours=24)}
"""How far ahead the list of what is due next may look."""

LATELY = {"24h": timedelta(hours=24), "7d": timedelta(days=7)}
"""How far back the list may look; ``today`` beside them is since local midnight."""

TODAY = "today"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFilters:
    """What the list is narrowed to; ``None``: not narrowed. ``due``, ``opened`` and ``ended`` are words of a span."""

    stage: str | None
    open_only: bool
    running: bool
    severity: int | None
    kind: str | None
    assignee_id: int | None
    asset_id: int | None
    overdue: bool | None
    due: str | None
    opened: str | None
    ended: str | None
    q: str | None

    @property
    def narrowed(self) -> bool:
        """Whether anything narrows the list."""
        return any(getattr(self, each.name) for each in fields(self))


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/cases", "cases", cases)
    app.add_url_rule("/cases/<int:case_id>", "case", case)
    app.add_url_rule("/cases/<int:case_id>/moves", "move_case", move_case, methods=["POST"])
    app.add_url_rule(
        "/cases/<int:case_id>/requests/<int:request_id>", "decide_request", decide_request, methods=["POST"]
    )
    # Somebody loads the page again after a refused move, or changes the language on it.
    for refused in ("moves", "photos", "asset"):
        app.add_url_rule(f"/cases/<int:case_id>/{refused}", "case", case, alias=True)
    app.add_url_rule("/tasks", "tasks", tasks)


def cases() -> str:
    """The list."""
    where, at, filters = site(), now(), _filters()
    feed_id = where.hub.newest_id()
    # what is marked late is not due any more, whatever was granted since
    punctual = False if filters.due is not None else None
    page = case_queries.list_cases(
        where.engine,
        stage=None if filters.stage is None else Stage(filters.stage),
        open_only=filters.open_only,
        running=filters.running,
        severity=filters.severity,
        kind=filters.kind,
        assignee_id=filters.assignee_id,
        asset_id=filters.asset_id,
        overdue=punctual if filters.overdue is None else filters.overdue,
        due_after=None if filters.due is None else at,
        due_by=None if filters.due is None else at + DUE_WITHIN[filters.due],
        opened_since=_since(filters.opened, at),
        ended_since=_since(filters.ended, at),
        q=filters.q,
        scope=area(),
        after=forms.optional_text(request.args, "after"),
    )
    choices = {
        "stages": list(Stage),
        "severities": [3, 2, 1],
        "kinds": list(standard().lines),
        "crew": case_queries.crew_members(where.engine),
        "due": list(DUE_WITHIN),
        "lately": [TODAY, *LATELY],
    }
    return render_template(
        "cases.html", page=page, filters=filters, choices=choices, next_url=next_url(page.next), feed_id=feed_id
    )


def _filters() -> CaseFilters:
    """What the address asks for. Raises ``InvalidInput``."""
    args = request.args
    severity = forms.choice(args, "severity", ("3", "2", "1"))
    return CaseFilters(
        stage=forms.choice(args, "stage", Stage),
        open_only=forms.flag(args, "open_only") or False,
        running=forms.flag(args, "running") or False,
        severity=None if severity is None else int(severity),
        kind=forms.choice(args, "kind", standard().lines),
        assignee_id=forms.optional_int(args, "assignee_id"),
        asset_id=forms.optional_int(args, "asset_id"),
        overdue=forms.flag(args, "overdue"),
        due=forms.choice(args, "due", DUE_WITHIN),
        opened=forms.choice(args, "opened", (TODAY, *LATELY)),
        ended=forms.choice(args, "ended", (TODAY, *LATELY)),
        q=forms.optional_text(args, "q"),
    )


def _since(span: str | None, at: datetime) -> datetime | None:
    """The moment from which on a span looks, in the city's days."""
    if span == TODAY:
        return datetime.combine(at.astimezone(site().zone).date(), time.min, site().zone)
    return None if span is None else at - LATELY[span]


def case(case_id: int) -> str:
    """One case: what happened, and what the visitor may do now."""
    return case_page(case_id, forms.FormState())


def tasks() -> str:
    """What the visitor has to do: their own cases, looks to take, and what else waits for them or their unit."""
    where, somebody, at = site(), actor(), now()
    return render_template(
        "tasks.html",
        feed_id=where.hub.newest_id(),
        tasks=case_queries.my_tasks(where.engine, somebody.user_id or 0, scope=area()),
        looks=waiting.my_looks(where.engine, somebody),
        waiting=waiting.waiting_for(where.engine, somebody, now=at),
        on_round=None if somebody.user_id is None else my_round(where.engine, somebody.user_id, now=at),
    )


def move_case(case_id: int) -> Response | tuple[str, int]:
    """Carry out one move. What can't be done leaves everything typed and uploaded in the form."""
    photo_ids: tuple[int, ...] = ()
    try:
        order = forms.read_move(request.form)
        photo_ids = order.photo_ids + _keep_pictures(case_id)
        return _moved(case_id, order, photo_ids)
    except (Conflict, InvalidMove, InvalidInput) as error:
        answer = answer_for(error)
        if wants_json():
            raise
        errors = {error.field: problem_at(error)} if isinstance(error, InvalidInput) else {}
        problem = _changed_by(case_id) if isinstance(error, Conflict) else _refused(problem_of(answer, error))
        state = forms.state_of(request.form, errors=errors, problem=problem, photo_ids=photo_ids)
        return case_page(case_id, state), answer.status


def decide_request(case_id: int, request_id: int) -> Response | tuple[str, int]:
    """Decide the next step of what was asked for a case."""
    form = request.form
    try:
        moved = case_services.decide_request(
            site().engine,
            request_id=request_id,
            case_id=case_id,
            granted=forms.choice(form, "answer", ("grant", "refuse")) == "grant",
            by=actor(),
            expected_version=forms.optional_int(form, "version") or 0,
            now=now(),
            note=forms.text(form, "note", most=MAX_NOTE),
            zone=site().zone,
        )
    except (Conflict, InvalidMove, InvalidInput) as error:
        answer = answer_for(error)
        if wants_json():
            raise
        problem = problem_at(error) if isinstance(error, InvalidInput) else problem_of(answer, error)
        state = forms.state_of(form, errors={}, problem=_refused(problem))
        return case_page(case_id, state), answer.status
    flash(t("message.moved", number=moved.number, move=t(f"move.{moved.move}"), stage=t(f"stage.{moved.stage}")), "ok")
    return redirect(url_for("case", case_id=case_id), 303)


def _keep_pictures(case_id: int) -> tuple[int, ...]:
    """The pictures of the form: some that show whatever they show, one from before and one from after."""
    kept = keep_chosen(case_id, forms.chosen_files(request.files))
    for kind in ("before", "after"):
        kept += keep_chosen(case_id, forms.chosen_files(request.files, f"photo_{kind}"), kind=kind)
    return kept


def case_page(case_id: int, state: forms.FormState) -> str:
    """The case as it is now, with ``state`` in its form."""
    where, somebody = site(), actor()
    feed_id, roles = where.hub.newest_id(), somebody.case_roles
    found = read_case(
        where.engine,
        case_id,
        now=now(),
        with_crew=bool(roles & {CaseRole.RECEPTIONIST, CaseRole.DISPATCHER}),
        with_similar=may("merge_similar"),
    )
    if found is None:
        raise NotFound("case", case_id)
    file, crew = found.file, found.crew
    line = standard().lines.get(file.kind)
    return render_template(
        "case.html",
        file=file,
        moves=open_to(found.state, somebody),
        to_decide={each.id for each in file.requests if _is_theirs_to_decide(each, somebody)},
        lookers=crew if CaseRole.RECEPTIONIST in roles else [],
        crew=crew if CaseRole.DISPATCHER in roles else [],
        form=state,
        feed_id=feed_id,
        quantity_unit="" if line is None else line.quantity_unit,
        beyond=found.beyond,
        ties=found.ties,
        similar=found.similar,
        tie_url=_tie_url,
    )


def _tie_url(tie: CaseTie) -> str:
    """The page of what the case is tied to; early warnings have one page for all."""
    if tie.kind is TieKind.WARNINGS:
        return url_for("warnings")
    addressed: dict[str, Any] = {_TIE_IDS[tie.kind]: tie.id}
    return url_for(tie.kind.value, **addressed)


def the_file(case_id: int) -> case_queries.CaseFile:
    """The case with its story. Raises ``NotFound``."""
    file = case_queries.case_file(site().engine, case_id)
    if file is None:
        raise NotFound("case", case_id)
    return file


def _moved(case_id: int, order: forms.MoveForm, photo_ids: Sequence[int]) -> Response:
    moved = case_services.move_case(
        site().engine,
        case_id=case_id,
        move=order.move,
        by=actor(),
        expected_version=order.version,
        now=now(),
        note=order.note,
        assignee_id=order.assignee_id,
        unit_id=order.unit_id,
        until=_until(order.until),
        into_id=_into(order.into),
        passed=order.passed,
        quantity=order.quantity,
        cause=order.cause,
        photo_ids=photo_ids,
        zone=site().zone,
        scan=_scan_of(case_id),
    )
    log.info("case_moved", case_id=case_id, move=order.move, by_user_id=actor().user_id)
    if wants_json():
        return jsonify(ok=True, case={"id": case_id, "stage": moved.stage, "version": moved.version})
    flash(t("message.moved", number=moved.number, move=t(f"move.{order.move}"), stage=t(f"stage.{moved.stage}")), "ok")
    return redirect(order.next or url_for("case", case_id=case_id), 303)


def _until(written: str) -> datetime | None:
    """The end of a day in the city's zone."""
    if not written:
        return None
    try:
        day = date.fromisoformat(written)
    except ValueError:
        raise InvalidInput("until", "{given!r} is no day; write it as 2026-03-31", given=written) from None
    return datetime.combine(day + timedelta(days=1), time.min, site().zone)


def _into(number: str) -> int | None:
    """The case of that number."""
    if not number:
        return None
    found = case_queries.case_of_number(site().engine, number)
    if found is None:
        raise InvalidInput("into_id", "there is no case {given}; look its number up in the list", given=number)
    return found


def _scan_of(case_id: int) -> Scan | None:
    """The visitor's scan of the plate of what the case is about; most have not scanned any, and nothing is read."""
    asset_id = the_file(case_id).asset_id if has_scanned() else None
    return None if asset_id is None else recent_scan(asset_id)


def _is_theirs_to_decide(asked: CaseRequest, somebody: Actor) -> bool:
    if asked.state is not RequestState.WAITING:
        return False
    steps = read_chain(msgspec.to_builtins(asked.steps, builtin_types=(datetime,)))
    return may_decide(asked.kind, steps, somebody, asked.asked_by)


def _refused(problem: str) -> str:
    return t("message.form_problem", problem=problem)


def _changed_by(case_id: int) -> str:
    """Who moved the case meanwhile, how and when."""
    last = next((entry for entry in reversed(the_file(case_id).entries) if entry.move in set(MoveName)), None)
    if last is None:
        return t("message.changed_by_somebody")
    return t(
        "message.changed_meanwhile",
        name=last.by_name or t("message.nobody"),
        move=t(f"move.{last.move}"),
        time=local_time(last.at, site().zone, "clock"),
    )
