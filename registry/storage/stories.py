"""Rows of cases and their entries as stories: the one way from the tables to ``domain.case_story``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from registry.domain.case_story import CaseStory, Line
from registry.domain.case_telling import COLUMNS, fold
from registry.domain.kinds import ClosedHow, Stage

_WORDS = {"stage": Stage, "stage_before_suspension": Stage, "closed_how": ClosedHow}


def lines_of(rows: Iterable[Any]) -> list[Line]:
    """Rows of ``entry`` as lines of a story."""
    return [
        Line(at=row.at, move=row.move, to_stage=Stage(row.to_stage), by_user_id=row.by_user_id, detail=row.detail)
        for row in rows
    ]


def story_of(row: Any, lines: list[Line]) -> CaseStory:
    """The story of ``lines``; where timelines of the first releases are silent, as the row's columns have it."""
    columns = {name: getattr(row, name) for name in COLUMNS}
    for name, words in _WORDS.items():
        columns[name] = None if columns[name] is None else words(columns[name])
    return replace(fold(lines), **columns)
