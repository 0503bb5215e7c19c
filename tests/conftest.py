"""Real servers for tests that need them; each is started once per test process and ends with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

import psycopg
import pytest

from registry.services.classes import load_classes
from registry.storage.database import open_database, writing
from registry.storage.tables import metadata
from tests.influx import Influx
from tests.postgres import Postgres

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of a fresh PostgreSQL on a free port, without the database's name."""
    with Postgres() as server:
        yield server.address


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The SQLAlchemy address of an empty database of this test's own."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(f"postgresql://{postgres_server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    yield f"postgresql+psycopg://{postgres_server}/{name}"
    with psycopg.connect(f"postgresql://{postgres_server}/postgres", autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def filled_postgres(postgres_server: str) -> str:
    """Name of a database with all tables and the shipped classes, to be copied: a copy is made in a moment."""
    name = f"filled_{os.getpid()}"
    with psycopg.connect(f"postgresql://{postgres_server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    engine = open_database(f"postgresql+psycopg://{postgres_server}/{name}")
    metadata.create_all(engine)
    with writing(engine) as tx:
        load_classes(tx)
    engine.dispose()
    return name


@pytest.fixture
def filled_postgres_url(postgres_server: str, filled_postgres: str) -> Iterator[str]:
    """The SQLAlchemy address of a database of this test's own, with all tables and the shipped classes."""
    name = f"copy_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(f"postgresql://{postgres_server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {filled_postgres}".encode())
    yield f"postgresql+psycopg://{postgres_server}/{name}"
    with psycopg.connect(f"postgresql://{postgres_server}/postgres", autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def influx_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """An InfluxDB for all tests that leave it running; each takes a database of its own."""
    with Influx(tmp_path_factory.mktemp("influx")) as server:
        yield server


@pytest.fixture
def influx_address(influx_server: Influx) -> str:
    """``records.series`` for a database that this test alone uses."""
    influx_server.answers.clear()
    return influx_server.address(f"test_{os.getpid()}_{next(_numbers)}")
