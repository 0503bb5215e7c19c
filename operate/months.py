"""Month ends from the shell: closing a month here and now, and reading what came out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from operate.plates import at_the_shell, now, records


def close_city_month(
    config: Path | None, key: str, scheme: str | None, *, as_json: bool, progress: Callable[[int, int], None]
) -> Iterator[str]:
    """Count the month here, without waiting for the worker; raises what the service raises."""
    from registry.services.month_closing import ask_to_close, close_month

    engine, place = records(config)
    try:
        ask_to_close(engine, key, by=at_the_shell(), now=now(), zone=place.zone, scheme=scheme)
        close_month(engine, key, clock=now, zone=place.zone, progress=progress)
    finally:
        engine.dispose()
    yield from show_city_month(config, key, as_json=as_json)


def show_city_month(config: Path | None, key: str, *, as_json: bool) -> Iterator[str]:
    """The bulletin of a closed month in lines, or whole as JSON."""
    from registry.papers.bulletin import sentences_of, title_of
    from registry.queries.bulletin import bulletin

    engine, _ = records(config)
    try:
        told = bulletin(engine, key)
    finally:
        engine.dispose()
    if as_json:
        yield json.dumps(msgspec.to_builtins(told), ensure_ascii=False)
        return
    yield f"{title_of(told)}  {told.month.state}, revision {told.revision}, {told.scheme.name_zh}"
    yield from sentences_of(told)
    for group in told.groups:
        if group.lines:
            yield f"{group.zh}:"
        for line in group.lines:
            one = line.standing
            streak = f"  first for {one.streak} months" if one.streak > 1 else ""
            yield f"  {one.place or '-':>3}  {one.points or 'not ranked':>10}  {one.name_zh or one.subject}{streak}"
