"""What holds for every test, and real servers for those that need them: each is started once per test process."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
import structlog
from argon2 import PasswordHasher

from operate.administration import upgrade_database
from registry.services import passwords
from registry.services.classes import load_classes
from registry.storage.database import open_database, writing
from registry.storage.tables import metadata
from tests.influx import Influx
from tests.once import made_once
from tests.postgres import Postgres, create_database

LONG_GROUPS = (
    "journey",
    "browser",
    "browser-pages",
    "browser-registry",
    "browser-boards",
    "browser-map",
    "browser-phone",
    "openapi",
    "shell",
    "street at wire speed",
    "wheel",
)
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
_numbers = count(1)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is loaded for the tests stays until the end: looking it through for garbage took a third of their time."""
    gc.disable()
    result = yield
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()
    return result


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long values are called by their length: a test's name goes into the environment of each process it starts."""
    return f"{argname} of {len(val)}" if isinstance(val, str | bytes) and len(val) > 150 else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins at once, so that the end does not wait for it; all else comes in any order."""

    def turn(item: pytest.Item) -> int:
        mark = item.get_closest_marker("xdist_group")
        return LONG_GROUPS.index(mark.args[0]) if mark and mark.args[0] in LONG_GROUPS else len(LONG_GROUPS)

    items.sort(key=turn)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Groups keep a browser or a city from being started once in each process; without them the suite takes hours."""
    grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
    if session.config.getoption("loadgroup", False) and any("@" not in item.nodeid for item in grouped):
        raise pytest.UsageError("pytest-xdist does not see its groups: requirements/test.in says which pytest fits")


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> None:
    """A real hash takes a quarter of a second of the processor, on purpose; what leads to it is what most tests ask."""
    passwords.hash_with(CHEAP)


@pytest.fixture(scope="session", autouse=True)
def _plain_tracebacks() -> None:
    """As in a running city. Where rich is installed structlog draws every local in a box: ten seconds for a fault."""
    *before, renderer = structlog.get_config()["processors"]
    assert isinstance(renderer, structlog.dev.ConsoleRenderer)
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*before, plain])


@pytest.fixture
def real_passwords() -> Iterator[None]:
    """Passwords are hashed as in a running city."""
    passwords.hash_with(PasswordHasher())
    yield
    passwords.hash_with(CHEAP)


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
        create_database(admin, name)
    yield f"postgresql+psycopg://{postgres_server}/{name}"
    with psycopg.connect(f"postgresql://{postgres_server}/postgres", autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def filled_postgres(postgres_server: str) -> str:
    """Name of a database with all tables and the shipped classes, to be copied: a copy is made in a moment."""
    name = f"filled_{os.getpid()}"
    with psycopg.connect(f"postgresql://{postgres_server}/postgres", autocommit=True) as admin:
        create_database(admin, name)
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
        create_database(admin, name, filled_postgres)
    yield f"postgresql+psycopg://{postgres_server}/{name}"
    with psycopg.connect(f"postgresql://{postgres_server}/postgres", autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="module")
def module_postgres_url(postgres_server: str) -> Iterator[str]:
    """The SQLAlchemy address of an empty database that the tests of one module share."""
    name = f"module_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(f"postgresql://{postgres_server}/postgres", autocommit=True) as admin:
        create_database(admin, name)
    yield f"postgresql+psycopg://{postgres_server}/{name}"
    with psycopg.connect(f"postgresql://{postgres_server}/postgres", autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def filled_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and the shipped classes, to be copied: to create tables takes longer than most tests."""

    def fill(path: Path) -> None:
        engine = open_database(f"sqlite:///{path}")
        metadata.create_all(engine)
        with writing(engine) as tx:
            load_classes(tx)
        engine.dispose()

    return made_once(tmp_path_factory, "filled.db", fill)


@pytest.fixture
def filled_sqlite_url(filled_sqlite: Path, tmp_path: Path) -> str:
    """The SQLAlchemy address of a file of this test's own, with all tables and the shipped classes."""
    return f"sqlite:///{shutil.copy(filled_sqlite, tmp_path / 'records.db')}"


@pytest.fixture(scope="session")
def upgraded_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as ``covercode db upgrade`` makes it, to be copied: to migrate an empty one takes two seconds."""

    def upgrade(path: Path) -> None:
        folder = tmp_path_factory.mktemp("upgraded")
        (folder / "covercode.toml").write_text("[city]\n")
        upgrade_database(folder / "covercode.toml")
        shutil.move(folder / "covercode.db", path)

    return made_once(tmp_path_factory, "upgraded.db", upgrade)


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
