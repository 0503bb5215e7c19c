"""What one operation of the API is, as data: its address, what it reads, what it answers.

Routes, the OpenAPI description and the page for readers are all made from the same values (``dashboards.api.table``),
so that they can't differ. This module knows nothing of Flask.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

PREFIX = "/api/v1"
MOST_BULK = 1000
MOST_PER_PAGE = 500
LONGEST_KEY = 80

Item = TypeVar("Item")

# Whole numbers that every program can hold exactly: JavaScript's, and the databases'.
LARGEST = 2**53 - 1
Id = Annotated[int, Meta(ge=1, le=LARGEST)]
Limit = Annotated[int, Meta(ge=1, le=MOST_PER_PAGE, description="How many lines a page holds at most")]
Cursor = Annotated[str, Meta(max_length=200, description="Where the page begins: taken from `next` of the page before")]
Lon = Annotated[float, Meta(ge=-180, le=180, description="Degrees east")]
Lat = Annotated[float, Meta(ge=-90, le=90, description="Degrees north")]
Note = Annotated[str, Meta(max_length=2000)]
Name = Annotated[str, Meta(min_length=1, max_length=120)]
DoneAt = Annotated[
    Annotated[datetime, Meta(tz=True)] | None,
    Meta(description="When it was done, where it is told later: a phone had no signal. 14 days ago at most"),
]
AreaPrefix = Annotated[str, Meta(pattern="^[0-9]{0,15}$", description="An area's code; what lies in it")]

_PARAMETER = re.compile(r"{(\w+)}")


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters after the question mark; any other name is refused."""


class Paged(Query, frozen=True, kw_only=True):
    """What every list takes."""

    after: Cursor | None = None
    limit: Limit = 50


class NoQuery(Query, frozen=True, kw_only=True):
    """No parameters."""


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A JSON object that is sent; any other field is refused."""


class Listing(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """One page of a list."""

    items: list[Item]
    next: Annotated[
        str | None, Meta(description="The address of the next page, also in the header Link; null: this was the last")
    ]


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A field that can't be used."""

    field: str
    problem: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: Annotated[str, Meta(description="A machine's word for the reason; it never changes")]
    errors: list[FieldProblem]
    request_id: Annotated[str, Meta(description="What to look for in the server's log")]


@dataclass(frozen=True, slots=True)
class Media:
    """An answer or a body that is not JSON: the media types it comes in."""

    types: tuple[str, ...]
    about: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart form with one file (or several) in ``field`` and, beside it, the fields of ``fields``."""

    field: str
    about: str
    fields: type[msgspec.Struct] | None = None
    several: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a handler answers. ``value`` becomes JSON; ``content`` (bytes, or a file) goes out as it is.

    ``version`` is the number that the ``ETag`` begins with, where the thing has one; ``tagged`` is False for what must
    never be compared (a list of the moment).
    """

    value: Any = None
    status: int = HTTPStatus.OK
    location: str = ""
    next: str | None = None
    content: bytes | Path | None = None
    media_type: str = "application/json"
    file_name: str = ""
    version: int | None = None


Reply = Any
"""A type that msgspec can describe, a ``Media``, or None for an answer without a body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One row of the table. ``path`` is below ``prefix``; a parameter whose name ends in ``_id`` is a whole number.

    ``replies`` are the answers that are no errors. ``errors`` are statuses beyond those that follow from the rest (a
    parameter in the path can be not found, a body can be refused, and so on).
    """

    method: str
    path: str
    endpoint: str
    run: Callable[..., Any]
    group: str
    zh: str
    en: str
    query: type[Query] = NoQuery
    body: Any = None
    replies: Mapping[int, Reply] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    if_match: bool = False
    keyed: bool = True
    note: str = ""
    prefix: str = PREFIX

    @property
    def address(self) -> str:
        """The whole path, with its parameters in braces."""
        return self.prefix + self.path

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method not in ("GET", "HEAD")

    @property
    def parameters(self) -> list[str]:
        """The names in the path, in their order."""
        return _PARAMETER.findall(self.path)

    @property
    def rule(self) -> str:
        """The path as the router wants it."""
        return _PARAMETER.sub(lambda found: f"<{_converter(found[1])}{found[1]}>", self.address)

    @property
    def error_statuses(self) -> list[int]:
        """Every error this operation may answer with, in order."""
        statuses = {401, 403, 406, 422, 429, 503, *self.errors}
        if self.parameters:
            statuses.add(404)
        if self.body is not None:
            statuses |= {400, 413, 415}
        if self.writes:
            statuses |= {400, 409}
        if self.if_match:
            statuses |= {412, 428}
        return sorted(statuses)


def _converter(name: str) -> str:
    return "id:" if name.endswith("_id") else ""
