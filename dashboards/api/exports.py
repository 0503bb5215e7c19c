"""The registry as files: CSV, XLSX, GeoJSON, written while they are sent."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from flask import Response
from msgspec import Meta

from dashboards.api.operation import AreaPrefix, Id, Media, Operation, Query
from dashboards.api.request import Call
from registry.domain.geo import Crs
from registry.domain.kinds import AssetState, Family
from registry.services.exports import COLUMNS, MEDIA_TYPES, ExportWish, export_assets

_COLUMNS = f"Some of {', '.join(COLUMNS)}: commas between; all when it is left out"


class ExportQuery(Query, frozen=True, kw_only=True):
    """Which assets, as what file, in which coordinates."""

    format: Literal["csv", "xlsx", "geojson"] = "csv"
    crs: Crs = Crs.WGS84
    encoding: Annotated[Literal["utf-8-sig", "gb18030"], Meta(description="Of a CSV")] = "utf-8-sig"
    family: Family | None = None
    class_code: Annotated[str, Meta(pattern="^([0-9]{4})?$")] = ""
    area_code: AreaPrefix = ""
    state: AssetState | None = None
    import_id: Annotated[Id, Meta(description="Only what that import made")] | None = None
    columns: Annotated[tuple[str, ...], Meta(max_length=len(COLUMNS), description=_COLUMNS)] = ()


def api_export(call: Call[ExportQuery, None]) -> Response:
    """Assets as a file, in pieces."""
    wish = ExportWish(**msgspec.structs.asdict(call.query))
    pieces = export_assets(call.engine, wish, by=call.by)
    response = Response(pieces, content_type=MEDIA_TYPES[wish.format])
    response.headers.set("Content-Disposition", "attachment", filename=f"assets.{wish.format}")
    response.headers["Cache-Control"] = "no-store"
    return response


OPERATIONS = (
    Operation(
        method="GET",
        path="/exports/assets",
        endpoint="api_export",
        run=api_export,
        group="imports",
        zh="导出部件",
        en="Assets as a file",
        query=ExportQuery,
        replies={
            200: Media(
                tuple(kind.partition(";")[0] for kind in MEDIA_TYPES.values()), "The file, as an import would take it"
            )
        },
    ),
)
