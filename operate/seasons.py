"""Seasons from the shell, for the night on which the pages are not at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec

from operate.plates import at_the_shell, now, records


def list_city_seasons(config: Path | None, *, as_json: bool) -> Iterator[str]:
    """Every season, those that count most first: whether it is in force, why, and its dates."""
    from registry.queries.seasons import list_seasons

    engine, place = records(config)
    found = list_seasons(engine, now=now(), zone=place.zone)
    engine.dispose()
    if as_json:
        yield json.dumps({"seasons": msgspec.to_builtins(found)}, ensure_ascii=False)
        return
    for each in found:
        dates = f"{each.starts} to {each.ends}" if each.starts else "no dates"
        who = f", by {each.switched_by_name or 'the shell'}" if each.switched_at else ""
        sign = "*" if each.in_force else " "
        yield f"{sign} {each.key:<14} {each.switch:<5} {dates}{who}  {each.name_en}"


def switch_city_season(config: Path | None, key: str, switch: str) -> str:
    """Put a season in force, out of force, or leave it to its dates; raises what the service raises."""
    from registry.services.seasons import switch_season

    engine, _ = records(config)
    try:
        switch_season(engine, key, switch, by=at_the_shell(), now=now())
    finally:
        engine.dispose()
    return f"{key}: {switch}; intake follows within seconds"
