"""How each kind of panel is drawn by Grafana: the JSON around a query, without the query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from registry.domain.boards import Options, Tone

Plain = dict[str, Any]

RECORDS = {"type": "grafana-postgresql-datasource", "uid": "covercode-records"}
SERIES = {"type": "influxdb", "uid": "covercode-series"}

_TONES = {Tone.GOOD: "green", Tone.NOTICE: "yellow", Tone.ALARM: "orange", Tone.CRITICAL: "red"}
_SEVERITIES = {"1": "yellow", "2": "orange", "3": "red"}
_UNITS = {
    "deg": "degree",
    "mm": "lengthmm",
    "Cel": "celsius",
    "%EL": "percent",
    "%": "percent",
    "/": "percentunit",
    "s": "s",
    "V": "volt",
    "dB": "dB",
    "hPa": "pressurehpa",
    "1": "short",
}


def unit_of(symbol: str) -> str:
    """Grafana's name of a SenML unit; one it has none for stands behind the number as it is."""
    return _UNITS.get(symbol, f"suffix: {symbol}" if symbol else "short")


def fields(options: Options, *, unit: str = "short", decimals: int | None = None, **more: Any) -> Plain:
    """The field configuration: unit, bounds, colours from thresholds; ``more`` goes into its ``custom`` part."""
    steps: list[Plain] = [{"color": "text" if options.thresholds else "blue", "value": None}]
    for place, threshold in enumerate(options.thresholds):
        color = _TONES[threshold.tone]
        if place == 0 and threshold.from_ <= 0:
            steps = [{"color": color, "value": None}]
        else:
            steps.append({"color": color, "value": threshold.from_})
    defaults: Plain = {
        "unit": unit_of(options.unit) if options.unit is not None else unit,
        "color": {"mode": "thresholds" if options.thresholds else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": steps},
        "mappings": [],
        "custom": more,
    }
    for name, value in (("decimals", options.decimals if options.decimals is not None else decimals),):
        if value is not None:
            defaults[name] = value
    for name, bound in (("min", options.min), ("max", options.max)):
        if bound is not None:
            defaults[name] = bound
    return {"defaults": defaults, "overrides": []}


def stat(options: Options, *, spark: bool) -> Plain:
    """One number; with ``spark`` the sum of its curve."""
    config = fields(options)
    config["defaults"].pop("custom")
    if not options.thresholds:
        config["defaults"]["color"] = {"mode": "fixed", "fixedColor": "text"}
    return {
        "type": "stat",
        "fieldConfig": config,
        "options": {
            "reduceOptions": {"calcs": ["sum" if spark else "lastNotNull"], "fields": "", "values": False},
            "graphMode": "area" if spark else "none",
            "colorMode": "value",
            "justifyMode": "center",
            "orientation": "auto",
            "textMode": "value",
            "wideLayout": True,
        },
    }


def curves(options: Options, *, unit: str, decimals: int | None) -> Plain:
    """Readings over time; a band from the least to the greatest where both are drawn."""
    return {
        "type": "timeseries",
        "fieldConfig": fields(
            *(options,),
            unit=unit,
            decimals=decimals,
            drawStyle="line",
            lineWidth=1,
            fillOpacity=0,
            showPoints="auto",
            spanNulls=False,
            axisPlacement="auto",
        ),
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def steps(options: Options) -> Plain:
    """Counts over time, as bars."""
    stacking = {"mode": "normal" if options.stacked else "none", "group": "A"}
    return {
        "type": "timeseries",
        "fieldConfig": fields(
            options, drawStyle="bars", lineWidth=0, fillOpacity=85, showPoints="never", stacking=stacking
        ),
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": ["sum"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def bars(options: Options) -> Plain:
    """Lying bars, one for each name."""
    config = fields(options, fillOpacity=85, lineWidth=0)
    return {
        "type": "barchart",
        "fieldConfig": config,
        "options": {
            "orientation": "horizontal",
            "xField": "name",
            "barWidth": 0.8,
            "groupWidth": 0.7,
            "showValue": "always",
            "stacking": "none",
            "xTickLabelRotation": 0,
            "xTickLabelSpacing": 0,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        },
    }


def table(options: Options) -> Plain:
    """Rows; ``column`` names and words its columns."""
    return {
        "type": "table",
        "fieldConfig": fields(options, align="auto", cellOptions={"type": "auto"}, inspect=False, filterable=True),
        "options": {
            "showHeader": True,
            "cellHeight": "sm",
            "footer": {"show": False, "reducer": ["sum"], "fields": ""},
        },
    }


def heat(options: Options, columns: Iterable[str]) -> Plain:
    """A table whose cells of ``columns`` are the darker the more is in them."""
    made = table(options)
    made["fieldConfig"]["defaults"]["color"] = {"mode": "continuous-BlPu"}
    made["fieldConfig"]["defaults"]["custom"]["filterable"] = False
    made["fieldConfig"]["overrides"] = [
        column(name, cell={"type": "color-background", "mode": "gradient"}) for name in columns
    ]
    return made


def timeline(words: Mapping[str, str]) -> Plain:
    """Who was in which state when: 0 is fine, 1 to 3 are severities, in ``words``."""
    config = fields(Options(), fillOpacity=80, lineWidth=0)
    config["defaults"]["mappings"] = [mapping(words, {"0": "green", **_SEVERITIES})]
    return {
        "type": "state-timeline",
        "fieldConfig": config,
        "options": {
            "mergeValues": True,
            "showValue": "never",
            "alignValue": "left",
            "rowHeight": 0.8,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        },
    }


def places() -> Plain:
    """Points on a map, coloured by severity."""
    config = fields(Options())
    config["defaults"].pop("custom")
    config["defaults"]["color"] = {"mode": "thresholds"}
    config["defaults"]["thresholds"]["steps"] = [
        {"color": "yellow", "value": None},
        {"color": "orange", "value": 2},
        {"color": "red", "value": 3},
    ]
    return {
        "type": "geomap",
        "fieldConfig": config,
        "options": {
            "view": {"id": "fit", "lat": 0, "lon": 0, "zoom": 15, "allLayers": True},
            "controls": {
                "showZoom": True,
                "mouseWheelZoom": True,
                "showAttribution": True,
                "showScale": True,
                "showMeasure": False,
                "showDebug": False,
            },
            "tooltip": {"mode": "details"},
            # what lies under it is Grafana's own setting: docs/grafana.md
            "basemap": {"type": "default", "name": "base", "config": {}},
            "layers": [
                {
                    "type": "markers",
                    "name": "cases",
                    "tooltip": True,
                    "location": {"mode": "coords", "longitude": "lon", "latitude": "lat"},
                    "config": {
                        "showLegend": False,
                        "style": {
                            "size": {"fixed": 6, "min": 4, "max": 12},
                            "color": {"field": "severity", "fixed": "red"},
                            "opacity": 0.7,
                            "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
                        },
                    },
                }
            ],
        },
    }


def text(content: str) -> Plain:
    """Words in Markdown."""
    return {"type": "text", "options": {"mode": "markdown", "content": content}}


def mapping(words: Mapping[str, str], colors: Mapping[str, str] | None = None) -> Plain:
    """Values shown as words, and in colours."""
    return {
        "type": "value",
        "options": {
            value: {"text": word, "index": place, **({"color": colors[value]} if colors and value in colors else {})}
            for place, (value, word) in enumerate(words.items())
        },
    }


def column(
    name: str,
    *,
    title: str = "",
    words: Mapping[str, str] | None = None,
    cell: Plain | None = None,
    unit: str = "",
    link: tuple[str, str] | None = None,
    hidden: bool = False,
) -> Plain:
    """How one column of a table is shown; ``link``: its title and address."""
    properties: list[Plain] = []
    if title:
        properties.append({"id": "displayName", "value": title})
    if words:
        colors = _SEVERITIES if name == "severity" else None
        properties.append({"id": "mappings", "value": [mapping(words, colors)]})
        if colors:
            cell = {"type": "color-text"}
    if cell:
        properties.append({"id": "custom.cellOptions", "value": cell})
    if unit:
        properties.append({"id": "unit", "value": unit})
    if link:
        address = {"title": link[0], "url": link[1], "targetBlank": True}
        properties.append({"id": "links", "value": [address]})
    if hidden:
        properties.append({"id": "custom.hidden", "value": True})
    return {"matcher": {"id": "byName", "options": name}, "properties": properties}
