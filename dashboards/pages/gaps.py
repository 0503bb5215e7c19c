"""What a census still lacks: figures with their age, split by area and class, each leading to its list."""

from __future__ import annotations

import csv
import io

from flask import Flask, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from dashboards import forms, place_options
from dashboards.login import actor
from dashboards.pages.areas import digits
from dashboards.pages.lists import next_url
from dashboards.site import lang, now, site, t
from registry.domain.errors import NotFound
from registry.domain.kinds import Doubt
from registry.queries import gaps as gap_queries
from registry.queries.gaps import BreakdownBy
from registry.services.place_work import ask_for_count

_BOM = "\ufeff"


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/gaps", "gaps", gaps)
    app.add_url_rule("/gaps.csv", "gaps_csv", gaps_csv)
    app.add_url_rule("/gaps/count", "count_gaps", count_gaps, methods=["POST"])
    app.add_url_rule("/gaps/doubtful/<doubt>", "doubtful", doubtful)


def gaps() -> str:
    """The figures, and their split by area or class."""
    area_code, by, scope = _asked()
    engine = site().engine
    return render_template(
        "gaps.html",
        found=gap_queries.gap_summary(engine, scope=scope, area_code=area_code),
        rows=gap_queries.gap_breakdown(engine, by, scope=scope, area_code=area_code),
        gaps=gap_queries.GAPS,
        by=by,
        area_code=area_code,
        options={"areas": place_options.of_areas(scope)},
        job=gap_queries.last_census(engine),
    )


def gaps_csv() -> Response:
    """The split as a table for a spreadsheet."""
    area_code, by, scope = _asked()
    rows = gap_queries.gap_breakdown(site().engine, by, scope=scope, area_code=area_code, limit=100_000)
    columns = [*(gap.value for gap in gap_queries.GAPS), *(doubt.value for doubt in Doubt)]
    words = [*(t(f"gap.{gap}") for gap in gap_queries.GAPS), *(t(f"doubt.{doubt}") for doubt in Doubt)]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([t(f"gaps.by_{by}"), t("gaps.name"), t("gaps.assets"), *words])
    for row in rows:
        name = row.name_zh if lang() == "zh" or not row.name_en else row.name_en
        # a leading zero stays where a sheet would take the code for a number
        writer.writerow([f"\t{row.key}", name, row.assets, *(row.counts.get(column, 0) for column in columns)])
    response = Response(_BOM + text.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="gaps-{by}.csv"'
    return response


def count_gaps() -> BaseResponse:
    """Ask the worker to count anew."""
    ask_for_count(site().engine, by=actor(), now=now())
    flash(t("message.job_asked"), "ok")
    return redirect(url_for("gaps"), 303)


def doubtful(doubt: str) -> str:
    """The assets whose position is doubtful for one reason."""
    if doubt not in set(Doubt):
        raise NotFound("doubt", doubt)
    area_code, _, scope = _asked()
    page = gap_queries.doubtful_assets(
        site().engine,
        Doubt(doubt),
        scope=scope,
        area_code=area_code,
        after=forms.optional_text(request.args, "after"),
    )
    tabs = [
        (t(f"doubt.{each}"), url_for("doubtful", doubt=each, area_code=area_code or None), each == doubt, None)
        for each in Doubt
    ]
    return render_template("doubtful.html", page=page, doubt=doubt, tabs=tabs, next_url=next_url(page.next))


def _asked() -> tuple[str, BreakdownBy, str]:
    by = forms.choice(request.args, "by", BreakdownBy)
    area_code = digits(forms.optional_text(request.args, "area_code"))
    return area_code, BreakdownBy(by or BreakdownBy.AREA), actor().area_code
