"""``covercode letters`` on a real records file, and the decoders that read kept frames again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import insert

from covercode import main
from operate.frame_letters import frame_reader
from registry.storage.database import open_database, writing
from registry.storage.tables import dead_letter, metadata

FRAME = {"device": "24E124713B000001", "port": 85, "payload": "01755703CFBBFED204E21D02", "reason": "-"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A city with three letters of one device and one of another."""
    engine = open_database(f"sqlite:///{tmp_path}/covercode.db")
    metadata.create_all(engine)
    row = {"at": datetime.now(UTC), "cabinet_id": "c1", "reason": "unknown_device", "body": "[]"}
    with writing(engine) as tx:
        devices = ["CV-9", "CV-9", "CV-9", "CV-8"]
        tx.execute(insert(dead_letter), [row | {"device": name, "detail": f"{name} is unknown"} for name in devices])
    engine.dispose()
    path = tmp_path / "covercode.toml"
    path.write_text("[city]\n")
    return path


def run(config: Path, *words: str) -> str:
    done = CliRunner().invoke(main, ["letters", *words, "--config", str(config)])
    return f"{done.exit_code}: {done.output}"


def test_the_worst_cause_is_listed_first_and_one_letter_whole(config: Path):
    said = run(config, "list")
    assert said.startswith("0: 4 dead letters; 2 causes")
    assert said.index("CV-9") < said.index("CV-8")
    counted = json.loads(run(config, "list", "--device", "CV-8", "--json").splitlines()[-1].removeprefix("0: "))
    assert (counted["letters"], counted["causes"][0]["letters"]) == (1, 1)
    assert "detail: CV-9 is unknown" in run(config, "show", "1")
    assert run(config, "show", "99").startswith("2:")


def test_replaying_says_when_nobody_takes_the_letters_in(config: Path):
    assert run(config, "replay").startswith("2: covercode: letters: say which")
    assert "3 letters asked for; the running `covercode ingest`" in run(config, "replay", "--device", "CV-9")
    said = run(config, "replay", "4", "--wait", "0.3")
    assert "0 are readings now" in said
    assert "4 still wait: is `covercode ingest` running?" in said


def test_letting_go_takes_numbers_a_filter_or_all(config: Path):
    assert run(config, "drop").startswith("2:")
    assert run(config, "drop", "1", "--device", "CV-9").startswith("2:")
    assert "1 letters dropped" in run(config, "drop", "1")
    assert "3 letters dropped" in run(config, "drop", "--all")
    assert "no dead letters" in run(config, "list")


def test_a_kept_frame_is_read_with_the_profile_its_device_has_now():
    read = frame_reader()
    fitted = "24e124713b000001"

    def profile_of(serial: str) -> str:
        return "milesight-em310-tilt" if serial == fitted else ""

    body = json.dumps(FRAME | {"received_ms": 1_772_000_000_000})
    found = {name: (value, measured) for _, name, measured, _, value, _ in read(body, profile_of)}
    assert found["tilt_x"] == (-3.25, 1_772_000_000_000)
    assert found["battery"][0] == 87
    fitted = fitted.upper()
    assert read(body, profile_of)[0][0] == fitted
    with pytest.raises(ValueError, match="not registered"):
        read(body, lambda _: "")
    with pytest.raises(ValueError, match="profile milesight-em310-tilt"):
        read(json.dumps(FRAME | {"received_ms": 1, "payload": "00"}), profile_of)
    with pytest.raises(ValueError, match="does not know"):
        read(body, lambda _: "made-up")
    with pytest.raises(ValueError, match="cut off"):
        read("[{truncated", profile_of)
