"""Back-tests from the shell: what a rule, or a change of its numbers, would have done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from operate.plates import now
from operate.processes import city, open_records
from registry.domain.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from operate.city_file import Place
    from registry.domain.rules.rule import Rule
    from registry.queries.backtest_views import Backtest, Tally
    from registry.storage.series import SeriesStore

_READINGS_A_PIECE = 300_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestAsk:
    """What the command line asked for. ``numbers``: ``fire=12`` in place of the condition's own."""

    key: str
    file: Path | None = None
    since: str = ""
    until: str = ""
    days: int = 30
    area: str = ""
    numbers: tuple[str, ...] = ()
    alone: bool = False


def run_backtest(config: Path | None, ask: BacktestAsk, *, as_json: bool, progress: Progress | None) -> Iterator[str]:
    """Run it piece by piece, telling ``progress`` how many assets are done; Ctrl-C ends it at once."""
    from registry.queries.backtest_views import joined
    from registry.queries.backtests import BacktestWish, backtest

    with _opened(config) as (engine, store, place):
        zone = place.zone
        tested = _asked_rule(engine, ask)
        until = _moment(ask.until, "until", zone) if ask.until else now()
        since = _moment(ask.since, "since", zone) if ask.since else until - timedelta(days=ask.days)
        wish = BacktestWish(
            rule=tested,
            since=since,
            until=until,
            most_readings=_READINGS_A_PIECE,
            beside_present=not ask.alone,
            scope=ask.area,
        )
        found = backtest(engine, store, wish, zone=zone)
        _tell(progress, found)
        while found.next is not None:
            found = joined(found, backtest(engine, store, replace(wish, after=found.next), zone=zone))
            _tell(progress, found)
    if as_json:
        yield msgspec.json.encode(found).decode()
        return
    yield from _told(found, zone)


def _tell(progress: Progress | None, found: Backtest) -> None:
    if progress is not None:
        progress(found.assets, found.assets_of)


def _asked_rule(engine: Engine, ask: BacktestAsk) -> Rule:
    """The rule of the file, or the city's newest version, with the numbers that were asked for."""
    from registry.domain.rules.numbers import numbers_of, with_numbers

    rule = _of_city(engine, ask.key) if ask.file is None else _of_file(engine, ask.file, ask.key)
    given: dict[str, float] = {}
    for each in ask.numbers:
        name, _, number = each.partition("=")
        if name not in numbers_of(rule.kind):
            known = ", ".join(numbers_of(rule.kind))
            raise InvalidInput("set", "{given!r} is no number of this rule; it has {known}", given=name, known=known)
        try:
            given[name] = float(number)
        except ValueError:
            raise InvalidInput("set", "{given!r} is not of the form name=number", given=each) from None
    return with_numbers(rule, given)


def _of_city(engine: Engine, key: str) -> Rule:
    from registry.queries.backtest_rules import newest_version
    from registry.storage.database import reading

    with reading(engine) as tx:
        found = newest_version(tx, key)
    if found is None:
        raise NotFound("rule", key)
    return found


def _of_file(engine: Engine, file: Path, key: str) -> Rule:
    from registry.domain.rules.files import read_rules
    from registry.services.rule_places import with_tagged
    from registry.storage.database import reading

    found, wrong = read_rules(file.read_text(encoding="utf-8-sig"))
    for problem in wrong:
        if problem.key in ("", key):
            raise problem.error
    named = next((each for each in found if each.rule.key == key), None)
    if named is None:
        raise NotFound("rule", key)
    with reading(engine) as tx:
        rule, problems = with_tagged(tx, named.rule, named.tags)
    if problems:
        raise problems[0]
    return rule


@contextmanager
def _opened(config: Path | None) -> Iterator[tuple[Engine, SeriesStore, Place]]:
    from registry.storage.schema import check_schema

    place = city(config)
    engine, store = open_records(place)
    try:
        check_schema(engine)
        yield engine, store, place
    finally:
        store.close()
        engine.dispose()


def _moment(text: str, field: str, zone: ZoneInfo) -> datetime:
    """A day or a moment, in the city's zone unless it says otherwise."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(field, "{given!r} is no date; write it as 2026-03-01", given=text) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def _told(found: Backtest, zone: ZoneInfo) -> Iterator[str]:
    since, until = (
        f"{datetime.fromtimestamp(ms / 1000, zone):%Y-%m-%d %H:%M}" for ms in (found.since_ms, found.until_ms)
    )
    yield f"{found.rule_key}: {since} … {until}, {found.assets} assets, {found.read} readings looked at"
    if found.readings_from_ms > found.since_ms:
        yield f"readings before {datetime.fromtimestamp(found.readings_from_ms / 1000, zone):%Y-%m-%d} are gone by age"
    heads = ("alerts", "cleared", "flapping", "expected", "cases", "real", "not", "missed")
    yield " " * 16 + "".join(f"{head:>9}" for head in heads)
    yield _line("this rule", found.tally)
    if found.present is not None and found.differences is not None:
        yield _line(f"version {found.present_version}", found.present)
        yield f"new {found.differences.new}, gone {found.differences.gone}, kept {found.differences.kept}"
    for title, shares in (("day", found.days), ("area", found.areas)):
        if shares:
            yield f"{title:<16}{'alerts':>9}{'real':>9}{'present':>9}"
        for each in shares:
            yield f"{each.key or '-':<16}{each.fired:>9}{each.real:>9}{each.present_fired:>9}  {each.name}".rstrip()
    for case in found.missed:
        yield f"missed: case {case.number} of {case.asset_name} (asset {case.asset_id})"
    yield from (f"can't be applied: {each}" for each in found.problems)


def _line(name: str, tally: Tally) -> str:
    counts = (tally.fired, tally.cleared, tally.flapped, tally.expected, tally.cases, tally.real, tally.not_real)
    return f"{name:<16}" + "".join(f"{number:>9}" for number in (*counts, tally.missed))
