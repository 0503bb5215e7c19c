"""Units and their posts (AB 岗): who they are, who is on duty, who stands in."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Annotated, Any

import msgspec
from flask import url_for
from msgspec import Meta

from dashboards.api.answering import etag_of, page_out_of
from dashboards.api.operation import Answer, AreaPrefix, Body, Id, Listing, NoQuery, Operation, Paged
from dashboards.api.request import Call
from registry.domain.errors import NotFound
from registry.domain.kinds import Family
from registry.queries import duties as duty_queries
from registry.queries.asset_views import UnitView
from registry.queries.duties import PostView
from registry.queries.people import list_units
from registry.services import posts, units

Phone = Annotated[str, Meta(max_length=40)]
PersonName = Annotated[str, Meta(max_length=80)]


class UnitBody(Body, frozen=True, kw_only=True):
    """A unit: what it is called, and the number printed on plates."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    name_en: Annotated[str, Meta(max_length=80)] = ""
    phone: Phone = ""


class UnitMerge(Body, frozen=True, kw_only=True):
    """The unit that is the same organisation; the one in the address takes over everything it has."""

    merged_id: Id


class MergedUnit(msgspec.Struct, frozen=True, kw_only=True):
    """The unit that is left, and how many assets changed."""

    unit: UnitView
    assets: int


class PostQuery(Paged, frozen=True, kw_only=True):
    """Whose posts."""

    unit_id: Id | None = None


class PostBody(Body, frozen=True, kw_only=True):
    """A post: each of its two people is an account or a name with a phone."""

    unit_id: Id
    name: Annotated[str, Meta(min_length=1, max_length=80)]
    area_code: AreaPrefix = ""
    family: Family | None = None
    a_user_id: Id | None = None
    a_name: PersonName = ""
    a_phone: Phone = ""
    b_user_id: Id | None = None
    b_name: PersonName = ""
    b_phone: Phone = ""
    a_away_from: date | None = None
    a_away_until: date | None = None


class Absence(Body, frozen=True, kw_only=True):
    """The days on which the A person is away, both included; null: from now on, or until further notice; both: is back.

    Meanwhile the B person is on duty.
    """

    a_away_from: date | None
    a_away_until: date | None


def api_units(call: Call[Paged, None]) -> Answer:
    """Every unit."""
    return page_out_of(list_units(call.engine), call.query, lambda unit: (unit.id,))


def api_unit(call: Call[NoQuery, None], unit_id: int) -> Answer:
    """One unit."""
    return Answer(value=_unit(call, unit_id))


def api_add_unit(call: Call[NoQuery, UnitBody]) -> Answer:
    """Add a unit."""
    made = _save_unit(call, None)
    return Answer(value=_unit(call, made), status=201, location=url_for("api_unit", unit_id=made))


def api_change_unit(call: Call[NoQuery, UnitBody], unit_id: int) -> Answer:
    """Change a unit."""
    call.same(etag_of(_unit(call, unit_id)))
    return Answer(value=_unit(call, _save_unit(call, unit_id)))


def api_merge_unit(call: Call[NoQuery, UnitMerge], unit_id: int) -> Answer:
    """Let a unit take over everything another one has; the other is then gone."""
    changed = units.merge_units(call.engine, unit_id, call.body.merged_id, by=call.by, now=call.now)
    return Answer(value=MergedUnit(unit=_unit(call, unit_id), assets=changed))


def api_posts(call: Call[PostQuery, None]) -> Answer:
    """Posts with their A and B person, and who of them is on duty today."""
    found = duty_queries.list_posts(call.engine, today=_today(call), unit_id=call.query.unit_id)
    return page_out_of(found, call.query, lambda post: (post.id,))


def api_post(call: Call[NoQuery, None], post_id: int) -> Answer:
    """One post."""
    return Answer(value=_post(call, post_id))


def api_add_post(call: Call[NoQuery, PostBody]) -> Answer:
    """Add a post."""
    made = _save_post(call, None)
    return Answer(value=_post(call, made), status=201, location=url_for("api_post", post_id=made))


def api_change_post(call: Call[NoQuery, PostBody], post_id: int) -> Answer:
    """Change a post."""
    call.same(etag_of(_post(call, post_id)))
    return Answer(value=_post(call, _save_post(call, post_id)))


def api_set_absence(call: Call[NoQuery, Absence], post_id: int) -> Answer:
    """Say when the A person of a post is away."""
    call.same(etag_of(_post(call, post_id)))
    days = call.body
    posts.set_absence(call.engine, post_id, days.a_away_from, days.a_away_until, by=call.by, now=call.now)
    return Answer(value=_post(call, post_id))


def api_remove_post(call: Call[NoQuery, None], post_id: int) -> Answer:
    """Take a post out."""
    posts.remove_post(call.engine, post_id, by=call.by, now=call.now)
    return Answer(status=204)


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
        path="/units",
        endpoint="api_units",
        run=api_units,
        zh="责任单位列表",
        en="Every unit",
        query=Paged,
        replies={200: Listing[UnitView]},
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
        method="POST",
        path="/units/{unit_id}/merge",
        endpoint="api_merge_unit",
        run=api_merge_unit,
        zh="合并责任单位",
        en="Let a unit take over everything another one has",
        note="For one organisation under two names. The other unit is gone afterwards, and this can't be undone.",
        body=UnitMerge,
        replies={200: MergedUnit},
    ),
    _row(
        method="GET",
        path="/posts",
        endpoint="api_posts",
        run=api_posts,
        zh="AB 岗列表",
        en="Posts with their A and B person",
        query=PostQuery,
        replies={200: Listing[PostView]},
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
        method="PUT",
        path="/posts/{post_id}/absence",
        endpoint="api_set_absence",
        run=api_set_absence,
        zh="登记 A 岗缺勤",
        en="Say when the A person of a post is away",
        body=Absence,
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
)
