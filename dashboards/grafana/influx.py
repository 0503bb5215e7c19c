"""What a board's series are in InfluxQL: the readings themselves, or their roll-ups of hours or days, as is chosen.

Grafana's queries are fixed texts, and a roll-up has another policy, measurement and fields than the readings. So these
parts stand in hidden variables, which PostgreSQL answers by what is chosen of ``DETAIL``. Curves of a panel are
narrowed by another hidden variable, which asks it for the points that are meant (``sql_rows.points``); the series know
them by number only (tag ``point``, see ``docs/series.md``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from dashboards.grafana.sql import quoted
from registry.domain.boards import Show

DETAIL = "detail"
"""The variable by which somebody chooses how fine curves are: one of ``DETAILS``."""
DETAILS = ("raw", "hours", "days")
_ROLLED_FROM = timedelta(days=14)

_FIGURES: Mapping[str, tuple[str, str]] = {
    # of readings, of roll-ups
    "min": ('min("value")', 'min("low")'),
    "mean": ('mean("value")', 'sum("total") / sum("readings")'),
    "max": ('max("value")', 'max("high")'),
}
_PARTS: Mapping[str, Mapping[str, str]] = {
    "series_from": {"raw": '"raw"."reading"', "hours": '"hours"."rollup"', "days": '"days"."rollup"'},
    **{f"series_{figure}": {"raw": raw, "hours": rolled, "days": rolled} for figure, (raw, rolled) in _FIGURES.items()},
}
PARTS = tuple(_PARTS)
"""The hidden variables."""
SHOWN = {Show.RANGE: ("max", "mean", "min"), Show.MEAN: ("mean",), Show.MAX: ("max",)}


def detail_of(span: timedelta) -> str:
    """What a board that looks back this far begins with."""
    return "hours" if span >= _ROLLED_FROM else "raw"


def part(name: str, detail: str) -> str:
    """What the hidden variable ``name`` holds when ``detail`` is chosen."""
    return _PARTS[name][detail]


def part_query(name: str) -> str:
    """The SQL that answers it: ``__text``, ``__value``."""
    rolled = " ".join(f"WHEN {quoted(detail)} THEN {quoted(part(name, detail))}" for detail in DETAILS[1:])
    chosen = f"'${{{DETAIL}:raw}}'"
    return f"SELECT {chosen} AS __text, CASE {chosen} {rolled} ELSE {quoted(part(name, DETAILS[0]))} END AS __value"


def curve(variable: str, figure: str) -> str:
    """``figure`` (min, mean, max) of all points chosen by ``variable``, together, in each slice."""
    where = f'"point" =~ /^${{{variable}:regex}}$/ AND $timeFilter'
    return (
        f"SELECT ${{series_{figure}:raw}} FROM ${{series_from:raw}} WHERE {where}"  # noqa: S608
        " GROUP BY time($__interval) fill(none)"
    )


def readings(variable: str | None) -> str:
    """How many readings came in each slice."""
    where = f'"point" =~ /^${{{variable}:regex}}$/ AND $timeFilter' if variable else "$timeFilter"
    return f'SELECT count("value") FROM "raw"."reading" WHERE {where} GROUP BY time($__interval) fill(0)'  # noqa: S608
