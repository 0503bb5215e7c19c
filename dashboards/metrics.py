"""The web part's ``/metrics``: the city in Prometheus's text, for neighbours and for programs with a token.

Not for the public: it tells how much is broken. A request that came through a proxy we were not told of looks as if it
came from this machine, so it counts as coming from anywhere.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib import metadata

from flask import request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from sqlalchemy import Engine

from dashboards.settings import read_networks
from dashboards.site import site
from registry.queries.city_figures import CityFigures, city_figures

CONTENT_TYPE = CONTENT_TYPE_LATEST
_FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via")


def program_version() -> str:
    """The program's version; empty where it is not installed."""
    try:
        return metadata.version("covercode")
    except metadata.PackageNotFoundError:
        return ""


def is_neighbour() -> bool:
    """Whether this request comes straight from a network that may read the figures (``web.metrics_from``)."""
    settings = site().settings
    if not settings.trusted_proxies and any(name in request.headers for name in _FORWARDED):
        return False
    try:
        address = ipaddress.ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in read_networks(settings.metrics_from))


def metrics_text(engine: Engine, *, now: datetime) -> bytes:
    """The figures. Raises ``StoreDown`` or the database's own error when the records do not answer."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_City(city_figures(engine, now=now), now))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _City:
    def __init__(self, figures: CityFigures, now: datetime) -> None:
        self._figures = figures
        self._now = now

    def collect(self) -> Iterator[Metric]:
        python = ".".join(str(part) for part in sys.version_info[:3])
        build = {"version": program_version(), "python": python, "process": "web"}
        yield InfoMetricFamily("covercode_build", "Which program runs here", value=build)
        seen = self._figures.overview
        alerts = {"critical": seen.alerts_critical, "alarm": seen.alerts_alarm, "notice": seen.alerts_notice}
        yield _by("alerts_firing", "Alerts that are live", "severity", alerts)
        yield _by("cases_open", "Open cases", "state", seen.cases_by_stage)
        yield _one("cases_overdue", "Open cases past their time", seen.cases_overdue)
        yield _one("devices", "Devices fitted", seen.devices)
        yield _one("devices_silent", "Devices of which nothing is heard", seen.devices_silent)
        yield _one("assets", "Assets on file", seen.assets)
        yield _by("dead_letters_kept", "Dead letters on file", "reason", self._figures.letters)
        until = self._figures.worker_until
        leads = until is not None and until > self._now
        yield _one("worker_present", "Whether a worker holds the lease (0 or 1)", float(leads))
        yield from self._cabinets()

    def _cabinets(self) -> Iterator[Metric]:
        columns: Mapping[str, tuple[str, str]] = {
            "cabinet_online": ("Whether the cabinet speaks (0 or 1)", "online"),
            "cabinet_queue_oldest_age_seconds": ("Age of its oldest unsent reading", "oldest_unsent_s"),
            "cabinet_queue_records": ("Readings that wait in it", "queued"),
            "cabinet_dropped_records": ("Readings it has lost since its spool was made", "dropped"),
            "cabinet_devices_silent": ("Silent devices behind it", "devices_silent"),
        }
        for name, (about, field) in columns.items():
            family = GaugeMetricFamily(f"covercode_{name}", about, labels=("cabinet",))
            for cabinet in self._figures.cabinets:
                family.add_metric((cabinet.id,), float(getattr(cabinet, field)))
            yield family


def _one(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"covercode_{name}", about, value=value)


def _by(name: str, about: str, label: str, values: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"covercode_{name}", about, labels=(label,))
    for value, count in sorted(values.items()):
        family.add_metric((value,), count)
    return family
