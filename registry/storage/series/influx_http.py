"""Talking to InfluxDB 1.x, 2.x and 3.x: line protocol in by the v2 write path, plain InfluxQL out by ``/query``.

Writes are synchronous and ours alone: influxdb-client's own batching may lose points without a word. What comes back
decides: nothing wrong → durable; the server is busy or away → tried again, as late as it asks for; a line that can
never be written → found by its number where the server tells it, else by halving, and handed back with the reason.
"""

from __future__ import annotations

import base64
import json
import random
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import structlog
import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS, WriteApi
from influxdb_client.rest import ApiException

from registry.domain.errors import StoreDown
from registry.shapes import shaped_json, shaped_pack

log = structlog.get_logger(__name__)

_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_PERMANENT = frozenset({400, 422})
_TOO_LARGE = 413
_NO_ACCESS = {
    401: "the server does not know this token: set records.series_token (1.x: NAME:PASSWORD)",
    403: "the token may not do this: give it the right to write and read this database",
}
_DROPPED = re.compile(r"dropped=(\d+)\s*$")
_MISSING = re.compile(r"(database|retention policy|bucket)\b.*not found|database not found|not found: .*bucket", re.I)
# A 500 was seen for what is only too old; waiting makes no reading younger.
_PERMANENT_WORDS = ("beyond retention policy", "field type conflict", "unable to parse")
_LONGEST_REASON = 300
_PACKED = "application/x-msgpack"
_NOT_TOLD = "not executed"  # 1.x says only this of several statements when one names what doesn't exist


class MissingBucket(StoreDown):
    """The database, bucket or retention policy does not exist."""


class NoAccess(StoreDown):
    """The server does not know who asks, or does not let them."""


class BadLine(NamedTuple):
    """A line that the server will never take, by its place among those sent."""

    place: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one call keeps trying before it gives up with ``StoreDown``; the caller's own pauses come after that."""

    total_s: float = 15.0
    first_pause_s: float = 0.25
    longest_pause_s: float = 5.0
    request_s: float = 20.0
    connect_s: float = 3.0


