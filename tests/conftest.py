"""What holds for every test, and real servers for those that need them: each is started once per test process."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from argon2 import PasswordHasher

from registry.services import passwords

CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
_numbers = count(1)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is loaded for the tests stays until the end: looking it through for garbage took a third of their time."""
    gc.disable()
    result = yield
    gc.freeze()
    gc.enable()
    return result


def pytest_collection_finish(session: pytest.Session) -> None:
    """Groups keep a browser or a city from being started once in each process; without them the suite takes hours."""
    grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
    if session.config.getoption("loadgroup", False) and any("@" not in item.nodeid for item in grouped):
        raise pytest.UsageError("pytest-xdist does not see its groups: requirements/test.in says which pytest fits")


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> None:
    """A real hash takes a quarter of a second of the processor, on purpose; what leads to it is what most tests ask."""
    passwords.hash_with(CHEAP)


@pytest.fixture
def real_passwords() -> Iterator[None]:
    """Passwords are hashed as in a running city."""
    passwords.hash_with(PasswordHasher())
    yield
    passwords.hash_with(CHEAP)


def _postgres_program(name: str) -> str:
    """Debian keeps the server's programs out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name) or name


def _as_postgres(*command: str) -> list[str]:
    # the server refuses to run as root
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of a fresh PostgreSQL on a free port, without the database's name."""
    # not under pytest's own folder, which only its user may enter
    folder = Path(tempfile.mkdtemp(prefix="covercode-postgres-"))
    folder.chmod(0o755)
    data = folder / "data"
    data.mkdir()
    if os.geteuid() == 0:
        shutil.chown(data, "postgres", "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run(
        _as_postgres(_postgres_program("initdb"), "-D", str(data), "-U", "covercode", "-A", "trust", "--no-sync"),
        check=True,
        **quiet,
    )
    server = subprocess.Popen(
        _as_postgres(
            *(_postgres_program("postgres"), "-D", str(data), "-p", str(port), "-k", "", "-c", "fsync=off"),
            *("-c", "listen_addresses=127.0.0.1"),
        ),
        **quiet,
    )
    address = f"covercode@127.0.0.1:{port}"
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(f"postgresql://{address}/postgres").close()
            break
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    yield address
    server.terminate()
    server.wait(20)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The SQLAlchemy address of an empty database of this test's own."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(f"postgresql://{postgres_server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    yield f"postgresql+psycopg://{postgres_server}/{name}"
    with psycopg.connect(f"postgresql://{postgres_server}/postgres", autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
