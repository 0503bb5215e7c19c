"""Exports: the list of assets as a file, as far as the visitor's area reaches; written while it is sent."""

from __future__ import annotations

from flask import Flask, Response, render_template, request
from werkzeug.datastructures import MultiDict

from dashboards import forms
from dashboards.downloads import as_download
from dashboards.errors import answer_for, wants_json
from dashboards.login import actor
from dashboards.refusals import problem_at
from dashboards.site import lang, now, site, t
from dashboards.texts import local_time
from registry.domain.errors import InvalidInput
from registry.domain.geo import Crs
from registry.domain.kinds import AssetState, Family
from registry.queries.imports import class_choices
from registry.services.classes import CJT214_2007
from registry.services.exports import COLUMNS, FORMATS, MEDIA_TYPES, ExportWish
from registry.services.exports import export_assets as export
from registry.tabular.fields import FIELDS

_FIELDS = ("format", "encoding", "crs", "family", "state", "class", "area", "import")
_OWN_WORDS = frozenset({"class_name", "aliases", "details"})


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/exports", "exports", exports)
    app.add_url_rule("/exports/file", "export_assets", export_assets)


def exports() -> str:
    """The form: which assets, and how."""
    return _page(forms.FormState())


def export_assets() -> Response | tuple[str, int]:
    """The file. What can't be done is said on the form, which keeps what was chosen."""
    args = request.args
    try:
        wish = read_wish(args)
        pieces = export(site().engine, wish, by=actor())
    except InvalidInput as error:
        if wants_json():
            raise
        field = {"area_code": "area", "import_id": "import"}.get(error.field, error.field)
        return _page(forms.state_of(args.to_dict(), errors={field: problem_at(error)})), answer_for(error).status
    response = Response(pieces, content_type=MEDIA_TYPES[wish.format])
    day = local_time(now(), site().zone, "date")
    return as_download(response, f"{t('exports.file_name')}-{day}.{wish.format}")


def read_wish(args: MultiDict[str, str]) -> ExportWish:
    """The form. Raises ``InvalidInput`` naming the field."""
    family, state = forms.choice(args, "family", Family), forms.choice(args, "state", AssetState)
    chosen = tuple(args.getlist("column"))
    return ExportWish(
        format=forms.choice(args, "format", FORMATS) or "csv",
        crs=Crs(forms.choice(args, "crs", Crs) or Crs.WGS84),
        encoding=forms.choice(args, "encoding", ("utf-8-sig", "gb18030")) or "utf-8-sig",
        family=None if family is None else Family(family),
        class_code=forms.text(args, "class", most=4),
        area_code=forms.text(args, "area", most=15),
        state=None if state is None else AssetState(state),
        import_id=forms.optional_int(args, "import"),
        columns=() if set(chosen) == set(COLUMNS) else chosen,
    )


def _page(form: forms.FormState) -> str:
    return render_template(
        "exports.html",
        form=form,
        families=[(family.value, t(f"family.{family}")) for family in Family],
        states=[(state.value, t(f"state.{state}")) for state in AssetState],
        classes=class_choices(site().engine, CJT214_2007, lang=lang()),
        columns=[(key, _column(key)) for key in COLUMNS],
        chosen=request.args.getlist("column"),
        labels={name: t(f"exports.{name}") for name in _FIELDS},
    )


def _column(key: str) -> str:
    if key in _OWN_WORDS:
        return t(f"exports.column_{key}")
    return FIELDS[key].zh if lang() == "zh" else FIELDS[key].en
