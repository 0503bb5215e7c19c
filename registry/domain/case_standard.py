"""The case standard (案件标准): what counts as a case, when it is closed, and how long each step of it may take. Pure.

A line is one kind of case. A city changes lines and adds its own; what is shipped stands in ``shipped_standard``.
Limits are rows of a line: for a step, for a season and a grade of street or for any; the most exact row wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family, Severity
from registry.domain.working_time import WORKING_UNITS, Limit, TimeUnit

KEY = re.compile(r"[a-z][a-z0-9_]{1,39}")
"""What a kind of case is called in the records."""

MOST_AMOUNT = 10_000.0


class Step(StrEnum):
    """A step of a case with a time limit: 受理立案, 派遣, 现场围护, 修复, 核实, 核查."""

    FILE = "file"
    DISPATCH = "dispatch"
    SECURE = "secure"
    REPAIR = "repair"
    CHECK = "check"
    VERIFY = "verify"


LINE_STEPS = (Step.SECURE, Step.REPAIR)
"""The handling unit's steps, limited line by line; those of the desk are limited for all lines (``DESK_LIMITS``)."""


class Pattern(StrEnum):
    """One step, or two: secure the site (现场围护) under its own short limit, then repair."""

    ONE_STEP = "one_step"
    SECURE_REPAIR = "secure_repair"


class LineLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How long a step may take. ``season``: key of a season, ``grade``: of the area the thing lies in; empty: any."""

    step: Step
    amount: float
    unit: TimeUnit
    season: str = ""
    grade: str = ""

    @property
    def limit(self) -> Limit:
        """The limit itself."""
        return Limit(amount=self.amount, unit=self.unit)


class CaseLine(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of case: 大类, 小类, 立案条件, 结案条件, limits. ``version`` 0: not kept yet.

    ``name_zh`` says in a few words what is wrong; ``quantity_unit`` is what is counted when it is mended (座, 盏, m²);
    ``source`` names the text that the line was taken from. A retired line opens no case any more.
    """

    key: str
    version: int = 0
    family: Family
    severity: Severity
    name_zh: str
    name_en: str = ""
    big_zh: str = ""
    big_en: str = ""
    small_zh: str = ""
    small_en: str = ""
    filing_zh: str = ""
    filing_en: str = ""
    closing_zh: str = ""
    closing_en: str = ""
    pattern: Pattern = Pattern.ONE_STEP
    limits: tuple[LineLimit, ...]
    quantity_unit: str = ""
    source: str = ""
    retired: bool = False

    def said(self, field: str, language: str) -> str:
        """``name``, ``big``, ``small``, ``filing`` or ``closing`` in that language, else in Chinese."""
        return str(getattr(self, f"{field}_{language}") or getattr(self, f"{field}_zh"))

    def limit(self, step: Step, *, grade: str = "", seasons: Sequence[str] = ()) -> Limit | None:
        """The limit of a step of the handling unit; None for a step that this line does not have.

        ``seasons`` are the keys of those in force, what counts more last (``domain.seasons.in_force``). A row for a
        season goes before one for any, the season that counts more before the other; then one for the grade before one
        for any.
        """
        worth = {"": -1} | {key: at for at, key in enumerate(seasons)}
        fitting = [
            each for each in self.limits if each.step is step and each.season in worth and each.grade in ("", grade)
        ]
        if not fitting:
            return None
        return max(fitting, key=lambda each: (worth[each.season], bool(each.grade))).limit

    def repair_limit(self, *, grade: str = "", seasons: Sequence[str] = ()) -> Limit:
        """How long mending may take; every line says so (``check_line``)."""
        found = self.limit(Step.REPAIR, grade=grade, seasons=seasons)
        if found is None:
            raise ValueError(f"the line {self.key} has no limit for repair in any season and grade")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskLimit:
    """How long a step of the desk may take: usually, and for what is critical."""

    usual: Limit
    critical: Limit

    def of(self, severity: Severity) -> Limit:
        """The one for a case as severe as that."""
        return self.critical if severity >= Severity.CRITICAL else self.usual


