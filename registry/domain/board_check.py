"""What is wrong with a board: every problem with the path of its field and what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from registry.domain.board_time import is_span_end
from registry.domain.boards import (
    COLUMNS,
    Board,
    Chosen,
    Counted,
    CountSource,
    Listed,
    ListSource,
    MapSource,
    Options,
    Panel,
    PanelKind,
    QualityOf,
    QualitySource,
    SeriesSource,
    Source,
    SplitBy,
    StatesSource,
    Timelined,
    VariableName,
    WeekHoursSource,
)
from registry.domain.errors import InvalidInput
from registry.domain.points import POINTS

KEY = re.compile(r"[a-z][a-z0-9_-]{0,58}[a-z0-9]")
PANEL_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,38}")
_OF_THIS_SITE = re.compile(r"/(?!/)[^\\\x00-\x20\x7f]*")
"""Browsers read a backslash as a slash and skip control characters: ``/\\host`` would lead out of the site."""
RESERVED = frozenset({"new", "preview", "choices"})
"""Words that stand in addresses where a board's key does."""

MOST_PANELS = 60
MOST_CURVES = 50
MOST_ROWS = 200
MOST_VALUES = 200
_MOST_ID = 2**53
_YES_OR_NO = frozenset({"open", "late"})
TALLEST = 40
LOWEST_ROW = 500
LONGEST_NAME = 80
LONGEST_TEXT = 4000

_OF_PLACE = frozenset({"area", "asset", "family", "class"})
CONDITIONS: Mapping[Counted | Listed | Timelined, frozenset[str]] = {
    Counted.CASES: frozenset({"area", "unit", "kind", "stage", "severity", "channel", "open", "late", "asset"}),
    Counted.ALERTS: _OF_PLACE | {"kind", "severity", "state", "device", "cabinet"},
    Counted.ASSETS: _OF_PLACE | {"state", "unit"},
    Counted.DEVICES: _OF_PLACE | {"state", "device", "cabinet"},
    Counted.CABINETS: frozenset({"state", "cabinet"}),
    Counted.READINGS: _OF_PLACE | {"device", "cabinet"},
    Counted.DEAD_LETTERS: frozenset({"reason", "cabinet"}),
    Counted.PERMITS: _OF_PLACE | {"state"},
    Counted.SCANS: _OF_PLACE | {"state"},
}
"""By what each thing can be narrowed."""

_OF_FILES = frozenset({"area"})
QUALITY_CONDITIONS: Mapping[QualityOf, frozenset[str]] = {
    QualityOf.LATENESS: frozenset({"cabinet"}),
    QualityOf.REJECTED: frozenset({"cabinet"}),
    QualityOf.GAPS: _OF_FILES,
    QualityOf.UNOWNED: _OF_FILES,
    QualityOf.UNPLACED: _OF_FILES,
}
"""The same of what can be wrong with the data."""

MAP_CONDITIONS = frozenset({"area", "family"})

SPLITS: Mapping[Counted, frozenset[SplitBy]] = {
    Counted.CASES: frozenset(
        {
            *(SplitBy.STAGE, SplitBy.KIND, SplitBy.SEVERITY, SplitBy.UNIT, SplitBy.AREA, SplitBy.CHANNEL),
            SplitBy.LATE,
        }
    ),
    Counted.ALERTS: frozenset({SplitBy.SEVERITY, SplitBy.KIND, SplitBy.STATE, SplitBy.FAMILY, SplitBy.AREA}),
    Counted.ASSETS: frozenset({SplitBy.FAMILY, SplitBy.STATE, SplitBy.AREA, SplitBy.ROAD}),
    Counted.DEVICES: frozenset({SplitBy.STATE, SplitBy.FAMILY, SplitBy.AREA}),
    Counted.CABINETS: frozenset({SplitBy.STATE}),
    Counted.READINGS: frozenset(),
    Counted.DEAD_LETTERS: frozenset({SplitBy.REASON}),
    Counted.PERMITS: frozenset({SplitBy.STATE}),
    Counted.SCANS: frozenset({SplitBy.STATE}),
}
"""By what each thing can be split."""

