"""Boards: the list, a board with its answers, marks and files, the editor, and what people do with boards."""

from __future__ import annotations

import secrets
import unicodedata
from typing import Any

import msgspec
from flask import Flask, Response, flash, jsonify, redirect, render_template, request, stream_with_context, url_for
from werkzeug.wrappers import Response as AnyResponse

from dashboards import forms
from dashboards.board_answering import (
    Preview,
    Question,
    asked,
    asked_by_address,
    lines,
    marks_asked_for,
    one,
    packed,
    read_body,
)
from dashboards.board_csv import as_csv
from dashboards.board_words import Teller
from dashboards.downloads import as_download
from dashboards.errors import Refusals
from dashboards.login import actor, area
from dashboards.map_addresses import map_addresses
from dashboards.site import lang, now, site, standard, t
from registry.domain import board_check
from registry.domain.boards import (
    Board,
    CountSource,
    Listed,
    ListSource,
    MapSource,
    Panel,
    PanelKind,
    QualitySource,
    StatesSource,
    Words,
    plain_board,
    read_board,
    read_panel,
)
from registry.domain.errors import InvalidInput, NotFound
from registry.domain.points import POINTS
from registry.queries import board_choices as choice_queries
from registry.queries.board_answers import answer
from registry.queries.board_marks import marks
from registry.queries.board_values import Nothing
from registry.queries.boards import KeptBoard, find_board, list_boards, removed_boards
from registry.services import boards as board_services

_JSON = "application/json"
_MOST_IN_FILE = 5_000


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A board as its editor sends it, with the version it was made from (0: none)."""

    body: dict[str, Any]
    version: int = 0


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/boards", "boards", boards)
    app.add_url_rule("/boards/new", "new_board", new_board)
    app.add_url_rule("/boards", "add_board", add_board, methods=["POST"])
    app.add_url_rule("/boards/choices.json", "board_choices", board_choices)
    app.add_url_rule("/boards/preview", "board_preview", board_preview, methods=["POST"])
    app.add_url_rule("/boards/<key>", "board", board)
    app.add_url_rule("/boards/<key>.json", "board_body", board_body)
    app.add_url_rule("/boards/<key>", "change_board", change_board, methods=["POST"])
    app.add_url_rule("/boards/<key>/edit", "edit_board", edit_board)
    app.add_url_rule("/boards/<key>/answers", "board_answers", board_answers, methods=["POST"])
    app.add_url_rule("/boards/<key>/annotations.json", "board_annotations", board_annotations)
    app.add_url_rule("/boards/<key>/panels/<panel>.csv", "panel_csv", panel_csv)
    app.add_url_rule("/boards/<key>/remove", "remove_board", remove_board, methods=["POST"])
    app.add_url_rule("/boards/<key>/copy", "copy_board", copy_board, methods=["POST"])
    app.add_url_rule("/boards/<key>/reset", "reset_board", reset_board, methods=["POST"])


def boards() -> str:
    """Every board; beside them the shipped ones that somebody removed."""
    listed = [
        {
            "key": each.key,
            "name": each.name.said(lang()),
            "note": each.note.said(lang()),
            "panels": each.panels,
            "version": each.version,
            "shipped": board_services.shipped_board(each.key) is not None,
            "changed": each.edited,
            "updated_at": each.updated_at,
            "made_by_name": each.updated_by_name,
        }
        for each in list_boards(site().engine)
    ]
    removed = [{"key": each.key, "name": each.name.said(lang())} for each in removed_boards(site().engine)]
    return render_template("boards.html", boards=listed, removed=removed)


def board(key: str) -> str:
    """A board; the page asks for its answers itself."""
    feed_id = site().hub.newest_id()
    return render_template(
        "board.html",
        board=_shown(find_board(site().engine, key)),
        feed_id=feed_id,
        own_words=_own_words(),
        map_at=map_addresses(),
    )


def board_body(key: str) -> Response:
    """The board as it is kept, for other programs and for making another of it."""
    kept = find_board(site().engine, key)
    response = Response(msgspec.json.encode(kept.board), mimetype=_JSON)
    response.set_etag(f"{key}-{kept.version}")
    return response


def board_answers(key: str) -> Response:
    """The answers of its panels as lines of JSON, each sent when it is there."""
    question: Question = read_body(Question)
    found = find_board(site().engine, key)
    kept = found.board
    wanted = [each for each in kept.panels if question.panels is None or each.id in question.panels]
    who = asked(question, kept.variables)
    pieces = stream_with_context(lines(wanted, who))
    response = Response(mimetype="application/x-ndjson")
    # a page that was opened before somebody kept another version has other titles over these panels
    response.headers["Board-Version"] = str(found.version)
    if request.accept_encodings["gzip"]:
        pieces = packed(pieces)
        response.headers["Content-Encoding"] = "gzip"
    response.response = pieces
    response.vary.add("Accept-Encoding")
    # nginx would hold the first lines back until the last is there
    response.headers["X-Accel-Buffering"] = "no"
    return response


def board_preview() -> Response:
    """The answer of a panel that is being edited. Raises ``InvalidInput`` for what is wrong with it."""
    wanted: Preview = read_body(Preview)
    panel = read_panel(wanted.panel)
    for problem in board_check.check_panel(panel):
        raise problem
    line, _ = one(panel, asked(wanted))
    return Response(line, mimetype=_JSON)


def board_annotations(key: str) -> Response:
    """The marks across the charts of a board: those of its own, or of the ``kinds`` that its reader switched on."""
    kept = find_board(site().engine, key).board
    found, more = marks(marks_asked_for(kept.annotations), asked_by_address(kept.variables), kept.panels)
    return jsonify({"marks": Teller().marks(found), "more": more})


def panel_csv(key: str, panel: str) -> Response:
    """One panel's answer for a spreadsheet."""
    kept = find_board(site().engine, key).board
    wanted = _panel(kept, panel)
    try:
        text = as_csv(answer(_in_rows(wanted), asked_by_address(kept.variables)))
    except Nothing as nothing:
        text = as_csv(None) + t(f"board.problem.{nothing.code}") + "\r\n"
    response = Response(text, content_type="text/csv; charset=utf-8")
    return as_download(response, f"{key}-{panel}.csv")


