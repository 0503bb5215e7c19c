"""Seasons from the shell: listed, switched, and refused in words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import covercode


@pytest.fixture
def config(upgraded_sqlite: Path, tmp_path: Path) -> str:
    shutil.copy(upgraded_sqlite, tmp_path / "covercode.db")
    path = tmp_path / "covercode.toml"
    path.write_text("[city]\nname = '示范市'\n", encoding="utf-8")
    return str(path)


def run(*words: str) -> str:
    found = CliRunner().invoke(covercode.main, list(words))
    assert found.exit_code == 0, found.output
    return found.output


def test_a_season_is_put_in_force_and_listed_so(config: str) -> None:
    assert "typhoon: on" in run("seasons", "switch", "typhoon", "on", "--config", config)
    told = json.loads(run("seasons", "list", "--json", "--config", config).splitlines()[-1])
    assert {each["key"]: each["in_force"] for each in told["seasons"]}["typhoon"] is True
    assert len(told["seasons"]) == 4
    assert "* typhoon" in run("seasons", "list", "--config", config)


def test_what_can_not_be_done_is_said_in_one_sentence(config: str) -> None:
    refused = CliRunner().invoke(covercode.main, ["seasons", "switch", "monsoon", "on", "--config", config])
    assert refused.exit_code != 0
    assert "monsoon" in refused.output
    assert "Traceback" not in refused.output
