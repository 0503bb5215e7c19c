"""A board as data: panels on a grid, what each is of and how it is shown, and the choices that narrow all of them.

Boards are kept and sent as the JSON of these values (``read_board``, ``plain_board``), so a board can be written by
hand, shipped as a file and read by another program. ``registry.domain.board_check`` says what is wrong with one.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from registry.domain.errors import InvalidInput
from registry.shapes import shaped

COLUMNS = 24
"""How many columns the grid has; a row of it is 40 px high."""


class PanelKind(StrEnum):
    """How a panel shows what it is of."""

    TIME_SERIES = "time_series"
    STAT = "stat"
    TABLE = "table"
    BAR = "bar"
    HEAT_MAP = "heat_map"
    STATE_TIMELINE = "state_timeline"
    MAP = "map"
    TEXT = "text"


class VariableName(StrEnum):
    """What whoever looks at a board can narrow it to; sources name one as ``$area``, ``$unit`` …"""

    AREA = "area"
    UNIT = "unit"
    CLASS = "class"
    FAMILY = "family"
    ASSET = "asset"
    DEVICE = "device"
    CABINET = "cabinet"
    KIND = "kind"


class Annotation(StrEnum):
    """What is marked in the charts of a board."""

    ALERTS = "alerts"
    CASES = "cases"
    PERMITS = "permits"


class Tone(StrEnum):
    """How a value from a threshold on is coloured, and with which shape beside it."""

    GOOD = "good"
    NOTICE = "notice"
    ALARM = "alarm"
    CRITICAL = "critical"


class Show(StrEnum):
    """Which of a slice's values a chart draws: the mean within its extremes, the mean alone, the greatest alone."""

    RANGE = "range"
    MEAN = "mean"
    MAX = "max"


class Counted(StrEnum):
    """What can be counted."""

    CASES = "cases"
    ALERTS = "alerts"
    ASSETS = "assets"
    DEVICES = "devices"
    CABINETS = "cabinets"
    READINGS = "readings"
    DEAD_LETTERS = "dead_letters"
    PERMITS = "permits"
    SCANS = "scans"


class SplitBy(StrEnum):
    """What a count is split by; ``channel``: how a case came in."""

    STAGE = "stage"
    KIND = "kind"
    SEVERITY = "severity"
    UNIT = "unit"
    AREA = "area"
    FAMILY = "family"
    STATE = "state"
    ROAD = "road"
    CHANNEL = "channel"
    LATE = "late"
    REASON = "reason"


class Over(StrEnum):
    """The steps of a count over time, in the city's zone; weeks begin on Monday."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Moment(StrEnum):
    """Which moment of a case puts it into a span: when it was opened, or when it ended."""

    OPENED = "opened"
    ENDED = "ended"


class Listed(StrEnum):
    """What a list can be of."""

    CASES = "cases"
    ALERTS = "alerts"
    ASSETS = "assets"
    DEVICES = "devices"
    CABINETS = "cabinets"


class Order(StrEnum):
    """The order of a list; ``late``: what is due (of devices and cabinets: what was silent) longest first."""

    WORST = "worst"
    NEWEST = "newest"
    LATE = "late"


class Timelined(StrEnum):
    """Whose states a timeline shows."""

    CABINETS = "cabinets"
    DEVICES = "devices"
    ALERTS = "alerts"


class QualityOf(StrEnum):
    """What can be wrong with the data itself."""

    LATENESS = "lateness"
    GAPS = "gaps"
    REJECTED = "rejected"
    UNOWNED = "unowned"
    UNPLACED = "unplaced"


Chosen = str | int | bool | tuple[str | int, ...]
"""What a condition asks for: a value, one of several, or ``$name`` (what was chosen of a variable; nothing: any)."""

Where = dict[str, Chosen]


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Text in both languages; without English the Chinese is shown."""

    zh: str = ""
    en: str = ""

    def said(self, language: str) -> str:
        """In ``language``, as far as there is any."""
        return self.zh if language == "zh" else self.en or self.zh


class SeriesSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="of", tag="series"):
    """Readings over time: of ``points`` by id, or of every ``point`` of that name that one of the ``of_…`` chooses.

    ``most``: how many curves at most, those with a live alert first.
    """

    points: tuple[int, ...] = ()
    point: str = ""
    of_assets: str | tuple[int, ...] = ()
    of_devices: str | tuple[int, ...] = ()
    of_family: str | tuple[str, ...] = ()
    of_class: str | tuple[str, ...] = ()
    where: Where = {}
    most: int = 50
    show: Show = Show.RANGE


class CountSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="of", tag="count"):
    """How many there are: of what happens (cases, alerts …) those of the span, unless ``where`` asks for ``open`` ones;
    of what simply is there (assets, devices, cabinets) those of now.
    """

    what: Counted
    by: SplitBy | None = None
    over: Over | None = None
    at: Moment = Moment.OPENED
    where: Where = {}
    limit: int = 20


class WeekHoursSource(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="of", tag="week_hours"
):
    """How many began in which hour of the week, in the city's zone."""

    what: Counted
    where: Where = {}


class ListSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="of", tag="list"):
    """Rows that lead to the thing itself."""

    what: Listed
    where: Where = {}
    order: Order = Order.WORST
    limit: int = 20


class StatesSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="of", tag="states"):
    """Who was in which state when."""

    what: Timelined
    where: Where = {}
    limit: int = 20


class QualitySource(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="of", tag="quality"
):
    """What is wrong with the data itself."""

    what: QualityOf
    where: Where = {}
    limit: int = 20


class MapSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="of", tag="map"):
    """The city's map."""

    where: Where = {}


Source = SeriesSource | CountSource | WeekHoursSource | ListSource | StatesSource | QualitySource | MapSource


class Threshold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """From this value on, this tone."""

    from_: float
    tone: Tone


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How it is shown. ``text``: what a panel of text says; ``href``: where the panel leads, a path of this site.

    ``unit`` and ``decimals`` None: those of the point or of what is counted.
    """

    unit: str | None = None
    decimals: int | None = None
    thresholds: tuple[Threshold, ...] = ()
    stacked: bool = False
    min: float | None = None
    max: float | None = None
    spark: bool = False
    text: Words | None = None
    limit: int | None = None
    href: str = ""


class Panel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One panel and where it stands: ``x`` and ``w`` in columns, ``y`` and ``h`` in rows."""

    id: str
    title: Words = Words()
    kind: PanelKind
    x: int
    y: int
    w: int
    h: int
    source: Source | None = None
    options: Options = Options()


class Variable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A choice above the board, and what is chosen at first; nothing: all."""

    name: VariableName
    multi: bool = False
    default: tuple[str | int, ...] = ()


class BoardTime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """The span at first: ``-24h``, ``-7d``, ``-8w``, ``-12M``, ``-1y`` before ``to``, or a moment; ``now``."""

    from_: str = "-24h"
    to: str = "now"


class Board(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A board. ``refresh_s``: how often it is answered anew while somebody looks; 0: not by itself."""

    key: str
    name: Words
    note: Words = Words()
    time: BoardTime = BoardTime()
    refresh_s: int = 30
    variables: tuple[Variable, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    panels: tuple[Panel, ...] = ()

    def panel(self, panel_id: str) -> Panel | None:
        """The panel of that id."""
        return next((each for each in self.panels if each.id == panel_id), None)


def read_board(plain: Mapping[str, Any]) -> Board:
    """A board from plain JSON values. Raises ``InvalidInput``, whose field is the path to what doesn't fit."""
    board: Board = _read(plain, Board)
    return board


def read_panel(plain: Mapping[str, Any]) -> Panel:
    """A panel from plain JSON values. Raises ``InvalidInput``."""
    panel: Panel = _read(plain, Panel)
    return panel


def plain_board(board: Board) -> dict[str, Any]:
    """The board as plain JSON values."""
    made: dict[str, Any] = msgspec.to_builtins(board)
    return made


def _read(plain: Mapping[str, Any], shape: Any) -> Any:
    try:
        return shaped(dict(plain), shape)
    except msgspec.ValidationError as error:
        said, _, path = str(error).partition(" - at `$")
        raise InvalidInput(path.strip("`.") or "board", "{why}", why=said[:1].lower() + said[1:]) from error