HAPPENING = frozenset({Counted.CASES, Counted.ALERTS, Counted.READINGS, Counted.DEAD_LETTERS, Counted.PERMITS})
HAPPENING |= {Counted.SCANS}
"""What has a moment, so that it can be counted over time."""

IN_WEEK = frozenset({Counted.CASES, Counted.ALERTS, Counted.SCANS})

SHOWS: Mapping[PanelKind, tuple[type, ...]] = {
    PanelKind.TIME_SERIES: (SeriesSource, CountSource),
    PanelKind.STAT: (CountSource, SeriesSource),
    PanelKind.TABLE: (ListSource, CountSource, QualitySource, SeriesSource),
    PanelKind.BAR: (CountSource, QualitySource),
    PanelKind.HEAT_MAP: (WeekHoursSource,),
    PanelKind.STATE_TIMELINE: (StatesSource,),
    PanelKind.MAP: (MapSource,),
}
"""What each kind of panel can show."""

_WORDS_OF: Mapping[type, str] = {
    SeriesSource: "series",
    CountSource: "count",
    QualitySource: "quality",
    WeekHoursSource: "week_hours",
    ListSource: "list",
    StatesSource: "states",
    MapSource: "map",
}


def shown_by(kind: PanelKind) -> list[str]:
    """The words of the sources that a kind of panel can show."""
    return [_WORDS_OF[each] for each in SHOWS[kind]]


def check_board(board: Board) -> tuple[InvalidInput, ...]:
    """Every problem of ``board``; none: it can be kept."""
    return (*_head(board), *_variables(board), *_panels(board))


def check_panel(panel: Panel, variables: frozenset[str] | None = None, at: str = "panel") -> tuple[InvalidInput, ...]:
    """Every problem of one panel. ``variables``: those its board has; None: any."""
    return (
        *_place(panel, at),
        *_options(panel.options, at),
        *_source(panel, at),
        *(() if variables is None else _named(panel.source, variables, at)),
    )


def _head(board: Board) -> Iterator[InvalidInput]:
    if not KEY.fullmatch(board.key) or board.key in RESERVED:
        yield InvalidInput("key", "must be 2 to 60 small letters, digits, - and _, beginning with a letter")
    if not board.name.zh.strip():
        yield InvalidInput("name.zh", "is missing")
    for field, text, most in (
        ("name.zh", board.name.zh, LONGEST_NAME),
        ("name.en", board.name.en, LONGEST_NAME),
        ("note.zh", board.note.zh, LONGEST_TEXT),
        ("note.en", board.note.en, LONGEST_TEXT),
    ):
        yield from _longer(field, text, most)
    for field, said in (("time.from", board.time.from_), ("time.to", board.time.to)):
        if not is_span_end(said):
            yield InvalidInput(field, "must be now, a span before it such as -24h, -7d, -12M, -1y, or a moment")
    if board.refresh_s and not 5 <= board.refresh_s <= 86_400:
        yield InvalidInput("refresh_s", "must be 0 (never) or 5 to 86400 seconds")


def _variables(board: Board) -> Iterator[InvalidInput]:
    seen: set[str] = set()
    for place, variable in enumerate(board.variables):
        at = f"variables[{place}]"
        if variable.name in seen:
            yield InvalidInput(f"{at}.name", "{given} is there twice", given=variable.name.value)
        seen.add(variable.name)
        if len(variable.default) > (MOST_VALUES if variable.multi else 1):
            yield InvalidInput(f"{at}.default", "must be one value unless several may be chosen")


def _panels(board: Board) -> Iterator[InvalidInput]:
    if len(board.panels) > MOST_PANELS:
        many = len(board.panels)
        yield InvalidInput("panels", "are {count}; at most {most} fit", count=many, most=MOST_PANELS)
    names, seen = frozenset(variable.name.value for variable in board.variables), set[str]()
    for place, panel in enumerate(board.panels):
        at = f"panels[{place}]"
        if panel.id in seen:
            yield InvalidInput(f"{at}.id", "{given} is there twice", given=panel.id)
        seen.add(panel.id)
        yield from check_panel(panel, names, at)
    for one, two in _overlapping(board.panels):
        yield InvalidInput(f"panels[{two}].y", "lies over the panel {other}", other=board.panels[one].id)


