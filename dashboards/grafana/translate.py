"""A board of ours as a dashboard of Grafana: the same panels in the same places, asked of the two stores directly.

What Grafana has no counterpart for becomes a panel that leads to the board itself. The curves of many points are drawn
as one band (the greatest, the mean and the least of them all); below, in a folded row, each point has a panel of its
own under its own name, since the series know points by number only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from dashboards.grafana import influx, panels, sql, sql_rows, variables
from dashboards.grafana.panels import RECORDS, SERIES, Plain
from dashboards.grafana.words import Words
from registry.domain.boards import (
    Annotation,
    Board,
    Counted,
    CountSource,
    ListSource,
    MapSource,
    Over,
    Panel,
    PanelKind,
    QualitySource,
    SeriesSource,
    StatesSource,
    WeekHoursSource,
    Where,
)
from registry.domain.points import POINTS

SCHEMA_VERSION = 39
"""Of Grafana 10.4 and 11: newer ones bring it up to date by themselves."""

_DAYS = {"m": 1 / 1440, "h": 1 / 24, "d": 1.0, "w": 7.0, "M": 30.0, "y": 365.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """What boards are to know of the city: where its pages are (no / at the end), its time zone, the language."""

    address: str
    zone: str
    words: Words


def dashboard(board: Board, city: City) -> Plain:
    """The dashboard as Grafana reads it from a file."""
    work = _Board(board=board, city=city)
    drawn = [made for panel in board.panels for made in work.panel(panel)]
    drawn += work.rows(bottom=max((panel.y + panel.h for panel in board.panels), default=0))
    for number, each in enumerate(_flat(drawn), start=1):
        each["id"] = number
    return {
        "uid": uid(board.key, city.words.lang),
        "title": board.name.said(city.words.lang),
        "description": board.note.said(city.words.lang),
        "tags": ["covercode"],
        "timezone": city.zone,
        "weekStart": "monday",
        "editable": True,
        "graphTooltip": 1,
        "fiscalYearStartMonth": 0,
        "liveNow": False,
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "refresh": _refresh(board.refresh_s),
        "time": {"from": _moment(board.time.from_), "to": _moment(board.time.to)},
        "templating": {
            "list": [
                *(variables.chosen(variable, city.words) for variable in board.variables),
                *work.details(),
                *work.points,
                variables.constant("zone", city.zone),
                variables.constant("covercode", city.address),
            ]
        },
        "annotations": {"list": [work.mark(each) for each in board.annotations]},
        "links": [
            {
                "type": "link",
                "title": city.words.t("grafana.open_board"),
                "url": f"${{covercode}}/boards/{board.key}",
                "icon": "external link",
                "tags": [],
                "asDropdown": False,
                "targetBlank": True,
                "tooltip": "",
                "includeVars": False,
                "keepTime": False,
            }
        ],
        "panels": drawn,
    }


def uid(key: str, lang: str) -> str:
    """What Grafana knows the board by, in its addresses too."""
    return f"covercode-{key}".replace("_", "-")[:35] + ("" if lang == "zh" else f"-{lang}")


@dataclass(slots=True, kw_only=True)
class _Board:
    """One board on its way: ``points`` and ``folded`` grow with its panels of series."""

    board: Board
    city: City
    points: list[Plain] = field(default_factory=list)
    folded: list[Plain] = field(default_factory=list)

    def panel(self, panel: Panel) -> Iterator[Plain]:
        """The panel, or one that says where it can be seen."""
        words = self.city.words
        try:
            made = self._drawn(panel)
        except sql.NotTranslated:
            href = f"${{covercode}}/boards/{self.board.key}"
            made = panels.text(words.t("grafana.not_translated", href=href))
        yield {
            "title": panel.title.said(words.lang),
            "gridPos": {"x": panel.x, "y": panel.y, "w": panel.w, "h": panel.h},
            **made,
        }

    def details(self) -> list[Plain]:
        """The choice of how fine the curves are, where there are any."""
        default = influx.detail_of(_length(self.board.time.from_))
        return variables.details(default, self.city.words) if self.points else []

    def rows(self, bottom: int) -> Iterator[Plain]:
        """The folded rows of single points."""
        for place, row in enumerate(self.folded):
            yield {**row, "gridPos": {"x": 0, "y": bottom + place, "w": 24, "h": 1}}

    def mark(self, annotation: Annotation) -> Plain:
        """What is marked in the charts."""
        names = {variable.name.value for variable in self.board.variables}
        known = sql.THINGS[annotation.value].columns
        where: Where = {name: f"${name}" for name in ("area", "cabinet") if name in names and name in known}
        query = sql_rows.marks(annotation.value, where, self.city.words.lang)
        return {
            "name": self.city.words.t(f"grafana.mark.{annotation.value}"),
            "datasource": RECORDS,
            "enable": annotation is Annotation.ALERTS,
            "hide": False,
            "iconColor": {"alerts": "red", "cases": "blue", "permits": "green"}[annotation.value],
            "target": {"refId": "Mark", "editorMode": "code", "format": "table", "rawQuery": True, "rawSql": query},
        }

    def _drawn(self, panel: Panel) -> Plain:
        words, source = self.city.words, panel.source
        lang = words.lang
        match source:
            case None:
                return panels.text(_content(panel, lang))
            case SeriesSource():
                return self._series(panel, source)
            case CountSource():
                return self._count(panel, source)
            case WeekHoursSource():
                days = tuple(words.t(f"weekday.{day}") for day in range(1, 8))
                query = sql.week_hours(source.what, source.where, days, words.t("grafana.hour"))
                return panels.heat(panel.options, days) | _asked(query, "table")
            case ListSource():
                limit = panel.options.limit or source.limit
                query = sql_rows.rows(source.what, source.where, source.order.value, limit, lang)
                return self._table(panel, query, source.what.value)
            case StatesSource():
                query = sql_rows.states(source.what, source.where, source.limit, lang)
                states = {"0": words.t("grafana.calm"), **words.group("severity")}
                return panels.timeline(states) | _asked(query, "time_series")
            case QualitySource():
                query = sql_rows.quality(source.what.value, source.where, source.limit, lang, words.said)
                if panel.kind is PanelKind.BAR:
                    return self._bars(panel, query)
                return self._table(panel, query, "")
            case MapSource():
                return panels.places() | _asked(sql_rows.wrong_places(source.where), "table")

    def _count(self, panel: Panel, source: CountSource) -> Plain:
        if source.what is Counted.READINGS:
            return self._readings(panel, source)
        sparks = panel.kind is PanelKind.STAT and panel.options.spark and not source.by
        if sparks and not sql.of_now(source.what.value, source.where):
            query = sql.spark(source.what, source.where, at=source.at)
            return panels.stat(panel.options, spark=True) | _asked(query, "time_series")
        query = sql.count(
            *(source.what, source.where),
            by=source.by,
            over=source.over,
            at=source.at,
            limit=panel.options.limit or source.limit,
            lang=self.city.words.lang,
            said=self.city.words.said,
        )
        if source.over:
            return panels.steps(panel.options) | _asked(query, "time_series") | {"interval": _STEPS[source.over]}
        if panel.kind is PanelKind.STAT:
            return panels.stat(panel.options, spark=False) | _asked(query, "table")
        if panel.kind is PanelKind.BAR:
            return self._bars(panel, query)
        return self._table(panel, query, "")

    def _readings(self, panel: Panel, source: CountSource) -> Plain:
        if source.where or source.by:
            raise sql.NotTranslated("readings of some points only")
        query = [{"refId": "A", **_influx(influx.readings(None), self.city.words.t("grafana.count"))}]
        if panel.kind is PanelKind.STAT:
            return panels.stat(panel.options, spark=True) | {"datasource": SERIES, "targets": query}
        return panels.steps(panel.options) | {"datasource": SERIES, "targets": query}

    def _bars(self, panel: Panel, query: str) -> Plain:
        made = panels.bars(panel.options) | _asked(query, "table")
        made["fieldConfig"]["overrides"] = [panels.column("value", title=self.city.words.t("grafana.count"))]
        if panel.options.unit:
            made["fieldConfig"]["overrides"] = []
        return made

    def _table(self, panel: Panel, query: str, what: str) -> Plain:
        words = self.city.words
        made = panels.table(panel.options) | _asked(query, "table")
        columns = [panels.column("id", hidden=True)] if what else []
        first = True
        for name in _columns_of(query, words):
            given = _column_words(what, name, words)
            href = _HREFS.get(what, "")
            linked = bool(href) and first and name not in ("severity",)
            columns.append(
                panels.column(
                    name,
                    title=words.t(f"grafana.column.{name}") if name != "value" or what else words.t("grafana.count"),
                    words=given,
                    unit=_COLUMN_UNITS.get(name, ""),
                    link=(words.t("grafana.open_thing"), f"${{covercode}}{href}${{__data.fields.id}}")
                    if linked
                    else None,
                )
            )
            first = first and not linked
        made["fieldConfig"]["overrides"] = columns
        return made

    def _series(self, panel: Panel, source: SeriesSource) -> Plain:
        words = self.city.words
        if not source.point:
            raise sql.NotTranslated("points by number")  # those of another city
        of = (source.of_assets, source.of_devices, source.of_family, source.of_class)
        named = zip(("asset", "device", "family", "class"), of, strict=True)
        where = source.where | {name: wanted for name, wanted in named if wanted}
        name = "points_" + re.sub(r"\W", "_", panel.id)
        title = panel.title.said(words.lang)
        self.points.append(variables.point_choice(name, title, sql_rows.points(source.point, where, source.most)))
        spec = POINTS.get(source.point)
        drawn = panels.curves(
            panel.options,
            unit=panels.unit_of(spec.unit) if spec else "short",
            decimals=spec.decimals if spec else None,
        )
        drawn |= {"datasource": SERIES, "targets": self._curves(name, source, alone=False)}
        if panel.kind is PanelKind.TIME_SERIES:
            self._fold(panel, drawn, name, source)
            return drawn
        return panels.stat(panel.options, spark=False) | {"datasource": SERIES, "targets": drawn["targets"][:1]}

    def _curves(self, variable: str, source: SeriesSource, *, alone: bool) -> list[Plain]:
        shown = influx.SHOWN[source.show]
        if not alone and len(shown) == 1:
            # of many points together one figure alone would hide the others
            shown = ("max", "mean", "min")
        return [
            {
                "refId": ref,
                **_influx(influx.curve(variable, figure), self.city.words.t(f"grafana.{figure}")),
            }
            for ref, figure in zip("ABC", shown, strict=False)
        ]

    def _fold(self, panel: Panel, drawn: Plain, variable: str, source: SeriesSource) -> None:
        words = self.city.words
        title = words.t("grafana.each", title=panel.title.said(words.lang))
        one: Plain = {
            **drawn,
            "title": f"${variable}",
            "gridPos": {"x": 0, "y": 0, "w": 8, "h": 6},
            "targets": self._curves(variable, source, alone=True),
            "repeat": variable,
            "repeatDirection": "h",
            "maxPerRow": 3,
        }
        self.folded.append({"type": "row", "title": title, "collapsed": True, "panels": [one]})


_STEPS = {Over.HOUR: "1h", Over.DAY: "1d", Over.WEEK: "1w", Over.MONTH: "1d"}
_HREFS = {
    "cases": "/cases/",
    "alerts": "/alerts/",
    "assets": "/assets/",
    "devices": "/assets/",
    "cabinets": "/cabinets/",
}
_COLUMN_UNITS = {
    **dict.fromkeys(("opened_at", "deadline_at", "fired_at", "cleared_at", "updated_at"), "dateTimeAsIso"),
    **dict.fromkeys(("last_received_at", "state_at", "last"), "dateTimeAsIso"),
    "oldest_unsent_s": "s",
}


def _columns_of(query: str, words: Words) -> list[str]:
    """The columns of a list that have a name for people, as its SELECT gives them."""
    head = query.partition("\nFROM ")[0].removeprefix("SELECT ")
    known = words.group("grafana.column")
    found: list[str] = []
    depth, part = 0, ""
    for letter in f"{head},":
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            name = part.strip().rpartition(" AS ")[2].rpartition(".")[2]
            found += [name] if name in known and name not in found else []
            part = ""
        else:
            part += letter
    return found


def _column_words(what: str, name: str, words: Words) -> dict[str, str]:
    """Words for the values of a list's column."""
    if name == "is_late":
        return {"true": words.t("grafana.late"), "false": words.t("grafana.in_time")}
    if name in ("severity", "stage", "kind", "family", "state"):
        return dict(words.said(what, name)) if what else {}
    return {}


def _asked(query: str, shape: str) -> Plain:
    target = {"refId": "A", "datasource": RECORDS, "editorMode": "code", "rawQuery": True, "format": shape}
    return {"datasource": RECORDS, "targets": [{**target, "rawSql": query}]}


def _influx(query: str, alias: str) -> Plain:
    return {"datasource": SERIES, "rawQuery": True, "resultFormat": "time_series", "query": query, "alias": alias}


def _content(panel: Panel, lang: str) -> str:
    return panel.options.text.said(lang) if panel.options.text else ""


def _moment(said: str) -> str:
    return f"now{said}" if said.startswith("-") else said


def _length(said: str) -> timedelta:
    """How far back a board looks; a fixed moment is taken for a long time."""
    found = re.fullmatch(r"-(\d+)([mhdwMy])", said)
    return timedelta(days=int(found[1]) * _DAYS[found[2]]) if found else timedelta(days=365)


def _refresh(seconds: int) -> str:
    if seconds == 0:
        return ""
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"


def _flat(drawn: list[Plain]) -> Iterator[dict[str, Any]]:
    for each in drawn:
        yield each
        yield from each.get("panels", ())
