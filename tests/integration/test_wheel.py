"""What a stranger installs: the wheel carries the built pages, and a cabinet's installation stays small."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]


# for the session: tests of other files may come between the two
@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # from a copy: building leaves folders behind in the tree it builds
    aside = shutil.ignore_patterns(".*", "node_modules", "var", "build", "tests", "*.egg-info")
    shutil.copytree(ROOT, folder / "tree", ignore=aside)
    told = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(folder / "tree")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-2000:] + told.stderr[-2000:]
    (made,) = folder.glob("*.whl")
    return made


@pytest.mark.xdist_group("wheel")
def test_the_wheel_carries_pages_words_profiles_tables_and_migrations(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()

    def holds(start: str, end: str) -> bool:
        return any(name.startswith(start) and name.endswith(end) for name in names)

    assert holds("dashboards/static/built/", "manifest.json")
    assert holds("dashboards/static/built/assets/", ".js")
    assert holds("dashboards/templates/", "overview.html")
    assert holds("dashboards/words/", "zh.json")
    assert holds("gateway/profiles/", ".toml")
    assert holds("registry/data/", ".csv")
    assert holds("registry/storage/migrations/versions/", "first_tables.py")
    assert "covercode.py" in names
    assert not any("node_modules" in name or name.startswith(("tests/", "benchmarks/")) for name in names)


@pytest.mark.xdist_group("wheel")
def test_a_cabinet_installs_and_starts_without_flask_and_sqlalchemy(wheel: Path, tmp_path: Path):
    venv.create(tmp_path / "venv")
    # our own pip works on the new environment: to put one into it takes longer than all the rest
    pip = [sys.executable, "-m", "pip", "--python", tmp_path / "venv/bin/python"]
    pinned = ["-r", str(ROOT / "requirements/edge.txt")]
    install = [*pip, "install", "-q", "--no-compile", f"{wheel}[edge]", *pinned]
    subprocess.run(install, check=True, cwd=tmp_path)
    listed = subprocess.run([*pip, "list"], capture_output=True, text=True, check=True).stdout.lower()
    assert "pymodbus" in listed
    assert not any(name in listed for name in ("flask", "sqlalchemy", "pillow", "gunicorn"))
    (tmp_path / "cabinet.toml").write_text('[cabinet]\nid = "c1"\n[broker]\nhost = ""\n')
    told = subprocess.run(
        [tmp_path / "venv/bin/covercode", "edge", "--config", "cabinet.toml"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert told.returncode == 2
    assert "broker.host: is empty" in told.stderr
    served = subprocess.run(
        [tmp_path / "venv/bin/covercode", "serve"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert served.returncode == 2
    assert "pip install 'covercode[server]'" in served.stderr
