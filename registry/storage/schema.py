"""Bringing a records database to this program's version (Alembic), and refusing to work on another."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from registry.storage.database import open_database, reading

_MIGRATIONS = Path(__file__).parent / "migrations"


class WrongSchema(Exception):
    """The database is not at this program's version; the message says what to run."""


def upgrade(engine: Engine) -> None:
    """Make or migrate every table; harmless when there is nothing to do."""
    config = _config()
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


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
