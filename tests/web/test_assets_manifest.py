from __future__ import annotations

import json
from pathlib import Path

import pytest

from dashboards.assets_manifest import AssetsManifest, load_manifest

CHUNKS = {
    "_chart.js": {"file": "assets/chart-1.js", "css": ["assets/chart-1.css"], "imports": ["_shared.js"]},
    "_shared.js": {"file": "assets/shared-1.js", "imports": ["_chart.js"]},
    "src/asset.ts": {"file": "assets/asset-1.js", "css": ["assets/asset-1.css"], "imports": ["_chart.js"]},
}


def test_an_entry_leads_to_its_file_and_the_stylesheets_of_all_it_imports() -> None:
    manifest = AssetsManifest(CHUNKS)
    assert manifest.url("src/asset.ts") == "/static/built/assets/asset-1.js"
    assert manifest.stylesheets("src/asset.ts") == [
        "/static/built/assets/chart-1.css",
        "/static/built/assets/asset-1.css",
    ]


def test_what_an_entry_imports_can_be_asked_for_before_it_asks_itself() -> None:
    named = [f"/static/built/assets/{name}-1.js" for name in ("asset", "chart", "shared")]
    assert AssetsManifest(CHUNKS).modules("src/asset.ts") == named
    assert AssetsManifest({}).modules("src/asset.ts") == []


def test_an_entry_that_was_not_built_is_an_error_when_there_is_a_build() -> None:
    with pytest.raises(KeyError):
        AssetsManifest(CHUNKS).url("src/gone.ts")


def test_without_a_build_pages_go_without_scripts(tmp_path: Path) -> None:
    manifest = load_manifest(tmp_path)
    assert not manifest.built
    assert manifest.url("src/asset.ts") == ""
    assert manifest.stylesheets("src/asset.ts") == []


def test_the_manifest_is_where_the_build_puts_it(tmp_path: Path) -> None:
    built = tmp_path / "static" / "built"
    built.mkdir(parents=True)
    (built / "manifest.json").write_text(json.dumps(CHUNKS), encoding="utf-8")
    assert load_manifest(tmp_path).built
