"""Boards: which there are, one of them, keeping one, and what its panels answer."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from dashboards.api.answering import page_out_of
from dashboards.api.operation import Answer, Body, Listing, NoQuery, Operation, Paged
from dashboards.api.request import Call
from dashboards.board_answering import Chosen, Question, answered, asked
from dashboards.errors import Refusals
from registry.domain.board_check import check_board
from registry.domain.boards import Board
from registry.domain.errors import InvalidInput, NotFound
from registry.queries.boards import BoardLine, KeptBoard, find_board, list_boards
from registry.services import boards

Ms = Annotated[int, Meta(ge=0, le=4_102_444_800_000, description="Milliseconds since 1970 UTC")]


class AskBody(Body, frozen=True, kw_only=True):
    """Of which time, with what chosen of the board's variables, and which panels (none named: all)."""

    from_ms: Ms
    to_ms: Ms
    width_px: Annotated[int, Meta(ge=50, le=4000, description="How wide a chart is: curves get so many slices")] = 800
    vars: dict[str, list[str]] = msgspec.field(default_factory=dict)
    panels: list[str] | None = None


class BoardAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """One object for each panel: `panel`, `kind`, `at`, `took_ms`, and what there is to see or a `problem`."""

    answers: list[dict[str, Any]]


def api_boards(call: Call[Paged, None]) -> Answer:
    """Every board."""
    return page_out_of(list_boards(call.engine), call.query, lambda line: (line.key,))


def api_board(call: Call[NoQuery, None], board_key: str) -> Answer:
    """One board; its ``ETag`` begins with its version."""
    kept = find_board(call.engine, board_key)
    return Answer(value=kept, version=kept.version)


def api_save_board(call: Call[NoQuery, Board], board_key: str) -> Answer:
    """Keep a board; a key that is not there yet is a new one (``If-Match: *``)."""
    wanted = call.body
    if wanted.key != board_key:
        raise InvalidInput(
            "key",
            "is {sent!r} in the body and {key!r} in the address; send the same twice",
            sent=wanted.key,
            key=board_key,
        )
    if problems := check_board(wanted):
        raise Refusals(problems)
    try:
        version = find_board(call.engine, board_key).version
    except NotFound:
        if call.matches != "*":
            raise
        boards.add_board(call.engine, wanted, by=call.by, now=call.now)
    else:
        boards.save_board(call.engine, wanted, seen_version=call.version(version), by=call.by, now=call.now)
    kept = find_board(call.engine, board_key)
    return Answer(value=kept, version=kept.version)


def api_board_answers(call: Call[NoQuery, AskBody], board_key: str) -> Answer:
    """What the panels of a board show."""
    body = call.body
    kept = find_board(call.engine, board_key).board
    chosen: Chosen = {name: list(values) for name, values in body.vars.items()}
    question = Question(from_ms=body.from_ms, to_ms=body.to_ms, width_px=body.width_px, vars=chosen)
    wanted = [each for each in kept.panels if body.panels is None or each.id in body.panels]
    # JSON already, as the page gets it
    found: list[Any] = list(answered(wanted, asked(question, kept.variables)))
    return Answer(value=BoardAnswers(answers=found))


_row = partial(Operation, group="figures")
OPERATIONS = (
    _row(
        method="GET",
        path="/boards",
        endpoint="api_boards",
        run=api_boards,
        zh="看板",
        en="Every board",
        query=Paged,
        replies={200: Listing[BoardLine]},
    ),
    _row(
        method="GET",
        path="/boards/{board_key}",
        endpoint="api_board",
        run=api_board,
        zh="一个看板",
        en="One board",
        replies={200: KeptBoard},
    ),
    _row(
        method="PUT",
        path="/boards/{board_key}",
        endpoint="api_save_board",
        run=api_save_board,
        zh="保存看板",
        en="Keep a board, new or changed",
        body=Board,
        replies={200: KeptBoard},
        if_match=True,
    ),
    _row(
        method="POST",
        path="/boards/{board_key}/answers",
        endpoint="api_board_answers",
        run=api_board_answers,
        zh="看板各面板的数据",
        en="What the panels of a board show",
        body=AskBody,
        replies={200: BoardAnswers},
        keyed=False,
    ),
)
