"""Where the built front end's files are: Vite's manifest, read once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger(__name__)

BUILT = "static/built"


class AssetsManifest:
    """Names of TypeScript entry points → addresses of the files built from them.

    Without a build every page still works, without its live parts; ``built`` tells pages to say so.
    """

    def __init__(self, chunks: Mapping[str, Mapping[str, Any]]) -> None:
        self._chunks = chunks

    @property
    def built(self) -> bool:
        """Whether there is a build at all."""
        return bool(self._chunks)

    def url(self, entry: str) -> str:
        """The address of the module built from ``entry`` (as ``src/overview.ts``); empty when there is no build.

        Raises ``KeyError`` when there is a build without this entry: a page names a script that does not exist.
        """
        return f"/{BUILT}/{self._chunks[entry]['file']}" if self.built else ""

    def stylesheets(self, entry: str) -> list[str]:
        """The addresses of every stylesheet ``entry`` needs, those of the chunks it imports first, each once."""
        if not self.built:
            return []
        found: dict[str, None] = {}
        self._collect(entry, found, set())
        return list(found)

    def modules(self, entry: str) -> list[str]:
        """The addresses of the module built from ``entry`` and of all that it imports at once, each once."""
        if not self.built:
            return []
        found: dict[str, None] = {}
        waiting = [entry]
        while waiting:
            chunk = self._chunks[waiting.pop()]
            address = f"/{BUILT}/{chunk['file']}"
            if address not in found:
                found[address] = None
                waiting += chunk.get("imports", ())
        return list(found)

    def files(self, entry: str, *, without: str = "") -> list[str]:
        """The addresses of everything ``entry`` may load, what it imports later included, each once.

        ``without``: a module imported later that is left out, with what only it needs. Empty when there is no build.
        """
        if not self.built:
            return []
        found: dict[str, None] = {}
        waiting, seen = [entry], {without}
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            chunk = self._chunks[name]
            found |= dict.fromkeys([chunk["file"], *chunk.get("css", ()), *chunk.get("assets", ())])
            waiting += [*chunk.get("imports", ()), *chunk.get("dynamicImports", ())]
        return [f"/{BUILT}/{each}" for each in found]

    def _collect(self, name: str, found: dict[str, None], seen: set[str]) -> None:
        if name in seen:
            return
        seen.add(name)
        chunk = self._chunks[name]
        for imported in chunk.get("imports", ()):
            self._collect(imported, found, seen)
        found.update(dict.fromkeys(f"/{BUILT}/{css}" for css in chunk.get("css", ())))


def load_manifest(folder: Path) -> AssetsManifest:
    """Read the manifest of the build in ``folder``/static/built; logs once, with the remedy, when there is none."""
    path = folder / BUILT / "manifest.json"
    if not path.exists():
        log.warning("front_end_not_built", looked_for=str(path), remedy="run: make setup")
        return AssetsManifest({})
    return AssetsManifest(json.loads(path.read_text(encoding="utf-8")))
