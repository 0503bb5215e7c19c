"""Month-end evaluation: closing a month, its bulletin, the cases behind each figure, corrections, approval, files."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from dashboards import forms
from dashboards.downloads import as_download
from dashboards.errors import answer_for
from dashboards.login import actor, visitor
from dashboards.pages.areas import Answer, refused
from dashboards.site import lang, now, site, t
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed
from registry.domain.indicators import INDICATORS
from registry.domain.kinds import CorrectionKind, FigureSort
from registry.domain.month_counts import Count
from registry.domain.months import Month, month_of
from registry.domain.schemes import RowKind
from registry.papers.bulletin import bulletin_pdf, bulletin_xlsx, title_of
from registry.queries import months as queries
from registry.queries.bulletin import Bulletin, bulletin
from registry.queries.people import list_units
from registry.queries.score_schemes import list_schemes
from registry.services import months as services
from registry.services.month_closing import ask_to_close

log = structlog.get_logger(__name__)

FILES = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_REFUSED = (InvalidInput, InvalidMove, Conflict, NotAllowed)
_PAGE = 50
_MOST = 2**53


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/months", "months", months)
    app.add_url_rule("/months", "close_month", close_month, methods=["POST"])
    app.add_url_rule("/months/<month>", "month", month)
    app.add_url_rule("/months/<month>/progress", "month_progress", month_progress)
    app.add_url_rule("/months/<month>/cases", "month_cases", month_cases)
    app.add_url_rule("/months/<month>/file.<ending>", "month_file", month_file)
    app.add_url_rule("/months/<month>/approve", "approve_month", approve_month, methods=["POST"])
    app.add_url_rule("/months/<month>/publish", "publish_month", publish_month, methods=["POST"])
    app.add_url_rule("/months/<month>/correct", "correct_month", correct_month, methods=["POST"])
    app.add_url_rule("/months/<month>/marks", "mark_month", mark_month, methods=["POST"])
    for act in ("approve", "publish", "correct", "marks"):
        app.add_url_rule(f"/months/<month>/{act}", "month", month, alias=True)


def months() -> str:
    """The months that were closed, and the form to close the next one."""
    return _list(forms.FormState())


def close_month() -> Answer:
    """Let the worker count a month and freeze it."""
    try:
        key = forms.text(request.form, "month", most=7)
        scheme = forms.text(request.form, "scheme", most=40) or None
        ask_to_close(site().engine, key, scheme=scheme, by=actor(), now=now(), zone=site().zone)
    except _REFUSED as error:
        return _list(refused(error)), answer_for(error).status
    log.info("month_asked", month=key)
    return redirect(url_for("month", month=key), 303)


def month(month: str) -> str:
    """The bulletin as it stands; while it is counted, how far that is."""
    return _page(month, forms.FormState())


def month_progress(month: str) -> dict[str, object]:
    """How far the counting is, for the bar."""
    row = queries.find_month(site().engine, month)
    return {
        "done": row.cases,
        "total": row.total or None,
        "finished": not row.running,
        "next": url_for("month", month=month),
    }


def month_cases(month: str) -> str:
    """The cases that make a figure up."""
    row = queries.find_month(site().engine, month)
    count, sort, subject = read_figure(request.args)
    person = visitor()
    page = queries.month_cases(
        site().engine,
        month,
        count=count,
        sort=sort,
        subject=subject,
        limit=_PAGE,
        after=request.args.get("after", ""),
        within=person.area_code if person else "",
    )
    chosen: dict[str, Any] = {"count": count.value if count else "", "sort": sort.value, "subject": subject}
    return render_template(
        "month_cases.html",
        month=row,
        page=page,
        count=count,
        sort=sort,
        subject=subject,
        counts=[(one.value, t(f"count.{one.value}")) for one in Count],
        units=list_units(site().engine),
        corrections=list(CorrectionKind),
        form=forms.FormState(),
        next_url=url_for("month_cases", month=month, after=page.next, **chosen) if page.next else None,
        back_url=url_for("month_cases", month=month, **chosen) if request.args.get("after") else None,
    )


def read_figure(args: MultiDict[str, str]) -> tuple[Count | None, FigureSort, str]:
    """Which figure is opened: its count, of whom. Raises ``InvalidInput``."""
    count = forms.choice(args, "count", Count)
    sort = forms.choice(args, "sort", FigureSort)
    subject = forms.text(args, "subject", most=40)
    return None if count is None else Count(count), FigureSort(sort or FigureSort.CITY), subject


def month_file(month: str, ending: str) -> Response:
    """The bulletin as PDF or XLSX, as it stands: a draft says that it is one."""
    return bulletin_file(bulletin(site().engine, month), ending)


def bulletin_file(told: Bulletin, ending: str) -> Response:
    """A bulletin as a file to keep."""
    if ending not in FILES:
        abort(404)
    where = site()
    if ending == "pdf":
        content = bulletin_pdf(told, issuer=t("month.issuer", city=where.city.name), zone=where.zone)
    else:
        content = bulletin_xlsx(told, zone=where.zone)
    return as_download(Response(content, mimetype=FILES[ending]), f"{title_of(told)}.{ending}")


def approve_month(month: str) -> Answer:
    """Say that it may be published."""
    return _act(month, services.approve_month, "message.month_approved")


def publish_month(month: str) -> Answer:
    """Let everybody see it."""
    return _act(month, services.publish_month, "message.month_published")


def correct_month(month: str) -> Answer:
    """Put a case of it right."""
    try:
        revision = services.correct_case(
            site().engine,
            month,
            forms.whole_number(request.form, "case_id", 0, least=0, most=_MOST),
            forms.text(request.form, "kind", most=20),
            reason=forms.text(request.form, "reason", most=services.MOST_REASON),
            unit_id=forms.optional_int(request.form, "unit_id"),
            expected_version=forms.whole_number(request.form, "version", 0, least=0, most=_MOST),
            by=actor(),
            now=now(),
            zone=site().zone,
        )
    except _REFUSED as error:
        return _page(month, refused(error)), answer_for(error).status
    log.info("month_corrected", month=month, revision=revision)
    flash(t("message.month_corrected", revision=revision), "ok")
    return redirect(url_for("month", month=month) + "#corrections", 303)


def mark_month(month: str) -> Answer:
    """Give points for a row that people fill in."""
    try:
        group, _, subject = forms.text(request.form, "subject", most=90).partition(":")
        services.give_mark(
            site().engine,
            month,
            group=group,
            subject=subject,
            row_key=forms.text(request.form, "row", most=40),
            points=forms.text(request.form, "points", most=10),
            reason=forms.text(request.form, "reason", most=services.MOST_REASON),
            expected_version=forms.whole_number(request.form, "version", 0, least=0, most=_MOST),
            by=actor(),
            now=now(),
        )
    except _REFUSED as error:
        return _page(month, refused(error)), answer_for(error).status
    flash(t("message.month_marked"), "ok")
    return redirect(url_for("month", month=month) + "#marks", 303)


def _act(month: str, act: object, words: str) -> Answer:
    try:
        version = forms.whole_number(request.form, "version", 0, least=0, most=_MOST)
        act(site().engine, month, expected_version=version, by=actor(), now=now())  # type: ignore[operator]
    except _REFUSED as error:
        return _page(month, refused(error)), answer_for(error).status
    log.info("month_changed", month=month, words=words)
    flash(t(words), "ok")
    return redirect(url_for("month", month=month), 303)


def _list(form: forms.FormState) -> str:
    where = site()
    found = queries.list_months(where.engine)
    return render_template(
        "months.html",
        months=found,
        schemes=[(one.key, one.name_zh if lang() == "zh" else one.name_en) for one in list_schemes(where.engine)],
        scheme=found[0].scheme_key if found else "",
        suggested=str(_next_month(found)),
        form=form,
    )


def _next_month(found: list[queries.MonthRow]) -> Month:
    """The last month that is over and was not asked for yet."""
    last, known = month_of(now(), site().zone).later(-1), {row.key for row in found}
    while str(last) in known:
        last = last.later(-1)
    return last


def _page(key: str, form: forms.FormState) -> str:
    engine = site().engine
    row = queries.find_month(engine, key)
    if not row.frozen:
        return render_template("month_waiting.html", month=row)
    told = bulletin(engine, key)
    return render_template(
        "month.html",
        told=told,
        month=row,
        indicators=INDICATORS,
        corrections=queries.corrections(engine, key),
        marks=queries.marks(engine, key),
        by_hand=[line for line in told.scheme.rows if line.kind is RowKind.BY_HAND],
        awards=queries.awards(engine, month_key=key).items,
        form=form,
    )
