"""Lists a page at a time, by key: page 1,000 costs as much as page 1, and rows that arrive meanwhile shift nothing."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from registry.domain.errors import InvalidInput
from registry.shapes import shaped_json

Item = TypeVar("Item")

MAX_LIMIT = 500


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """One page: its rows, and ``next``, the word to pass as ``after`` for the rows that follow (None: that was all)."""

    items: list[Item]
    next: str | None = None


def page_of(rows: list[Item], limit: int, key: Callable[[Item], tuple[int | str, ...]]) -> Page[Item]:
    """A page out of ``limit + 1`` fetched rows; ``key`` is the sort key of a row: the next page goes on there."""
    if len(rows) <= limit:
        return Page(items=rows)
    kept = rows[:limit]
    return Page(items=kept, next=encode(*key(kept[-1])))


def encode(*keys: int | str) -> str:
    """The place after which a page goes on, as a word that fits into an address."""
    return base64.urlsafe_b64encode(msgspec.json.encode(keys)).decode().rstrip("=")


def decode(after: str, *types: type) -> tuple[int | str, ...]:
    """The keys of ``encode`` again. Raises ``InvalidInput`` for anything else."""
    try:
        raw = base64.urlsafe_b64decode(after + "=" * (-len(after) % 4))
        keys = shaped_json(raw, list[int | str])
    except (binascii.Error, ValueError, msgspec.DecodeError, msgspec.ValidationError):
        raise _bad_cursor(after) from None
    if len(keys) != len(types) or any(not isinstance(key, kind) for key, kind in zip(keys, types, strict=True)):
        raise _bad_cursor(after)
    return tuple(keys)


def decode_id(after: str) -> int:
    """A cursor of one number. Raises ``InvalidInput`` for anything else."""
    (key,) = decode(after, int)
    return int(key)


def check_limit(limit: int) -> int:
    """``limit`` if a page may have that many rows. Raises ``InvalidInput`` otherwise."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput("limit", "{given} rows is not a page; ask for 1 to {most}", given=limit, most=MAX_LIMIT)
    return limit


def _bad_cursor(after: str) -> InvalidInput:
    return InvalidInput("after", "{given!r} is not a place in this list; start from its first page", given=after[:40])
