"""Places and who answers for them: areas down to grid cells, units, duties, posts, and what a census lacks."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from dashboards.api.answering import etag_of, page
from dashboards.api.assets import AreaPrefix
from dashboards.api.operation import Answer, Body, Id, Listing, Media, NoQuery, Operation, Paged, Query, Upload
from dashboards.api.request import Call, Sent
from registry.domain.errors import NotFound
from registry.domain.geo import Crs
from registry.domain.kinds import AreaLevel, Family, Party
from registry.queries import areas as area_queries
from registry.queries import duties as duty_queries
from registry.queries.areas import AreaRow, AreaView
from registry.queries.asset_views import UnitView
from registry.queries.duties import DutyRow, PostView
from registry.queries.gaps import GapSummary, gap_summary
from registry.queries.people import list_units
from registry.services import area_import, duties, posts, units
from registry.services.area_checks import AreaImport
from registry.services.area_import import AreaReport

Phone = Annotated[str, Meta(max_length=40)]
ClassCode = Annotated[str, Meta(pattern="^([0-9]{4})?$")]


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


class UnitBody(Body, frozen=True, kw_only=True):
    """A unit: what it is called, and the number printed on plates."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    name_en: Annotated[str, Meta(max_length=80)] = ""
    phone: Phone = ""


class Units(msgspec.Struct, frozen=True, kw_only=True):
    """Every unit, by name."""

    items: list[UnitView]


class DutyQuery(Query, frozen=True, kw_only=True):
    """Which lines of the duty list."""

    area_code: AreaPrefix = ""
    party: Party | None = None


class Duties(msgspec.Struct, frozen=True, kw_only=True):
    """The duty list by area and class."""

    items: list[DutyRow]


class DutyBody(Body, frozen=True, kw_only=True):
    """A line of the duty list; empty fields mean any. A line for the same party, class and area is replaced."""

    party: Party
    unit_id: Id
    area_code: AreaPrefix = ""
    family: Family | None = None
    scheme: Annotated[str, Meta(max_length=30)] = ""
    class_code: ClassCode = ""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """The id of what was made."""

    id: int


class PostQuery(Query, frozen=True, kw_only=True):
    """Whose posts."""

    unit_id: Id | None = None


class Posts(msgspec.Struct, frozen=True, kw_only=True):
    """Posts with their A and B person, and who of them is on duty today."""

    items: list[PostView]


class PostBody(Body, frozen=True, kw_only=True):
    """A post: each of its two people is an account or a name with a phone."""

    unit_id: Id
    name: Annotated[str, Meta(min_length=1, max_length=80)]
    area_code: AreaPrefix = ""
    family: Family | None = None
    a_user_id: Id | None = None
    a_name: Annotated[str, Meta(max_length=80)] = ""
    a_phone: Phone = ""
    b_user_id: Id | None = None
    b_name: Annotated[str, Meta(max_length=80)] = ""
    b_phone: Phone = ""
    a_away_from: date | None = None
    a_away_until: date | None = None


class GapQuery(Query, frozen=True, kw_only=True):
    """Where."""

    area_code: AreaPrefix = ""


def api_areas(call: Call[AreaQuery, None]) -> Answer:
    """Areas by code."""
    return page(area_queries.list_areas(call.engine, scope=call.by.area_code, **msgspec.structs.asdict(call.query)))


def api_area(call: Call[NoQuery, None], area_id: int) -> Answer:
    """One area."""
    return Answer(value=area_queries.area_view(call.engine, area_id))


def api_area_shapes(call: Call[ShapeQuery, None]) -> Answer:
    """Outlines as GeoJSON."""
    query = call.query
    shapes = area_queries.area_shapes(call.engine, level=query.level, under=query.under, scope=call.by.area_code)
    return Answer(content=shapes, media_type="application/geo+json")


