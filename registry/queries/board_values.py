"""What a panel is asked for, and what it answers: plain values, with words and links left to whoever shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Engine

from registry.domain.boards import Chosen, Show
from registry.domain.errors import InvalidInput, StoreDown
from registry.storage.series import SeriesStore
from registry.storage.times import to_ms

Found = TypeVar("Found")


class Word(NamedTuple):
    """Words of a catalogue by their key."""

    key: str


class To(NamedTuple):
    """A page by its name, with what stands in its address."""

    page: str
    args: Mapping[str, Any] = {}


Said = str | Word | tuple["str | Word", ...]
"""A name as it is kept, words of a catalogue, or several of both that stand beside one another."""


class Nothing(Exception):
    """There is no answer, and that is no mistake of the program: ``code`` says why (a word ``board.problem.…``)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Shared:
    """What several panels of one question need, found out once. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: dict[str, Any] = {}
        self.series_down: StoreDown | None = None
        """Why the series store did not answer, as soon as one panel has waited for it in vain."""

    def once(self, name: str, find: Callable[[], Found]) -> Found:
        """What ``find`` answered whoever was the first to ask for ``name``."""
        with self._lock:
            if name not in self._found:
                self._found[name] = find()
            found: Found = self._found[name]
            return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks what of which time: since ≤ t < until, in the city's ``zone``; names in ``lang``.

    ``scope`` is the area that the visitor is bound to; ``chosen`` what is chosen of each variable (none: any).
    """

    engine: Engine
    store: SeriesStore
    now: datetime
    since: datetime
    until: datetime
    zone: tzinfo
    scope: str = ""
    lang: str = "zh"
    width_px: int = 800
    chosen: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    shared: Shared = field(default_factory=Shared, compare=False)

    @property
    def since_ms(self) -> int:
        """The beginning in ms."""
        return to_ms(self.since)

    @property
    def until_ms(self) -> int:
        """The end in ms."""
        return to_ms(self.until)

    def words(self, given: Chosen) -> tuple[str, ...]:
        """What a condition asks for, as text; nothing: any. A variable counts as what is chosen of it."""
        if isinstance(given, str) and given.startswith("$"):
            return tuple(str(each) for each in self.chosen.get(given[1:], ()))
        if isinstance(given, tuple):
            return tuple(str(each) for each in given)
        return (str(given).lower() if isinstance(given, bool) else str(given),)

    def numbers(self, field_name: str, given: Chosen) -> tuple[int, ...]:
        """The same where ids are meant. Raises ``InvalidInput``."""
        words = self.words(given)
        if bad := [word for word in words if not (word.isascii() and word.isdigit() and len(word) < 18)]:
            raise InvalidInput(field_name, "{given!r} is no number", given=bad[0][:40])
        return tuple(int(word) for word in words)

    def named(self, zh: str, en: str) -> str:
        """A name that is kept in both languages."""
        return zh if self.lang == "zh" else en or zh


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """One point's slices as columns: their beginnings in ms, least, greatest and mean value, how many readings."""

    name: Said
    unit: str
    decimals: int
    point_id: int
    asset_id: int | None
    t: list[int]
    min: list[float]
    max: list[float]
    mean: list[float]
    readings: list[int]


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """``left_out``: how many did not fit (at least); ``show``: what of the slices is drawn."""

    series: list[Curve]
    left_out: int = 0
    show: Show = Show.RANGE
    bands: tuple[()] = ()


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """Counts by the step: when each begins, in ms, and how many."""

    name: Said
    t: list[int]
    value: list[int]


class CountsOverTime(msgspec.Struct, frozen=True, kw_only=True):
    """``step_ms``: how long a step is, or the usual one is (days and months vary); ``left_out``: as for curves."""

    series: list[Steps]
    step_ms: int
    left_out: int = 0


class Spark(msgspec.Struct, frozen=True, kw_only=True):
    """A small curve beside a number."""

    t: list[int]
    value: list[float]


class Stat(msgspec.Struct, frozen=True, kw_only=True):
    """One number; ``before`` is that of as long a time just before, where there is one."""

    value: float | None
    unit: str = "1"
    decimals: int | None = None
    before: float | None = None
    spark: Spark | None = None
    to: To | None = None


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """``kind``: text, number, time (ms), severity (1 to 3), stage (a word of ``Stage``) or link."""

    key: str
    name: Said
    kind: str = "text"
    unit: str = ""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of cells in the order of the columns; ``to``: where each row leads."""

    columns: list[Column]
    rows: list[list[Any]]
    to: list[To | None]
    more: bool = False


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One bar."""

    name: Said
    value: float
    to: To | None = None


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """The longest first where they have no order of their own; ``rest``: the sum of those that did not fit."""

    bars: list[Bar]
    rest: float = 0
    unit: str = "1"


class Heat(msgspec.Struct, frozen=True, kw_only=True):
    """(weekday 0 Monday to 6, hour, how many); what is missing is none."""

    cells: list[tuple[int, int, int]]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's states in order: (from ms, until ms, state)."""

    name: Said
    to: To | None
    spans: list[tuple[int, int, str]]


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Who was in which state when."""

    rows: list[Line]
    more: bool = False


class MapAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the map is narrowed to; it fetches the rest itself."""

    area: str
    families: tuple[str, ...]


Answer = Curves | CountsOverTime | Stat | Table | Bars | Heat | Timeline | MapAnswer
