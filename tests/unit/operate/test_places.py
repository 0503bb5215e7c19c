"""Areas, duties and gaps from the shell, over a real city folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from covercode import main

CELL = "320508001002003"


@pytest.fixture
def city(upgraded_sqlite: Path, tmp_path: Path) -> Path:
    """The settings of a city with its tables made."""
    shutil.copy(upgraded_sqlite, tmp_path / "covercode.db")
    config = tmp_path / "covercode.toml"
    config.write_text('[city]\nname = "测试市"\ndivision = "320508"\n', encoding="utf-8")
    return config


def areas(config: Path, *arguments: str) -> list[str]:
    """The lines that ``covercode areas`` prints."""
    done = CliRunner().invoke(main, ["areas", *arguments, "--config", str(config)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


def test_areas_are_checked_imported_listed_and_gaps_counted(city: Path):
    ring = [[120, 31], [120.001, 31], [120.001, 31.001], [120, 31.001], [120, 31]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    features = [
        {"type": "Feature", "properties": {"wg": code, "name": "n"}, "geometry": shape} for code in (CELL, "3205")
    ]
    features.append({"type": "Feature", "properties": {"wg": CELL}, "geometry": None})
    file = city.parent / "cells.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    assert "no areas on file yet" in areas(city, "list")[0]
    checked = areas(city, "import", str(file), "--map", "code=wg", "--dry-run", "--lang", "zh")
    assert "没有面状图形" in checked[0]
    assert "created: 2" in checked[-1]
    done = json.loads(areas(city, "import", str(file), "--map", "code=wg", "--json")[-1])
    assert (done["created"], done["rejected"], done["assets_moved"], done["levels"]) == (
        2,
        1,
        0,
        {"city": 1, "cell": 1},
    )
    assert json.loads(areas(city, "list", "--json")[-1]) == {"city": 1, "cell": 1}
    assert areas(city, "list", "--level", "cell")[0].startswith(CELL)
    assert json.loads(areas(city, "relocate", "--json")[-1])["state"] == "done"
    assert json.loads(areas(city, "gaps", "--json")[-1])["assets"] == 0
    assert areas(city, "gaps")[0] == "assets 0"
    assert json.loads(areas(city, "apply-duties", "--dry-run", "--json")[-1])["owner"] == 0
    assert json.loads(areas(city, "apply-duties", "--json")[-1])["state"] == "done"


def test_a_field_that_there_is_none_of_is_refused(city: Path):
    file = city.parent / "cells.geojson"
    file.write_text("{}", encoding="utf-8")
    done = CliRunner().invoke(main, ["areas", "import", str(file), "--map", "nonsense=x", "--config", str(city)])
    assert done.exit_code == 2
    assert "must be FIELD=PROPERTY" in done.output
