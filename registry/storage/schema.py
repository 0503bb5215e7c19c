"""Bringing a records database to this program's version (Alembic), and refusing to work on another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from registry.storage.database import open_database, reading
from registry.storage.read_views import drop_views, install_views

_MIGRATIONS = Path(__file__).parent / "migrations"


class WrongSchema(Exception):
    """The database is not at this program's version; the message says what to run."""


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Make or migrate every table, up to ``revision``, and what others may read of them; harmless when done already."""
    config = _config()
    with (
        engine.connect().execution_options(writes=True) as connection,
        _free_to_rebuild(connection),
        connection.begin(),
    ):
        config.attributes["connection"] = connection
        script = ScriptDirectory.from_config(config)
        before = MigrationContext.configure(connection).get_current_revision()
        if before != script.get_current_head():
            # a column that a view shows can't be changed under it
            drop_views(connection)
        command.upgrade(config, revision)
        _check_references(connection)
        if MigrationContext.configure(connection).get_current_revision() == script.get_current_head():
            install_views(connection)


@contextmanager
def _free_to_rebuild(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by copying it; while references are enforced, dropping the old one would be refused."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _check_references(connection: Connection) -> None:
    """Raises ``WrongSchema``, and so undoes the migration, when a row refers to one that is not there."""
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise WrongSchema(f"the migration would leave {len(broken)} rows without what they refer to: {broken[:3]}")


def check_schema(engine: Engine) -> None:
    """Raise ``WrongSchema`` unless the database is at this program's version."""
    with reading(engine) as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    wanted = ScriptDirectory.from_config(_config()).get_current_head()
    if found != wanted:
        raise WrongSchema(
            f"the records database is at version {found or 'none'}, this program needs {wanted}: "
            "run `covercode db upgrade`"
        )


def draft_migration(message: str) -> None:
    """Write a migration from the last one to ``tables.py``, for a person to read and mend (``make migration``)."""
    config = _config()
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(slug)s")
    with TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{folder}/draft.db")
        upgrade(engine)
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.revision(config, message=message, autogenerate=True)
        engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config
