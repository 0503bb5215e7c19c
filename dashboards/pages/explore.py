"""Explore: any point against any other, without making a board first."""

from __future__ import annotations

import time
from typing import Annotated, Any

import msgspec
from flask import Flask, Response, jsonify, render_template, request

from dashboards.board_answering import Question, asked, asked_by_address, marks_asked_for, read_body
from dashboards.board_words import Teller
from dashboards.login import area
from dashboards.site import lang, now, site, t
from registry.domain.errors import InvalidInput
from registry.queries import explore as queries
from registry.queries.board_values import Asked
from registry.queries.explore import MOST_EXPLORED, FoundPoint


class Wanted(Question, frozen=True, kw_only=True):
    """Which points over which time."""

    points: tuple[Annotated[int, msgspec.Meta(ge=0, lt=2**53)], ...] = ()


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/explore", "explore", explore)
    app.add_url_rule("/explore/answers", "explore_answers", explore_answers, methods=["POST"])
    app.add_url_rule("/explore/points.json", "explore_points", explore_points)
    app.add_url_rule("/explore/annotations.json", "explore_annotations", explore_annotations)


def explore() -> str:
    """The page; what it shows stands in its address."""
    return render_template("explore.html")


def explore_answers() -> Response:
    """The curves of the points and their figures."""
    began_s = time.perf_counter()
    wanted: Wanted = read_body(Wanted)
    if len(wanted.points) > MOST_EXPLORED:
        raise InvalidInput("points", "are {count}; at most {most} fit", count=len(wanted.points), most=MOST_EXPLORED)
    who = asked(wanted)
    curves, figures = queries.explored(who, wanted.points)
    teller = Teller()
    answer = {
        "panel": "explore",
        "kind": "time_series",
        "at": who.now,
        "took_ms": round((time.perf_counter() - began_s) * 1000, 1),
        "from_ms": who.since_ms,
        "to_ms": who.until_ms,
        "series": [teller.curve(each) for each in curves],
        "statistics": figures,
    }
    return Response(msgspec.json.encode(answer), mimetype="application/json")


def explore_annotations() -> Response:
    """What happened meanwhile to what the points are of; they come as a variable: ``vars={"point": …}``."""
    who = asked_by_address()
    found, more = queries.happened(who, who.numbers("vars", "$point"), marks_asked_for())
    return jsonify({"marks": Teller().marks(found), "more": more})


def explore_points() -> Response:
    """The points that ``?q=`` names, or those of ``?ids=``."""
    who = Asked(
        engine=site().engine,
        store=site().store,
        now=now(),
        since=now(),
        until=now(),
        zone=site().zone,
        scope=area(),
        lang=lang(),
    )
    words = [word for word in request.args.get("ids", "").split(",") if word]
    ids = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 18]
    if words:
        found = queries.points_named(who, ids[:MOST_EXPLORED])
    else:
        found = queries.find_points(who, request.args.get("q", ""))
    return jsonify({"found": [_told(each) for each in found]})


def _told(found: FoundPoint) -> dict[str, Any]:
    name = " · ".join(part for part in (found.asset or found.device, _point(found.point)) if part)
    return msgspec.structs.asdict(found) | {"name": name, "asset_name": found.asset}


def _point(name: str) -> str:
    return t(f"point.{name}") if site().texts.has(lang(), f"point.{name}") else name