def board_choices() -> Response:
    """What can be chosen: all that is few, what an editor needs to know; ``?name=asset|device&q=``: what is found."""
    name, engine = request.args.get("name"), site().engine
    teller = Teller()
    if name in ("asset", "device"):
        find = choice_queries.found_assets if name == "asset" else choice_queries.found_devices
        found = find(engine, request.args.get("q", ""), scope=area(), ids=_ids(request.args.get("ids", "")))
        return jsonify({"found": [{"value": each.value, "name": teller.said(each.name)} for each in found]})
    listed = choice_queries.choices(engine, scope=area(), lang=lang())
    variables = {
        each: [{"value": choice.value, "name": teller.said(choice.name)} for choice in some]
        for each, some in listed.items()
    }
    return jsonify({"variables": variables, "sources": _sources()})


def new_board() -> str:
    """The editor of a board that is not there yet."""
    empty = {"key": "", "name": {"zh": "", "en": ""}, "note": {"zh": "", "en": ""}}
    begun = plain_board(Board(key="new", name=Words())) | empty
    return render_template("board_edit.html", board=begun, version=0, own_words=_own_words(), map_at=map_addresses())


def edit_board(key: str) -> str:
    """The editor."""
    kept = find_board(site().engine, key)
    return render_template(
        "board_edit.html", board=_shown(kept), version=kept.version, own_words=_own_words(), map_at=map_addresses()
    )


def add_board() -> Response:
    """Keep a new board; one without a key gets one."""
    sent: Kept = read_body(Kept)
    plain = sent.body | {"key": sent.body.get("key") or _new_key(sent.body)}
    wanted = _checked(plain)
    version = board_services.add_board(site().engine, wanted, by=actor(), now=now())
    return _kept(wanted.key, version)


def change_board(key: str) -> Response:
    """Keep an edit."""
    sent: Kept = read_body(Kept)
    wanted = _checked(sent.body | {"key": key})
    version = board_services.save_board(site().engine, wanted, seen_version=sent.version, by=actor(), now=now())
    return _kept(key, version)


def remove_board(key: str) -> AnyResponse:
    """Take it off the list."""
    board_services.remove_board(site().engine, key, seen_version=_seen(), by=actor(), now=now())
    flash(t("message.board_removed"), "ok")
    return redirect(url_for("boards"), 303)


