"""The front door: set up a city from nothing, and be told clearly what is wrong."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.domain.rules.shipped import SHIPPED_RULES
from tests.warm import covercode

# the city that most tests begin with is set up once, not once in each process
pytestmark = [pytest.mark.network, pytest.mark.timeout(400), pytest.mark.xdist_group("shell")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a city is to be."""
    (tmp_path / "covercode.toml").write_text('[city]\nname = "测试市"\n[broker]\npassword = "hunter2"\n')
    return tmp_path


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `covercode db upgrade` makes."""
    made = tmp_path_factory.mktemp("upgraded")
    (made / "covercode.toml").write_text("[city]\n")
    told = covercode("db", "upgrade", cwd=made)
    assert told.returncode == 0, told.stderr
    (made / "covercode.toml").unlink()
    return made


@pytest.fixture
def city(folder: Path, upgraded: Path) -> Path:
    """Where a city with an empty book is."""
    shutil.copytree(upgraded, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_city_is_set_up_from_nothing_and_doctor_says_what_is_still_missing(folder: Path):
    before = covercode("doctor", "--json", cwd=folder)
    assert before.returncode == 1
    parts = {part["part"]: part for part in json.loads(before.stdout)["parts"]}
    assert parts["records"]["advice"] == "covercode db upgrade"
    # what lies in the records is no fault of its own before they are there
    assert {parts[name]["advice"] for name in ("worker", "letters", "notices", "audit")} == {
        "mend records first, see above"
    }

    made = covercode("db", "upgrade", cwd=folder)
    assert f"{len(SHIPPED_RULES)} rules" in made.stdout
    assert "(0 rules" in covercode("db", "upgrade", cwd=folder).stdout
    words = "a-long-enough-password"
    added = covercode(
        *("users", "add", "chen", "--name", "陈静", "--role", "dispatcher"), cwd=folder, stdin=f"{words}\n{words}\n"
    )
    assert "added dispatcher chen" in added.stdout, added.stderr
    again = covercode(
        *("users", "add", "chen", "--name", "陈静", "--role", "dispatcher"), cwd=folder, stdin=f"{words}\n{words}\n"
    )
    assert again.returncode == 2
    assert "Traceback" not in again.stderr

    parts = {part["part"]: part for part in json.loads(covercode("doctor", "--json", cwd=folder).stdout)["parts"]}
    assert parts["records"]["well"]
    assert parts["series"]["well"]
    assert not parts["broker"]["well"]
    assert "broker.host and broker.port" in parts["broker"]["advice"]


def test_accounts_are_kept_from_the_shell_and_doctor_finds_a_trail_that_was_cut(city: Path):
    assert "users add" in covercode("users", "list", cwd=city).stdout
    words = ("--password", "three garden words")
    person = ("users", "add", "lin", "--name", "林晓", "--role", "registrar", "--area", "440803", *words)
    assert covercode(*person, cwd=city).returncode == 0
    assert covercode("users", "set-password", "lin", "--password", "other garden words", cwd=city).returncode == 0
    assert covercode("users", "close", "lin", cwd=city).returncode == 0
    (listed,) = json.loads(covercode("users", "list", "--json", cwd=city).stdout)["people"]
    assert (listed["area_code"], listed["active"], listed["must_change_password"]) == ("440803", False, True)

    def audit() -> dict[str, str]:
        parts = json.loads(covercode("doctor", "--json", cwd=city).stdout)["parts"]
        return next(part for part in parts if part["part"] == "audit")

    assert audit()["said"].startswith("3 entries")
    with sqlite3.connect(city / "covercode.db") as records:
        (kept,) = records.execute("SELECT password_hash FROM app_user WHERE login = 'lin'").fetchone()
        assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$"), "a password must cost who guesses it dearly"
        records.execute("DROP TRIGGER audit_no_delete")
        records.execute("DELETE FROM audit WHERE id = 3")
    records.close()
    assert (audit()["well"], "removed" in audit()["said"]) == (False, True)


def test_an_import_lists_every_row_it_cannot_use_and_a_dry_run_changes_nothing(city: Path):
    rows = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [-71.1, 42.3]},
            "properties": {"PoleID": "1-1"},
        },
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [-71.1, 42.4]}, "properties": {}},
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [-71.2, 42.5]},
            "properties": {"PoleID": "1-1"},
        },
    ]
    (city / "posts.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
    for command, created in ((["--dry-run"], 1), ([], 1), ([], 0)):
        profile = ("--profile", "street-lights")
        told = covercode("assets", "import", "posts.geojson", "--json", *profile, *command, cwd=city)
        lines = told.stdout.splitlines()
        counts = json.loads(lines[-1])
        assert (counts["rows"], counts["created"], counts["rejected"]) == (3, created, 2), told.stderr
        assert any(line.startswith("row 2: PoleID") for line in lines)
        assert any(line.startswith("row 3: PoleID = '1-1'") for line in lines)


def test_a_file_that_is_no_inventory_is_refused_with_the_reason(city: Path):
    (city / "posts.geojson").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    told = covercode("assets", "import", "posts.geojson", cwd=city)
    assert told.returncode == 2
    assert "CSV UTF-8" in told.stderr
    assert "Traceback" not in told.stderr


def test_secrets_are_masked_in_config_show(folder: Path):
    told = covercode("config", "show", cwd=folder)
    assert "city.name = 测试市" in told.stdout
    assert "hunter2" not in told.stdout + told.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ingest", "--config", "nowhere.toml"), "there is no such file"),
        (("edge", "--config", "covercode.toml"), "cabinet: must be given"),
        (("worker",), "run `covercode db upgrade`"),
        (("serve",), "run `covercode db upgrade`"),
        (("demo", "--duration", "10", "--faults", "meteor"), "no such fault: meteor"),
        (("demo", "--duration", "10", "--home", "."), "give an empty folder"),
        (("bench", "nothing"), "no benchmark 'nothing'"),
        (("sim", "--fleet", "covercode.toml", "--truth", "t.jsonl"), "covercode.toml"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence_with_exit_code_2(folder: Path, arguments, said: str):
    told = covercode(*arguments, cwd=folder)
    assert told.returncode == 2, told.stderr
    assert said in told.stderr
    assert "Traceback" not in told.stderr


def test_a_port_in_use_is_named_with_the_setting_to_change(city: Path, taken_port: int):
    (city / "covercode.toml").write_text(f"[broker]\nport = {taken_port}\n[web]\nport = {taken_port}\n")
    for arguments, setting in (
        (("broker",), "broker.port"),
        (("serve",), "web.port"),
        (("demo", "--duration", "10", "--port", str(taken_port)), "--port"),
    ):
        told = covercode(*arguments, cwd=city)
        assert told.returncode == 2, told.stderr
        assert str(taken_port) in told.stderr
        assert setting in told.stderr
        assert "Traceback" not in told.stderr
