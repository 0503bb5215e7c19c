"""What is done to the city, when and for how long: drawn from a seed, every kind at least once. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

CABINETS = (1, 2)
HOUR_S = 3600
FIRST_AT_S = 3.0
CALM_AT_END_S = 2.0
ROUND_S = 120.0
_LONGEST_SHARE = 0.12  # of a short play


@dataclass(frozen=True, slots=True, kw_only=True)
class Torment:
    """``kind`` befalls ``target`` at ``at_s`` after the street came to life and lasts ``lasts_s``."""

    at_s: float
    kind: str
    target: str
    lasts_s: float


# kind, target ({n}: each cabinet's), seconds it lasts at least and at most, turn (kinds of one turn never overlap)
_KINDS: tuple[tuple[str, str, float, float, str], ...] = (
    ("kill", "edge-{n}", 0.3, 8.0, "edge-{n}"),
    ("kill", "ingest", 0.3, 10.0, "ingest"),
    ("kill", "worker", 0.3, 10.0, "worker"),
    ("kill", "broker", 0.3, 8.0, "broker"),
    ("kill", "database", 0.5, 8.0, "database"),
    ("kill", "series", 0.5, 8.0, "series"),
    ("cut", "wire-{n}", 1.5, 25.0, "wire-{n}"),
    ("silence", "wire-{n}", 1.5, 25.0, "wire-{n}"),
    ("repeat", "wire-{n}", 0.5, 3.0, "repeat-{n}"),
    ("reorder", "wire-{n}", 2.0, 10.0, "reorder-{n}"),
    ("fill", "disk-{n}", 3.0, 40.0, "wire-{n}"),
    ("clock_ahead", "clock-{n}", 2.5, 20.0, "clock-{n}"),
    ("clock_behind", "clock-{n}", 2.5, 20.0, "clock-{n}"),
)


def plan_torments(rng: Random, duration_s: float, *, without: frozenset[str] = frozenset()) -> list[Torment]:
    """One round of all kinds, or one for every two minutes; targets in ``without`` are spared."""
    rounds = max(1, round(duration_s / ROUND_S))
    turns: dict[str, list[tuple[str, str, float, float]]] = {}
    for kind, target, least_s, most_s, turn in _each():
        if target not in without:
            turns.setdefault(turn, []).extend([(kind, target, least_s, most_s)] * rounds)
    torments = [torment for turn in turns.values() for torment in _in_turn(turn, rng, duration_s)]
    return sorted(torments, key=lambda torment: torment.at_s)


def _each() -> Iterator[tuple[str, str, float, float, str]]:
    for kind, target, least_s, most_s, turn in _KINDS:
        for n in CABINETS if "{n}" in target else (0,):
            yield kind, target.format(n=n), least_s, most_s, turn.format(n=n)


def _in_turn(turn: list[tuple[str, str, float, float]], rng: Random, duration_s: float) -> Iterator[Torment]:
    rng.shuffle(turn)
    share_s = (duration_s - FIRST_AT_S - CALM_AT_END_S) / len(turn)
    for number, (kind, target, least_s, most_s) in enumerate(turn):
        most_s = max(least_s, min(most_s, duration_s * _LONGEST_SHARE))
        lasts_s = min(rng.uniform(least_s, most_s), share_s)
        at_s = FIRST_AT_S + number * share_s + rng.uniform(0.0, share_s - lasts_s)
        yield Torment(at_s=round(at_s, 2), kind=kind, target=target, lasts_s=round(lasts_s, 2))


def damage_of_lines(rng: Random, buses: list[str], duration_s: float) -> str:
    """Events for the simulator's fleet file: every line is spoilt once for a while, in either way."""
    events = []
    for number, bus in enumerate(buses):
        lasts_s = rng.uniform(0.15, 0.4) * duration_s
        at_s = rng.uniform(0.0, duration_s - lasts_s)
        kind = ("bus_crc_errors", "bus_noise")[number % 2]
        events.append(
            f'\n[[event]]\nkind = "{kind}"\nat_s = {at_s:.1f}\nduration_s = {lasts_s:.1f}\n'
            f'bus = "{bus}"\nstrength = {rng.uniform(0.1, 0.3):.2f}\n'
        )
    return "".join(events)
