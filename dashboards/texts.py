"""The words of the pages in Chinese and English, and the ways a time, a number or a span is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

import structlog

log = structlog.get_logger(__name__)

LANGUAGES = ("zh", "en")
DEFAULT_LANGUAGE = "zh"
NOTHING = "–"

_FORMS = {
    "second": "%Y-%m-%d %H:%M:%S",
    "minute": "%Y-%m-%d %H:%M",
    "date": "%Y-%m-%d",
    "clock": "%H:%M:%S",
}

# (seconds in one, Chinese, English), largest first
_STEPS = ((86400, "天", "d"), (3600, "小时", "h"), (60, "分钟", "min"), (1, "秒", "s"))


class MissingWord(LookupError):
    """A page asked for a word that no catalogue has."""


class _Counting(Formatter):
    """Fills places as ``str.format`` does, and ``{count:case|cases}`` by the word for one or that for other numbers."""

    def format_field(self, value: object, format_spec: str) -> str:
        one, bar, many = format_spec.partition("|")
        if not bar:
            return str(super().format_field(value, format_spec))
        return one if str(value) == "1" else many


_COUNTING = _Counting()


class Texts:
    """The catalogues of every language, looked up by flat keys such as ``stage.closed``.

    A text has places: ``{name}``, and ``{count:case|cases}`` for a word that goes by a number.

    With ``strict`` a missing key or argument raises ``MissingWord``; without, the key itself is shown and logged once.
    """

    def __init__(self, catalogues: Mapping[str, Mapping[str, str]], *, strict: bool) -> None:
        self.catalogues = catalogues
        self.strict = strict
        self._missed: set[tuple[str, str]] = set()

    def has(self, lang: str, key: str) -> bool:
        """Whether ``lang`` has a word for ``key``."""
        return key in self.catalogues[lang]

    def t(self, lang: str, key: str, **args: object) -> str:
        """The words for ``key`` with ``{name}`` replaced by the argument of that name."""
        try:
            text = self.catalogues[lang][key]
            return _COUNTING.vformat(text, (), args) if "|" in text else text.format(**args)
        except (KeyError, IndexError, ValueError) as error:
            if self.strict:
                raise MissingWord(f"{lang}: {key} ({error})") from error
            if (lang, key) not in self._missed:
                self._missed.add((lang, key))
                log.error("word_missing", lang=lang, key=key, problem=str(error))
            return key


def load_catalogues(folder: Path) -> dict[str, dict[str, str]]:
    """Read ``{lang}.json`` (the pages' words) and ``messages.{lang}.json`` (the server's) for every language.

    Raises ``ValueError`` when a file is no flat JSON object or a key stands in both files.
    """
    return {lang: _load(folder, lang) for lang in LANGUAGES}


def _load(folder: Path, lang: str) -> dict[str, str]:
    words: dict[str, str] = {}
    for name in (f"{lang}.json", f"messages.{lang}.json"):
        path = folder / name
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if not isinstance(found, dict) or not all(isinstance(word, str) for word in found.values()):
            raise ValueError(f"{path}: must be one flat JSON object of texts")
        if twice := words.keys() & found.keys():
            raise ValueError(f"{path}: {', '.join(sorted(twice))} stands in another file of that language too")
        words |= found
    return words


def local_time(moment: datetime | None, zone: ZoneInfo, form: str = "second") -> str:
    """``moment`` in the city's zone; ``form`` is second, minute, date or clock."""
    return NOTHING if moment is None else moment.astimezone(zone).strftime(_FORMS[form])


def ago(moment: datetime | None, lang: str, *, now: datetime) -> str:
    """How long ago (or in how long) ``moment`` is, in its largest unit: "3 分钟前", "in 2 h"."""
    if moment is None:
        return NOTHING
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 5:
        return "刚刚" if lang == "zh" else "just now"
    text = _largest(abs(seconds), lang)
    if lang == "zh":
        return text + ("前" if seconds > 0 else "后")
    return f"{text} ago" if seconds > 0 else f"in {text}"


def _largest(seconds: float, lang: str) -> str:
    size, zh, en = next(step for step in _STEPS if seconds >= step[0])
    return f"{int(seconds // size)} {zh if lang == 'zh' else en}"


def duration(seconds: float | None, lang: str) -> str:
    """A span in its two largest units: "1 小时 5 分钟", "1 h 5 min"."""
    if seconds is None:
        return NOTHING
    left, parts = int(abs(seconds)), []
    for size, zh, en in _STEPS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {zh if lang == 'zh' else en}")
        elif parts:
            break
    text = " ".join(parts[:2]) or ("0 秒" if lang == "zh" else "0 s")
    return f"−{text}" if seconds <= -1 else text


def number(value: float | None, decimals: int | None = None) -> str:
    """A figure with thousands separators; ``decimals`` left out shows whole numbers whole and others with one digit."""
    if value is None:
        return NOTHING
    if decimals is None:
        decimals = 0 if float(value).is_integer() else 1
    text = f"{value:,.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")
