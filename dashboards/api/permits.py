"""Work on covers: starting a permit, prolonging and ending it, and how the cover was found."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from flask import url_for
from msgspec import Meta

from dashboards.api.answering import page
from dashboards.api.operation import Answer, Body, DoneAt, Id, Listing, NoQuery, Operation, Paged
from dashboards.api.request import Call
from registry.domain.errors import InvalidInput, NotFound
from registry.domain.kinds import PermitState
from registry.domain.permits import MAX_TEXT, MOST_PEOPLE
from registry.queries.assets import asset_by_token
from registry.queries.permits import PermitRow, list_permits, permit_row
from registry.services import permits

Minutes = Annotated[int, Meta(ge=15, le=720, description="15 minutes to 12 hours")]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]


class PermitQuery(Paged, frozen=True, kw_only=True):
    """Which permits, the newest first."""

    state: PermitState | None = None
    asset_id: Id | None = None


class PermitBody(Body, frozen=True, kw_only=True):
    """An opening that is to be allowed: with the token of the plate that was scanned, or a note that says why not."""

    work: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
    people: Annotated[int, Meta(ge=1, le=MOST_PEOPLE)]
    minutes: Minutes
    case_id: Id | None = None
    token: Annotated[str, Meta(max_length=64, description="What stands on the plate")] = ""
    note: Text = ""
    done_at: DoneAt = None


class Longer(Body, frozen=True, kw_only=True):
    """By how much it is prolonged; it ends 12 hours from now at the latest."""

    minutes: Minutes
    done_at: DoneAt = None


class Ended(Body, frozen=True, kw_only=True):
    """The work is done and the cover closed."""

    note: Text = ""
    done_at: DoneAt = None


def api_permits(call: Call[PermitQuery, None]) -> Answer:
    """Permits, the newest first."""
    query = call.query
    found = list_permits(
        call.engine,
        now=call.now,
        state=query.state,
        asset_id=query.asset_id,
        scope=call.by.area_code,
        after=query.after,
        limit=query.limit,
    )
    return page(found)


def api_permit(call: Call[NoQuery, None], permit_id: int) -> Answer:
    """One permit."""
    return Answer(value=_found(call, permit_id))


def api_start_permit(call: Call[NoQuery, PermitBody], asset_id: int) -> Answer:
    """Start a permit."""
    sent = call.body
    new = permits.NewPermit(
        asset_id=asset_id,
        work=sent.work,
        people=sent.people,
        minutes=sent.minutes,
        case_id=sent.case_id,
        note=sent.note,
        scanned=_scanned(call, asset_id),
        done_at=sent.done_at,
    )
    permit_id = permits.start(call.engine, new, by=call.by, now=call.now)
    address = url_for("api_permit", permit_id=permit_id)
    return Answer(value=_found(call, permit_id), status=201, location=address)


def api_prolong_permit(call: Call[NoQuery, Longer], permit_id: int) -> Answer:
    """Let it run longer."""
    minutes, done_at = call.body.minutes, call.body.done_at
    permits.prolong(call.engine, permit_id, minutes, by=call.by, now=call.now, done_at=done_at)
    return Answer(value=_found(call, permit_id))


def api_end_permit(call: Call[NoQuery, Ended], permit_id: int) -> Answer:
    """End it."""
    note, done_at = call.body.note, call.body.done_at
    permits.end(call.engine, permit_id, by=call.by, now=call.now, note=note, done_at=done_at)
    return Answer(value=_found(call, permit_id))


def _found(call: Call[Any, Any], permit_id: int) -> PermitRow:
    found = permit_row(call.engine, permit_id, now=call.now)
    if found is None:
        raise NotFound("permit", permit_id)
    return found


def _scanned(call: Call[NoQuery, PermitBody], asset_id: int) -> bool:
    """Whether the plate is that of the asset. Raises ``InvalidInput`` for another one's."""
    if not call.body.token:
        return False
    try:
        view = asset_by_token(call.engine, call.body.token)
    except InvalidInput as error:
        raise error.at("token") from None
    if view is None or view.asset_id != asset_id:
        raise InvalidInput("token", "is not the plate of this asset; scan the one on it")
    return True


_row = partial(Operation, group="cases")
OPERATIONS = (
    _row(
        method="GET",
        path="/permits",
        endpoint="api_permits",
        run=api_permits,
        zh="开盖作业列表",
        en="Permits to open covers, the newest first",
        query=PermitQuery,
        replies={200: Listing[PermitRow]},
    ),
    _row(
        method="GET",
        path="/permits/{permit_id}",
        endpoint="api_permit",
        run=api_permit,
        zh="一项开盖作业",
        en="One permit, and how the cover was found",
        replies={200: PermitRow},
    ),
    _row(
        method="POST",
        path="/assets/{asset_id}/permits",
        endpoint="api_start_permit",
        run=api_start_permit,
        zh="登记开盖作业",
        en="Start a permit: what the open cover raises is expected",
        body=PermitBody,
        replies={201: PermitRow},
    ),
    _row(
        method="POST",
        path="/permits/{permit_id}/prolong",
        endpoint="api_prolong_permit",
        run=api_prolong_permit,
        zh="延长开盖作业",
        en="Let a permit run longer",
        body=Longer,
        replies={200: PermitRow},
    ),
    _row(
        method="POST",
        path="/permits/{permit_id}/end",
        endpoint="api_end_permit",
        run=api_end_permit,
        zh="结束开盖作业",
        en="End a permit; the next readings tell how the cover sits",
        body=Ended,
        replies={200: PermitRow},
    ),
)
