"""A client of Open311 GeoReport v2, written from the specification alone: it knows nothing of the server.

http://wiki.open311.org/GeoReport_v2: XML is mandatory and JSON optional; writes are form-encoded and need ``api_key``;
errors are a list of codes and descriptions. Updates are mySociety's extension, a picture in the form a common one.
"""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

# The root element of each answer and the name of its parts, by the specification.
_LISTS = {"services": "service", "service_requests": "request", "service_request_updates": "request_update"}
_INNER = {"attributes": "attribute", "values": "value", "endpoints": "endpoint", "formats": "format"}


class Refused(Exception):
    """An answer that is an error: its status, and the codes and descriptions in it."""

    def __init__(self, status: int, errors: list[dict[str, Any]]) -> None:
        super().__init__(f"{status}: {errors}")
        self.status = status
        self.errors = errors


@dataclass(frozen=True, kw_only=True)
class Client:
    """One server, one key, one of the two forms."""

    address: str
    form: str = "xml"
    key: str = ""
    language: str = "zh"

    def discovery(self) -> dict[str, Any]:
        found: dict[str, Any] = self._get("discovery", "discovery")
        return found

    def services(self, **more: str) -> list[dict[str, Any]]:
        return self._list("services", "services", more)

    def definition(self, code: str) -> dict[str, Any]:
        found: dict[str, Any] = self._get(f"services/{urllib.parse.quote(code)}", "service_definition")
        return found

    def requests(self, **asked: str) -> list[dict[str, Any]]:
        return self._list("requests", "service_requests", asked)

    def request(self, request_id: str, **more: str) -> dict[str, Any]:
        (found,) = self._list(f"requests/{request_id}", "service_requests", more)
        return found

    def token(self, token: str) -> dict[str, Any]:
        (found,) = self._list(f"tokens/{token}", "service_requests", {})
        return found

    def updates(self, **asked: str) -> list[dict[str, Any]]:
        return self._list("servicerequestupdates", "service_request_updates", asked)

    def create(self, picture: bytes = b"", **told: str) -> dict[str, Any]:
        """Hand over a request. ``attribute__NAME`` stands for ``attribute[NAME]``."""
        (made,) = self._post("requests", "service_requests", told, picture)
        return made

    def update(self, **told: str) -> dict[str, Any]:
        (made,) = self._post("servicerequestupdates", "service_request_updates", told, b"")
        return made

    def _list(self, path: str, root: str, asked: dict[str, str]) -> list[dict[str, Any]]:
        found = self._get(path, root, asked)
        assert isinstance(found, list), found
        return found

    def _get(self, path: str, root: str, asked: dict[str, str] | None = None) -> Any:
        query = dict(asked or {}) | ({"api_key": self.key} if self.key else {})
        return self._read(urllib.request.Request(f"{self._url(path)}?{urllib.parse.urlencode(query)}"), root)

    def _post(self, path: str, root: str, told: dict[str, str], picture: bytes) -> list[dict[str, Any]]:
        fields = {_field(name): text for name, text in told.items()} | ({"api_key": self.key} if self.key else {})
        if picture:
            kind, body = _multipart(fields, picture)
        else:
            kind, body = "application/x-www-form-urlencoded", urllib.parse.urlencode(fields).encode()
        asked = urllib.request.Request(self._url(path), body, {"Content-Type": kind})
        made = self._read(asked, root)
        assert isinstance(made, list), made
        return made

    def _url(self, path: str) -> str:
        return f"{self.address}/{path}.{self.form}"

    def _read(self, asked: urllib.request.Request, root: str) -> Any:
        asked.add_header("Accept-Language", self.language)
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return self._understood(answer.read(), answer.headers.get_content_type(), root)
        except urllib.error.HTTPError as error:
            with error:
                body = error.read()
            errors = self._understood(body, error.headers.get_content_type(), "errors")
            raise Refused(error.code, errors) from None

    def _understood(self, body: bytes, kind: str, root: str) -> Any:
        if self.form == "json":
            assert kind == "application/json", kind
            return json.loads(body.decode("utf-8"))
        assert kind == "text/xml", kind
        found = ElementTree.fromstring(body.decode("utf-8"))
        assert found.tag == root, found.tag
        return _plain(found)


def _plain(element: ElementTree.Element) -> Any:
    lists = _LISTS | _INNER | {"errors": "error"}
    if element.tag in lists:
        assert {each.tag for each in element} <= {lists[element.tag]}
        return [_plain(each) for each in element]
    if len(element):
        return {each.tag: _plain(each) for each in element}
    return element.text or ""


def _field(name: str) -> str:
    return f"attribute[{name.removeprefix('attribute__')}]" if name.startswith("attribute__") else name


def _multipart(fields: dict[str, str], picture: bytes) -> tuple[str, bytes]:
    edge = secrets.token_hex(12)
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields.items()
    ]
    parts.append(
        f'--{edge}\r\nContent-Disposition: form-data; name="media"; filename="a.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n".encode()
    )
    return f"multipart/form-data; boundary={edge}", b"".join([*parts, picture, f"\r\n--{edge}--\r\n".encode()])
