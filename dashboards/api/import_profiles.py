"""Saved ways of reading a census table: a file that comes every month in the same shape is mapped once."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from flask import url_for
from msgspec import Meta

from dashboards.api.answering import etag_of, page_out_of
from dashboards.api.operation import Answer, Body, Listing, NoQuery, Operation, Paged
from dashboards.api.request import Call
from registry.domain.errors import Conflict, NotFound
from registry.services import imports as import_services
from registry.services.imports import ImportSettings, Profile


class NewProfile(Body, frozen=True, kw_only=True):
    """Settings to be kept; what belongs to one file alone (sheet, header row, encoding) is left out of them."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    settings: ImportSettings


def api_profiles(call: Call[Paged, None]) -> Answer:
    """The shipped ones (without an id), and the saved ones."""
    return page_out_of(import_services.list_profiles(call.engine), call.query, lambda one: (one.id or 0, one.name))


def api_profile(call: Call[NoQuery, None], profile_id: int) -> Answer:
    """A saved one."""
    return Answer(value=_saved(call, profile_id))


def api_add_profile(call: Call[NoQuery, NewProfile]) -> Answer:
    """Save settings under a name of their own."""
    name = " ".join(call.body.name.split())
    if any(each.name == name for each in import_services.list_profiles(call.engine)):
        raise Conflict(f"there is a profile {name!r} already; change that one, or choose another name")
    made = import_services.save_profile(call.engine, name, call.body.settings, by=call.by, now=call.now)
    return Answer(value=_saved(call, made), status=201, location=url_for("api_profile", profile_id=made))


def api_change_profile(call: Call[NoQuery, ImportSettings], profile_id: int) -> Answer:
    """Save other settings under its name."""
    saved = _saved(call, profile_id)
    call.same(etag_of(saved))
    import_services.save_profile(call.engine, saved.name, call.body, by=call.by, now=call.now)
    return Answer(value=_saved(call, profile_id))


def api_delete_profile(call: Call[NoQuery, None], profile_id: int) -> Answer:
    """Forget a saved one."""
    import_services.delete_profile(call.engine, profile_id, by=call.by, now=call.now)
    return Answer(status=204)


def _saved(call: Call[Any, Any], profile_id: int) -> Profile:
    found = next((one for one in import_services.list_profiles(call.engine) if one.id == profile_id), None)
    if found is None:
        raise NotFound("import profile", profile_id)
    return found


_row = partial(Operation, group="imports")
OPERATIONS = (
    _row(
        method="GET",
        path="/import-profiles",
        endpoint="api_profiles",
        run=api_profiles,
        zh="导入方案列表",
        en="Import profiles: the shipped ones (no id), and the saved ones",
        query=Paged,
        replies={200: Listing[Profile]},
    ),
    _row(
        method="POST",
        path="/import-profiles",
        endpoint="api_add_profile",
        run=api_add_profile,
        zh="保存导入方案",
        en="Save settings of an import as a profile",
        body=NewProfile,
        replies={201: Profile},
    ),
    _row(
        method="GET",
        path="/import-profiles/{profile_id}",
        endpoint="api_profile",
        run=api_profile,
        zh="导入方案",
        en="One saved import profile",
        replies={200: Profile},
    ),
    _row(
        method="PUT",
        path="/import-profiles/{profile_id}",
        endpoint="api_change_profile",
        run=api_change_profile,
        zh="修改导入方案",
        en="Save other settings under the name of a profile",
        body=ImportSettings,
        replies={200: Profile},
        if_match=True,
    ),
    _row(
        method="DELETE",
        path="/import-profiles/{profile_id}",
        endpoint="api_delete_profile",
        run=api_delete_profile,
        zh="删除导入方案",
        en="Forget a saved import profile",
        replies={204: None},
    ),
)
