"""``covercode rules backtest`` on a real city's files: the rule in force, other numbers, a rule of a file."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from covercode import main
from registry.services.assets import NewAsset, register_asset
from registry.services.devices import NewDevice, put_on
from registry.storage.database import open_database, writing
from registry.storage.series import SqliteSeries
from registry.storage.tables import point
from registry.storage.times import to_ms

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SPAN = ("--since", "2026-02-28", "--until", "2026-03-02")


@pytest.fixture(scope="module")
def config(upgraded_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city whose only cover lay open for an hour on the first of March."""
    folder = tmp_path_factory.mktemp("city")
    config = folder / "covercode.toml"
    config.write_text("[city]\n")
    shutil.copy(upgraded_sqlite, folder / "covercode.db")
    engine, store = open_database(f"sqlite:///{folder / 'covercode.db'}"), SqliteSeries(folder / "series.db")
    began = NOON - timedelta(days=4)
    with writing(engine) as tx:
        cover = register_asset(tx, NewAsset(division="320508", class_code="0101", lon=120.6, lat=31.3), now=began)
        device_id = put_on(tx, NewDevice(serial="C1", profile="p", asset_id=cover, heartbeat_s=600.0), now=began)
        tilt = tx.scalar(select(point.c.id).where(point.c.device_id == device_id, point.c.name == "tilt_z"))
    opened = to_ms(datetime(2026, 3, 1, 2, 0, tzinfo=UTC))
    times = [to_ms(began) + n * 600_000 for n in range(570)]
    store.append([(tilt, at, 30.0 if 0 <= at - opened < 3_600_000 else 1.0, 0, at) for at in times])
    store.close()
    engine.dispose()
    return config


def run(config: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["rules", *words, "--config", str(config)])
    return done.exit_code, done.output


def test_it_tells_what_the_rule_in_force_would_have_done(config: Path):
    code, said = run(config, "backtest", "cover_tilt", *SPAN)
    lines = said.splitlines()
    assert code == 0, said
    assert lines[0].startswith("cover_tilt: 2026-02-28 00:00 … 2026-03-02 00:00, 1 assets")
    assert lines[2].split() == ["this", "rule", "1", "1", "0", "0", "1", "0", "1", "0"]
    assert "new 0, gone 0, kept 1" in lines
    assert "2026-03-01" in said


def test_other_numbers_and_rules_of_a_file_are_tried_beside_it(config: Path):
    code, said = run(config, "backtest", "cover_tilt", *SPAN, "--set", "fire=40", "--set", "clear=20", "--json")
    found = json.loads(said.splitlines()[-1])
    assert (code, found["tally"]["fired"], found["differences"]["gone"]) == (0, 0, 1)
    file = config.parent / "tilt.yaml"
    file.write_text(run(config, "export", "cover_tilt")[1].replace("fire: 15", "fire: 29"), encoding="utf-8")
    code, said = run(config, "backtest", "cover_tilt", *SPAN, "--file", str(file), "--json")
    found = json.loads(said.splitlines()[-1])
    assert (code, found["tally"]["fired"], found["differences"]["kept"]) == (0, 1, 1)


def test_what_can_not_be_tried_is_refused_with_the_reason(config: Path):
    assert run(config, "backtest", "no_such_rule")[0] == 2
    code, said = run(config, "backtest", "cover_tilt", "--set", "fier=3")
    assert code == 2
    assert "fire, clear" in said
    assert run(config, "backtest", "cover_tilt", "--since", "yesterday")[0] == 2
