"""What a board's series are in InfluxQL: the readings themselves, or their roll-ups where the board spans weeks.

Curves of a panel are narrowed by a hidden variable that asks PostgreSQL which points are meant (``sql.points``); the
series know them by number only (tag ``point``, see ``docs/series.md``).
"""

from __future__ import annotations

from datetime import timedelta

from registry.domain.boards import Show

ROLLED_FROM = timedelta(days=14)
"""From this span on a board asks the hours' roll-ups, which are made when an hour is over."""

_RAW = {"min": 'min("value")', "mean": 'mean("value")', "max": 'max("value")'}
_ROLLED = {"min": 'min("low")', "mean": 'sum("total") / sum("readings")', "max": 'max("high")'}
SHOWN = {Show.RANGE: ("max", "mean", "min"), Show.MEAN: ("mean",), Show.MAX: ("max",)}


def curve(variable: str, figure: str, *, rolled: bool) -> str:
    """``figure`` (min, mean, max) of all points chosen by ``variable``, together, in each slice."""
    value, source = (_ROLLED[figure], '"hours"."rollup"') if rolled else (_RAW[figure], '"raw"."reading"')
    where = f'"point" =~ /^${{{variable}:regex}}$/ AND $timeFilter'
    return f"SELECT {value} FROM {source} WHERE {where} GROUP BY time($__interval) fill(none)"  # noqa: S608


def readings(variable: str | None) -> str:
    """How many readings came in each slice."""
    where = f'"point" =~ /^${{{variable}:regex}}$/ AND $timeFilter' if variable else "$timeFilter"
    return f'SELECT count("value") FROM "raw"."reading" WHERE {where} GROUP BY time($__interval) fill(0)'  # noqa: S608
