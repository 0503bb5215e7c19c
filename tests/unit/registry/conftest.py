"""A fresh records database for each test: SQLite in a file, all tables, the shipped class tables loaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from registry.services.classes import load_classes
from registry.storage.database import open_database, writing
from registry.storage.tables import metadata
from tests.statements import share_statements


@pytest.fixture(scope="session")
def empty_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once and copied: creating thirty tables takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "records.db"
    engine = open_database(f"sqlite:///{path}")
    metadata.create_all(engine)
    with writing(engine) as tx:
        load_classes(tx)
    engine.dispose()
    return path


@pytest.fixture
def engine(empty_records: Path, tmp_path: Path) -> Iterator[Engine]:
    """The records database of this test alone."""
    path = tmp_path / "records.db"
    shutil.copy(empty_records, path)
    opened = share_statements(open_database(f"sqlite:///{path}"))
    yield opened
    opened.dispose()


@pytest.fixture
def now() -> datetime:
    """Noon of a working day."""
    return datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
