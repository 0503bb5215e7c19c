"""One panel's answer: the source says what is read, the kind of panel in which form it is said.

Everything is cut to the visitor's area. Answers are plain values; words and links are left to whoever shows them.
"""

from __future__ import annotations

from itertools import takewhile

import msgspec

from registry.domain.boards import (
    CountSource,
    ListSource,
    MapSource,
    Panel,
    PanelKind,
    QualitySource,
    SeriesSource,
    StatesSource,
    WeekHoursSource,
)
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family
from registry.queries.board_counts import bars, over_time, stat, week_hours
from registry.queries.board_lists import listed
from registry.queries.board_quality import quality_bars, quality_table
from registry.queries.board_series import curves, series_stat, series_table
from registry.queries.board_states import timeline
from registry.queries.board_values import Answer, Asked, Bars, Column, MapAnswer, Table, Word


def answer(panel: Panel, asked: Asked) -> Answer | None:
    """What a panel shows; None for one that shows nothing of the city (text).

    Raises ``Nothing`` (why there is no answer), ``InvalidInput`` and ``StoreDown``.
    """
    source = panel.source
    if isinstance(source, SeriesSource):
        return _series(panel, source, asked)
    if isinstance(source, CountSource):
        return _count(panel, source, asked)
    if isinstance(source, WeekHoursSource):
        return week_hours(source, asked)
    if isinstance(source, ListSource):
        limit = min(source.limit, panel.options.limit or source.limit)
        return listed(msgspec.structs.replace(source, limit=limit), asked)
    if isinstance(source, StatesSource):
        return timeline(source, asked)
    if isinstance(source, QualitySource):
        return quality_table(source, asked) if panel.kind is PanelKind.TABLE else quality_bars(source, asked)
    if isinstance(source, MapSource):
        return _map(source, asked)
    return None


def _series(panel: Panel, source: SeriesSource, asked: Asked) -> Answer:
    if panel.kind is PanelKind.STAT:
        return series_stat(source, asked)
    return series_table(source, asked) if panel.kind is PanelKind.TABLE else curves(source, asked)


def _count(panel: Panel, source: CountSource, asked: Asked) -> Answer:
    if panel.kind is PanelKind.STAT:
        return stat(source, asked, with_spark=panel.options.spark)
    if panel.kind is PanelKind.TIME_SERIES or (source.over is not None and panel.kind is PanelKind.BAR):
        return over_time(source, asked)
    counted = bars(source, asked)
    return _as_table(counted) if panel.kind is PanelKind.TABLE else counted


def _as_table(counted: Bars) -> Table:
    columns = [Column(key="name", name=Word("board.column.name"), kind="link")]
    columns.append(Column(key="count", name=Word("board.column.count"), kind="number"))
    return Table(
        columns=columns,
        rows=[[bar.name, bar.value] for bar in counted.bars],
        to=[bar.to for bar in counted.bars],
        more=counted.rest > 0,
    )


def _map(source: MapSource, asked: Asked) -> MapAnswer:
    areas = asked.words(source.where.get("area", ()))
    families = asked.words(source.where.get("family", ()))
    if unknown := [word for word in families if word not in set(Family)]:
        raise InvalidInput("where.family", "{given!r} is no family", given=unknown[0][:20])
    return MapAnswer(area=max(asked.scope, _holding(areas), key=len), families=families)


def _holding(areas: tuple[str, ...]) -> str:
    """The one area that holds all of these, for a map is cut to one: what their codes begin with in common."""
    first, last = min(areas, default=""), max(areas, default="")
    return first[: sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))]
