"""Dead letters: what could not be used, why, and having it taken in again."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from dashboards.api.answering import page
from dashboards.api.operation import Answer, Body, Id, Listing, NoQuery, Operation, Paged, Query
from dashboards.api.request import Call
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Reject
from registry.queries.letters import LetterCause, LetterFilter, LetterRow, letter_causes, list_letters, one_letter
from registry.services import letters as services

_Word = Annotated[str, Meta(max_length=120)]


class LetterQuery(Paged, frozen=True, kw_only=True):
    """Which letters, the newest first. ``q`` is looked for in the detail and in the original."""

    reason: Reject | None = None
    cabinet: _Word = ""
    device: _Word = ""
    q: _Word = ""


class CauseQuery(Query, frozen=True, kw_only=True):
    """How many causes."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class Causes(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps letters coming, the most letters first."""

    items: list[LetterCause]


class LetterOrder(Body, frozen=True, kw_only=True):
    """Which letters: by number, or all that the other fields leave. ``all`` must be true when nothing narrows."""

    ids: Annotated[list[Id], Meta(max_length=services.MOST_NAMED)] = msgspec.field(default_factory=list)
    reason: Reject | None = None
    cabinet: _Word = ""
    device: _Word = ""
    q: _Word = ""
    all: bool = False


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How many letters it concerned."""

    letters: int


def api_letters(call: Call[LetterQuery, None]) -> Answer:
    """Letters, the newest first."""
    asked = call.query
    wanted = LetterFilter(reason=asked.reason, cabinet=asked.cabinet, device=asked.device, q=asked.q)
    return page(list_letters(call.engine, wanted, after=asked.after, limit=asked.limit))


def api_letter_causes(call: Call[CauseQuery, None]) -> Answer:
    """Causes, the worst first."""
    return Answer(value=Causes(items=letter_causes(call.engine, limit=call.query.limit)))


def api_letter(call: Call[NoQuery, None], letter_id: int) -> Answer:
    """One letter with its whole original."""
    return Answer(value=one_letter(call.engine, letter_id))


def api_replay_letters(call: Call[NoQuery, LetterOrder]) -> Answer:
    """Ask for letters to be taken in again."""
    asked = services.ask_replay(call.engine, _chosen(call.body), by=call.by, now=call.now)
    return Answer(value=Counted(letters=asked), status=202)


def api_drop_letters(call: Call[NoQuery, LetterOrder]) -> Answer:
    """Let go of letters."""
    return Answer(
        value=Counted(letters=services.drop_letters(call.engine, _chosen(call.body), by=call.by, now=call.now))
    )


def _chosen(order: LetterOrder) -> LetterFilter | list[int]:
    wanted = LetterFilter(reason=order.reason, cabinet=order.cabinet, device=order.device, q=order.q)
    if order.ids and (wanted.said() or order.all):
        raise InvalidInput("ids", "name letters or filter them, not both")
    if order.ids:
        return order.ids
    if not wanted.said() and not order.all:
        raise InvalidInput("all", "nothing narrows this order; say ids, a filter, or all = true")
    return wanted


_row = partial(Operation, group="letters")
OPERATIONS = (
    _row(
        method="GET",
        path="/letters",
        endpoint="api_letters",
        run=api_letters,
        zh="死信列表",
        en="Dead letters, the newest first",
        query=LetterQuery,
        replies={200: Listing[LetterRow]},
    ),
    _row(
        method="GET",
        path="/letter-causes",
        endpoint="api_letter_causes",
        run=api_letter_causes,
        zh="死信原因，最多的在前",
        en="What keeps dead letters coming, the most letters first",
        query=CauseQuery,
        replies={200: Causes},
    ),
    _row(
        method="GET",
        path="/letters/{letter_id}",
        endpoint="api_letter",
        run=api_letter,
        zh="一封死信及原文",
        en="One dead letter with its whole original",
        replies={200: LetterRow},
    ),
    _row(
        method="POST",
        path="/letters/replay",
        endpoint="api_replay_letters",
        run=api_replay_letters,
        zh="重新处理死信",
        en="Have dead letters taken in again",
        body=LetterOrder,
        replies={202: Counted},
        errors=(404,),
        note="The intake takes them within seconds: what can be used becomes readings and the letter goes; what fails"
        " again stays with its new reason.",
    ),
    _row(
        method="POST",
        path="/letters/drop",
        endpoint="api_drop_letters",
        run=api_drop_letters,
        zh="丢弃死信",
        en="Let go of dead letters",
        body=LetterOrder,
        replies={200: Counted},
        errors=(404,),
    ),
)
