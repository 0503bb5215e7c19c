"""Areas: districts, streets, communities, grid cells and responsibility grids; from files, and changed by hand."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Annotated, Any

import msgspec
from flask import url_for
from msgspec import Meta

from dashboards.api.answering import etag_of, page
from dashboards.api.operation import (
    MOST_BULK,
    Answer,
    AreaPrefix,
    Body,
    Id,
    Listing,
    Media,
    NoQuery,
    Operation,
    Paged,
    Query,
    Upload,
)
from dashboards.api.request import Call, Sent
from registry.domain.geo import Crs
from registry.domain.kinds import AreaLevel
from registry.queries import areas as area_queries
from registry.queries.areas import AreaRow, AreaView
from registry.services import area_import, areas
from registry.services.area_checks import AreaImport
from registry.services.area_files import FIELD_NAMES
from registry.services.area_import import AreaReport

GEOJSON = "application/geo+json"
Property = Annotated[str, Meta(max_length=120, description="The property that holds it; empty: guessed")]
AreaName = Annotated[str, Meta(min_length=1, max_length=120)]
CellCode = Annotated[str, Meta(pattern="^[0-9]{15,16}$")]


class AreaQuery(Paged, frozen=True, kw_only=True):
    """Which areas, by code. ``under``: inside that area; ``q``: the beginning of a code or part of a name."""

    level: AreaLevel | None = None
    under: AreaPrefix = ""
    q: Annotated[str, Meta(max_length=120)] = ""


class ShapeQuery(Query, frozen=True, kw_only=True):
    """Which outlines."""

    level: AreaLevel | None = None
    under: AreaPrefix = ""


class AreaFields(Query, frozen=True, kw_only=True):
    """How the file is to be read; without ``dry_run=false`` nothing is written."""

    level: AreaLevel | None = None
    crs: Crs = Crs.WGS84
    mend: bool = False
    dry_run: bool = True
    field_code: Property = ""
    field_name: Property = ""
    field_name_en: Property = ""
    field_level: Property = ""
    field_grade: Property = ""
    field_unit: Property = ""
    field_first_on: Property = ""
    field_ended_on: Property = ""
    field_cells: Property = ""


class AreaBody(Body, frozen=True, kw_only=True):
    """What a person says about an area: its names, its grade, and who answers for it."""

    name: AreaName
    name_en: Annotated[str, Meta(max_length=120)] = ""
    grade: Annotated[str, Meta(max_length=20)] = ""
    unit_id: Id | None = None
    collector_id: Id | None = None


class AreaEnd(Body, frozen=True, kw_only=True):
    """Its last day; today when it is left out."""

    on: date | None = None


class GridBody(Body, frozen=True, kw_only=True):
    """A responsibility grid: the city's own code, adjacent cells, and who walks it."""

    code: Annotated[str, Meta(min_length=1, max_length=40)]
    cells: Annotated[list[CellCode], Meta(min_length=1, max_length=MOST_BULK)]
    name: Annotated[str, Meta(max_length=120)] = ""
    collector_id: Id | None = None


def api_areas(call: Call[AreaQuery, None]) -> Answer:
    """Areas by code."""
    return page(area_queries.list_areas(call.engine, scope=call.by.area_code, **msgspec.structs.asdict(call.query)))


def api_area(call: Call[NoQuery, None], area_id: int) -> Answer:
    """One area."""
    return _area(call, area_id)


def api_area_shapes(call: Call[ShapeQuery, None]) -> Answer:
    """Outlines as GeoJSON."""
    query = call.query
    shapes = area_queries.area_shapes(call.engine, level=query.level, under=query.under, scope=call.by.area_code)
    return Answer(content=shapes, media_type=GEOJSON)


def api_area_outline(call: Call[NoQuery, None], area_id: int) -> Answer:
    """The outline of one area and of those right inside it."""
    _area(call, area_id)
    return Answer(content=area_queries.outline_of(call.engine, area_id), media_type=GEOJSON)


def api_import_areas(call: Call[NoQuery, Sent]) -> Answer:
    """Check or take a GeoJSON file of areas."""
    fields, content = call.body.fields, call.body.files[0].stream.read()
    named = {name: getattr(fields, f"field_{name}") for name in FIELD_NAMES}
    wanted = AreaImport(level=fields.level, crs=fields.crs, mend=fields.mend, fields=named)
    if fields.dry_run:
        return Answer(value=area_import.check_areas(call.engine, content, wanted))
    return Answer(value=area_import.import_areas(call.engine, content, wanted, by=call.by, now=call.now))