class InfluxConnection:
    """One server and one database, over kept-alive connections. Safe for several threads.

    ``url`` is ``http(s)://host:port``; ``token`` is sent as ``Authorization: Token …`` when not empty, and one that
    reads ``name:password`` (1.x) as ``Basic …``. ``org`` matters to 2.x only.
    """

    def __init__(
        self,
        url: str,
        database: str,
        token: str = "",
        *,
        org: str = "covercode",
        patience: Patience = Patience(),
    ) -> None:
        self.url = url
        self.database = database
        self._token = token
        # 1.x knows no tokens before 1.8, and all of 1.x knows Basic; a token of 2.x or 3.x has no colon
        self._named = ":" in token
        self._org = org
        self._patience = patience
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._client: InfluxDBClient | None = None
        self._writer: WriteApi | None = None
        self._pool: urllib3.PoolManager | None = None
        self._packs = False

    def write(self, bucket: str, lines: Sequence[str]) -> list[BadLine]:
        """Write ``lines`` (times in ms) into ``database/bucket``; answers those that can never be written.

        Raises ``StoreDown`` when the server did not take the rest in time, ``MissingBucket`` when there is no such
        place.
        """
        bad = self._write(bucket, lines, 0)
        return sorted(bad)

    def query(self, *statements: str) -> list[list[dict[str, Any]]]:
        """The series that each InfluxQL statement answers, times in ms.

        Raises ``StoreDown``, ``MissingBucket``, ``NoAccess``.
        """
        fields = {"q": ";".join(statements), "db": self.database, "epoch": "ms"}
        answer = self._patiently("query", lambda: self._post("/query", fields))
        found: list[list[dict[str, Any]]] = [[] for _ in statements]
        for result in answer.get("results", []):
            if result.get("error") == _NOT_TOLD and len(statements) > 1:
                return [self.query(each)[0] for each in statements]
            if "error" in result:
                raise self._refusal(str(result["error"]))
            if any(series.get("partial") for series in result.get("series", [])) or result.get("partial"):
                raise StoreDown(f"{self.url}: the server cuts its answers short: raise max-row-limit in its [http]")
            found[result.get("statement_id", 0)] += result.get("series", [])
        return found

    def version(self) -> str:
        """The server's version, for example ``1.8.10``; empty when it doesn't tell."""

        def ping() -> str:
            response = self._opened().request("GET", f"{self.url}/ping", headers=self._headers(), timeout=5.0)
            return response.headers.get("X-Influxdb-Version", "").lstrip("v")

        return str(self._patiently("ping", ping))

    def close(self) -> None:
        """End waiting calls and let the connections go."""
        self._closing.set()
        with self._lock:
            if self._client is not None:
                self._client.close()  # type: ignore[no-untyped-call]
            if self._pool is not None:
                self._pool.clear()
            self._client = self._writer = self._pool = None

    # --- writing ----------------------------------------------------------------------------------------------------

    def _write(self, bucket: str, lines: Sequence[str], first: int) -> list[BadLine]:
        if not lines:
            return []
        try:
            self._patiently("write", lambda: self._send(bucket, lines))
        except ApiException as refusal:
            return self._sort_out(bucket, lines, first, refusal)
        return []

    def _sort_out(self, bucket: str, lines: Sequence[str], first: int, refusal: ApiException) -> list[BadLine]:
        """What to do about a batch of which the server takes not all: it may or may not have kept the rest of it."""
        reason = _reason(refusal)
        if len(lines) == 1 and refusal.status != _TOO_LARGE:
            return [BadLine(first, reason)]
        numbered = _numbered(refusal, len(lines))
        if numbered:
            log.info("series_lines_refused", lines=len(numbered), of=len(lines), reason=reason)
            good = [line for at, line in enumerate(lines) if at not in numbered]
            places = [first + at for at in range(len(lines)) if at not in numbered]
            again = [BadLine(places[bad.place], bad.reason) for bad in self._write(bucket, good, 0)]
            return [BadLine(first + at, why) for at, why in numbered.items()] + again
        dropped = _DROPPED.search(reason)
        if dropped and int(dropped[1]) == len(lines):
            return [BadLine(first + at, reason) for at in range(len(lines))]
        if len(lines) == 1:
            raise StoreDown(f"{self.url}: a single line is too large for the server: {reason}")
        # in order of time, so that what is too old stands together and halving finds it in few steps
        order = sorted(range(len(lines)), key=lambda at: int(lines[at].rpartition(" ")[2]))
        ordered = [lines[at] for at in order]
        half = len(lines) // 2
        again = self._write(bucket, ordered[:half], 0) + self._write(bucket, ordered[half:], half)
        return [BadLine(first + order[bad.place], bad.reason) for bad in again]

    def _send(self, bucket: str, lines: Sequence[str]) -> None:
        body = "\n".join(lines).encode()
        place = f"{self.database}/{bucket}"
        self._opened_writer().write(bucket=place, org=self._org, record=body, write_precision="ms")  # type: ignore[arg-type]  # its enumeration is untyped text

    # --- trying again -----------------------------------------------------------------------------------------------

    def _patiently(self, what: str, step: Callable[[], Any]) -> Any:
        """``step``, again while the server is away or busy and patience lasts; a final refusal goes through."""
        deadline = time.monotonic() + self._patience.total_s
        pause_s = self._patience.first_pause_s
        while True:
            asked_s = 0.0
            try:
                return step()
            except ApiException as refusal:
                problem = f"{refusal.status} {_reason(refusal)}"
                if _MISSING.search(problem) or refusal.status == 404:
                    raise self._refusal(_reason(refusal)) from refusal
                if refusal.status in _NO_ACCESS:
                    raise NoAccess(f"{self.url}: {_NO_ACCESS[refusal.status]}") from refusal
                if _is_final(refusal):
                    raise
                asked_s = _retry_after(refusal)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                problem = f"{type(error).__name__}: {error}"
            wait_s = max(asked_s, pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            if time.monotonic() + wait_s > deadline or self._closing.wait(wait_s):
                raise StoreDown(f"series store {self.url} ({what}): {problem[:_LONGEST_REASON]}")
            pause_s = min(pause_s * 2, self._patience.longest_pause_s)

    def _refusal(self, reason: str) -> StoreDown:
        if _MISSING.search(reason):
            return MissingBucket(f"series store {self.url}: {reason}")
        return StoreDown(f"series store {self.url}: {reason[:_LONGEST_REASON]}")

    # --- the wire ---------------------------------------------------------------------------------------------------

    def _post(self, path: str, fields: dict[str, str]) -> Any:
        response = self._opened().request(
            "POST",
            f"{self.url}{path}",
            fields=fields,
            encode_multipart=False,
            headers=self._headers() | ({"Accept": _PACKED} if self._packs else {}),
            timeout=urllib3.Timeout(connect=self._patience.connect_s, total=self._patience.request_s),
        )
        # a board's numbers written as JSON take 1.x longer than to find them; 3.x has no shorter form
        self._packs = response.headers.get("X-Influxdb-Version", "").lstrip("v").startswith("1.")
        if response.status >= 300:
            raise _as_api_exception(response)
        try:
            if _is_packed(response):
                return shaped_pack(response.data, dict)
            return shaped_json(response.data, dict)
        except msgspec.DecodeError as error:
            raise StoreDown(f"series store {self.url}: its answer can't be read: {error}") from error

    def _headers(self) -> dict[str, str]:
        if self._named:
            return {"Authorization": "Basic " + base64.b64encode(self._token.encode()).decode()}
        return {"Authorization": f"Token {self._token}"} if self._token else {}

    def _opened(self) -> urllib3.PoolManager:
        with self._lock:
            if self._pool is None:
                self._closing.clear()
                self._pool = urllib3.PoolManager(retries=False, maxsize=4)
            return self._pool

    def _opened_writer(self) -> WriteApi:
        with self._lock:
            if self._writer is None:
                self._closing.clear()
                timeout_ms = round(self._patience.request_s * 1000)
                self._client = InfluxDBClient(
                    url=self.url, token=self._token, timeout=timeout_ms, auth_basic=self._named
                )
                self._writer = self._client.write_api(write_options=SYNCHRONOUS)
            return self._writer


def _is_final(refusal: ApiException) -> bool:
    """Whether sending the same again can't help."""
    if refusal.status in _PERMANENT or refusal.status == _TOO_LARGE:
        return True
    if refusal.status not in _BUSY:
        return True
    return any(words in _reason(refusal) for words in _PERMANENT_WORDS)


def _reason(refusal: ApiException) -> str:
    with suppress(ValueError, TypeError, AttributeError):
        said = json.loads(refusal.body)
        return str(said.get("message") or said.get("error") or said)[:_LONGEST_REASON]
    return str(refusal.body or refusal.reason or "no reason given").strip()[:_LONGEST_REASON]


def _numbered(refusal: ApiException, lines: int) -> dict[int, str]:
    """The refused lines (from 0) with the reason of each, where the server names them (3.x does); else nothing."""
    with suppress(ValueError, TypeError, AttributeError, KeyError):
        named = json.loads(refusal.body)["data"]
        found = {int(each["line_number"]) - 1: str(each["error_message"])[:_LONGEST_REASON] for each in named}
        return {at: why for at, why in found.items() if 0 <= at < lines}
    return {}


def _retry_after(refusal: ApiException) -> float:
    """Seconds the server asks to wait; 0 when it asks for nothing that can be understood."""
    headers: Mapping[str, str] = refusal.headers or {}
    try:
        return max(0.0, float(headers.get("Retry-After", "")))
    except ValueError:
        return 0.0


def _as_api_exception(response: urllib3.BaseHTTPResponse) -> ApiException:
    error = ApiException(status=response.status, reason=response.reason)  # type: ignore[no-untyped-call]
    error.body, error.headers = response.data.decode("utf-8", "replace"), response.headers
    if _is_packed(response):
        with suppress(msgspec.DecodeError):
            error.body = json.dumps(shaped_pack(response.data, dict))
    return error


def _is_packed(response: urllib3.BaseHTTPResponse) -> bool:
    return bool(response.headers.get("Content-Type", "").startswith(_PACKED))
