"""Answers of panels as plain JSON in the reader's language, with links as addresses of this site."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from flask import url_for

from dashboards.login import may
from dashboards.site import lang, site, standard, t
from registry.queries.board_marks import Mark
from registry.queries.board_values import (
    Answer,
    Bars,
    CountsOverTime,
    Curve,
    Curves,
    Heat,
    MapAnswer,
    Said,
    Stat,
    Table,
    Timeline,
    To,
    Word,
)


class Teller:
    """Tells one visitor's answers; remembers words and pages for as long as a request lasts."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._open: dict[str, bool] = {}

    def said(self, said: Any) -> Any:
        """A name in the reader's language; what is no name stays as it is."""
        if isinstance(said, Word):
            if said.key not in self._words:
                self._words[said.key] = _worded(said.key)
            return self._words[said.key]
        if isinstance(said, tuple):
            return " · ".join(str(self.said(part)) for part in said if part)
        return said

    def href(self, to: To | None) -> str | None:
        """The address of a page that the visitor may open."""
        if to is None:
            return None
        if to.page not in self._open:
            self._open[to.page] = may(to.page)
        return url_for(to.page, **to.args) if self._open[to.page] else None

    def plain(self, answer: Answer | None) -> dict[str, Any]:
        """The part of an answer's line that says what there is to see."""
        match answer:
            case Curves():
                series = [self.curve(each) for each in answer.series]
                return {"series": series, "bands": [], "left_out": answer.left_out, "show": answer.show}
            case CountsOverTime():
                steps = [{"name": self.said(each.name), "t": each.t, "value": each.value} for each in answer.series]
                return {"series": steps, "step_ms": answer.step_ms, "left_out": answer.left_out}
            case Stat():
                return {
                    "value": answer.value,
                    "unit": answer.unit,
                    "decimals": answer.decimals,
                    "before": answer.before,
                    "spark": msgspec.to_builtins(answer.spark),
                    "href": self.href(answer.to),
                }
            case Table():
                return self._table(answer)
            case Bars():
                bars = [{"name": self.said(b.name), "value": b.value, "href": self.href(b.to)} for b in answer.bars]
                return {"bars": bars, "rest": answer.rest, "unit": answer.unit}
            case Heat():
                return {"cells": answer.cells}
            case Timeline():
                rows = [{"name": self.said(r.name), "href": self.href(r.to), "spans": r.spans} for r in answer.rows]
                return {"rows": rows, "more": answer.more}
            case MapAnswer():
                return {"map": {"area": answer.area, "families": answer.families}}
        return {}

    def curve(self, curve: Curve) -> dict[str, Any]:
        """A curve with its name in words."""
        return {
            "name": self.said(curve.name),
            "unit": curve.unit,
            "decimals": curve.decimals,
            "point_id": curve.point_id,
            "asset_id": curve.asset_id,
            "t": curve.t,
            "min": curve.min,
            "max": curve.max,
            "mean": curve.mean,
        }

    def marks(self, marks: Iterable[Mark]) -> list[dict[str, Any]]:
        """Marks with their text in words and the page they lead to."""
        return [
            {
                "of": mark.of,
                "from_ms": mark.from_ms,
                "to_ms": mark.to_ms,
                "text": self.said(mark.text),
                "severity": mark.severity,
                "href": self.href(mark.to),
            }
            for mark in marks
        ]

    def _table(self, answer: Table) -> dict[str, Any]:
        columns = [
            {"key": each.key, "name": self.said(each.name), "unit": each.unit, "kind": each.kind}
            for each in answer.columns
        ]
        return {
            "columns": columns,
            "rows": [[self.said(cell) for cell in row] for row in answer.rows],
            "hrefs": [self.href(each) for each in answer.to],
            "more": answer.more,
        }


def told(said: Said) -> str:
    """One name in the reader's language."""
    return str(Teller().said(said))


def _worded(key: str) -> str:
    """A word that a city may have added to; where no catalogue has it, the part that tells things apart."""
    if site().texts.has(lang(), key):
        return t(key)
    last = key.partition(".")[2]
    return t(key) if key.startswith("kind.") and last in standard().lines else last
