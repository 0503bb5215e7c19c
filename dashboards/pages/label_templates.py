"""Label templates: the list, the designer with its live picture, proofs to download, versions.

The picture is drawn by the same code that makes labels, and decoded again like every label: what the designer shows is
what is printed. Templates travel between cities as JSON files.
"""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Flask, Response, flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from dashboards import forms
from dashboards.login import actor
from dashboards.refusals import problem_at
from dashboards.site import now, site, t
from registry import labels
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family
from registry.labels.layout import draw
from registry.labels.logo import clean_logo
from registry.labels.making import write
from registry.labels.shipped import shipped_template
from registry.labels.template import LabelTemplate, LogoElement, read_template, template_json
from registry.labels.template_check import check_template
from registry.queries import label_templates as template_queries
from registry.services import label_templates as template_services
from registry.shapes import shaped_json

MOST_TEMPLATE_BYTES = 2_000_000
MEDIA_TYPES = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
    "zpl": "application/octet-stream",
    "dxf": "image/vnd.dxf",
}
_SAMPLE_TOKEN = "K7M2Q9XWB4"  # noqa: S105  # a picture of a plate, not a secret


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/label-templates", "label_templates", label_templates)
    app.add_url_rule("/label-templates/preview", "preview_label", preview_label, methods=["POST"])
    app.add_url_rule("/label-templates/proof", "proof_label", proof_label, methods=["POST"])
    app.add_url_rule("/label-templates/logo", "clean_label_logo", clean_label_logo, methods=["POST"])
    app.add_url_rule("/label-templates/import", "import_label_template", import_label_template, methods=["POST"])
    app.add_url_rule("/label-templates/<key>", "label_template", label_template)
    app.add_url_rule("/label-templates/<key>", "save_label_template", save_label_template, methods=["POST"])
    app.add_url_rule("/label-templates/<key>/copy", "copy_label_template", copy_label_template, methods=["POST"])
    app.add_url_rule("/label-templates/<key>/retire", "retire_label_template", retire_label_template, methods=["POST"])
    app.add_url_rule("/label-templates/<key>/picture.svg", "label_template_picture", label_template_picture)
    app.add_url_rule("/label-templates/<key>/template.json", "label_template_json", label_template_json)


def label_templates() -> str:
    """What a city can print, each with its picture."""
    rows = template_queries.list_templates(site().engine)
    return render_template("label_templates.html", rows=rows, form=forms.FormState())


def label_template(key: str) -> str:
    """The designer. ``?version=`` opens an older one, ``?shipped=1`` this release's: saving makes it the newest."""
    shipped = shipped_template(key)
    if shipped and request.args.get("shipped"):
        return _designer(key, template_json(shipped).decode(), forms.FormState(), shipped=True)
    version = forms.optional_int(request.args, "version")
    template = template_queries.template_in_use(site().engine, key, version)
    return _designer(key, template_json(template).decode(), forms.FormState(), version=version)


def save_label_template(key: str) -> str | AnyResponse | tuple[str, int]:
    """Keep an edit as a new version; what is wrong with it is told beside the fields, and nothing is lost."""
    body = request.form.get("template", "")
    try:
        template = _read(body)
        if template.key != key:
            raise InvalidInput(
                "key", "{given!r} is not {key!r}; copy the template to give it another key", given=template.key, key=key
            )
        version = template_services.save_template(site().engine, template, by=actor(), now=now())
    except InvalidInput as error:
        state = forms.state_of(request.form, errors={error.field: problem_at(error)})
        return _designer(key, body, state), 422
    flash(t("message.template_saved", version=version), "ok")
    return redirect(url_for("label_template", key=key), 303)


def copy_label_template(key: str) -> AnyResponse:
    """A new template that begins as this one."""
    where = site()
    wanted = forms.text(request.form, "new_key", most=60)
    template = template_queries.template_in_use(where.engine, key)
    copied = msgspec.structs.replace(template, key=wanted)
    if any(row.key == wanted for row in template_queries.list_templates(where.engine, with_retired=True)):
        raise InvalidInput("new_key", "{given!r} exists already; choose another key", given=wanted)
    template_services.save_template(where.engine, copied, by=actor(), now=now())
    flash(t("message.template_copied"), "ok")
    return redirect(url_for("label_template", key=wanted), 303)


def import_label_template() -> AnyResponse:
    """A template out of a JSON file, as another city exported it; an existing key gets a new version."""
    chosen = forms.chosen_files(request.files, "file")
    if not chosen:
        raise InvalidInput("file", "choose the JSON file of a template")
    template = _read(chosen[0].stream.read(MOST_TEMPLATE_BYTES + 1).decode("utf-8-sig", errors="replace"))
    template_services.save_template(site().engine, template, by=actor(), now=now())
    flash(t("message.template_imported"), "ok")
    return redirect(url_for("label_template", key=template.key), 303)


def retire_label_template(key: str) -> AnyResponse:
    """Take a template out of the lists; what was printed with it stays as it is."""
    template_services.retire_template(site().engine, key, by=actor(), now=now())
    flash(t("message.template_retired"), "ok")
    return redirect(url_for("label_templates"), 303)