def _desk(usual: tuple[float, TimeUnit], critical: tuple[float, TimeUnit]) -> DeskLimit:
    return DeskLimit(usual=Limit(amount=usual[0], unit=usual[1]), critical=Limit(amount=critical[0], unit=critical[1]))


# 核实 24 h and 核查 2 h: Yuncheng. Dispatch within 1.5 working hours: Daying. What is critical does not wait for the
# morning: a quarter of an hour at the desk of a limit of two hours is much already.
DESK_LIMITS: Mapping[Step, DeskLimit] = {
    Step.FILE: _desk((1, TimeUnit.WORK_HOUR), (0.25, TimeUnit.URGENT_HOUR)),
    Step.DISPATCH: _desk((1.5, TimeUnit.WORK_HOUR), (0.25, TimeUnit.URGENT_HOUR)),
    Step.CHECK: _desk((24, TimeUnit.URGENT_HOUR), (1, TimeUnit.URGENT_HOUR)),
    Step.VERIFY: _desk((2, TimeUnit.URGENT_HOUR), (2, TimeUnit.URGENT_HOUR)),
}


@dataclass(frozen=True, slots=True)
class Standard:
    """The lines in force by key, the retired ones too: old cases go on having a name and a limit."""

    lines: Mapping[str, CaseLine] = field(default_factory=dict)

    @classmethod
    def of(cls, lines: Iterable[CaseLine]) -> Standard:
        """The standard of these lines."""
        return cls({line.key: line for line in lines})

    def __contains__(self, key: object) -> bool:
        return key in self.lines

    def __iter__(self) -> Iterator[CaseLine]:
        return iter(self.lines.values())

    def line(self, key: str) -> CaseLine:
        """The line of that kind, retired or not. Raises ``InvalidInput`` for a kind that is not in it."""
        try:
            return self.lines[key]
        except KeyError:
            raise InvalidInput(
                "kind", "{given!r} is not a case kind; known are {known}", given=key, known=", ".join(self.open_kinds())
            ) from None

    def open_kinds(self) -> tuple[str, ...]:
        """Keys of what a case may be opened as."""
        return tuple(line.key for line in self if not line.retired)


def check_line(line: CaseLine) -> None:
    """Refuse a line that could not be worked with. Raises ``InvalidInput`` with the field and the fix."""
    if not KEY.fullmatch(line.key):
        raise InvalidInput(
            "key", "{given!r} is no key; use 2 to 40 small letters, digits and _, a letter first", given=line.key[:50]
        )
    if not line.name_zh.strip():
        raise InvalidInput("name_zh", "is missing; say in a few Chinese words what is wrong")
    _check_lengths(line)
    for limit in line.limits:
        _check_limit(limit)
    plain = {each.step for each in line.limits if not each.season and not each.grade}
    if Step.REPAIR not in plain:
        raise InvalidInput("repair", "is missing; every line needs a limit for repair that holds always and everywhere")
    if line.pattern is Pattern.SECURE_REPAIR and Step.SECURE not in plain:
        raise InvalidInput("secure", "is missing; a line of two steps needs a limit for securing the site")
    if line.pattern is Pattern.ONE_STEP and any(each.step is Step.SECURE for each in line.limits):
        raise InvalidInput("secure", "has a limit, but the line has one step only; choose the two-step pattern")
    rows = [(each.step, each.season, each.grade) for each in line.limits]
    if len(set(rows)) < len(rows):
        raise InvalidInput("limits", "say two things for the same step, season and grade; keep one of them")


LONGEST_TEXTS: Mapping[str, int] = {
    "name_zh": 80,
    "name_en": 120,
    "big_zh": 60,
    "big_en": 120,
    "small_zh": 60,
    "small_en": 120,
    "filing_zh": 500,
    "filing_en": 500,
    "closing_zh": 500,
    "closing_en": 500,
    "quantity_unit": 12,
    "source": 200,
}
"""How many characters each text of a line may have."""


