"""The audit trail in the visitor's language: what was done, to what, and what was written down of it.

The trail keeps words such as ``device.fit`` and ``asset:12`` for programs; people read "安装传感器" and "部件 12".
What another release wrote and this one has no word for is shown as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dashboards.asset_history import field_words
from dashboards.refusals import field_name
from dashboards.site import lang, site, t
from dashboards.texts import NOTHING, duration, local_time

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+00:00")
_PAIR = 2
_MINUTE_S = 60
_WORDS_OF = {"kind": ("command", "kind", "block", "channel_kind"), "severity": ("severity",)}


def action_words(action: str) -> str:
    """What was done."""
    return _word(f"audit_action.{action}") or action


def subject_words(subject: str) -> str:
    """What it was done to, by its kind and number: "部件 12"."""
    kind, _, number = subject.partition(":")
    return f"{_word(f'audit_of.{kind}') or kind} {number}".strip()


def detail_words(detail: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was written down, as pairs of name and value; changes of fields one by one."""
    told: list[tuple[str, str]] = []
    for key, value in detail.items():
        if isinstance(value, dict):
            told += [(_named(inner), _shown(each, inner)) for inner, each in value.items()]
        elif key != "note" or value:
            told.append((_named(key), _shown(value, key)))
    return told


def _word(key: str) -> str:
    return t(key) if site().texts.has(lang(), key) else ""


def _named(key: str) -> str:
    if word := _word(f"audit_part.{key}"):
        return word
    of_asset = field_words(key)
    return field_name(key) if of_asset == key else of_asset


def _shown(value: Any, key: str = "") -> str:
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return t("audit.yes") if value else t("audit.no")
    if isinstance(value, list):
        return (" → " if len(value) == _PAIR else ", ").join(_shown(each, key) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{_named(inner)} {_shown(each, inner)}" for inner, each in value.items())
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return local_time(datetime.fromisoformat(value), site().zone)
    if key == "minutes" and isinstance(value, int):
        return duration(value * _MINUTE_S, lang())
    words = (_word(f"{family}.{value}") for family in _WORDS_OF.get(key, ()))
    return next(filter(None, words), str(value))
