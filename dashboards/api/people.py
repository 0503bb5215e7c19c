"""People, API tokens and the audit trail: an administrator's work. A password is never read back."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any

import msgspec
from flask import url_for
from msgspec import UNSET, Meta, UnsetType

from dashboards import forms
from dashboards.api.answering import etag_of, page
from dashboards.api.assets import AreaPrefix
from dashboards.api.figures import Moment
from dashboards.api.operation import Answer, Body, Id, Listing, NoQuery, Operation, Paged, Query
from dashboards.api.request import Call
from registry.domain.kinds import Role
from registry.domain.token_scopes import TokenScope
from registry.queries.audit import AuditFilter, AuditRow, list_audit
from registry.queries.people import Person, TokenRow, list_people, list_tokens, person
from registry.services import api_tokens, people
from registry.services.transactions import in_transaction

Login = Annotated[str, Meta(min_length=1, max_length=60)]
PersonName = Annotated[str, Meta(min_length=1, max_length=80)]
Phone = Annotated[str, Meta(max_length=40)]
Word = Annotated[str, Meta(max_length=80)]


class PeopleQuery(Paged, frozen=True, kw_only=True):
    """Which accounts. ``q``: part of a login or a name."""

    q: Annotated[str, Meta(max_length=80)] | None = None
    role: Role | None = None
    active: bool | None = None


class NewPerson(Body, frozen=True, kw_only=True):
    """An account; the person must choose a password of their own at the first sign-in."""

    login: Login
    name: PersonName
    role: Role
    password: Annotated[str, Meta(min_length=1, max_length=1000)]
    unit_id: Id | None = None
    area_code: AreaPrefix = ""
    phone: Phone = ""


class PersonPatch(Body, frozen=True, kw_only=True):
    """What is to be different; what is left out stays. Another role, unit or area ends the open sessions."""

    name: PersonName | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    unit_id: Id | UnsetType | None = UNSET
    area_code: AreaPrefix | UnsetType = UNSET
    phone: Phone | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class TokenQuery(Query, frozen=True, kw_only=True):
    """Which tokens."""

    user_id: Id | None = None
    with_ended: bool = False


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens without their secrets."""

    items: list[TokenRow]


class NewToken(Body, frozen=True, kw_only=True):
    """A token of your own."""

    name: PersonName
    scopes: Annotated[list[TokenScope], Meta(min_length=1, max_length=20)]
    expires_at: datetime | None = None


class IssuedToken(msgspec.Struct, frozen=True, kw_only=True):
    """The token's text is shown once, here."""

    id: int
    token: str


class AuditQuery(Paged, frozen=True, kw_only=True):
    """Which entries, the newest first."""

    who: Word = ""
    action: Word = ""
    subject: Word = ""
    since: Moment | None = None
    until: Moment | None = None


def api_people(call: Call[PeopleQuery, None]) -> Answer:
    """Accounts by login."""
    return page(list_people(call.engine, scope=call.by.area_code, **msgspec.structs.asdict(call.query)))


def api_person(call: Call[NoQuery, None], user_id: int) -> Answer:
    """One account."""
    return Answer(value=person(call.engine, user_id))


def api_add_person(call: Call[NoQuery, NewPerson]) -> Answer:
    """Add an account."""
    given = {name: getattr(call.body, name) for name in call.body.__struct_fields__}
    new = people.NewUser(**given, must_change_password=True)
    user_id = in_transaction(call.engine, partial(people.add_user, new=new, now=call.now, by=call.by))
    location = url_for("api_person", user_id=user_id)
    return Answer(value=person(call.engine, user_id), status=201, location=location)


def api_change_person(call: Call[NoQuery, PersonPatch], user_id: int) -> Answer:
    """Change an account, close it or open it again."""
    before = person(call.engine, user_id)
    call.same(etag_of(before))
    given = {name: getattr(call.body, name) for name in call.body.__struct_fields__}
    active = given.pop("active")
    set_ones = {name: value for name, value in given.items() if value is not UNSET}
    kept = {name: getattr(before, name) for name in people.UserChange.__slots__}
    change = people.UserChange(**kept | set_ones)

    def step(tx: Any) -> None:
        if set_ones:
            people.change_user(tx, user_id, change, by=call.by, now=call.now)
        if active is not UNSET and active != before.active:
            people.set_active(tx, user_id, active=active, now=call.now, by=call.by)

    in_transaction(call.engine, step)
    return Answer(value=person(call.engine, user_id))