def api_import_areas(call: Call[NoQuery, Sent]) -> Answer:
    """Check or take a GeoJSON file of areas."""
    fields, content = call.body.fields, call.body.files[0].stream.read()
    wanted = AreaImport(level=fields.level, crs=fields.crs, mend=fields.mend)
    if fields.dry_run:
        return Answer(value=area_import.check_areas(call.engine, content, wanted))
    return Answer(value=area_import.import_areas(call.engine, content, wanted, by=call.by, now=call.now))


def api_units(call: Call[NoQuery, None]) -> Answer:
    """Every unit, by name."""
    return Answer(value=Units(items=list_units(call.engine)))


def api_unit(call: Call[NoQuery, None], unit_id: int) -> Answer:
    """One unit."""
    return Answer(value=_unit(call, unit_id))


def api_add_unit(call: Call[NoQuery, UnitBody]) -> Answer:
    """Add a unit."""
    return Answer(value=_unit(call, _save_unit(call, None)), status=201)


def api_change_unit(call: Call[NoQuery, UnitBody], unit_id: int) -> Answer:
    """Change a unit."""
    call.same(etag_of(_unit(call, unit_id)))
    return Answer(value=_unit(call, _save_unit(call, unit_id)))


def api_duties(call: Call[DutyQuery, None]) -> Answer:
    """The duty list."""
    query = call.query
    found = duty_queries.duty_matrix(call.engine, area_code=query.area_code, party=query.party)
    return Answer(value=Duties(items=found))


def api_set_duty(call: Call[NoQuery, DutyBody]) -> Answer:
    """Write a line of the duty list."""
    given = {name: getattr(call.body, name) for name in call.body.__struct_fields__}
    line = duties.NewDuty(**given | {"family": str(given["family"] or "")})
    return Answer(value=Made(id=duties.set_duty(call.engine, line, by=call.by, now=call.now)), status=201)


def api_remove_duty(call: Call[NoQuery, None], duty_id: int) -> Answer:
    """Take a line out of the duty list."""
    duties.remove_duty(call.engine, duty_id, by=call.by, now=call.now)
    return Answer(status=204)


def api_posts(call: Call[PostQuery, None]) -> Answer:
    """Posts, by unit."""
    found = duty_queries.list_posts(call.engine, today=_today(call), unit_id=call.query.unit_id)
    return Answer(value=Posts(items=found))


def api_post(call: Call[NoQuery, None], post_id: int) -> Answer:
    """One post."""
    return Answer(value=_post(call, post_id))


def api_add_post(call: Call[NoQuery, PostBody]) -> Answer:
    """Add a post."""
    return Answer(value=_post(call, _save_post(call, None)), status=201)


def api_change_post(call: Call[NoQuery, PostBody], post_id: int) -> Answer:
    """Change a post."""
    call.same(etag_of(_post(call, post_id)))
    return Answer(value=_post(call, _save_post(call, post_id)))


def api_remove_post(call: Call[NoQuery, None], post_id: int) -> Answer:
    """Take a post out."""
    posts.remove_post(call.engine, post_id, by=call.by, now=call.now)
    return Answer(status=204)


def api_gaps(call: Call[GapQuery, None]) -> Answer:
    """What the files lack, counted; the assets themselves: ``/assets?lacks=``."""
    return Answer(value=gap_summary(call.engine, scope=call.by.area_code, area_code=call.query.area_code))


def _unit(call: Call[Any, Any], unit_id: int) -> UnitView:
    found = next((one for one in list_units(call.engine) if one.id == unit_id), None)
    if found is None:
        raise NotFound("unit", unit_id)
    return found


def _save_unit(call: Call[Any, UnitBody], unit_id: int | None) -> int:
    body = call.body
    new = units.NewUnit(name=body.name, name_en=body.name_en, phone=body.phone)
    return units.save_unit(call.engine, unit_id, new, by=call.by, now=call.now)


