"""What installs packages: uv with what pip was told, and pip where uv can't."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "requirements/install.sh"
SETTINGS = """global.extra-index-url='file:///one\\nfile:///two'
global.find-links='/wheels /more'
global.index-url='https://mirror.example/simple'
:env:.index-url='https://nearer.example/simple'
:env:.timeout='60'"""


def program(path: Path, does: str) -> None:
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    told = f"cat <<'E'\n{SETTINGS}\nE"
    does = f'echo "pip $*" >>{tmp_path}/log\ncase "$*" in *"config list"*) {told}\n;; esac'
    program(tmp_path / "python", does)
    return tmp_path


def installed(place: Path) -> list[str]:
    asked = ["sh", str(SCRIPT), str(place / "python"), "-r", "some.txt"]
    subprocess.run(asked, check=True, capture_output=True, env={"PATH": "/usr/bin:/bin"})
    return (place / "log").read_text().splitlines()


def test_uv_is_told_what_pip_was_told(place: Path) -> None:
    wanted = "$UV_DEFAULT_INDEX $UV_INDEX $UV_FIND_LINKS $UV_INDEX_STRATEGY"
    program(place / "uv", f'echo "uv {wanted} $*" >>{place}/log')
    places = "https://nearer.example/simple file:///one file:///two /wheels,/more unsafe-best-match"
    asked = f"pip install -q --compile-bytecode --python {place}/python -r some.txt"
    assert installed(place) == ["pip -m pip config list", f"uv {places} {asked}"]


def test_where_uv_can_not_pip_does(place: Path) -> None:
    program(place / "uv", "exit 2")
    assert installed(place)[-1] == "pip -m pip install -q -r some.txt"
    (place / "uv").unlink()
    # nothing brings uv here
    assert installed(place)[-1] == "pip -m pip install -q -r some.txt"
