"""Reading a request of the API: once, at the door, into the Structs that its operation names.

Every refusal names the field and says what would be right; nothing is guessed and nothing unknown is passed over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar, get_args, get_origin

import msgspec
from flask import request
from sqlalchemy import Engine
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import BadRequest

from dashboards.api.operation import Operation, Upload
from dashboards.errors import ChangedMeanwhile, ConditionMissing, NotAcceptable, WrongMediaType
from dashboards.login import actor
from dashboards.site import Site, now, site
from registry.domain.errors import InvalidInput
from registry.domain.people import Actor
from registry.shapes import shaped, shaped_json

Q = TypeVar("Q", bound=msgspec.Struct)
B = TypeVar("B")

_AT = re.compile(r" - at `(?:key in )?\$?\.?([^`]*)`$")
_NAMED = re.compile(r"Object (contains unknown|missing required) field `([^`]*)`")
_ETAG = re.compile(r'(?:W/)?"(?:(\d{1,15})-)?([0-9a-f]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Q, B]):
    """A request as a handler gets it: typed values, and what every handler needs."""

    query: Q
    body: B
    where: Site
    now: datetime
    matches: str = ""

    @property
    def engine(self) -> Engine:
        """The records."""
        return self.where.engine

    @property
    def by(self) -> Actor:
        """Who sent it; raises ``SignInNeeded`` for a stranger."""
        return actor()

    def version(self, current: int) -> int:
        """``current`` if that is the version the sender saw (``If-Match``). Raises ``ChangedMeanwhile`` otherwise.

        Only the number before the hyphen is compared: what is measured on an asset changes by the second, and must not
        stand in the way of changing its file. A weakened tag counts too, since proxies that compress weaken them all.
        """
        if self.matches == "*":
            return current
        seen = [found[1] for found in _ETAG.finditer(self.matches)]
        if str(current) not in seen:
            raise ChangedMeanwhile
        return current

    def same(self, etag: str) -> None:
        """Check that the sender saw what carries ``etag`` now. Raises ``ChangedMeanwhile`` otherwise."""
        if self.matches != "*" and etag not in [found[2] for found in _ETAG.finditer(self.matches)]:
            raise ChangedMeanwhile


@dataclass(frozen=True, slots=True)
class Sent:
    """A multipart form: its files, and its fields as a Struct (None where there are none)."""

    files: list[FileStorage]
    fields: Any


def read_call(operation: Operation) -> Call[Any, Any]:
    """The request as ``operation`` wants it. Raises what ``dashboards.errors`` has answers for."""
    _acceptable(operation)
    return Call(
        query=read_query(request.args.to_dict(flat=False), operation.query),
        body=_body(operation.body),
        where=site(),
        now=now(),
        matches=_if_match(operation),
    )


def read_query(given: Mapping[str, list[str]], kind: type[Q]) -> Q:
    """The parameters of an address. Raises ``InvalidInput`` for an unknown, a repeated or an unusable one."""
    fields = fields_of(kind)
    plain: dict[str, Any] = {}
    for name, values in given.items():
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise InvalidInput(name[:60], "is no parameter of this address; it knows: {known}", known=known)
        if len(values) > 1:
            raise InvalidInput(name, "was given more than once; give it once, and commas between several values")
        if values[0] == "" and not fields[name].required:
            continue  # an empty field of a form: not narrowed by it
        _plain_text(name, values[0])
        plain[name] = values[0].split(",") if _is_list(fields[name].type) else values[0]
    return _convert(plain, kind)


def _convert(plain: Mapping[str, Any], kind: type[Q]) -> Q:
    try:
        read = shaped(plain, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _refusal(error) from None
    for name in kind.__struct_fields__:
        value = getattr(read, name)
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidInput(name, "must be a finite number")
    return read


@cache
def fields_of(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """The fields of a Struct by the names that are sent; looked up once, since msgspec reads them anew each time."""
    return {each.encode_name: each for each in msgspec.structs.fields(kind)}


def _is_list(kind: Any) -> bool:
    return any(get_origin(part) in (list, tuple) for part in (kind, *get_args(kind)))


def _body(kind: Any) -> Any:
    if kind is None:
        if request.get_data(cache=True):
            raise WrongMediaType("this address takes no body; send none")
        return None
    if isinstance(kind, Upload):
        return _form(kind)
    if request.mimetype != "application/json":
        raise WrongMediaType("send JSON, with the header Content-Type: application/json")
    raw = request.get_data(cache=True)
    try:
        read = shaped_json(raw, kind)
    except msgspec.ValidationError as error:
        raise _refusal(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(str(error)) from None
    if b"\\u0000" in raw:
        for field, text in _texts(msgspec.to_builtins(read)):
            _plain_text(field, text)
    return read


def _form(upload: Upload) -> Sent:
    if request.mimetype != "multipart/form-data":
        raise WrongMediaType("send a form, with the header Content-Type: multipart/form-data")
    files = [file for file in request.files.getlist(upload.field) if file.filename]
    strange = set(request.files) - {upload.field}
    if strange:
        raise InvalidInput(
            min(strange)[:60], "is no file of this address; send it as {expected!r}", expected=upload.field
        )
    if not files:
        raise InvalidInput(upload.field, "is missing; send the file in this field of the form, with its name")
    if len(files) > 1 and not upload.several:
        raise InvalidInput(upload.field, "{count} files are too many; send one at a time", count=len(files))
    given = request.form.to_dict(flat=False)
    if upload.fields is None and given:
        raise InvalidInput(min(given)[:60], "is no field of this form")
    return Sent(files, None if upload.fields is None else read_query(given, upload.fields))


def _texts(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield at or "body", value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield at or "body", key
            yield from _texts(part, f"{at}.{key}" if at else key)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _texts(part, f"{at}[{index}]")


def _plain_text(name: str, text: str) -> None:
    """Refuse what no database can store or find."""
    if "\x00" in text:
        raise InvalidInput(name, "holds a character that can't be stored (U+0000); leave it out")
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
        raise InvalidInput(name, "holds half of a character; send UTF-8")


def _refusal(error: msgspec.ValidationError) -> InvalidInput:
    """msgspec's complaint, as the field and what is wrong with it."""
    said = str(error)
    place = _AT.search(said)
    at = place[1] if place else ""
    problem = said[: place.start()] if place else said
    named = _NAMED.match(problem)
    if named:
        field = f"{at}.{named[2]}" if at else named[2]
        missing = named[1].startswith("missing")
        return InvalidInput(field, "is missing" if missing else "is not known here; leave it out or correct its name")
    return InvalidInput(at or "body", "{why}", why=problem[:1].lower() + problem[1:])


def _if_match(operation: Operation) -> str:
    given = request.headers.get("If-Match", "").strip()
    if operation.if_match and not given:
        raise ConditionMissing
    return given


def _acceptable(operation: Operation) -> None:
    """Raise ``NotAcceptable`` when the sender can read none of the forms that the operation answers in."""
    offered = media_types(operation)
    if request.accept_mimetypes and offered and request.accept_mimetypes.best_match(offered) is None:
        raise NotAcceptable


def media_types(operation: Operation) -> list[str]:
    """The media types of the answers that are no errors."""
    found: dict[str, None] = {}
    for reply in operation.replies.values():
        if reply is not None:
            found.update(dict.fromkeys(getattr(reply, "types", ("application/json",))))
    return list(found)
