"""Labels and templates from the shell: made for tokens and codes, carried as files, refused with every reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from operate.administration import upgrade_database
from operate.labels import (
    export_label_template,
    import_label_template,
    list_label_templates,
    make_single_labels,
)
from operate.plates import at_the_shell, plan_and_make, records
from registry.domain.errors import InvalidInput, NotFound
from registry.queries.tags import list_tags

BLANK_RUN = {"blank": 3, "name": "", "template": "small-25x25", "fmt": "svg", "area": "", "class_code": ""}


@pytest.fixture
def config(upgraded_sqlite: Path, tmp_path: Path) -> Path:
    shutil.copy(upgraded_sqlite, tmp_path / "covercode.db")
    path = tmp_path / "covercode.toml"
    path.write_text('[city]\npublic_url = "https://covers.example.cn"\n')
    return path


@pytest.fixture
def tokens(config: Path) -> list[str]:
    more = {"scheme": "cjt214-2007", "again": False, "dpi": None, "start_position": 1}
    plan_and_make(config, BLANK_RUN | more, lambda *_: None)
    engine, _ = records(config)
    found = [row.token for row in list_tags(engine, by=at_the_shell()).items]
    engine.dispose()
    return found


def test_an_exported_template_comes_back_as_a_new_version_that_an_upgrade_leaves_alone(config: Path, tmp_path: Path):
    body = msgspec.json.decode(export_label_template(config, "small-25x25", None))
    assert import_label_template(config, _kept(tmp_path, body)) == "small-25x25 is now at version 1"
    changed = _kept(tmp_path, body | {"name_zh": "小牌"})
    assert import_label_template(config, changed) == "small-25x25 is now at version 2"
    assert "0 label templates added" in upgrade_database(config)
    (line,) = [line for line in list_label_templates(config) if line.startswith("small-25x25")]
    assert "v2" in line
    assert "小牌" in line
    assert "(edited)" in line


def test_all_that_is_wrong_with_a_template_file_is_told_at_once(config: Path, tmp_path: Path):
    body = msgspec.json.decode(export_label_template(config, "small-25x25", None))
    with pytest.raises(InvalidInput) as refused:
        import_label_template(config, _kept(tmp_path, body | {"quiet_modules": 1, "ground": "blue"}))
    assert "quiet_modules: " in refused.value.problem
    assert "ground: " in refused.value.problem


def test_labels_for_tokens_are_files_of_their_own_or_one_pdf(config: Path, tokens: list[str], tmp_path: Path):
    wishes = {"template": "small-25x25", "dpi": None, "start": 1}
    told = list(make_single_labels(config, tokens, fmt="png", out=tmp_path / "pictures", **wishes))
    assert len(told) == len(tokens) == 3
    assert all("QR version 4, error level H" in line for line in told)
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == sorted(f"blank-{t}.png" for t in tokens)
    (line,) = make_single_labels(config, tokens, fmt="pdf", out=tmp_path / "all.pdf", **wishes)
    assert line.endswith("3 labels, each decoded again")
    assert (tmp_path / "all.pdf").read_bytes().count(b"/Type /Page ") == 3


def test_a_name_without_a_plate_is_told(config: Path, tmp_path: Path):
    wishes = {"template": "small-25x25", "fmt": "svg", "dpi": None, "start": 1, "out": tmp_path / "one.svg"}
    with pytest.raises(NotFound, match="active plate of asset '3205080101000001' does not exist"):
        list(make_single_labels(config, ["3205080101000001"], **wishes))
    with pytest.raises(InvalidInput, match="token: "):
        list(make_single_labels(config, ["K7M2Q9XWB2"], **wishes))


def _kept(folder: Path, body: object) -> Path:
    path = folder / "template.json"
    path.write_bytes(msgspec.json.encode(body))
    return path
