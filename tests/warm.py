"""The command line in processes of its own that need not load our modules first: they are forked from one that has.

A command is what it is from a shell: its own process, folder, input, output and exit code. Only loading a thousand
modules, two seconds of the processor each time, happened before. That commands start from nothing is tested where the
wheel is, and by every journey.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_LOADED = ["covercode", "dashboards.app", "registry.worker", "operate.doctor", "operate.demo_plan", "operate.processes"]


def covercode(*arguments: str, cwd: Path, stdin: str = "", timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    """Run ``covercode`` with ``arguments`` in the folder ``cwd``, and wait for its end."""
    starter = multiprocessing.get_context("forkserver")
    starter.set_forkserver_preload(_LOADED)
    with tempfile.TemporaryDirectory() as kept:
        said = [Path(kept, name) for name in ("in", "out", "err")]
        said[0].write_text(stdin, encoding="utf-8")
        process = starter.Process(target=_be, args=(arguments, str(cwd), [str(each) for each in said]))
        process.start()
        process.join(timeout_s)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(["covercode", *arguments], timeout_s)
        out, err = (each.read_text(encoding="utf-8") for each in said[1:])
    return subprocess.CompletedProcess(["covercode", *arguments], process.exitcode, out, err)


def _be(arguments: Sequence[str], cwd: str, files: Sequence[str]) -> None:
    for number, (file, flags) in enumerate(zip(files, (os.O_RDONLY, *2 * [os.O_WRONLY | os.O_CREAT]), strict=True)):
        os.dup2(os.open(file, flags, 0o600), number)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8", write_through=True)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), encoding="utf-8", write_through=True)
    os.chdir(cwd)
    sys.argv = ["covercode", *arguments]
    import covercode as program

    program.main()
