"""From the one line of the settings to a store: a file's path, or the address of a server."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from registry.domain.errors import InvalidInput
from registry.storage.series.port import SeriesKeep, SeriesStore
from registry.storage.series.sqlite import SqliteSeries

if TYPE_CHECKING:
    from registry.storage.series.influx_http import InfluxConnection, Patience

_SERVER = re.compile(r"influxdb\+https?://", re.IGNORECASE)
_DATABASE = re.compile(r"[A-Za-z0-9_-]{1,60}")


def is_server(address: str) -> bool:
    """Whether the address means a server rather than a file."""
    return "://" in address and not address.startswith("sqlite:///")


def open_series(
    address: str,
    *,
    home: Path,
    token: str = "",
    keep: SeriesKeep = SeriesKeep(),  # noqa: B008 - frozen
    patience_s: float | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SeriesStore:
    """The store at ``address``; connects to nothing yet.

    ``series.db`` or ``sqlite:///PATH``: a file, from ``home`` on. ``influxdb+http(s)://HOST:PORT/DATABASE``: InfluxDB;
    ``?org=NAME`` for 2.x; ``TOKEN@`` before the host instead of ``token``. ``patience_s``: how long a call goes on
    asking a server that is away or busy; None: the usual. Raises ``InvalidInput``.
    """
    problem = address_problem(address)
    if problem:
        raise InvalidInput("series", problem)
    if not is_server(address):
        return SqliteSeries(home / address.removeprefix("sqlite:///"), keep=keep)
    # takes half a second to import, so only a city with such a server pays for it
    from registry.storage.series.influx import InfluxSeries
    from registry.storage.series.influx_http import Patience

    patience = Patience() if patience_s is None else Patience(total_s=patience_s)
    return InfluxSeries(_connection(address, token, patience), keep=keep, clock=clock)


def answers_strangers(address: str) -> bool:
    """Whether the server at ``address`` carries out what somebody asks who says no name and shows no token.

    Raises ``StoreDown`` when it answers nobody.
    """
    from influxdb_client.rest import ApiException

    from registry.storage.series.influx_http import NoAccess, Patience

    connection = _connection(address, "", Patience(total_s=0.0, request_s=5.0))
    try:
        connection.query("SHOW DATABASES")
    except (NoAccess, ApiException):
        return False
    finally:
        connection.close()
    return True


def _connection(address: str, token: str, patience: Patience) -> InfluxConnection:
    from registry.storage.series.influx_http import InfluxConnection

    parts = urlsplit(address)
    said = ":".join(unquote(word) for word in (parts.username, parts.password) if word)
    org = parse_qs(parts.query).get("org", ["covercode"])[0]
    url = f"{parts.scheme.lower().removeprefix('influxdb+')}://{parts.hostname}:{parts.port or 8086}"
    return InfluxConnection(url, parts.path.strip("/"), said or token, org=org, patience=patience)


def address_problem(address: str) -> str:
    """What is wrong with an address and how to mend it; empty when nothing is."""
    if not address:
        return "must be the path of a file (series.db) or influxdb+http://HOST:8086/DATABASE"
    if not is_server(address):
        return ""
    if not _SERVER.match(address):
        return (
            f"{address.split(':')[0]}:// is no series store: give a file's path or influxdb+http://HOST:8086/DATABASE"
        )
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError as error:
        return f"{error}: write influxdb+http://HOST:8086/DATABASE"
    if not parts.hostname or not _DATABASE.fullmatch(parts.path.strip("/")):
        return "must name host and database (letters, digits, - and _): influxdb+http://HOST:8086/covercode"
    return ""
