"""The dispatch table (派遣规则): its lines, its import and export, and letting the worker decide by a line."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from urllib.parse import urlencode

import structlog
from flask import Flask, Response, flash, redirect, render_template, request, url_for

from dashboards import dispatch_forms, forms, place_options
from dashboards.errors import answer_for
from dashboards.login import actor
from dashboards.pages.areas import REFUSED, Answer, digits, refused
from dashboards.refusals import problem_at
from dashboards.site import now, site, standard, t
from registry.domain.dispatch_table import Applies, Whom
from registry.domain.errors import InvalidInput
from registry.queries import dispatching
from registry.queries.people import list_units
from registry.services import dispatch_lines
from registry.services.classes import CJT214_2007
from registry.services.dispatch_files import APPLIES_WORDS, COLUMNS, FAMILY_WORDS, WHOM_WORDS, Names

log = structlog.get_logger(__name__)

_BOM = "\ufeff"


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/dispatch-table", "dispatch_table", dispatch_table)
    app.add_url_rule("/dispatch-table", "set_dispatch_line", set_dispatch_line, methods=["POST"])
    app.add_url_rule("/dispatch-table.csv", "dispatch_table_csv", dispatch_table_csv)
    app.add_url_rule("/dispatch-table/import", "import_dispatch_lines", import_dispatch_lines, methods=["POST"])
    base = "/dispatch-table/<int:line_id>"
    app.add_url_rule(f"{base}/automatic", "switch_dispatch_line", switch_dispatch_line, methods=["POST"])
    app.add_url_rule(f"{base}/remove", "remove_dispatch_line", remove_dispatch_line, methods=["POST"])


def dispatch_table() -> str:
    """Every line that holds in the visitor's area, and the form of a new one."""
    return _page(forms.FormState(values=dict(request.args)))


def set_dispatch_line() -> Answer:
    """Write a line; one for the same case, thing, area and grade is replaced."""
    try:
        line = dispatch_forms.read_line(request.form)
        dispatch_lines.set_line(site().engine, line, by=actor(), now=now())
    except REFUSED as error:
        return _page(_typed(refused(error))), answer_for(error).status
    flash(t("message.dispatch_line_saved"), "ok")
    return redirect(url_for("dispatch_table"), 303)


def switch_dispatch_line(line_id: int) -> Answer:
    """Let the worker decide by this line, or have people say so again."""
    automatic = request.form.get("automatic") == "1"
    version = forms.whole_number(request.form, "version", 0, least=1, most=2**31)
    try:
        dispatch_lines.switch_automatic(
            site().engine, line_id, automatic, expected_version=version, by=actor(), now=now()
        )
    except REFUSED as error:
        return _page(refused(error)), answer_for(error).status
    flash(t("message.dispatch_automatic" if automatic else "message.dispatch_by_hand"), "ok")
    return redirect(url_for("dispatch_table"), 303)


def remove_dispatch_line(line_id: int) -> Answer:
    """Take a line out; what it said stands in the form, so that it can be put back."""
    gone = dispatch_lines.remove_line(site().engine, line_id, by=actor(), now=now())
    flash(t("message.dispatch_line_removed"), "ok")
    kept = {
        "applies": gone.applies.value,
        "kind": gone.kind,
        "subject": f"class:{gone.scheme}:{gone.class_code}" if gone.class_code else f"family:{gone.family}",
        "area_code": gone.area_code,
        "grade": gone.grade,
        "unit_id": gone.unit_id or "",
        "whom": gone.whom.value,
        "automatic": "1" if gone.automatic else "",
    }
    said = urlencode({name: value for name, value in kept.items() if value})
    return redirect(f"{url_for('dispatch_table')}?{said}", 303)


def import_dispatch_lines() -> Answer:
    """Take the lines of a CSV or XLSX: all, or none and every row that is wrong. ``check``: write nothing."""
    faults: list[tuple[int, str]] = []
    try:
        chosen = forms.chosen_files(request.files, "file")
        if not chosen:
            raise InvalidInput("file", t("areas.choose_file"))
        found = dispatch_forms.read_file(chosen[0], _names())
        faults = [(number, problem_at(error)) for number, error in found.faults]
        if faults:
            return _page(forms.FormState(), faults=faults), 422
        if request.form.get("check") == "1":
            flash(t("message.dispatch_lines_checked", count=len(found.lines)), "ok")
            return redirect(url_for("dispatch_table"), 303)
        count = dispatch_lines.set_lines(site().engine, found.lines, by=actor(), now=now())
    except REFUSED as error:
        return _page(refused(error)), answer_for(error).status
    log.info("dispatch_lines_imported", lines=count, by_user_id=actor().user_id)
    flash(t("message.dispatch_lines_imported", count=count), "ok")
    return redirect(url_for("dispatch_table"), 303)


def dispatch_table_csv() -> Response:
    """The table as its own import understands it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([COLUMNS[name][1] for name in COLUMNS])
    applies = {word: name for name, word in APPLIES_WORDS.items() if name}
    whom = {word: name for name, word in WHOM_WORDS.items() if name}
    families = {word.value: name for name, word in FAMILY_WORDS.items()}
    for line in dispatching.dispatch_lines(site().engine, scope=actor().area_code):
        named = {
            "applies": applies[line.applies],
            "kind": line.kind,
            "family": families.get(line.family, line.family),
            "scheme": line.scheme,
            "class_code": line.class_code,
            "area_code": line.area_code,
            "grade": line.grade,
            "unit": line.unit_name or "",
            "whom": whom[line.whom],
            "automatic": "是" if line.automatic else "否",
        }
        writer.writerow([named[name] for name in COLUMNS])
    headers = {"Content-Disposition": 'attachment; filename="dispatch-table.csv"'}
    return Response(_BOM + text.getvalue(), mimetype="text/csv", headers=headers)


def _page(form: forms.FormState, *, faults: Sequence[tuple[int, str]] = ()) -> str:
    scope = actor().area_code
    area_code = digits(forms.optional_text(request.args, "in"))
    return render_template(
        "dispatch_table.html",
        lines=dispatching.dispatch_lines(site().engine, scope=area_code or scope),
        area_code=area_code,
        form=form,
        faults=faults,
        options={
            "applies": place_options.of_words(Applies, "dispatch_applies."),
            "kinds": place_options.of_words(standard().open_kinds(), "kind."),
            "subjects": place_options.of_subjects(),
            "areas": place_options.of_areas(scope),
            "units": place_options.of_units(),
            "whom": place_options.of_words(Whom, "dispatch_whom."),
        },
    )


def _typed(state: forms.FormState) -> forms.FormState:
    return forms.state_of(request.form, errors=state.errors, problem=state.problem)


def _names() -> Names:
    units = {each.name: each.id for each in list_units(site().engine)}
    kinds = {t(f"kind.{kind}"): kind for kind in standard().open_kinds()}
    return Names(units=units, kinds=kinds, scheme=CJT214_2007)
