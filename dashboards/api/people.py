"""People, their sessions and tokens, the audit trail: an administrator's work. A password is never read back."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from flask import url_for
from msgspec import UNSET, Meta, UnsetType
from sqlalchemy import Connection

from dashboards import forms
from dashboards.api.account import Ended, newest_first
from dashboards.api.answering import etag_of, page, page_out_of
from dashboards.api.figures import Moment
from dashboards.api.operation import Answer, AreaPrefix, Body, Id, Listing, NoQuery, Operation, Paged
from dashboards.api.request import Call
from registry.domain.kinds import CaseRole, Role
from registry.queries.audit import AuditFilter, AuditRow, list_audit
from registry.queries.paging import decode_id, page_of
from registry.queries.people import Person, SessionRow, TokenRow, list_people, list_tokens, open_sessions, person
from registry.services import api_tokens, people, sessions
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
    case_roles: tuple[CaseRole, ...] = ()


class PersonPatch(Body, frozen=True, kw_only=True):
    """What is to be different; what is left out stays. Another role, unit or area ends the open sessions."""

    name: PersonName | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    unit_id: Id | UnsetType | None = UNSET
    area_code: AreaPrefix | UnsetType = UNSET
    phone: Phone | UnsetType = UNSET
    case_roles: tuple[CaseRole, ...] | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    locked: bool | UnsetType = UNSET


class TokenQuery(Paged, frozen=True, kw_only=True):
    """Which tokens."""

    user_id: Id | None = None
    with_ended: bool = False


class OneTimePassword(msgspec.Struct, frozen=True, kw_only=True):
    """Good for one sign-in, at which its person chooses their own; it is shown once, here."""

    password: str


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
    """Change an account, close or lock it, or open it again."""
    before = person(call.engine, user_id)
    call.same(etag_of(before))
    given = {name: getattr(call.body, name) for name in call.body.__struct_fields__}
    active, locked = given.pop("active"), given.pop("locked")
    set_ones = {name: value for name, value in given.items() if value is not UNSET}
    kept = {name: getattr(before, name) for name in people.UserChange.__slots__}
    change = people.UserChange(**kept | set_ones)

    def step(tx: Connection) -> None:
        if set_ones:
            people.change_user(tx, user_id, change, by=call.by, now=call.now)
        if active is not UNSET and active != before.active:
            people.set_active(tx, user_id, active=active, now=call.now, by=call.by)
        if locked is not UNSET:
            people.set_locked(tx, user_id, locked=locked, by=call.by, now=call.now)

    in_transaction(call.engine, step)
    return Answer(value=person(call.engine, user_id))


def api_reset_password(call: Call[NoQuery, None], user_id: int) -> Answer:
    """Give somebody a one-time password."""
    reset = partial(people.reset_password, user_id=user_id, by=call.by, now=call.now)
    return Answer(value=OneTimePassword(password=in_transaction(call.engine, reset)), status=201)


def api_sessions(call: Call[Paged, None], user_id: int) -> Answer:
    """Where somebody is signed in, the latest sign-in first."""
    person(call.engine, user_id)
    return page_out_of(open_sessions(call.engine, user_id, now=call.now), call.query, newest_first)


def api_end_session(call: Call[NoQuery, None], user_id: int, session: str) -> Answer:
    """End one of somebody's sessions."""
    end = partial(sessions.end_session, session_id=session, user_id=user_id, by=call.by, now=call.now)
    in_transaction(call.engine, end)
    return Answer(status=204)


def api_end_sessions(call: Call[NoQuery, None], user_id: int) -> Answer:
    """End all of somebody's sessions."""
    end = partial(sessions.end_sessions, user_id=user_id, by=call.by, now=call.now)
    return Answer(value=Ended(ended=in_transaction(call.engine, end)))


def api_tokens_list(call: Call[TokenQuery, None]) -> Answer:
    """Tokens, the newest first."""
    query = call.query
    found = list_tokens(
        call.engine,
        user_id=query.user_id,
        with_ended=query.with_ended,
        scope=call.by.area_code,
        before=None if query.after is None else decode_id(query.after),
        limit=query.limit + 1,
    )
    return page(page_of(found, query.limit, lambda token: (token.id,)))


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
        en="Change an account, close or lock it, or open it again",
        body=PersonPatch,
        replies={200: Person},
        if_match=True,
    ),
    _row(
        method="POST",
        path="/people/{user_id}/password",
        endpoint="api_reset_password",
        run=api_reset_password,
        zh="重置密码",
        en="Give somebody a one-time password; it is told once",
        replies={201: OneTimePassword},
        keyed=False,
        note="Takes no Idempotency-Key: the answer holds a secret, and secrets are not kept. Ends their sessions.",
    ),
    _row(
        method="GET",
        path="/people/{user_id}/sessions",
        endpoint="api_sessions",
        run=api_sessions,
        zh="人员的登录会话",
        en="Where somebody is signed in",
        query=Paged,
        replies={200: Listing[SessionRow]},
    ),
    _row(
        method="DELETE",
        path="/people/{user_id}/sessions",
        endpoint="api_end_sessions",
        run=api_end_sessions,
        zh="结束人员的全部会话",
        en="End all of somebody's sessions",
        replies={200: Ended},
    ),
    _row(
        method="DELETE",
        path="/people/{user_id}/sessions/{session}",
        endpoint="api_end_session",
        run=api_end_session,
        zh="结束人员的一个会话",
        en="End one of somebody's sessions",
        replies={204: None},
    ),
    _row(
        method="GET",
        path="/tokens",
        endpoint="api_tokens_list",
        run=api_tokens_list,
        zh="接口令牌列表",
        en="API tokens, without their secrets",
        query=TokenQuery,
        replies={200: Listing[TokenRow]},
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
