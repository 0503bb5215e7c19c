"""What an asset is called and carries: aliases, plates (tags) with their history, and the scans of them."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from dashboards.api.answering import page, page_out_of
from dashboards.api.operation import MOST_BULK, Answer, Body, DoneAt, Id, Listing, NoQuery, Note, Operation, Paged
from dashboards.api.request import Call
from registry.domain.errors import InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import ScanFlag, TagState
from registry.domain.scopes import check_area
from registry.domain.tokens import Finding
from registry.queries.asset_record import RecordAlias, asset_record
from registry.queries.tags import ScanRow, TagDetail, TagRow, list_scans, list_tags, tag_view
from registry.services import aliases as alias_services
from registry.services import tags as tag_services
from registry.services.scans import mark_looked_at, record_scan
from registry.services.transactions import in_transaction

Token = Annotated[str, Meta(min_length=1, max_length=20)]


class NewAlias(Body, frozen=True, kw_only=True):
    """What another system calls the asset."""

    kind: Annotated[str, Meta(min_length=1, max_length=40)]
    value: Annotated[str, Meta(min_length=1, max_length=120)]


class TagQuery(Paged, frozen=True, kw_only=True):
    """Which plates."""

    state: TagState | None = None


class NewTag(Body, frozen=True, kw_only=True):
    """Which asset gets a plate; its former one becomes *replaced*."""

    asset_id: Id
    note: Note = ""


class NewBlankTags(Body, frozen=True, kw_only=True):
    """How many plates that belong to nothing yet."""

    count: Annotated[int, Meta(ge=1, le=MOST_BULK)]


class TokenList(msgspec.Struct, frozen=True, kw_only=True):
    """New tokens."""

    tokens: list[str]


class Binding(Body, frozen=True, kw_only=True):
    """The asset a blank plate is screwed on."""

    asset_id: Id
    note: Note = ""


class TagEnd(Body, frozen=True, kw_only=True):
    """What became of the plate; ``active``: a lost one turned up."""

    state: TagState
    note: Note = ""


class ScanQuery(Paged, frozen=True, kw_only=True):
    """Which scans; without anything: all of them, the newest first."""

    flagged: bool = False
    flag: ScanFlag | None = None
    looked: Annotated[bool, Meta(description="Whether somebody has looked at it")] | None = None
    token: Annotated[str, Meta(max_length=64)] | None = None
    asset_id: Id | None = None


class NewScan(Body, frozen=True, kw_only=True):
    """A plate that the sender scanned."""

    token: Annotated[str, Meta(min_length=1, max_length=64, description="What stands on the plate")]
    done_at: DoneAt = None


class KeptScan(msgspec.Struct, frozen=True, kw_only=True):
    """A scan that was kept, and what it found."""

    id: int
    finding: Finding


class Looked(Body, frozen=True, kw_only=True):
    """Flagged scans that somebody has looked at."""

    scan_ids: Annotated[list[Id], Meta(min_length=1, max_length=MOST_BULK)]


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many were changed."""

    changed: int


def api_aliases(call: Call[Paged, None], asset_id: int) -> Answer:
    """The aliases of an asset."""
    found = asset_record(call.engine, asset_id).aliases
    return page_out_of(found, call.query, lambda alias: (alias.kind, alias.value))


def api_add_alias(call: Call[NoQuery, NewAlias], asset_id: int) -> Answer:
    """Let another name find the asset."""
    new = call.body
    add = partial(alias_services.add_alias, asset_id=asset_id, kind=new.kind, value=new.value, now=call.now, by=call.by)
    kind, value = in_transaction(call.engine, add)
    return Answer(value=RecordAlias(kind=kind, value=value), status=201)


def api_remove_alias(call: Call[NoQuery, None], asset_id: int, kind: str, value: str) -> Answer:
    """Forget an alias."""
    remove = partial(alias_services.remove_alias, asset_id=asset_id, kind=kind, value=value, now=call.now, by=call.by)
    in_transaction(call.engine, remove)
    return Answer(status=204)


def api_tags(call: Call[TagQuery, None]) -> Answer:
    """Plates, the newest first."""
    query = call.query
    return page(list_tags(call.engine, state=query.state, by=call.by, after=query.after, limit=query.limit))


def api_tag(call: Call[NoQuery, None], token: str) -> Answer:
    """One plate with its history."""
    return Answer(value=_tag(call, token))


def api_issue_tag(call: Call[NoQuery, NewTag]) -> Answer:
    """A new plate for an asset."""
    new = call.body
    issue = partial(tag_services.issue_tag, asset_id=new.asset_id, now=call.now, by=call.by, note=new.note)
    return Answer(value=_tag(call, in_transaction(call.engine, issue)), status=201)


def api_blank_tags(call: Call[NoQuery, NewBlankTags]) -> Answer:
    """Plates to be bound in the street."""
    issue = partial(tag_services.print_blank_tags, count=call.body.count, now=call.now, by=call.by)
    return Answer(value=TokenList(tokens=in_transaction(call.engine, issue)), status=201)


def api_bind_tag(call: Call[NoQuery, Binding], token: str) -> Answer:
    """Screw a blank plate onto an asset."""
    asset_id, note = call.body.asset_id, call.body.note
    bind = partial(tag_services.bind_tag, token=token, asset_id=asset_id, now=call.now, by=call.by, note=note)
    in_transaction(call.engine, bind)
    return Answer(value=_tag(call, token))