def api_change_area(call: Call[NoQuery, AreaBody], area_id: int) -> Answer:
    """Rename an area, or say who answers for it."""
    call.same(etag_of(area_queries.area_view(call.engine, area_id)))
    change = areas.AreaChange(**{name: getattr(call.body, name) for name in call.body.__struct_fields__})
    areas.change_area(call.engine, area_id, change, by=call.by, now=call.now)
    return _area(call, area_id)


def api_end_area(call: Call[NoQuery, AreaEnd], area_id: int) -> Answer:
    """End an area; its assets are looked for in others."""
    last = call.body.on or call.now.astimezone(call.where.zone).date()
    areas.end_area(call.engine, area_id, on=last, by=call.by, now=call.now)
    return _area(call, area_id)


def api_reopen_area(call: Call[NoQuery, None], area_id: int) -> Answer:
    """Take back the end of an area."""
    areas.reopen_area(call.engine, area_id, by=call.by, now=call.now)
    return _area(call, area_id)


def api_make_grid(call: Call[NoQuery, GridBody]) -> Answer:
    """Join cells to a responsibility grid."""
    given = {name: getattr(call.body, name) for name in call.body.__struct_fields__}
    return _area(call, areas.make_grid(call.engine, areas.NewGrid(**given), by=call.by, now=call.now), status=201)


def _area(call: Call[Any, Any], area_id: int, status: int = 200) -> Answer:
    location = url_for("api_area", area_id=area_id) if status == 201 else ""
    return Answer(value=area_queries.area_view(call.engine, area_id), status=status, location=location)


_row = partial(Operation, group="places")
OPERATIONS = (
    _row(
        method="GET",
        path="/areas",
        endpoint="api_areas",
        run=api_areas,
        zh="区域列表",
        en="Areas: districts, streets, communities, grid cells",
        query=AreaQuery,
        replies={200: Listing[AreaRow]},
    ),
    _row(
        method="GET",
        path="/areas/shapes",
        endpoint="api_area_shapes",
        run=api_area_shapes,
        zh="区域边界",
        en="Outlines of areas as GeoJSON",
        query=ShapeQuery,
        replies={200: Media((GEOJSON,))},
    ),
    _row(
        method="POST",
        path="/areas/import",
        endpoint="api_import_areas",
        run=api_import_areas,
        zh="导入区域边界",
        en="Check a GeoJSON file of areas, or take it (dry_run=false)",
        body=Upload("file", "GeoJSON", AreaFields),
        replies={200: AreaReport},
    ),
    _row(
        method="POST",
        path="/areas/grids",
        endpoint="api_make_grid",
        run=api_make_grid,
        zh="划定责任网格",
        en="Join adjacent cells to a responsibility grid, or change the one of that code",
        body=GridBody,
        replies={201: AreaView},
    ),
    _row(
        method="GET",
        path="/areas/{area_id}",
        endpoint="api_area",
        run=api_area,
        zh="区域",
        en="One area",
        replies={200: AreaView},
    ),
    _row(
        method="PUT",
        path="/areas/{area_id}",
        endpoint="api_change_area",
        run=api_change_area,
        zh="修改区域",
        en="Rename an area, or say who answers for it",
        body=AreaBody,
        replies={200: AreaView},
        if_match=True,
    ),
    _row(
        method="GET",
        path="/areas/{area_id}/outline",
        endpoint="api_area_outline",
        run=api_area_outline,
        zh="单个区域的边界",
        en="The outline of one area and of those right inside it",
        replies={200: Media((GEOJSON,))},
    ),
    _row(
        method="POST",
        path="/areas/{area_id}/end",
        endpoint="api_end_area",
        run=api_end_area,
        zh="停用区域",
        en="End an area: it stays on file and takes no assets in any more",
        note="A job looks for its assets' areas anew: see `/jobs`.",
        body=AreaEnd,
        replies={200: AreaView},
    ),
    _row(
        method="POST",
        path="/areas/{area_id}/reopen",
        endpoint="api_reopen_area",
        run=api_reopen_area,
        zh="恢复区域",
        en="Take back the end of an area",
        replies={200: AreaView},
    ),
)
