"""Labels: their templates with every version, and one asset's label as a file."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from dashboards.api.answering import etag_of, page_out_of
from dashboards.api.operation import LARGEST, Answer, Listing, Media, NoQuery, Operation, Paged, Query
from dashboards.api.request import Call
from registry import labels
from registry.domain.errors import InvalidInput, NotFound
from registry.labels import LabelTemplate
from registry.queries import assets as asset_queries
from registry.queries.label_templates import (
    TemplateRow,
    TemplateVersion,
    list_templates,
    template_in_use,
    template_versions,
)
from registry.services import label_templates as template_services

_MEDIA = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
    "zpl": "application/octet-stream",
    "dxf": "image/vnd.dxf",
}


class TemplateQuery(Paged, frozen=True, kw_only=True):
    """Which templates."""

    with_retired: bool = False


class VersionQuery(Query, frozen=True, kw_only=True):
    """Which version; the newest when nothing is said."""

    version: Annotated[int, Meta(ge=1, le=LARGEST)] | None = None


class SavedTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """The version that is in use now."""

    key: str
    version: int


class LabelQuery(Query, frozen=True, kw_only=True):
    """What sort of file; ``dpi`` is for PNG and ZPL."""

    format: Literal["svg", "png", "pdf", "zpl", "dxf"] = "svg"
    dpi: Annotated[int, Meta(ge=100, le=600)] = 300
    template: Annotated[str, Meta(max_length=60, description="A template's key; empty: the standard plate")] = ""


def api_templates(call: Call[TemplateQuery, None]) -> Answer:
    """The newest version of each template."""
    found = list_templates(call.engine, with_retired=call.query.with_retired)
    return page_out_of(found, call.query, lambda template: (template.key,))


def api_template(call: Call[VersionQuery, None], key: str) -> Answer:
    """One template as another city can take it over."""
    return Answer(value=template_in_use(call.engine, key, call.query.version))


def api_template_versions(call: Call[Paged, None], key: str) -> Answer:
    """Every version of a template, the newest first."""
    return page_out_of(template_versions(call.engine, key), call.query, lambda one: (-one.version,))


def api_save_template(call: Call[NoQuery, LabelTemplate], key: str) -> Answer:
    """Keep a new version of a template; a key that is not there yet is a new template (``If-Match: *``)."""
    template = call.body
    if template.key != key:
        raise InvalidInput(
            "key",
            "is {sent!r} in the body and {key!r} in the address; send the same twice",
            sent=template.key,
            key=key,
        )
    if call.matches != "*":
        call.same(etag_of(template_in_use(call.engine, key)))
    version = template_services.save_template(call.engine, template, by=call.by, now=call.now)
    return Answer(value=SavedTemplate(key=key, version=version))


def api_retire_template(call: Call[NoQuery, None], key: str) -> Answer:
    """Take a template out of the lists."""
    template_services.retire_template(call.engine, key, by=call.by, now=call.now)
    return Answer(status=204)


def api_label(call: Call[LabelQuery, None], asset_id: int) -> Answer:
    """The label of an asset's active plate; decoded again before it is handed out."""
    query = call.query
    facts = _facts(call, asset_id)
    template = template_in_use(call.engine, query.template) if query.template else labels.standard_plate()
    content = labels.make_label(template, facts, query.format, query.dpi)
    return Answer(content=content, media_type=_MEDIA[query.format])


def _facts(call: Call[Any, Any], asset_id: int) -> labels.LabelFacts:
    file = asset_queries.asset_file(call.engine, asset_id, now=call.now, zone=call.where.zone)
    if file.tag is None:
        raise NotFound("active plate of asset", asset_id)
    keeper = file.maintainer
    return labels.LabelFacts(
        token=file.tag.token,
        code=file.code,
        name_zh=file.class_name_zh,
        name_en=file.class_name_en,
        public_url=call.where.city.public_url,
        family=file.family,
        maintainer="" if keeper is None else keeper.name,
        phone="" if keeper is None else keeper.phone,
        owner="" if file.owner is None else file.owner.name,
        road=file.road,
        city_zh=call.where.city.name,
    )


_row = partial(Operation, group="printing")
OPERATIONS = (
    _row(
        method="GET",
        path="/label-templates",
        endpoint="api_templates",
        run=api_templates,
        zh="标签模板列表",
        en="Label templates",
        query=TemplateQuery,
        replies={200: Listing[TemplateRow]},
    ),
    _row(
        method="GET",
        path="/label-templates/{key}",
        endpoint="api_template",
        run=api_template,
        zh="标签模板",
        en="One label template",
        query=VersionQuery,
        replies={200: LabelTemplate},
    ),
    _row(
        method="GET",
        path="/label-templates/{key}/versions",
        endpoint="api_template_versions",
        run=api_template_versions,
        zh="标签模板的各个版本",
        en="Every version of a label template",
        query=Paged,
        replies={200: Listing[TemplateVersion]},
    ),
    _row(
        method="PUT",
        path="/label-templates/{key}",
        endpoint="api_save_template",
        run=api_save_template,
        zh="保存标签模板",
        en="Keep a new version of a label template",
        body=LabelTemplate,
        replies={200: SavedTemplate},
        if_match=True,
    ),
    _row(
        method="DELETE",
        path="/label-templates/{key}",
        endpoint="api_retire_template",
        run=api_retire_template,
        zh="停用标签模板",
        en="Take a label template out of the lists",
        replies={204: None},
    ),
    _row(
        method="GET",
        path="/assets/{asset_id}/label",
        endpoint="api_label",
        run=api_label,
        zh="部件标签图",
        en="The label of an asset's plate",
        query=LabelQuery,
        replies={200: Media(tuple(_MEDIA.values()))},
    ),
)