def _post(call: Call[Any, Any], post_id: int) -> PostView:
    found = next((one for one in duty_queries.list_posts(call.engine, today=_today(call)) if one.id == post_id), None)
    if found is None:
        raise NotFound("post", post_id)
    return found


def _save_post(call: Call[Any, PostBody], post_id: int | None) -> int:
    given = {name: getattr(call.body, name) for name in call.body.__struct_fields__}
    new = posts.NewPost(**given | {"family": str(given["family"] or "")})
    return posts.save_post(call.engine, post_id, new, by=call.by, now=call.now)


def _today(call: Call[Any, Any]) -> date:
    return call.now.astimezone(call.where.zone).date()


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
        replies={200: Media(("application/geo+json",))},
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
        method="GET",
        path="/areas/{area_id}",
        endpoint="api_area",
        run=api_area,
        zh="区域",
        en="One area",
        replies={200: AreaView},
    ),
    _row(
        method="GET",
        path="/units",
        endpoint="api_units",
        run=api_units,
        zh="责任单位列表",
        en="Every unit",
        replies={200: Units},
    ),
    _row(
        method="POST",
        path="/units",
        endpoint="api_add_unit",
        run=api_add_unit,
        zh="增加责任单位",
        en="Add a unit",
        body=UnitBody,
        replies={201: UnitView},
    ),
    _row(
        method="GET",
        path="/units/{unit_id}",
        endpoint="api_unit",
        run=api_unit,
        zh="责任单位",
        en="One unit",
        replies={200: UnitView},
    ),
    _row(
        method="PUT",
        path="/units/{unit_id}",
        endpoint="api_change_unit",
        run=api_change_unit,
        zh="修改责任单位",
        en="Change a unit",
        body=UnitBody,
        replies={200: UnitView},
        if_match=True,
    ),
    _row(
        method="GET",
        path="/duties",
        endpoint="api_duties",
        run=api_duties,
        zh="权责清单",
        en="The duty list by area and class",
        query=DutyQuery,
        replies={200: Duties},
    ),
    _row(
        method="POST",
        path="/duties",
        endpoint="api_set_duty",
        run=api_set_duty,
        zh="写入权责",
        en="Write a line of the duty list",
        body=DutyBody,
        replies={201: Made},
        errors=(404,),
    ),
    _row(
        method="DELETE",
        path="/duties/{duty_id}",
        endpoint="api_remove_duty",
        run=api_remove_duty,
        zh="删除权责",
        en="Take a line out of the duty list",
        replies={204: None},
    ),
    _row(
        method="GET",
        path="/posts",
        endpoint="api_posts",
        run=api_posts,
        zh="AB 岗列表",
        en="Posts with their A and B person",
        query=PostQuery,
        replies={200: Posts},
    ),
    _row(
        method="POST",
        path="/posts",
        endpoint="api_add_post",
        run=api_add_post,
        zh="增加岗位",
        en="Add a post",
        body=PostBody,
        replies={201: PostView},
        errors=(404,),
    ),
    _row(
        method="GET",
        path="/posts/{post_id}",
        endpoint="api_post",
        run=api_post,
        zh="岗位",
        en="One post",
        replies={200: PostView},
    ),
    _row(
        method="PUT",
        path="/posts/{post_id}",
        endpoint="api_change_post",
        run=api_change_post,
        zh="修改岗位",
        en="Change a post",
        body=PostBody,
        replies={200: PostView},
        if_match=True,
    ),
    _row(
        method="DELETE",
        path="/posts/{post_id}",
        endpoint="api_remove_post",
        run=api_remove_post,
        zh="删除岗位",
        en="Take a post out",
        replies={204: None},
    ),
    _row(
        method="GET",
        path="/gaps",
        endpoint="api_gaps",
        run=api_gaps,
        zh="普查缺口统计",
        en="What the files lack, counted",
        query=GapQuery,
        replies={200: GapSummary},
    ),
)
