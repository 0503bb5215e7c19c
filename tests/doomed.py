"""A process that does the deciding and is killed -9 (really) before whichever write or commit a test asks for.

``python -m tests.doomed`` takes one order a line as JSON and forks children for each, since starting Python takes
longer than the work. It answers their exit codes, -9 for one that was killed, and whether that one had committed
anything. Counted from 1 are the statements that write to the records, and their commits.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, event

from registry.intake import Intake, Pack
from registry.services.grouping import decide_groups
from registry.services.no_data import watch_no_data
from registry.storage.database import open_database
from registry.storage.series import SqliteSeries

ROOT = Path(__file__).parents[1]


class Doomed:
    """The process between ``__enter__`` and ``__exit__``; set ``url`` and ``series`` before it works."""

    def __init__(self) -> None:
        self.url = ""
        self.series = Path()
        self.committed = False
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Doomed:
        command = [sys.executable, "-m", "tests.doomed"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=ROOT, text=True, stdin=pipe, stdout=pipe)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.communicate(timeout=60)

    def work(
        self, job: str, now: datetime, *, kill_at: int = 0, at_once: int = 1, packs: Sequence[Pack] = ()
    ) -> list[int]:
        """Do ``job`` in ``at_once`` processes; their exit codes. ``kill_at`` 0: they live."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        place = {"url": self.url, "series": str(self.series)}
        order = place | {"job": job, "now": now.isoformat(), "kill_at": kill_at, "at_once": at_once}
        self._process.stdin.write(json.dumps(order | {"packs": msgspec.to_builtins(packs)}) + "\n")
        self._process.stdin.flush()
        codes: list[int]
        codes, self.committed = json.loads(self._process.stdout.readline())
        assert set(codes) <= {0, -signal.SIGKILL}, f"{job} failed; its traceback is above"
        return codes

    def die_at_every_step(self, job: str, now: datetime, *, packs: Sequence[Pack] = ()) -> int:
        """Begin ``job`` again and again, killed one step later each time, until it comes through; how often it died.

        A transaction that was committed is not done again, so the steps of the next are counted from its beginning.
        """
        died = 0
        kill_at = 1
        while self.work(job, now, kill_at=kill_at, packs=packs) != [0]:
            died += 1
            kill_at = 2 if self.committed else kill_at + 1
        return died


def main() -> None:
    """Take orders until the other side hangs up."""
    for line in sys.stdin:
        order = json.loads(line)
        engine = open_database(order["url"])  # not connected: only what that loads is shared with the children
        told, tell = os.pipe()
        children = []
        for _ in range(order["at_once"]):
            child = os.fork()
            if child == 0:
                _be_the_child(engine, order, tell)
            children.append(child)
        os.close(tell)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        committed = bool(os.read(told, 1))
        os.close(told)
        sys.stdout.write(json.dumps([codes, committed]) + "\n")
        sys.stdout.flush()


def _be_the_child(engine: Engine, order: dict[str, Any], tell: int) -> None:
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what it logs is no answer
    try:
        _die_at(engine, order["kill_at"], tell)
        _work(engine, order)
        os._exit(0)
    finally:  # not reached by what goes well; the child may not go on as if it were the parent
        traceback.print_exc()
        os._exit(1)


def _die_at(engine: Engine, step: int, tell: int) -> None:
    """Say on ``tell`` whether a transaction had been committed when it died."""
    steps = commits = 0

    def count() -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            if commits:
                os.write(tell, b"!")
            os.kill(os.getpid(), signal.SIGKILL)

    def statement(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if sql.lstrip().startswith(("INSERT", "UPDATE", "DELETE")):
            count()

    def commit(connection: Connection) -> None:
        nonlocal commits
        if connection.get_execution_options().get("writes"):
            count()
            commits += 1

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", commit)


def _work(engine: Engine, order: dict[str, Any]) -> None:
    now = datetime.fromisoformat(order["now"])
    if order["job"] == "decide":
        decide_groups(engine, now=now)
    elif order["job"] == "watch":
        watch_no_data(engine, now=now)
    else:
        store = SqliteSeries(Path(order["series"]))
        Intake(engine, store, clock=lambda: now).accept(msgspec.convert(order["packs"], list[Pack]), now=now)
        store.close()


if __name__ == "__main__":
    main()