def _place(panel: Panel, at: str) -> Iterator[InvalidInput]:
    if not PANEL_ID.fullmatch(panel.id):
        yield InvalidInput(f"{at}.id", "must be 1 to 40 small letters, digits, - and _")
    for field, text in (("zh", panel.title.zh), ("en", panel.title.en)):
        yield from _longer(f"{at}.title.{field}", text, LONGEST_NAME)
    if panel.x < 0 or panel.w < 1 or panel.x + panel.w > COLUMNS:
        yield InvalidInput(f"{at}.w", "must lie within the {columns} columns of the board", columns=COLUMNS)
    if not (0 <= panel.y <= LOWEST_ROW and 1 <= panel.h <= TALLEST):
        yield InvalidInput(f"{at}.h", "must be 1 to {most} rows", most=TALLEST)


def _options(options: Options, at: str) -> Iterator[InvalidInput]:
    if options.decimals is not None and not 0 <= options.decimals <= 6:
        yield InvalidInput(f"{at}.options.decimals", "must be 0 to 6")
    if options.min is not None and options.max is not None and options.min >= options.max:
        yield InvalidInput(f"{at}.options.max", "must be more than min")
    levels = [each.from_ for each in options.thresholds]
    if levels != sorted(set(levels)):
        yield InvalidInput(f"{at}.options.thresholds", "must rise from one to the next")
    if options.limit is not None and not 1 <= options.limit <= MOST_ROWS:
        yield InvalidInput(f"{at}.options.limit", "must be 1 to {most}", most=MOST_ROWS)
    if options.href and not _OF_THIS_SITE.fullmatch(options.href):
        yield InvalidInput(f"{at}.options.href", "must be a path of this site, beginning with /")
    if options.text is not None:
        for field, text in (("zh", options.text.zh), ("en", options.text.en)):
            yield from _longer(f"{at}.options.text.{field}", text, LONGEST_TEXT)


def _source(panel: Panel, at: str) -> Iterator[InvalidInput]:
    source, at = panel.source, f"{at}.source"
    if panel.kind is PanelKind.TEXT:
        if source is not None:
            yield InvalidInput(at, "a panel of text has no source")
        return
    if source is None:
        yield InvalidInput(at, "is missing: say what the panel is of")
        return
    fitting = SHOWS[panel.kind]
    if not isinstance(source, fitting):
        known = ", ".join(_WORDS_OF[each] for each in fitting)
        yield InvalidInput(f"{at}.of", "a panel of this kind shows {known}", known=known)
        return
    if isinstance(source, SeriesSource):
        yield from _series(source, at)
    if isinstance(source, CountSource):
        yield from _count(source, panel.kind, at)
    if isinstance(source, WeekHoursSource) and source.what not in IN_WEEK:
        yield InvalidInput(f"{at}.what", "must be one of {known}", known=", ".join(sorted(IN_WEEK)))
    if (
        isinstance(source, ListSource | StatesSource | QualitySource | CountSource)
        and not 1 <= source.limit <= MOST_ROWS
    ):
        yield InvalidInput(f"{at}.limit", "must be 1 to {most}", most=MOST_ROWS)
    yield from _where(source, at)


