"""``covercode bench NAME``: find the benchmark, run it, print its figures beside their baseline."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from pathlib import Path

import click


class NoBench(Exception):
    """There is no such benchmark, or no checkout to take it from; the message says what there is."""


def run_bench(name: str, *, seconds: float | None, as_json: bool, **options: object) -> int:
    """Run it and print; answers 0. ``options`` are those that only some benchmarks have; None: not given."""
    sys.path.insert(0, str(Path.cwd()))
    if name not in bench_names():
        raise NoBench(f"no benchmark {name!r}; in this folder there are: {', '.join(bench_names()) or 'none'}")
    # import is a word of the language: its module has a line under its name
    module = importlib.import_module(f"benchmarks.{name}_" if name == "import" else f"benchmarks.{name}")
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if option not in inspect.signature(module.run).parameters:
            raise NoBench(f"the benchmark {name!r} has no --{option}")
    result = {"name": name, **module.run(seconds=seconds, **given)}
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
        return 0
    for part in ("figures", "baseline", "ratios", "config"):
        for key, value in result[part].items():
            click.echo(f"{part:<9}{key:<28}{value}")
    return 0


def bench_names() -> list[str]:
    """The benchmarks of the checkout in the current folder."""
    return sorted(path.stem.rstrip("_") for path in Path("benchmarks").glob("[a-z]*.py"))
