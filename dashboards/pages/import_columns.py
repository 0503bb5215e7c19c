"""What the columns of an import's file are: guessed, corrected by a person, seen on a map, kept as a profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, flash, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from dashboards import forms
from dashboards.errors import answer_for, problem_of, wants_json
from dashboards.login import actor
from dashboards.pages.import_forms import column_choices, key_choices, read_columns, read_places
from dashboards.pages.imports import the_run, upload_page
from dashboards.refusals import problem_at
from dashboards.site import lang, now, site, t
from dashboards.texts import number
from registry.domain.errors import Conflict, InvalidInput, InvalidMove
from registry.domain.kinds import ImportState
from registry.queries import imports as import_queries
from registry.queries.imports import ImportView
from registry.services import import_places as place_services
from registry.services import imports as import_services
from registry.services.import_files import FileLook
from registry.services.import_places import Spot
from registry.tabular.guesses import NOTES
from registry.tabular.settings import ImportSettings

ENCODINGS = (("utf-8-sig", "UTF-8"), ("gb18030", "GB 18030 (GBK)"), ("utf-16", "UTF-16"))
_MAY_CHOOSE = (ImportState.UPLOADED, ImportState.CHECKED, ImportState.FAILED, ImportState.STOPPED)
_FIELDS = ("crs", "division", "class", "owner", "maintainer", "key", "duplicates_m", "far_km", "header_row")


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/imports/<int:run_id>/columns", "import_columns", import_columns)
    app.add_url_rule("/imports/<int:run_id>/columns", "set_import_columns", set_import_columns, methods=["POST"])
    app.add_url_rule("/imports/<int:run_id>/places", "import_places", import_places)


def import_columns(run_id: int) -> BaseResponse | str | tuple[str, int]:
    """The columns with what they most likely are; ``profile`` names a saved mapping to begin with."""
    run = the_run(run_id)
    if run.state not in _MAY_CHOOSE or run.next_row:
        return redirect(url_for("import_run", run_id=run_id))
    try:
        look = _look(run, _reading(request.args))
    except InvalidInput as error:
        wrong = problem_at(error)
        named = wrong if run.file_name in wrong else t("message.at_field", field=run.file_name, problem=wrong)
        return upload_page(forms.FormState(errors={"file": named})), 422
    settings = look.guessed
    wanted = forms.optional_text(request.args, "profile", most=80)
    if wanted is not None:
        saved = import_services.find_profile(site().engine, wanted)
        names = tuple(column.name for column in look.columns)
        settings = import_services.apply_profile(saved.settings, look.guessed, names)
    elif run.settings is not None and not _reading(request.args):
        settings = run.settings
    return _page(run, look, settings, forms.FormState())


def set_import_columns(run_id: int) -> BaseResponse | str | tuple[str, int]:
    """Check the file by the columns as chosen; or read it again, keep the choice as a profile, or forget one."""
    run, form = the_run(run_id), request.form
    do = form.get("do", "check")
    if do == "look":
        reading = _reading(form)
        return redirect(url_for("import_columns", run_id=run_id, **reading), 303)
    if do.startswith("forget-"):
        profile_id = forms.optional_int({"id": do.removeprefix("forget-")}, "id")
        import_services.delete_profile(site().engine, profile_id or 0, by=actor(), now=now())
        flash(t("imports.profile_forgotten"), "ok")
        return redirect(url_for("import_columns", run_id=run_id), 303)
    look = _look(run, _reading(form))
    try:
        settings = read_columns(form, look.columns, look.guessed)
        if do == "save":
            return _save_profile(run_id, settings)
        import_services.start_check(
            site().engine, run_id, settings, by=actor(), now=now(), rows_expected=look.rows_estimate
        )
    except (InvalidInput, InvalidMove, Conflict) as error:
        if wants_json():
            raise
        return _refused(run, look, error)
    return redirect(url_for("import_run", run_id=run_id), 303)


def _save_profile(run_id: int, settings: ImportSettings) -> BaseResponse:
    name = forms.text(request.form, "profile_name", most=80)
    if not name:
        raise InvalidInput("profile_name", t("imports.profile_needs_name"))
    import_services.save_profile(site().engine, name, settings, by=actor(), now=now())
    flash(t("imports.profile_saved", name=name), "ok")
    return redirect(url_for("import_columns", run_id=run_id, profile=name), 303)


def _refused(run: ImportView, look: FileLook, error: InvalidInput | InvalidMove | Conflict) -> tuple[str, int]:
    answer = answer_for(error)
    errors = {error.field: problem_at(error)} if isinstance(error, InvalidInput) else {}
    problem = "" if errors else problem_of(answer, error)
    state = forms.state_of(request.form, errors=errors, problem=problem)
    return _page(run, look, look.guessed, state), answer.status


def _reading(given: Mapping[str, str]) -> dict[str, Any]:
    """How somebody wants the file to be read: only what they said, as settings and as words of an address."""
    row = forms.whole_number(given, "header_row", 0, least=0, most=1000)
    found = forms.whole_number(given, "header_was", 0, least=0, most=1000)
    rows = forms.whole_number(given, "header_rows", 0, least=0, most=5) if row == found else 0
    said = {
        "encoding": forms.choice(given, "encoding", [key for key, _ in ENCODINGS]),
        "sheet": forms.optional_text(given, "sheet"),
        "header_row": row or None,
        "header_rows": (rows or 1) if row else None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _look(run: ImportView, reading: Mapping[str, Any]) -> FileLook:
    where = site()
    choices = ImportSettings(**reading)
    if not reading and run.settings is not None:
        was = run.settings
        choices = ImportSettings(
            encoding=was.encoding,
            sheet=was.sheet,
            header_row=was.header_row,
            header_rows=was.header_rows,
            scheme=was.scheme,
        )
    return import_services.look_at(
        where.engine, where.city.data_dir, run.id, choices, division=actor().area_code[:6] or where.city.division
    )


def _page(run: ImportView, look: FileLook, settings: ImportSettings, form: forms.FormState) -> str:
    columns = column_choices(look.columns, settings)
    notes = [NOTES[code][0 if lang() == "zh" else 1].format(**args) for code, args in look.notes if code in NOTES]
    reading = {name: value for name, value in _reading_of(look).items() if value}
    return render_template(
        "import_columns.html",
        run=run,
        form=form,
        look=look,
        columns=columns,
        settings=settings,
        notes=notes,
        keys=key_choices(look.columns, settings),
        classes=import_queries.class_choices(site().engine, settings.scheme, lang=lang()),
        encodings=ENCODINGS,
        sheets=[(sheet, sheet) for sheet in look.sheets],
        found=_found(look),
        profiles=import_services.list_profiles(site().engine),
        places_url=url_for("import_places", run_id=run.id, **reading),
        labels={"columns": t("imports.columns"), **{name: t(f"imports.{name}") for name in _FIELDS}},
    )


def _reading_of(look: FileLook) -> dict[str, Any]:
    return {
        "encoding": look.encoding,
        "sheet": look.sheet,
        "header_row": look.header_row,
        "header_was": look.header_row,
        "header_rows": look.header_rows,
    }


def _found(look: FileLook) -> list[tuple[str, str]]:
    """What was found out about the file, in words."""
    words = [
        (t("imports.format"), look.format.upper()),
        (t("imports.size"), _size(look.size_bytes)),
        (t("imports.rows"), t("imports.rows_about", rows=number(look.rows_estimate))),
    ]
    if look.encoding:
        words.append((t("imports.encoding"), dict(ENCODINGS).get(look.encoding, look.encoding)))
    if look.sheet:
        words.append((t("imports.sheet"), look.sheet))
    if look.header_row:
        words.append((t("imports.header_row"), t("imports.header_at", row=look.header_row)))
    return words


def _size(size_bytes: int) -> str:
    return f"{number(size_bytes / 1e6, 1)} MB" if size_bytes >= 1_000_000 else f"{number(size_bytes / 1e3, 1)} kB"


def import_places(run_id: int) -> Response:
    """The first places of the file as the choices of the page would have them, beside what is on file: GeoJSON."""
    run = the_run(run_id)
    args = request.args
    where = site()
    try:
        look = _look(run, _reading(args))
        settings = read_places(args, look.columns, look.guessed)
        found = place_services.places_of_file(
            where.engine, where.city.data_dir, run_id, settings, scope=actor().area_code
        )
    except InvalidInput as error:
        # while somebody is still choosing this is no mistake, but what the map has to say
        return jsonify(type="FeatureCollection", features=[], problem=problem_at(error))
    features = [_dot(spot, "file", t("imports.row_n", row=spot.name)) for spot in found.in_file]
    features += [_dot(spot, "asset", spot.name) for spot in found.on_file]
    return jsonify(type="FeatureCollection", features=features)


def _dot(spot: Spot, group: str, name: str) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [spot.place.lon, spot.place.lat]},
        "properties": {"g": group, "n": name, "r": spot.road},
    }
