"""First-time enrolment of a cabinet: a one-time code against the right to connect to the broker.

The cabinet makes its own password and sends the hash; what comes back is who it is and where the broker stands.
"""

from __future__ import annotations

import ipaddress
import json
import ssl
import tomllib
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

import msgspec

from gateway.credentials import Credentials, new_password, password_hash
from gateway.durable import write_durably

_WITHIN_S = 30.0
_LONGEST_ANSWER = 256 * 1024


class EnrolmentFailed(Exception):
    """The cabinet was not enrolled; the message says why and what to do. The code is used up only if it says so."""


class _Broker(msgspec.Struct, frozen=True):
    host: str
    port: int
    ca: str = ""  # PEM; empty: no TLS


class _Answer(msgspec.Struct, frozen=True):
    cabinet: str
    broker: _Broker
    name: str = ""


_json_answer = msgspec.json.Decoder(_Answer)


def enrol(city: str, code: str, config: Path, *, ca: Path | None = None) -> str:
    """Enrol with ``code`` at the city's address; returns the cabinet's id.

    Writes the password (0600) beside the spool, and ``config`` with the broker's CA where there is none yet; a file
    that is there is left as it is. Raises ``EnrolmentFailed``.
    """
    _check_address(city)
    folder = config.resolve().parent
    credentials = _remote_folder(config) / "credentials.json"
    password = new_password()
    try:
        # Written first, so that a full disk can't use up the code: this file is in nobody's way until it is accepted.
        waiting = credentials.with_suffix(".waiting")
        write_durably(waiting, password.encode())
    except OSError as error:
        raise EnrolmentFailed(f"{credentials.parent} can't be written: {error}; the code is still good") from error
    answer = _ask(city, code, password_hash(password), ca)
    try:
        Credentials(credentials).keep_first(answer.cabinet, password)
        waiting.unlink()
        if not config.exists():
            _write_config(config, folder, answer)
    except OSError as error:
        raise EnrolmentFailed(f"the disk refuses ({error}); the code is used up, ask for another") from error
    return answer.cabinet


def _ask(city: str, code: str, hashed: str, ca: Path | None) -> _Answer:
    body = json.dumps({"code": code, "hash": hashed}).encode()
    request = Request(  # noqa: S310 - the scheme was checked
        f"{city.rstrip('/')}/enrol",
        data=body,
        headers={"Content-Type": "application/json", "Accept": "application/json"},
    )
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        opener = build_opener(HTTPSHandler(context=context), _NoRedirect())
        with opener.open(request, timeout=_WITHIN_S) as response:
            return _json_answer.decode(response.read(_LONGEST_ANSWER))
    except HTTPError as error:
        raise EnrolmentFailed(f"the city refuses: {_detail(error)}") from error
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        said = f"{city} does not answer as a city would: {reason}; check the address and try again"
        raise EnrolmentFailed(f"{said}; if the code is refused then, ask for another") from error
    except msgspec.MsgspecError as error:
        raise EnrolmentFailed(f"{city} answers something else ({error}); ask for another code") from error


class _NoRedirect(HTTPRedirectHandler):
    """A code is shown to the address that was given and to no other."""

    def redirect_request(self, *_: Any) -> None:
        """Never follow."""


def _detail(error: HTTPError) -> str:
    try:
        told = json.loads(error.read(_LONGEST_ANSWER))
        return str(told.get("detail") or told.get("title") or error.reason)
    except (ValueError, AttributeError, OSError):
        return f"{error.code} {error.reason}"


def _check_address(city: str) -> None:
    parts = urlsplit(city)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname and _is_this_machine(parts.hostname):
        return  # a city on this very machine, for trying things out
    raise EnrolmentFailed(f"--city: {city!r} must be an address that begins with https://")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _remote_folder(config: Path) -> Path:
    """Where the running cabinet will look: as ``gateway.remote`` finds it, from the file if there is one."""
    folder = config.resolve().parent
    try:
        told = tomllib.loads(config.read_text(encoding="utf-8"))
    except FileNotFoundError:
        told = {}
    except (OSError, ValueError) as error:
        raise EnrolmentFailed(f"{config} can't be read: {error}; the code is still good") from error
    remote, spool = told.get("remote", {}).get("folder", ""), told.get("spool", {}).get("path", "spool.db")
    return folder / (remote or Path(spool).parent / "remote")


def _write_config(config: Path, folder: Path, answer: _Answer) -> None:
    lines = [
        "[cabinet]",
        f"id = {_quoted(answer.cabinet)}",
        f"name = {_quoted(answer.name)}",
        "",
        "# The user name and the password stand beside the spool, in remote/credentials.json.",
        "[broker]",
        f"host = {_quoted(answer.broker.host)}",
        f"port = {answer.broker.port}",
    ]
    if answer.broker.ca:
        write_durably(folder / "broker-ca.pem", answer.broker.ca.encode(), mode=0o644)
        lines.append('tls_ca = "broker-ca.pem"')
    lines += ["", "# The buses and units of this cabinet follow: docs/cabinet.md", ""]
    write_durably(config, "\n".join(lines).encode(), mode=0o640)


def _quoted(text: str) -> str:
    # a JSON string is a TOML basic string
    return json.dumps(text, ensure_ascii=False)
