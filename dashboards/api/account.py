"""The sender's own account: who they are, where they are signed in, the tokens of their programs.

Sessions and tokens are a person's to end: but for the first operation, a token opens none of this.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from dashboards.api.answering import page_out_of
from dashboards.api.operation import Answer, Body, Listing, NoQuery, Operation, Paged
from dashboards.api.request import Call
from dashboards.bearer import bearer
from dashboards.login import visit
from registry.domain.token_scopes import TokenScope
from registry.queries import people as people_queries
from registry.queries.people import Person, SessionRow, TokenRow
from registry.services import api_tokens, sessions
from registry.services.transactions import in_transaction


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who the sender is. ``scopes``: what the token was made for; null within a session."""

    person: Person
    scopes: list[TokenScope] | None


class OwnSession(SessionRow, frozen=True, kw_only=True):
    """Where the sender is signed in; ``current`` is the session that this request belongs to."""

    current: bool


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How many sessions were open and are ended now."""

    ended: int


class NewToken(Body, frozen=True, kw_only=True):
    """A token of your own; without ``expires_at`` it is good until it is revoked."""

    name: Annotated[str, Meta(min_length=1, max_length=80, description="Which program uses it")]
    scopes: Annotated[list[TokenScope], Meta(min_length=1, max_length=20)]
    expires_at: datetime | None = None


class IssuedToken(msgspec.Struct, frozen=True, kw_only=True):
    """The token's text is shown once, here."""

    id: int
    token: str


def api_me(call: Call[NoQuery, None]) -> Answer:
    """Who the sender is."""
    token = bearer()
    scopes = None if token is None else [scope for scope in TokenScope if scope in token.scopes]
    return Answer(value=Me(person=people_queries.person(call.engine, call.by.user_id or 0), scopes=scopes))


def api_my_sessions(call: Call[Paged, None]) -> Answer:
    """Where the sender is signed in, the latest sign-in first."""
    here = _here()
    found = [
        OwnSession(**msgspec.structs.asdict(one), current=one.id == here)
        for one in people_queries.open_sessions(call.engine, call.by.user_id or 0, now=call.now)
    ]
    return page_out_of(found, call.query, newest_first)


def api_end_my_session(call: Call[NoQuery, None], session: str) -> Answer:
    """End one of the sender's sessions."""
    end = partial(sessions.end_session, session_id=session, user_id=call.by.user_id or 0, by=call.by, now=call.now)
    in_transaction(call.engine, end)
    return Answer(status=204)


def api_end_my_sessions(call: Call[NoQuery, None]) -> Answer:
    """End every session of the sender but this one."""
    end = partial(sessions.end_sessions, user_id=call.by.user_id or 0, by=call.by, now=call.now, but=_here())
    return Answer(value=Ended(ended=in_transaction(call.engine, end)))


def api_my_tokens(call: Call[Paged, None]) -> Answer:
    """The sender's tokens, without their secrets."""
    found = people_queries.list_tokens(call.engine, user_id=call.by.user_id or 0)
    return page_out_of(found, call.query, lambda token: (-token.id,))


def api_add_token(call: Call[NoQuery, NewToken]) -> Answer:
    """A token of the sender's own; its text is told once."""
    new = api_tokens.NewToken(name=call.body.name, scopes=call.body.scopes, expires_at=call.body.expires_at)
    issued = in_transaction(call.engine, partial(api_tokens.issue_token, new=new, by=call.by, now=call.now))
    return Answer(value=IssuedToken(id=issued.id, token=issued.text), status=201)


def api_revoke_my_token(call: Call[NoQuery, None], own_token_id: int) -> Answer:
    """End one of the sender's tokens at once."""
    end = partial(api_tokens.revoke_token, token_id=own_token_id, of=call.by.user_id, by=call.by, now=call.now)
    in_transaction(call.engine, end)
    return Answer(status=204)


def newest_first(session: SessionRow) -> tuple[int, str]:
    """What sorts sessions: the latest sign-in first."""
    return -round(session.created_at.timestamp() * 1000), session.id


def _here() -> str:
    found = visit()
    return "" if found is None else found.session_id


_row = partial(Operation, group="account")
OPERATIONS = (
    _row(
        method="GET",
        path="/me",
        endpoint="api_me",
        run=api_me,
        zh="我的账号",
        en="Who the sender is, and what their token was made for",
        replies={200: Me},
    ),
    _row(
        method="GET",
        path="/me/sessions",
        endpoint="api_my_sessions",
        run=api_my_sessions,
        zh="我的登录会话",
        en="Where you are signed in",
        query=Paged,
        replies={200: Listing[OwnSession]},
    ),
    _row(
        method="DELETE",
        path="/me/sessions",
        endpoint="api_end_my_sessions",
        run=api_end_my_sessions,
        zh="结束我的其他会话",
        en="End all your sessions but this one",
        replies={200: Ended},
    ),
    _row(
        method="DELETE",
        path="/me/sessions/{session}",
        endpoint="api_end_my_session",
        run=api_end_my_session,
        zh="结束我的一个会话",
        en="End one of your sessions",
        replies={204: None},
    ),
    _row(
        method="GET",
        path="/me/tokens",
        endpoint="api_my_tokens",
        run=api_my_tokens,
        zh="我的接口令牌",
        en="Your API tokens, without their secrets",
        query=Paged,
        replies={200: Listing[TokenRow]},
    ),
    _row(
        method="POST",
        path="/me/tokens",
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
        path="/me/tokens/{own_token_id}",
        endpoint="api_revoke_my_token",
        run=api_revoke_my_token,
        zh="吊销我的接口令牌",
        en="End one of your tokens at once",
        replies={204: None},
    ),
)
