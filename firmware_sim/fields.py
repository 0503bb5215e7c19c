"""One table of a TOML file, read field by field; whatever does not fit is noted with its place and its cure.

A reader always gets a value of the right type back, so reading goes on and all problems of a file are found at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

_MISSING = object()


@dataclass(slots=True)
class Fields:
    """``raw`` with its place (``file: bus[0].unit[3]``) for the messages, and the list that problems go to."""

    raw: Mapping[str, Any]
    place: str
    problems: list[str]
    _read: set[str] = field(default_factory=set)

    def problem(self, key: str, text: str) -> None:
        """Note a problem of ``key``."""
        sep = "." if ": " in self.place else ": "
        self.problems.append(f"{self.place}{sep}{key}: {text}")

    def has(self, key: str) -> bool:
        """Whether the file says anything about ``key``."""
        return key in self.raw

    def ignore(self, key: str) -> None:
        """Accept ``key`` without looking at it."""
        self._read.add(key)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty."""
        value = self._take(key, default, "give it as text in quotes")
        if value is _MISSING:
            return default or ""
        if not isinstance(value, str) or not value.strip():
            self.problem(key, f"{value!r} is not a text; write it in quotes and not empty")
            return default or ""
        return value

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """One of ``choices``."""
        wanted = ", ".join(choices)
        value = self._take(key, None, f"give one of: {wanted}")
        if value is _MISSING:
            return choices[0]
        if value not in choices:
            self.problem(key, f"{value!r} is not known; use one of: {wanted}")
            return choices[0]
        return cast("str", value)

    def boolean(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._take(key, default, "")
        if not isinstance(value, bool):
            self.problem(key, f"{value!r} is neither true nor false; write one of them, without quotes")
            return default
        return value

    def integer(self, key: str, default: int | None = None, *, low: int = 0, high: int = 2**63 - 1) -> int:
        """A whole number from ``low`` to ``high``."""
        value = self._take(key, default, f"give a whole number from {low} to {high}")
        if value is _MISSING:
            return default if default is not None else low
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.problem(key, f"{value!r} is not usable; give a whole number from {low} to {high}")
            return default if default is not None else low
        return value

    def number(self, key: str, default: float | None = None, *, low: float, high: float) -> float:
        """A number from ``low`` to ``high``."""
        value = self._take(key, default, f"give a number from {low:g} to {high:g}")
        if value is _MISSING:
            return default if default is not None else low
        good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not good or not low <= value <= high:
            self.problem(key, f"{value!r} is not usable; give a number from {low:g} to {high:g}")
            return default if default is not None else low
        return float(value)

    def pair(self, key: str) -> tuple[float, float] | None:
        """Two numbers, ``[lon, lat]``; None when they are not usable."""
        value = self._take(key, None, "give [lon, lat], such as [113.3, 23.1]")
        if value is _MISSING:
            return None
        good = isinstance(value, list) and len(value) == 2
        good = good and all(isinstance(n, int | float) and not isinstance(n, bool) for n in value)
        if not good or not (-180 <= value[0] <= 180 and -90 <= value[1] <= 90):
            self.problem(key, f"{value!r} is not a place; give [lon, lat] in degrees, such as [113.3, 23.1]")
            return None
        return float(value[0]), float(value[1])

    def tables(self, key: str) -> list[Fields]:
        """The tables of an array ``[[key]]``; empty when there is none."""
        value = self._take(key, [], "")
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.problem(key, f"is not a list of tables; write each one under its own [[{key}]]")
            return []
        sep = "." if ": " in self.place else ": "
        return [Fields(item, f"{self.place}{sep}{key}[{index}]", self.problems) for index, item in enumerate(value)]

    def refuse_the_rest(self) -> None:
        """Note every key that nobody asked for: a misspelt field must not be ignored."""
        for key in sorted(set(self.raw) - self._read):
            known = ", ".join(sorted(self._read))
            self.problem(key, f"is not a known field here; remove it or use one of: {known}")

    def _take(self, key: str, default: object, cure: str) -> Any:
        self._read.add(key)
        if key in self.raw:
            return self.raw[key]
        if default is not None:
            return default
        self.problem(key, f"is missing; {cure}")
        return _MISSING
