"""The Grafana boards against Grafana's own types (its foundation SDK, made from Grafana's schema), and as files."""

from __future__ import annotations

import enum
import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.grafana.files import Wish, grafana_files
from operate.grafana import shipped_boards

FOLDER = Path(__file__).parents[2] / "dashboards/grafana"
BOARDS = sorted(FOLDER.glob("boards/*/*.json"))
# a target of an annotation is what its data source makes of it: the schema leaves it open
OPEN = {"rawSql", "rawQuery", "editorMode", "format", "refId"}


@pytest.fixture(scope="module", autouse=True)
def _types_of_panels() -> None:
    plugins.register_default_plugins()


def test_the_files_in_the_repository_are_what_the_program_writes():
    written = grafana_files(shipped_boards(), Wish())
    kept = {path.relative_to(FOLDER).as_posix() for suffix in ("json", "yaml") for path in FOLDER.rglob(f"*.{suffix}")}
    assert kept == set(written), "run: covercode grafana write --plain --to dashboards/grafana"
    other = [path for path, text in written.items() if (FOLDER / path).read_text(encoding="utf-8") != text]
    assert other == [], "run: covercode grafana write --plain --to dashboards/grafana"


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: f"{path.stem}-{path.parent.name}")
def test_a_board_is_what_grafana_s_types_say_and_they_know_every_field_of_it(path: Path):
    plain = json.loads(path.read_text(encoding="utf-8"))
    read = Dashboard.from_json(plain)
    assert list(_misfits(read, Dashboard, "board")) == []
    again = json.loads(JSONEncoder().encode(read))
    assert [lost for lost in _lost(plain, again, "board") if lost.rpartition(".")[2] not in OPEN] == []


def test_what_does_not_fit_is_seen():
    plain = json.loads(BOARDS[0].read_text(encoding="utf-8"))
    plain["graphTooltip"] = 7
    plain["panels"][0]["gridPos"]["w"] = "wide"
    plain["panels"][0]["colour"] = "red"
    read = Dashboard.from_json(plain)
    again = json.loads(JSONEncoder().encode(read))
    assert {found.partition(":")[0] for found in _misfits(read, Dashboard, "board")} == {
        "board.graph_tooltip",
        "board.panels[0].grid_pos.w",
    }
    assert "board.panels[0].colour" in set(_lost(plain, again, "board"))


def test_grafana_can_tell_the_boards_and_their_panels_apart():
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in BOARDS]
    uids = [board["uid"] for board in boards]
    assert len(set(uids)) == len(uids)
    assert all(8 <= len(uid) <= 40 for uid in uids)
    for board in boards:
        ids = [panel["id"] for panel in _panels(board["panels"])]
        assert len(set(ids)) == len(ids)


def test_every_panel_lies_within_the_grid_and_over_no_other():
    for path in BOARDS:
        taken: set[tuple[int, int]] = set()
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            assert at["x"] + at["w"] <= 24
            assert not cells & taken, panel["title"]
            taken |= cells


def test_provisioning_names_the_data_sources_that_the_boards_ask():
    sources = yaml.safe_load((FOLDER / "provisioning/datasources/covercode.yaml").read_text(encoding="utf-8"))
    folders = yaml.safe_load((FOLDER / "provisioning/dashboards/covercode.yaml").read_text(encoding="utf-8"))
    known = {(source["type"], source["uid"]) for source in sources["datasources"]}
    asked = {
        (target["datasource"]["type"], target["datasource"]["uid"])
        for path in BOARDS
        for panel in _panels(json.loads(path.read_text(encoding="utf-8"))["panels"])
        for target in panel.get("targets", ())
    }
    assert sources["apiVersion"] == folders["apiVersion"] == 1
    assert asked == known
    assert all("password" not in str({**source, "secureJsonData": {}}) for source in sources["datasources"])
    assert {Path(each["options"]["path"]).name for each in folders["providers"]} == {"zh", "en"}


def _panels(listed: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in listed:
        yield panel
        yield from _panels(panel.get("panels", []))


def _lost(before: Any, after: Any, path: str) -> Iterator[str]:
    """Where something of ``before`` is missing or another in ``after``."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            if name in after:
                yield from _lost(value, after[name], f"{path}.{name}")
            elif value is not None:
                yield f"{path}.{name}"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _lost(one, other, f"{path}[{place}]")
    elif before != after:
        yield f"{path}: {before!r} became {after!r}"


def _misfits(value: Any, hint: Any, path: str) -> Iterator[str]:
    """Where a value read by the SDK, which checks nothing itself, is not of the type that it says."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        tried = [list(_misfits(value, one, path)) for one in typing.get_args(hint)]
        if [] not in tried:
            # of what it could be, what it is most like
            yield from min(tried, key=len)
    elif origin is list:
        if not isinstance(value, list):
            yield f"{path}: {value!r} is no list"
            return
        for place, one in enumerate(value):
            yield from _misfits(one, typing.get_args(hint)[0], f"{path}[{place}]")
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{path}: {value!r} is no object"
            return
        for name, one in value.items():
            yield from _misfits(one, typing.get_args(hint)[1], f"{path}.{name}")
    elif origin is typing.Literal:
        if value not in typing.get_args(hint):
            yield f"{path}: {value!r} is none of {typing.get_args(hint)}"
    elif isinstance(hint, type):
        yield from _misfits_of(value, hint, path)


def _misfits_of(value: Any, kind: type, path: str) -> Iterator[str]:
    if issubclass(kind, enum.Enum):
        if (value.value if isinstance(value, enum.Enum) else value) not in {each.value for each in kind}:
            yield f"{path}: {value!r} is no {kind.__name__}"
    elif kind in (bool, int, float, str, type(None)):
        fits = isinstance(value, (int, float) if kind is float else kind)
        if not fits or (isinstance(value, bool) and kind is not bool):
            yield f"{path}: {value!r} is no {kind.__name__}"
    elif kind is not object and kind.__module__.startswith("grafana_foundation_sdk.models"):
        if not isinstance(value, kind):
            yield f"{path}: {value!r} is no {kind.__name__}"
            return
        for name, hint in typing.get_type_hints(kind).items():
            yield from _misfits(getattr(value, name), hint, f"{path}.{name}")
