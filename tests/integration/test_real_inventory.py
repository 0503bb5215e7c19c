"""Cambridge's public street light inventory, all 6,117 posts, through the shell: in, again, out, and undone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from registry.storage.database import open_database
from tests.census import whole_registry

ROOT = Path(__file__).parents[2]
INVENTORY = ROOT.parent / "shared/data/cambridge-ma-street-lights.geojson"


def covercode(home: Path, *words: str) -> str:
    command = [sys.executable, "-m", "covercode", *words]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def last_line(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found


@pytest.mark.skipif(not INVENTORY.exists(), reason="the inventory lies beside the checkout, not in it")
def test_the_real_inventory_goes_in_once_comes_out_again_and_can_be_undone(tmp_path: Path):
    (tmp_path / "covercode.toml").write_text('[city]\ndivision = "320508"\n')
    covercode(tmp_path, "db", "upgrade")
    engine = open_database(f"sqlite:///{tmp_path}/covercode.db")
    empty = whole_registry(engine)

    first = last_line(covercode(tmp_path, "assets", "import", str(INVENTORY), "--json"))
    assert (first["rows"], first["created"], first["rejected"], first["held"]) == (6117, 6117, 0, 0)
    filled = whole_registry(engine)
    assert len(filled["asset"]) == 6117

    again = last_line(covercode(tmp_path, "assets", "import", str(INVENTORY), "--json"))
    assert (again["rows"], again["unchanged"], again["created"], again["updated"]) == (6117, 6117, 0, 0)
    assert whole_registry(engine) == filled

    covercode(tmp_path, "assets", "export", "路灯.csv")
    back = last_line(covercode(tmp_path, "assets", "import", "路灯.csv", "--json"))
    assert (back["unchanged"], back["warnings"]) == (6117, 0)
    assert whole_registry(engine) == filled

    assert "is undone" in covercode(tmp_path, "assets", "undo", str(first["import"]))
    assert whole_registry(engine) == empty
    engine.dispose()
