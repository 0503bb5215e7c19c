"""The dispatch table (派遣规则): which unit a case goes to, whom of the unit, and whether a person has to say so. Pure.

A line is about a kind of case, a class or family of thing, an area and a grade of street; what it leaves empty is any.
The most exact line decides alone: one for the kind goes before one for every kind, then a class before a family before
anything, then the smaller area, then the one that names the grade. A line may leave the unit to the records
(先属主后属地) and only say that such cases need no person's word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from registry.domain.areas import parents_of


class Applies(StrEnum):
    """When a line is asked: for every case, or (兜底) where nobody owns or maintains the thing."""

    ALWAYS = "always"
    OWNERLESS = "ownerless"


class Whom(StrEnum):
    """Whom of the unit: who is on the post, the nearest one on duty, who has least in hand, or the unit's own choice.

    ``BEST`` tries the post, then the nearest, then leaves it to the unit.
    """

    BEST = "best"
    POST = "post"
    NEAREST = "nearest"
    LEAST = "least"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchLine:
    """One line. ``unit_id`` None: the unit that the records name. ``automatic``: the worker dispatches it at once."""

    id: int
    applies: Applies = Applies.ALWAYS
    kind: str = ""
    family: str = ""
    scheme: str = ""
    class_code: str = ""
    area_code: str = ""
    grade: str = ""
    unit_id: int | None = None
    whom: Whom = Whom.BEST
    automatic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a line is sought for: empty fields are not known. ``grade`` is the grade of the street (管理等级)."""

    kind: str
    family: str = ""
    scheme: str = ""
    class_code: str = ""
    area_code: str = ""
    grade: str = ""


_Key = tuple[Applies, str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class DispatchTable:
    """All lines, ready to be asked; asking takes at most 72 looks into a mapping, however long the table is."""

    lines: Mapping[_Key, DispatchLine]

    @classmethod
    def of(cls, lines: Iterable[DispatchLine]) -> DispatchTable:
        """The table of ``lines``."""
        return cls({_key_of(line): line for line in lines})

    @property
    def decides_alone(self) -> bool:
        """Whether any line lets the worker dispatch; where none does, nothing needs to be looked at."""
        return any(line.automatic for line in self.lines.values())

    def line_for(self, applies: Applies, about: About) -> DispatchLine | None:
        """The most exact line for it, or None."""
        for key in _keys_for(applies, about):
            line = self.lines.get(key)
            if line is not None:
                return line
        return None


def _key_of(line: DispatchLine) -> _Key:
    return (line.applies, line.kind, line.family, line.scheme, line.class_code, line.area_code, line.grade)


def _keys_for(applies: Applies, about: About) -> Iterator[_Key]:
    """Every line that would hold, the most exact first."""
    subjects = [("", "", "")]
    if about.family:
        subjects.insert(0, (about.family, "", ""))
    if about.class_code:
        subjects.insert(0, ("", about.scheme, about.class_code))
    areas = ([about.area_code] if about.area_code else []) + parents_of(about.area_code) + [""]
    grades = [about.grade, ""] if about.grade else [""]
    for kind in [about.kind, ""] if about.kind else [""]:
        for family, scheme, class_code in subjects:
            for area_code in areas:
                for grade in grades:
                    yield (applies, kind, family, scheme, class_code, area_code, grade)