def api_tokens_list(call: Call[TokenQuery, None]) -> Answer:
    """Tokens, the newest first."""
    query = call.query
    found = list_tokens(call.engine, user_id=query.user_id, with_ended=query.with_ended, scope=call.by.area_code)
    return Answer(value=Tokens(items=found))


def api_add_token(call: Call[NoQuery, NewToken]) -> Answer:
    """A token of the sender's own; its text is told once."""
    new = api_tokens.NewToken(name=call.body.name, scopes=call.body.scopes, expires_at=call.body.expires_at)
    issued = in_transaction(call.engine, partial(api_tokens.issue_token, new=new, by=call.by, now=call.now))
    return Answer(value=IssuedToken(id=issued.id, token=issued.text), status=201)


def api_revoke_token(call: Call[NoQuery, None], api_token_id: int) -> Answer:
    """End a token at once."""
    in_transaction(call.engine, partial(api_tokens.revoke_token, token_id=api_token_id, by=call.by, now=call.now))
    return Answer(status=204)


def api_audit(call: Call[AuditQuery, None]) -> Answer:
    """The audit trail, the newest first."""
    asked = msgspec.structs.asdict(call.query)
    after, limit = asked.pop("after"), asked.pop("limit")
    asked |= {name: forms.moment({name: asked[name] or ""}, name) for name in ("since", "until")}
    return page(list_audit(call.engine, AuditFilter(**asked), after=after, limit=limit))


_row = partial(Operation, group="people")
OPERATIONS = (
    _row(
        method="GET",
        path="/people",
        endpoint="api_people",
        run=api_people,
        zh="人员列表",
        en="Accounts",
        query=PeopleQuery,
        replies={200: Listing[Person]},
    ),
    _row(
        method="POST",
        path="/people",
        endpoint="api_add_person",
        run=api_add_person,
        zh="增加人员",
        en="Add an account",
        body=NewPerson,
        replies={201: Person},
        errors=(404,),
        keyed=False,
        note="Takes no Idempotency-Key: a login exists once, so sending it again changes nothing.",
    ),
    _row(
        method="GET",
        path="/people/{user_id}",
        endpoint="api_person",
        run=api_person,
        zh="人员",
        en="One account",
        replies={200: Person},
    ),
    _row(
        method="PATCH",
        path="/people/{user_id}",
        endpoint="api_change_person",
        run=api_change_person,
        zh="修改人员",
        en="Change an account, close it or open it again",
        body=PersonPatch,
        replies={200: Person},
        if_match=True,
    ),
    _row(
        method="GET",
        path="/tokens",
        endpoint="api_tokens_list",
        run=api_tokens_list,
        zh="接口令牌列表",
        en="API tokens, without their secrets",
        query=TokenQuery,
        replies={200: Tokens},
    ),
    _row(
        method="POST",
        path="/tokens",
        endpoint="api_add_token",
        run=api_add_token,
        zh="新建接口令牌",
        en="Make a token of your own; its text is told once",
        body=NewToken,
        replies={201: IssuedToken},
        keyed=False,
        note="Takes no Idempotency-Key: the answer holds a secret, and secrets are not kept.",
    ),
    _row(
        method="DELETE",
        path="/tokens/{api_token_id}",
        endpoint="api_revoke_token",
        run=api_revoke_token,
        zh="吊销接口令牌",
        en="End a token at once",
        replies={204: None},
    ),
    _row(
        method="GET",
        path="/audit",
        endpoint="api_audit",
        run=api_audit,
        zh="审计记录",
        en="The audit trail",
        query=AuditQuery,
        replies={200: Listing[AuditRow]},
    ),
)
