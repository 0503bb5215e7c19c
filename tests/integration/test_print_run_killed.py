"""A print run whose process is killed in the middle: the next one goes on, and every label is there once."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from registry.queries.print_runs import list_runs
from registry.storage.database import open_database, reading
from registry.storage.tables import tag

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
PLATES = 600


@pytest.fixture
def home(upgraded_sqlite: Path, tmp_path: Path) -> Path:
    (tmp_path / "covercode.toml").write_text('[city]\npublic_url = "https://city.example"\n')
    shutil.copy(upgraded_sqlite, tmp_path / "covercode.db")
    return tmp_path


def labels(home: Path, *words: str) -> subprocess.Popen[str]:
    config = ("--config", str(home / "covercode.toml"))
    return subprocess.Popen(
        [sys.executable, "-m", "covercode", "labels", *words, *config],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def made(engine: Engine) -> int:
    runs = list_runs(engine).items
    return runs[0].made if runs else 0


def test_a_killed_run_is_resumed_and_gives_every_label_once(home: Path):
    engine = open_database(f"sqlite:///{home / 'covercode.db'}")
    with labels(home, "run", "--blank", str(PLATES), "--format", "svg") as running:
        deadline = time.monotonic() + 60
        while made(engine) < 100:
            assert running.poll() is None, running.communicate()[1]
            assert time.monotonic() < deadline, "no label was made"
        os.kill(running.pid, signal.SIGKILL)
    run = list_runs(engine).items[0]
    assert (run.state, run.made < PLATES) == ("running", True)
    with labels(home, "resume", str(run.id)) as again:
        said, problems = again.communicate(timeout=120)
    assert again.returncode == 0, problems
    assert re.search(rf"run {run.id} done: {PLATES} of {PLATES} made", said)
    with reading(engine) as tx:
        tokens = list(tx.execute(select(tag.c.token).order_by(tag.c.id)).scalars())
    engine.dispose()
    folder = home / "data" / "print" / str(run.id)
    with zipfile.ZipFile(folder / "labels.zip") as packed:
        assert packed.namelist() == [f"{at:06d}_blank_{token}.svg" for at, token in enumerate(tokens, start=1)]
        assert all(packed.read(name) for name in packed.namelist()[::100])
    assert sorted(path.name for path in folder.iterdir()) == ["labels.zip", "list.csv"]