def copy_board(key: str) -> AnyResponse:
    """Make another one like it, to be changed at once."""
    kept = find_board(site().engine, key).board
    copy_key = f"{key[:40]}-{secrets.token_hex(3)}"
    name = Words(
        zh=t("boards.copy_of", name=kept.name.zh)[: board_check.LONGEST_NAME],
        en=t("boards.copy_of", name=kept.name.en)[: board_check.LONGEST_NAME] if kept.name.en else "",
    )
    board_services.copy_board(site().engine, key, copy_key, name, by=actor(), now=now())
    flash(t("message.board_copied"), "ok")
    return redirect(url_for("edit_board", key=copy_key), 303)


def reset_board(key: str) -> AnyResponse:
    """Make it what this release ships."""
    board_services.reset_board(site().engine, key, seen_version=_seen(), by=actor(), now=now())
    flash(t("message.board_reset"), "ok")
    return redirect(url_for("board", key=key), 303)


def _checked(plain: dict[str, Any]) -> Board:
    """The board, if nothing is wrong with it. Raises ``InvalidInput``, or ``Refusals`` with all that is."""
    wanted = read_board(plain)
    if problems := board_check.check_board(wanted):
        raise Refusals(problems)
    return wanted


def _shown(kept: KeptBoard) -> dict[str, Any]:
    changed = kept.resettable and not kept.shipped
    return plain_board(kept.board) | {"version": kept.version, "shipped": kept.resettable, "changed": changed}


def _panel(kept: Board, panel_id: str) -> Panel:
    found = kept.panel(panel_id)
    if found is None:
        raise NotFound("panel", panel_id)
    return found


def _in_rows(panel: Panel) -> Panel:
    """What a panel's file holds: all rows and not only those that fit the panel. A map is a picture, so its file lists
    what fires on it, the worst first. Curves stay as many: of more, each would have fewer slices."""
    options = msgspec.structs.replace(panel.options, limit=None)
    match panel.source:
        case MapSource() as shown:
            where = {**shown.where, "state": "firing"}
            listed = ListSource(what=Listed.ALERTS, where=where, limit=_MOST_IN_FILE)
            return msgspec.structs.replace(panel, kind=PanelKind.TABLE, source=listed, options=options)
        case ListSource() | CountSource() | StatesSource() | QualitySource() as cut:
            whole = msgspec.structs.replace(cut, limit=_MOST_IN_FILE)
            return msgspec.structs.replace(panel, source=whole, options=options)
    return panel


def _kept(key: str, version: int) -> Response:
    return jsonify({"key": key, "version": version, "href": url_for("board", key=key)})


def _seen() -> int | None:
    return forms.optional_int(request.form, "version")


def _new_key(plain: dict[str, Any]) -> str:
    """A key out of the English name as far as it has letters, and something that nobody else has."""
    name = plain.get("name")
    english = str(name.get("en", "")) if isinstance(name, dict) else ""
    ascii_only = unicodedata.normalize("NFKD", english).encode("ascii", "ignore").decode().lower()
    words = "-".join("".join(each if each.isalnum() else " " for each in ascii_only).split())[:40].strip("-")
    return f"{words if words[:1].isalpha() else 'board'}-{secrets.token_hex(3)}"


def _ids(text: str) -> list[int]:
    words = [word for word in text.split(",") if word]
    if bad := [word for word in words if not (word.isascii() and word.isdigit() and len(word) < 18)]:
        raise InvalidInput("ids", "{given!r} is no number", given=bad[0][:40])
    return [int(word) for word in words]


def _own_words() -> dict[str, str]:
    """How the city calls kinds of cases, for the script: the catalogues know those that were shipped only."""
    return {f"kind.{key}": t(f"kind.{key}") for key in standard().lines}


def _sources() -> dict[str, Any]:
    """What an editor offers for each sort of panel and of thing."""
    points = [{"value": spec.name, "name": t(f"point.{spec.name}"), "unit": spec.unit} for spec in POINTS.values()]
    conditions: dict[str, frozenset[str]] = {"map": board_check.MAP_CONDITIONS}
    for known in (board_check.CONDITIONS, board_check.QUALITY_CONDITIONS):
        conditions |= {what.value: names for what, names in known.items()}
    return {
        "conditions": {what: sorted(names) for what, names in conditions.items()},
        "splits": {what.value: sorted(names) for what, names in board_check.SPLITS.items()},
        "shows": {kind.value: board_check.shown_by(kind) for kind in board_check.SHOWS},
        "happening": sorted(board_check.HAPPENING),
        "in_week": sorted(board_check.IN_WEEK),
        "points": points,
    }
