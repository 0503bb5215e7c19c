"""A fresh records database for each test: SQLite in a file, all tables, the shipped class tables loaded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from registry.storage.database import open_database
from tests.statements import share_statements


@pytest.fixture
def engine(filled_sqlite_url: str) -> Iterator[Engine]:
    """The records database of this test alone."""
    opened = share_statements(open_database(filled_sqlite_url))
    yield opened
    opened.dispose()


@pytest.fixture
def now() -> datetime:
    """Noon of a working day."""
    return datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
