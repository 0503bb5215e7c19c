"""Likely duplicates of an import, side by side: one thing or two, one by one or all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboards import forms
from dashboards.errors import answer_for, problem_of, wants_json
from dashboards.login import actor
from dashboards.pages.imports import the_run
from dashboards.site import now, site, t
from registry.domain.errors import InvalidInput, InvalidMove
from registry.domain.kinds import DuplicateDecision
from registry.queries import imports as import_queries
from registry.queries.imports import DuplicateRow, Side
from registry.services import imports as import_services

PER_PAGE = 20
_SLICE = 500
_ALL = {"merge_all": DuplicateDecision.MERGE, "keep_all": DuplicateDecision.KEEP}
_FACTS = ("code", "name", "class_code", "road", "address", "material", "size", "depth_mm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One likely duplicate as the page shows it; ``rows`` are (fact, in the file, on file), ``dots`` its map."""

    id: int
    row: int
    distance_m: float
    asset_id: int | None
    other_row: int | None
    rows: list[tuple[str, Any, Any]]
    dots: str


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/imports/<int:run_id>/duplicates", "import_duplicates", import_duplicates)
    app.add_url_rule("/imports/<int:run_id>/duplicates", "decide_duplicates", decide_duplicates, methods=["POST"])


def import_duplicates(run_id: int) -> str:
    """The open ones, in the file's order."""
    return _page(run_id, forms.FormState())


def decide_duplicates(run_id: int) -> Response | tuple[str, int]:
    """Take the decisions of one page, or one for all that are open."""
    the_run(run_id)
    for_all = _ALL.get(request.form.get("do", ""))
    try:
        decided = _decide_all(run_id, for_all) if for_all else _decide(run_id, _chosen())
    except InvalidMove as error:
        if wants_json():
            raise
        answer = answer_for(error)
        return _page(run_id, forms.FormState(problem=problem_of(answer, error))), answer.status
    flash(t("imports.decided", n=decided), "ok")
    left = import_queries.import_file(site().engine, run_id).duplicates_open
    return redirect(url_for("import_duplicates" if left else "import_run", run_id=run_id), 303)


def _chosen() -> dict[int, DuplicateDecision]:
    """The decisions of the form; "later" is none."""
    chosen: dict[int, DuplicateDecision] = {}
    for name, word in request.form.items():
        if not name.startswith("decision-") or word == DuplicateDecision.OPEN.value:
            continue
        if word not in (DuplicateDecision.MERGE.value, DuplicateDecision.KEEP.value):
            raise InvalidInput("decision", "{given!r} must be merge or keep", given=word[:20])
        number = forms.optional_int({"id": name.removeprefix("decision-")}, "id")
        if number is not None:
            chosen[number] = DuplicateDecision(word)
    return chosen


def _decide(run_id: int, chosen: dict[int, DuplicateDecision]) -> int:
    where = site()
    return import_services.decide_duplicates(where.engine, where.city.data_dir, run_id, chosen, by=actor(), now=now())


def _decide_all(run_id: int, decision: DuplicateDecision) -> int:
    # the ids first: what is decided leaves the list that is being walked
    ids = [each.id for some in _slices(run_id) for each in some]
    return _decide(run_id, dict.fromkeys(ids, decision))


def _slices(run_id: int) -> Iterator[list[DuplicateRow]]:
    after = 0
    while some := import_queries.duplicates(
        site().engine, run_id, after=after, limit=_SLICE, decision=DuplicateDecision.OPEN
    ):
        yield some
        after = some[-1].id


def _page(run_id: int, form: forms.FormState) -> str:
    run = the_run(run_id)
    after = forms.whole_number(request.args, "after", 0, least=0, most=2**53)
    found = import_queries.duplicates(
        site().engine, run_id, after=after, limit=PER_PAGE + 1, decision=DuplicateDecision.OPEN
    )
    shown = found[:PER_PAGE]
    more = len(found) > PER_PAGE
    return render_template(
        "import_duplicates.html",
        run=run,
        form=form,
        pairs=[_pair(each) for each in shown],
        first_page=not after,
        next_url=url_for("import_duplicates", run_id=run_id, after=shown[-1].id) if more else None,
    )


def _pair(found: DuplicateRow) -> Pair:
    new, there = found.new, found.there
    rows = [(t(f"imports.fact_{name}"), _said(new, name), _said(there, name)) for name in _FACTS]
    rows.append((t("imports.fact_aliases"), ", ".join(new.aliases), ", ".join(there.aliases) if there else ""))
    return Pair(
        id=found.id,
        row=found.row,
        distance_m=found.distance_m,
        asset_id=there.asset_id if there else None,
        other_row=found.other_row,
        rows=[row for row in rows if row[1] or row[2]],
        dots=json.dumps({"type": "FeatureCollection", "features": _dots(new, there)}, ensure_ascii=False),
    )


def _said(side: Side | None, name: str) -> Any:
    value = None if side is None else getattr(side, name)
    return value or ""


def _dots(new: Side, there: Side | None) -> list[dict[str, Any]]:
    sides = [(new, "file")] + ([(there, "asset")] if there else [])
    return [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [side.lon, side.lat]},
            "properties": {"g": group, "n": side.name or side.code, "r": ""},
        }
        for side, group in sides
    ]
