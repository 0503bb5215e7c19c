"""Dead letters from the shell: the causes, one letter whole, replaying, letting go."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from sqlalchemy import Engine

from operate.processes import city, open_records
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Reject
from registry.domain.people import SYSTEM
from registry.queries.letters import LetterFilter, count_letters, letter_causes, list_letters, one_letter
from registry.services.letters import ask_replay, drop_letters, waiting

_LOOK_EVERY_S = 0.25


def show_letters(config: Path | None, *, limit: int, as_json: bool, **narrow: str) -> Iterator[str]:
    """The causes, worst first, and the newest letters."""
    engine, wanted = _records(config), _filter(narrow)
    causes, letters = letter_causes(engine, wanted), list_letters(engine, wanted, limit=limit).items
    total = count_letters(engine, wanted)
    engine.dispose()
    if as_json:
        yield json.dumps(
            {"letters": total, "causes": msgspec.to_builtins(causes), "newest": msgspec.to_builtins(letters)},
            ensure_ascii=False,
        )
        return
    if not causes:
        yield "no dead letters" + (" like that" if wanted.said() else ": everything that arrived was stored")
        return
    yield f"{total} dead letters; {len(causes)} causes, the worst first:"
    for cause in causes:
        about = f"{cause.reason:<15} {cause.cabinet_id:<16} {cause.device:<20}"
        stand_for = f", stand for {cause.frames}" if cause.frames > cause.letters else ""
        yield f"{cause.letters:>8}  {about} last {cause.last_at:%F %T}{stand_for}"
    yield "the newest:"
    for letter in letters:
        yield f"{letter.id:>8}  {letter.at:%F %T}  {letter.detail}"


def show_letter(config: Path | None, letter_id: int, *, as_json: bool) -> str:
    """One letter with its original."""
    engine = _records(config)
    letter = one_letter(engine, letter_id)
    engine.dispose()
    if as_json:
        return json.dumps(msgspec.to_builtins(letter), ensure_ascii=False)
    lines = [f"{name}: {value}" for name, value in msgspec.structs.asdict(letter).items() if value not in ("", None)]
    return "\n".join(lines)


def replay(config: Path | None, ids: Sequence[int], *, everything: bool, wait_s: float, **narrow: str) -> str:
    """Ask for letters to be replayed; with ``wait_s``, until ingest has done so or that long."""
    engine = _records(config)
    try:
        asked = ask_replay(engine, _chosen(ids, everything, narrow), by=SYSTEM, now=datetime.now(UTC))
        if not asked:
            return "no dead letters like that"
        before = count_letters(engine)
        left = waiting(engine)
        deadline = time.monotonic() + wait_s
        while left and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_S)
            left = waiting(engine)
        if not wait_s:
            return f"{asked} letters asked for; the running `covercode ingest` takes them in within seconds"
        gone = before - count_letters(engine)
        rest = f"; {left} still wait: is `covercode ingest` running?" if left else ""
        return f"{asked} letters asked for, {gone} are readings now, {asked - gone - left} failed again{rest}"
    finally:
        engine.dispose()


def drop(config: Path | None, ids: Sequence[int], *, everything: bool, **narrow: str) -> str:
    """Let go of letters."""
    engine = _records(config)
    try:
        dropped = drop_letters(engine, _chosen(ids, everything, narrow), by=SYSTEM, now=datetime.now(UTC))
        return f"{dropped} letters dropped"
    finally:
        engine.dispose()


def _records(config: Path | None) -> Engine:
    engine: Engine = open_records(city(config))[0]
    return engine


def _chosen(ids: Sequence[int], everything: bool, narrow: dict[str, str]) -> LetterFilter | Sequence[int]:
    wanted = _filter(narrow)
    if ids and (wanted.said() or everything):
        raise InvalidInput("letters", "name letters or filter them, not both")
    if not ids and not wanted.said() and not everything:
        raise InvalidInput("letters", "say which: numbers, --reason, --cabinet, --device, --search, or --all")
    return list(ids) or wanted


def _filter(narrow: dict[str, str]) -> LetterFilter:
    reason = narrow.get("reason") or None
    return LetterFilter(
        reason=None if reason is None else Reject(reason),
        cabinet=narrow.get("cabinet", ""),
        device=narrow.get("device", ""),
        q=narrow.get("search", ""),
    )
