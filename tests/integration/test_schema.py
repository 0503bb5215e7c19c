"""Migrations make exactly the tables of the program, on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from registry.storage.database import open_database
from registry.storage.schema import WrongSchema, check_schema, upgrade
from registry.storage.tables import metadata


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/records.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.mark.network
def test_an_upgraded_database_is_what_the_tables_say_and_upgrading_twice_is_harmless(url: str):
    engine = open_database(url)
    with pytest.raises(WrongSchema, match="covercode db upgrade"):
        check_schema(engine)
    upgrade(engine)
    upgrade(engine)
    check_schema(engine)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert differences == []