def preview_label() -> Response:
    """The picture of an unsaved template, or what is wrong with it: ``{svg, problems, remarks, symbol}``."""
    sent = request.get_json(silent=True)
    if not isinstance(sent, dict):
        raise InvalidInput("template", "send JSON with template and sample")
    template = _read(sent.get("template"))
    problems = check_template(template)
    if problems:
        return _json(svg="", problems=[_line(each) for each in problems], remarks=[], symbol="")
    plate = draw(template, _sample(str(sent.get("sample") or "cover")))
    symbol = plate.symbol
    said = t(
        "designer.symbol",
        version=symbol.qr.version,
        level=symbol.qr.level,
        modules=symbol.qr.side,
        size=f"{symbol.module_mm:.2f}",
        address=plate.address,
    )
    remarks = [
        t(
            "designer.remark_cut" if remark.kind == "cut" else "designer.remark_letters",
            field=t(f"designer.field.{remark.field}"),
            detail=remark.detail,
        )
        for remark in plate.remarks
    ]
    return _json(svg=write(plate, "svg").decode(), problems=[], remarks=remarks, symbol=said)


def proof_label() -> Response:
    """A proof of an unsaved template in one of the formats, to be printed or sent to the engraver."""
    template = _read(request.form.get("template", ""))
    fmt: Any = forms.choice(request.form, "format", labels.FORMATS) or "svg"
    made = labels.make_label(template, _sample(request.form.get("sample", "cover")), fmt)
    response = Response(made, mimetype=MEDIA_TYPES[fmt])
    response.headers["Content-Disposition"] = f'attachment; filename="{template.key}.{fmt}"'
    return response


def clean_label_logo() -> Response:
    """The logo element with the uploaded mark in it, made anew so that nothing else gets into a label."""
    chosen = forms.chosen_files(request.files, "logo")
    if not chosen:
        raise InvalidInput("logo", "choose a PNG, JPEG or SVG file")
    try:
        place = shaped_json(request.form.get("element", ""), LogoElement)
    except (ValueError, msgspec.ValidationError) as error:
        raise InvalidInput("element", "is not a logo of a template; load the page again") from error
    return _json(element=clean_logo(chosen[0].stream.read(MOST_TEMPLATE_BYTES), place))


def label_template_picture(key: str) -> Response:
    """The newest version with sample facts, for the list."""
    version = forms.optional_int(request.args, "version")
    template = template_queries.template_in_use(site().engine, key, version)
    response = Response(labels.make_label(template, _sample("cover"), "svg"), mimetype="image/svg+xml")
    if version is not None:
        response.headers["Cache-Control"] = "private, max-age=86400"  # a version never changes
    return response


def label_template_json(key: str) -> Response:
    """The template as a file for another city."""
    version = forms.optional_int(request.args, "version")
    content = template_json(template_queries.template_in_use(site().engine, key, version))
    response = Response(content, mimetype="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{key}.json"'
    return response


def _designer(key: str, body: str, form: forms.FormState, *, version: int | None = None, shipped: bool = False) -> str:
    return render_template(
        "label_designer.html",
        key=key,
        body=body,
        form=form,
        version=version,
        shipped=shipped,
        versions=template_queries.template_versions(site().engine, key),
        formats=labels.FORMATS,
    )


def _read(body: Any) -> LabelTemplate:
    if isinstance(body, str) and len(body) > MOST_TEMPLATE_BYTES:
        raise InvalidInput(
            "template", "is larger than {most:g} MB; use a smaller logo", most=MOST_TEMPLATE_BYTES / 1000000.0
        )
    return read_template(body)


def _json(**parts: Any) -> Response:
    return Response(msgspec.json.encode(parts), mimetype="application/json")


def _line(error: InvalidInput) -> dict[str, str]:
    return {"field": error.field, "problem": problem_at(error)}


def _sample(kind: str) -> labels.LabelFacts:
    """Facts to look at a template with: a cover, a lamp, the longest words that occur, or a blank plate."""
    chosen = forms.choice(MultiDict({"sample": kind}), "sample", ("cover", "light", "long", "blank")) or "cover"
    city = site().city
    shared: dict[str, Any] = {
        "token": _SAMPLE_TOKEN,
        "public_url": city.public_url,
        "city_zh": city.name,
        "city_en": city.name,
    }
    if chosen == "blank":
        return labels.LabelFacts(code="", name_zh="", name_en="", **shared)
    kept = {
        "cover": ("0101", "上水井盖", "Water supply cover", "人民路", "市政设施养护处", "自来水公司", "0512-6500-0101"),
        "light": ("0118", "路灯", "Streetlight", "滨河东路", "路灯管理所", "路灯管理所", "0512-6500-0118"),
        "long": (
            "0129",
            "输油（气）管道阀门检查井盖",
            "Oil and gas pipeline valve inspection cover",
            "中国—新加坡工业园区国际科技大道辅路",
            "市政公用设施综合养护管理服务中心第三分中心",
            "国家石油天然气管网集团有限公司华东分公司",
            "0512-6500-0101 转 80123",
        ),
    }[chosen]
    class_code, name_zh, name_en, road, maintainer, owner, phone = kept
    return labels.LabelFacts(
        code=f"320508{class_code}000001",
        name_zh=name_zh,
        name_en=name_en,
        family=Family.LIGHT if chosen == "light" else Family.COVER,
        road=road,
        maintainer=maintainer,
        owner=owner,
        phone=phone,
        **shared,
    )
