"""Grafana's part in a query, played for tests: variables and macros expanded as Grafana's documents say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Rows = list[dict[str, Any]]

_INTERVALS_S = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_REGEX_SIGNS = re.compile(r"[\\^$*+?.()|[\]{}/]")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::(\w+))?\}|(\w+))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query of a panel or an annotation, ready for its store. ``at``: where its panel stands, in a row of none."""

    where: str
    at: tuple[int, int] | None = None
    store: str
    text: str
    shape: str


@dataclass(slots=True, kw_only=True)
class Viewer:
    """Somebody who looks at a dashboard at ``now``; ``ask`` runs SQL for the variables.

    ``choices``: what is chosen of a variable instead of what the dashboard starts with.
    """

    dashboard: dict[str, Any]
    now: datetime
    ask: Callable[[str], list[tuple[Any, ...]]]
    choices: dict[str, list[str]]

    def queries(self) -> Iterator[Query]:
        """Every query of every panel (those in folded rows too) and annotation, in the dashboard's own span."""
        values = self.variables()
        for panel in _panels(self.dashboard["panels"]):
            scoped = values
            if repeat := panel.get("repeat"):
                # a repeated panel has one value of its variable
                scoped = values | {repeat: (values[repeat][0][:1], False)}
            for target in panel.get("targets", ()):
                store = target["datasource"]["uid"]
                text = target.get("rawSql") or target["query"]
                at = None if repeat else (panel["gridPos"]["x"], panel["gridPos"]["y"])
                where = f"{self.dashboard['uid']}: {panel['title']} {target['refId']}"
                yield Query(
                    where=where,
                    at=at,
                    store=store,
                    text=self._expanded(text, scoped),
                    shape=target.get("format", "series"),
                )
        for mark in self.dashboard["annotations"]["list"]:
            text = self._expanded(mark["target"]["rawSql"], values)
            yield Query(
                where=f"{self.dashboard['uid']}: {mark['name']}",
                store=mark["datasource"]["uid"],
                text=text,
                shape="table",
            )

    def variables(self) -> dict[str, tuple[list[str], bool]]:
        """Each variable's values, and whether they stand as they are, without any format (a value for *all*)."""
        found: dict[str, tuple[list[str], bool]] = {}
        for each in self.dashboard["templating"]["list"]:
            name = each["name"]
            options = self._options(each, found)
            current = each["current"]["value"]
            current = current if isinstance(current, list) else [current]
            if name in self.choices:
                found[name] = ([value for value in options if value in self.choices[name]] or options[:1], False)
            elif current != ["$__all"]:
                # what is not, or no longer, among the options gives way to the first of them
                stands = each["type"] != "query" or set(current) <= set(options)
                found[name] = (current if stands else options[:1], False)
            elif each.get("allValue"):
                found[name] = ([each["allValue"]], True)
            else:
                found[name] = (options, False)
        return found

    def choices_of(self, name: str) -> list[str]:
        """What can be chosen of a variable."""
        return self._options(next(each for each in self.dashboard["templating"]["list"] if each["name"] == name), {})

    def _options(self, variable: dict[str, Any], known: dict[str, tuple[list[str], bool]]) -> list[str]:
        if variable["type"] == "constant":
            return [variable["query"]]
        if variable["type"] == "custom":
            parts = re.split(r"(?<!\\), *", variable["query"])
            return [part.rpartition(" : ")[2].strip() for part in parts]
        return [str(row[1]) for row in self.ask(self._expanded(variable["query"], known))]

    def span(self) -> tuple[datetime, datetime]:
        """From when to when it looks."""
        found = re.fullmatch(r"now-(\d+)([mhdw])", self.dashboard["time"]["from"])
        assert found is not None, self.dashboard["time"]
        unit = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[found[2]]
        return self.now - timedelta(**{unit: int(found[1])}), self.now

    def _expanded(self, text: str, values: dict[str, tuple[list[str], bool]]) -> str:
        since, until = (round(moment.timestamp() * 1000) for moment in self.span())
        step_s = next((each for each in _INTERVALS_S if each * 1000 >= (until - since) / 1000), 86400)

        def one(found: re.Match[str]) -> str:
            name, form = found[1] or found[3], found[2]
            match name:
                case "__from":
                    return str(since)
                case "__to":
                    return str(until)
                case "__interval":
                    return f"{step_s}s"
                case "timeFilter":
                    return f"time >= {since}ms and time <= {until}ms"
            given, as_it_is = values[name]
            return given[0] if as_it_is else _formatted(given, form)

        return _VARIABLE.sub(one, text)


def _formatted(values: list[str], form: str | None) -> str:
    if form == "regex":
        escaped = [_REGEX_SIGNS.sub(lambda sign: f"\\{sign[0]}", value) for value in values]
        return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
    assert form in (None, "raw"), form
    assert len(values) == 1, values
    return values[0]


def _panels(listed: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in listed:
        yield panel
        yield from _panels(panel.get("panels", []))


def influx_rows(body: bytes) -> Rows:
    """What InfluxQL answered, a row a moment; an error in it fails the test."""
    (result,) = json.loads(body)["results"]
    assert "error" not in result, result
    return [
        dict(zip(series["columns"], values, strict=True)) | series.get("tags", {})
        for series in result.get("series", ())
        for values in series["values"]
    ]