def api_end_tag(call: Call[NoQuery, TagEnd], token: str) -> Answer:
    """Record that a plate is lost, replaced or destroyed, or was found again."""
    state, note = call.body.state, call.body.note
    _tag(call, token)  # in the sender's own area
    if state is TagState.BLANK:
        raise InvalidMove("a plate never becomes blank again; issue a new one")
    if state is TagState.ACTIVE:
        step: Any = partial(tag_services.find_tag_again, token=token, now=call.now, by=call.by, note=note)
    else:
        step = partial(tag_services.end_tag, token=token, state=state, now=call.now, by=call.by, note=note)
    in_transaction(call.engine, step)
    return Answer(value=_tag(call, token))


def api_scans(call: Call[ScanQuery, None]) -> Answer:
    """The scan log, the newest first."""
    asked = msgspec.structs.asdict(call.query)
    return page(list_scans(call.engine, by=call.by, **asked))


def api_scan(call: Call[NoQuery, NewScan]) -> Answer:
    """Keep a scan."""
    sent = call.body
    found = record_scan(call.engine, sent.token, now=call.now, user_id=call.by.user_id, done_at=sent.done_at)
    return Answer(value=KeptScan(id=found.id, finding=found.finding), status=201)


def api_scans_looked(call: Call[NoQuery, Looked]) -> Answer:
    """Note that somebody has looked at flagged scans."""
    return Answer(value=Count(changed=mark_looked_at(call.engine, call.body.scan_ids, by=call.by, now=call.now)))


def _tag(call: Call[Any, Any], token: str) -> TagDetail:
    try:
        found = tag_view(call.engine, token)
    except InvalidInput as error:
        raise NotFound("plate", token[:20]) from error
    check_area(call.by, found.area_code or call.by.area_code)
    return found


_row = partial(Operation, group="plates")
OPERATIONS = (
    _row(
        method="GET",
        path="/assets/{asset_id}/aliases",
        endpoint="api_aliases",
        run=api_aliases,
        zh="部件的别名",
        en="The aliases of an asset",
        query=Paged,
        replies={200: Listing[RecordAlias]},
    ),
    _row(
        method="POST",
        path="/assets/{asset_id}/aliases",
        endpoint="api_add_alias",
        run=api_add_alias,
        zh="增加别名",
        en="Let another name find the asset",
        body=NewAlias,
        replies={201: RecordAlias},
    ),
    _row(
        method="DELETE",
        path="/assets/{asset_id}/aliases/{kind}/{value}",
        endpoint="api_remove_alias",
        run=api_remove_alias,
        zh="删除别名",
        en="Forget an alias",
        replies={204: None},
    ),
    _row(
        method="GET",
        path="/tags",
        endpoint="api_tags",
        run=api_tags,
        zh="标牌列表",
        en="Plates, the newest first",
        query=TagQuery,
        replies={200: Listing[TagRow]},
    ),
    _row(
        method="POST",
        path="/tags",
        endpoint="api_issue_tag",
        run=api_issue_tag,
        zh="为部件发放新标牌",
        en="Issue a plate for an asset",
        body=NewTag,
        replies={201: TagDetail},
        errors=(404,),
    ),
    _row(
        method="POST",
        path="/tags/blank",
        endpoint="api_blank_tags",
        run=api_blank_tags,
        zh="发放空白标牌",
        en="Issue blank plates, to be bound in the street",
        body=NewBlankTags,
        replies={201: TokenList},
    ),
    _row(
        method="GET",
        path="/tags/{token}",
        endpoint="api_tag",
        run=api_tag,
        zh="标牌及其历史",
        en="One plate with its history",
        replies={200: TagDetail},
    ),
    _row(
        method="POST",
        path="/tags/{token}/bind",
        endpoint="api_bind_tag",
        run=api_bind_tag,
        zh="绑定空白标牌",
        en="Screw a blank plate onto an asset",
        body=Binding,
        replies={200: TagDetail},
    ),
    _row(
        method="POST",
        path="/tags/{token}/end",
        endpoint="api_end_tag",
        run=api_end_tag,
        zh="标牌遗失、更换、销毁或找回",
        en="Record that a plate is lost, replaced, destroyed or found again",
        body=TagEnd,
        replies={200: TagDetail},
    ),
    _row(
        method="GET",
        path="/scans",
        endpoint="api_scans",
        run=api_scans,
        zh="扫码记录",
        en="The scan log",
        query=ScanQuery,
        replies={200: Listing[ScanRow]},
    ),
    _row(
        method="POST",
        path="/scans",
        endpoint="api_scan",
        run=api_scan,
        zh="登记一次扫码",
        en="Keep that the sender scanned a plate",
        note="As opening the plate's public page does, for apps that know what it leads to already.",
        body=NewScan,
        replies={201: KeptScan},
    ),
    _row(
        method="POST",
        path="/scans/looked",
        endpoint="api_scans_looked",
        run=api_scans_looked,
        zh="标记已查看的扫码",
        en="Note that flagged scans were looked at",
        body=Looked,
        replies={200: Count},
    ),
)
