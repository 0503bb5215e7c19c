"""What is made once in a run of the tests, though several processes need it."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache


def folder_of_all(folders: pytest.TempPathFactory) -> Path:
    """The run's folder, which xdist's processes have in common; each has its own (``popen-gw0`` and so on) in it."""
    own = folders.getbasetemp()
    return own.parent if own.name.startswith("popen-") else own


def made_once(folders: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The file ``name`` as ``make`` writes it: by the process that comes first, while the others wait. To be copied."""
    path = folder_of_all(folders) / name
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            begun = path.with_suffix(".begun")
            begun.unlink(missing_ok=True)
            make(begun)
            begun.rename(path)
    return path


def keep_compiled_pages(app: Flask, folders: pytest.TempPathFactory) -> None:
    """Compile each page once in the run, and not once for each site in each process."""
    app.jinja_env.bytecode_cache = FileSystemBytecodeCache(str(folder_of_all(folders)))
