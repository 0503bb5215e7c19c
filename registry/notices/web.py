"""One way to post JSON: with limits, without redirects, errors translated once."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit, urlunsplit

import urllib3
from urllib3.util import make_headers

from registry.notices.outgoing import ANSWER_S, CONNECT_S, SendFailed, hide

_TIMES = urllib3.Timeout(connect=CONNECT_S, read=ANSWER_S)
_WELL = range(200, 300)


def post_json(address: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Post ``body``. Name and password of the address become Basic authentication. Raises ``SendFailed``."""
    url, login = _split(address)
    sent = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "CoverCode", **login, **headers}
    pool = urllib3.PoolManager(num_pools=1, timeout=_TIMES, retries=False)
    try:
        answer = pool.request("POST", url, body=body, headers=sent, redirect=False)
    except (urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
        raise SendFailed(hide(_said(error), address)) from None
    finally:
        pool.clear()
    if answer.status not in _WELL:
        said = answer.data[:200].decode("utf-8", "replace")
        raise SendFailed(hide(f"HTTP {answer.status} {said}", address))


def _said(error: Exception) -> str:
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "can't be reached: " + str(error.__cause__ or "connection refused")
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "no answer in time"
    return type(error).__name__


def _split(address: str) -> tuple[str, dict[str, str]]:
    """The address without its user and fragment, and the header that stands for the user."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    url = urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))
    if parts.username is None:
        return url, {}
    return url, dict(make_headers(basic_auth=f"{unquote(parts.username)}:{unquote(parts.password or '')}"))
