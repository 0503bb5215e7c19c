"""Programs that show an API token (``Authorization: Bearer cc_…``) instead of signing in.

With a token the cookie is not looked at, so another site can't make a browser use either: the header can't be forged by
a form, and that is why such a request needs no CSRF token.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from flask import Flask, current_app, g, request
from limits import parse
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from dashboards.errors import BadToken
from dashboards.permissions import TOKEN_LIMIT, line_of
from dashboards.rate_counts import RateCounts, counts_uri
from dashboards.site import now, site
from registry.domain.errors import NotAllowed
from registry.services.api_tokens import TokenVisit, find_token

_EXTENSION = "covercode_tokens"


def register_bearer(app: Flask, counts: Path) -> None:
    """Count each token's requests, over all web processes, in the file ``counts``."""
    app.extensions[_EXTENSION] = FixedWindowRateLimiter(RateCounts(counts_uri(counts)))


def shown_token() -> str | None:
    """The token that this request shows; None where it shows none, and outside of the API."""
    if not request.path.startswith("/api/"):
        return None
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if scheme.casefold() == "bearer" else None


def bearer() -> TokenVisit | None:
    """The token that this request was let in with; None for a person with a session."""
    return cast("TokenVisit | None", g.get("bearer"))


def let_in(text: str) -> TokenVisit:
    """Check a shown token, count its use, and remember it for this request.

    Raises ``BadToken`` for one that is not good (any more) and ``TooManyRequests`` above its rate.
    """
    where = site()
    visit = find_token(where.engine, text, now=now(), allow_demo=where.city.demo)
    if visit is None:
        raise BadToken
    counter: FixedWindowRateLimiter = current_app.extensions[_EXTENSION]
    if not counter.hit(parse(TOKEN_LIMIT), str(visit.token_id)):
        raise TooManyRequests
    g.bearer = visit
    return visit


def check_scope(visit: TokenVisit, endpoint: str) -> None:
    """Raise ``NotAllowed`` unless the token was made for such a route."""
    needed = line_of(endpoint).token
    if needed is None:
        raise NotAllowed("no token opens this address; sign in with a browser")
    if needed not in visit.scopes:
        raise NotAllowed(f"this token was not made for it: it needs the scope {needed}")
