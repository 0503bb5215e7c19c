"""Several processes ask for codes at the same moment: nobody gets a code that another one has."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.storage.database import open_database
from registry.storage.tables import metadata

PROCESSES, CALLS, EACH = 4, 25, 7

ASK = """
import json, sys
from registry.services.codes import issue_codes
from registry.storage.database import open_database, writing

url, calls, each = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
engine = open_database(url)
print("ready", flush=True)
sys.stdin.readline()
taken = []
for _ in range(calls):
    with writing(engine) as tx:
        taken.append(issue_codes(tx, "320508", "0101", each))
print(json.dumps(taken))
"""


def sqlite_url(request: pytest.FixtureRequest) -> str:
    path: Path = request.getfixturevalue("tmp_path")
    return f"sqlite:///{path / 'records.db'}"


def postgres_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("postgres_url"))


DATABASES = [
    pytest.param(sqlite_url, id="sqlite"),
    pytest.param(postgres_url, id="postgres", marks=pytest.mark.network),
]
"""Each turns the test's request into the address of an empty database; another server is one more row."""


@pytest.mark.parametrize("address", DATABASES)
def test_concurrent_processes_never_get_the_same_code(
    address: Callable[[pytest.FixtureRequest], str], request: pytest.FixtureRequest
):
    url = address(request)
    engine = open_database(url)
    metadata.create_all(engine)
    engine.dispose()
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, url, str(CALLS), str(EACH)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for process in asking:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in asking:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [json.loads(process.communicate(timeout=60)[0]) for process in asking]
    batches = [batch for answer in answers for batch in answer]
    codes = [code for batch in batches for code in batch]
    assert sorted(codes) == [f"3205080101{serial:06d}" for serial in range(1, PROCESSES * CALLS * EACH + 1)]
    for batch in batches:
        assert batch == [str(int(batch[0]) + step) for step in range(EACH)]
