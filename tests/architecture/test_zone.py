"""A city has one time zone and says which: nobody who could pass it on leaves it to the one that is usual in China."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("registry", "dashboards", "operate")
USUAL = "CHINA_TIME"


def test_whoever_asks_for_a_day_or_a_deadline_says_in_which_zone() -> None:
    sources = {path: path.read_text() for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    zoned = {
        f"{_module(path)}.{one.name}": _place(one)
        for path, text in sources.items()
        if USUAL in text
        for one in ast.walk(ast.parse(text))
        if isinstance(one, ast.FunctionDef) and _place(one) is not None
    }
    assert "registry.services.case_watch.watch_cases" in zoned
    named = re.compile(r"\b(" + "|".join({name.rpartition(".")[2] for name in zoned}) + r")\b")
    silent = [
        f"{path.relative_to(ROOT)}:{call.lineno} {name}"
        for path, text in sources.items()
        if named.search(text)
        for name, call in _calls(ast.parse(text), _module(path))
        if name in zoned and not _says(call, zoned[name])
    ]
    assert silent == []


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _place(one: ast.FunctionDef) -> int | None:
    """Where the zone stands among its parameters, if it has one with the usual value; beyond all: by name only."""
    named = dict(zip((each.arg for each in one.args.kwonlyargs), one.args.kw_defaults, strict=True))
    plain = [each.arg for each in one.args.args]
    given = dict(zip(reversed(plain), reversed(one.args.defaults), strict=False))
    for name, usual in (*named.items(), *given.items()):
        if isinstance(usual, ast.Name) and usual.id == USUAL:
            return plain.index(name) if name in plain else len(plain)
    return None


def _says(call: ast.Call, place: int | None) -> bool:
    by_name = any(each.arg in ("zone", None) for each in call.keywords)
    return by_name or place is None or len(call.args) > place or any(isinstance(e, ast.Starred) for e in call.args)


def _calls(tree: ast.Module, module: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a function of ours by its full name; one made ready by ``partial`` counts where that is done."""
    own = {one.name: f"{module}.{one.name}" for one in tree.body if isinstance(one, ast.FunctionDef)}
    own |= _imported(one for one in tree.body if isinstance(one, ast.ImportFrom))
    for part in tree.body:
        known = own | _imported(one for one in ast.walk(part) if isinstance(one, ast.ImportFrom))
        for one in ast.walk(part):
            if not isinstance(one, ast.Call):
                continue
            ready = one.args and isinstance(one.func, ast.Name) and one.func.id == "partial"
            called = one.args[0] if ready else one.func
            if isinstance(called, ast.Name):
                yield known.get(called.id, called.id), one
            elif isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
                yield f"{known.get(called.value.id, called.value.id)}.{called.attr}", one


def _imported(imports: Iterable[ast.ImportFrom]) -> dict[str, str]:
    return {name.asname or name.name: f"{one.module}.{name.name}" for one in imports for name in one.names}