def _series(source: SeriesSource, at: str) -> Iterator[InvalidInput]:
    choosers = [name for name in ("of_assets", "of_devices", "of_family", "of_class") if getattr(source, name)]
    if bool(source.points) == bool(source.point):
        yield InvalidInput(f"{at}.point", "name either points by their ids, or one point name of several devices")
    if source.point and source.point not in POINTS:
        yield InvalidInput(f"{at}.point", "{given!r} is no point that a device can have", given=source.point[:40])
    if source.point and len(choosers) != 1:
        yield InvalidInput(f"{at}.of_family", "say of which assets, devices, family or class; of one of them")
    for name in choosers:
        chosen = getattr(source, name)
        if isinstance(chosen, tuple) and len(chosen) > MOST_VALUES:
            yield InvalidInput(f"{at}.{name}", "holds too many values; at most {most}", most=MOST_VALUES)
    if not 1 <= source.most <= MOST_CURVES:
        yield InvalidInput(f"{at}.most", "must be 1 to {most}", most=MOST_CURVES)
    for place, point_id in enumerate(source.points):
        if not 0 < point_id < _MOST_ID:
            yield InvalidInput(f"{at}.points[{place}]", "{given!r} is no number", given=str(point_id)[:20])
    if len(source.points) > MOST_CURVES:
        yield InvalidInput(
            f"{at}.points", "are {count}; at most {most} fit", count=len(source.points), most=MOST_CURVES
        )


def _count(source: CountSource, kind: PanelKind, at: str) -> Iterator[InvalidInput]:
    if source.by is not None and source.by not in SPLITS[source.what]:
        known = ", ".join(sorted(SPLITS[source.what])) or "–"
        yield InvalidInput(f"{at}.by", "these can be split by {known}", known=known)
    if source.over is not None and source.what not in HAPPENING:
        yield InvalidInput(f"{at}.over", "these simply are there; only what happens can be counted over time")
    if kind is PanelKind.TIME_SERIES and source.over is None:
        yield InvalidInput(f"{at}.over", "is missing: by the hour, day, week or month")
    if kind is PanelKind.BAR and source.by is None and source.over is None:
        yield InvalidInput(f"{at}.by", "is missing: bars of what?")


def _where(source: Source, at: str) -> Iterator[InvalidInput]:
    known = known_conditions(source)
    for name, value in source.where.items():
        if name not in known:
            yield InvalidInput(f"{at}.where.{name}", "can't narrow these; {known} can", known=", ".join(sorted(known)))
        elif isinstance(value, tuple) and len(value) > MOST_VALUES:
            yield InvalidInput(f"{at}.where.{name}", "holds too many values; at most {most}", most=MOST_VALUES)
        elif name in _YES_OR_NO and not isinstance(value, bool):
            known_values = "true, false"
            yield InvalidInput(
                f"{at}.where.{name}", "{given!r} must be one of {known}", given=str(value)[:20], known=known_values
            )


def known_conditions(source: Source) -> frozenset[str]:
    """By what this source can be narrowed."""
    if isinstance(source, SeriesSource):
        return CONDITIONS[Counted.READINGS]
    if isinstance(source, QualitySource):
        return QUALITY_CONDITIONS[source.what]
    if isinstance(source, MapSource):
        return MAP_CONDITIONS
    return CONDITIONS[Counted(source.what.value)]


def names_in(source: Source | None) -> dict[str, str]:
    """The variables that a source names, by the field that does."""
    if source is None:
        return {}
    given: dict[str, Chosen] = {f"where.{name}": value for name, value in source.where.items()}
    if isinstance(source, SeriesSource):
        given |= {name: getattr(source, name) for name in ("of_assets", "of_devices", "of_family", "of_class")}
    return {field: value[1:] for field, value in given.items() if isinstance(value, str) and value.startswith("$")}


def _named(source: Source | None, variables: frozenset[str], at: str) -> Iterator[InvalidInput]:
    for field, name in names_in(source).items():
        if name not in set(VariableName):
            yield InvalidInput(f"{at}.source.{field}", "{given} is no variable", given=f"${name}"[:40])
        elif name not in variables:
            yield InvalidInput(f"{at}.source.{field}", "the board has no variable {given}", given=name)


def _overlapping(panels: tuple[Panel, ...]) -> Iterator[tuple[int, int]]:
    for two, below in enumerate(panels):
        for one, above in enumerate(panels[:two]):
            across = below.x < above.x + above.w and above.x < below.x + below.w
            if across and below.y < above.y + above.h and above.y < below.y + below.h:
                yield one, two
                break


def _longer(field: str, text: str, most: int) -> Iterator[InvalidInput]:
    if len(text) > most:
        yield InvalidInput(field, "is {count} characters long; at most {most} fit", count=len(text), most=most)
