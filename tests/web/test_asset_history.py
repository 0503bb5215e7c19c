"""The history of an asset's page: where it came from, and what was done, in the visitor's words."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from dashboards.texts import load_catalogues
from registry.domain.kinds import Role
from registry.domain.people import SYSTEM
from registry.services import revisions
from registry.services.area_index import AREAS
from registry.services.place_work import relocate_assets
from registry.services.units import NewUnit, add_unit, merge_units
from registry.storage.database import reading, writing
from registry.storage.tables import area, asset
from tests.census import Importer, census, covers
from tests.web.conftest import Web

ROOT = Path(__file__).parents[2]
STREET = (
    '{"type":"Polygon","coordinates":[[[120.55,31.25],[120.65,31.25],[120.65,31.35],[120.55,31.35],[120.55,31.25]]]}'
)


def an_imported_asset(web: Web, tmp_path: Path) -> int:
    importer = Importer(web.city.engine, tmp_path / "data")
    bad = ("A-0", "没有的分类", "120.6", "31.2", "人民路")
    importer.run(census([bad, *covers(1)]), "某区普查（一期）.csv")
    with reading(web.city.engine) as tx:
        return int(tx.execute(select(asset.c.id).where(asset.c.import_id.is_not(None))).scalar_one())


def test_an_imported_asset_tells_its_file_its_row_and_who_imported_it(web: Web, tmp_path: Path):
    page = web.as_(Role.ADMINISTRATOR).get(f"/assets/{an_imported_asset(web, tmp_path)}").text

    assert "批量导入登记" in page
    assert "某区普查（一期）.csv</a> · 第 2 行" in page
    assert "命令行" in page


def test_an_asset_that_somebody_registered_tells_of_no_import(web: Web):
    page = web.as_(Role.ADMINISTRATOR).get(f"/assets/{web.city.asset_id}").text

    assert "批量导入登记" not in page


def test_an_area_found_anew_and_units_merged_are_told_in_words(web: Web, tmp_path: Path):
    engine, asset_id = web.city.engine, an_imported_asset(web, tmp_path)
    with writing(engine) as tx:
        tx.execute(
            insert(area).values(
                level="street", code="320508001", name="平江街道", shape=STREET, updated_at=web.clock.now
            )
        )
        revisions.bump(tx, AREAS)
        old, new = (add_unit(tx, NewUnit(name=name)) for name in ("旧排水所", "新排水公司"))
        tx.execute(update(asset).where(asset.c.id == asset_id).values(owner_unit_id=old))
    relocate_assets(engine, by=SYSTEM, holder="here", clock=lambda: web.clock.now)
    merge_units(engine, new, old, by=SYSTEM, now=web.clock.now)

    page = web.as_(Role.ADMINISTRATOR).get(f"/assets/{asset_id}").text
    assert "区域重新定位" in page
    assert "<del>320508</del> → <ins>320508001</ins>" in page
    assert "单位合并" in page
    assert "<del>旧排水所</del> → <ins>新排水公司</ins>" in page


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_action_that_the_registry_writes_down_has_words(lang: str):
    words = load_catalogues(ROOT / "dashboards" / "words")[lang]

    assert sorted(action for action in actions_written() if f"change_action.{action}" not in words) == []


def actions_written() -> set[str]:
    """Every constant that a service gives as the ``action`` of a line of history."""
    found = {"unit", "import"}  # written by statements of their own
    for path in sorted((ROOT / "registry" / "services").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ACTION":
                found.add(ast.literal_eval(node.value))
            if not isinstance(node, ast.Call) or ast.unparse(node.func).startswith("audit."):
                continue
            for each in node.keywords:
                if each.arg == "action":
                    found |= {leaf.value for leaf in ast.walk(each.value) if isinstance(leaf, ast.Constant)}
    # with a dot it is an action of the audit, which has its own words, handed on to ``audit.record`` by a neighbour
    return {action for action in found if "." not in str(action)}
