"""What is shipped for servers: hardened units, scripts that parse, and a page whose commands exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

import covercode
from dashboards.server import THREADS
from operate.city_file import read_city_file

ROOT = Path(__file__).parents[3]
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
BROKER_UNITS = sorted((ROOT / "deploy/mosquitto").glob("*.service")) + sorted(
    (ROOT / "deploy/mosquitto").glob("*.path")
)
SCRIPTS = sorted([*(ROOT / "deploy").glob("*.sh"), ROOT / "requirements/install.sh"])
PAGE = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
MOST_EXPOSED = 2.5  # systemd's own measure, 0 to 10; "OK" ends at 5


def settings_of(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def command_of(words: list[str]) -> click.Command:
    """The command that ``words`` name. Fails where there is none, or where it lacks an option."""
    command: click.Command = covercode.main
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    assert {word for word in words if word.startswith("--")} <= known
    return command


def complaints_about(unit: Path) -> list[str]:
    """What systemd says of this unit and not of those around it."""
    checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    return [line for line in checked.stderr.splitlines() if unit.name in line]


def test_every_process_has_its_unit() -> None:
    assert [unit.stem for unit in UNITS] == [
        "covercode-edge",
        "covercode-ingest",
        "covercode-serve",
        "covercode-worker",
    ]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_hardened_comes_back_and_runs_a_command_that_exists(unit: Path) -> None:
    settings = settings_of(unit)
    for name, value in (
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("Restart", "always"),
        ("StartLimitIntervalSec", "0"),
        ("User", "covercode"),
    ):
        assert settings[name] == [value]
    assert settings["MemoryMax"]
    (line,) = settings["ExecStart"]
    program, *words = shlex.split(line)
    assert program == "/opt/covercode/bin/covercode"
    assert command_of(words) is not covercode.main


def test_the_pages_may_begin_all_the_threads_of_a_process_for_each_of_eight_cores() -> None:
    settings = settings_of(ROOT / "deploy/systemd/covercode-serve.service")
    assert int(settings["TasksMax"][0]) >= 8 * THREADS * 1.1


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_itself_knows_every_setting_of_the_brokers_units(tmp_path: Path) -> None:
    for unit in BROKER_UNITS:
        shutil.copy(unit, tmp_path)
    assert [complaint for unit in BROKER_UNITS for complaint in complaints_about(tmp_path / unit.name)] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_itself_knows_every_setting_and_finds_little_exposed(unit: Path, tmp_path: Path) -> None:
    program = tmp_path / "covercode"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/covercode/bin/covercode", str(program)))
    assert complaints_about(copy) == []
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(copy)], capture_output=True, text=True, check=False
    )
    exposed = re.search(r"Overall exposure level for .*: ([\d.]+)", said.stdout)
    assert exposed is not None, said.stdout + said.stderr
    assert float(exposed[1]) <= MOST_EXPOSED


def test_the_shipped_city_file_is_good_and_writes_only_where_the_units_may() -> None:
    place = read_city_file(ROOT / "deploy/covercode.toml", {"COVERCODE_BROKER_PASSWORD": "x"})
    assert place.settings.broker.password == "x"
    for path in (place.data_dir, place.secret_file, place.password_file):
        assert path is not None
        assert path.is_relative_to("/var/lib/covercode")
    assert place.records_url.startswith("postgresql+psycopg://")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_parses_and_shellcheck_has_nothing_to_say(script: Path) -> None:
    parsed = subprocess.run(["sh", "-n", str(script)], capture_output=True, text=True, check=False)
    assert (parsed.returncode, parsed.stderr) == (0, "")
    assert shutil.which("shellcheck"), "this test needs shellcheck: apt-get install shellcheck"
    checked = subprocess.run(["shellcheck", str(script)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("script", "words", "more"),
    [
        ("set-up-stores.sh", [], {"COVERCODE_DATABASE": "x; DROP DATABASE y"}),
        ("make-certificates.sh", [], {}),
        ("make-certificates.sh", ["city.example", "mqtt.city.example; rm -rf /"], {}),
    ],
)
def test_a_script_refuses_what_it_can_not_do(script: str, words: list[str], more: dict[str, str]) -> None:
    command = ["sh", str(ROOT / "deploy" / script), *words]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **more})
    assert refused.returncode == 2


def test_every_command_of_the_page_exists() -> None:
    lines = [line for line in SHELL.splitlines() if line.startswith("covercode ")]
    assert len(lines) >= 3
    for line in lines:
        assert command_of(shlex.split(line)[1:]) is not covercode.main
    for words in re.findall(r"`covercode ([a-z ]+)[^`]*`", PAGE):
        assert command_of(words.split()) is not covercode.main


def test_every_file_and_unit_of_the_page_is_shipped() -> None:
    files = set(re.findall(r"\bdeploy/[\w./-]+", SHELL))
    assert len(files) >= 9
    assert [name for name in sorted(files) if not (ROOT / name).exists()] == []
    started = re.search(r"systemctl enable --now (covercode-broker.*)", SHELL)
    assert started is not None
    shipped = {path.name for path in (ROOT / "deploy").rglob("covercode-*") if path.is_file()}
    for name in started[1].split():
        assert (name if "." in name else f"{name}.service") in shipped


def test_the_metrics_of_the_page_are_those_that_are_shown() -> None:
    code = "".join(
        (ROOT / name).read_text()
        for name in (
            "gateway/cabinet_watch.py",
            "gateway/ingest_watch.py",
            "registry/worker_watch.py",
            "dashboards/metrics.py",
        )
    )
    for name in set(re.findall(r"covercode_(\w+)", PAGE)):
        assert f'{name.removesuffix("_total")}"' in code
