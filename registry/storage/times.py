"""One way to keep a moment: milliseconds since 1970 UTC in the database, an aware ``datetime`` in the program."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970 UTC; a naive datetime is an error, since nobody can say when it was."""
    if moment.tzinfo is None:
        raise ValueError("naive datetime: every moment needs a time zone")
    return (moment - _EPOCH) // _MS


def from_ms(ms: int) -> datetime:
    """The UTC moment ``ms`` milliseconds after 1970; exact (no float on the way)."""
    return _EPOCH + ms * _MS


class UtcTime(TypeDecorator[datetime]):
    """BIGINT milliseconds in the table: the same on SQLite and PostgreSQL, compact, and it sorts."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        """To the database."""
        return None if value is None else to_ms(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        """From the database."""
        return None if value is None else from_ms(value)
