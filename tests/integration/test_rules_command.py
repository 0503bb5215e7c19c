"""``covercode rules`` on a real records file: out as YAML, edited, checked, compared, applied."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from covercode import main


@pytest.fixture
def config(upgraded_sqlite: Path, tmp_path: Path) -> Path:
    """A city as ``covercode db upgrade`` makes it: migrated, with the shipped rules."""
    shutil.copy(upgraded_sqlite, tmp_path / "covercode.db")
    config = tmp_path / "covercode.toml"
    config.write_text("[city]\n")
    return config


def run(config: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["rules", *words, "--config", str(config)])
    return done.exit_code, done.output


def exported(config: Path) -> Path:
    file = config.parent / "rules.yaml"
    assert run(config, "export", "-o", str(file)) == (0, "")
    return file


def test_what_was_exported_is_sound_and_changes_nothing(config: Path):
    file = exported(config)

    code, said = run(config, "check", str(file))
    assert (code, said.splitlines()[-1].endswith(" 0 problems")) == (0, True)
    code, said = run(config, "diff", str(file), "--prune")
    assert (code, said.startswith("0 rules would change")) == (0, True)


def test_a_file_is_compared_and_applied_with_its_reason(config: Path):
    file = config.parent / "tilt.yaml"
    file.write_text(run(config, "export", "cover_tilt")[1].replace("fire: 15", "fire: 12"), encoding="utf-8")

    code, said = run(config, "diff", str(file))
    assert (code, said.splitlines()[0]) == (1, "~ cover_tilt: changed, version 2")
    assert "condition.fire: 15 → 12" in said
    assert "1 rules would change" in run(config, "apply", str(file), "--dry-run")[1]
    assert run(config, "diff", str(file))[0] == 1

    code, said = run(config, "apply", str(file), "--note", "bridge", "--json")
    told = json.loads(said.splitlines()[-1])
    assert (code, told["changes"][0]["key"], told["changes"][0]["version"]) == (0, "cover_tilt", 2)
    assert told["changes"][0]["fields"] == [{"field": "condition.fire", "before": 15.0, "after": 12.0}]
    assert run(config, "diff", str(file))[0] == 0
    rows = {row["key"]: row for row in json.loads(run(config, "list", "--json")[1])["rules"]}
    assert (rows["cover_tilt"]["version"], rows["cover_tilt"]["shipped"]) == (2, False)
    assert "cover_tilt" in run(config, "list")[1]


def test_pruning_takes_what_the_file_leaves_out_of_use(config: Path):
    file = config.parent / "tilt.yaml"
    file.write_text(run(config, "export", "cover_tilt")[1], encoding="utf-8")

    said = run(config, "apply", str(file), "--prune")[1]

    assert "- water_high: retired, version 2" in said
    assert [row["key"] for row in json.loads(run(config, "list", "--json")[1])["rules"]] == ["cover_tilt"]
    assert "water_high" in run(config, "list", "--all")[1]


def test_a_mistake_is_told_with_its_line_and_stops_the_whole_file(config: Path):
    file = config.parent / "tilt.yaml"
    text = run(config, "export", "cover_tilt")[1]
    place = next(n for n, line in enumerate(text.splitlines(), 1) if "fire: 15" in line)
    file.write_text(text.replace("fire: 15", "fire: 8"), encoding="utf-8")

    code, said = run(config, "check", str(file), "--alone")
    assert code == 1
    assert f"{file}:{place + 1}: cover_tilt: condition.clear: 10 is not below 8" in said
    assert json.loads(run(config, "check", str(file), "--json")[1])["problems"][0]["line"] == place + 1
    assert run(config, "apply", str(file))[0] == 2
    assert run(config, "apply", str(config.parent / "none.yaml"))[0] == 2
    assert json.loads(run(config, "list", "--json")[1])["rules"][0]["version"] == 1