def _check_lengths(line: CaseLine) -> None:
    for name, most in LONGEST_TEXTS.items():
        if len(getattr(line, name)) > most:
            raise InvalidInput(name, "is longer than {most} characters; shorten it", most=most)


def _check_limit(each: LineLimit) -> None:
    if each.step not in LINE_STEPS:
        raise InvalidInput("limits", "{given!r} is a step of the desk; lines limit secure and repair", given=each.step)
    if not 0 < each.amount <= MOST_AMOUNT:
        raise InvalidInput(
            each.step.value, "{given} is no limit; write a number above 0, such as 1.5", given=f"{each.amount:g}"
        )
    if len(each.season) > 40 or len(each.grade) > 20:
        raise InvalidInput("limits", "name a season or a grade that is too long; 40 and 20 characters fit")


# What is written in a spreadsheet: "2个紧急工作时", "1.5工作时", "3 工作日", "24 h", "2 urgent hours".
_WRITTEN = re.compile(r"\s*(?P<amount>\d+(?:\.\d+)?)\s*个?\s*(?P<unit>\S.*?)\s*")
_UNIT_WORDS: Mapping[str, TimeUnit] = {
    "紧急工作时": TimeUnit.URGENT_HOUR,
    "紧急工时": TimeUnit.URGENT_HOUR,
    "紧急小时": TimeUnit.URGENT_HOUR,
    "urgent hour": TimeUnit.URGENT_HOUR,
    "urgent h": TimeUnit.URGENT_HOUR,
    "紧急工作日": TimeUnit.URGENT_DAY,
    "紧急日": TimeUnit.URGENT_DAY,
    "urgent day": TimeUnit.URGENT_DAY,
    "工作时": TimeUnit.WORK_HOUR,
    "工作小时": TimeUnit.WORK_HOUR,
    "work hour": TimeUnit.WORK_HOUR,
    "working hour": TimeUnit.WORK_HOUR,
    "工作日": TimeUnit.WORK_DAY,
    "work day": TimeUnit.WORK_DAY,
    "working day": TimeUnit.WORK_DAY,
    "自然日": TimeUnit.CALENDAR_DAY,
    "日历日": TimeUnit.CALENDAR_DAY,
    "calendar day": TimeUnit.CALENDAR_DAY,
}
UNIT_ZH: Mapping[TimeUnit, str] = {
    TimeUnit.URGENT_HOUR: "紧急工作时",
    TimeUnit.URGENT_DAY: "紧急工作日",
    TimeUnit.WORK_HOUR: "工作时",
    TimeUnit.WORK_DAY: "工作日",
    TimeUnit.CALENDAR_DAY: "自然日",
}


def read_limit(text: str, field_name: str) -> Limit:
    """A limit as people write it: "2 紧急工作时", "1.5个工作时", "3 work days". Raises ``InvalidInput``.

    A bare 小时 or 天 is refused: it does not say whether nights and holidays count.
    """
    found = _WRITTEN.fullmatch(text)
    words = found["unit"].lower().replace("_", " ") if found else ""
    unit = _UNIT_WORDS.get(words) or _UNIT_WORDS.get(words.removesuffix("s"))
    if found is None or unit is None:
        raise InvalidInput(
            field_name, "{given!r} is no limit; write a number and one of {known}", given=text[:40], known=_KNOWN_UNITS
        )
    amount = float(found["amount"])
    if not 0 < amount <= MOST_AMOUNT:
        raise InvalidInput(field_name, "{given} is no limit; write a number above 0, such as 1.5", given=f"{amount:g}")
    return Limit(amount=amount, unit=unit)


_KNOWN_UNITS = ", ".join(UNIT_ZH.values())


def written(limit: Limit) -> str:
    """A limit as it stands in a spreadsheet: "2 紧急工作时"; ``read_limit`` reads it back."""
    return f"{limit.amount:g} {UNIT_ZH[limit.unit]}"


def runs_at_night(limit: Limit) -> bool:
    """Whether its clock also runs outside the hours of work."""
    return limit.unit not in WORKING_UNITS
